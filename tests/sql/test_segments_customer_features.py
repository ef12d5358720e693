"""segments.customer_features: each customer in numbers as of each month, against a plain loop over the orders."""

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month
from warehouse.tables.core import BANDS, WEEKDAYS

FIRST, LAST = date(2010, 11, 1), date(2011, 2, 1)
MONTHS = month_range(FIRST, LAST)

CATEGORIES = {"cup": "Kitchen", "pan": "Kitchen", "lamp": "Lights", "POST": "Not goods"}

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# customer, moment, product (POST is no goods), amount; a negative one is returned
Order = tuple[str, datetime, str, Decimal]

shops = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.datetimes(datetime(2010, 11, 1), datetime(2011, 2, 28, 23)),
        st.sampled_from(["cup", "pan", "lamp", "POST"]),
        st.sampled_from(["1.0001", "2.5", "10", "-3"]).map(Decimal),
    ),
    max_size=14,
)


def months_of(rows: list[Order]) -> dict[tuple[Any, ...], list[Order]]:
    found: dict[tuple[Any, ...], list[Order]] = {}
    for row in rows:
        found.setdefault((row[1].date().replace(day=1), row[0]), []).append(row)
    return found


def put(fill: Fill, tables: Any, shop: list[Order]) -> None:
    """Write a shop as the monthly state, every order an invoice of one line."""
    for name in ("core.customer_months", "core.customer_product_months", "core.sales_days"):
        tables.execute(f"DELETE FROM {name}")
    for (month, customer), mine in months_of(shop).items():
        sales = [row for row in mine if row[3] > 0]
        days = sorted({row[1].date() for row in sales})
        gaps = [(later - day).days for day, later in pairwise(days)]
        state = {
            "month": month, "customer_id": customer, "orders": len(sales), "order_days": len(days),
            "amount": sum(row[3] for row in sales),
            "returned_amount": -sum(row[3] for row in mine if row[3] < 0),
            "first_sold_at": min((row[1] for row in sales), default=None),
            "last_sold_at": max((row[1] for row in sales), default=None),
            "gap_days_sum": sum(gaps), "gap_days_square_sum": sum(gap**2 for gap in gaps),
            **{f"{name}_days": sum(day.weekday() == at for day in days) for at, name in enumerate(WEEKDAYS)},
            **{f"{name}_orders": sum(row[1].hour // 6 == at for row in sales) for at, name in enumerate(BANDS)},
        }  # fmt: skip
        fill("core.customer_months", ",".join(state), list(state.values()))
        for product in {row[2] for row in mine}:
            amounts = [row[3] for row in sales if row[2] == product]
            fill(
                "core.customer_product_months", "month,customer_id,product_id,is_goods,category,orders,amount",
                (
                    month, customer, product, product != "POST", CATEGORIES[product], len(amounts),
                    sum(amounts, Decimal(0)),
                ),
            )  # fmt: skip
    for day in {row[1].date() for row in shop}:
        orders = sum(row[3] > 0 and row[1].date() == day for row in shop)
        fill("core.sales_days", "month,day,country,orders", (day.replace(day=1), day, "EIRE", orders))


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-6)


def naive(shop: list[Order], as_of: date) -> list[dict[str, Any]]:
    known = [row for row in shop if row[1].date() < next_month(as_of)]
    if not (sold := [row for row in known if row[3] > 0]):
        return []
    reference = max(row[1].date() for row in sold) + timedelta(days=1)
    found = []
    for customer in sorted({row[0] for row in sold}):
        mine = [row for row in sold if row[0] == customer]
        days = sorted({row[1].date() for row in mine})
        gaps = [(later - day).days for day, later in pairwise(days)]
        spent = sum(row[3] for row in mine)
        returned = -sum((row[3] for row in known if row[0] == customer and row[3] < 0), Decimal(0))
        goods = [row for row in mine if row[2] != "POST"]
        tastes = {CATEGORIES[row[2]]: Decimal(0) for row in goods}
        for row in goods:
            tastes[CATEGORIES[row[2]]] += row[3]
        favourite = min(tastes, key=lambda name: (-tastes[name], name), default=None)
        found.append(
            {
                "as_of": as_of,
                "customer_id": customer,
                "recency_days": (reference - days[-1]).days,
                "tenure_days": (reference - days[0]).days,
                "frequency": len(mine),
                "order_days": len(days),
                "monetary": spent,
                "order_value": pytest.approx(spent / len(mine), abs=Decimal("0.0001")),
                "returned_amount": returned,
                "returned_share": near(float(returned / spent)),
                "products": len({row[2] for row in mine} - {"POST"}),
                "categories": len(tastes),
                "favourite_category": favourite,
                "favourite_share": near(float(tastes[favourite] / sum(tastes.values())))
                if favourite
                else None,
                "gap_mean_days": near(mean(gaps)) if gaps else None,
                "gap_variation": near(stdev(gaps) / mean(gaps)) if len(gaps) > 1 else None,
            }
            | {
                f"{name}_share": near(sum(day.weekday() == at for day in days) / len(days))
                for at, name in enumerate(WEEKDAYS)
            }
            | {
                f"{name}_share": near(sum(row[1].hour // 6 == at for row in mine) / len(mine))
                for at, name in enumerate(BANDS)
            }
        )
    return found


@settings(max_examples=40)
@given(shops)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, shop: list[Order]) -> None:
    put(fill, tables, shop)
    expected = [row for month in MONTHS for row in naive(shop, month)]
    assert run("segments.customer_features", FIRST, next_month(LAST)) == expected


@settings(max_examples=40)
@given(shops, st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: list[Order], as_of: date
) -> None:
    put(fill, tables, shop)
    backfill = run("segments.customer_features", FIRST, next_month(LAST))
    alone = run("segments.customer_features", as_of, next_month(as_of))
    assert alone == [row for row in backfill if row["as_of"] == as_of]
    put(fill, tables, [row for row in shop if row[1].date() < next_month(as_of)])
    assert run("segments.customer_features", as_of, next_month(as_of)) == alone


def order(customer: str, at: datetime, amount: str = "5", product: str = "cup") -> Order:
    return customer, at, product, Decimal(amount)


def test_a_gap_is_counted_across_months_and_those_without_a_sale(fill: Fill, run: Run, tables: Any) -> None:
    """30, 30 and 30 days: a clock. December has a return alone, which is no order."""
    days = [datetime(2010, 11, 2) + timedelta(days=30 * at) for at in (0, 1, 2, 3)]
    put(fill, tables, [*(order("a", at) for at in days), order("a", datetime(2010, 12, 20), "-3")])
    found = run("segments.customer_features", FIRST, next_month(LAST))
    assert [(row["gap_mean_days"], row["gap_variation"]) for row in found] == [
        (None, None), (30, None), (30, 0), (30, 0)
    ]  # fmt: skip


def test_one_customer_with_one_order_has_no_gap_and_no_nan(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [order("a", datetime(2010, 11, 2, 3), product="POST")])
    found = run("segments.customer_features", FIRST, next_month(LAST))
    assert [row["as_of"] for row in found] == MONTHS, "months without a sale have the customer, too"
    for row in found:
        assert (row["gap_mean_days"], row["gap_variation"], row["products"]) == (None, None, 0)
        assert (row["tuesday_share"], row["night_share"], row["recency_days"]) == (1, 1, 1)
        assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_a_customer_with_only_returns_is_none(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [order("a", datetime(2010, 11, 2), "-3")])
    assert run("segments.customer_features", FIRST, next_month(LAST)) == []
    put(fill, tables, [order("a", datetime(2010, 11, 2), "-3"), order("b", datetime(2010, 11, 2))])
    found = run("segments.customer_features", FIRST, next_month(LAST))
    assert {row["customer_id"] for row in found} == {"b"}


def test_an_amount_of_nothing_has_no_share_of_returns(fill: Fill, run: Run, tables: Any) -> None:
    """The rules of customer_months refuse such a month; were one there, 0 / 0 must not look like a number."""
    put(fill, tables, [order("a", datetime(2010, 11, 2)), order("a", datetime(2010, 11, 3), "-3")])
    tables.execute("UPDATE core.customer_months SET amount = 0")
    [row] = run("segments.customer_features", FIRST, next_month(FIRST))
    assert (row["returned_share"], row["order_value"]) == (None, 0)
