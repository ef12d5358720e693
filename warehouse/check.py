"""Hold the lake against what it promises: catalog, files, contracts, keys, and the records of its rows."""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import duckdb

from warehouse.contract import Table
from warehouse.lake import CATALOG, shape_of
from warehouse.publish import fingerprints
from warehouse.records import MODELS, read_versions
from warehouse.tables import models

# A transaction that is still open has files that no snapshot names yet.
GRACE = timedelta(days=1)


def check(
    connection: duckdb.DuckDBPyConnection, root: Path, tables: Mapping[str, Table], now: float
) -> Iterator[str]:
    """Give what is wrong, a sentence each; nothing if all is well. Nothing is changed.

    Args:
        connection: A connection to the lake.
        root: Folder of the lake.
        tables: The contracts.
        now: Seconds since 1970: files that no snapshot names are told from a day of age on.
    """
    yield from _catalog(root)
    yield from _files(connection, root, now)
    yield from _models(connection, root.parent, now)
    for table in tables.values():
        try:
            yield from _table(connection, table)
        except duckdb.Error as error:
            yield f"{table.qualified} cannot be read: {str(error).splitlines()[0]}"


def _catalog(root: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{root / CATALOG}?mode=ro", uri=True) as catalog:
        for (said,) in catalog.execute("PRAGMA integrity_check"):
            if said != "ok":
                yield f"The catalog {root / CATALOG} is damaged: {said}. Restore it from a backup."


def _files(connection: duckdb.DuckDBPyConnection, root: Path, now: float) -> Iterator[str]:
    """Every file that a snapshot names must be there in its size, and no other may be."""
    named: dict[str, int] = {}
    for kind in ("data", "delete"):
        rows = connection.execute(
            f"SELECT concat(s.path, t.path, f.path), f.file_size_bytes "
            f"FROM __ducklake_metadata_lake.ducklake_{kind}_file AS f "
            "INNER JOIN __ducklake_metadata_lake.ducklake_table AS t USING (table_id) "
            "INNER JOIN __ducklake_metadata_lake.ducklake_schema AS s ON s.schema_id = t.schema_id"
        ).fetchall()
        named.update(rows)
    going = {
        path
        for (path,) in connection.execute(
            "SELECT path FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion"
        ).fetchall()
    }
    data = root / "data"
    there = {file.relative_to(data).as_posix(): file for file in data.rglob("*.parquet")}
    for path, size in sorted(named.items()):
        if path not in there:
            yield f"The file {data / path} is missing: rows of a snapshot are lost. Restore it from a backup."
        elif there[path].stat().st_size != size:
            yield (
                f"The file {data / path} has {there[path].stat().st_size} bytes, and was written with {size}: "
                "it is damaged. Restore it from a backup."
            )
    for path in sorted(there.keys() - named.keys() - going):
        if now - there[path].stat().st_mtime > GRACE.total_seconds():
            yield f"The file {data / path} belongs to no snapshot: a run was killed while it wrote. It may be deleted."


def _models(connection: duckdb.DuckDBPyConnection, home: Path, now: float) -> Iterator[str]:
    """Every model that the registry names must be there, and no other."""
    if not shape_of(connection, models.REGISTRY):
        return
    named = {path for (path,) in connection.execute("SELECT DISTINCT path FROM models.registry").fetchall()}
    there = {file.relative_to(home).as_posix(): file for file in (home / MODELS).rglob("*.skops*")}
    for path in sorted(named - there.keys()):
        yield f"The model {home / path} is missing. Restore it from a backup, or make its month anew with `--force`."
    for path in sorted(there.keys() - named):
        if now - there[path].stat().st_mtime > GRACE.total_seconds():
            yield (
                f"The model {home / path} is in no record: a run was killed before it published. It may be deleted."
            )


def _table(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[str]:
    found = shape_of(connection, table)
    if not found:
        return
    if found != table.shape:
        others = sorted(set(found.items()) ^ set(table.shape.items()))
        told = ", ".join(f"{name} {kind}" for name, kind in others)
        yield f"{table.qualified} has not the columns of its contract: {told}. The next run of it mends that."
        return
    if table.primary_key:
        keys = ", ".join(f'"{key}"' for key in table.primary_key)
        doubled = connection.execute(
            f"SELECT count(*) FROM (SELECT {keys} FROM {table.qualified} GROUP BY {keys} HAVING count(*) > 1)"
        ).fetchone()
        if doubled and doubled[0]:
            yield f"{table.qualified} has {doubled[0]} keys ({', '.join(table.primary_key)}) more than once."
    if not table.is_made:
        return
    recorded = {
        month: record.version
        for (_, month), record in read_versions(connection, [table.qualified]).items()
        if record.rows
    }
    actual = {
        month: version for month, (version, _) in fingerprints(connection, table, table.qualified).items()
    }
    for month in sorted(recorded.keys() | actual.keys(), key=str):
        if recorded.get(month) != actual.get(month):
            yield (
                f"{table.qualified}, {month or 'all'}: its rows are not those that were published. "
                f'`tillage run --select "key:{table.schema}/{table.name}" --force` makes them anew.'
            )
