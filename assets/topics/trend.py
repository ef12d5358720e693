"""How much was written of each topic in each month, with how many stars, and where that jumped."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from scipy import stats

from assets.days import stacked
from assets.topics.text import Floats, Integers

LEVEL = 0.95
BEFORE, AFTER = 3, 3  # months; the month itself is the first after
LEAST_REVIEWS = 20
LEAST_JUMP = 0.05
FALSE_JUMPS = 0.01
NEIGHBOURS = 2
DIGITS = 6

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "topic_id": pl.String,
    "reviews": pl.Int64,
    "led_reviews": pl.Int64,
    "share": pl.Float64,
    "share_low": pl.Float64,
    "share_high": pl.Float64,
    "mean_rating": pl.Float64,
    "rating_low": pl.Float64,
    "rating_high": pl.Float64,
    "change": pl.Float64,
    "p_value": pl.Float64,
    "is_jump": pl.Boolean,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make topics.trend.

    Args:
        rows: as_of, month, topic_id, every topic in every month with reviews: reviews (of the month), led_reviews,
            shares and square_shares (sums over its reviews), stars (sum of shares times rating).
        months: As_of months. One without topics has no rows.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month).sort("topic_id", "month")
        if not given.is_empty():
            found[month] = _of_month(given)
    return stacked(found, SHAPE).with_columns(pl.col(pl.Float64).round(DIGITS))


def wilson(mean: Floats, number: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Interval of a mean of numbers between 0 and 1 (Wilson 1927).

    No such mean varies more than a share of ones and zeros does: the interval is that of the share.

    Args:
        mean: Means.
        number: How many numbers each is of.
        level: Probability that it holds the true mean.
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (mean + z**2 / (2 * number)) / (1 + z**2 / number)
        half = z / (1 + z**2 / number) * np.sqrt(mean * (1 - mean) / number + z**2 / (4 * number**2))
    # At a bound the interval reaches it: rounding must not leave it out.
    return np.minimum(np.clip(middle - half, 0, 1), mean), np.maximum(np.clip(middle + half, 0, 1), mean)


def _of_month(given: pl.DataFrame) -> pl.DataFrame:
    number = given["reviews"].cast(pl.Float64).to_numpy()
    shares, squares, stars = (
        given[name].cast(pl.Float64).to_numpy() for name in ("shares", "square_shares", "stars")
    )
    low, high = wilson(shares / number, number)
    # As many reviews as would tell as much if each were of the topic alone (Kish 1965).
    told = np.divide(shares**2, squares, out=np.zeros(len(shares)), where=squares > 0)
    mean = np.divide(stars, shares, out=np.full(len(shares), np.nan), where=shares > 0)
    rating_low, rating_high = (1 + 4 * end for end in wilson((np.clip(mean, 1, 5) - 1) / 4, told))
    change, p_value = _changes(given["topic_id"].to_list(), number, shares, squares)
    return given.select(
        "month",
        "topic_id",
        "reviews",
        "led_reviews",
        share=pl.Series(shares / number),
        share_low=pl.Series(low),
        share_high=pl.Series(high),
        mean_rating=pl.Series(mean),
        rating_low=pl.Series(rating_low),
        rating_high=pl.Series(rating_high),
        change=pl.Series(change),
        p_value=pl.Series(p_value),
        is_jump=pl.Series(_jumps(given["topic_id"].to_list(), change, p_value)),
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _changes(topics: list[str], number: Floats, shares: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Mean shares from each month on less those before it, and the p value of Welch's test (1947); NaN for too few."""
    count = len(number)
    place = np.arange(count)
    begins = np.concatenate([[True], np.array(topics[1:]) != np.array(topics[:-1])])
    first = np.maximum.accumulate(np.where(begins, place, 0))
    end = np.append(np.flatnonzero(begins)[1:], count)[np.cumsum(begins) - 1]
    back, ahead = np.maximum(place - BEFORE, first), np.minimum(place + AFTER, end)

    def summed(values: Floats, start: Integers, stop: Integers) -> Floats:
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(running[stop] - running[start])

    n, m = summed(number, back, place), summed(number, place, ahead)
    with np.errstate(divide="ignore", invalid="ignore"):
        before, after = summed(shares, back, place) / n, summed(shares, place, ahead) / m
        spread = np.maximum((summed(squares, back, place) / n - before**2) / (n - 1), 0)
        other = np.maximum((summed(squares, place, ahead) / m - after**2) / (m - 1), 0)
        change = after - before
        t = change / np.sqrt(spread + other)
        freedom = (spread + other) ** 2 / (spread**2 / (n - 1) + other**2 / (m - 1))
        p_value = 2 * stats.t.sf(np.abs(t), freedom)
    known = (n >= LEAST_REVIEWS) & (m >= LEAST_REVIEWS)
    # Where nothing varies there is no change, or a sure one.
    p_value = np.where(np.isfinite(p_value), p_value, np.where(np.abs(change) > 0, 0.0, 1.0))
    return np.where(known, change, np.nan), np.where(known, p_value, np.nan)


def _jumps(topics: list[str], change: Floats, p_value: Floats) -> list[bool]:
    asked = np.flatnonzero(np.isfinite(p_value))
    sure = np.zeros(len(p_value), dtype=np.bool_)
    if len(asked):
        sure[asked] = stats.false_discovery_control(p_value[asked]) <= FALSE_JUMPS
    large = sure & (np.abs(np.nan_to_num(change)) >= LEAST_JUMP)
    of = np.array(topics)
    found = large.copy()
    for shift in range(1, NEIGHBOURS + 1):
        for mine, theirs in (
            (slice(shift, None), slice(None, -shift)),
            (slice(None, -shift), slice(shift, None)),
        ):
            same = of[mine] == of[theirs]
            # The surest has the smallest p value; of several too small to tell, the largest change.
            beaten = (p_value[theirs] < p_value[mine]) | (
                (p_value[theirs] == p_value[mine]) & (np.abs(change[theirs]) > np.abs(change[mine]))
            )
            found[mine] &= ~(same & beaten)
    return [bool(one) for one in found]
