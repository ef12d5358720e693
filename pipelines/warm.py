"""A process that has imported what a run imports, and forks one for each run.

To start Python and import Dagster, Great Expectations and the libraries of models costs a run six seconds of processor
time, whatever it makes: a fork has them at once, and shares their memory. The process listens at a name of this machine,
made of the home, the code as it stands on disk and the environment: where any of them changes, nobody finds the old one,
and it ends once it has not been asked for a minute and its last run is over.

Nothing but the standard library is imported before the name is taken, so that a second process ends at once. What is
imported then starts threads of allocators, of OpenBLAS and a cleaner of polars, all of which are made for forks or have
nothing to do in one; pools of threads begin with their first use, and nothing is used here.
"""

import atexit
import ctypes
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
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("assets", "expectations", "pipelines", "resources", "warehouse")
# SciPy before Dagster: skops looks up the names of its functions in all modules, in the order of their import.
BEFORE = ("scipy.special", "dagster._cli.api", "pipelines.definitions")
# What is imported only where it is used; cmdstanpy makes itself a folder when it is, which each run has to itself.
LIBRARIES = (
    "gensim.models",
    "holidays.countries",
    "lifelines",
    "prophet",
    "skops.io",
    "statsforecast.models",
)
PATIENCE_SECONDS = 60
ANSWER_SECONDS = 10
_WHEN_PARENT_DIES = 1  # PR_SET_PDEATHSIG

_STARTED: dict[str, subprocess.Popen[bytes]] = {}


def is_possible() -> bool:
    """Whether a process can be kept: elsewhere than on Linux a fork is not safe after all that is imported."""
    return sys.platform == "linux"


def name(home: Path) -> str:
    """Tell the process of a home (its DAGSTER_HOME), of this code and of this environment from any other."""
    told = sha256(f"{home.resolve()} {sys.prefix} {os.getuid()}".encode())
    code = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.*"))]
    for file in (home.parent / "tillage.toml", Path(sysconfig.get_paths()["purelib"]), *code):
        with suppress(FileNotFoundError):  # gone, or never there
            if "__pycache__" not in file.parts:
                at = file.stat()
                told.update(f"{file} {at.st_size} {at.st_mtime_ns}".encode())
    # As it was when the process began: what it has set since, and what Dagster sets for one, is no setting of the user.
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    for one in sorted(one for one in given if not one.startswith(b"DAGSTER_")):
        told.update(one)
    return told.hexdigest()[:32]


def keep(home: Path) -> None:
    """Have such a process at hand for the next minute; where there is none, one is started, and not waited for."""
    if not is_possible():
        return
    for ended in [place for place, process in _STARTED.items() if process.poll() is not None]:
        del _STARTED[ended]
    place = name(home)
    with suppress(OSError):  # at work: the next look asks again
        if ask(place, {"keep": True}) is None and place not in _STARTED:
            command = [sys.executable, "-m", "pipelines.warm", place]
            _STARTED[place] = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own interpreter and code


def ask(place: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Ask the process of that name: `keep` it, `start` a `run`, or `end` one that it has; None if there is none, or not yet.

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
        runs: dict[int, tuple[str, str]] = {}  # of each process
        until = monotonic() + PATIENCE_SECONDS
        while runs or monotonic() < until:
            _reap(runs, server)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(1)
                asked = _heard(connection)
                if asked is not None:
                    until = monotonic() + PATIENCE_SECONDS
                    answer = _answer(asked, runs, (server, connection))
                    with suppress(OSError):  # whoever asked did not wait
                        connection.sendall(json.dumps(answer).encode() + b"\n")


def _prepare() -> None:
    """Import what a run may need."""
    # Whoever ends the UI ends it without a word; a shell that started it in the background has both ignored.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)
    # Python tells it of any process with threads; which they are, and why they do no harm, is told above.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    of_home: Any = import_module("pipelines.settings")
    settings = of_home.load()
    of_home.export_environment(settings)  # read by libraries when they are imported
    for module in BEFORE:
        import_module(module)
    import_module("expectations.audit").load()
    import_module("assets.graph").graph(
        settings.seeds
    )  # the code and the SQL of tables are read once a process
    module_of: Any = import_module("assets.computed").module_of
    made = map(module_of, import_module("warehouse.tables").TABLES.values())
    for module in (*filter(None, made), *LIBRARIES):
        import_module(module)
    gc.collect()
    gc.freeze()  # so that no fork writes to what all share


def _heard(connection: socket.socket) -> dict[str, str | bool] | None:
    """What was asked, if it is a question of the same user."""
    if _user_of(connection) != os.getuid():
        return None
    try:
        told = json.loads(connection.makefile().readline())
    except (OSError, ValueError):
        return None
    is_asked = isinstance(told, dict) and all(isinstance(one, str | bool) for one in told.values())
    return told if is_asked and set(told) in ({"keep"}, {"start", "run"}, {"end"}, {"has"}) else None


def _answer(
    asked: Mapping[str, Any], runs: dict[int, tuple[str, str]], open_here: tuple[socket.socket, ...]
) -> dict[str, Any]:
    if "start" in asked:
        process = forked(lambda: _execute(asked["start"]), open_here)
        runs[process] = (asked["run"], asked["start"])
        return {"process": process}
    if "keep" in asked:
        return {"runs": len(runs)}
    found = [process for process, (run, _) in runs.items() if run == asked.get("end", asked.get("has"))]
    for process in found if "end" in asked else ():
        os.kill(process, signal.SIGINT)
    return {"has": bool(found)}


def _reap(runs: dict[int, tuple[str, str]], server: socket.socket) -> None:
    """See which processes have ended; of a run that did not end well another tells Dagster, if it has not itself."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            process, status = ended
            if process in runs:
                _, arguments = runs.pop(process)
                if status:
                    forked(partial(_bury, arguments, process), (server,))


def forked(work: Callable[[], None], open_here: Sequence[socket.socket | Connection]) -> int:
    """Fork a process that does the work and ends; it is interrupted if this one ends before it.

    Args:
        work: What it does.
        open_here: What it is to close, as it is this process's.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the fork knows what to do with it
    process = os.fork()
    if process:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return process
    code = 1
    try:
        atexit._clear()  # what is to be done at the end of the other process
        ctypes.CDLL(None).prctl(_WHEN_PARENT_DIES, signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for one in open_here:
            one.close()
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here and not in the loop it was forked from
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _execute(arguments: str) -> None:
    """Do what `dagster api execute_run` does."""
    api: Any = import_module("dagster._cli.api").api_cli
    api(["execute_run", arguments], standalone_mode=False)


def _bury(arguments: str, process: int) -> None:
    """Tell Dagster of a run whose process ended without a word, as its own server does of those that it starts."""
    import dagster as dg
    from dagster._grpc.types import ExecuteRunArgs
    from dagster._serdes import deserialize_value

    told = deserialize_value(arguments, ExecuteRunArgs)
    with (
        dg.DagsterInstance.from_ref(told.instance_ref)
        if told.instance_ref
        else dg.DagsterInstance.get() as instance
    ):
        run = instance.get_run_by_id(told.run_id)
        if run is not None and not run.is_finished:
            ends = run.status is dg.DagsterRunStatus.CANCELING
            said = f"The process of the run ({process}) ended without a word: it was killed, or it crashed."
            (instance.report_run_canceled if ends else instance.report_run_failed)(run, said)


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
