"""What the shop's own ratings teach about words: learned anew whenever there is a good deal more to learn from.

Logistic regression on words and pairs of words tells 4-5 from 1-2 stars. It is put together with the lexicon by a
second logistic regression, fitted on the newest third of the reviews, which the first had not seen (stacking, Wolpert
1992). There, too, it is seen whether both know more than the lexicon alone: the area under the ROC curve must be
larger by more than chance gives (DeLong, DeLong and Clarke-Pearson 1988). Only then is the model used.

An as_of learns from what was known at its end, and serves the months after it. Which as_ofs learn depends on numbers
alone (models.sql), so a month's model is the same whenever it is made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from assets.days import stacked
from assets.sentiment.terms import Floats, Integers, counter, rarity, weighted
from assets.threads import pools_at_most
from resources.models import Model

LEAST_TEXTS = 3  # a word is learned that so many reviews have
MOST_WORDS = 20_000  # the commonest
LEAST_SIGMAS = 1.645  # of the gain over the lexicon: one time in twenty by chance
HELD_OUT = 3  # one in so many, the newest
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "rated": pl.Int64,
    "few_stars": pl.Int64,
    "is_used": pl.Boolean,
    "verdict": pl.String,
    "lexicon_auc": pl.Float64,
    "auc": pl.Float64,
    "gain_sigmas": pl.Float64,
    "intercept": pl.Float64,
    "lexicon_weight": pl.Float64,
    "words": pl.List(pl.Struct({"word": pl.String, "idf": pl.Float64, "weight": pl.Float64})),
}


@dataclass(frozen=True, slots=True)
class Learned:
    """One fit: all of it is in log odds of praise, praise and blame being equally likely."""

    lexicon_auc: float
    auc: float
    gain_sigmas: float
    intercept: float
    lexicon_weight: float
    words: list[str]
    idf: Floats
    weight: Floats


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make sentiment.models.

    Args:
        rows: One an as_of asked for, with its numbers and whether it learns; and one a review that any of them may
            learn from (place in time, rating, lexicon, written), those of other as_ofs among them.
        months: As_of months.
    """
    asked = rows.filter(pl.col("as_of").is_in(months)).sort("as_of")
    reviews = rows.filter(pl.col("place").is_not_null()).sort("place")
    found = {}
    for at in asked.iter_rows(named=True):
        learned = None
        if at["is_learned"]:
            here = reviews.filter(
                pl.col("place").is_between(at["rated"] - at["most_learned"] + 1, at["rated"])
            )
            with pools_at_most(1):
                learned = learn(
                    here["written"].to_list(), here["lexicon"].to_numpy(), (here["rating"] > 3).to_numpy()
                )
        found[at["as_of"]] = _row(at, learned)
    return stacked(found, SHAPE)


def models(rows: pl.DataFrame, made: pl.DataFrame) -> Mapping[date, Model]:
    """Give each model that is used as what answers for a text by its words alone, the lexicon apart."""
    del rows
    found = {}
    for row in made.filter("is_used").iter_rows(named=True):
        words = pl.DataFrame(row["words"])
        # An array, for a file of a dictionary takes seconds to write.
        count = counter(np.array(words["word"].to_list()))
        rare = TfidfTransformer(sublinear_tf=True)
        rare.idf_ = words["idf"].to_numpy()
        regression = LogisticRegression()
        regression.classes_ = np.array([False, True])
        regression.coef_ = words["weight"].to_numpy()[None, :].copy()
        regression.intercept_ = np.array([row["intercept"]])
        found[row["as_of"]] = Model(
            make_pipeline(count, rare, regression),
            {"lexicon_weight": row["lexicon_weight"], "words": words.height, "reviews": row["rated"]},
            {"auc": row["auc"], "lexicon_auc": row["lexicon_auc"]},
        )
    return found


