"""How each review speaks: the lexicon, and with it what the shop's ratings had taught by the month before.

A review is scored by the newest model that was learned before its month, so nothing that came later ever changes it.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from assets.sentiment.terms import counter, weighted

AT_ONCE = 20_000  # texts, whose words are held in memory
NEUTRAL = 0.05  # as VADER draws the line
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "review_id": pl.String,
    "product_id": pl.String,
    "rating": pl.Int8,
    "lexicon": pl.Float64,
    "learned_as_of": pl.Date,
    "score": pl.Float64,
    "label": pl.String,
    "missing_reason": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make sentiment.reviews.

    Args:
        rows: One a review of the months asked for (month, review_id, product_id, rating, is_english, written,
            lexicon), and one a model that was learned before any of them (as_of, intercept, lexicon_weight, words).
        months: Months asked for.
    """
    reviews = rows.filter(pl.col("month").is_in(months)).sort("month", "review_id")
    models = rows.filter(pl.col("as_of").is_not_null()).sort("as_of")
    served = (
        reviews.drop("as_of")
        .join_asof(
            models.select("as_of", usable_after=pl.col("as_of").dt.offset_by("1mo")),
            left_on="month",
            right_on="usable_after",
        )
        .with_columns(score=pl.col("lexicon"))
    )
    parts = [pl.DataFrame(schema=SHAPE)]
    for (as_of,), of_model in served.group_by("as_of", maintain_order=True):
        is_known = of_model["lexicon"].is_not_null()
        for part in (of_model.filter(~is_known), *_pieces(of_model.filter(is_known))):
            found = part
            if isinstance(as_of, date) and part["lexicon"].null_count() == 0:
                model = models.row(by_predicate=pl.col("as_of") == as_of, named=True)
                found = part.with_columns(
                    score=score(part, model["intercept"], model["lexicon_weight"], model["words"])
                )
            parts.append(_told(found))
    return pl.concat(parts)


def score(
    rows: pl.DataFrame, intercept: float, lexicon_weight: float, words: Sequence[dict[str, str | float]]
) -> pl.Series:
    """Score texts by the lexicon and a model, -1 to 1; 0 where neither knows a word.

    Args:
        rows: written, lexicon.
        intercept: Log odds of praise in a text that has nothing.
        lexicon_weight: Of the lexicon's score.
        words: word, idf and weight of each that was learned.
    """
    learned = pl.DataFrame(words)
    counts = counter(learned["word"].to_list()).transform(rows["written"].to_list())
    lexicon = rows["lexicon"].to_numpy()
    log_odds = intercept + lexicon_weight * lexicon
    log_odds = log_odds + weighted(counts, learned["idf"].to_numpy()) @ learned["weight"].to_numpy()
    is_silent = (np.diff(counts.indptr) == 0) & (lexicon == 0)
    return pl.Series(np.round(np.where(is_silent, 0.0, np.tanh(log_odds / 2)), DIGITS))


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for begin in range(0, rows.height, AT_ONCE):
        yield rows.slice(begin, AT_ONCE)


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the table has them."""
    value = pl.col("score")
    unknown = pl.when(value.is_null()).then(pl.lit("unknown"))
    label = (
        unknown.when(value > NEUTRAL).then(pl.lit("positive")).when(value < -NEUTRAL).then(pl.lit("negative"))
    )
    is_foreign = ~pl.col("is_english").fill_null(value=True)
    why = pl.when(value.is_not_null()).then(None).when(is_foreign).then(pl.lit("not English"))
    return rows.with_columns(
        learned_as_of=pl.when(value.is_not_null()).then("as_of"),
        label=label.otherwise(pl.lit("neutral")),
        missing_reason=why.otherwise(pl.lit("no text")),
    ).select(pl.col(name).cast(kind) for name, kind in SHAPE.items())
