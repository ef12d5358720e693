"""A process that has imported what a run imports, and forks one for each run.

To start Python and import Dagster, Great Expectations and the libraries of models costs a run eight seconds of
processor time, whatever it makes: a fork has them at once, and shares their memory. The process listens at a name of
this machine, made of the home, the code as it stands on disk and the environment: where any of them changes, nobody
finds the old one, and it ends once it has not been asked for a minute and its last run is over.

Nothing but the standard library is imported before the name is taken, and nothing starts a thread before a fork.
"""

import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("assets", "expectations", "pipelines", "resources", "warehouse")
# SciPy before Dagster: skops looks up the names of its functions in all modules, in the order of their import.
BEFORE = ("scipy.special", "dagster._cli.api", "pipelines.definitions")
# What is imported only where it is used.
LIBRARIES = (
    "cmdstanpy", "gensim.models", "holidays.countries", "lifelines", "prophet", "skops.io", "statsforecast.models"
)  # fmt: skip
PATIENCE_SECONDS = 60
ANSWER_SECONDS = 10

_STARTED: list[subprocess.Popen[bytes]] = []


def is_possible() -> bool:
    """Whether a process can be kept: elsewhere than on Linux a fork is not safe after all that is imported."""
    return sys.platform == "linux"


def name(home: Path) -> str:
    """Tell the process of a home, of this code and of this environment from any other."""
    told = sha256(f"{home.resolve()} {sys.prefix} {os.getuid()}".encode())
    alone = (home.parent / "tillage.toml", Path(sysconfig.get_paths()["purelib"]))
    places = (*alone, *(ROOT / package for package in PACKAGES))
    for place in places:
        files = (place,) if place in alone else sorted(place.rglob("*"))
        for file in files:
            if "__pycache__" not in file.parts and file.exists():
                at = file.stat()
                told.update(f"{file} {at.st_size} {at.st_mtime_ns}".encode())
    # As it was when the process began: what it has set since, and what Dagster sets for one, is no setting of the user.
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    for one in sorted(one for one in given if not one.startswith(b"DAGSTER_")):
        told.update(one)
    return told.hexdigest()[:32]


def keep(home: Path) -> None:
    """Have such a process at hand for the next minute; where there is none, one is started, and not waited for."""
    _STARTED[:] = [process for process in _STARTED if process.poll() is None]
    if not is_possible():
        return
    place = name(home)
    with suppress(OSError):  # at work: the next look asks again
        if ask(place, {"keep": True}) is None and not _STARTED:
            command = [sys.executable, "-m", "resources.warm", place]
            started = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own interpreter and code
            _STARTED.append(started)


def ask(place: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Ask the process of that name: `keep` it, `start` a run, or `end` one; None if there is none, or not yet.

    Raises:
        OSError: If it does not answer, so that nobody knows what became of what was asked.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(_address(place))
        except ConnectionRefusedError:
            return None
        if _user_of(connection) != os.getuid():
            return None
        connection.sendall(json.dumps(asked).encode() + b"\n")
        answer = connection.makefile().readline()
    if not answer:
        raise OSError("The process that runs start from ended before it answered.")
    told: dict[str, Any] = json.loads(answer)
    return told


def serve(place: str) -> None:
    """Listen at the name until nobody has asked for a minute; another process that has it already is left alone."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.bind(_address(place))
        except OSError:
            return
        _prepare()
        server.listen()
        server.settimeout(1)
        runs: dict[str, int] = {}
        until = monotonic() + PATIENCE_SECONDS
        while runs or monotonic() < until:
            runs = {
                run: process for run, process in runs.items() if os.waitpid(process, os.WNOHANG) == (0, 0)
            }
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(1)
                asked = _heard(connection)
                if asked:
                    until = monotonic() + PATIENCE_SECONDS
                    answer = _answer(asked, runs, (server, connection))
                    with suppress(OSError):  # whoever asked did not wait
                        connection.sendall(json.dumps(answer).encode() + b"\n")


def _prepare() -> None:
    """Import what a run may need."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever ends the UI ends it without a word
    for module in BEFORE:
        import_module(module)
    import_module("expectations.audit").load()
    module_of: Any = import_module("assets.computed").module_of
    made = map(module_of, import_module("warehouse.tables").TABLES.values())
    for module in (*filter(None, made), *LIBRARIES):
        import_module(module)
    gc.collect()
    gc.freeze()  # so that no fork writes to what all share


def _heard(connection: socket.socket) -> dict[str, Any]:
    if _user_of(connection) != os.getuid():
        return {}
    try:
        told: dict[str, Any] = json.loads(connection.makefile().readline() or "{}")
    except (OSError, ValueError):
        return {}
    return told


def _answer(
    asked: Mapping[str, Any], runs: dict[str, int], open_here: tuple[socket.socket, ...]
) -> dict[str, Any]:
    if "start" in asked:
        process = os.fork()
        if process == 0:
            for one in open_here:
                one.close()
            _execute(asked["start"])
        runs[asked["run"]] = process
        return {"process": process}
    if "end" in asked:
        process = runs.get(asked["end"], 0)
        if process:
            os.kill(process, signal.SIGINT)
        return {"is_ended": bool(process)}
    return {"runs": len(runs)}


def _execute(arguments: str) -> None:
    """Do what `dagster api execute_run` does, and end the process."""
    code = 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        api: Any = import_module("dagster._cli.api").api_cli
        api(["execute_run", arguments], standalone_mode=False)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here and not in the loop it was forked from
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _address(place: str) -> str:
    """A name that no file stands for: it goes with its process, and is as short in every home."""
    return f"\0tillage-{place}"


def _user_of(connection: socket.socket) -> int:
    """The user of the process at the other end: any on this machine may try a name."""
    size = struct.calcsize("3i")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", told)
    return int(user)


if __name__ == "__main__":
    serve(sys.argv[1])
