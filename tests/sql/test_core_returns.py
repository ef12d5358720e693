"""core.returns: which sale a return reverses, against a plain loop over all lines."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2011, 1, 1), date(2011, 3, 1))
JANUARY, FEBRUARY, MARCH = MONTHS
NAMES = "month,invoice_id,line,sold_at,customer_id,product_id,quantity,unit_price,amount,kind,is_goods"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# moment, invoice, customer, product, units, kind
Line = tuple[datetime, str, str | None, str, int, str]

lines = st.lists(
    st.tuples(
        # Few moments, so that many lines share one.
        st.builds(
            lambda month, day, hour: datetime(2011, month, day, hour),
            st.integers(1, 3), st.sampled_from([1, 2, 28]), st.sampled_from([9, 18]),
        ),
        st.sampled_from(["1", "2", "C3"]),
        st.sampled_from(["a", "a", "a", "b", None]),
        st.sampled_from(["X", "X", "Y"]),
        st.integers(1, 4),
        st.sampled_from(["sale", "return", "return", "adjustment"]),
    ),
    max_size=25,
)  # fmt: skip


def put(fill: Fill, tables: Any, rows: list[Line]) -> None:
    tables.execute("DELETE FROM core.order_lines")
    fill(
        "core.order_lines",
        NAMES,
        *(
            (
                moment.date().replace(day=1), invoice, at, moment, customer, product,
                units if kind == "sale" else -units, Decimal(2),
                Decimal(2) * (units if kind == "sale" else -units), kind, True,
            )
            for at, (moment, invoice, customer, product, units, kind) in enumerate(rows, 1)
        ),
    )  # fmt: skip


def naive(rows: list[Line]) -> list[dict[str, Any]]:
    """Take every return in order, and look back through the sales for one with enough left."""
    numbered = list(enumerate(rows, 1))
    sales = sorted((row[0], row[1], at) for at, row in numbered if row[5] == "sale")
    left = {at: row[4] for at, row in numbered}
    found = []
    for moment, invoice, at in sorted((row[0], row[1], at) for at, row in numbered if row[5] == "return"):
        _, _, customer, product, units, _ = rows[at - 1]
        sale, reason = None, "guest"
        if customer is not None:
            reason = "no earlier sale"
            for sold_at, _, place in sales:
                if sold_at <= moment and rows[place - 1][2:4] == (customer, product):
                    reason = "not enough left"
                    sale = place if left[place] >= units else sale
        if sale is not None:
            left[sale] -= units
        sold_at = None if sale is None else rows[sale - 1][0]
        days = None if sold_at is None else (moment.date() - sold_at.date()).days
        found.append(
            {
                "month": moment.date().replace(day=1), "invoice_id": invoice, "line": at,
                "returned_at": moment, "customer_id": customer, "product_id": product, "is_goods": True,
                "returned_units": units, "returned_amount": Decimal(2) * units,
                "sale_invoice_id": None if sale is None else rows[sale - 1][1], "sale_line": sale,
                "sale_units": None if sale is None else rows[sale - 1][4], "sold_at": sold_at,
                "days_since_sale": days, "is_correction": days == 0,
                "unmatched_reason": reason if sale is None else None,
            }
        )  # fmt: skip
    return sorted(found, key=lambda row: (row["month"], row["invoice_id"], row["line"]))


@given(lines)
@settings(max_examples=60)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    put(fill, tables, rows)
    assert run("core.returns", JANUARY, next_month(MARCH)) == naive(rows)


@given(lines)
def test_month_by_month_is_the_same_as_all_at_once(
    fill: Fill, run: Run, tables: Any, rows: list[Line]
) -> None:
    """Else a backfill would match returns to other sales than the months did when they came."""
    put(fill, tables, rows)
    alone = [row for month in MONTHS for row in run("core.returns", month, next_month(month))]
    assert alone == run("core.returns", JANUARY, next_month(MARCH))
    tables.execute("DELETE FROM core.order_lines WHERE month >= DATE '2011-03-01'")
    assert run("core.returns", JANUARY, MARCH) == [row for row in alone if row["month"] < MARCH]


def at(day: int, hour: int = 9, month: int = 1) -> datetime:
    return datetime(2011, month, day, hour)


def sale(moment: datetime, units: int, invoice: str = "1") -> Line:
    return moment, invoice, "a", "X", units, "sale"


def back(moment: datetime, units: int, invoice: str = "C1") -> Line:
    return moment, invoice, "a", "X", units, "return"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([sale(at(1), 5), sale(at(2), 5), back(at(3), 5)], [2]),
        ([sale(at(1), 5), sale(at(2), 2), back(at(3), 5)], [1]),
        ([sale(at(1), 5), sale(at(2), 5), back(at(3), 3), back(at(4), 3), back(at(5), 2)], [2, 1, 2]),
        ([sale(at(1), 5), back(at(3), 5), back(at(4), 1)], [1, "not enough left"]),
        ([sale(at(1), 5), sale(at(2), 5), back(at(3), 6)], ["not enough left"]),
        ([sale(at(5), 5), back(at(3), 1)], ["no earlier sale"]),
        ([sale(at(3), 5), back(at(3), 1)], [1]),
        ([back(at(3), 1), sale(at(3), 5)], [2]),
        ([sale(at(1), 5), (at(2), "C1", "b", "X", 1, "return")], ["no earlier sale"]),
        ([sale(at(1), 5), (at(2), "C1", "a", "Y", 1, "return")], ["no earlier sale"]),
        ([sale(at(1), 5), (at(2), "C1", None, "X", 1, "return")], ["guest"]),
        ([(at(1), "1", None, "X", 5, "sale"), (at(2), "C1", None, "X", 1, "return")], ["guest"]),
        ([(at(1), "1", "a", "X", 5, "adjustment"), back(at(2), 1)], ["no earlier sale"]),
        ([sale(at(1), 5), back(at(2), 9), back(at(3), 5)], ["not enough left", 1]),
    ],
    ids=[
        "the latest", "the latest with enough", "each takes its part", "nothing is left", "two are not one",
        "later sales are none", "the same moment is not later", "whatever the line", "another customer",
        "another product", "a guest", "guests are not one customer", "an adjustment is no sale",
        "what is unmatched takes nothing",
    ],
)  # fmt: skip
def test_a_return_reverses(
    fill: Fill, run: Run, tables: Any, rows: list[Line], expected: list[int | str]
) -> None:
    put(fill, tables, rows)
    found = sorted(run("core.returns", JANUARY, FEBRUARY), key=lambda row: row["returned_at"])
    assert [row["sale_line"] or row["unmatched_reason"] for row in found] == expected


def test_a_return_of_a_later_month_finds_the_sale_and_what_was_taken_of_it(
    fill: Fill, run: Run, tables: Any
) -> None:
    """February is made alone, from what January left."""
    put(fill, tables, [sale(at(1), 5), sale(at(2), 4), back(at(3), 3), back(at(1, month=2), 3)])
    [row] = run("core.returns", FEBRUARY, MARCH)
    assert (row["sale_line"], row["sold_at"], row["days_since_sale"]) == (1, at(1), 31)


def test_a_return_on_the_day_of_its_sale_is_a_correction(fill: Fill, run: Run, tables: Any) -> None:
    """An order of 80,995 that was cancelled after twelve minutes is no return of goods."""
    put(fill, tables, [sale(at(1, 9), 5), back(at(1, 18), 3), back(at(2, 8), 2), back(at(3), 1)])
    found = run("core.returns", JANUARY, FEBRUARY)
    assert [(row["days_since_sale"], row["is_correction"]) for row in found] == [
        (0, True), (1, False), (None, False)
    ]  # fmt: skip


def test_many_returns_of_one_sale_are_told_apart(fill: Fill, run: Run, tables: Any) -> None:
    rows = [sale(at(1), 50)] + [back(at(2) + timedelta(minutes=n), 2) for n in range(30)]
    put(fill, tables, rows)
    found = run("core.returns", JANUARY, FEBRUARY)
    assert [row["unmatched_reason"] for row in found] == [None] * 25 + ["not enough left"] * 5


def test_every_return_line_is_there_once(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [sale(at(1), 5), back(at(2), 1), back(at(2), 1), back(at(2), 1, "C2")])
    found = run("core.returns", JANUARY, FEBRUARY)
    assert [(row["invoice_id"], row["line"]) for row in found] == [("C1", 2), ("C1", 3), ("C2", 4)]
    assert sum(row["returned_units"] for row in found) == 3
