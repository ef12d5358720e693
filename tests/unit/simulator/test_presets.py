"""Each preset has the property it is named for, read from what is in the files."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl

from simulator import days, goods
from simulator.parameters import PRESETS


def test_customers_of_the_default_shop_have_the_rates_they_were_drawn_with(shop):
    """Orders of those known to be there, against their own thinned rate and the days' intensities."""
    default = shop("default", customers=2500, months=15)
    parameters = default.parameters
    first_day = default.truth["days"]["day"].min()
    stop = default.truth["days"].height
    busy = days.intensities(first_day, 0, stop, parameters)
    names = [segment.name for segment in parameters.segments]
    reached = np.concatenate([np.zeros((5, 1)), np.cumsum(busy, axis=1)], axis=1)
    since = pl.col("first_order_on") - pl.lit(first_day)
    until = pl.col("leaves_on").fill_null(date(9999, 1, 1)) - pl.lit(first_day)
    table = default.truth["customers"].with_columns(
        begins=pl.max_horizontal(since.dt.total_days() + 1, 0).clip(upper_bound=stop),
        ends=pl.min_horizontal(until.dt.total_days(), stop),
        row=pl.col("segment").replace_strict({name: k for k, name in enumerate(names)}),
    )
    row, begins, ends = (table[name].to_numpy() for name in ("row", "begins", "ends"))
    span = np.where(ends > begins, reached[row, ends] - reached[row, begins], 0)
    again = (
        default.sales.drop_nulls("customer_id")
        .join(default.truth["customers"].select("customer_id", "first_order_on"), on="customer_id")
        .filter(pl.col("day") > pl.col("first_order_on"))
        .group_by("customer_id")
        .agg(orders=pl.col("invoice").n_unique())
    )
    table = table.with_columns(expected=pl.col("orders_a_month") / 30.4375 * pl.Series(span)).join(
        again, on="customer_id", how="left"
    )
    for name, part in table.group_by("segment"):
        expected, found = part["expected"].sum(), part["orders"].sum()
        # Anomalies and the missing day move the rates for everybody by a few per cent.
        assert abs(found - expected) < 4 * math.sqrt(expected) + 0.04 * expected, name


def _price_response(shop, name):
    """Elasticity of each good by Poisson regression on days, and its standard error; truth beside it.

    Units a day = season x month's level x price^elasticity: the level of each good and month is free.
    """
    made = shop(name, customers=6000, months=8)
    sold = made.sales.group_by("stock_code", "day").agg(
        units=pl.col("quantity").sum().cast(pl.Float64), price=pl.col("price").max()
    )
    on = made.truth["promotions"]
    days_on = on.select("stock_code", "depth", day=pl.date_ranges("begins_on", "ends_on")).explode("day")
    busy = made.truth["days"].select("day", "expected_units").filter(pl.col("expected_units") > 0)
    out = made.truth["stockouts"].select("stock_code", "day", is_out=True)
    codes = made.truth["goods"].filter(pl.col("launched_on") == made.truth["days"]["day"].min())
    return (
        codes.select("stock_code", "elasticity")
        .join(busy, how="cross")
        .join(days_on, on=["stock_code", "day"], how="left")
        .join(out, on=["stock_code", "day"], how="left")
        .join(sold, on=["stock_code", "day"], how="left")
        .filter(pl.col("is_out").is_null())
        .join(
            made.truth["anomalies"].filter(kind="good").select("stock_code", "day", is_odd=True),
            on=["stock_code", "day"],
            how="left",
        )
        .filter(pl.col("is_odd").is_null())
        .with_columns(
            pl.col("units").fill_null(0.0),
            x=(1 - pl.col("depth").fill_null(0.0)).log(),
            month=pl.col("day").dt.truncate("1mo"),
        )
    )


def _elasticity(grid):
    """Conditional Poisson likelihood given the month's units of the good: Newton's method on one number."""
    e = -1.0
    for _ in range(25):
        w = grid.with_columns(w=pl.col("expected_units") * (e * pl.col("x")).exp())
        level = w.group_by("stock_code", "month").agg(
            n=pl.col("units").sum(),
            total=pl.col("w").sum(),
            first=(pl.col("w") * pl.col("x")).sum(),
            second=(pl.col("w") * pl.col("x") ** 2).sum(),
        )
        mean = level["first"] / level["total"]
        score = (grid["units"] * grid["x"]).sum() - (level["n"] * mean).sum()
        information = (level["n"] * (level["second"] / level["total"] - mean**2)).sum()
        e += score / information
    return e, 1 / math.sqrt(information)


