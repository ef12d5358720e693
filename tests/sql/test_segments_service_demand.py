"""segments.service_demand: returns expected of each segment, against a plain loop."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 10, 1), date(2011, 3, 1))
FIRST, END = MONTHS[0], next_month(MONTHS[-1])

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, segment, return lines in the month
State = tuple[date, str, str, int]

shops = st.lists(
    st.tuples(
        st.sampled_from(MONTHS), st.sampled_from("abcd"), st.sampled_from(["New", "Lost"]), st.integers(0, 5)
    ),
    unique_by=lambda row: row[:2],
    max_size=24,
)


def put(fill: Fill, tables: Any, shop: list[State]) -> None:
    """Every month ends whole."""
    for name in ("segments.rfm", "core.customer_months", "core.sales_days"):
        tables.execute(f"DELETE FROM {name}")
    fill("segments.rfm", "as_of,customer_id,segment", *(row[:3] for row in shop))
    fill("core.customer_months", "month,customer_id,return_lines", *((*row[:2], row[3]) for row in shop))
    fill(
        "core.sales_days", "month,day", *((month, next_month(month) - timedelta(days=1)) for month in MONTHS)
    )


def naive(shop: list[State], as_of: date) -> list[dict[str, Any]]:
    lines = {row[:2]: row[3] for row in shop}

    def of(month: date, segment: str) -> tuple[int, int]:
        who = [row[1] for row in shop if row[0] == month and row[2] == segment]
        return len(who), sum(lines.get((next_month(month), one), 0) for one in who)

    past = [month for month in MONTHS if month < as_of]
    # weight, customers, return lines
    known = {
        name: [
            (0.5 ** ((as_of.month - month.month + 12 * (as_of.year - month.year)) / 3), *of(month, name))
            for month in past
            if of(month, name)[0]
        ]
        for name in ("Lost", "New")
    }

    def sums(months: list[tuple[float, int, int]]) -> tuple[float, float]:
        return sum(w * some for w, some, _ in months), sum(w * back for w, _, back in months)

    squares, freedom = 0.0, 0.0
    for months in known.values():
        customers, returned = sums(months)
        if returned:
            rate = returned / customers
            squares += sum(w * (back - some * rate) ** 2 / (some * rate) for w, some, back in months)
            weights = [w for w, _, _ in months]
            freedom += sum(weights) - sum(w * w for w in weights) / sum(weights)
    spread = max(1.0, squares / freedom) if freedom > 1e-12 else 1.0
    found = []
    for name, months in known.items():
        now = of(as_of, name)[0]
        if not now:
            continue
        expected = low = high = None
        if len(months) >= 3:
            customers, returned = sums(months)
            expected = now * returned / customers
            error = math.sqrt(spread * now * max(returned, 0.5) / customers * (1 + now / customers))
            low, high = max(expected - 1.96 * error, 0), expected + 1.96 * error
        near = [None if value is None else pytest.approx(value, abs=1e-3) for value in (expected, low, high)]
        found.append((as_of, name, now, len(months), *near, expected is None))
    return found


@settings(max_examples=40)
@given(shops)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, shop: list[State]) -> None:
    put(fill, tables, shop)
    found = [
        (*list(row.values())[:-1], row["reason"] is not None)
        for row in run("segments.service_demand", FIRST, END)
    ]
    assert found == [row for month in MONTHS for row in naive(shop, month)]


@settings(max_examples=30)
@given(shops, st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: list[State], as_of: date
) -> None:
    put(fill, tables, shop)
    alone = run("segments.service_demand", as_of, next_month(as_of))
    assert alone == [row for row in run("segments.service_demand", FIRST, END) if row["as_of"] == as_of]
    put(fill, tables, [row for row in shop if row[0] <= as_of])
    tables.execute("DELETE FROM core.sales_days WHERE month > ?", [as_of])
    assert run("segments.service_demand", as_of, next_month(as_of)) == alone


def test_a_month_that_is_not_over_is_not_learned_from(fill: Fill, run: Run, tables: Any) -> None:
    """Nine days of December would tell of a third of its returns."""
    put(fill, tables, [(month, "a", "New", 3) for month in MONTHS])
    tables.execute("DELETE FROM core.sales_days WHERE month = ?", [MONTHS[-1]])
    fill("core.sales_days", "month,day", (MONTHS[-1], MONTHS[-1] + timedelta(days=8)))
    [row] = run("segments.service_demand", MONTHS[-1], END)
    assert (row["learned_months"], row["expected_return_lines"]) == (len(MONTHS) - 2, 3)
