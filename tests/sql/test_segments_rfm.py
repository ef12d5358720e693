"""segments.rfm: recency, frequency and monetary value as of each month, against a naive loop."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.graph import SEEDS_DIR
from warehouse.plan import month_range, next_month

FIRST, LAST = date(2010, 11, 1), date(2011, 2, 1)
MONTHS = month_range(FIRST, LAST)
STATE = "month,customer_id,orders,units,amount,returned_amount,first_sold_at,last_sold_at"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, orders, amount, returned amount, day of the last sale
Month = tuple[date, str, int, Decimal, Decimal, int]


@st.composite
def shops(draw: st.DrawFn) -> list[Month]:
    """What each customer did in each month; many values are equal, as they are in a shop."""
    found: list[Month] = []
    for customer in "abcdefgh"[: draw(st.integers(0, 8))]:
        for month in draw(st.lists(st.sampled_from(MONTHS), unique=True, max_size=4)):
            orders = draw(st.integers(0, 3))
            amount = draw(st.sampled_from(["1.0001", "2.5", "2.5", "10"])) if orders else "0"
            returned = draw(st.sampled_from(["0", "0", "1", "3.3333"]))
            found.append(
                (month, customer, orders, Decimal(amount), Decimal(returned), draw(st.integers(1, 28)))
            )
    return found


def put(fill: Fill, tables: duckdb.DuckDBPyConnection, shop: list[Month]) -> None:
    """Write a shop as the monthly state."""
    for name in ("core.customer_months", "core.sales_days", "seeds.rfm_segments"):
        tables.execute(f"DELETE FROM {name}")
    tables.execute(f"INSERT INTO seeds.rfm_segments FROM '{SEEDS_DIR / 'rfm_segments.csv'}'")
    days: dict[tuple[date, date], int] = {}
    rows = []
    for month, customer, orders, amount, returned, day in shop:
        at = datetime(month.year, month.month, day, 12) if orders else None
        rows.append((month, customer, orders, orders, amount, returned, at, at))
        booked = month.replace(day=day)
        days[month, booked] = days.get((month, booked), 0) + orders
    fill("core.customer_months", STATE, *rows)
    fill("core.sales_days", "month,day,country,orders", *((m, d, "EIRE", n) for (m, d), n in days.items()))


def score(values: list[Any], mine: Any) -> int:
    """1 + floor(5 x percent rank), at most 5."""
    if len(values) == 1:
        return 1
    return min(5, 1 + int(5 * Fraction(sum(value < mine for value in values), len(values) - 1)))


def segments() -> dict[tuple[int, int], str]:
    rows = duckdb.sql(f"FROM '{SEEDS_DIR / 'rfm_segments.csv'}'").fetchall()
    return {(r, fm): name for r, fm, name in rows}


def naive(shop: list[Month], as_of: date) -> list[dict[str, Any]]:
    """RFM as anyone would count it, customer by customer."""
    known = [row for row in shop if row[0] <= as_of]
    sold = [row[0].replace(day=row[5]) for row in known if row[2]]
    if not sold:
        return []
    reference = max(sold) + timedelta(days=1)
    found = []
    for customer in sorted({row[1] for row in known if row[2]}):
        mine = [row for row in known if row[1] == customer]
        found.append(
            {
                "as_of": as_of,
                "customer_id": customer,
                "recency_days": (reference - max(row[0].replace(day=row[5]) for row in mine if row[2])).days,
                "frequency": sum(row[2] for row in mine),
                "monetary": sum(row[3] for row in mine),
                "net_monetary": sum(row[3] - row[4] for row in mine),
            }
        )
    names = segments()
    for row in found:
        row["r"] = score([-at["recency_days"] for at in found], -row["recency_days"])
        row["f"] = score([at["frequency"] for at in found], row["frequency"])
        row["m"] = score([at["monetary"] for at in found], row["monetary"])
        total = row["r"] + row["f"] + row["m"]
        row["segment"] = names[row["r"], (row["f"] + row["m"] + 1) // 2]
        row["tier"] = "High" if total >= 12 else "Medium" if total >= 8 else "Low"
    return found


@given(shops())
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, shop: list[Month]) -> None:
    put(fill, tables, shop)
    expected = [row for month in MONTHS for row in naive(shop, month)]
    assert run("segments.rfm", FIRST, next_month(LAST)) == expected


@given(shops(), st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: list[Month], as_of: date
) -> None:
    put(fill, tables, shop)
    backfill = run("segments.rfm", FIRST, next_month(LAST))
    alone = run("segments.rfm", as_of, next_month(as_of))
    assert alone == [row for row in backfill if row["as_of"] == as_of]
    put(fill, tables, [row for row in shop if row[0] <= as_of])
    assert run("segments.rfm", as_of, next_month(as_of)) == alone


def test_recency_counts_to_the_day_after_the_last_sale_of_anyone(fill: Fill, run: Run, tables: Any) -> None:
    """A guest's sale counts too; today's date does not, or the past would change every day."""
    put(fill, tables, [(FIRST, "a", 1, Decimal(1), Decimal(0), 5)])
    fill("core.sales_days", "month,day,country,orders", (FIRST, date(2010, 11, 20), "EIRE", 1))
    fill("core.sales_days", "month,day,country,orders", (FIRST, date(2010, 11, 28), "EIRE", 0))
    found = run("segments.rfm", FIRST, next_month(next_month(FIRST)))
    assert [(row["as_of"], row["recency_days"]) for row in found] == [
        (FIRST, 16), (date(2010, 12, 1), 16)
    ]  # fmt: skip


def test_a_customer_who_only_returned_is_none_until_the_first_sale(fill: Fill, run: Run, tables: Any) -> None:
    put(
        fill, tables,
        [(MONTHS[0], "a", 0, Decimal(0), Decimal(3), 5), (MONTHS[0], "b", 1, Decimal(1), Decimal(0), 5),
         (MONTHS[2], "a", 1, Decimal(2), Decimal(0), 5)],
    )  # fmt: skip
    found = [row for row in run("segments.rfm", FIRST, next_month(LAST)) if row["customer_id"] == "a"]
    assert [(row["as_of"], row["net_monetary"]) for row in found] == [
        (MONTHS[2], Decimal(-1)), (MONTHS[3], Decimal(-1))
    ]  # fmt: skip


@pytest.mark.parametrize("customers", [1, 2, 5, 6, 7, 11, 101])
def test_scores_reach_from_one_to_five_and_equal_values_score_equally(
    fill: Fill, run: Run, tables: Any, customers: int
) -> None:
    shop = [(FIRST, f"{at:03}", at + 1, Decimal(at + 1), Decimal(0), 1) for at in range(customers)]
    put(fill, tables, shop)
    found = run("segments.rfm", FIRST, next_month(FIRST))
    assert [row["f"] for row in found] == [score(list(range(customers)), at) for at in range(customers)]
    assert {row["r"] for row in found} == {1}
    if customers > 5:
        assert {row["f"] for row in found} == {1, 2, 3, 4, 5}


def test_a_shop_without_sales_has_no_segments(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(FIRST, "a", 0, Decimal(0), Decimal(3), 5)])
    assert run("segments.rfm", FIRST, next_month(LAST)) == []
