"""What a warehouse table promises: its grain, columns and key.

A `Table` is the one place a table's shape is written. The DDL, the expectations, Dagster's column
metadata and the data dictionary are derived from it, so none of them can drift from the others.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path

SQL_DIR = Path(__file__).parent / "sql"


class Sees(Enum):
    """Which months of an input a month of a table is made from."""

    SAME = "the same month"
    PREVIOUS = "the same month and the one before"
    BEFORE = "the month before alone"
    LAST = "the last month before it that has rows"
    UP_TO = "every month up to it"
    WHOLE = "all of it"


@dataclass(frozen=True)
class Column:
    """One column: DuckDB type, meaning, unit, the values it may take, and whether it tells who a customer is."""

    name: str
    type: str
    description: str
    nullable: bool = False
    unit: str | None = None
    minimum: float | None = None
    values: tuple[str, ...] | None = None
    personal: bool = False


@dataclass(frozen=True)
class Table:
    """One table, named `schema.name`, whose Dagster asset key is `[schema, name]`.

    `partition_column` is `month` (the month of the event), `as_of` (the state at the end of that
    month) or None for a table without months. How an input is seen follows from what both are
    partitioned by; `sees` names the inputs, as schema.name, of which it is otherwise. A query that reads its
    own table is a chain, and sees of it the month before. Of a table that `is_served` only the newest month is
    made by itself: it answers for today, and nobody asks it of a year ago; older months are made when forced. What is
    both sees of itself the last month that has rows, for months between were perhaps never made. What Python computes of
    the rows of other tables' queries names those of its schema, `query_of`, its own among them if it reads more than they do.
    """

    schema: str
    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    partition_column: str | None = None
    sees: Mapping[str, Sees] = field(default_factory=dict, hash=False)
    is_served: bool = False
    query_of: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """The name to write in SQL."""
        return f"{self.schema}.{self.name}"

    @property
    def is_made(self) -> bool:
        """Whether a query or a seed fills it; the others are written as files, months and models come."""
        return self.schema not in {"landing", "meta", "models"}

    @cached_property
    def shape(self) -> dict[str, str]:
        """Name and type of every column."""
        return {column.name: column.type for column in self.columns}

    @property
    def definition(self) -> str:
        """The columns as `CREATE TABLE` takes them; DuckLake has no keys, so those are audited instead."""
        return ", ".join(
            f'"{column.name}" {column.type}{"" if column.nullable else " NOT NULL"}'
            for column in self.columns
        )

    @cached_property
    def query(self) -> str:
        """The SELECT that fills this table, from `warehouse/sql/<schema>/<name>.sql`: all rows of those of `query_of`."""
        files = [SQL_DIR / self.schema / f"{name}.sql" for name in self.query_of or (self.name,)]
        return "UNION ALL BY NAME\n".join(file.read_text(encoding="utf-8") for file in files)


def fingerprint(*parts: str) -> str:
    """Name a version by what can change the data."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
