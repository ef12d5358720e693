"""What a query reads, and which columns each of its columns is made from, taken from the SQL itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

from warehouse.contract import Table, fingerprint

SQLGLOT = version("sqlglot")
# What `reads` parsed, for `column_lineage` to take apart: to copy a query takes sqlglot as long as to parse it.
_PARSED: dict[str, exp.Expr] = {}
# Lineage of columns, by a fingerprint of what it follows from; and which of it this process asked for.
_KNOWN: dict[str, dict[str, list[tuple[str, str]]]] = {}
_ASKED: set[str] = set()


@cache
def reads(query: str) -> frozenset[str]:
    """Give the tables, as schema.name, that the query reads; its own CTEs have no schema."""
    _PARSED[query] = parsed = _parsed(query)
    return frozenset(f"{table.db}.{table.name}" for table in parsed.find_all(exp.Table) if table.db)


def _parsed(query: str) -> exp.Expr:
    return sqlglot.parse_one(query, dialect="duckdb")


def column_lineage(table: Table, shapes: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Give for each column of `table` the columns it is made from, as (schema.name, column).

    Args:
        table: A table that a query of its own fills.
        shapes: Name and type of the columns of every table it reads, by schema.name.
    """
    # sqlglot works through every column it is told of.
    read = {name: shapes[name] for name in sorted(reads(table.query) & shapes.keys())}
    follows_from = fingerprint(SQLGLOT, table.query, *table.shape, json.dumps(read))
    _ASKED.add(follows_from)
    if follows_from not in _KNOWN:
        _KNOWN[follows_from] = _columns(table, read)
    return _KNOWN[follows_from]


@contextmanager
def remembered(file: Path) -> Iterator[None]:
    """Look lineage of columns up in a file, and keep what had to be worked out there.

    To work it out takes 5 ms a table, of each process that loads the definitions. A file that cannot be read is made anew.
    """
    with suppress(OSError, ValueError, AttributeError, TypeError):
        for at, columns in json.loads(file.read_text(encoding="utf-8")).items():
            _KNOWN[at] = {name: [(table, column) for table, column in of] for name, of in columns.items()}
    before = set(_KNOWN)
    yield
    if _KNOWN.keys() != before:
        aside = file.with_name(f"{file.name}.{uuid4().hex[:8]}")
        with suppress(OSError):  # a home that is only read
            asked = {at: _KNOWN[at] for at in sorted(_ASKED)}
            aside.write_text(json.dumps(asked), encoding="utf-8")
            aside.replace(file)


def _columns(table: Table, shapes: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
    schema: dict[str, Any] = {}
    for name, shape in shapes.items():
        schema.setdefault(name.split(".")[0], {})[name.split(".")[1]] = shape
    # All columns at once: one by one, sqlglot would qualify the query anew for each.
    parsed = _PARSED.pop(table.query, None) or _parsed(table.query)
    nodes = lineage(None, parsed, schema=schema, dialect="duckdb", trim_selects=False, copy=False)
    found = {}
    for column in table.columns:
        sources = (
            (node.expression, node.name.split(".")[-1].strip('"'))
            for node in nodes[column.name].walk()
            if not node.downstream
        )
        found[column.name] = sorted(
            {
                (f"{table.db}.{table.name}", source)
                for table, source in sources
                if isinstance(table, exp.Table) and table.db  # what is unpivoted is not followed
            }
        )
    return found
