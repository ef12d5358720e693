"""The graph of tables: what each is made from and the version of what makes it.

Read from the SQL, the contracts, the rules and the seeds; importing it needs neither Dagster nor Great
Expectations, so that asking what is out of date costs milliseconds.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from assets.computed import code_of, module_of
from expectations.rules import rules
from warehouse.contract import Sees, Table, fingerprint
from warehouse.errors import TillageError
from warehouse.lake import literal, one_file
from warehouse.lineage import reads
from warehouse.plan import Node
from warehouse.tables import TABLES

SEEDS_DIR = Path(__file__).parent.parent / "warehouse" / "seeds"


@dataclass(frozen=True)
class Graph:
    """The tables that are made, each after its inputs, with the SELECT that fills them."""

    nodes: Mapping[str, Node]
    queries: Mapping[str, str]


def graph(seeds: Path, tables: Mapping[str, Table] = TABLES) -> Graph:
    """Read the graph.

    Args:
        seeds: Folder whose `<name>.csv` stands in for the seed that Tillage ships.
        tables: The contracts.
    """
    made = {name: table for name, table in tables.items() if table.is_made}
    queries, codes = {}, {}
    for name, table in made.items():
        if table.schema == "seeds":
            file = seeds / f"{table.name}.csv"
            file = file if file.exists() else SEEDS_DIR / file.name
            content = _seed_content(file)
            queries[name] = _seed_query(table, file, content)
        else:
            queries[name] = content = table.query
        shape = f"{table.definition} {table.primary_key} {table.partition_column}"
        module = module_of(table)
        parts = [content, shape, *(rule.identity for rule in rules(table))]
        codes[name] = fingerprint(*parts, *([code_of(module)] if module else []))
    inputs = {name: {} if made[name].schema == "seeds" else _inputs(made[name], tables) for name in made}
    order = TopologicalSorter({name: inputs[name].keys() & made.keys() - {name} for name in made})
    return Graph(
        {
            name: Node(
                codes[name], inputs[name], made[name].partition_column is not None, made[name].is_served
            )
            for name in order.static_order()
        },
        queries,
    )


def _inputs(table: Table, tables: Mapping[str, Table]) -> dict[str, Sees]:
    """How each input is seen: as the contract says, else by what both are partitioned by."""
    found = {}
    for name in sorted(reads(table.query)):
        by = tables[name].partition_column
        if name in table.sees:
            found[name] = table.sees[name]
        elif name == table.qualified:
            found[name] = Sees.LAST if table.is_served else Sees.BEFORE
        elif by is None or table.partition_column is None:
            found[name] = Sees.WHOLE
        else:
            found[name] = Sees.SAME if by == table.partition_column else Sees.UP_TO
    return found


def _seed_content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TillageError(f"The seed {file} cannot be read ({error}). Save it as a CSV in UTF-8.") from error


def _seed_query(table: Table, file: Path, content: str) -> str:
    # DuckDB takes columns by their place, whatever the header says.
    header = next(csv.reader(content.splitlines()), [])
    may_lack = [column.name for column in table.columns if column.nullable and column.name not in header]
    if sorted([*header, *may_lack]) != sorted(table.shape):
        raise TillageError(
            f"The seed {file} must have the columns {', '.join(table.shape)}, and has {', '.join(header)}. "
            f"Name them in its first line, or remove it so that the {table.qualified} of Tillage holds."
        )
    columns = ", ".join(f"{literal(name)}: {literal(table.shape[name])}" for name in header)
    wanted = [
        f"CAST(NULL AS {kind}) AS {name}" if name in may_lack else name for name, kind in table.shape.items()
    ]
    return (
        f"SELECT {', '.join(wanted)} FROM read_csv({one_file(file)}, header = true, "
        f"auto_detect = false, columns = {{{columns}}})"
    )