def test_elasticities_are_recovered_from_promotions(shop):
    """With a free level for each good and month, promotions tell the mean elasticity of each category."""
    grid = _price_response(shop, "default")
    names = {goods.category_name(k): k for k in range(8)}
    made = shop("default", customers=6000, months=8)
    grid = grid.join(made.truth["goods"].select("stock_code", "category"), on="stock_code")
    for name in names:
        part = grid.filter(category=name)
        found, error = _elasticity(part)
        weight = (
            part.filter(pl.col("x") < 0)
            .group_by("stock_code")
            .agg(pl.col("units").sum(), pl.col("elasticity").first())
        )
        truth = (weight["units"] * weight["elasticity"]).sum() / weight["units"].sum()
        # Within the category elasticities differ by 0.4, and a single number stands for all of them.
        assert abs(found - truth) < 4 * 1.5 * error + 0.1


def test_without_elasticity_nothing_responds_to_promotions(shop):
    found, error = _elasticity(_price_response(shop, "null"))
    assert abs(found) < 4 * 1.3 * error


def test_endogenous_promotions_fall_into_months_of_high_demand(shop):
    """Comparing months, demand and low prices go together beyond any response; in the default they do not."""

    def lead(name):
        grid = _price_response(shop, name)
        # Days without promotion, in months with one and in others.
        off = grid.with_columns(has_one=(pl.col("x") < 0).any().over("stock_code", "month")).filter(
            pl.col("x") == 0
        )
        usual = off.with_columns(
            share=pl.col("units").sum().over("stock_code") / pl.col("expected_units").sum().over("stock_code")
        ).filter("has_one")
        return usual["units"].sum() / (usual["expected_units"] * usual["share"]).sum()

    assert lead("endogenous") > 1.2
    assert abs(lead("default") - 1) < 0.07


def test_null_shop_has_nothing_to_find(shop):
    null = shop("null", customers=1500, months=6)
    assert null.truth["anomalies"].is_empty()
    assert null.truth["bundles"].is_empty()
    assert (null.truth["goods"]["elasticity"] == 0).all()
    assert null.truth["customers"]["segment"].n_unique() == 1
    assert not null.truth["customers"]["has_left"].any()
    assert not null.truth["days"]["is_missing"].any()
    assert null.truth["returns"].filter(kind="cancelled").is_empty()
    assert set(null.truth["pairs"]["kind"]) == {"affinity", "false"}


def _bgnbd_likelihood(orders, parameters):
    """Log-likelihood of each customer under (r, alpha, a, b), Fader, Hardie and Lee 2005, equation 6."""
    r, alpha, a, b = parameters
    lgamma = np.vectorize(math.lgamma)
    x, last, now = orders
    front = lgamma(r + x) - math.lgamma(r) + r * math.log(alpha)

    def beta(p, q):
        return lgamma(p) + lgamma(q) - lgamma(p + q)

    alive = beta(a + 0 * x, b + x) - beta(a, b) - (r + x) * np.log(alpha + now)
    gone = np.where(
        x > 0,
        beta(a + 1 + 0 * x, b + np.maximum(x, 1) - 1) - beta(a, b) - (r + x) * np.log(alpha + last),
        -np.inf,
    )
    return front + np.logaddexp(alive, gone)


def test_bgnbd_orders_have_the_models_four_parameters(shop):
    """At the true parameters the mean score of the likelihood is zero, within its standard error."""
    made = shop("bgnbd", customers=8000, months=20)
    until = made.truth["days"]["day"].max() + timedelta(days=1)
    named = (
        made.sales.drop_nulls("customer_id")
        .group_by("invoice")
        .agg(pl.col("customer_id").first(), pl.col("at").first())
    )
    history = named.group_by("customer_id").agg(
        x=(pl.len() - 1).cast(pl.Float64),
        last=(pl.col("at").max() - pl.col("at").min()).dt.total_minutes() / (7 * 24 * 60),
        now=(pl.lit(until) - pl.col("at").min()).dt.total_minutes() / (7 * 24 * 60),
    )
    orders = tuple(history[name].to_numpy() for name in ("x", "last", "now"))
    model = PRESETS["bgnbd"].buy_till_you_die
    truth = np.array([model.r, model.alpha_weeks, model.a, model.b])
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-4 * truth[k]
        score = _bgnbd_likelihood(orders, truth + step) - _bgnbd_likelihood(orders, truth - step)
        assert abs(score.mean()) < 4 * score.std() / math.sqrt(len(score))


def test_every_visit_of_bgnbd_is_an_order_and_first_orders_are_all_seen(shop):
    made = shop("bgnbd", customers=8000, months=20)
    customers = made.truth["customers"]
    named = made.sales.drop_nulls("customer_id")
    assert customers.join(named, on="customer_id", how="anti").is_empty()
    first = named.group_by("customer_id").agg(first=pl.col("day").min()).join(customers, on="customer_id")
    assert (first["first"] == first["first_order_on"]).all()
    assert (customers["orders_a_month"] == customers["visits_a_month"]).all()
