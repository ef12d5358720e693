"""Make what is out of date of one table. No Dagster: the same for a step of a run and for a test."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb

from assets.computed import step_of
from assets.graph import Graph
from assets.threads import held
from expectations.audit import audit
from warehouse.contract import Sees
from warehouse.lake import ensure, in_transaction
from warehouse.plan import Plan, next_month
from warehouse.publish import Judge, Published, publish, take_away
from warehouse.records import read_refusals, read_versions, with_rows
from warehouse.tables import TABLES

# So many rows of its inputs a table is made from in one pass: to tell lines apart takes 200 bytes for each.
ROWS_AT_ONCE = 5_000_000
LARGER_PASSES = 4


@dataclass(frozen=True, slots=True)
class Made:
    """What was made and why, and what was passed over because it is current."""

    reasons: dict[date | None, str]
    published: Published | None


def read_plan(connection: duckdb.DuckDBPyConnection, graph: Graph) -> Plan:
    """Read the lake's records, in one snapshot, as a plan."""
    connection.begin()
    try:
        return Plan(graph.nodes, read_versions(connection), read_refusals(connection))
    finally:
        connection.rollback()


def make(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    graph: Graph,
    *,
    months: Collection[date | None] | None = None,
    force: bool = False,
    run: str | None = None,
    judge: Judge = audit,
) -> Made:
    """Publish the months of a table that are out of date, and take away those that no file reaches to any more.

    Args:
        connection: A connection of the caller's own.
        name: The table, as schema.name.
        graph: What it is made from.
        months: Look at these months only; None for all.
        force: Make what is current, and what stands refused, too.
        run: Dagster run, for the records.
        judge: Says which months must not be published.
    """
    plan = read_plan(connection, graph)
    asked = plan.all_of(name) if force else plan.stale(name)
    wanted = {month: why for month, why in asked.items() if months is None or month in months}
    if not wanted:
        return Made({}, None)

    def inputs(reading: duckdb.DuckDBPyConnection) -> dict[date | None, str]:
        sources = {name, *graph.nodes[name].inputs}
        seen = Plan(graph.nodes, {**plan.records, **read_versions(reading, sources)}, {})
        return seen.inputs(name)

    code, made_for = graph.nodes[name].code, plan.months(name)
    given_up = [month for month in wanted if month not in made_for]
    batches = [*_batches(plan, name, [month for month in wanted if month in made_for])]
    if plan.is_chain(name) or len(batches) + bool(given_up) > 1:
        # A chain is read before it is written. A shape that the rows there cannot take costs all of them, so only
        # where all are made anew.
        is_whole = with_rows(plan.records, name) <= wanted.keys()
        in_transaction(connection, lambda: ensure(connection, TABLES[name], replaced=is_whole))
    published: Published | None = None
    if given_up:
        published = take_away(connection, TABLES[name], given_up, code=code, run=run)
    for batch in batches:
        dated = [month for month in batch if month is not None]
        bounds = {"start": min(dated), "end": next_month(max(dated))} if dated else {}
        with held(connection):
            one = publish(
                connection,
                TABLES[name],
                graph.queries[name],
                months=batch,
                parameters=bounds,
                inputs=inputs,
                code=code,
                judge=judge,
                compute=step_of(TABLES[name], dated),
                run=run,
            )
        published = one if published is None else published.followed_by(one)
    return Made(wanted, published)


def _batches(plan: Plan, name: str, months: list[date | None]) -> Iterator[list[date | None]]:
    """Cut months into passes of the query that fit into memory; a month alone always does, or spills.

    Months of a chain are made one by one, as each reads the one before. Where a month is made from all that
    came before it, each pass reads that anew: those take fewer and larger passes.
    """
    inputs = plan.graph[name].inputs
    if plan.is_chain(name):
        yield from ([month] for month in months)
        return
    reads_back = any(sees not in {Sees.SAME, Sees.WHOLE} for sees in inputs.values())
    at_once = ROWS_AT_ONCE * (LARGER_PASSES if reads_back else 1)
    batch: list[date | None] = []
    rows = 0
    for month in months:
        records = [
            plan.records.get((source, month)) for source, sees in inputs.items() if sees is not Sees.WHOLE
        ]
        read = sum(record.rows for record in records if record)
        if batch and rows + read > at_once:
            yield batch
            batch, rows = [], 0
        batch.append(month)
        rows += read
    if batch:
        yield batch
