"""Products, categories and the shop whose rating or sentiment fell by more than chance would have it.

The newest months are held against those before by a permutation test on the number of each rating (or fifth of the
sentiment), and all that are looked at in a month share one rate of false alerts.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from assets.days import stacked
from assets.sentiment.chance import Integers, adjusted, lower_chance

STEPS = 5
# Of one step in the unit of each measure: a star, and a fifth of -1 to 1.
UNIT = {"rating": 1.0, "sentiment": 0.4}
DIGITS = 4
CHANCE_DIGITS = 12

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "level": pl.String,
    "subject": pl.String,
    "measure": pl.String,
    "reviews": pl.Int64,
    "reviews_before": pl.Int64,
    "mean": pl.Float64,
    "mean_before": pl.Float64,
    "fall": pl.Float64,
    "chance": pl.Float64,
    "false_share": pl.Float64,
    "is_alert": pl.Boolean,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make sentiment.alerts.

    Args:
        rows: One an as_of, level, subject and measure: now_1 .. now_5 and before_1 .. before_5, reviews of each step,
            lowest first; false_share and least_fall, the shop's.
        months: As_of months.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month).sort("level", "subject", "measure")
        if given.height:
            found[month] = _of_month(given)
    return stacked(found, SHAPE)


def _of_month(given: pl.DataFrame) -> pl.DataFrame:
    now, before = _counts(given, "now"), _counts(given, "before")
    unit = np.array([UNIT[measure] for measure in given["measure"]])
    chance = lower_chance(now, before)
    false_share = adjusted(chance)
    means = [(counts * np.arange(STEPS)).sum(axis=1) / counts.sum(axis=1) for counts in (now, before)]
    fall = means[1] - means[0]
    is_alert = (false_share <= given["false_share"].to_numpy()) & (
        fall >= given["least_fall"].to_numpy() * (STEPS - 1)
    )
    # Ratings count from one star, sentiment from the middle of its lowest fifth.
    lowest = np.array([1.0 if measure == "rating" else -0.8 for measure in given["measure"]])
    return given.select("level", "subject", "measure").with_columns(
        reviews=pl.Series(now.sum(axis=1)),
        reviews_before=pl.Series(before.sum(axis=1)),
        mean=pl.Series(np.round(lowest + means[0] * unit, DIGITS)),
        mean_before=pl.Series(np.round(lowest + means[1] * unit, DIGITS)),
        fall=pl.Series(np.round(fall * unit, DIGITS)),
        chance=pl.Series(np.round(chance, CHANCE_DIGITS)),
        false_share=pl.Series(np.round(false_share, CHANCE_DIGITS)),
        is_alert=pl.Series(is_alert),
    )


def _counts(given: pl.DataFrame, window: str) -> Integers:
    return np.asarray(given.select(f"{window}_{step}" for step in range(1, STEPS + 1)).to_numpy(), np.int64)
