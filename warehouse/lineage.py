"""What a query reads, and which columns each of its columns is made from, taken from the SQL itself."""

from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

from warehouse.contract import Table

# What `reads` parsed, for `column_lineage` to take apart: to copy a query takes sqlglot as long as to parse it.
_PARSED: dict[str, exp.Expr] = {}


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
    schema: dict[str, Any] = {}
    for name in reads(table.query) & shapes.keys():  # sqlglot works through every column it is told of
        schema.setdefault(name.split(".")[0], {})[name.split(".")[1]] = shapes[name]
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
