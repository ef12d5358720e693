"""Every way that was tried to find topics, how good it is, and which is chosen.

The rule. LDA over counts and NMF over counts and TF-IDF are tried, each with and without phrases, with 5 to 30
topics (`seeds.topics`), on the same reviews; of the third that is clearest at first, and of the way that was chosen
last, the clearest of a few fits (`fitting.STARTS`): the others would win by no luck. Coherence comes first: of the ways whose topics differ (`LEAST_DIVERSITY`) those of highest mean c_v are looked at again: the share of their
topics' first ten terms that comes out again from other seeds is their stability. The one with the highest product of c_v
and stability is chosen: clear, and no work of chance; of those within `AS_GOOD` of it the one with most topics, for two
that are taken for one are as clear and come out as often. Fewer than `FEW` topics say little of a shop: they are chosen
only if their product beats that of all finalists with more by `STANDS_OUT`. What was chosen before stays unless the
product of what would be chosen beats its own by more than `CLOSE`.

A search takes as long as fifty fits, so it is made when the last is `search_months` old, or when there are half as many
reviews again; between, its rows stand unchanged, and `topics.fits` tells how the model that serves holds up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from assets.days import stacked
from assets.threads import pools_at_most
from assets.topics.coherence import (
    DIVERSE_TERMS,
    TERMS,
    WINDOW,
    Together,
    c_v,
    count_together,
    diversity,
    stability,
    top,
    u_mass,
)
from assets.topics.fitting import LDA, NMF, STARTS, Way, fit
from assets.topics.text import COUNTS, TF_IDF, Vocabulary, joined, learn_phrases, matrix, tokens, vocabulary

NONE = "none"
LADDER = (5, 6, 8, 10, 12, 15, 20, 25, 30)
WAYS = ((NMF, COUNTS), (NMF, TF_IDF), (LDA, COUNTS))  # LDA is a model of counts
JUDGED = 4_000  # reviews that a search looks at
HELD_OUT = 10  # one in so many is kept for the perplexity
LEAST_TERMS = 50
REVIEWS_A_TOPIC = 25
LEAST_DIVERSITY = 0.6
STABLE_TERMS = 10
AGAIN = 3  # one in so many is fitted again
CLOSE = 0.05
AS_GOOD = 0.02
# Where five or six were planted their product was higher by 0.19 and more; in real reviews, which have no such number, by 0.11.
FEW, STANDS_OUT = 8, 0.15
FINALISTS, FEW_FINALISTS = 4, 2
SEEDS = 4  # of a finalist's stability
GROWN = 1.5
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "searched_as_of": pl.Date,
    "learned_reviews": pl.Int64,
    "method": pl.String,
    "counted": pl.String,
    "has_phrases": pl.Boolean,
    "topics": pl.Int64,
    "c_v": pl.Float64,
    "u_mass": pl.Float64,
    "perplexity": pl.Float64,
    "diversity": pl.Float64,
    "stability": pl.Float64,
    "is_chosen": pl.Boolean,
    "why": pl.String,
}


class TooLittleText(ValueError):  # noqa: N818 - no error: what becomes of a month
    """There is nothing to find topics in, for the reason it says."""


@dataclass
class _Tried:
    """A way, the terms that its topics have from each seed, the clearest first once judged, and what it comes to."""

    way: Way
    starts: list[list[list[str]]]
    figures: dict[str, float | None]

    @property
    def c_v(self) -> float:
        return float(self.figures["c_v"] or 0.0)

    @property
    def product(self) -> float:
        return round(self.c_v * float(self.figures["stability"] or 0.0), DIGITS)


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make topics.models.

    Args:
        rows: By as_of and kind. shop: reviews (all there are), least_reviews, least_topics, most_topics,
            search_months. review: words and place, a row a review that is learned from. before: the rows of the last
            as_of that has some.
        months: As_of months. One without reviews has no rows; one with too few has one row that says so.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month)
        shop = given.filter(pl.col("kind") == "shop").to_dicts()
        if not shop or not shop[0]["reviews"]:
            continue
        reviews = given.filter(pl.col("kind") == "review").sort("place")["words"]
        before = given.filter(pl.col("kind") == "before").filter(pl.col("method") != NONE)
        if not before.is_empty() and not _is_due(before, month, len(reviews), shop[0]["search_months"]):
            found[month] = before.select(*SHAPE)
            continue
        try:
            # Once for all that is fitted: the order of sums must not hang on how many cores there are.
            with pools_at_most(1):
                told = search(reviews, shop[0], _chosen(before))
        except TooLittleText as reason:
            told = [
                {"method": NONE, "counted": NONE, "has_phrases": False, "topics": 0}
                | {"is_chosen": True, "why": str(reason)}
            ]
        made = pl.DataFrame(
            [{**row, "searched_as_of": month, "learned_reviews": len(reviews)} for row in told], SHAPE
        )
        found[month] = made.with_columns(pl.col(pl.Float64).round(DIGITS))
    return stacked(found, SHAPE)


def search(reviews: pl.Series, wanted: Mapping[str, Any], before: Way | None = None) -> list[dict[str, Any]]:
    """Try every way and choose one by the rule above.

    Args:
        reviews: Words of each, in the order of their place.
        wanted: least_reviews, least_topics, most_topics.
        before: What was chosen last.

    Returns:
        The rows of an as_of.

    Raises:
        TooLittleText: If there are too few reviews, or too few words that they share.
    """
    if len(reviews) < wanted["least_reviews"]:
        raise TooLittleText(
            f"{len(reviews)} different reviews have three words and more that tell something, and "
            f"{wanted['least_reviews']} are needed (seeds.topics)"
        )
    judged = reviews.head(JUDGED)
    found = tokens(judged)
    phrases = learn_phrases(found, len(judged))
    texts = {False: found, **({True: joined(found, phrases)} if phrases else {})}
    held = np.arange(len(judged)) % HELD_OUT == HELD_OUT - 1
    tried: list[_Tried] = []
    counts: dict[tuple[str, bool], tuple[sp.csr_matrix, Vocabulary]] = {}
    for has_phrases, text in texts.items():
        for method, counted in WAYS:
            known = vocabulary(text, len(judged), counted)
            if len(known.terms) < LEAST_TERMS:
                continue
            whole = matrix(text, len(judged), known)
            counts[counted, has_phrases] = whole, known
            for k in ladder(wanted["least_topics"], wanted["most_topics"], len(judged)):
                model = fit(method, whole[~held], k, held_out=whole[held] if method == LDA else None)
                starts = [top(model.weights, known.terms, DIVERSE_TERMS)]
                tried.append(
                    _Tried(Way(method, counted, has_phrases, k), starts, {"perplexity": model.perplexity})
                )
    if not tried:
        raise TooLittleText(f"the reviews share fewer than {LEAST_TERMS} words")
    _judge(texts, tried)
    clearest = sorted(tried, key=lambda one: -one.c_v)[: -(-len(tried) // AGAIN)]
    again = [one for one in tried if one in clearest or one.way == before]
    for one in again:
        whole, known = counts[one.way.counted, one.way.has_phrases]
        one.starts += [
            top(
                fit(one.way.method, whole[~held], one.way.topics, seed=seed).weights,
                known.terms,
                DIVERSE_TERMS,
            )
            for seed in range(1, STARTS[one.way.method])
        ]
    _judge(texts, again)
    return _choose(tried, counts, held, before)


def ladder(least: int, most: int, reviews: int) -> list[int]:
    """How many topics are tried: `LADDER` and both ends, as far as there are `REVIEWS_A_TOPIC` for each."""
    most = max(least, min(most, reviews // REVIEWS_A_TOPIC))
    return sorted({least, most, *(k for k in LADDER if least <= k <= most)})


def _judge(texts: Mapping[bool, pl.DataFrame], tried: Sequence[_Tried]) -> None:
    """Put the clearest start of each way first, and tell its figures."""
    for has_phrases, text in texts.items():
        mine = [one for one in tried if one.way.has_phrases == has_phrases]
        every = [topic[:TERMS] for one in mine for start in one.starts for topic in start]
        windows, reviews = (count_together(text, every, size) for size in (WINDOW, None))
        for one in mine:
            clear = {id(start): _clear(start, windows) for start in one.starts}
            one.starts.sort(key=lambda start: -clear[id(start)])
            best = [topic[:TERMS] for topic in one.starts[0]]
            one.figures["c_v"] = clear[id(one.starts[0])]
            one.figures["u_mass"] = float(u_mass(best, reviews).mean())
            one.figures["diversity"] = diversity(one.starts[0])


def _clear(start: Sequence[Sequence[str]], windows: Together) -> float:
    return round(float(c_v([topic[:TERMS] for topic in start], windows).mean()), DIGITS)


def _choose(
    tried: Sequence[_Tried],
    counts: Mapping[tuple[str, bool], tuple[sp.csr_matrix, Vocabulary]],
    held: Any,
    before: Way | None,
) -> list[dict[str, Any]]:
    ranked = sorted(tried, key=lambda one: -round(one.c_v, DIGITS))
    of_use = [one for one in ranked if (one.figures["diversity"] or 0) >= LEAST_DIVERSITY] or ranked[:1]
    last = next((one for one in tried if one.way == before), None)
    few, many = ([one for one in of_use if (one.way.topics < FEW) == is_few] for is_few in (True, False))
    finalists = [*many[:FINALISTS], *few[:FEW_FINALISTS]]
    if last is not None and last not in finalists:
        finalists = [*finalists, last]
    for one in finalists:
        whole, known = counts[one.way.counted, one.way.has_phrases]
        one.starts += [
            top(fit(one.way.method, whole[~held], one.way.topics, seed=seed).weights, known.terms)
            for seed in range(len(one.starts), SEEDS)
        ]
        first, *others = ([topic[:STABLE_TERMS] for topic in start] for start in one.starts)
        one.figures["stability"] = stability(first, others)
    of_many = max((one.product for one in finalists if one in many), default=0.0)
    allowed = [one for one in finalists if one in many or one.product >= of_many + STANDS_OUT or not many]
    highest = max(one.product for one in allowed)
    best = max(
        (one for one in allowed if one.product >= highest - AS_GOOD),
        key=lambda one: (one.way.topics, one.product),
    )
    why = f"the highest product of c_v and stability, {highest:.3f}"
    if best.product < highest:
        why = f"more topics, and {best.product:.3f} as good as {why}"
    chosen = best
    if last is not None and best.product <= last.product + CLOSE:
        chosen, why = (
            last,
            f"what was chosen before: no product beats its {last.product:.3f} by more than {CLOSE}",
        )

    def reason(one: _Tried) -> str:
        if one is chosen:
            return why
        if one in finalists:
            return f"a finalist, and the product of c_v and stability is {one.product:.3f}"
        return "not among the finalists: less c_v" if one in of_use else "its topics share too many terms"

    return [
        {"method": one.way.method, "counted": one.way.counted, "has_phrases": one.way.has_phrases}
        | {"topics": one.way.topics, **one.figures, "is_chosen": one is chosen, "why": reason(one)}
        for one in tried
    ]


def _is_due(before: pl.DataFrame, month: date, reviews: int, search_months: int) -> bool:
    at: date = before["searched_as_of"][0]
    age = 12 * (month.year - at.year) + month.month - at.month
    return age >= search_months or reviews >= GROWN * int(before["learned_reviews"][0])


def _chosen(before: pl.DataFrame) -> Way | None:
    for row in before.filter(pl.col("is_chosen")).to_dicts():
        return Way(row["method"], row["counted"], row["has_phrases"], row["topics"])
    return None
