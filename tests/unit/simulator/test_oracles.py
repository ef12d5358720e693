"""An oracle is calibrated: what it calls 30 % happens in 30 of 100 cases."""

import math
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from simulator import oracles
from simulator.parameters import PRESETS

FIRST, AS_OF = date(2022, 1, 1), date(2023, 1, 1)
SHOP = {"customers": 5000, "months": 15}


def orders_of(made):
    return (
        made.sales.drop_nulls("customer_id")
        .group_by("invoice")
        .agg(
            pl.col("customer_id").first(),
            ordered_on=pl.col("day").first(),
            units=pl.col("quantity").sum(),
            amount=(pl.col("quantity") * pl.col("price")).sum(),
        )
    )


def judged(made, answers):
    ahead = orders_of(made).filter(
        pl.col("ordered_on") >= AS_OF, pl.col("ordered_on") < AS_OF + timedelta(days=90)
    )
    counts = ahead.group_by("customer_id").agg(pl.len().alias("orders"), pl.col("units", "amount").sum())
    return answers.join(counts, on="customer_id", how="left").with_columns(
        pl.col("orders", "units", "amount").fill_null(0)
    )


@pytest.fixture(scope="module")
def judgement(shop):
    """(shop, its oracle's answers beside what came) of a preset, asked once."""

    @cache
    def ask(preset):
        made = shop(preset, **SHOP)
        return made, judged(made, answers_for(made))

    return ask


def answers_for(made):
    past = orders_of(made).filter(pl.col("ordered_on") < AS_OF)
    if made.parameters.buy_till_you_die is not None:
        return oracles.buy_till_you_die(past, parameters=made.parameters, as_of=AS_OF)
    ahead = made.truth["days"].filter(pl.col("day") >= AS_OF)
    weights = made.truth["demand"].group_by("month").agg(pl.col("weight").sum() / 8)
    return oracles.customers(
        past,
        parameters=made.parameters,
        first_day=FIRST,
        as_of=AS_OF,
        weights=weights,
        unit_amount=ahead["expected_amount"].sum() / ahead["expected_units"].sum(),
    )


@pytest.mark.parametrize("preset", ["default", "easy", "null", "bgnbd"])
def test_probabilities_of_no_order_are_calibrated(judgement, preset):
    _, table = judgement(preset)
    bands = [part for _, part in table.group_by((pl.col("no_order_probability") * 5).floor())]
    for band in [table, *bands]:
        p = band["no_order_probability"]
        silent = (band["orders"] == 0).sum()
        # The oracle does not know of anomalies, nor of this season's weights: two per cent besides chance.
        assert abs(silent - p.sum()) < 4 * math.sqrt((p * (1 - p)).sum()) + 0.02 * len(p)


@pytest.mark.parametrize("preset", ["default", "null", "bgnbd"])
def test_expected_orders_are_those_that_come(judgement, preset):
    _, table = judgement(preset)
    expected, found = table["expected_orders"].sum(), table["orders"].sum()
    assert abs(found - expected) < 4 * 1.5 * math.sqrt(expected) + 0.03 * expected


@pytest.mark.parametrize("quantity", ["units", "amount"])
def test_expected_value_is_what_is_bought(judgement, quantity):
    _, table = judgement("null")
    difference = table[quantity] - table[f"expected_{quantity}"]
    error = float((difference**2).sum()) ** 0.5
    assert abs(difference.sum()) < 4 * error + 0.03 * table[quantity].sum()


@pytest.mark.parametrize("preset", ["default", "easy"])
def test_the_bayes_segment_is_right_as_often_as_it_says(judgement, preset):
    made, answers = judgement(preset)
    table = answers.join(made.truth["customers"].select("customer_id", truth="segment"), on="customer_id")
    right = (table["segment"] == table["truth"]).mean()
    claimed = table["segment_probability"].mean()
    assert abs(right - claimed) < 4 * math.sqrt(claimed * (1 - claimed) / table.height) + 0.02
    assert right > {"default": 0.5, "easy": 0.9}[preset]


