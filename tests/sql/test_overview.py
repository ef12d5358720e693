"""The overview adds up to the state of core that it is made from, as of each month."""

import statistics
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2011, 1, 1), date(2011, 3, 1))
JANUARY, FEBRUARY, MARCH = MONTHS
APRIL = next_month(MARCH)

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

days = st.dates(JANUARY, date(2011, 3, 31))
trade = st.tuples(st.integers(0, 5), st.integers(0, 3))


def month_of(day: date) -> date:
    return day.replace(day=1)


@given(
    st.lists(st.tuples(days, st.integers(0, 23), st.integers(1, 5)), unique_by=lambda at: at[:2], max_size=20)
)
def test_hours_and_weekdays_agree_with_a_plain_loop(
    fill: Fill, run: Run, tables: Any, rows: list[tuple[date, int, int]]
) -> None:
    tables.execute("DELETE FROM core.sales_hours")
    fill(
        "core.sales_hours", "month,day,hour,orders,units,amount",
        *((month_of(day), day, hour, n, 2 * n, Decimal(3 * n)) for day, hour, n in rows),
    )  # fmt: skip
    hours, weekdays = [], []
    for as_of in MONTHS:
        seen = [row for row in rows if month_of(row[0]) <= as_of]
        for weekday, hour in sorted({(row[0].isoweekday(), row[1]) for row in seen}):
            n = sum(row[2] for row in seen if (row[0].isoweekday(), row[1]) == (weekday, hour))
            hours.append((as_of, weekday, hour, n, 2 * n, Decimal(3 * n)))
        for weekday in sorted({row[0].isoweekday() for row in seen}):
            n = sum(row[2] for row in seen if row[0].isoweekday() == weekday)
            open_days = len({row[0] for row in seen if row[0].isoweekday() == weekday})
            weekdays.append((as_of, weekday, open_days, n, 2 * n, Decimal(3 * n), round(n / open_days, 2)))
    assert [tuple(row.values()) for row in run("overview.hours", JANUARY, APRIL)] == hours
    found = [tuple(row.values()) for row in run("overview.weekdays", JANUARY, APRIL)]
    assert [row[:-1] for row in found] == [row[:-1] for row in weekdays]
    assert [row[-1] for row in found] == pytest.approx([row[-1] for row in weekdays], abs=0.0051)


@given(
    st.lists(
        st.tuples(st.sampled_from(MONTHS), st.sampled_from("ABC"), trade),
        unique_by=lambda at: at[:2],
        max_size=9,
    )
)
def test_countries_agree_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: Any) -> None:
    for name in ("core.sales_days", "core.customers"):
        tables.execute(f"DELETE FROM {name}")
    fill(
        "core.sales_days", "month,day,country,orders,units,amount,returned_amount",
        *((month, month, place, n, n, Decimal(n) / 2, Decimal(back)) for month, place, (n, back) in rows),
    )  # fmt: skip
    fill(
        "core.customers", "as_of,customer_id,country",
        (JANUARY, "1", "A"), (FEBRUARY, "1", "A"), (FEBRUARY, "2", "A"),
    )  # fmt: skip
    expected = []
    for as_of in MONTHS:
        seen = [row for row in rows if row[0] <= as_of]
        whole = sum(n for _, _, (n, _) in seen)
        for country in sorted({row[1] for row in seen}):
            n = sum(row[2][0] for row in seen if row[1] == country)
            customers = {JANUARY: 1, FEBRUARY: 2}.get(as_of, 0) if country == "A" else 0
            expected.append(
                {
                    "as_of": as_of, "country": country, "customers": customers, "orders": n, "units": n,
                    "amount": Decimal(n) / 2,
                    "returned_amount": Decimal(sum(row[2][1] for row in seen if row[1] == country)),
                    "amount_share": round(n / whole, 6) if whole else 0,
                }
            )  # fmt: skip
    assert run("overview.countries", JANUARY, APRIL) == expected


