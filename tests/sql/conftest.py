"""Run the SELECT of a table on rows written by hand, without a lake."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import pytest

from warehouse.tables import TABLES


@pytest.fixture
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with every table that a query reads, empty and free of NOT NULL."""
    with duckdb.connect() as connection:
        for table in TABLES.values():
            shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
            connection.execute(f"CREATE TABLE {table.qualified} ({shape})")
        yield connection


@pytest.fixture
def fill(tables: duckdb.DuckDBPyConnection) -> Callable[..., None]:
    """Insert rows; columns that are not named stay null."""

    def insert(name: str, columns: str, *rows: Sequence[object]) -> None:
        marks = ", ".join("?" for _ in columns.split(","))
        if rows:
            tables.executemany(
                f"INSERT INTO {name} ({columns}) VALUES ({marks})", [list(row) for row in rows]
            )

    return insert


@pytest.fixture
def run(tables: duckdb.DuckDBPyConnection) -> Callable[..., list[dict[str, Any]]]:
    """Give the rows of a table's query for the months from `start` up to `end`, in the contract's types."""

    def query(name: str, start: date, end: date) -> list[dict[str, Any]]:
        table = TABLES[name]
        cast = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in table.shape.items())
        found = tables.execute(
            f"SELECT {cast} FROM ({table.query}) ORDER BY ALL", {"start": start, "end": end}
        )
        names = [at[0] for at in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return query