@pytest.mark.parametrize("preset", ["default", "easy"])
def test_finer_grids_give_the_same_answers(shop, monkeypatch, preset):
    """Many orders make a posterior narrow: between the points of a coarse grid, an oracle would know less."""
    made = shop(preset, **SHOP)
    past = orders_of(made).filter(pl.col("ordered_on") < AS_OF)
    some = past.filter(pl.col("customer_id").hash(1) % 8 == 0)
    weights = made.truth["demand"].group_by("month").agg(pl.col("weight").sum() / 8)
    found = []
    for finer in (1, 4):
        for name, points in (("_RATES", 96), ("_BASKETS", 29), ("_DROPOUTS", 12)):
            monkeypatch.setattr(oracles, name, points * finer if name != "_DROPOUTS" else points + finer)
        found.append(
            oracles.customers(some, parameters=made.parameters, first_day=FIRST, as_of=AS_OF, weights=weights)
        )
    one, other = found
    assert one.height > 300
    assert (one["segment"] == other["segment"]).mean() > 0.995
    for name in ("no_order_probability", "segment_probability"):
        assert (one[name] - other[name]).abs().max() < 0.02
    assert one["expected_orders"].sum() == pytest.approx(other["expected_orders"].sum(), rel=0.003)


def test_the_oracle_beats_recency_at_telling_who_comes_back(judgement):
    made, table = judgement("default")
    last = (
        orders_of(made)
        .filter(pl.col("ordered_on") < AS_OF)
        .group_by("customer_id")
        .agg(pl.col("ordered_on").max())
    )
    table = table.join(last, on="customer_id")

    def area(score):
        rank = score.rank()
        comes = table["orders"] > 0
        n = comes.sum()
        return (rank.filter(comes).sum() - n * (n + 1) / 2) / (n * (len(comes) - n))

    assert area(-table["no_order_probability"]) > area(table["ordered_on"].to_physical()) + 0.02


def test_bgnbd_answers_agree_with_a_population_drawn_at_random():
    """The closed form against the share of simulated customers with that very history."""
    model = PRESETS["bgnbd"].buy_till_you_die
    rng = np.random.default_rng(1)
    count = 400_000
    rate = rng.gamma(model.r, 1 / model.alpha_weeks, count)
    leave = rng.beta(model.a, model.b, count)
    seen = np.zeros(count, dtype=int)
    later = np.zeros(count, dtype=int)
    clock, alive = np.zeros(count), np.ones(count, dtype=bool)
    for _ in range(400):
        clock = clock + rng.exponential(1 / np.maximum(rate, 1e-12))
        alive &= clock < 39 + 90 / 7
        if not alive.any():
            break
        seen += alive & (clock < 39)
        later += alive & (clock >= 39)
        alive &= rng.random(count) >= leave
    none = seen == 0
    start = date(2022, 1, 3)
    history = pl.DataFrame({"customer_id": ["a"], "ordered_on": [start], "units": [1]})
    answer = oracles.buy_till_you_die(
        history, parameters=PRESETS["bgnbd"], as_of=start + timedelta(weeks=39)
    ).row(0, named=True)
    share = (later[none] == 0).mean()
    assert abs(answer["no_order_probability"] - share) < 5 * math.sqrt(share * (1 - share) / none.sum())
    mean = later[none].mean()
    assert abs(answer["expected_orders"] - mean) < 5 * later[none].std() / math.sqrt(none.sum())


def test_bgnbd_oracle_refuses_another_shop():
    with pytest.raises(ValueError, match="expected those of the preset bgnbd"):
        oracles.buy_till_you_die(pl.DataFrame(), parameters=PRESETS["default"], as_of=AS_OF)


@pytest.mark.parametrize("preset", ["default", "null"])
def test_who_knows_the_expected_amount_errs_by_the_noise_floor(shop, preset):
    """Days as they come are no luckier and no unluckier than the floor says; Poisson counts alone would say half of it."""
    made = shop(preset, **SHOP)
    came = made.sales.group_by("day").agg(amount=(pl.col("quantity") * pl.col("price")).sum())
    table = (
        made.truth["days"]
        .filter(pl.col("is_open") & ~pl.col("is_missing"))
        .join(came, on="day", how="left")
        .with_columns(pl.col("amount").fill_null(0))
        # On a day that an anomaly moves the deviation is another one.
        .filter((pl.col("expected_amount") / pl.col("usual_amount") - 1).abs() < 0.15)
    )
    apart = (table["amount"] - table["expected_amount"]).abs().to_numpy()
    floor = oracles.noise_floor(table["amount_deviation"].to_numpy())
    assert table.height > 300
    chance = (apart / floor).std() / math.sqrt(table.height)
    assert abs((apart / floor).mean() - 1) < 4 * chance
    assert 4 * chance < 0.2
    poisson = np.sqrt(2 / np.pi / table["expected_orders"].to_numpy()) * table["expected_amount"].to_numpy()
    assert poisson.mean() < 0.8 * floor.mean()


