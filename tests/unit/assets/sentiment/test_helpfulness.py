"""What makes a review helpful, beside votes drawn from a law that is known."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.linear_model import LogisticRegression

from assets.sentiment import helpfulness

MONTHS = [date(2011, 1, 1), date(2011, 2, 1)]


def voted(reviews: int, effect: float = 0.6, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.exp(rng.normal(4, 0.7, reviews)).astype(int) + 1
    rating = rng.integers(1, 6, reviews).astype(float)
    votes = rng.integers(1, 8, reviews)
    # Votes on one review are of one mind more than chance has it.
    log_odds = effect * np.log2(words / 55) + rng.normal(0, 0.5, reviews)
    return pl.DataFrame(
        {
            "month": [MONTHS[0]] * reviews,
            "review_id": [f"{at:05}" for at in range(reviews)],
            "helpful_votes": rng.binomial(votes, 1 / (1 + np.exp(-log_odds))),
            "total_votes": votes,
            "words": words,
            "rating": rating,
            "distance": np.abs(rating - 4.1),
            "score": rng.uniform(-1, 1, reviews).round(4),
            "is_verified": pl.Series([None] * reviews, dtype=pl.Float64),
            "has_title": np.ones(reviews),
        }
    )


def as_ofs(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(rows.with_columns(as_of=pl.lit(month)) for month in MONTHS)


def test_what_helps_is_found_and_nothing_else() -> None:
    found = helpfulness.compute(as_ofs(voted(4000)), MONTHS[:1])
    verdicts = dict(found.select("feature", "verdict").iter_rows())
    assert verdicts == {
        "length": "more helpful",
        **dict.fromkeys(("stars", "distance", "sentiment", "strength"), "no effect seen"),
        **dict.fromkeys(("verified", "title"), "not known of all, or alike in all"),
    }
    [length] = found.filter(feature="length").to_dicts()
    # The spread of the reviews' own odds draws the mean's effect a little towards none.
    assert length["odds_ratio_low"] < np.exp(0.6) * 0.98 < length["odds_ratio_high"] * 1.02
    assert 0.05 < length["effect"] < 0.16


def test_the_fit_is_that_of_the_library_on_single_votes() -> None:
    rows = voted(300)
    x = rows.select(pl.col("words").log(2), "rating").to_numpy()
    helpful, votes = (rows[name].to_numpy().astype(float) for name in ("helpful_votes", "total_votes"))
    fitted = helpfulness.fit(x, helpful, votes)
    assert fitted is not None
    whole = np.repeat(np.arange(len(x)), votes.astype(int))
    place = np.concatenate([np.arange(int(number)) for number in votes])
    y = place < helpful[whole]
    library = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[whole], y)
    assert np.allclose(fitted[0], library.coef_[0], atol=1e-4)
    # The sandwich, review by review.
    design = np.column_stack([np.ones(len(x)), x])
    p = 1 / (1 + np.exp(-(library.intercept_[0] + x @ library.coef_[0])))
    bread, meat = np.zeros((3, 3)), np.zeros((3, 3))
    for row, chance, good, all_votes in zip(design, p, helpful, votes, strict=True):
        bread += all_votes * chance * (1 - chance) * np.outer(row, row)
        meat += (good - all_votes * chance) ** 2 * np.outer(row, row)
    covariance = np.linalg.inv(bread) @ meat @ np.linalg.inv(bread)
    assert np.allclose(fitted[1], np.sqrt(np.diag(covariance))[1:], rtol=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Votes taken for independent would give intervals too narrow, and effects where there are none."""
    told = [
        helpfulness.compute(as_ofs(voted(400, effect=0.0, seed=seed)), MONTHS[:1]).drop_nulls("odds_ratio")
        for seed in range(60)
    ]
    found = pl.concat(told)
    assert 0.91 < ((found["odds_ratio_low"] <= 1) & (found["odds_ratio_high"] >= 1)).mean() < 0.99


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (voted(1), "1 reviews with votes, 50 are needed"),
        (voted(49), "49 reviews with votes"),
        (voted(80).with_columns(helpful_votes="total_votes"), "all votes, or all reviews, are alike"),
        (voted(80).with_columns(words=5, rating=5.0, distance=0.0, score=0.5), "are alike"),
        (
            voted(80).with_columns(
                helpful_votes=pl.when(pl.col("rating") > 3).then("total_votes").otherwise(0)
            ),
            "are alike",
        ),
    ],
)
def test_what_cannot_be_fitted_says_so(rows: pl.DataFrame, said: str) -> None:
    found = helpfulness.compute(as_ofs(rows), MONTHS[:1])
    assert found.height == len(helpfulness.FEATURES)
    assert found["odds_ratio"].null_count() == found.height
    assert all(said in verdict for verdict in found["verdict"])


def test_a_month_is_the_same_made_alone_or_with_others_in_any_order() -> None:
    rows = as_ofs(voted(200))
    whole = helpfulness.compute(rows, MONTHS)
    for month in MONTHS:
        alone = helpfulness.compute(rows.sample(fraction=1, shuffle=True, seed=5), [month])
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))
    assert helpfulness.compute(rows.clear(), MONTHS).height == 0
