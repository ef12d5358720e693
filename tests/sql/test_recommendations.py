"""recommendations.champions and recommendations.due: who makes the lists, and what a rhythm says is due."""

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from warehouse.plan import month_range, next_month

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

JUDGED = "as_of,judged,list,candidate,customers_of,customers,capped_recall_10,floor,gain,gain_low,gain_high"
STATE = "month,customer_id,product_id,is_goods,orders,first_sold_at,last_sold_at"


def judge(fill: Fill, recalls: dict[date, dict[str, float]], customers: int = 10) -> None:
    for month, of_month in recalls.items():
        for name, recall in of_month.items():
            gain = None if name == "own orders" else recall - of_month["own orders"]
            row = ("all", name, "all", customers, recall, "own orders", gain, gain, gain)
            fill("recommendations.backtest", JUDGED, (month, month, *row))


def test_the_champion_is_the_best_of_the_months_so_far_and_its_worth_that_of_the_one_before(
    fill: Fill, run: Run
) -> None:
    """Chosen on the month that it is reported for, any recommender would look good."""
    first, second = date(2020, 1, 1), date(2020, 2, 1)
    judge(fill, {first: {"own orders": 0.2, "ease": 0.3, "als": 0.1}})
    judge(fill, {second: {"own orders": 0.2, "ease": 0.1, "als": 0.9}}, customers=30)
    one, two = run("recommendations.champions", first, next_month(second))
    assert (one["candidate"], one["months"], one["capped_recall_10"]) == ("ease", 1, 0.3)
    assert (one["earlier_candidate"], one["earlier_capped_recall_10"], one["gain"]) == (None, None, None)
    assert (two["candidate"], two["months"]) == ("als", 2)
    assert two["capped_recall_10"] == pytest.approx((10 * 0.1 + 30 * 0.9) / 40)
    assert (two["earlier_candidate"], two["earlier_capped_recall_10"]) == ("ease", 0.1)
    assert (two["floor_capped_recall_10"], two["gain"]) == (0.2, pytest.approx(-0.1))


def test_six_months_are_chosen_by_and_a_month_judged_again_counts_once(fill: Fill, run: Run) -> None:
    months = month_range(date(2020, 1, 1), date(2020, 8, 1))
    judge(fill, {months[0]: {"own orders": 0.1, "ease": 0.9, "als": 0.2}})
    judge(fill, {month: {"own orders": 0.1, "ease": 0.2, "als": 0.3} for month in months[1:7]})
    row = (months[6], "all", "ease", "all", 10, 0.2, "own orders", 0.1, 0.1, 0.1)
    fill("recommendations.backtest", JUDGED, (months[7], *row))
    found = run("recommendations.champions", months[5], next_month(months[7]))
    assert [(row["candidate"], row["months"]) for row in found] == [("ease", 6), ("als", 6), ("als", 6)]
    assert [row["earlier_candidate"] for row in found] == ["ease", "ease", "ease"]
    alone = [
        row for month in months[5:] for row in run("recommendations.champions", month, next_month(month))
    ]
    assert alone == found


def test_equals_go_by_name_and_a_floor_can_be_champion(fill: Fill, run: Run) -> None:
    judge(fill, {date(2020, 1, 1): {"own orders": 0.2, "ease": 0.3, "als": 0.3}})
    judge(fill, {date(2020, 2, 1): {"own orders": 0.9, "ease": 0.2, "als": 0.3}})
    found = run("recommendations.champions", date(2020, 1, 1), date(2020, 3, 1))
    assert [row["candidate"] for row in found] == ["als", "own orders"]
    assert [row["lead"] for row in found] == [pytest.approx(0.1), None]
    assert run("recommendations.champions", date(2019, 1, 1), date(2019, 2, 1)) == []


@pytest.mark.parametrize(("spread", "served"), [(0.02, "ease"), (0.05, "own orders")])
def test_a_lead_within_chance_is_not_served(fill: Fill, run: Run, spread: float, served: str) -> None:
    """Customers would get lists that may be worse than what they bought before."""
    months = month_range(date(2020, 1, 1), date(2020, 4, 1))
    for month in months:
        row = (month, month, "all", "own orders", "all", 10, 0.30, "own orders", None, None, None)
        led = (month, month, "all", "ease", "all", 10, 0.32, "own orders", 0.02, 0.02 - spread, 0.02 + spread)
        fill("recommendations.backtest", JUDGED, row, led)
    (found,) = run("recommendations.champions", months[-1], next_month(months[-1]))
    assert found["candidate"] == served
    if served == "ease":  # four months: half the width of one
        assert (found["lead"], found["lead_low"]) == (pytest.approx(0.02), pytest.approx(0.02 - spread / 2))


