"""What makes a review helpful: logistic regression of helpful votes on what the review is like.

Votes on one review are of one mind more than chance has it, so the intervals are those of the sandwich estimator with a
review as its own cluster (White 1980; Liang and Zeger 1986). These are associations: nobody chose at random how long
a review is.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.days import stacked

Floats = npt.NDArray[np.float64]

LEAST_REVIEWS = 50
STEPS = 50
DIGITS = 4
Z = 1.959964  # of a 95 % interval
SURE = 2.690  # of an effect, seven being looked at: any of them is there by chance one time in twenty

# What is looked at, and what one more of it is.
FEATURES = {
    "length": (pl.col("words").log(2), "twice as many words"),
    "stars": (pl.col("rating"), "one star more"),
    "distance": (pl.col("distance"), "one star farther from the product's mean"),
    "sentiment": (pl.col("score"), "a score higher by 1"),
    "strength": (pl.col("score").abs(), "a score farther from neutral by 1"),
    "verified": (pl.col("is_verified"), "the writer bought it"),
    "title": (pl.col("has_title"), "it has a title"),
}
SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "feature": pl.String,
    "one_more": pl.String,
    "odds_ratio": pl.Float64,
    "odds_ratio_low": pl.Float64,
    "odds_ratio_high": pl.Float64,
    "effect": pl.Float64,
    "reviews": pl.Int64,
    "votes": pl.Int64,
    "verdict": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make sentiment.helpfulness.

    Args:
        rows: One an as_of and review with votes: helpful_votes, total_votes, words, rating, distance (of the rating
            from the product's mean), score, is_verified (0, 1 or null), has_title.
        months: As_of months.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month).sort("month", "review_id")
        if given.height:
            found[month] = _of_month(given)
    return stacked(found, SHAPE)


def _of_month(given: pl.DataFrame) -> pl.DataFrame:
    votes, helpful = (given[name].to_numpy().astype(np.float64) for name in ("total_votes", "helpful_votes"))
    numbers = {"reviews": pl.lit(given.height, pl.Int64), "votes": pl.lit(int(votes.sum()), pl.Int64)}
    columns = {}
    for name, (of, _) in FEATURES.items():
        values = given.select(of.cast(pl.Float64)).to_series()
        # What is not known of all, or alike in all, says nothing.
        if values.null_count() == 0 and values.n_unique() > 1:
            columns[name] = values.to_numpy()
    told = pl.DataFrame({"feature": list(FEATURES), "one_more": [one for _, one in FEATURES.values()]})
    fitted = None
    if given.height >= LEAST_REVIEWS and columns and 0 < helpful.sum() < votes.sum():
        fitted = fit(np.column_stack(list(columns.values())), helpful, votes)
    if fitted is None:
        why = f"{given.height} reviews with votes, {LEAST_REVIEWS} are needed"
        if given.height >= LEAST_REVIEWS:
            why = "all votes, or all reviews, are alike"
        return told.with_columns(
            *(pl.lit(None, SHAPE[name]).alias(name) for name in SHAPE if SHAPE[name] == pl.Float64),
            **numbers,
            verdict=pl.lit(why),
        )
    weight, error, slope = fitted
    effects = pl.DataFrame(
        {
            "feature": list(columns),
            "odds_ratio": np.round(np.exp(weight), DIGITS),
            "odds_ratio_low": np.round(np.exp(weight - Z * error), DIGITS),
            "odds_ratio_high": np.round(np.exp(weight + Z * error), DIGITS),
            "effect": np.round(weight * slope, DIGITS),
            "verdict": np.select(
                [weight > SURE * error, weight < -SURE * error],
                ["more helpful", "less helpful"],
                "no effect seen",
            ),
        }
    )
    return told.join(effects, on="feature", how="left", maintain_order="left").with_columns(
        pl.col("verdict").fill_null("not known of all, or alike in all"), **numbers
    )


def fit(x: Floats, helpful: Floats, votes: Floats) -> tuple[Floats, Floats, float] | None:
    """Logistic regression of votes, by Newton's method.

    Args:
        x: Reviews x features.
        helpful: Helpful votes of each review.
        votes: All votes of each.

    Returns:
        Log odds that one more of each feature adds, their standard errors, and by how much the mean probability rises
        with the log odds; None where there is no maximum.
    """
    middle, scale = x.mean(axis=0), x.std(axis=0)
    design = np.column_stack([np.ones(len(x)), (x - middle) / scale])
    weight = np.zeros(design.shape[1])
    bread = np.eye(design.shape[1])
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ weight, -30, 30)))
        information = (design * (votes * probability * (1 - probability))[:, None]).T @ design
        if np.linalg.cond(information) > 1e10:
            return None
        bread = np.linalg.inv(information)
        step = bread @ (design.T @ (helpful - votes * probability))
        weight = weight + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    score = design * (helpful - votes * probability)[:, None]
    covariance = bread @ (score.T @ score) @ bread
    slope = float((votes * probability * (1 - probability)).sum() / votes.sum())
    return weight[1:] / scale, np.sqrt(np.diag(covariance))[1:] / scale, slope
