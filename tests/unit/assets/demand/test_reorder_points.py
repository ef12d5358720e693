"""Reorder points, and what they would have done, against plain loops and demand whose law is known."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.demand.reorder_points import (
    HELD_OUT_WEEKS,
    SHAPE,
    Policy,
    Terms,
    compute,
    policy,
    rates,
    replayed,
)
from assets.forecasts.smoothing import croston
from warehouse.tables import TABLES

Rows = Callable[..., pl.DataFrame]
Days = Callable[[date, int], list[date]]
FIRST = date(2021, 1, 4)


def terms(
    count: int, weeks: int = 3, service: float = 0.95, cover: float = 4.0, economic: float = np.nan
) -> Terms:
    return Terms(
        np.full(count, weeks), np.full(count, service), np.full(count, cover), np.full(count, economic)
    )


def test_rates_are_means_and_croston() -> None:
    rng = np.random.default_rng(1)
    units = rng.poisson(0.6, (20, 60)).astype(float)
    units[:, 0] = 1.0
    units[0, :30] = np.nan
    units[0, 30] = 2.0
    found = rates(units)
    assert found[0, 3, 40] == pytest.approx(units[3, 33:41].mean())
    assert found[0, 0, 33] == pytest.approx(units[0, 30:34].mean())
    assert found[1, 3, 40] == pytest.approx(units[3, 15:41].mean())
    assert found[3, 1:, -1] == pytest.approx(croston(units[1:], 1)[:, 0])
    assert found[3, 0, -1] == pytest.approx(croston(units[:1, 30:], 1)[0, 0])


def test_a_replay_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    demand = rng.poisson(5, (30, 13)).astype(float) * rng.integers(0, 4, (30, 13))
    some = Terms(rng.integers(1, 5, 30), np.full(30, 0.9), np.full(30, 4.0), np.full(30, np.nan))
    point, quantity = (rng.integers(low, high, (4, 30)).astype(float) for low, high in ((0, 40), (1, 20)))
    none, zero = np.zeros(30, dtype=np.int64), np.zeros(30)
    policies = [Policy(none, zero, zero, none, zero, point[at], quantity[at]) for at in range(4)]
    found = replayed(demand, policies, some)
    for row in range(30):
        lead, coming = some.weeks[row] - 1, []
        stock = point[0, row] + np.ceil(quantity[0, row] / 2)
        served = held = orders = short = 0.0
        for week in range(13):
            stock += sum(lots for at, lots in coming if at == week)
            coming = [(at, lots) for at, lots in coming if at > week]
            ordered = 0.0
            while stock + sum(lots for _, lots in coming) + ordered <= point[week // 4, row]:
                ordered += quantity[week // 4, row]
            if ordered:
                orders += 1
                if lead:
                    coming.append((week + lead, ordered))
                else:
                    stock += ordered
            sold = min(stock, demand[row, week])
            short += sold < demand[row, week]
            stock, served = stock - sold, served + sold
            held += stock
        assert found["orders"][row] == orders
        assert found["stockout_weeks"][row] == short
        assert found["mean_stock"][row] == pytest.approx(held / 13)
        if demand[row].sum():
            assert found["fill_rate"][row] == pytest.approx(served / demand[row].sum())


def drawn(products: int, weeks: int, seed: int, persistence: float) -> np.ndarray:
    """Demand whose level wanders: what sells well this week does so the next."""
    rng = np.random.default_rng(seed)
    level = np.zeros((products, weeks))
    for week in range(1, weeks):
        level[:, week] = persistence * level[:, week - 1] + rng.normal(0, 0.25, products)
    return rng.poisson(20 * np.exp(level)).astype(float)


@pytest.mark.parametrize("persistence", [0.0, 0.9])
@pytest.mark.parametrize("service", [0.8, 0.95])
def test_the_point_covers_the_demand_of_the_span_as_often_as_asked(
    persistence: float, service: float
) -> None:
    """A weekly error times the square root of the weeks covers wandering demand less often than it promises."""
    span, weeks = 5, 110
    units = drawn(400, weeks + span, 3, persistence)
    known = units[:, :weeks]
    some = terms(400, span, service)
    found = policy(known, np.zeros(known.shape, dtype=bool), some, weeks)
    came = units[:, weeks:].sum(axis=1)
    assert (came <= found.point).mean() == pytest.approx(service, abs=0.05)
    weekly = policy(known, np.zeros(known.shape, dtype=bool), terms(400, 1, service), weeks)
    by_root = span * found.rate + weekly.safety * span**0.5
    if persistence:
        assert (came <= by_root).mean() < (came <= found.point).mean() - 0.03


def test_the_quantity_is_the_economic_one_where_costs_are_known() -> None:
    """Harris 1913: the root of 2 x demand of a year x cost of an order by cost of holding one."""
    units = np.full((2, 80), 10.0)
    known = Terms(np.full(2, 3), np.full(2, 0.95), np.full(2, 4.0), np.array([2 * 20 / (0.25 * 4.0), np.nan]))
    found = policy(units, np.zeros(units.shape, dtype=bool), known, 80)
    demand = 10 * 365.2425 / 7
    assert found.quantity[0] == np.ceil(np.sqrt(2 * demand * 20 / (0.25 * 4.0)))
    assert found.quantity[1] == 40
    assert (found.safety == 0).all()
    assert (found.point == 30).all()


def test_more_is_kept_for_a_longer_lead_time_and_a_higher_level() -> None:
    units = drawn(60, 120, 4, 0.5)
    no = np.zeros(units.shape, dtype=bool)
    short, long, sure = (
        policy(units, no, some, 120) for some in (terms(60), terms(60, 6), terms(60, 3, 0.99))
    )
    assert (long.point > short.point).all()
    assert long.deviation.mean() > short.deviation.mean()
    assert (sure.safety >= short.safety).all()


@pytest.fixture
def shop(demand_rows: Rows, days: Days) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    sales = [
        (day, product, int(units))
        for day in days(FIRST, 500)
        for product in "ABC"
        if (units := rng.poisson(2))
    ]
    sales += [(day, "OLD", 3) for day in days(FIRST, 100)]
    sales += [(day, "NEW", 3) for day in days(FIRST + timedelta(days=450), 50)]
    return demand_rows(
        sales,
        supply=[("A", 28, 0.99, 4.0), ("B", None, None, 2.0)],
        settings={"order_cost": 20.0, "holding_a_year": 0.25},
    )


def test_rows_say_what_to_do_or_why_not(shop: pl.DataFrame) -> None:
    found = compute(shop, [date(2022, 5, 1)])
    rows = {row["product_id"]: row for row in found.iter_rows(named=True)}
    assert [(rows[p]["lead_days"], rows[p]["service_level"], rows[p]["covered_weeks"]) for p in "AB"] == [
        (28, 0.99, 5),
        (14, 0.95, 3),
    ]
    assert [rows[p]["is_economic"] for p in "ABC"] == [True, True, False]
    assert all(rows[p]["fill_rate"] > 0.9 and rows[p]["held_out_weeks"] == HELD_OUT_WEEKS for p in "ABC")
    assert rows["OLD"]["reorder_point"] is None
    assert "was not sold" in rows["OLD"]["reason"]
    assert "forecasts could be judged" in rows["NEW"]["reason"]
    assert found.filter(
        (pl.col("reorder_point").is_null() | pl.col("held_out_weeks").is_null())
        != pl.col("reason").is_not_null()
    ).is_empty()


@pytest.mark.parametrize(
    "sales",
    [
        [(FIRST + timedelta(days=at), "A", 1) for at in (0, 9, 31)],
        [(FIRST + timedelta(days=at), "A", 5) for at in range(0, 400, 37)],
        [(FIRST + timedelta(days=at), "A", 7) for at in range(400)],
        [(FIRST + timedelta(days=at), "A", 1 if at < 300 else 1000) for at in range(400)],
        [(FIRST, "A", 5), (FIRST + timedelta(days=1200), "B", 1)],
        [(FIRST, "A", 5)],
    ],
    ids=[
        "three observations",
        "gaps",
        "a constant",
        "a jump of a thousandfold",
        "ended long ago",
        "one sale",
    ],
)
def test_bad_input_gives_numbers_or_a_reason(demand_rows: Rows, sales: list[tuple[date, str, int]]) -> None:
    rows = demand_rows(sales, returns=[(sales[-1][0], "A", 9)])
    found = compute(rows, [sales[-1][0].replace(day=1)])
    assert not any(
        found.select(pl.col(pl.Float64).is_nan().any() | pl.col(pl.Float64).is_infinite().any()).row(0)
    )
    assert found.height >= 1
    assert found.filter(pl.col("reorder_point").is_null() & pl.col("reason").is_null()).is_empty()


def test_nothing_sold_has_no_rows(demand_rows: Rows) -> None:
    assert compute(demand_rows([]), [FIRST]).schema == SHAPE
    assert set(SHAPE) == set(TABLES["demand.reorder_points"].shape)


def test_a_month_is_the_same_alone_with_others_and_whatever_comes_later(shop: pl.DataFrame) -> None:
    months = [date(2021, 10, 1), date(2022, 4, 1)]
    whole = compute(shop, months)
    for month in months:
        end = date(month.year, month.month + 1, 1)
        known = shop.filter((pl.col("day") < end) | pl.col("day").is_null()).filter(
            (pl.col("month") < end) | pl.col("month").is_null()
        )
        alone = compute(known.sample(fraction=1, shuffle=True, seed=1), [month])
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))


def test_a_week_whose_sunday_is_closed_is_whole_at_the_end_of_a_month(demand_rows: Rows, days: Days) -> None:
    """31 July 2022 is a Sunday; a file that stops two days early has a week less."""
    sales = [(day, "A", 1 + at) for at, day in enumerate(days(FIRST, 900)) if day.weekday() != 6]
    for last, following in ((date(2022, 7, 31), date(2022, 8, 1)), (date(2022, 7, 29), date(2022, 7, 25))):
        [found] = compute(demand_rows([one for one in sales if one[0] <= last]), [date(2022, 7, 1)]).rows(
            named=True
        )
        begins = following - timedelta(weeks=13)
        assert found["held_out_units"] == sum(units for day, _, units in sales if begins <= day < following)


def test_weeks_out_of_stock_are_neither_errors_nor_demand(demand_rows: Rows, days: Days) -> None:
    """A shelf that was empty for six weeks would teach to order half."""
    empty = set(days(FIRST + timedelta(days=420), 42))
    sales = [
        (day, product, 3)
        for day in days(FIRST, 490)
        for product in "AB"
        if not (product == "A" and day in empty)
    ]
    found = [
        compute(demand_rows(sales, out=spells), [date(2022, 5, 1)]).row(0, named=True)
        for spells in ((), [("A", min(empty), max(empty))])
    ]
    assert found[1]["error_deviation"] == 0 < found[0]["error_deviation"]
    assert found[1]["reorder_point"] == 63
