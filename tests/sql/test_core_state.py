"""core.customer_months and core.sales_days: the monthly state, against a plain loop over the lines."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warehouse.tables import TABLES
from warehouse.tables.core import BANDS, WEEKDAYS

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


def when(rows: list[Line]) -> dict[str, Any]:
    """On which days and at which hours a customer bought in a month."""
    sales = [row for row in rows if row[6] == "sale"]
    days = sorted({row[1].date() for row in sales})
    gaps = [(later - day).days for day, later in pairwise(days)]
    first: dict[str, datetime] = {}
    for invoice, sold_at, *_ in sales:
        first[invoice] = min(sold_at, first.get(invoice, sold_at))
    hours = [sold_at.hour for sold_at in first.values()]
    return {
        "first_sold_at": min((row[1] for row in sales), default=None),
        "last_sold_at": max((row[1] for row in sales), default=None),
        "order_days": len(days),
        "gap_days_sum": sum(gaps),
        "gap_days_square_sum": sum(gap**2 for gap in gaps),
        **{f"{name}_days": sum(day.weekday() == at for day in days) for at, name in enumerate(WEEKDAYS)},
        **{f"{name}_orders": sum(hour // 6 == at for hour in hours) for at, name in enumerate(BANDS)},
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
        returned = [row for row in mine if row[6] == "return"]
        expected.append(
            {"month": month, "customer_id": customer, "country": newest[month, customer][-1]}
            | totals(mine)
            | {"return_lines": len(returned), "returned_units": sum(row[3] for row in returned)}
            | when(mine)
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
            "amount": Decimal(0), "return_lines": 1, "returned_units": 2, "returned_amount": Decimal(3),
            **when([]),
        }
    ]  # fmt: skip


def test_gaps_and_days_of_a_month_by_hand(fill: Fill, run: Run) -> None:
    """Two invoices of a day are one order day; an invoice past midnight counts once, before it."""
    moments = [("1", 3, 9), ("2", 3, 17), ("3", 5, 23), ("3", 6, 0), ("4", 16, 5)]
    put(
        fill,
        [line(at, datetime(2011, 1, day, hour), "a", 1, "1", "EIRE", "sale") for at, day, hour in moments],
    )
    [row] = run("core.customer_months", JANUARY, FEBRUARY)
    assert (row["orders"], row["order_days"]) == (4, 4)
    assert (row["gap_days_sum"], row["gap_days_square_sum"]) == (2 + 1 + 10, 4 + 1 + 100)
    assert [row[f"{day}_days"] for day in WEEKDAYS] == [1, 0, 1, 1, 0, 0, 1]
    assert [row[f"{band}_orders"] for band in BANDS] == [1, 1, 1, 1]


def test_the_last_minute_of_a_day_belongs_to_it(fill: Fill, run: Run) -> None:
    put(fill, [line("1", datetime(2011, 1, 31, 23, 59, 59), None, 1, "1", "EIRE", "sale")])
    assert [at["day"] for at in run("core.sales_days", JANUARY, FEBRUARY)] == [date(2011, 1, 31)]


def test_sums_are_exact(fill: Fill, run: Run) -> None:
    """A tenth has no exact float: ten million of them miss the till's own total."""
    put(fill, [line(f"{at}", datetime(2011, 1, 1), "a", 1, "0.1", "EIRE", "sale") for at in range(1000)])
    assert run("core.sales_days", JANUARY, FEBRUARY)[0]["amount"] == Decimal(100)
    assert TABLES["core.sales_days"].shape["amount"] == "DECIMAL(18,4)"
