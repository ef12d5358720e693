"""core.products: how a product is called, what it costs and since when, as of each month."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2011, 1, 1), date(2011, 4, 1))
JANUARY, FEBRUARY, MARCH, APRIL = MONTHS
STATE = "month,product_id,is_goods,usual_price,first_sold_at,last_sold_at"
NAMES = "month,product_id,spelling,sale_lines,lines"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


def at(month: date, day: int = 5) -> datetime:
    return datetime(month.year, month.month, day, 12)


def named(fill: Fill, *names: tuple[str, int, int]) -> None:
    """A product of January that was spelled so, on so many sale lines and lines."""
    fill("core.product_months", STATE, (JANUARY, "X", True, Decimal(1), at(JANUARY), at(JANUARY)))
    fill("core.product_names", NAMES, *((JANUARY, "X", *name) for name in names))


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        ([("RED CUP", 2, 2), ("CUP, RED", 1, 1)], "RED CUP"),
        ([("RED  CUP", 2, 2), ("CUP", 3, 3), ("RED\tCUP.", 2, 2)], "RED CUP"),
        ([("Red Cup", 2, 2), ("CUP", 3, 3), ("RED CUP", 3, 3)], "RED CUP"),
        ([("B CUP", 2, 2), ("A CUP", 2, 2)], "A CUP"),
        ([("CUP", 1, 1), ("damaged", 0, 9)], "CUP"),
        ([("check", 0, 1), ("damaged", 0, 9)], "damaged"),
        ([("CUP , ", 1, 1)], "CUP"),
        ([("VITAMIN B12.5", 1, 1)], "VITAMIN B12.5"),
        ([(".", 1, 1)], None),
        ([], None),
    ],
    ids=[
        "most lines", "blanks", "case", "the first of equals", "no notes", "but notes if all", "marks", "inside",
        "nothing but marks", "nothing",
    ],
)  # fmt: skip
def test_a_name_is_the_most_frequent_tidy_spelling(
    fill: Fill, run: Run, spellings: list[tuple[str, int, int]], name: str | None
) -> None:
    named(fill, *spellings)
    [row] = run("core.products", JANUARY, FEBRUARY)
    assert row["name"] == name


def test_spellings_are_those_seen_on_sales(fill: Fill, run: Run) -> None:
    """A note on a stock count is no name that a customer has seen."""
    named(fill, ("RED CUP", 2, 2), ("CUP, RED", 1, 1), ("damaged", 0, 9))
    [row] = run("core.products", JANUARY, FEBRUARY)
    assert row["spellings"] == ["CUP, RED", "RED CUP"]


def test_a_product_that_was_never_named_or_sold_is_there(fill: Fill, run: Run) -> None:
    """Else its lines would be lost in a join."""
    fill("core.product_months", STATE, (JANUARY, "X", False, None, None, None))
    assert run("core.products", JANUARY, FEBRUARY) == [
        {
            "as_of": JANUARY, "product_id": "X", "name": None, "spellings": [], "is_goods": False, "category": None,
            "first_sold_at": None, "last_sold_at": None, "usual_price": None,
        }
    ]  # fmt: skip


def test_the_category_is_that_of_the_newest_sales(fill: Fill, run: Run) -> None:
    """A count of broken ones (no sale) tells nothing of what the product is."""
    fill(
        "core.product_months",
        "month,product_id,orders,category",
        (JANUARY, "X", 0, "Other"),
        (FEBRUARY, "X", 2, "Bags"),
        (MARCH, "X", 1, "Toys"),
        (APRIL, "X", 0, "Other"),
    )
    for start in MONTHS:
        found = run("core.products", start, next_month(APRIL))
        expected = ["Other", "Bags", "Toys", "Toys"][MONTHS.index(start) :]
        assert [row["category"] for row in found] == expected


def test_a_month_sees_nothing_later(fill: Fill, run: Run) -> None:
    fill(
        "core.product_months",
        STATE,
        (JANUARY, "X", True, Decimal(2), at(JANUARY, 3), at(JANUARY, 9)),
        (MARCH, "X", True, Decimal(3), at(MARCH, 1), at(MARCH, 2)),
        (MARCH, "Y", True, Decimal(5), at(MARCH, 1), at(MARCH, 2)),
        (APRIL, "X", True, None, None, None),
    )
    fill("core.product_names", NAMES, (JANUARY, "X", "OLD", 1, 1), (MARCH, "X", "NEW", 2, 2))
    found = run("core.products", JANUARY, next_month(APRIL))
    shown = ("as_of", "product_id", "name", "usual_price", "first_sold_at", "last_sold_at")
    assert [tuple(row[name] for name in shown) for row in found] == [
        (JANUARY, "X", "OLD", 2, at(JANUARY, 3), at(JANUARY, 9)),
        (FEBRUARY, "X", "OLD", 2, at(JANUARY, 3), at(JANUARY, 9)),
        (MARCH, "X", "NEW", 3, at(JANUARY, 3), at(MARCH, 2)),
        (MARCH, "Y", None, 5, at(MARCH, 1), at(MARCH, 2)),
        (APRIL, "X", "NEW", 3, at(JANUARY, 3), at(MARCH, 2)),
        (APRIL, "Y", None, 5, at(MARCH, 1), at(MARCH, 2)),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(MONTHS),
            st.sampled_from(["X", "Y"]),
            st.sampled_from(["CUP", "Cup", "CUP.", "MUG", "a  MUG", "."]),
            st.integers(0, 3),
            st.integers(0, 2),
        ),
        max_size=12,
        unique_by=lambda row: row[:3],
    ),
    st.sampled_from(MONTHS),
)
def test_an_as_of_is_the_same_alone_as_in_a_backfill(
    fill: Fill, run: Run, tables: Any, names: list[tuple[date, str, str, int, int]], as_of: date
) -> None:
    for name in ("core.product_months", "core.product_names"):
        tables.execute(f"DELETE FROM {name}")
    products = sorted({row[:2] for row in names})
    fill(
        "core.product_months", STATE,
        *((month, name, True, Decimal(month.month), at(month), at(month)) for month, name in products),
    )  # fmt: skip
    fill("core.product_names", NAMES, *((*row[:3], row[3], row[3] + row[4] + 1) for row in names))
    alone = run("core.products", as_of, next_month(as_of))
    backfill = run("core.products", JANUARY, next_month(APRIL))
    assert alone == [row for row in backfill if row["as_of"] == as_of]
    assert [row["product_id"] for row in alone] == sorted({name for at, name in products if at <= as_of})
