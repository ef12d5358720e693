"""What prices did to what was sold: elasticities of every product, and a placebo that should find none.

The regular price and promotions are told apart (`assets.price.shelf`), each product has a slope of each
(`assets.price.poisson`), and products that tell little are drawn to their category (`assets.price.pooling`). Nothing of it
was an experiment: prices were set by somebody who may have known what would sell. The placebo asks what was sold before
the price of two weeks later: where that finds much, prices follow demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import polars as pl

from assets.days import reference_days
from assets.price.poisson import Floats, Integers, fitted
from assets.price.pooling import Pooled, pooled, two_sided
from assets.price.shelf import Shelf, shelf_of
from assets.threads import pools_at_most, side_by_side

LEAST_PERIODS = 8  # of a product
LEAST_PRODUCTS = 5  # categories of fewer share their periods with the other such
LEVEL = 0.9
_DIGITS = 4
SHAPE = pl.Schema(
    {
        "as_of": pl.Date,
        "product_id": pl.String,
        "category": pl.String,
        "periods": pl.Int64,
        "units": pl.Int64,
        "regular_price": pl.Float64,
        "lowest_price": pl.Float64,
        "highest_price": pl.Float64,
        "prices": pl.Int64,
        **{
            f"{kind}{name}": pl.Float64
            for kind in ("", "promotion_")
            for name in ("elasticity", "lo_90", "hi_90", "own_elasticity", "own_deviation")
        },
        "dispersion": pl.Float64,
        "month_deviation": pl.Float64,
        "placebo": pl.Float64,
        "placebo_probability": pl.Float64,
        "shop_placebo_probability": pl.Float64,
        "shop_placebo_share": pl.Float64,
        "evidence": pl.String,
        "reason": pl.String,
    }
)


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make price.response.

    Args:
        rows: Of three kinds, told by `what`: `paid` (day, product_id, unit_price, lines, small_lines, units), `out`
            (product_id, day, last_day: out of stock), `category` (day, product_id, category).
        months: As_of months, in order. One before the first sale has no rows.
    """
    paid = rows.filter(pl.col("what") == "paid")
    parts = []
    with pools_at_most(1):
        for as_of, until in reference_days(paid.select("day"), months).items():
            known = rows.filter(pl.col("day") < until)
            parts.append(_answers(known, until).with_columns(as_of=pl.lit(as_of)).select(*SHAPE).cast(SHAPE))
    return pl.concat([pl.DataFrame(schema=SHAPE), *parts]).with_columns(pl.col(pl.Float64).round(_DIGITS))


@dataclass(frozen=True, slots=True)
class Response:
    """Slopes of the regular price and of promotions, own and pooled, and of the placebo; products first."""

    own: Floats
    deviation: Floats
    pooled: tuple[Pooled, Pooled]
    dispersion: Floats
    heterogeneity: float
    placebo: Floats
    placebo_deviation: Floats


def response(shelf: Shelf, group: Integers) -> Response:
    """Ask what prices did.

    Args:
        shelf: Units and prices.
        group: Of each product, from 0: its category.
    """
    shared, is_known = _shared(group), np.isfinite(shelf.ahead)
    asked = partial(
        fitted, shelf.units, shelf.exposure, np.stack([shelf.regular, shelf.promoted]), shared, shelf.month
    )
    of_placebo = partial(
        fitted,
        shelf.units,
        np.where(is_known, shelf.exposure, 0.0),
        np.stack([shelf.regular, shelf.promoted, np.where(is_known, shelf.ahead, 0.0)]),
        shared,
        shelf.month,
        is_weighted=False,
    )
    found, placebo = side_by_side([asked, of_placebo])
    of_regular, of_promotion = (
        pooled(found.slope[:, at], found.deviation[:, at], group, LEVEL) for at in (0, 1)
    )
    return Response(
        found.slope,
        found.deviation,
        (of_regular, of_promotion),
        found.dispersion,
        found.heterogeneity,
        placebo.slope[:, 2],
        placebo.deviation[:, 2],
    )


def _shared(group: Integers) -> Integers:
    """Groups whose periods are estimated together: small ones are one."""
    size = np.bincount(group)
    found = np.where(size[group] < LEAST_PRODUCTS, -1, group)
    return np.asarray(np.unique(found, return_inverse=True)[1])


