"""Clusters of simulated shops, beside the segments that their customers were drawn from."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from assets.segments import cluster_quality, clusters
from simulator import PRESETS, Written, oracles

MONTH, END = date(2023, 12, 1), date(2024, 1, 1)
SHOP = {"customers": 2000, "months": 24}

Orders = Callable[..., pl.DataFrame]
Shop = Callable[..., Written]


def habits(orders: pl.DataFrame) -> pl.DataFrame:
    """The rows of segments.habits, of a shop whose high season is November and December."""
    end = orders["at"].dt.date().max()
    assert isinstance(end, date)
    days = orders.with_columns(day=pl.col("at").dt.date()).group_by("customer_id").agg(
        order_days=pl.col("day").n_unique(),
        season_days=pl.col("day").filter(pl.col("day").dt.month() >= 11).n_unique(),
        first=pl.col("day").min().dt.month_start(),
        last=pl.col("day").max().dt.month_start(),
        span=(pl.col("day").max() - pl.col("day").min()).dt.total_days() + 30,
        recency_days=(pl.lit(end) - pl.col("day").max()).dt.total_days() + 1,
        frequency=pl.len(),
        monetary=pl.col("amount").sum(),
    )  # fmt: skip
    visits = orders.select("customer_id", day=pl.col("at").dt.date()).unique()
    usual = (
        visits.group_by(month=pl.col("day").dt.month_start())
        .len()
        .sort("month")
        .select("month", usual=pl.col("len").mean().over(pl.col("month").dt.month()))
        .with_columns(season=pl.col("usual") * (pl.col("month").dt.month() >= 11))
    )
    # Sums of the months before, and of those up to it.
    before = usual.with_columns(pl.col("usual", "season").cum_sum() - pl.col("usual", "season"))
    until = usual.with_columns(pl.col("usual", "season").cum_sum())
    there = days.join(until, left_on="last", right_on="month").join(
        before, left_on="first", right_on="month", suffix="_before"
    )
    return there.sort("customer_id").select(
        pl.lit(MONTH).alias("as_of"),
        "customer_id",
        pl.col("customer_id").cast(pl.String).hash(7).alias("lot"),
        "order_days",
        orders_a_month=(pl.col("order_days") - 0.5) * 30.4375 / pl.col("span"),
        order_value=pl.col("monetary") / pl.col("frequency"),
        season_days="season_days",
        season_expected_share=(pl.col("season") - pl.col("season_before"))
        / (pl.col("usual") - pl.col("usual_before")),
        least_order_days=5,
        most_clusters=10,
        is_dbscan_tried=False,
        method_before=pl.lit(None, pl.String),
        clusters_before=pl.lit(None, pl.Int64),
        cluster_id_before=pl.lit(None, pl.String),
        recency_days="recency_days",
        frequency="frequency",
        monetary="monetary",
    )


def parted(rows: pl.DataFrame) -> tuple[dict[str, Any], pl.DataFrame]:
    """What is chosen, and the clusters."""
    [chosen] = cluster_quality.compute(rows, [MONTH]).filter("is_chosen").to_dicts()
    found = clusters.compute(
        rows.with_columns(method=pl.lit(chosen["method"]), clusters=pl.lit(chosen["clusters"])), [MONTH]
    )
    return chosen, found


def truth_of(shop: Written, name: str) -> pl.DataFrame:
    return pl.read_parquet(next(file for file in shop.truth if file.stem == name))


def against_the_oracle(
    simulated: Shop, order_days_of_shop: Orders, preset: str, **options: int
) -> tuple[dict[str, Any], float, float]:
    """What is chosen, and the ARI of customers with five orders and more: ours, and the oracle's."""
    shop, orders = simulated(preset, **options), order_days_of_shop(preset, **options)
    chosen, found = parted(habits(orders))
    weights = truth_of(shop, "demand").group_by("month").agg(pl.col("weight").sum() / 8)
    best = oracles.customers(
        orders.select("customer_id", "units", ordered_on=pl.col("at").dt.date()),
        parameters=PRESETS[preset],
        first_day=date(2022, 1, 1),
        as_of=END,
        weights=weights,
    )
    judged = (
        truth_of(shop, "customers")
        .select(pl.col("customer_id").cast(pl.String), truth="segment")
        .join(best.select(pl.col("customer_id").cast(pl.String), "segment"), on="customer_id")
        .join(found.select("customer_id", "cluster_id"), on="customer_id")
        .join(orders.group_by(pl.col("customer_id").cast(pl.String)).len("orders"), on="customer_id")
        .filter(pl.col("orders") >= 5)
    )
    ours, theirs = (adjusted_rand_score(judged["truth"], judged[name]) for name in ("cluster_id", "segment"))
    return chosen, ours, theirs


def test_the_true_habits_of_easy_are_parted_as_their_segments_are(simulated: Shop) -> None:
    """How well the method parts, were every customer known as well as by endless orders."""
    customers = truth_of(simulated("easy", **SHOP), "customers")
    rows = customers.select(
        pl.lit(MONTH).alias("as_of"),
        pl.col("customer_id").cast(pl.String),
        lot=pl.col("customer_id").hash(7),
        order_days=10_000,
        orders_a_month="orders_a_month",
        order_value=pl.col("basket_units"),
        season_days=pl.lit(None, pl.Int64),
        season_expected_share=pl.lit(None, pl.Float64),
        least_order_days=5,
        most_clusters=10,
        is_dbscan_tried=False,
        method_before=pl.lit(None, pl.String),
        clusters_before=pl.lit(None, pl.Int64),
        cluster_id_before=pl.lit(None, pl.String),
    )
    chosen, found = parted(rows)
    truth = customers.sort(pl.col("customer_id").cast(pl.String))["segment"]
    assert (chosen["clusters"], chosen["verdict"]) == (5, "segments")
    assert adjusted_rand_score(truth, found.sort("customer_id")["cluster_id"]) > 0.9


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (10, 11, 12))])
def test_the_orders_of_easy_tell_its_segments_nearly_as_well_as_can_be(
    simulated: Shop, order_days_of_shop: Orders, seed: int
) -> None:
    chosen, ours, theirs = against_the_oracle(simulated, order_days_of_shop, "easy", seed=seed, **SHOP)
    assert chosen["verdict"] == "segments"
    assert theirs > 0.92
    assert ours > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 10, 11])
def test_the_orders_of_default_tell_some_of_its_segments(
    simulated: Shop, order_days_of_shop: Orders, seed: int
) -> None:
    chosen, ours, theirs = against_the_oracle(simulated, order_days_of_shop, "default", seed=seed, **SHOP)
    assert chosen["verdict"] == "segments"
    assert ours > 0.6 * theirs


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 10))])
def test_where_there_are_no_segments_none_are_claimed(order_days_of_shop: Orders, seed: int) -> None:
    """The preset `null`: one kind of customers, who come more or less often."""
    chosen, found = parted(habits(order_days_of_shop("null", seed=seed, **SHOP)))
    assert chosen["verdict"] == "a continuum, divided for use"
    assert found.height > 0


def test_a_hash_of_ids_takes_customers_from_all_of_the_shop(order_days_of_shop: Orders) -> None:
    """The first by id would be those who came first: old customers alone would be learned from."""
    rows = habits(order_days_of_shop("null", seed=0, **SHOP))
    _, found = parted(rows)
    place = np.flatnonzero(found.sort("customer_id")["is_learned_from"].to_numpy()) / found.height
    assert np.quantile(place, [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.12)
