"""Which files the lake's catalog names, which it has let go, and which nobody knows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb

from warehouse.lake import home_of, shape_of
from warehouse.records import MODELS
from warehouse.tables import models

CATALOG_TABLES = "__ducklake_metadata_lake"
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


def model_files(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Give path below the home of every model that the registry names."""
    if not shape_of(connection, models.REGISTRY):
        return set()
    return {path for (path,) in connection.execute("SELECT DISTINCT path FROM models.registry").fetchall()}


def orphans(connection: duckdb.DuckDBPyConnection, before: float) -> Iterator[Path]:
    """Give the data files and models that no snapshot or record names, last written before a moment.

    Args:
        connection: A connection to the lake.
        before: Seconds since 1970.
    """
    home = home_of(connection)
    data = home / "lake" / "data"
    # Looked for before the catalog is asked: what is named in between is in both.
    there = {file.relative_to(data).as_posix(): file for file in data.rglob("*.parquet")}
    fitted = {file.relative_to(home).as_posix(): file for file in (home / MODELS).rglob("*.skops*")}
    let_go = {
        path
        for (path,) in connection.execute(
            f"SELECT path FROM {CATALOG_TABLES}.ducklake_files_scheduled_for_deletion"
        ).fetchall()
    }
    unknown = [there[path] for path in sorted(there.keys() - data_files(connection).keys() - let_go)]
    unknown += [fitted[path] for path in sorted(fitted.keys() - model_files(connection))]
    for file in unknown:
        try:
            if file.stat().st_mtime < before:
                yield file
        except FileNotFoundError:  # another process has deleted it
            continue
