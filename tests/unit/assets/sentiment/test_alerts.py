"""Whose rating fell beyond chance."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.sentiment import alerts

MONTHS = [date(2011, 1, 1), date(2011, 2, 1)]


def row(
    month: date, subject: str, now: list[int], before: list[int], measure: str = "rating"
) -> dict[str, Any]:
    return {
        "as_of": month, "level": "product", "subject": subject, "measure": measure,
        **{f"now_{step}": number for step, number in enumerate(now, 1)},
        **{f"before_{step}": number for step, number in enumerate(before, 1)},
        "false_share": 0.01, "least_fall": 0.1,
    }  # fmt: skip


def shop(fallen: int = 1, others: int = 200, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    usual = [0.05, 0.05, 0.1, 0.2, 0.6]
    rows = [
        row(month, f"{at}", rng.multinomial(12, usual).tolist(), rng.multinomial(60, usual).tolist())
        for month in MONTHS
        for at in range(others)
    ]
    rows += [
        row(month, f"fell {at}", [5, 4, 2, 1, 0], [2, 3, 6, 14, 35])
        for month in MONTHS
        for at in range(fallen)
    ]
    return pl.DataFrame(rows)


def test_what_fell_is_found_and_nothing_else() -> None:
    found = alerts.compute(shop(), MONTHS)
    assert found.filter("is_alert")["subject"].to_list() == ["fell 0"] * 2
    [one] = found.filter(pl.col("is_alert"), pl.col("as_of") == MONTHS[0]).to_dicts()
    assert (one["reviews"], one["reviews_before"]) == (12, 60)
    assert one["mean"] == pytest.approx((5 + 8 + 6 + 4) / 12, abs=1e-4)
    assert one["fall"] == pytest.approx(one["mean_before"] - one["mean"], abs=2e-4)


def test_a_fall_that_is_small_or_by_chance_is_none_to_tell_of() -> None:
    rows = [
        row(MONTHS[0], "by chance", [0, 0, 1, 2, 3], [1, 1, 2, 8, 30]),
        row(MONTHS[0], "small", [0, 0, 0, 900, 600], [0, 0, 0, 2000, 4000]),
        row(MONTHS[0], "rose", [0, 0, 0, 0, 30], [10, 10, 10, 10, 10]),
        row(MONTHS[0], "the same", [0, 0, 0, 0, 30], [0, 0, 0, 0, 30]),
    ]
    found = alerts.compute(pl.DataFrame(rows), MONTHS)
    assert not found["is_alert"].any()
    assert found.filter(subject="small")["chance"][0] < 1e-6
    assert found.filter(subject="rose")["fall"][0] < 0


def test_all_that_are_looked_at_share_one_rate() -> None:
    """The same finding among a thousand others is less of one."""
    alone, among = alerts.compute(shop(others=0), MONTHS), alerts.compute(shop(others=300), MONTHS)
    of = {"subject": "fell 0", "as_of": MONTHS[0]}
    assert alone.filter(**of)["chance"][0] == among.filter(**of)["chance"][0]
    assert alone.filter(**of)["false_share"][0] < among.filter(**of)["false_share"][0] / 10


def test_sentiment_is_told_on_its_scale() -> None:
    found = alerts.compute(
        pl.DataFrame([row(MONTHS[0], "A", [8, 0, 0, 0, 0], [0, 0, 0, 0, 40], "sentiment")]), MONTHS
    )
    assert found.select("mean", "mean_before", "fall", "is_alert").row(0) == (-0.8, 0.8, 1.6, True)


def test_a_month_is_the_same_made_alone_or_with_others_in_any_order() -> None:
    rows = shop()
    whole = alerts.compute(rows, MONTHS)
    for month in MONTHS:
        alone = alerts.compute(rows.sample(fraction=1, shuffle=True, seed=4), [month])
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))
    assert alerts.compute(rows.clear(), MONTHS).height == 0
