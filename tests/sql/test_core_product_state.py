"""The monthly state by product: months, weeks, customers and names, against plain loops over the lines."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import next_month

JANUARY, FEBRUARY, MARCH = (date(2011, month, 1) for month in (1, 2, 3))
WHOLESALE = 24
NAMES = "month,invoice_id,line,sold_at,customer_id,product_id,description,quantity,unit_price,amount,kind,is_goods,category"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
Row = dict[str, Any]

lines = st.lists(
    st.builds(
        lambda invoice, moment, customer, product, name, units, price, kind: {
            "month": moment.date().replace(day=1), "invoice_id": invoice, "sold_at": moment,
            "customer_id": customer, "product_id": product, "description": name,
            "quantity": units if kind == "sale" else -units, "unit_price": Decimal(price),
            "amount": Decimal(price) * (units if kind == "sale" else -units), "kind": kind,
            "is_goods": product != "POST",
            "category": "Not goods" if product == "POST" else {None: "Other", "CUP": "Cups"}.get(name, "Mugs"),
        },
        st.sampled_from(["1", "2", "3"]),
        st.datetimes(datetime(2011, 1, 25), datetime(2011, 2, 13)),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from(["X", "Y", "POST"]),
        st.sampled_from([None, "CUP", "cup."]),
        st.sampled_from([1, 2, 23, 24, 100]),
        st.sampled_from(["1", "1.5", "2.25"]),
        st.sampled_from(["sale", "sale", "return", "adjustment"]),
    ),
    max_size=30,
)  # fmt: skip


def put(fill: Fill, tables: Any, rows: list[Row]) -> None:
    tables.execute("DELETE FROM core.order_lines")
    tables.execute("DELETE FROM seeds.thresholds")
    fill("seeds.thresholds", "wholesale_quantity", (WHOLESALE,))
    numbered = ({**row, "line": at} for at, row in enumerate(rows, 1))
    fill("core.order_lines", NAMES, *([row[name] for name in NAMES.split(",")] for row in numbered))


def grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> list[tuple[Any, list[Row]]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items())


def of(kind: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]


def total(column: str, rows: Iterable[Row]) -> Any:
    return sum((row[column] for row in rows), Decimal(0))


def totals(rows: list[Row]) -> Row:
    """What all these tables count of some lines."""
    sales, returns = of("sale", rows), of("return", rows)
    return {
        "is_goods": rows[0]["product_id"] != "POST",
        "orders": len({row["invoice_id"] for row in sales}),
        "units": total("quantity", sales),
        "amount": total("amount", sales),
        "returned_units": -total("quantity", returns),
        "returned_amount": -total("amount", returns),
    }


def retail(rows: list[Row]) -> Row:
    found = [row for row in of("sale", rows) if row["quantity"] < WHOLESALE]
    return {"retail_units": total("quantity", found), "retail_amount": total("amount", found)}


def moments(rows: list[Row]) -> Row:
    sold = [row["sold_at"] for row in of("sale", rows)]
    return {"first_sold_at": min(sold, default=None), "last_sold_at": max(sold, default=None)}


def usual_price(rows: list[Row]) -> Decimal | None:
    prices = Counter(row["unit_price"] for row in of("sale", rows) if row["quantity"] < WHOLESALE)
    return min(prices, key=lambda price: (-prices[price], price), default=None)


@given(lines)
def test_customer_product_months_agree_with_a_plain_loop(
    fill: Fill, run: Run, tables: Any, rows: list[Row]
) -> None:
    put(fill, tables, rows)
    known = [row for row in rows if row["customer_id"] and row["kind"] != "adjustment"]
    keys = ("month", "customer_id", "product_id")
    assert run("core.customer_product_months", JANUARY, MARCH) == [
        dict(zip(keys, key, strict=True))
        | totals(mine)
        | moments(mine)
        | {"category": min(row["category"] for row in of("sale", mine) or mine)}
        for key, mine in grouped(known, lambda row: tuple(row[name] for name in keys))
    ]


@given(lines)
def test_product_months_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    assert run("core.product_months", JANUARY, MARCH) == [
        {"month": month, "product_id": product, "usual_price": usual_price(mine)}
        | totals(mine)
        | retail(mine)
        | moments(mine)
        | {
            "customers": len({row["customer_id"] for row in of("sale", mine)} - {None}),
            "adjusted_units": total("quantity", of("adjustment", mine)),
            "adjusted_amount": total("amount", of("adjustment", mine)),
            "category": max(
                (row["category"] for row in mine),
                key=lambda name: (
                    sum(row["category"] == name for row in of("sale", mine)),
                    sum(row["category"] == name for row in mine),
                    name,
                ),
            ),
        }
        for (month, product), mine in grouped(rows, lambda row: (row["month"], row["product_id"]))
    ]


@given(lines)
def test_product_weeks_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    expected = []
    traded = [row for row in rows if row["kind"] != "adjustment"]
    for (month, monday, product), mine in grouped(
        traded, lambda row: (row["month"], monday_of(row["sold_at"]), row["product_id"])
    ):
        days = [monday + timedelta(days=n) for n in range(7)]
        inside = sum(day.replace(day=1) == month for day in days)
        expected.append(
            {"month": month, "week": monday, "product_id": product, "days": inside}
            | totals(mine)
            | retail(mine)
        )
    assert run("core.product_weeks", JANUARY, MARCH) == expected


def monday_of(moment: datetime) -> date:
    return moment.date() - timedelta(days=moment.weekday())


@given(lines)
def test_product_names_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    keys = ("month", "product_id", "spelling")
    named = [{**row, "spelling": row["description"]} for row in rows if row["description"]]
    assert run("core.product_names", JANUARY, MARCH) == [
        dict(zip(keys, key, strict=True)) | {"sale_lines": len(of("sale", mine)), "lines": len(mine)}
        for key, mine in grouped(named, lambda row: tuple(row[name] for name in keys))
    ]


@given(lines)
def test_parts_sum_to_wholes(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    months, weeks, customers = (
        run(f"core.{name}", JANUARY, MARCH)
        for name in ("product_months", "product_weeks", "customer_product_months")
    )
    known = [row for row in rows if row["customer_id"]]
    for column in ("units", "amount", "returned_units", "returned_amount"):
        assert total(column, months) == totals_of(rows)[column]
        assert total(column, customers) == totals_of(known)[column]
    for column in ("units", "amount", "retail_units", "retail_amount", "returned_units", "returned_amount"):
        by_month = {(row["month"], row["product_id"]): row[column] for row in months if row[column]}
        by_week: Counter[Any] = Counter()
        for row in weeks:
            by_week[row["month"], row["product_id"]] += row[column]
        assert {key: value for key, value in by_week.items() if value} == by_month, column


def totals_of(rows: list[Row]) -> Row:
    return totals(rows) if rows else dict.fromkeys(
        ("units", "amount", "returned_units", "returned_amount"), Decimal(0)
    )  # fmt: skip


@given(lines)
def test_a_month_is_the_same_alone(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    for name in ("product_months", "product_weeks", "customer_product_months", "product_names"):
        alone = [
            row for month in (JANUARY, FEBRUARY) for row in run(f"core.{name}", month, next_month(month))
        ]
        assert alone == run(f"core.{name}", JANUARY, MARCH)


def a_line(units: int, price: str, *, day: int = 3, invoice: str = "1") -> Row:
    moment = datetime(2011, 1, day, 12)
    return {
        "month": JANUARY, "invoice_id": invoice, "sold_at": moment, "customer_id": "a", "product_id": "X",
        "description": "CUP", "quantity": units, "unit_price": Decimal(price),
        "amount": Decimal(price) * units, "kind": "sale", "is_goods": True, "category": "Cups",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sold", "price"),
    [
        ([(1, "3"), (1, "2"), (1, "3")], "3"),
        ([(1, "3"), (23, "2")], "2"),
        ([(1, "3"), (24, "2"), (100, "2")], "3"),
        ([(24, "2")], None),
    ],
    ids=["most lines", "the lowest of equals", "no wholesale", "wholesale alone"],
)
def test_the_usual_price_is_that_of(
    fill: Fill, run: Run, tables: Any, sold: list[tuple[int, str]], price: str | None
) -> None:
    put(fill, tables, [a_line(units, at) for units, at in sold])
    [row] = run("core.product_months", JANUARY, FEBRUARY)
    assert row["usual_price"] == (Decimal(price) if price else None)


def test_a_week_in_two_months_has_a_row_in_each(fill: Fill, run: Run, tables: Any) -> None:
    """Keyed by its Monday alone, February's sales of that week would be January's, or lost."""
    january, february = a_line(2, "1", day=31), a_line(3, "1")
    february |= {"month": FEBRUARY, "sold_at": datetime(2011, 2, 1, 0, 0)}
    put(fill, tables, [january, february])
    found = run("core.product_weeks", JANUARY, MARCH)
    assert [(row["month"], row["week"], row["days"], row["units"]) for row in found] == [
        (JANUARY, date(2011, 1, 31), 1, 2), (FEBRUARY, date(2011, 1, 31), 6, 3)
    ]  # fmt: skip


def test_weeks_over_the_end_of_a_year_are_those_of_iso(fill: Fill, run: Run, tables: Any) -> None:
    first = a_line(1, "1", day=1)
    put(fill, tables, [first])
    [row] = run("core.product_weeks", JANUARY, FEBRUARY)
    assert (row["week"], row["days"], row["week"].isocalendar()[:2]) == (date(2010, 12, 27), 2, (2010, 52))
