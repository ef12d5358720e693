"""Open the warehouse: one DuckLake, read and written through DuckDB, needing no network."""

import fcntl
import importlib.resources
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import duckdb

from warehouse.contract import Table
from warehouse.errors import NoLakeError, TillageError
from warehouse.words import counted

READING = "snapshots|current_snapshot|list_files|table_info|table_changes|table_insertions|table_deletions"
# `query` runs text that is put together when it runs, so nobody can tell beforehand what it calls.
CALLED = re.compile(r'"function_name":"((?:[^"\\]|\\.)*)"')
FORBIDDEN = re.compile(
    rf"ducklake_(?!(?:{READING})$)\w+|merge_adjacent_files|rewrite_data_files|flush_inlined_data|set_option|"
    "set_commit_message|checkpoint|force_checkpoint|query|sqlite_query",
    re.IGNORECASE,
)
CATALOG = "catalog.sqlite"
# What spills, and the locks of those at work.
WORK = "tmp"
OPEN = "open.json"  # in the spill folder of a connection, locked for as long as it is open
ASIDE = (
    ".aside"  # ends the name of a spill folder before its lock is taken, and after its connection is closed
)
EXTENSIONS = {"sqlite": "sqlite_scanner", "ducklake": "ducklake"}
ON_POSTGRES = {"postgres_scanner": "postgres_scanner", "ducklake": "ducklake"}
ON_S3 = {"httpfs": "httpfs", "aws": "aws"}
# What DuckDB says when another process was in the way: of SQLite, when it read a catalog half made, of PostgreSQL.
CONFLICT = (
    "conflict", "database is locked", "database is busy", "failed to load ducklake",
    "could not serialize access", "deadlock detected", "duplicate key value", 'relation "ducklake_',
)  # fmt: skip

# Seconds to try for, and the longest pause between two attempts.
PATIENCE, LONGEST_WAIT = 300.0, 0.5
# In full: what is not is looked for in the lake first, which takes a snapshot.
SETTING = "system.main.current_setting"

# DuckLake widens types and never narrows them.
WIDER = {
    "TINYINT": ("SMALLINT", "INTEGER", "BIGINT"),
    "SMALLINT": ("INTEGER", "BIGINT"),
    "INTEGER": ("BIGINT",),
    "FLOAT": ("DOUBLE",),
}


