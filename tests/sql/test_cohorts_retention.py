"""cohorts.retention: who buys again, by cohort and age as of each month, against a plain loop."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 11, 1), date(2011, 3, 1))
FIRST, END = MONTHS[0], next_month(MONTHS[-1])
TRUNCATED = 2

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, orders
Month = tuple[date, str, int]

shops = st.lists(
    st.tuples(st.sampled_from(MONTHS), st.sampled_from("abcd"), st.integers(0, 2)),
    unique_by=lambda row: row[:2],
    max_size=16,
)
days = st.sets(st.dates(FIRST, date(2011, 3, 31)), max_size=3)


def put(fill: Fill, tables: Any, shop: list[Month], more: set[date] | None = None) -> set[date]:
    """Write a shop, whose customers buy on the 10th, and guests on other days; gives the days."""
    for name in ("core.customer_months", "core.sales_days", "seeds.thresholds"):
        tables.execute(f"DELETE FROM {name}")
    found = {month.replace(day=10) for month, *_ in shop} | (more or set())
    fill("core.customer_months", "month,customer_id,orders", *shop)
    fill("core.sales_days", "month,day,country", *((day.replace(day=1), day, "EIRE") for day in found))
    fill("seeds.thresholds", "left_truncated_months", (TRUNCATED,))
    return found


def is_whole(month: date, as_of: date, days: set[date]) -> bool:
    later = [day for day in days if next_month(month) <= day < next_month(as_of)]
    return bool(later) or any((next_month(month) - day).days in {1, 2, 3} for day in days)


def naive(shop: list[Month], as_of: date, days: set[date]) -> list[dict[str, Any]]:
    active = {(month, customer) for month, customer, orders in shop if orders and month <= as_of}
    first = {customer: min(month for month, who in active if who == customer) for _, customer in active}
    known_from = month_range(min(days), as_of)[:TRUNCATED] if days else []
    found = []
    for cohort in sorted(set(first.values())):
        members = [customer for customer in first if first[customer] == cohort]
        for age, month in enumerate(month_range(cohort, as_of)):
            there = sum((month, customer) in active for customer in members)
            found.append(
                {
                    "as_of": as_of, "cohort": cohort, "age": age, "customers": there,
                    "cohort_customers": len(members),
                    "share": pytest.approx(there / len(members), abs=1e-6),
                    "is_left_truncated": cohort in known_from, "is_whole_month": is_whole(month, as_of, days),
                }
            )  # fmt: skip
    return found


@given(shops, days)
def test_it_agrees_with_a_plain_loop(
    fill: Fill, run: Run, tables: Any, shop: list[Month], more: set[date]
) -> None:
    known = put(fill, tables, shop, more)
    expected = [row for month in MONTHS for row in naive(shop, month, known)]
    assert run("cohorts.retention", FIRST, END) == expected


@given(shops, days, st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: list[Month], more: set[date], as_of: date
) -> None:
    put(fill, tables, shop, more)
    alone = run("cohorts.retention", as_of, next_month(as_of))
    assert alone == [row for row in run("cohorts.retention", FIRST, END) if row["as_of"] == as_of]
    put(
        fill,
        tables,
        [row for row in shop if row[0] <= as_of],
        {day for day in more if day < next_month(as_of)},
    )
    assert run("cohorts.retention", as_of, next_month(as_of)) == alone


@given(shops)
def test_the_ages_of_a_cohort_add_up_to_the_months_in_which_its_customers_were_active(
    fill: Fill, run: Run, tables: Any, shop: list[Month]
) -> None:
    put(fill, tables, shop)
    found = run("cohorts.retention", FIRST, END)
    active = sum(orders > 0 for *_, orders in shop)
    assert sum(row["customers"] for row in found if row["as_of"] == MONTHS[-1]) == active


def test_an_age_without_anyone_is_0_and_one_not_yet_seen_is_not_there(
    fill: Fill, run: Run, tables: Any
) -> None:
    """Taken for 0, what is still to come would pull every curve down at its end."""
    put(fill, tables, [(MONTHS[1], "a", 1), (MONTHS[2], "a", 0), (MONTHS[3], "a", 2)])
    found = run("cohorts.retention", MONTHS[3], next_month(MONTHS[3]))
    assert [(row["age"], row["customers"], row["share"]) for row in found] == [
        (0, 1, 1),
        (1, 0, 0),
        (2, 1, 1),
    ]


def test_a_return_makes_nobody_active_and_begins_no_cohort(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(MONTHS[0], "a", 0), (MONTHS[1], "b", 0), (MONTHS[2], "b", 1)])
    found = run("cohorts.retention", FIRST, END)
    assert {(row["cohort"], row["cohort_customers"]) for row in found} == {(MONTHS[2], 1)}


def test_without_a_repeat_customer_all_later_ages_are_0(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(month, f"{month}", 1) for month in MONTHS])
    found = run("cohorts.retention", MONTHS[-1], END)
    assert all(row["share"] == (row["age"] == 0) for row in found)
    assert len(found) == 15


def test_a_month_is_whole_once_a_later_line_is_there(fill: Fill, run: Run, tables: Any) -> None:
    """Closed from Christmas on, December is not over until January has a line."""
    december, january = MONTHS[1], MONTHS[2]
    put(fill, tables, [(december, "a", 1), (january, "b", 1)], {date(2010, 12, 23)})
    found = run("cohorts.retention", december, next_month(january))
    assert [(row["as_of"], row["cohort"], row["age"], row["is_whole_month"]) for row in found] == [
        (december, december, 0, False), (january, december, 0, True), (january, december, 1, False),
        (january, january, 0, False),
    ]  # fmt: skip