def test_the_noise_floor_is_the_least_error_of_compound_sums():
    """Sums of Poisson many baskets, drawn at random: the error of their mean, and of forecasts beside it."""
    rng = np.random.default_rng(4)
    orders, shape, size = 60.0, 1.5, 40.0
    amounts = rng.gamma(shape * rng.poisson(orders, 200_000), size / shape)
    square = size**2 * (1 + 1 / shape)
    floor = oracles.noise_floor(np.array([math.sqrt(orders * square), 0.0]))
    assert floor[1] == 0
    mean = orders * size
    assert np.abs(amounts - mean).mean() == pytest.approx(floor[0], rel=0.01)
    for beside in (0.9, 0.95, 1.05, 1.1):
        assert np.abs(amounts - beside * mean).mean() > floor[0]


def test_top_goods_are_bought_as_often_as_they_say(shop):
    made = shop("default", **SHOP)
    truth = made.truth
    there = truth["buying"].filter(as_of=date(2022, 12, 1)).select("customer_id")
    who = truth["customers"].join(there, on="customer_id").sort("customer_id")
    best = oracles.top_goods(
        who,
        truth["goods"],
        truth["demand"].filter(month=AS_OF),
        truth["bundles"],
        parameters=made.parameters,
        first_day=FIRST,
        as_of=AS_OF,
    )
    assert best.height == 10 * who.height
    assert (best["probability"].diff().fill_null(-1) <= 0).filter(best["rank"] > 1).all()
    bought = made.sales.filter(pl.col("day") >= AS_OF, pl.col("day") < AS_OF + timedelta(days=30)).select(
        "customer_id", "stock_code", is_bought=True
    )
    table = best.join(bought.unique(), on=["customer_id", "stock_code"], how="left")
    hits, claimed = table["is_bought"].fill_null(value=False).sum(), best["probability"].sum()
    assert abs(hits - claimed) < 4 * 2 * math.sqrt(claimed) + 0.08 * claimed


def test_top_goods_beat_the_most_popular_ones(shop):
    made = shop("default", **SHOP)
    truth = made.truth
    there = truth["buying"].filter(as_of=date(2022, 12, 1)).select("customer_id")
    who = truth["customers"].join(there, on="customer_id")
    demand = truth["demand"].filter(month=AS_OF)
    best = oracles.top_goods(
        who,
        truth["goods"],
        demand,
        truth["bundles"],
        parameters=made.parameters,
        first_day=FIRST,
        as_of=AS_OF,
    )
    bought = (
        made.sales.filter(pl.col("day") >= AS_OF, pl.col("day") < AS_OF + timedelta(days=30))
        .select("customer_id", "stock_code")
        .unique()
    )
    popular = demand.sort("expected_units", descending=True).head(10).select("stock_code")
    for_all = who.select("customer_id").join(popular, how="cross")
    hits = best.join(bought, on=["customer_id", "stock_code"]).height
    assert hits > 1.1 * for_all.join(bought, on=["customer_id", "stock_code"]).height


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["null", "bgnbd"])
def test_over_many_shops_the_oracle_leans_to_neither_side(new_shop, preset):
    z = []
    for seed in range(20):
        made = new_shop(preset, seed=seed, customers=2000, months=15)
        table = judged(made, answers_for(made))
        p = table["no_order_probability"]
        z.append(((table["orders"] == 0).sum() - p.sum()) / math.sqrt((p * (1 - p)).sum()))
    assert abs(np.mean(z)) < 4 / math.sqrt(20)
    assert 0.5 < np.std(z) < 1.6
