"""segments.actions and segments.holdouts: what each segment is worth, likes and does, and who is left out."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from warehouse.plan import next_month

JANUARY, FEBRUARY = date(2011, 1, 1), date(2011, 2, 1)
CUSTOMERS = [f"{at}" for at in range(20_000)]

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


def drawn(fill: Fill, run: Run, tables: Any, share: float = 0.1, salt: str = "a") -> set[str]:
    tables.execute("DELETE FROM seeds.holdouts")
    fill("seeds.holdouts", "share,salt", (share, salt))
    found = run("segments.holdouts", JANUARY, FEBRUARY)
    return {row["customer_id"] for row in found if row["is_held_out"]}


@pytest.fixture
def crowd(tables: Any) -> None:
    tables.execute(
        "INSERT INTO segments.rfm (as_of, customer_id, segment) "
        "SELECT as_of, CAST(number AS VARCHAR), CASE WHEN number % 4 = 0 THEN 'Lost' ELSE 'New' END "
        "FROM range(20000) AS customers (number) CROSS JOIN (VALUES (DATE '2011-01-01'), (DATE '2011-02-01')) AS months (as_of)"
    )


@pytest.mark.usefixtures("crowd")
def test_as_many_are_held_out_as_the_seed_says_in_every_segment(fill: Fill, run: Run, tables: Any) -> None:
    """A hold-out that differs from the rest tells nothing of what campaigns bring."""
    held = drawn(fill, run, tables)
    assert len(held) / len(CUSTOMERS) == pytest.approx(0.1, abs=0.01)
    assert sum(int(who) % 4 == 0 for who in held) / 5_000 == pytest.approx(0.1, abs=0.015)
    assert held < drawn(fill, run, tables, share=0.3)
    assert drawn(fill, run, tables, share=0) == set()


@pytest.mark.usefixtures("crowd")
def test_who_is_held_out_stays_so_and_another_salt_draws_others(fill: Fill, run: Run, tables: Any) -> None:
    held = drawn(fill, run, tables)
    later = run("segments.holdouts", FEBRUARY, next_month(FEBRUARY))
    assert {row["customer_id"] for row in later if row["is_held_out"]} == held
    others = drawn(fill, run, tables, salt="b")
    assert len(held & others) / len(held) == pytest.approx(0.1, abs=0.03)


SHARES = ("monday_share", "tuesday_share", "wednesday_share", "thursday_share", "friday_share", "saturday_share", "sunday_share")  # fmt: skip
BANDS = ("night_share", "morning_share", "afternoon_share", "evening_share")


def put(fill: Fill) -> None:
    """Twelve loyal customers who buy bags on Mondays, and twelve lost ones who bought mugs on Fridays."""
    fill("seeds.value", "horizon_days", (90,))
    fill("seeds.campaigns", "segment,campaign,reason", ("Loyal", "Thanks", "They stay."))
    features = f"as_of,customer_id,order_days,frequency,{','.join(SHARES)},{','.join(BANDS)}"
    for at in range(24):
        is_loyal, who = at < 12, f"{at:02}"
        segment = "Loyal" if is_loyal else "Lost"
        fill(
            "segments.holdouts",
            "as_of,customer_id,segment,is_held_out",
            (JANUARY, who, segment, at % 12 == 0),
        )
        fill(
            "value.lifetime",
            "as_of,customer_id,horizon_days,expected_amount",
            (JANUARY, who, 90, 10.0 if is_loyal else 4.0),
            (JANUARY, who, 365, 99.0),
        )
        days = [0.6 if is_loyal else 0.2, 0, 0, 0, 0.4 if is_loyal else 0.8, 0, 0]
        fill("segments.customer_features", features, (JANUARY, who, 5, 10, *days, 0, 0.75, 0.25, 0))
        names = "month,customer_id,product_id,category,is_goods,orders"
        bought = ["Bags", "Mugs"] if is_loyal else ["Mugs"]
        fill("core.customer_product_months", names, *((JANUARY, who, name, name, True, 1) for name in bought))
    # Of two of the lost no risk can be told.
    fill(
        "churn.risk",
        "as_of,customer_id,probability",
        *((JANUARY, f"{at:02}", 0.1 if at < 12 else 0.5) for at in range(22)),
    )


def test_an_action_rests_on_its_customers(fill: Fill, run: Run) -> None:
    put(fill)
    lost, loyal = run("segments.actions", JANUARY, FEBRUARY)
    assert (loyal["customers"], loyal["held_out"], loyal["customers_at_stake"]) == (12, 1, 12)
    assert (loyal["expected_amount"], loyal["amount_at_stake"]) == (120, pytest.approx(12))
    assert (lost["expected_amount"], lost["customers_at_stake"]) == (48, 10)
    assert (lost["amount_at_stake"], lost["mean_probability"]) == (pytest.approx(20), 0.5)
    assert (loyal["weekday"], loyal["weekday_share"]) == (1, 0.6)
    assert (lost["weekday"], lost["weekday_share"]) == (5, 0.8)
    assert (lost["part_of_day"], lost["part_of_day_share"]) == ("morning", 0.75)
    # Of 36 pairs of customer and category 12 are of bags: a third, and half of those of the loyal.
    assert (loyal["category_1"], loyal["lift_1"]) == ("Bags", 1.5)
    assert (loyal["category_2"], loyal["lift_2"]) == ("Mugs", 0.75)
    assert (lost["category_1"], lost["lift_1"], lost["category_2"]) == ("Mugs", 1.5, None)
    assert (loyal["campaign"], lost["campaign"]) == ("Thanks", None)


def test_nothing_that_is_bought_later_is_a_taste(fill: Fill, run: Run) -> None:
    put(fill)
    before = run("segments.actions", JANUARY, FEBRUARY)
    names = "month,customer_id,product_id,category,is_goods,orders"
    fill(
        "core.customer_product_months",
        names,
        *((FEBRUARY, f"{at:02}", "T", "Toys", True, 1) for at in range(12)),
    )
    assert run("segments.actions", JANUARY, FEBRUARY) == before


def test_a_segment_of_which_nothing_is_known_is_there(fill: Fill, run: Run) -> None:
    """One customer who returned all, in a month whose forecasts stand refused."""
    fill("segments.holdouts", "as_of,customer_id,segment,is_held_out", (JANUARY, "a", "New", False))
    [row] = run("segments.actions", JANUARY, FEBRUARY)
    assert (row["customers"], row["held_out"], row["customers_at_stake"]) == (1, 0, 0)
    unknown = ("expected_amount", "amount_at_stake", "category_1", "weekday_share", "part_of_day_share", "campaign")  # fmt: skip
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert not any(isinstance(value, Decimal) and value.is_nan() for value in row.values())
