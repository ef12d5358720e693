"""A month unlike those before it is told, and one like them is not."""

from collections.abc import Callable
from datetime import date
from math import log
from typing import Any

import duckdb
import numpy as np
import pytest

from warehouse.contract import Column, Table
from warehouse.drift import drift
from warehouse.lake import ensure

TABLE = Table(
    "shop",
    "sales",
    "",
    "",
    (
        Column("month", "DATE", ""),
        Column("amount", "DECIMAL(18,4)", "", nullable=True),
        Column("units", "BIGINT", ""),
        Column("name", "VARCHAR", "", nullable=True),
    ),
    (),
    "month",
)
NEWEST = date(2011, 7, 1)


@pytest.fixture
def fill(lake: duckdb.DuckDBPyConnection) -> Callable[..., duckdb.DuckDBPyConnection]:
    """Six months of 400 rows alike, and July as told."""

    def run(newest: Any, months: int = 6, units: int = 3) -> duckdb.DuckDBPyConnection:
        ensure(lake, TABLE)
        chance = np.random.default_rng(5)
        for at in range(months):
            _insert(lake, date(2011, 6 - at, 1), chance.normal(100, 20, 400), 3)
        _insert(lake, NEWEST, newest(chance), units)
        return lake

    return run


def _insert(lake: duckdb.DuckDBPyConnection, month: date, amounts: Any, units: int) -> None:
    values = [None if np.isnan(amount) else round(float(amount), 4) for amount in amounts]
    lake.execute("INSERT INTO shop.sales SELECT ?, unnest(?::DOUBLE[]), ?, NULL", [month, values, units])


def told(lake: duckdb.DuckDBPyConnection) -> set[tuple[str | None, str]]:
    return {(one.column, one.what) for one in drift(lake, TABLE, NEWEST)}


def _gaps(chance: np.random.Generator) -> Any:
    amounts = chance.normal(100, 20, 400)
    amounts[:80] = np.nan
    return amounts


CASES = {
    "alike": (lambda chance: chance.normal(100, 20, 400), set()),
    "half as many and fewer": (lambda chance: chance.normal(100, 20, 150), {(None, "rows")}),
    "three times as many": (lambda chance: chance.normal(100, 20, 1200), {(None, "rows")}),
    "none": (lambda _: np.array([]), {(None, "rows")}),
    "gaps": (_gaps, {("amount", "nulls")}),
    "dearer": (lambda chance: chance.normal(150, 20, 400), {("amount", "mean"), ("amount", "spread")}),
    "spread": (lambda chance: chance.normal(100, 60, 400), {("amount", "spread")}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_moved_is_told_and_nothing_else(fill: Callable[..., Any], case: str) -> None:
    newest, wanted = CASES[case]
    assert told(fill(newest)) == wanted


def test_fewer_than_three_months_say_nothing(fill: Callable[..., Any]) -> None:
    assert told(fill(lambda chance: chance.normal(500, 20, 9), months=2)) == set()


def test_the_index_is_that_of_its_definition(fill: Callable[..., Any]) -> None:
    """Against a plain loop over the parts."""
    lake = fill(lambda chance: chance.normal(150, 20, 400))
    (one,) = [one for one in drift(lake, TABLE, NEWEST, ["amount"]) if one.what == "spread"]
    before, now = (
        [
            float(value)
            for (value,) in lake.execute(
                f"SELECT amount FROM shop.sales WHERE month {of} ?", [NEWEST]
            ).fetchall()
        ]
        for of in ("<", "=")
    )
    ordered = sorted(before)
    edges = [ordered[-(-len(ordered) * part // 10) - 1] for part in range(1, 10)]
    index = 0.0
    for part in range(10):
        low = -1e9 if part == 0 else edges[part - 1]
        high = 1e9 if part == 9 else edges[part]
        then, since = (max(sum(low < value <= high for value in of) / len(of), 1e-4) for of in (before, now))
        index += (since - then) * log(since / then)
    assert one.now == pytest.approx(index, abs=1e-4)
