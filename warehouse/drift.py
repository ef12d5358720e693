"""A month of a table held against the months before it: rows, gaps, means, and how values are spread.

The population stability index (Siddiqi, Credit Risk Scorecards, 2006) compares shares of values in ten parts of equal
size of the past: sum of (now - before) * ln(now / before). Below 0.1 nothing moved, from 0.25 on much did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from warehouse.contract import Table
from warehouse.plan import month_before

MONTHS, FEWEST = 6, 3
TIMES_ROWS, MORE_NULLS, SIGMAS, STABILITY = 2.0, 0.1, 4.0, 0.25
PARTS, SMALLEST_SHARE = 10, 1e-4
NUMBERS = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT")


@dataclass(frozen=True, slots=True)
class Drift:
    """What moved: `rows`, or a column's `nulls`, `mean` or `spread`; what it was and is (of `spread` the index)."""

    table: str
    month: date
    column: str | None
    what: str
    before: float
    now: float


def drift(
    connection: duckdb.DuckDBPyConnection, table: Table, month: date, columns: Sequence[str] | None = None
) -> list[Drift]:
    """Compare a month that is whole with up to six before it; nothing is told of fewer than three.

    Args:
        connection: A connection to the lake.
        table: A table with months.
        month: First day of the month.
        columns: Numbers and amounts to look at; None for all.
    """
    by = table.partition_column
    first = month
    for _ in range(MONTHS):
        first = month_before(first)
    seen = connection.execute(
        f"SELECT {by}, count(*) FROM {table.qualified} WHERE {by} BETWEEN ? AND ? GROUP BY {by} ORDER BY {by}",
        [first, month],
    ).fetchall()
    past = [count for at, count in seen if at != month]
    now = sum(count for at, count in seen if at == month)
    if len(past) < FEWEST:
        return []
    middle = sorted(past)[len(past) // 2]
    found = []
    if not middle / TIMES_ROWS <= now <= middle * TIMES_ROWS:
        found.append(Drift(table.qualified, month, None, "rows", middle, now))
    if now:
        for column in table.columns:
            is_wanted = columns is None or column.name in columns
            if is_wanted and column.type.startswith((*NUMBERS, "DECIMAL")):
                found += _of_column(connection, table, column.name, first, month)
    return found


def _of_column(
    connection: duckdb.DuckDBPyConnection, table: Table, column: str, first: date, month: date
) -> list[Drift]:
    by = table.partition_column
    rows = f'(SELECT {by} AS month, CAST("{column}" AS DOUBLE) AS value FROM {table.qualified}'
    rows += f" WHERE {by} BETWEEN $first AND $month)"
    values = {"first": first, "month": month}
    ((nulls_then, nulls_now, mean_then, sd, mean_now),) = connection.execute(
        f"""
        WITH months AS (
            SELECT month, avg(CAST(value IS NULL AS INTEGER)) AS nulls, avg(value) AS mean FROM {rows} GROUP BY month
        )
        SELECT
            avg(nulls) FILTER (month < $month), any_value(nulls) FILTER (month = $month),
            avg(mean) FILTER (month < $month), stddev_samp(mean) FILTER (month < $month),
            any_value(mean) FILTER (month = $month)
        FROM months
        """,
        values,
    ).fetchall()
    name, found = table.qualified, []
    if abs(nulls_now - nulls_then) > MORE_NULLS:
        found.append(Drift(name, month, column, "nulls", nulls_then, nulls_now))
    if None not in {mean_then, sd, mean_now} and abs(mean_now - mean_then) > SIGMAS * sd > 0:
        found.append(Drift(name, month, column, "mean", mean_then, mean_now))
    ((index,),) = connection.execute(
        f"""
        WITH given AS (SELECT * FROM {rows} WHERE value IS NOT NULL),
        bounds AS (
            SELECT list_distinct(quantile_disc(value, {[part / PARTS for part in range(1, PARTS)]})) AS edges
            FROM given WHERE month < $month
        ),
        parts AS (
            SELECT month = $month AS is_now, len(list_filter(edges, lambda edge: edge < value)) AS part
            FROM given CROSS JOIN bounds
        ),
        shares AS (
            SELECT
                greatest(sum(is_now::INTEGER) / sum(sum(is_now::INTEGER)) OVER (), {SMALLEST_SHARE}) AS now,
                greatest(sum((NOT is_now)::INTEGER) / sum(sum((NOT is_now)::INTEGER)) OVER (), {SMALLEST_SHARE}) AS before
            FROM parts GROUP BY part
        )
        SELECT sum((now - before) * ln(now / before)) FROM shares
        """,
        values,
    ).fetchall()
    if index is not None and index >= STABILITY:
        found.append(Drift(name, month, column, "spread", 0.0, round(index, 4)))
    return found