def shop_placebo(found: Response) -> tuple[float, float]:
    """How likely chance finds as much of a placebo in all products, and its size by that of today's prices."""
    mean, deviation = _mean(found.placebo, found.placebo_deviation)
    probability = float(two_sided(np.array([mean]), np.array([deviation]))[0])
    today = max(abs(_mean(found.own[:, at], found.deviation[:, at])[0]) for at in (0, 1))
    return probability, min(abs(mean) / today, 1.0) if today > 0 else float(mean != 0)


def _mean(estimate: Floats, deviation: Floats) -> tuple[float, float]:
    """The mean by how sure each is, and its deviation; infinite where nothing is known."""
    weight = np.where(np.isfinite(deviation) & (deviation > 0), 1 / np.maximum(deviation, 1e-9) ** 2, 0.0)
    total = float(weight.sum())
    return (float(weight @ estimate) / total, total**-0.5) if total > 0 else (0.0, float("inf"))


def _answers(known: pl.DataFrame, until: date) -> pl.DataFrame:
    out = known.filter(pl.col("what") == "out")
    shelf = shelf_of(
        known.filter(pl.col("what") == "paid"),
        out.select("product_id", first_day="day", last_day="last_day"),
        until,
    )
    category = (
        known.filter(pl.col("what") == "category")
        .sort("product_id", "day")
        .group_by("product_id", maintain_order=True)
        .agg(pl.col("category").first())
    )
    products = pl.DataFrame({"product_id": shelf.products}).join(
        category, on="product_id", how="left", maintain_order="left"
    )
    products = products.with_columns(pl.col("category").fill_null("Other"))
    group = products["category"].rank("dense").to_numpy().astype(np.int64) - 1
    found = response(shelf, group)
    probability, share = shop_placebo(found)
    periods = (shelf.exposure > 0).sum(axis=1)
    table = products.join(shelf.facts, on="product_id", how="left", maintain_order="left").with_columns(
        periods=pl.Series(periods),
        units=pl.Series(shelf.units.sum(axis=1)).cast(pl.Int64),
        dispersion=pl.Series(found.dispersion),
        month_deviation=pl.lit(found.heterogeneity**0.5),
        placebo=pl.Series(np.clip(found.placebo, -99.0, 99.0)),
        placebo_probability=pl.Series(two_sided(found.placebo, found.placebo_deviation)),
        placebo_deviation=pl.Series(found.placebo_deviation),
        shop_placebo_probability=pl.lit(probability),
        shop_placebo_share=pl.lit(share),
        evidence=pl.lit("observational"),
    )
    for at, kind in enumerate(("", "promotion_")):
        one = found.pooled[at]
        table = table.with_columns(
            pl.Series(f"{kind}elasticity", one.mean),
            pl.Series(f"{kind}lo_90", one.low),
            pl.Series(f"{kind}hi_90", one.high),
            pl.Series(f"{kind}own_elasticity", np.clip(found.own[:, at], -99.0, 99.0)),
            pl.Series(f"{kind}own_deviation", found.deviation[:, at]),
        )
    table = table.with_columns(
        reason=pl.when(pl.col("periods") < LEAST_PERIODS)
        .then(
            pl.format(
                "it was on the shelf for {} of the {} weeks that are needed", "periods", pl.lit(LEAST_PERIODS)
            )
        )
        .when(pl.col("units") == 0)
        .then(pl.lit("nothing was sold after the first day"))
        .when(pl.col("prices") < 2)
        .then(pl.lit("its regular price never changed"))
        .when(pl.col("own_deviation").is_infinite())
        .then(pl.lit("no other product was sold to tell its price from the season"))
    )

    # What was never seen of a product alone is no answer for it.
    def told(kind: str) -> pl.Expr:
        is_told = pl.col("reason").is_null() if kind == "" else pl.col("periods") >= LEAST_PERIODS
        return is_told & pl.col(f"{kind}own_deviation").is_finite() & (pl.col("units") > 0)

    return table.with_columns(
        *(
            pl.when(told(kind)).then(f"{kind}{name}").alias(f"{kind}{name}")
            for kind in ("", "promotion_")
            for name in ("elasticity", "lo_90", "hi_90", "own_elasticity", "own_deviation")
        ),
        pl.when(pl.col("placebo_deviation").is_finite()).then("placebo").alias("placebo"),
        pl.when(pl.col("placebo_deviation").is_finite())
        .then("placebo_probability")
        .alias("placebo_probability"),
    )