def test_top_goods_are_the_hundred_that_brought_most(fill: Fill, run: Run) -> None:
    columns = "month,product_id,is_goods,orders,units,amount,returned_amount"
    fill(
        "core.product_months",
        columns,
        *((JANUARY, f"{n:03}", True, 1, 1, Decimal(n), Decimal(0)) for n in range(1, 103)),
        (JANUARY, "POST", False, 1, 1, Decimal(9999), Decimal(0)),
        (FEBRUARY, "001", True, 2, 2, Decimal(200), Decimal(7)),
        (FEBRUARY, "NEW", True, 0, 0, Decimal(0), Decimal(5)),
    )
    fill("core.products", "as_of,product_id,name", (FEBRUARY, "001", "CUP"), (JANUARY, "001", "OLD CUP"))
    found = run("overview.top_goods", JANUARY, MARCH)
    january = [row for row in found if row["as_of"] == JANUARY]
    assert [row["rank"] for row in january] == list(range(1, 101))
    assert [row["amount"] for row in january] == list(range(102, 2, -1))
    assert january[0]["amount_share"] == round(102 / sum(range(1, 103)), 6)
    best = found[len(january)]
    assert [best[name] for name in ("product_id", "name", "orders", "amount", "returned_amount")] == [
        "001", "CUP", 3, Decimal(201), Decimal(7)
    ]  # fmt: skip


def test_of_equal_amounts_the_lower_code_is_ranked_first(fill: Fill, run: Run) -> None:
    """Else two runs over the same lines would rank them otherwise."""
    columns = "month,product_id,is_goods,orders,units,amount,returned_amount"
    fill("core.product_months", columns, *((JANUARY, name, True, 1, 1, Decimal(2), 0) for name in "CAB"))
    assert [row["product_id"] for row in run("overview.top_goods", JANUARY, FEBRUARY)] == list("ABC")


FIGURES = ("orders", "units", "amount", "returned_amount")


@given(
    st.lists(
        st.tuples(days, st.sampled_from("AB"), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
        unique_by=lambda at: at[:2],
        max_size=12,
    )
)
def test_correlations_are_those_of_pearson(fill: Fill, run: Run, tables: Any, rows: Any) -> None:
    tables.execute("DELETE FROM core.sales_days")
    fill(
        "core.sales_days", "month,day,country,orders,units,amount,returned_amount",
        *((month_of(day), day, place, n, 7, Decimal(m) / 4, Decimal(k)) for day, place, n, m, k in rows),
    )  # fmt: skip
    found = run("overview.correlations", JANUARY, APRIL)
    expected = []
    for as_of in MONTHS:
        by_day: dict[date, list[float]] = {}
        for day, _, n, m, k in rows:
            if month_of(day) <= as_of:
                figures = by_day.setdefault(day, [0.0] * 4)
                for at, value in enumerate((n, 7, m / 4, k)):
                    figures[at] += value
        series = {name: [figures[at] for figures in by_day.values()] for at, name in enumerate(FIGURES)}
        expected += [
            (as_of, one, other, len(by_day), pearson(series[one], series[other]))
            for one, other in combinations(sorted(FIGURES), 2)
            if by_day
        ]
    assert [tuple(row.values())[:4] for row in found] == [row[:4] for row in expected]
    for row, (*_, correlation) in zip(found, expected, strict=True):
        assert row["correlation"] == (None if correlation is None else pytest.approx(correlation, abs=1e-6))


def pearson(one: list[float], other: list[float]) -> float | None:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return statistics.correlation(one, other)


@pytest.mark.parametrize("name", ["hours", "weekdays", "top_goods", "countries", "correlations"])
def test_an_as_of_is_the_same_alone_as_in_a_backfill(fill: Fill, run: Run, name: str) -> None:
    for month in MONTHS:
        for day in (1, 2, 9):
            at, n = datetime(2011, month.month, day), month.month * day
            fill("core.sales_hours", "month,day,hour,orders,units,amount", (month, at, day, n, n, Decimal(n)))
            fill(
                "core.sales_days", "month,day,country,orders,units,amount,returned_amount",
                (month, at, "EIRE", n, n % 4, Decimal(n), Decimal(day)),
            )  # fmt: skip
            fill(
                "core.product_months", "month,product_id,is_goods,orders,units,amount,returned_amount",
                (month, f"{day}", True, n, n, Decimal(n), Decimal(0)),
            )  # fmt: skip
            fill("core.customers", "as_of,customer_id,country", (month, f"{n}", "EIRE"))
            fill("core.products", "as_of,product_id,name", (month, f"{day}", f"{n}"))
    backfill = run(f"overview.{name}", JANUARY, APRIL)
    assert {row["as_of"] for row in backfill} == set(MONTHS)
    assert backfill == [row for month in MONTHS for row in run(f"overview.{name}", month, next_month(month))]
