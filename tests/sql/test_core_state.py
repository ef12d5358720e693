"""core.customer_months and core.sales_days: the monthly state, against a plain loop over the lines."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warehouse.tables import TABLES

JANUARY, FEBRUARY, MARCH = (date(2011, month, 1) for month in (1, 2, 3))
NAMES = "month,invoice_id,line,sold_at,customer_id,quantity,unit_price,amount,country,kind"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
Line = tuple[str, datetime, str | None, int, Decimal, str, str]


def line(
    invoice: str, sold_at: datetime, customer: str | None, quantity: int, price: str, country: str, kind: str
) -> Line:
    """A line of an invoice."""
    return invoice, sold_at, customer, quantity, Decimal(price), country, kind


lines = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "C4"]),
        st.datetimes(datetime(2011, 1, 1), datetime(2011, 2, 28, 23, 59)),
        st.sampled_from([None, "a", "b"]),
        st.integers(1, 9),
        st.decimals("0.0001", "99", places=4),
        st.sampled_from(["EIRE", "France"]),
        st.sampled_from(["sale", "return", "adjustment"]),
    ),
    max_size=30,
)


def put(fill: Fill, rows: list[Line]) -> None:
    fill(
        "core.order_lines",
        NAMES,
        *(
            (
                sold_at.date().replace(day=1), invoice, at, sold_at, customer,
                quantity if kind == "sale" else -quantity, price,
                (quantity if kind == "sale" else -quantity) * price, country, kind,
            )
            for at, (invoice, sold_at, customer, quantity, price, country, kind) in enumerate(rows)
        ),
    )  # fmt: skip


def totals(rows: list[Line]) -> dict[str, Any]:
    """What is counted of some lines, whoever they are of."""
    sales = [row for row in rows if row[6] == "sale"]
    return {
        "orders": len({row[0] for row in sales}),
        "units": sum(row[3] for row in sales),
        "amount": sum((row[3] * row[4] for row in sales), Decimal(0)),
        "returned_amount": sum((row[3] * row[4] for row in rows if row[6] == "return"), Decimal(0)),
    }


@given(lines)
def test_customer_months_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    tables.execute("DELETE FROM core.order_lines")
    put(fill, rows)
    groups: dict[tuple[date, str], list[Line]] = defaultdict(list)
    newest: dict[tuple[date, str], tuple[datetime, str, int, str]] = {}
    for at, row in enumerate(rows):
        if row[2] is not None and row[6] != "adjustment":
            key = row[1].date().replace(day=1), row[2]
            groups[key].append(row)
            mark = (row[1], row[0], at, row[5])
            newest[key] = max(newest.get(key, mark), mark)
    expected = []
    for (month, customer), mine in sorted(groups.items()):
        sold = [row[1] for row in mine if row[6] == "sale"]
        expected.append(
            {"month": month, "customer_id": customer, "country": newest[month, customer][-1]}
            | totals(mine)
            | {"first_sold_at": min(sold, default=None), "last_sold_at": max(sold, default=None)}
        )
    assert run("core.customer_months", JANUARY, MARCH) == expected


@given(lines)
def test_sales_days_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    tables.execute("DELETE FROM core.order_lines")
    put(fill, rows)
    groups: dict[tuple[date, str], list[Line]] = defaultdict(list)
    for row in rows:
        if row[6] != "adjustment":
            groups[row[1].date(), row[5]].append(row)
    assert run("core.sales_days", JANUARY, MARCH) == [
        {"month": day.replace(day=1), "day": day, "country": country} | totals(mine)
        for (day, country), mine in sorted(groups.items())
    ]


@given(lines)
def test_parts_sum_to_the_lines(fill: Fill, run: Run, tables: Any, rows: list[Line]) -> None:
    tables.execute("DELETE FROM core.order_lines")
    put(fill, rows)
    for name, of in [("core.sales_days", rows), ("core.customer_months", [row for row in rows if row[2]])]:
        found = run(name, JANUARY, MARCH)
        for column in ("units", "amount", "returned_amount"):
            assert sum(at[column] for at in found) == totals(of)[column], (name, column)


def test_other_months_are_left_out(fill: Fill, run: Run) -> None:
    for name in ("core.customer_months", "core.sales_days"):
        put(fill, [line("1", datetime(2011, month, 1), "a", 1, "1", "EIRE", "sale") for month in (1, 2, 3)])
        assert [at["month"] for at in run(name, FEBRUARY, MARCH)] == [FEBRUARY]


def test_a_customer_who_only_returned_has_no_date_of_a_sale(fill: Fill, run: Run) -> None:
    put(fill, [line("C1", datetime(2011, 1, 2), "a", 2, "1.5", "EIRE", "return")])
    assert run("core.customer_months", JANUARY, FEBRUARY) == [
        {
            "month": JANUARY, "customer_id": "a", "country": "EIRE", "orders": 0, "units": 0,
            "amount": Decimal(0), "returned_amount": Decimal(3), "first_sold_at": None, "last_sold_at": None,
        }
    ]  # fmt: skip


def test_the_last_minute_of_a_day_belongs_to_it(fill: Fill, run: Run) -> None:
    put(fill, [line("1", datetime(2011, 1, 31, 23, 59, 59), None, 1, "1", "EIRE", "sale")])
    assert [at["day"] for at in run("core.sales_days", JANUARY, FEBRUARY)] == [date(2011, 1, 31)]


def test_sums_are_exact(fill: Fill, run: Run) -> None:
    """A tenth has no exact float: ten million of them miss the till's own total."""
    put(fill, [line(f"{at}", datetime(2011, 1, 1), "a", 1, "0.1", "EIRE", "sale") for at in range(1000)])
    assert run("core.sales_days", JANUARY, FEBRUARY)[0]["amount"] == Decimal(100)
    assert TABLES["core.sales_days"].shape["amount"] == "DECIMAL(18,4)"