def sold(
    fill: Fill, *days: datetime, customer: str = "a", product: str = "cup", is_goods: bool = True
) -> None:
    for month in sorted({day.date().replace(day=1) for day in days}):
        mine = [day for day in days if day.date().replace(day=1) == month]
        fill(
            "core.customer_product_months",
            STATE,
            (month, customer, product, is_goods, len(mine), min(mine), max(mine)),
        )
    for day in {day.date() for day in days}:
        fill("core.sales_days", "month,day,country,orders", (day.replace(day=1), day, "EIRE", 1))


@pytest.fixture
def settings(fill: Fill) -> None:
    fill("seeds.recommendations", "launched_days,due_days", (60, 30))


@pytest.mark.usefixtures("settings")
def test_what_is_due_follows_from_the_own_gaps_and_two_of_all(fill: Fill, run: Run) -> None:
    """a: gaps of 20 and 30 days; b: one of 100. The mean gap of all three is 50."""
    sold(fill, datetime(2020, 1, 1, 9), datetime(2020, 1, 21, 9), datetime(2020, 2, 20, 9))
    sold(fill, datetime(2020, 1, 1), datetime(2020, 4, 10), customer="b")
    sold(fill, datetime(2020, 4, 10), customer="c")
    [row] = run("recommendations.due", date(2020, 4, 1), date(2020, 5, 1))
    assert (row["customer_id"], row["orders"], row["last_ordered_on"]) == ("a", 3, date(2020, 2, 20))
    assert row["gap_days"] == (2 * 50 + 50) / 4
    assert row["due_on"] == date(2020, 3, 29)
    seen = 2 * 50 + 50 + 51  # until the 11th of April, the day after the last sale
    assert row["probability"] == pytest.approx(1 - (seen / (seen + 30)) ** 4, abs=1e-6)
    february = run("recommendations.due", date(2020, 2, 1), date(2020, 3, 1))
    assert [row["gap_days"] for row in february] == [25]
    both = run("recommendations.due", date(2020, 2, 1), date(2020, 5, 1))
    assert [row for row in both if row["as_of"] in {date(2020, 2, 1), date(2020, 4, 1)}] == [*february, row]


@pytest.mark.usefixtures("settings")
def test_what_is_not_due_yet_or_was_given_up_or_is_no_goods_is_left_out(fill: Fill, run: Run) -> None:
    every_ten = [datetime(2020, 1, day) for day in (1, 11, 21)]
    sold(fill, *every_ten, customer="gave up")
    sold(fill, *every_ten, customer="carriage", product="POST", is_goods=False)
    sold(fill, *(datetime(2020, month, 1) for month in (1, 3, 5)), product="slow")
    assert [row["customer_id"] for row in run("recommendations.due", date(2020, 1, 1), date(2020, 2, 1))] == [
        "gave up"
    ]
    assert run("recommendations.due", date(2020, 5, 1), date(2020, 6, 1)) == []


@pytest.mark.usefixtures("settings")
def test_three_orders_of_one_day_have_no_rhythm_that_ends_in_nan(fill: Fill, run: Run) -> None:
    sold(fill, *(datetime(2020, 1, 5, hour) for hour in (9, 10, 11)))
    for row in run("recommendations.due", date(2020, 1, 1), date(2020, 2, 1)):
        assert math.isfinite(row["probability"])
    assert run("recommendations.due", date(2019, 1, 1), date(2019, 2, 1)) == []


ASSOCIATED = "as_of,level,antecedent,consequent,association,count,customers,confidence,adjusted_lift,is_rule"


def test_company_is_what_is_more_than_chance_the_more_frequent_first(fill: Fill, run: Run) -> None:
    january = date(2020, 1, 1)
    fill(
        "rules.rules",
        ASSOCIATED,
        (january, "product", ["A"], "B", "complement", 20, 15, 0.2, 3.0, False),
        (january, "product", ["A"], "C", "complement", 50, 30, 0.5, 2.0, True),
        (january, "product", ["A"], "D", "substitute", 90, 80, 0.9, 0.5, False),
        (january, "product", ["A", "C"], "B", "complement", 12, 11, 0.6, 4.0, True),
        (january, "category", ["A"], "E", "complement", 99, 90, 0.9, 2.0, True),
        (next_month(january), "product", ["A"], "F", "complement", 99, 90, 0.9, 2.0, True),
        *(
            (january, "product", ["Z"], f"P{at:02}", "complement", 20, 15, 0.3, 2.0, False)
            for at in range(25)
        ),
    )
    found = run("recommendations.also_bought", january, next_month(january))
    lists: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(found, key=lambda row: row["rank"]):
        lists.setdefault(tuple(row["product_ids"]), []).append(row["also_bought"])
    assert lists == {
        ("A",): ["C", "B"],
        ("A", "C"): ["B"],
        ("Z",): [f"P{at:02}" for at in range(20)],
    }
    best = next(row for row in found if row["also_bought"] == "C")
    assert (best["rank"], best["baskets"], best["customers"], best["is_rule"]) == (1, 50, 30, True)


def test_without_associations_there_is_no_company(run: Run) -> None:
    assert run("recommendations.also_bought", date(2020, 1, 1), date(2020, 2, 1)) == []
