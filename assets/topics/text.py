"""Words of reviews as matrices: phrases, vocabulary, counts.

The words themselves, without stop words, stand in `topics.words`, made by SQL. Nothing here loops over reviews in
Python.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

COUNTS, TF_IDF = "counts", "tf-idf"
BETWEEN = " "  # the two words of a phrase; no word has it
# A word of more than a fifth of the reviews tells no topics apart; one of a handful belongs to none.
MOST_REVIEWS = 0.2
LEAST_REVIEWS, LEAST_SHARE = 3, 0.001
LARGEST_VOCABULARY = 10_000
# Said over and over, a word is one that was said often: a thousand lines of one word are no review of a thousand.
MOST_TIMES = 10
# Normalized pointwise mutual information (Bouma 2009) from which two neighbours are one term.
LEAST_NPMI = 0.5
LEAST_PAIRS = 10


@dataclass(frozen=True)
class Vocabulary:
    """The terms that topics are made of.

    Attributes:
        terms: Words and phrases.
        idf: What counts are multiplied by: log of reviews by reviews with the term (Sparck Jones 1972), or 1.
    """

    terms: tuple[str, ...]
    idf: Floats


def tokens(words: pl.Series) -> pl.DataFrame:
    """Give a row a word.

    Args:
        words: Lists of words, one a review; null and empty ones have no row.

    Returns:
        d (place of the review in `words`) and word, in the order of reviews and words.
    """
    return (
        pl.DataFrame({"word": words}, schema={"word": pl.List(pl.String)})
        .with_row_index("d")
        .explode("word")
        .drop_nulls("word")
    )


def learn_phrases(found: pl.DataFrame, reviews: int) -> frozenset[str]:
    """Find the pairs of neighbours that stand together more often than chance, as gensim's Phrases does by NPMI.

    gensim goes through the words one by one: 1.6 s for ten thousand reviews.

    Args:
        found: What `tokens` gives.
        reviews: Number of reviews.

    Returns:
        Each as two words with a blank between.
    """
    counts = found["word"].value_counts(name="times")
    pairs = (
        found.select(
            "word", next=pl.when(pl.col("d") == pl.col("d").shift(-1)).then(pl.col("word").shift(-1))
        )
        .drop_nulls("next")
        .group_by("word", "next")
        .len("both")
        .filter(pl.col("both") >= max(LEAST_PAIRS, reviews // 500))
        .join(counts, on="word")
        .join(counts.rename({"word": "next", "times": "next_times"}), on="next")
    )
    of_both, of_word, of_next = (pl.col(name) / found.height for name in ("both", "times", "next_times"))
    npmi = (of_both / (of_word * of_next)).log() / -of_both.log()
    return frozenset(
        pairs.filter(npmi > LEAST_NPMI).select(pl.concat_str("word", "next", separator=BETWEEN)).to_series()
    )


def joined(found: pl.DataFrame, phrases: Collection[str]) -> pl.DataFrame:
    """Make one term of each phrase, from left to right: of three words whose pairs are both phrases, the first two.

    Args:
        found: What `tokens` gives.
        phrases: What `learn_phrases` gives.
    """
    if not phrases:
        return found
    pair = pl.concat_str("word", pl.col("word").shift(-1), separator=BETWEEN)
    is_pair = (pl.col("d") == pl.col("d").shift(-1)).fill_null(False) & pair.is_in(list(phrases)).fill_null(
        False
    )
    begins = pl.col("is_pair") & ~pl.col("is_pair").shift(1, fill_value=False)
    return (
        found.with_columns(pair=pair, is_pair=is_pair)
        .with_row_index("at")
        # Of pairs that overlap in a row, every other one.
        .with_columns(run=pl.when(begins).then("at").forward_fill())
        .with_columns(opens=pl.col("is_pair") & ((pl.col("at") - pl.col("run")) % 2 == 0))
        .filter(~pl.col("opens").shift(1, fill_value=False))
        .select("d", word=pl.when("opens").then("pair").otherwise("word"))
    )


def vocabulary(found: pl.DataFrame, reviews: int, words: str) -> Vocabulary:
    """Choose the terms: those of neither too many nor too few reviews, the most frequent first.

    Args:
        found: What `tokens` or `joined` gives.
        reviews: Number of reviews.
        words: `COUNTS` or `TF_IDF`.
    """
    least = max(LEAST_REVIEWS, LEAST_SHARE * reviews)
    frequent = (
        found.unique()
        .group_by("word")
        .len("reviews")
        .filter(pl.col("reviews") >= least, pl.col("reviews") <= MOST_REVIEWS * reviews)
        .sort("reviews", "word", descending=[True, False])
        .head(LARGEST_VOCABULARY)
    )
    share = frequent["reviews"].to_numpy() / max(reviews, 1)
    idf = np.log(1 / share) if words == TF_IDF else np.ones(len(share))
    return Vocabulary(tuple(frequent["word"]), idf)


def matrix(found: pl.DataFrame, reviews: int, known: Vocabulary) -> sp.csr_matrix:
    """Count the terms of each review, `MOST_TIMES` at most, times their idf.

    Args:
        found: What `tokens` or `joined` gives; other terms do not count.
        reviews: Number of reviews.
        known: The terms.

    Returns:
        Reviews x terms.
    """
    places = pl.DataFrame({"word": known.terms}, schema={"word": pl.String}).with_row_index("t")
    counted = (
        found.join(places, on="word")
        .group_by("d", "t")
        .len("times")
        .sort("d", "t")
        .with_columns(pl.col("times").clip(upper_bound=MOST_TIMES))
    )
    t = counted["t"].to_numpy()
    return sp.csr_matrix(
        (counted["times"].to_numpy() * known.idf[t], (counted["d"].to_numpy(), t)),
        shape=(reviews, len(known.terms)),
    )
