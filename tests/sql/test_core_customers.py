"""core.customers: where a customer is and since when, as of each month, against a plain loop."""

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 11, 1), date(2011, 3, 1))
FIRST, LAST = MONTHS[0], MONTHS[-1]
TRUNCATED = 2

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, country, orders
Month = tuple[date, str, str, int]

states = st.lists(
    st.tuples(
        st.sampled_from(MONTHS),
        st.sampled_from("abc"),
        st.sampled_from(["EIRE", "France"]),
        st.integers(0, 1),
    ),
    unique_by=lambda row: row[:2],
    max_size=12,
)


def put(fill: Fill, tables: Any, rows: list[Month], first: date = FIRST) -> None:
    for name in ("core.customer_months", "core.sales_days", "seeds.thresholds"):
        tables.execute(f"DELETE FROM {name}")
    fill("core.customer_months", "month,customer_id,country,orders", *rows)
    fill("core.sales_days", "month,day", (first, first))
    fill("seeds.thresholds", "left_truncated_months", (TRUNCATED,))


def naive(rows: list[Month], as_of: date) -> list[dict[str, Any]]:
    found = []
    for customer in sorted({row[1] for row in rows if row[0] <= as_of}):
        mine = sorted(row for row in rows if row[1] == customer and row[0] <= as_of)
        found.append(
            {
                "as_of": as_of, "customer_id": customer, "country": mine[-1][2],
                "first_month": mine[0][0], "last_month": mine[-1][0],
                "is_left_truncated": mine[0][0] in MONTHS[:TRUNCATED] or mine[0][3] == 0,
            }
        )  # fmt: skip
    return found


@given(states)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Month]) -> None:
    put(fill, tables, rows)
    expected = [row for month in MONTHS for row in naive(rows, month)]
    assert run("core.customers", FIRST, next_month(LAST)) == expected


@given(states, st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill(
    fill: Fill, run: Run, tables: Any, rows: list[Month], as_of: date
) -> None:
    put(fill, tables, rows)
    assert run("core.customers", as_of, next_month(as_of)) == naive(rows, as_of)


def test_the_data_begin_with_the_first_sale_of_anyone(fill: Fill, run: Run, tables: Any) -> None:
    """Guests' sales of January show that a customer of March was not there in January and February."""
    put(fill, tables, [(date(2011, 3, 1), "a", "EIRE", 1)], first=date(2011, 1, 1))
    [row] = run("core.customers", date(2011, 3, 1), date(2011, 4, 1))
    assert not row["is_left_truncated"]
    put(fill, tables, [(date(2011, 3, 1), "a", "EIRE", 1)], first=date(2011, 2, 1))
    [row] = run("core.customers", date(2011, 3, 1), date(2011, 4, 1))
    assert row["is_left_truncated"]


def test_who_begins_with_a_return_was_there_before(fill: Fill, run: Run, tables: Any) -> None:
    """Taken for a new customer, one who bought long ago would make the newest cohort look loyal."""
    put(fill, tables, [(LAST, "a", "EIRE", 0), (LAST, "b", "EIRE", 1)])
    found = run("core.customers", LAST, next_month(LAST))
    assert [row["is_left_truncated"] for row in found] == [True, False]
