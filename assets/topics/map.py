"""Where reviews lie in two and three dimensions, those of like words near each other."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import numpy as np
import polars as pl
from openTSNE import TSNE  # here: only libraries that are there already are held to one thread
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from assets.days import stacked
from assets.threads import pools_at_most, side_by_side
from assets.topics.text import TF_IDF, Floats, matrix, tokens, vocabulary

MOST = 5_000
DIMENSIONS = 30  # that t-SNE starts from
PERPLEXITY = 30.0
EXAGGERATED, ITERATIONS = 100, 250
# How coarsely far points push: two thirds of the time that 0.5 takes, and as many neighbours stay neighbours.
THETA = 0.8
LEAST_REVIEWS = 50
DIGITS = 3

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "review_id": pl.String,
    "topic_id": pl.String,
    "rating": pl.Int8,
    "score": pl.Float64,
    "x_2d": pl.Float64,
    "y_2d": pl.Float64,
    "x_3d": pl.Float64,
    "y_3d": pl.Float64,
    "z_3d": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make topics.map.

    Args:
        rows: as_of, lot, mapped_reviews, month, review_id, words, rating, score (null where nothing tells),
            topic_id (null where none leads).
        months: As_of months. One with fewer than `LEAST_REVIEWS` reviews has no rows: there is nothing to see.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month).sort("lot", "month", "review_id")
        if given.height < LEAST_REVIEWS:
            continue
        sample = given.head(min(MOST, int(given["mapped_reviews"][0])))
        with pools_at_most(1):
            vectors = _vectors(sample["words"])
            if vectors is None:
                continue
            # Each is of one thread, and the same beside the other.
            placed = side_by_side(partial(place, vectors, dimensions) for dimensions in (2, 3))
            flat, deep = (at.round(DIGITS) for at in placed)
        found[month] = sample.select("month", "review_id", "topic_id", "rating", "score").with_columns(
            x_2d=pl.Series(flat[:, 0]),
            y_2d=pl.Series(flat[:, 1]),
            x_3d=pl.Series(deep[:, 0]),
            y_3d=pl.Series(deep[:, 1]),
            z_3d=pl.Series(deep[:, 2]),
        )
    return stacked(found, SHAPE)


def place(vectors: Floats, dimensions: int) -> Floats:
    """Lay points out by t-SNE, from their principal components on, each with its exact nearest neighbours.

    Args:
        vectors: Points x features.
        dimensions: 2 or 3.
    """
    layout = TSNE(
        n_components=dimensions,
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        initialization="pca",
        neighbors="exact",
        negative_gradient_method="bh",
        theta=THETA,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=ITERATIONS,
        n_jobs=1,  # sums of several threads end in another order
        random_state=0,
    )
    return np.asarray(layout.fit(vectors), dtype=np.float64)


def _vectors(words: pl.Series) -> Floats | None:
    """The principal directions of TF-IDF, by log counts; None where too few words are shared."""
    text = tokens(words)
    known = vocabulary(text, len(words), TF_IDF)
    if len(known.terms) <= DIMENSIONS:
        return None
    counts = matrix(text, len(words), known)
    made = TruncatedSVD(DIMENSIONS, random_state=0).fit_transform(normalize(counts.log1p()))
    return np.asarray(made, dtype=np.float64)
