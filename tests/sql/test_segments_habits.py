"""segments.habits: what customers do when they come, against a plain loop."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

MONTHS = month_range(date(2010, 1, 1), date(2011, 3, 1))
START, END = date(2010, 11, 1), date(2011, 4, 1)
# Customer, first day of a month, order days in it (on the first of them).
visits = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(MONTHS), st.integers(1, 9)),
    unique_by=lambda row: row[:2],
    max_size=20,
)


def put(fill: Fill, tables: Any, rows: Sequence[tuple[str, date, int]]) -> None:
    """Monthly state and features of customers who come on the first day of a month, and on the next ones."""
    for name in ("core.customer_months", "segments.customer_features"):
        tables.execute(f"DELETE FROM {name}")
    fill("core.customer_months", "customer_id,month,order_days", *rows)
    for as_of in month_range(START, date(2011, 3, 1)):
        for customer, days in state(rows, as_of).items():
            first = min(month for name, month, _ in rows if name == customer)
            fill(
                "segments.customer_features", "as_of,customer_id,order_days,order_value,tenure_days,recency_days",
                (as_of, customer, days, 5, (next_month(as_of) - first).days, 1),
            )  # fmt: skip


def state(rows: Sequence[tuple[str, date, int]], as_of: date) -> dict[str, int]:
    found: dict[str, int] = {}
    for customer, month, days in rows:
        if month <= as_of:
            found[customer] = found.get(customer, 0) + days
    return found


def naive(rows: Sequence[tuple[str, date, int]], as_of: date) -> list[dict[str, Any]]:
    seen = [row for row in rows if row[1] <= as_of]
    by_month: dict[date, int] = {}
    for _, month, days in seen:
        by_month[month] = by_month.get(month, 0) + days
    usual = {at: [total for month, total in by_month.items() if month.month == at] for at in range(1, 13)}
    usual = {at: totals for at, totals in usual.items() if totals}
    season: tuple[int, ...] | None = None
    if len(usual) == 12:
        mean = {at: sum(totals) / len(totals) for at, totals in usual.items()}
        best = max(range(1, 13), key=lambda at: (round(mean[at] + mean[at % 12 + 1], 9), -at))
        season = (best, best % 12 + 1)
    found = []
    everyone = state(rows, as_of)
    for customer, days in sorted(everyone.items()):
        first = min(month for name, month, _ in seen if name == customer)
        span = (next_month(as_of) - first).days - 1 + 30
        share = own = expected = None
        if season:
            last = max(month for name, month, _ in seen if name == customer)
            there = [month.month for month in by_month if first <= month <= last]
            expected = sum(mean[at] for at in there if at in season) / sum(mean[at] for at in there)
            of_all = sum(n for _, month, n in seen if month.month in season) / sum(everyone.values())
            own = sum(n for name, month, n in seen if name == customer and month.month in season)
            share = (own + 4 * of_all) / (days + 4)
        found.append(
            {
                "as_of": as_of, "customer_id": customer, "order_days": days, "order_value": Decimal(5),
                "orders_a_month": pytest.approx((days - 0.5) * 30.4375 / span, abs=2e-6),
                "season_share": share if share is None else pytest.approx(share, abs=2e-6),
                "season_days": own,
                "season_expected_share": expected if expected is None else pytest.approx(expected, abs=2e-6),
            }
        )  # fmt: skip
    return found


EVERY_MONTH = [("a", month, 1 + (month.month in {11, 12}) * 5) for month in MONTHS]


@given(visits)
def test_habits_are_those_of_a_plain_loop(tables: Any, fill: Fill, run: Run, rows: Any) -> None:
    for more in ([], [row for row in EVERY_MONTH if row[:2] not in {found[:2] for found in rows}]):
        given_rows = [*rows, *more]
        put(fill, tables, given_rows)
        expected = [row for as_of in month_range(START, date(2011, 3, 1)) for row in naive(given_rows, as_of)]
        assert run("segments.habits", START, END) == expected


def test_a_month_is_the_same_made_alone_or_with_others(tables: Any, fill: Fill, run: Run) -> None:
    put(fill, tables, EVERY_MONTH)
    whole = run("segments.habits", START, END)
    alone = [
        row
        for month in month_range(START, date(2011, 3, 1))
        for row in run("segments.habits", month, next_month(month))
    ]
    assert whole == alone


def test_the_high_season_is_known_when_every_month_of_the_calendar_was_seen(
    tables: Any, fill: Fill, run: Run
) -> None:
    """Of a shop that opened in spring, the autumn would pass for a season."""
    put(fill, tables, [*EVERY_MONTH, ("b", date(2010, 11, 1), 2)])
    shares = {
        (row["as_of"].month, row["customer_id"]): row["season_share"]
        for row in run("segments.habits", START, END)
    }
    assert shares[11, "a"] is None
    assert shares[12, "b"] > shares[12, "a"] > 0


def test_of_whom_the_season_alone_was_seen_it_is_all_that_is_expected(
    tables: Any, fill: Fill, run: Run
) -> None:
    """Else every customer won in a December would pass for a seasonal one."""
    put(fill, tables, [*EVERY_MONTH, ("b", date(2010, 11, 1), 2), ("b", date(2010, 12, 1), 3)])
    told = {row["customer_id"]: row for row in run("segments.habits", date(2010, 12, 1), date(2011, 1, 1))}
    assert (told["b"]["season_days"], told["b"]["season_expected_share"]) == (5, 1.0)
    assert told["a"]["season_days"] / told["a"]["order_days"] == pytest.approx(
        told["a"]["season_expected_share"], abs=0.1
    )


def test_who_comes_seldom_for_long_is_told_from_who_came_often_and_left(fill: Fill, run: Run) -> None:
    """Tenure makes no clusters: it is the time in which a customer came."""
    as_of = date(2011, 3, 1)
    columns = "as_of,customer_id,order_days,order_value,tenure_days,recency_days"
    rows = [("short", 6, 60, 30), ("short and gone", 6, 400, 370), ("long", 6, 400, 10)]
    for name, days, tenure, recency in rows:
        fill("segments.customer_features", columns, (as_of, name, days, 5, tenure, recency))
    fill("core.customer_months", "customer_id,month,order_days", ("short", as_of, 6))
    rates = {row["customer_id"]: row["orders_a_month"] for row in run("segments.habits", as_of, END)}
    assert rates["short"] == rates["short and gone"] > 5 * rates["long"]
