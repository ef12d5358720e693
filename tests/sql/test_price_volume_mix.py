"""price.volume_mix: the change of the amount by what it comes from, against a plain loop."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
STATE = "month,product_id,category,units,amount,usual_price"
EFFECTS = ("price_effect", "volume_effect", "mix_effect", "discount_effect")

sold = st.lists(
    st.tuples(
        st.sampled_from(MONTHS[:3]), st.sampled_from("ABC"), st.integers(1, 50), st.integers(1, 10**6),
        st.sampled_from([None, Decimal(1), Decimal("2.5"), Decimal("0.3333")]),
    ),
    unique_by=lambda row: row[:2],
    max_size=9,
)  # fmt: skip


def put(fill: Fill, tables: Any, rows: list[Any]) -> None:
    tables.execute("DELETE FROM core.product_months")
    fill("core.product_months", STATE, *rows)


@given(sold)
def test_effects_agree_with_a_plain_loop_and_add_up_to_the_last_digit(
    fill: Fill, run: Run, tables: Any, drawn: list[Any]
) -> None:
    rows = [
        (month, product, "Mugs", units, Decimal(cents) / 10_000, price)
        for month, product, units, cents, price in drawn
    ]
    put(fill, tables, rows)
    known = {
        (month, product): (units, amount, price if price is not None else round(amount / units, 4))
        for month, product, _, units, amount, price in rows
    }
    found = {(row["month"], row["product_id"]): row for row in run("price.volume_mix", MONTHS[0], MONTHS[3])}
    expected = set()
    for before, month in pairwise(MONTHS[:3]):
        past = {product: value for (at, product), value in known.items() if at == before}
        present = {product: value for (at, product), value in known.items() if at == month}
        if not past or not present:
            continue
        mean = sum(units * price for units, _, price in past.values()) / sum(
            units for units, _, _ in past.values()
        )
        for product in past.keys() | present.keys():
            expected.add((month, product))
            units_before, amount_before, price_before = past.get(product, (0, Decimal(0), None))
            units, amount, price = present.get(product, (0, Decimal(0), None))
            price_before = price if price_before is None else price_before
            price = price_before if price is None else price
            row = found[month, product]
            assert sum(row[name] for name in EFFECTS) == row["change"] == amount - amount_before
            assert abs(row["price_effect"] - units * (price - price_before)) <= Decimal("0.01")
            assert abs(row["volume_effect"] - (units - units_before) * mean) <= Decimal("0.01")
            assert abs(row["mix_effect"] - (units - units_before) * (price_before - mean)) <= Decimal("0.02")
    assert set(found) == expected


def test_each_effect_is_what_its_name_says(fill: Fill, run: Run, tables: Any) -> None:
    """Ten cups of 2 and ten pots of 4; then cups at 3, five pots, of which two for 3 each, and a new bowl of 1."""
    put(
        fill, tables,
        [(MONTHS[0], "CUP", "A", 10, 20, 2), (MONTHS[0], "POT", "A", 10, 40, 4),
         (MONTHS[1], "CUP", "A", 10, 30, 3), (MONTHS[1], "POT", "A", 5, 18, 4), (MONTHS[1], "BOWL", "A", 1, 1, 1)],
    )  # fmt: skip
    found = {
        row["product_id"]: tuple(int(row[name]) for name in EFFECTS)
        for row in run("price.volume_mix", MONTHS[1], MONTHS[2])
    }
    assert found == {"CUP": (10, 0, 0, 0), "POT": (0, -15, -5, -2), "BOWL": (0, 3, -2, 0)}


def test_a_month_after_one_without_sales_has_no_rows(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(MONTHS[0], "CUP", "A", 10, 20, 2), (MONTHS[2], "CUP", "A", 10, 20, 2)])
    assert run("price.volume_mix", MONTHS[0], MONTHS[3]) == []


def test_a_month_is_the_same_alone_as_in_a_backfill(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, tables, [(month, "CUP", "A", 10 + at, 20 + at, 2) for at, month in enumerate(MONTHS)])
    backfill = run("price.volume_mix", MONTHS[0], date(2011, 5, 1))
    alone = [row for at in (0, 1, 2) for row in run("price.volume_mix", MONTHS[at], MONTHS[at + 1])]
    assert backfill[:2] == alone
    assert len(backfill) == 3
