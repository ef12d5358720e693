"""The command line as a person uses it, within the test's process."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from assets import asset
from assets.make import make
from pipelines import cli
from pipelines.instance import open_instance
from pipelines.settings import load
from simulator import write

PASSWORD = "geheim-4711"  # noqa: S105 - of a server that lives as long as the tests


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine reaches a test, and none of a test's reaches the next.

    DuckDB has one thread: of so few rows two take half as much processor time again, and other tests run beside.
    """
    for name in [name for name in os.environ if name.startswith(("TILLAGE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    os.environ["TILLAGE_THREADS"] = "1"
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def empty_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME whose databases are made: to make them takes longer than most tests."""
    home = tmp_path_factory.mktemp("history")
    before = dict(os.environ)
    with open_instance(load(home)):
        pass
    os.environ.clear()
    os.environ.update(before)
    return home / "dagster"


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish whatever is made: for tests that look at no verdict, as judging takes most of a run."""
    monkeypatch.setattr(asset, "make", partial(make, judge=lambda *_: []))


@pytest.fixture
def tillage(
    home: Path,
    empty_history: Path,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Said]:
    """Run `tillage ...` on `home`."""
    shutil.copytree(empty_history, home / "dagster")

    def run(*arguments: str, at: Path = home) -> Said:
        monkeypatch.setattr(sys, "argv", ["tillage", "--home", str(at), *arguments])
        monkeypatch.setattr(cli, "STATE", cli._State())
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


# Homes that were filled in this process, and what was said.
_FILLED: dict[str, tuple[Path, Said]] = {}


@pytest.fixture
def filled(
    home: Path, tillage: Callable[..., Said], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[], Said]], Said]:
    """Fill the home as a function does, or copy the one that another test had it fill under the same name."""

    def fill(name: str, run: Callable[[], Said]) -> Said:
        if name not in _FILLED:
            said, aside = run(), tmp_path_factory.mktemp("filled") / "home"
            shutil.copytree(home, aside, symlinks=True)
            _FILLED[name] = aside, replace(said, out=said.out.replace(str(home), "{home}"))
        else:
            shutil.rmtree(home)
            shutil.copytree(_FILLED[name][0], home, symlinks=True)
        said = _FILLED[name][1]
        return replace(said, out=said.out.replace("{home}", str(home)))

    return fill


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> dict[date, str]:
    """Four months of a small shop: the text of each month's file."""
    home = tmp_path_factory.mktemp("shop")
    written = write(home, months=4, customers=60, seed=3, first_month=date(2011, 1, 1))
    texts = [file.read_text(encoding="latin-1") for file in sorted(written.files)]
    return {date(2011, month, 1): text for month, text in enumerate(texts, 1)}


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs."""
    places = [Path(found) for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not places:
        message = "PostgreSQL is not installed: `apt-get install postgresql` brings what this test starts"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return places[0].resolve().parent


@pytest.fixture(scope="session")
def cluster(postgres_programs: Path) -> Iterator[str]:
    """A PostgreSQL server of our own, which asks for a password; gives its URL without a database."""
    programs = postgres_programs
    # It refuses to run as root.
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="tillage-pg-") as name, socket.socket() as free:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if user:
            nobody = pwd.getpwnam("nobody")
            for path in (folder, folder / "password"):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        run = partial(subprocess.run, check=True, capture_output=True, cwd=folder, timeout=120, **user)
        initdb = [programs / "initdb", "-D", folder / "data", "-U", "tillage", "-N", "--auth=scram-sha-256"]
        run([*initdb, f"--pwfile={folder / 'password'}"])
        options = (
            f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        )
        server = [programs / "pg_ctl", "-D", folder / "data", "-w", "-t", "60"]
        run([*server, "-l", folder / "log", "-o", options, "start"])
        try:
            yield f"postgresql://tillage@127.0.0.1:{port}/"
        finally:
            run([*server, "-m", "immediate", "stop"])


@pytest.fixture
def postgres(cluster: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database; its password is in the environment."""
    import psycopg2

    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    name = f"shop_{uuid4().hex[:8]}"
    connection = psycopg2.connect(f"{cluster}postgres")
    connection.autocommit = True
    connection.cursor().execute(f"CREATE DATABASE {name}")
    connection.close()
    return f"{cluster}{name}"


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """A server that speaks as Amazon's S3 does; gives its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(object_store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder in a bucket; who may use it is in the environment."""
    import boto3

    for name, value in (("AWS_ACCESS_KEY_ID", "tillage"), ("AWS_SECRET_ACCESS_KEY", PASSWORD)):
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=object_store, region_name="us-east-1")
    name = f"shop-{uuid4().hex[:8]}"
    client.create_bucket(Bucket=name)
    return f"s3://{name}/warehouse"
