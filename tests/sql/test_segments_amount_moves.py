"""segments.amount_moves: who brought the change of the amount, against a plain loop."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 11, 1), date(2011, 3, 1))
FIRST, END = MONTHS[0], next_month(MONTHS[-1])

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, orders, amount
Month = tuple[date, str, int, Decimal]

shops = st.lists(
    st.tuples(
        st.sampled_from(MONTHS),
        st.sampled_from("abcd"),
        st.integers(0, 2),
        st.sampled_from(["1", "2.5", "2.5", "9.0001"]).map(Decimal),
    ).map(lambda row: row if row[2] else (*row[:3], Decimal(0))),
    unique_by=lambda row: row[:2],
    max_size=16,
)


def put(fill: Fill, tables: Any, shop: list[Month], days: tuple[date, ...] = ()) -> None:
    for name in ("core.customer_months", "core.sales_days"):
        tables.execute(f"DELETE FROM {name}")
    fill("core.customer_months", "month,customer_id,orders,amount", *shop)
    fill("core.sales_days", "month,day,country", *((day.replace(day=1), day, "EIRE") for day in days))


def naive(shop: list[Month], as_of: date) -> list[dict[str, Any]]:
    sales = {(month, customer): amount for month, customer, orders, amount in shop if orders}
    previous = (as_of - timedelta(days=1)).replace(day=1)
    groups: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for customer in "abcd":
        before, now = sales.get((previous, customer)), sales.get((as_of, customer))
        was_here = any(month < as_of and who == customer for month, who in sales)
        if before is None and now is None:
            continue
        if now is None:
            move = "lapsed"
        elif before is None:
            move = "reactivated" if was_here else "new"
        else:
            move = "expanded" if now > before else "contracted" if now < before else "retained"
        groups.setdefault(move, []).append((before or Decimal(0), now or Decimal(0)))
    return [
        {
            "as_of": as_of, "move": move, "customers": len(moved), "amount_before": sum(at for at, _ in moved),
            "amount": sum(at for _, at in moved), "amount_change": sum(now - at for at, now in moved),
            "is_whole_month": False,
        }
        for move, moved in sorted(groups.items())
    ]  # fmt: skip


@given(shops)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, shop: list[Month]) -> None:
    put(fill, tables, shop)
    expected = [row for month in MONTHS for row in naive(shop, month)]
    assert run("segments.amount_moves", FIRST, END) == expected


@given(shops, st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: list[Month], as_of: date
) -> None:
    put(fill, tables, [row for row in shop if row[0] <= as_of])
    assert run("segments.amount_moves", as_of, next_month(as_of)) == naive(shop, as_of)


@given(shops)
def test_the_moves_add_up_to_the_change_of_the_total(
    fill: Fill, run: Run, tables: Any, shop: list[Month]
) -> None:
    put(fill, tables, shop)
    found = run("segments.amount_moves", FIRST, END)
    totals = {month: sum(row[3] for row in shop if row[0] == month) for month in MONTHS}
    for before, month in zip([None, *MONTHS], MONTHS, strict=False):
        change = sum(row["amount_change"] for row in found if row["as_of"] == month)
        assert change == totals[month] - (totals[before] if before else 0)


def test_a_month_without_sales_says_that_all_have_lapsed(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(MONTHS[0], "a", 1, Decimal(5)), (MONTHS[1], "a", 0, Decimal(0))])
    found = run("segments.amount_moves", FIRST, END)
    assert [(row["as_of"], row["move"], row["amount_change"]) for row in found] == [
        (MONTHS[0], "new", 5), (MONTHS[1], "lapsed", -5)
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "is_whole"), [(27, False), (28, False), (29, True), (31, True)])
def test_a_month_is_whole_from_its_last_three_days_on(
    fill: Fill, run: Run, tables: Any, day: int, is_whole: bool
) -> None:
    """Seen on the 9th, most of the month before would seem to have gone away."""
    january = MONTHS[2]
    put(fill, tables, [(january, "a", 1, Decimal(5))], (january, january.replace(day=day), MONTHS[3]))
    [row] = run("segments.amount_moves", january, next_month(january))
    assert row["is_whole_month"] == is_whole