def learn(texts: Sequence[str], lexicon: Floats, is_good: Any) -> Learned | None:
    """Learn from reviews in order of time.

    Args:
        texts: What is written.
        lexicon: Score of each by the lexicon.
        is_good: Whether each has four stars or five; the others have one or two.

    Returns:
        None where older or newer reviews are all of one kind, or have no word in common.
    """
    cut = len(is_good) - len(is_good) // HELD_OUT
    if min(len(np.unique(is_good[:cut])), len(np.unique(is_good[cut:]))) < 2:
        return None
    count = counter()
    try:
        counts = count.fit_transform(texts)
    except ValueError:  # there is no word in any
        return None
    first = _of_words(counts[:cut], is_good[:cut])
    if first is None:
        return None
    place, idf, inner = first
    newer = np.column_stack([lexicon[cut:], _asked(counts[cut:], place, idf, inner)])
    outer = LogisticRegression(C=100.0, class_weight="balanced").fit(newer, is_good[cut:])
    alone, both, sigmas = gain(is_good[cut:], lexicon[cut:], outer.decision_function(newer))
    # What was held out is too good to be left out: the words are learned again, from all.
    place, idf, inner = _of_words(counts, is_good) or first
    of_lexicon, of_words = outer.coef_[0]
    return Learned(
        lexicon_auc=alone,
        auc=both,
        gain_sigmas=sigmas,
        intercept=float(outer.intercept_[0] + of_words * inner.intercept_[0]),
        lexicon_weight=float(of_lexicon),
        words=count.get_feature_names_out()[place].tolist(),
        idf=idf,
        weight=of_words * inner.coef_[0],
    )


def gain(is_good: Any, alone: Floats, both: Floats) -> tuple[float, float, float]:
    """Areas under the two ROC curves, and their difference in standard errors (DeLong et al. 1988)."""
    good, bad = np.flatnonzero(is_good), np.flatnonzero(~is_good)
    areas, parts = [], []
    for score in (alone, both):
        rank = rankdata(score)
        of_good = (rank[good] - rankdata(score[good])) / len(bad)
        of_bad = 1 - (rank[bad] - rankdata(score[bad])) / len(good)
        areas.append(float(of_good.mean()))
        parts.append((of_good, of_bad))
    variance = sum(
        np.var(after - before) / max(len(after) - 1, 1)
        for before, after in zip(parts[0], parts[1], strict=True)
    )
    sigmas = (areas[1] - areas[0]) / np.sqrt(variance) if variance > 0 else 0.0
    return areas[0], areas[1], float(sigmas)


def _of_words(counts: Any, is_good: Any) -> tuple[Integers, Floats, LogisticRegression] | None:
    """Places and rarity of the words that are learned, and the regression on them."""
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    place = np.flatnonzero(texts >= LEAST_TEXTS)
    if not len(place):
        return None
    # Equally common words in the order of the alphabet, which is theirs.
    place = np.sort(place[np.argsort(-texts[place], kind="stable")[:MOST_WORDS]])
    idf = rarity(counts[:, place])
    inner = LogisticRegression(solver="liblinear", class_weight="balanced")
    return place, idf, inner.fit(weighted(counts[:, place], idf), is_good)


def _asked(counts: Any, place: Integers, idf: Floats, inner: LogisticRegression) -> Floats:
    return np.asarray(inner.decision_function(weighted(counts[:, place], idf)), dtype=np.float64)


def _row(at: Mapping[str, Any], learned: Learned | None) -> pl.DataFrame:
    """One row of the table, whether anything was learned or not."""
    numbers = {"rated": at["rated"], "few_stars": at["few_stars"]}
    if learned is None:
        least = at["least_of_each"]
        rarer = min(at["few_stars"], at["rated"] - at["few_stars"])
        verdict = "as many ratings as before, or not enough more to learn anew"
        if rarer < least:
            verdict = f"{rarer} reviews of the rarer of 1-2 and 4-5 stars, {least} are needed"
        elif at["is_learned"]:
            verdict = "older or newer reviews are all of one kind, or have no word in common"
        return pl.DataFrame(
            [{**dict.fromkeys(SHAPE), **numbers, "is_used": False, "verdict": verdict}], SHAPE
        )
    is_used = learned.gain_sigmas > LEAST_SIGMAS and learned.lexicon_weight > 0
    table = pl.DataFrame(
        {
            "word": pl.Series(learned.words, dtype=pl.String),
            "idf": np.round(learned.idf, DIGITS),
            "weight": np.round(learned.weight, DIGITS),
        }
    )
    return pl.DataFrame(
        {
            **numbers,
            "is_used": is_used,
            "verdict": "knows more than the lexicon alone"
            if is_used
            else "knows no more than the lexicon alone",
            "lexicon_auc": round(learned.lexicon_auc, DIGITS),
            "auc": round(learned.auc, DIGITS),
            "gain_sigmas": round(learned.gain_sigmas, 2),
            "intercept": round(learned.intercept, DIGITS),
            "lexicon_weight": round(learned.lexicon_weight, DIGITS),
            "words": pl.Series([table.to_struct() if is_used else None], dtype=SHAPE["words"]),
        },
        SHAPE,
    )
