"""Which files the lake's catalog names, which it has let go, and which nobody knows."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb

from warehouse.contract import Table
from warehouse.lake import CATALOG_TABLES, data_of, home_of, literal, shape_of
from warehouse.records import MODELS
from warehouse.tables import models

# A transaction that is still open has files that no snapshot names yet.
GRACE = timedelta(days=1)


def data_files(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Give path below data/ and size in bytes of every file that a snapshot names."""
    return dict(connection.execute(_named(f"{CATALOG_TABLES}.")).fetchall())


def data_files_of(catalog: Path) -> dict[str, int]:
    """Give the same of a catalog that is no lake's at the moment: a copy."""
    with closing(sqlite3.connect(f"{catalog.as_uri()}?immutable=1", uri=True)) as database:
        return dict(database.execute(_named("")).fetchall())


def _named(prefix: str) -> str:
    return " UNION ALL ".join(
        f"SELECT s.path || t.path || f.path, f.file_size_bytes FROM {prefix}ducklake_{kind}_file AS f "
        f"INNER JOIN {prefix}ducklake_table AS t ON t.table_id = f.table_id "
        f"INNER JOIN {prefix}ducklake_schema AS s ON s.schema_id = t.schema_id"
        for kind in ("data", "delete")
    )


def adopt(connection: duckdb.DuckDBPyConnection, table: Table, files: Iterable[Path]) -> tuple[Path, ...]:
    """Make the rows of Parquet files those of a table, within the caller's transaction; gives where the files are then.

    Each file lies in a folder that names its partition, `month=2011-12-01`, and is moved into the folder of the lake's own
    files. If the transaction is rolled back, it is an orphan there.

    Raises:
        duckdb.IOException: If there is no room for them.
    """
    ((below,),) = connection.execute(
        f"SELECT s.path || t.path FROM {CATALOG_TABLES}.ducklake_table AS t "
        f"INNER JOIN {CATALOG_TABLES}.ducklake_schema AS s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL "
        "WHERE t.end_snapshot IS NULL AND s.schema_name = ? AND t.table_name = ?",
        [table.schema, table.name],
    ).fetchall()
    moved: list[Path] = []
    for file in files:
        folder = Path(data_of(connection)) / below / file.parent.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            moved.append(Path(shutil.move(file, folder / f"{uuid4()}.parquet")))
        except OSError as error:
            raise duckdb.IOException(f"IO Error: {error}") from error
    if moved:
        connection.execute(
            "CALL ducklake_add_data_files('lake', ?, ?, schema => ?)",
            [table.name, [str(file) for file in moved], table.schema],
        )
    return tuple(moved)


def model_files(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Give path below the home of every model that the registry names."""
    if not shape_of(connection, models.REGISTRY):
        return set()
    return {path for (path,) in connection.execute("SELECT DISTINCT path FROM models.registry").fetchall()}


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it is there: its size in bytes, and when it was last written."""

    size: int
    written_at: datetime


def stored_files(connection: duckdb.DuckDBPyConnection) -> dict[str, Stored]:
    """Give path below data/ of every file that is there, named by the catalog or not."""
    data = data_of(connection)
    if "://" not in data:
        files = {file.relative_to(data).as_posix(): _told(file) for file in Path(data).rglob("*.parquet")}
        return {path: told for path, told in files.items() if told is not None}
    every = literal(f"{data}**/*.parquet")
    if not connection.execute(f"SELECT 1 FROM glob({every}) LIMIT 1").fetchall():  # to read none is an error
        return {}
    rows = connection.execute(f"SELECT filename, size, last_modified FROM read_blob({every})").fetchall()
    return {name.removeprefix(data): Stored(size, at.astimezone(UTC)) for name, size, at in rows}


def orphans(connection: duckdb.DuckDBPyConnection, before: datetime) -> list[str]:
    """Give the data files and models that no snapshot or record names, last written before a moment, with its zone."""
    # Looked for before the catalog is asked: what is named in between is in both.
    there = stored_files(connection)
    models = _unnamed_models(connection, before)
    let_go = {
        path
        for (path,) in connection.execute(
            f"SELECT path FROM {CATALOG_TABLES}.ducklake_files_scheduled_for_deletion"
        ).fetchall()
    }
    unknown = sorted(there.keys() - data_files(connection).keys() - let_go)
    data = data_of(connection)
    return [f"{data}{path}" for path in unknown if there[path].written_at < before] + [*map(str, models)]


def delete_orphans(connection: duckdb.DuckDBPyConnection, before: datetime) -> int:
    """Delete those, and give how many they were."""
    unnamed = orphans(connection, before)
    in_store = [file for file in unnamed if "://" in file]
    if in_store:  # of a folder DuckLake would take the name for a pattern
        connection.execute("CALL ducklake_delete_orphaned_files('lake', older_than => ?)", [before])
    for file in set(unnamed) - set(in_store):
        Path(file).unlink(missing_ok=True)
    return len(unnamed)


def _unnamed_models(connection: duckdb.DuckDBPyConnection, before: datetime) -> list[Path]:
    home = home_of(connection)
    fitted = {file.relative_to(home).as_posix(): file for file in (home / MODELS).rglob("*.skops*")}
    unnamed = [fitted[path] for path in sorted(fitted.keys() - model_files(connection))]
    return [file for file in unnamed if (told := _told(file)) and told.written_at < before]


def _told(file: Path) -> Stored | None:
    try:
        told = file.stat()
    except FileNotFoundError:  # another process has deleted it
        return None
    return Stored(told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))
