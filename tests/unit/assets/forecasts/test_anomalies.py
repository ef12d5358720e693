"""Days unlike those around them: planted ones are found, and where there are none hardly any is claimed."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.days import seen_months
from assets.forecasts import anomalies

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))]


def months(rows):
    return seen_months(rows.filter(pl.col("grain") == "day").select(day="starts_on"))


def truth(simulated, table, **options):
    return pl.read_parquet({file.stem: file for file in simulated(**options).truth}[table])


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_days_are_found_and_hardly_others(sales_of_shop, simulated, seed):
    """The missing day is one, too; promotions, the season and closed holidays are none."""
    rows = sales_of_shop("default", seed=seed)
    found = anomalies.compute(rows, months(rows))
    of_shop = truth(simulated, "anomalies", preset="default", seed=seed).filter(pl.col("kind") == "shop")
    days = found.filter((pl.col("grain") == "day") & (pl.col("level") == "total"))
    marked = set(days.filter("is_anomaly")["starts_on"])
    large = set(
        of_shop.filter((pl.col("sigmas").abs() >= 5) & (pl.col("day") >= days["starts_on"].min()))["day"]
    )
    assert len(large & marked) >= 0.88 * len(large)
    missing = truth(simulated, "days", preset="default", seed=seed).filter("is_missing")["day"].to_list()
    assert set(missing) <= marked
    goods = truth(simulated, "anomalies", preset="default", seed=seed).filter(pl.col("kind") == "good")
    real = {*of_shop["day"], *missing}
    real |= {*goods["day"].dt.truncate("1w"), *of_shop["day"].dt.truncate("1w")}
    false = found.filter("is_anomaly").filter(~pl.col("starts_on").is_in(list(real)))
    assert false.n_unique(["grain", "level", "series", "starts_on"]) <= len(months(rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_where_nothing_happens_hardly_anything_is_claimed(sales_of_shop, simulated, seed):
    """A day on which the shop was closed did happen: England was open on 30 May 2022, as its holiday was moved."""
    rows = sales_of_shop("null", seed=seed)
    closed = truth(simulated, "days", preset="null", seed=seed).filter(~pl.col("is_open"))["day"].to_list()
    found = anomalies.compute(rows, months(rows)).filter("is_anomaly")
    assert date(2022, 5, 30) in {*closed} & {*found["starts_on"]}
    false = found.filter((pl.col("grain") != "day") | ~pl.col("starts_on").is_in(closed))
    assert false.n_unique(["grain", "level", "series", "starts_on"]) <= len(months(rows)) / 3


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=30))
def test_marking_agrees_with_a_plain_loop(probabilities):
    table = pl.DataFrame(
        {
            "as_of": date(2020, 1, 1), "grain": "day", "level": "total", "measure": "amount",
            "series": [f"{k}" for k in range(len(probabilities))], "starts_on": date(2020, 1, 1),
            "tail_probability": probabilities,
        }
    )  # fmt: skip
    found = anomalies._judged(table)
    limit = 0.0
    for rank, p in enumerate(sorted(probabilities), 1):
        if p <= anomalies.SHARE_FALSE * rank / len(probabilities):
            limit = p
    expected = {f"{k}" for k, p in enumerate(probabilities) if p <= limit}
    assert set(found.filter("is_anomaly")["series"]) == expected


def test_a_median_is_that_of_the_steps_around():
    values = np.random.default_rng(0).normal(size=(3, 20))
    found = anomalies._level(values, 4)
    for at in range(20):
        assert found[:, at] == pytest.approx(np.median(values[:, max(at - 4, 0) : at + 5], axis=1))


def test_a_shop_that_always_sells_the_same_has_none(sales_of_shop):
    rows = sales_of_shop("null", seed=0)
    same = rows.with_columns(amount=pl.lit(10.0), orders=pl.when(pl.col("orders").is_not_null()).then(1))
    found = anomalies.compute(same, months(same)[:8])
    assert found.height > 0
    assert found.filter(pl.col("grain") == "week")["is_anomaly"].sum() == 0
    assert found.select(pl.col(pl.Float64).is_finite().all()).row(0) == (True,) * 4
