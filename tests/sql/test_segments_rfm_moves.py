"""segments.rfm_moves: who went from which segment to which, against a plain loop over two months."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 12, 1), date(2011, 2, 1))
DECEMBER, JANUARY, FEBRUARY = MONTHS
MARCH = next_month(FEBRUARY)

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
Row = tuple[date, str, str, Decimal]

rfm = st.lists(
    st.tuples(
        st.sampled_from(MONTHS),
        st.sampled_from("abcdef"),
        st.sampled_from(["New", "Loyal", "Lost"]),
        st.integers(1, 9).map(Decimal),
    ),
    unique_by=lambda row: row[:2],
)


def put(fill: Fill, tables: Any, rows: list[Row]) -> None:
    tables.execute("DELETE FROM segments.rfm")
    fill("segments.rfm", "as_of,customer_id,segment,monetary", *rows)


def naive(rows: list[Row], as_of: date, previous: date | None) -> list[dict[str, Any]]:
    now = {customer: (segment, value) for month, customer, segment, value in rows if month == as_of}
    before = {customer: (segment, value) for month, customer, segment, value in rows if month == previous}
    nobody = ("None", Decimal(0))
    groups: dict[tuple[str, str], list[tuple[Decimal, Decimal]]] = {}
    for customer in now.keys() | before.keys() if now else ():
        (origin, was), (end, value) = before.get(customer, nobody), now.get(customer, nobody)
        groups.setdefault((origin, end), []).append((value, value - was))
    return [
        {
            "as_of": as_of, "from_segment": origin, "to_segment": end, "customers": len(moved),
            "amount": sum(value for value, _ in moved), "month_amount": sum(more for _, more in moved),
        }
        for (origin, end), moved in sorted(groups.items())
    ]  # fmt: skip


@given(rfm)
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, rows: list[Row]) -> None:
    put(fill, tables, rows)
    expected = [
        *naive(rows, DECEMBER, None), *naive(rows, JANUARY, DECEMBER), *naive(rows, FEBRUARY, JANUARY)
    ]  # fmt: skip
    assert run("segments.rfm_moves", DECEMBER, MARCH) == expected
    alone = [row for month in MONTHS for row in run("segments.rfm_moves", month, next_month(month))]
    assert alone == expected


def test_the_matrix_adds_up_to_both_months(fill: Fill, run: Run, tables: Any) -> None:
    december = [(DECEMBER, "a", "New", Decimal(1)), (DECEMBER, "b", "Loyal", Decimal(5))]
    january = [
        (JANUARY, "a", "Lost", Decimal(1)), (JANUARY, "b", "Loyal", Decimal(8)), (JANUARY, "c", "New", Decimal(2))
    ]  # fmt: skip
    put(fill, tables, [*december, *january])
    found = run("segments.rfm_moves", JANUARY, FEBRUARY)
    assert [tuple(row.values())[1:] for row in found] == [
        ("Loyal", "Loyal", 1, Decimal(8), Decimal(3)),
        ("New", "Lost", 1, Decimal(1), Decimal(0)),
        ("None", "New", 1, Decimal(2), Decimal(2)),
    ]
    assert sum(row["customers"] for row in found if row["from_segment"] != "None") == len(december)
    assert sum(row["customers"] for row in found) == len(january)
    assert sum(row["amount"] for row in found) == sum(row[3] for row in january)


def test_a_month_without_segments_has_no_moves(fill: Fill, run: Run, tables: Any) -> None:
    """While it stands refused, everyone would seem to have gone away."""
    put(fill, tables, [(DECEMBER, "a", "New", Decimal(1)), (FEBRUARY, "a", "Lost", Decimal(1))])
    found = run("segments.rfm_moves", DECEMBER, MARCH)
    assert [(row["as_of"], row["from_segment"]) for row in found] == [(DECEMBER, "None"), (FEBRUARY, "None")]