@dataclass(frozen=True, slots=True)
class Store:
    """An object store that holds the lake's files, spoken to as Amazon's S3 is.

    Who may use it is found as AWS's own tools find it: in the environment (AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY), in a profile, in the role of the machine.

    Attributes:
        url: s3://bucket/folder, without a slash at its end.
        endpoint: URL of a store other than Amazon's.
        region: Of the bucket.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None

    @property
    def secret(self) -> str:
        """SQL that tells DuckDB how to get there; whatever else it reads from S3 goes without."""
        told = {"SCOPE": f"{self.url}/"}
        if self.region is not None:
            told["REGION"] = self.region
        if self.endpoint is not None:
            scheme, host = self.endpoint.split("://")
            # The bucket's name is no name of a host there.
            told |= {"ENDPOINT": host, "URL_STYLE": "path", "USE_SSL": str(scheme == "https").lower()}
        options = ", ".join(f"{name} {literal(value)}" for name, value in told.items())
        return f"CREATE SECRET tillage (TYPE s3, PROVIDER credential_chain, {options})"


def literal(text: object) -> str:
    """Quote a value where SQL takes no parameter: a file name, an option."""
    return "'" + str(text).replace("'", "''") + "'"


def one_file(file: Path | str) -> str:
    """Name a file to DuckDB, which takes `sales[1].csv` for a pattern that sales1.csv matches."""
    return literal(re.sub(r"[*?\[]", r"[\g<0>]", str(file)))


CATALOG_TABLES = "__ducklake_metadata_lake"  # where the tables of the catalog of `lake` are, beside it
# What was read of a lake's records through a connection, by name, and at which snapshot (`warehouse.records`).
REMEMBERED: WeakKeyDictionary[duckdb.DuckDBPyConnection, dict[str, tuple[int, Any]]] = WeakKeyDictionary()


@contextmanager
def open_lake(
    root: Path,
    *,
    memory: str = "1GB",
    threads: int | None = None,
    read_only: bool = False,
    create: bool = True,
    as_of: int | None = None,
    reach: Sequence[Path] = (),
    postgres: str | None = None,
    store: Store | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach the lake under `root` as `lake`; several processes may share it.

    A connection has a spill folder of its own: two that share one crash DuckDB when both spill.
    A read-only one reaches no file outside the lake and the folders in `reach`; a stranger's SQL goes
    through `select`. With `as_of` it sees the lake as it was at that snapshot. Without `create` a lake that is not
    there is not made. With `postgres`, a URL without password, the catalog is in that database; with `store` the files
    are there. What spills, and the notes of who is at work, are under `root` all the same.

    Raises:
        NoLakeError: If a lake that is to be read, or not to be made, is not there.
        TillageError: If it cannot be opened.
    """
    is_new = postgres is None and not (root / CATALOG).exists()
    if is_new and (read_only or not create):
        raise _no_lake(root)
    spill = root / WORK / f"{os.getpid()}-{uuid4().hex[:8]}"
    try:
        registered = _register(spill, as_of)
    except OSError as error:
        raise TillageError(
            f"The warehouse folder {root} cannot be written ({error.strerror}). Every connection needs room "
            "there to spill; make the folder writable or set TILLAGE_HOME to another one."
        ) from error
    config: dict[str, Any] = {
        "memory_limit": memory,
        "temp_directory": str(spill),
        # A name in SQL is that of a table, never of a variable that Python happens to hold.
        "python_enable_replacements": False,
        # Extensions come from wheels whose hashes pip has checked, and lie beside this file: to check their signatures
        # anew takes 130 ms each, of every connection. None is fetched, or taken from elsewhere.
        "allow_unsigned_extensions": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    try:
        connection = duckdb.connect(config=config)
    except duckdb.Error as error:
        _leave(spill, registered)
        raise TillageError(
            f"DuckDB cannot be started with memory {memory}, threads {threads}: {error}"
        ) from error
    try:
        # It would be drawn into what a command prints; DuckDB takes it for a connection only.
        connection.execute("SET enable_progress_bar = false")
        needed = EXTENSIONS if postgres is None else ON_POSTGRES
        for wheel, name in (needed if store is None else {**needed, **ON_S3}).items():
            _load(connection, wheel, name)
        attach(
            connection, root, read_only=read_only, create=create, as_of=as_of, postgres=postgres, store=store
        )
        if read_only:
            places = (root, *reach) if store is None else (root, store.url, *reach)
            allowed = ", ".join(literal(place) for place in places)
            connection.execute(f"SET allowed_directories = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        elif is_new or (postgres is not None and not _inlines_nothing(connection)):
            # A few rows would otherwise be kept inside the catalog, where other engines see nothing.
            _until_free(lambda: connection.execute("CALL lake.set_option('data_inlining_row_limit', 0)"))
        yield connection
    finally:
        connection.interrupt()
        connection.close()
        _leave(spill, registered)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that some process has open: since when, and the snapshot that it asked for, if any."""

    folder: Path
    since: datetime
    as_of: int | None


def opened(root: Path) -> tuple[list[Opened], list[Path]]:
    """Give the connections open on the lake, and the spill folders that nobody uses: of processes that were killed.

    Among the latter may be the folder of one that is about to open or has just closed: younger than a moment.
    """
    alive, dead = [], []
    for folder in sorted((root / WORK).glob("*-*/")):
        try:
            with (folder / OPEN).open() as note:
                try:
                    fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    told = json.load(note)
                    alive.append(Opened(folder, datetime.fromisoformat(told["since"]), told["as_of"]))
                    continue
        except FileNotFoundError:  # closed at this moment, or left by a release that locked later
            pass
        # One that closed meanwhile has another name by now.
        dead += [folder] if folder.exists() else []
    return alive, [*dead, *sorted((root / WORK).glob(f"*{ASIDE}/"))]


def _register(spill: Path, as_of: int | None) -> IO[str]:
    """Make the spill folder, and note that a connection is open. The lock goes with the process, whatever ends it.

    The folder is seen under its name from its lock on, and no longer when that is let go: who looks in between
    never finds a folder at work without its lock.
    """
    aside = _aside(spill)
    try:
        aside.mkdir(parents=True)
        note = (aside / OPEN).open("w")
        fcntl.flock(note, fcntl.LOCK_EX)
        json.dump({"since": datetime.now(UTC).isoformat(), "as_of": as_of}, note)
        note.flush()
        aside.rename(spill)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return note


def _leave(spill: Path, registered: IO[str]) -> None:
    """Take the spill folder of a closed connection away, and let its lock go."""
    aside = _aside(spill)
    with suppress(OSError):  # somebody took it away
        spill.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    registered.close()


def _aside(spill: Path) -> Path:
    return spill.with_name(spill.name.replace("-", ".") + ASIDE)


def _no_lake(root: Path) -> NoLakeError:
    return NoLakeError(
        f"There is no warehouse in {root.parent} yet. Put files into its folder landing/orders/ "
        "(or write a sample shop with `tillage sample`) and make it with `tillage run`."
    )


def _no_snapshot(as_of: int) -> TillageError:
    return TillageError(
        f"The lake has no snapshot {as_of} (or keeps it no longer). "
        '`tillage query "SELECT snapshot_id, snapshot_time, commit_message '
        "FROM ducklake_snapshots('lake')\"` lists those that it has."
    )


def _inlines_nothing(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "SELECT 1 FROM ducklake_options('lake') WHERE option_name = 'data_inlining_row_limit' AND value = '0'"
    ).fetchall()
    return bool(found)


def attach(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    *,
    read_only: bool = False,
    create: bool = True,
    as_of: int | None = None,
    postgres: str | None = None,
    store: Store | None = None,
) -> None:
    """Attach the lake under `root` as `lake` to a connection that has its extensions, and use it."""
    catalog = str(root / CATALOG) if postgres is None else postgres
    # WAL lets readers go on while a writer commits. OVERRIDE_DATA_PATH lets a home be moved.
    options = "META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 10000, " if postgres is None else ""
    kind = "sqlite" if postgres is None else "postgres"
    data = str(root / "data") if store is None else f"{store.url}/"
    if store is not None:
        _let_in(connection, store)
    if as_of is not None and not 0 <= as_of < 1 << 63:  # no number that DuckDB could look for
        raise _no_snapshot(as_of)
    statement = (
        f"ATTACH {literal(f'ducklake:{kind}:{catalog}')} AS lake "
        f"(DATA_PATH {literal(data)}, {options}OVERRIDE_DATA_PATH true{', READ_ONLY' if read_only else ''}"
        f"{'' if create else ', CREATE_IF_NOT_EXISTS false'}{'' if as_of is None else f', SNAPSHOT_VERSION {as_of}'})"
    )
    try:
        # Two processes may make the same new lake, and SQLite makes neither wait for the other then.
        _until_free(lambda: connection.execute(statement))
    except duckdb.Error as error:
        if as_of is not None and "napshot" in str(error):
            raise _no_snapshot(as_of) from error
        if postgres is not None and "creating a new DuckLake is explicitly disabled" in str(error):
            raise _no_lake(root) from error
        if postgres is not None:
            raise TillageError(
                f"The warehouse catalog {catalog} cannot be reached: {str(error).splitlines()[0]} Is the server up, "
                "is there that database and user, and does the environment hold the password (PGPASSWORD)?"
            ) from error
        raise TillageError(
            f"The warehouse catalog {catalog} cannot be opened: {error}. It may be damaged, or the disk "
            "full; restore it from a backup (`tillage restore`), or move the folder away and make the warehouse anew "
            "from landing/ with `tillage run`."
        ) from error
    connection.execute("USE lake")
    REMEMBERED.pop(connection, None)


def _let_in(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    try:
        connection.execute(store.secret)
    except duckdb.Error as error:
        raise TillageError(
            f"Nothing says who may use {store.url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, "
            f"or AWS_PROFILE, or give the machine a role ({str(error).splitlines()[0]})."
        ) from error


def select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Run one SELECT of a stranger's on a read-only connection.

    Anything else is refused: COPY could write among the lake's own files, ATTACH could open its
    catalog for writing, and maintenance hides in table functions (`FROM ducklake_cleanup_old_files`).
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise TillageError(
                "Only a single SELECT is run here: the warehouse is written by `tillage run` alone. "
                f"What was given is {counted(len(statements), 'statement')}, the first of them not a SELECT."
                if statements
                else "No SQL was given; write one SELECT."
            )
        parsed = connection.execute("SELECT CAST(json_serialize_sql(?) AS VARCHAR)", [sql]).fetchone()
        if parsed is None or '"error":true' in parsed[0][:20]:
            raise TillageError("Only a single SELECT is run here; a PRAGMA is none.")
        for name in CALLED.findall(parsed[0]):
            if FORBIDDEN.fullmatch(name):
                raise TillageError(f"{name} can change the lake; only a SELECT that reads is run here.")
        return connection.execute(statements[0])
    except duckdb.Error as error:
        raise TillageError(str(error)) from error


def spill_folder(connection: duckdb.DuckDBPyConnection) -> Path:
    """The folder of this connection alone, which goes with it."""
    found = connection.execute(f"SELECT {SETTING}('temp_directory')").fetchone()
    return Path(str(found[0] if found else ""))


def threads_of(connection: duckdb.DuckDBPyConnection) -> int:
    """How many threads the connection may use."""
    found = connection.execute(f"SELECT {SETTING}('threads')").fetchone()
    return int(found[0]) if found else 1


def home_of(connection: duckdb.DuckDBPyConnection) -> Path:
    """The folder of the shop whose lake is attached: that of its files, or of what spills where these are elsewhere."""
    data = data_of(connection)
    return Path(data).parents[1] if "://" not in data else spill_folder(connection).parents[2]


def data_of(connection: duckdb.DuckDBPyConnection) -> str:
    """The folder of the lake's files, or its URL in an object store; with a slash at its end."""
    # All rows of it: a result that is not read to its end holds the catalog as it is.
    ((data,),) = connection.execute("SELECT data_path FROM ducklake_settings('lake')").fetchall()
    return str(data)


@contextmanager
def alone(connection: duckdb.DuckDBPyConnection, work: str) -> Iterator[None]:
    """Wait until no other process does this work on the lake, and keep the others waiting.

    DuckLake lets two transactions insert the same rows, for neither changes what the other reads.
    """
    with (spill_folder(connection).parent / f"{work}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when it is closed, by a kill too
        yield


def is_interrupted(error: Exception) -> bool:
    """Whether a signal ended a query: DuckDB makes an error of its own of what Python's handler raised."""
    return "Query interrupted" in str(error)


def in_transaction(
    connection: duckdb.DuckDBPyConnection, write: Callable[[], None], patience: float = PATIENCE
) -> None:
    """Run `write` in a transaction, again when another process committed first, for `patience` seconds."""

    def attempt() -> None:
        try:
            connection.begin()
            write()
            connection.commit()
        except BaseException:
            connection.interrupt()  # a query that a signal took us out of is at work still: nobody waits for its end
            with suppress(duckdb.Error):  # a commit that failed has ended the transaction already
                connection.rollback()
            raise

    _until_free(attempt, patience)


def _until_free(act: Callable[[], object], patience: float = PATIENCE) -> None:
    """Act, again after a while when another process was in the way.

    Time is what bounds it and not a number of attempts: of four that write without a pause each commits first now and
    then, and twelve attempts in a row lose once in a few hundred transactions.
    """
    until, wait = time.monotonic() + patience, 0.02
    while True:
        try:
            act()
        except duckdb.Error as error:
            is_taken = any(word in str(error).lower() for word in CONFLICT)
            if not is_taken or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0, wait))  # noqa: S311 - jitter, no secret
            wait = min(2 * wait, LONGEST_WAIT)
        else:
            return


def snapshot(connection: duckdb.DuckDBPyConnection) -> int:
    """Give the number of the lake's newest snapshot."""
    found = connection.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    return int(found[0]) if found else 0


def shape_of(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Give name and type of every column that the table has in the lake; empty if it is not there."""
    try:
        # duckdb_columns() would load every table of the catalog to tell of one.
        rows = connection.execute(f"DESCRIBE lake.{table.qualified}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {name: kind for name, kind, *_ in rows}


def has_files(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether rows of the table are committed: DuckLake takes 40 ms to find that one without a file is empty."""
    files = f"ducklake_list_files('lake', {literal(table.name)}, schema => {literal(table.schema)})"
    return bool(connection.execute(f"SELECT 1 FROM {files} LIMIT 1").fetchall())


def ensure(connection: duckdb.DuckDBPyConnection, table: Table, *, replaced: bool = False) -> None:
    """Give the table in the lake the shape of its contract, inside the caller's transaction.

    Args:
        connection: A connection that may write.
        table: The contract.
        replaced: Whether the caller writes every row anew, so that the table may be dropped and made
            again where DuckLake cannot change it in place.

    Raises:
        TillageError: If the contract asks for what DuckLake cannot do while rows stay.
    """
    found = shape_of(connection, table)
    given = _given(connection, table) if found else set()
    if found == table.shape and given == {column.name for column in table.columns if not column.nullable}:
        return
    if found:
        blocked = _changes(connection, table, found, given)
        if not blocked:
            return
        if not replaced:
            raise TillageError(
                f"{table.qualified} cannot take the shape of its contract while rows of it stay: {blocked}. "
                f'`tillage run --select "key:{table.schema}/{table.name}" --force` makes all its months anew.'
            )
        connection.execute(f"DROP TABLE {table.qualified}")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
    connection.execute(f"CREATE TABLE {table.qualified} ({table.definition})")
    if table.partition_column:
        connection.execute(f"ALTER TABLE {table.qualified} SET PARTITIONED BY ({table.partition_column})")


def _given(connection: duckdb.DuckDBPyConnection, table: Table) -> set[str]:
    """The columns that are NOT NULL in the lake."""
    rows = connection.execute(f"DESCRIBE lake.{table.qualified}").fetchall()
    return {name for name, _, is_nullable, *_ in rows if is_nullable == "NO"}


def _changes(
    connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, str], given: set[str]
) -> str:
    """Add, drop and widen columns; where a change is beyond that, change nothing and say what."""
    statements = []
    for column in table.columns:
        was = found.get(column.name)
        if was is not None and column.nullable and column.name in given:
            statements.append(f'ALTER COLUMN "{column.name}" DROP NOT NULL')
        if was is not None and not column.nullable and column.name not in given:
            if connection.execute(
                f'SELECT 1 FROM {table.qualified} WHERE "{column.name}" IS NULL LIMIT 1'
            ).fetchone():
                return f"column {column.name} is NOT NULL, and old rows hold nothing in it"
            statements.append(f'ALTER COLUMN "{column.name}" SET NOT NULL')
        if was == column.type:
            continue
        if column.name == table.partition_column:
            return f"its partition column {column.name} is {was or 'not there'}, not {column.type}"
        if was is None and not column.nullable:
            return f"the new column {column.name} is NOT NULL, and old rows would hold nothing in it"
        if was is not None and column.type not in WIDER.get(was, ()):
            return f"column {column.name} is {was} and cannot become {column.type}"
        change = (
            f'ADD COLUMN "{column.name}" {column.type}'
            if was is None
            else f'ALTER COLUMN "{column.name}" SET DATA TYPE {column.type}'
        )
        statements.append(change)
    statements += [f'DROP COLUMN "{name}"' for name in found if name not in table.shape]
    for statement in statements:
        connection.execute(f"ALTER TABLE {table.qualified} {statement}")
    return ""


def _load(connection: duckdb.DuckDBPyConnection, wheel: str, name: str) -> None:
    """Load an extension from its wheel: to install it would copy 35 MB into every home, and take a second.

    DuckDB knows an extension by the name of its file, which is not always that of the wheel: hence a link.
    """
    found = importlib.resources.files(f"duckdb_extension_{wheel}") / "extensions" / f"v{duckdb.__version__}"
    link = spill_folder(connection) / f"{name}.duckdb_extension"
    link.symlink_to(str(found / f"{wheel}.duckdb_extension"))
    connection.execute(f"LOAD {literal(link)}")
