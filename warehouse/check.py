"""Hold the lake against what it promises: catalog, files, contracts, keys, and the records of its rows."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from warehouse.catalog import damages
from warehouse.contract import Table
from warehouse.files import GRACE, data_files, model_files, orphans, stored_files
from warehouse.intake import SOURCES
from warehouse.lake import CATALOG, data_of, shape_of
from warehouse.publish import fingerprints
from warehouse.records import read_versions
from warehouse.tables import landing

RESTORE = "`tillage restore` brings back the last backup."


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
    if landing.ORDERS.qualified in tables:
        yield from _landed(connection)
    for table in tables.values():
        try:
            yield from _table(connection, table)
        except duckdb.Error as error:
            yield f"{table.qualified} cannot be read: {str(error).splitlines()[0]}. {RESTORE}"


def _catalog(root: Path) -> Iterator[str]:
    if not (root / CATALOG).exists():  # on PostgreSQL, which looks after itself
        return
    for said in damages(root / CATALOG):
        yield f"The catalog {root / CATALOG} is damaged: {said}. {RESTORE}"


def _files(connection: duckdb.DuckDBPyConnection, root: Path, now: float) -> Iterator[str]:
    """Every file that a snapshot names must be there in its size, and no other may be."""
    named = data_files(connection)
    data, there = data_of(connection), stored_files(connection)
    for path, size in sorted(named.items()):
        if path not in there:
            yield f"The file {data}{path} is missing: rows of a snapshot are lost. {RESTORE}"
        elif there[path].size != size:
            yield (
                f"The file {data}{path} has {there[path].size} bytes, and was written with {size}: it is damaged. {RESTORE}"
            )
    for path in sorted(model_files(connection)):
        if not (root.parent / path).exists():
            yield f"The model {root.parent / path} is missing. {RESTORE} `--force` makes its month anew, too."
    for file in orphans(connection, datetime.fromtimestamp(now, UTC) - GRACE):
        yield (
            f"The file {file} belongs to no snapshot: a run was killed while it wrote. `tillage maintain` deletes it."
        )


def _landed(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Rows of files are known by content and month: their number, and the sum of their hashes.

    Compared as doubles, for Parquet has no whole number beyond 64 bits, and DuckDB writes them as such.
    """
    for source in SOURCES:
        table = source.table.qualified
        try:
            unequal = connection.execute(
                f"""
                WITH landed AS (
                    SELECT file_id, month, count(*) AS rows, sum(hash({", ".join(source.parsed)})::HUGEINT)::DOUBLE AS rows_hash
                    FROM {table} GROUP BY file_id, month
                ),
                noted AS (
                    SELECT * FROM landing.file_months
                    WHERE file_id IN (SELECT file_id FROM landing.files WHERE source = '{source.name}')
                )
                SELECT coalesce(landed.month, noted.month) AS month
                FROM landed FULL JOIN noted ON landed.file_id = noted.file_id AND landed.month = noted.month
                WHERE landed.rows IS DISTINCT FROM noted.rows OR landed.rows_hash IS DISTINCT FROM noted.rows_hash::DOUBLE
                GROUP BY ALL ORDER BY ALL
                """
            ).fetchall()
        except duckdb.Error as error:
            yield f"{table} cannot be read: {str(error).splitlines()[0]}. {RESTORE}"
            continue
        for (month,) in unequal:
            yield f"{table}, {month}: its rows are not those that the files brought. {RESTORE}"


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
