"""core.invoices, against a plain loop over the lines, and core.sales_hours, which follows from it."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

JANUARY, FEBRUARY, MARCH = (date(2011, month, 1) for month in (1, 2, 3))
NAMES = "month,invoice_id,line,sold_at,customer_id,product_id,quantity,amount,country,kind,is_goods"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# invoice, moment, customer, product, units, is a trade and no adjustment
Line = tuple[str, datetime, str | None, str, int, bool]

lines = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "C3", "C4"]),
        st.datetimes(datetime(2011, 1, 31), datetime(2011, 2, 1, 23, 59)),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from(["X", "Y", "POST"]),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=20,
)


def whole(row: Line) -> dict[str, Any]:
    """A line of the table."""
    invoice, moment, customer, product, units, is_trade = row
    sign = -1 if invoice.startswith("C") else 1
    kind = ("return" if invoice.startswith("C") else "sale") if is_trade else "adjustment"
    return {
        "month": moment.date().replace(day=1), "invoice_id": invoice, "sold_at": moment,
        "customer_id": customer, "product_id": product, "quantity": sign * units,
        "amount": Decimal("1.5") * sign * units if is_trade else Decimal(0), "country": "EIRE", "kind": kind,
        "is_goods": product != "POST",
    }  # fmt: skip


def put(fill: Fill, tables: Any, rows: list[Line]) -> list[dict[str, Any]]:
    tables.execute("DELETE FROM core.order_lines")
    found = [{**whole(row), "line": at} for at, row in enumerate(rows, 1)]
    fill("core.order_lines", NAMES, *([row[name] for name in NAMES.split(",")] for row in found))
    return found


@given(lines)
def test_invoices_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    groups: dict[tuple[date, str], list[dict[str, Any]]] = defaultdict(list)
    for row in put(fill, tables, rows):
        groups[row["month"], row["invoice_id"]].append(row)
    expected = []
    for (month, invoice), mine in sorted(groups.items()):
        [kind] = {row["kind"] for row in mine} - {"adjustment"} or {"adjustment"}
        own = [row for row in mine if row["kind"] == kind]
        goods = [row for row in own if row["is_goods"]]
        other = [row for row in mine if row["kind"] != kind]
        expected.append(
            {
                "month": month, "invoice_id": invoice, "sold_at": min(row["sold_at"] for row in mine),
                "customer_id": min((row["customer_id"] for row in mine if row["customer_id"]), default=None),
                "country": "EIRE", "lines": len(own), "products": len({row["product_id"] for row in own}),
                "units": sum(row["quantity"] for row in own), "amount": sum(row["amount"] for row in own),
                "goods_lines": len(goods), "goods_amount": sum(row["amount"] for row in goods),
                "other_lines": len(other), "other_units": sum(row["quantity"] for row in other),
                "other_amount": sum(row["amount"] for row in other), "kind": kind,
            }
        )  # fmt: skip
    assert run("core.invoices", JANUARY, MARCH) == expected


@given(lines)
def test_parts_sum_to_the_lines(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    stood, found = put(fill, tables, rows), run("core.invoices", JANUARY, MARCH)
    assert sum(row["lines"] + row["other_lines"] for row in found) == len(stood)
    for column, of in (("units", "quantity"), ("amount", "amount")):
        for kind in ("sale", "return"):
            assert sum(row[column] for row in found if row["kind"] == kind) == sum(
                row[of] for row in stood if row["kind"] == kind
            )
        assert sum(row[column] + row[f"other_{column}"] for row in found) == sum(row[of] for row in stood)


@pytest.mark.parametrize(
    ("rows", "kind", "lines", "other_lines"),
    [
        ([("1", True), ("1", False)], "sale", 1, 1),
        ([("C1", True), ("C1", False), ("C1", False)], "return", 1, 2),
        ([("A1", False), ("A1", False)], "adjustment", 2, 0),
    ],
)
def test_the_kind_of_an_invoice_follows_from_its_lines(
    fill: Fill, run: Run, tables: Any, rows: Any, kind: str, lines: int, other_lines: int
) -> None:
    """A line without a price, a sample, makes no sale an adjustment."""
    put(fill, tables, [(name, datetime(2011, 1, 2), "a", "X", 2, is_trade) for name, is_trade in rows])
    [row] = run("core.invoices", JANUARY, FEBRUARY)
    assert (row["kind"], row["lines"], row["other_lines"]) == (kind, lines, other_lines)


def test_an_invoice_over_the_end_of_a_month_is_a_row_in_each(fill: Fill, run: Run, tables: Any) -> None:
    """Else what is counted by month would not be what the lines of the month come to."""
    night = [datetime(2011, 1, 31, 23, 59), datetime(2011, 2, 1, 0, 1)]
    put(fill, tables, [("1", moment, "a", "X", 2, True) for moment in night])
    found = run("core.invoices", JANUARY, MARCH)
    assert [(row["month"], row["sold_at"], row["units"]) for row in found] == [
        (JANUARY, night[0], 2), (FEBRUARY, night[1], 2)
    ]  # fmt: skip
    assert run("core.invoices", FEBRUARY, MARCH) == found[1:]


def test_hours_count_the_sale_invoices_of_an_hour_of_a_day(fill: Fill, run: Run, tables: Any) -> None:
    fill(
        "core.invoices",
        "month,invoice_id,sold_at,units,amount,kind",
        (JANUARY, "1", datetime(2011, 1, 2, 9, 0), 2, Decimal(3), "sale"),
        (JANUARY, "2", datetime(2011, 1, 2, 9, 59, 59), 1, Decimal("1.5"), "sale"),
        (JANUARY, "C3", datetime(2011, 1, 2, 9, 30), -1, Decimal("-1.5"), "return"),
        (JANUARY, "4", datetime(2011, 1, 2, 9, 30), 1, Decimal(0), "adjustment"),
        (JANUARY, "5", datetime(2011, 1, 2, 10, 0), 1, Decimal(1), "sale"),
        (JANUARY, "6", datetime(2011, 1, 3, 9, 0), 1, Decimal(1), "sale"),
        (FEBRUARY, "7", datetime(2011, 2, 3, 9, 0), 1, Decimal(1), "sale"),
    )
    found = run("core.sales_hours", JANUARY, FEBRUARY)
    assert [tuple(row.values()) for row in found] == [
        (JANUARY, date(2011, 1, 2), 9, 2, 3, Decimal("4.5")),
        (JANUARY, date(2011, 1, 2), 10, 1, 1, Decimal(1)),
        (JANUARY, date(2011, 1, 3), 9, 1, 1, Decimal(1)),
    ]
