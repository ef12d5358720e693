"""Trends: intervals that hold, jumps that are found where they are, and none in what drifts or does not change."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.topics.trend import compute, wilson

AS_OF = date(2012, 12, 1)


def rows(shares: Any, each: int = 100, seed: int = 0, rating: float = 4.0) -> pl.DataFrame:
    """Months x topics: each review is of one topic, drawn by these shares."""
    rng = np.random.default_rng(seed)
    found = []
    for at, of in enumerate(np.atleast_2d(shares)):
        for topic, count in enumerate(rng.multinomial(each, of)):
            found.append(
                {
                    "as_of": AS_OF, "month": date(2010 + at // 12, at % 12 + 1, 1), "topic_id": f"t{topic}",
                    "reviews": each, "led_reviews": int(count), "shares": float(count),
                    "square_shares": float(count), "stars": rating * count,
                }
            )  # fmt: skip
    return pl.DataFrame(found)


def jump(months: int, at: int, low: float, high: float) -> Any:
    share = np.where(np.arange(months) < at, low, high)
    return np.column_stack([share, (1 - share) / 2, (1 - share) / 2])


def test_wilson_is_that_of_the_textbook() -> None:
    """Brown, Cai and DasGupta (2001): none of ten."""
    low, high = wilson(np.array([0.0, 0.5, 1.0]), np.array([10.0, 10.0, 10.0]))
    assert low == pytest.approx([0.0, 0.2366, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.2775, 0.7634, 1.0], abs=1e-4)


def test_intervals_hold_the_true_share_at_least_as_often_as_they_say() -> None:
    found = pl.concat([compute(rows(np.full((24, 4), 0.25), seed=seed), [AS_OF]) for seed in range(10)])
    holds = (found["share_low"] <= 0.25) & (found["share_high"] >= 0.25)
    assert holds.mean() > 0.93
    assert found.select((pl.col("mean_rating") - 4).abs().max()).item() < 1e-6
    assert (found["rating_low"] < 4).all()
    assert (found["rating_high"] > 4).all()


@pytest.mark.parametrize("at", [4, 9, 15, 23])
def test_a_jump_is_found_in_its_month(at: int) -> None:
    found = compute(rows(jump(24, at, 0.1, 0.3), seed=at), [AS_OF]).filter("is_jump")
    assert set(found["month"]) == {date(2010 + at // 12, at % 12 + 1, 1)}
    assert found.filter(pl.col("topic_id") == "t0")["change"][0] == pytest.approx(0.2, abs=0.08)


def test_drift_is_no_jump_and_neither_is_chance() -> None:
    drift = np.linspace(0.1, 0.22, 24)
    shares = np.column_stack([drift, (1 - drift) / 2, (1 - drift) / 2])
    for seed in range(10):
        assert not compute(rows(shares, seed=seed), [AS_OF])["is_jump"].any()
        assert not compute(rows(np.full((24, 8), 0.125), seed=seed), [AS_OF])["is_jump"].any()


def test_too_few_reviews_tell_of_no_change() -> None:
    found = compute(rows(jump(6, 3, 0.1, 0.9), each=5), [AS_OF])
    assert found["change"].null_count() == found.height
    assert not found["is_jump"].any()


def test_where_nothing_varies_there_is_no_nan() -> None:
    found = compute(rows(jump(8, 4, 0.0, 1.0)), [AS_OF])
    assert found.select(pl.col(pl.Float64).is_nan().any()).row(0).count(True) == 0
    assert set(found.filter("is_jump")["month"]) == {date(2010, 5, 1)}
    assert found.filter((pl.col("share") == 0) & pl.col("mean_rating").is_not_null()).is_empty()


def test_no_rows_make_none() -> None:
    assert compute(rows(np.ones((1, 1))).clear(), [AS_OF]).is_empty()
    assert compute(rows(np.ones((1, 1))), [AS_OF]).height == 1
