"""What each review is about: its mix of the topics that serve, and the one that leads.

Reviews are mixed in batches, and each alone: what becomes of one does not hang on those beside it.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from assets.days import stacked
from assets.threads import pools_at_most
from assets.topics.fits import arrays
from assets.topics.fitting import mix
from assets.topics.text import BETWEEN, Vocabulary, joined, matrix, tokens

BATCH = 20_000
LEAST_SHARE = 0.05  # a topic with less of a review is not of it
NONE = "None"
UNKNOWN = "no word of any topic"
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "review_id": pl.String,
    "topic_id": pl.String,
    "share": pl.Float64,
    "is_leading": pl.Boolean,
    "reason": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make topics.documents.

    Args:
        rows: By kind. topic: as_of, topic_id, prior, terms, weights, idf, leading_share. review: month, review_id,
            words (null where there are none), reason.
        months: As_of months. One without topics has no rows.
    """
    found = {}
    for month in months:
        topics = rows.filter(pl.col("kind") == "topic", pl.col("as_of") == month).sort("topic_id")
        if topics.is_empty():
            continue
        with pools_at_most(1):
            found[month] = pl.concat(list(_mixed(rows, month, topics)))
    return stacked(found, SHAPE)


def _mixed(rows: pl.DataFrame, month: date, topics: pl.DataFrame) -> Iterator[pl.DataFrame]:
    model, terms, idf = arrays(topics)
    known = Vocabulary(tuple(terms), idf)
    phrases = [term for term in terms if BETWEEN in term]
    ids = pl.Series("topic_id", topics["topic_id"], dtype=pl.String)
    leading = float(topics["leading_share"][0])
    for start in range(0, rows.height, BATCH):
        # Filtered here: the words of all reviews are held once.
        batch = rows.slice(start, BATCH).filter(pl.col("kind") == "review", pl.col("month") <= month)
        shares = mix(model, matrix(joined(tokens(batch["words"]), phrases), batch.height, known))
        first = shares.argmax(axis=1)
        every = np.arange(batch.height)
        shares[(shares < LEAST_SHARE) & (np.arange(shares.shape[1]) != first[:, None])] = 0
        whole = shares.sum(axis=1, keepdims=True)
        shares = np.divide(shares, whole, out=np.zeros_like(shares), where=whole > 0).round(DIGITS)
        # What rounding leaves is the first topic's, so that a review's shares add up to 1.
        shares[every, first] += np.where(whole[:, 0] > 0, 1 - shares.sum(axis=1), 0)
        d, k = np.nonzero(shares)
        named = batch.select("month", "review_id")
        yield pl.concat(
            [
                named[d].with_columns(
                    topic_id=ids[k],
                    share=pl.Series(shares[d, k].round(DIGITS)),
                    is_leading=pl.Series((k == first[d]) & (shares[d, k] >= leading)),
                    reason=pl.lit(None, pl.String),
                ),
                batch.filter(pl.Series(whole[:, 0] == 0)).select(
                    "month",
                    "review_id",
                    topic_id=pl.lit(NONE),
                    share=pl.lit(1.0),
                    is_leading=pl.lit(False),
                    reason=pl.coalesce("reason", pl.lit(UNKNOWN)),
                ),
            ]
        )
