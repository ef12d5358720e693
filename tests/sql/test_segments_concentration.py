"""segments.concentration: what the best customers bring, against a plain loop."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 12, 1), date(2011, 2, 1))
FIRST, END = MONTHS[0], next_month(MONTHS[-1])
TOPS = (1, 10, 20)

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

amounts = st.lists(st.sampled_from(["0.0001", "1", "1", "7.5", "100"]).map(Decimal), max_size=25)


def put(fill: Fill, tables: Any, shop: dict[date, list[Decimal]]) -> None:
    tables.execute("DELETE FROM segments.rfm")
    rows = [(month, f"{at}", value) for month, values in shop.items() for at, value in enumerate(values)]
    fill("segments.rfm", "as_of,customer_id,monetary", *rows)


def naive(as_of: date, values: list[Decimal]) -> list[dict[str, Any]]:
    found = []
    for percent in TOPS if values else ():
        best = sorted(values, reverse=True)[: ceil(Fraction(percent, 100) * len(values))]
        share = pytest.approx(float(sum(best) / sum(values)), abs=1e-6) if sum(values) else None
        found.append(
            {
                "as_of": as_of, "top_share": percent / 100, "customers": len(best), "amount": sum(best),
                "amount_share": share,
            }
        )  # fmt: skip
    return found


@given(st.fixed_dictionaries(dict.fromkeys(MONTHS, amounts)))
def test_it_agrees_with_a_plain_loop(
    fill: Fill, run: Run, tables: Any, shop: dict[date, list[Decimal]]
) -> None:
    put(fill, tables, shop)
    expected = [row for month in MONTHS for row in naive(month, shop[month])]
    assert run("segments.concentration", FIRST, END) == expected
    assert [
        row for month in MONTHS for row in run("segments.concentration", month, next_month(month))
    ] == expected


@pytest.mark.parametrize(
    ("customers", "tops"),
    [(1, [1, 1, 1]), (100, [1, 10, 20]), (101, [2, 11, 21]), (300, [3, 30, 60]), (700, [7, 70, 140])],
)
def test_a_tenth_of_a_hundred_is_ten(
    fill: Fill, run: Run, tables: Any, customers: int, tops: list[int]
) -> None:
    """In floats 0.01 x 700 is 7.000000000000001, which is eight customers when rounded up."""
    put(fill, tables, {FIRST: [Decimal(1)] * customers})
    assert [row["customers"] for row in run("segments.concentration", FIRST, END)] == tops


def test_amounts_of_nothing_have_no_share(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, {FIRST: [Decimal(0), Decimal(0)]})
    assert [row["amount_share"] for row in run("segments.concentration", FIRST, END)] == [None] * 3
