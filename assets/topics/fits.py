"""The topics that serve: fitted in the way that `models` chose, going on from those of before, under ids that last.

A model goes on from the last one, over the words of today, if both are of one way, and is held against one that is
fitted from nothing to the same reviews. The fresh one serves in its place when its c_v is higher by more than
`DRIFT`: what people write about has moved. Of the terms of topics Jaccard indices say which is which, one for one
(Kuhn 1955); a topic without one of `LEAST_SHARED` is born, and its id is that of the month and a number: an id is never
given again. A topic that has no successor has ended. Names are the terms of highest relevance; one stays as long
as most of it is still among the first `NAME_LASTS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from assets.days import stacked
from assets.threads import allowed, at_most, pools_at_most, side_by_side
from assets.topics.coherence import WINDOW, c_v, count_together, overlaps, pairs, top
from assets.topics.fitting import NMF, STARTS, Model, Way, fit, mix, moved
from assets.topics.text import BETWEEN, Floats, joined, learn_phrases, matrix, tokens, vocabulary
from resources import models as store

BORN, KEPT, ENDED = "born", "kept", "ended"
DRIFT = 0.03
LEAST_SHARED = 0.2
LAMBDA = 0.6  # Sievert and Shirley 2014
NAME_TERMS, NAME_LASTS = 3, 10
LEAST_WEIGHT = 1e-6
DIGITS, WEIGHT_DIGITS = 4, 7

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "topic_id": pl.String,
    "state": pl.String,
    "name": pl.String,
    "method": pl.String,
    "counted": pl.String,
    "has_phrases": pl.Boolean,
    "learned_reviews": pl.Int64,
    "updated_from": pl.Date,
    "share": pl.Float64,
    "c_v": pl.Float64,
    "fresh_c_v": pl.Float64,
    "fresh_overlap": pl.Float64,
    "prior": pl.Float64,
    "terms": pl.List(pl.String),
    "weights": pl.List(pl.Float64),
    "idf": pl.List(pl.Float64),
}


@dataclass(frozen=True)
class _Before:
    """The topics of the last as_of."""

    as_of: date
    way: Way
    ids: list[str]
    names: list[str]
    topics: list[list[str]]
    terms: list[str]
    model: Model


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make topics.fits.

    Args:
        rows: By as_of and kind. chosen: method, counted, has_phrases, topics. review: words and place, a row
            a review that is learned from. before: the rows of the last as_of that has some, those of topics that had
            ended left out, with made_as_of.
        months: As_of months. One for which no way was chosen has no rows: topics.models says why.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month)
        chosen = given.filter(pl.col("kind") == "chosen").to_dicts()
        if not chosen:
            continue
        way = Way(*(chosen[0][name] for name in ("method", "counted", "has_phrases", "topics")))
        reviews = given.filter(pl.col("kind") == "review").sort("place")["words"]
        before = _before(given.filter(pl.col("kind") == "before").sort("topic_id"))
        with pools_at_most(1):
            found[month] = pl.DataFrame(_topics(reviews, way, before, month), SHAPE)
    return stacked(found, SHAPE)


def models(rows: pl.DataFrame, made: pl.DataFrame) -> Mapping[date, store.Model]:
    """Store each month's topics as arrays: what mixes a review needs, and nothing of gensim.

    Args:
        rows: Those of `compute`, which this needs no more.
        made: What it made.
    """
    del rows
    found = {}
    for (month,), fitted in made.sort("as_of", "topic_id").group_by("as_of", maintain_order=True):
        alive = fitted.filter(pl.col("state") != ENDED)
        if not isinstance(month, date) or alive.is_empty():
            continue
        model, terms, idf = arrays(alive)
        first = alive.to_dicts()[0]
        found[month] = store.Model(
            {
                "topic_ids": alive["topic_id"].to_list(),
                "terms": terms,
                "idf": idf,
                "weights": model.weights,
                **({} if model.prior is None else {"prior": model.prior}),
            },
            {name: first[name] for name in ("method", "counted", "has_phrases", "learned_reviews")}
            | {"topics": alive.height, "updated_from": str(first["updated_from"] or "nothing")},
            {"c_v": round(float(alive["c_v"].to_numpy().mean()), DIGITS)},
        )
    return found


def arrays(fitted: pl.DataFrame) -> tuple[Model, list[str], Floats]:
    """Make a model of the rows of an as_of.

    Args:
        fitted: topic_id, prior, terms, weights, idf of each topic.

    Returns:
        The model, whose topics are in the order of the rows; its terms, in order; the idf of each.
    """
    long = (
        fitted.with_row_index("k").select("k", "terms", "weights", "idf").explode("terms", "weights", "idf")
    )
    known = long.group_by("terms").agg(pl.first("idf")).sort("terms").with_row_index("t")
    placed = long.join(known.select("terms", "t"), on="terms")
    weights = np.zeros((fitted.height, known.height))
    weights[placed["k"].to_numpy(), placed["t"].to_numpy()] = placed["weights"].to_numpy()
    prior = None if fitted["prior"].null_count() else fitted["prior"].to_numpy()
    return Model(weights, prior), known["terms"].to_list(), known["idf"].to_numpy()


def relevance(weights: Floats, shares: Floats, lam: float = LAMBDA) -> Floats:
    """How much a term tells of a topic (Sievert and Shirley 2014); -inf where it has no weight.

    Args:
        weights: Topics x terms, each topic's adding up to 1.
        shares: Of the topics.
        lam: 1 for the weight alone, 0 for how much higher it is than the term's own.
    """
    overall = shares @ weights
    with np.errstate(divide="ignore", invalid="ignore"):
        found = lam * np.log(weights) + (1 - lam) * np.log(weights / overall)
    return np.where(weights > 0, found, -np.inf)


def _before(rows: pl.DataFrame) -> _Before | None:
    if rows.is_empty():
        return None
    model, terms, _ = arrays(rows)
    first = rows.to_dicts()[0]
    return _Before(
        first["made_as_of"],
        Way(first["method"], first["counted"], first["has_phrases"], rows.height),
        rows["topic_id"].to_list(),
        rows["name"].to_list(),
        top(model.weights, terms),
        terms,
        model,
    )


def _topics(reviews: pl.Series, way: Way, before: _Before | None, month: date) -> list[dict[str, Any]]:
    text = tokens(reviews)
    if way.has_phrases:
        text = joined(text, learn_phrases(text, len(reviews)))
    known = vocabulary(text, len(reviews), way.counted)
    counts = matrix(text, len(reviews), known)
    # The clearest of several is taken only where it serves: one is enough to see drift by.
    goes_on = before is not None and before.way == way
    starts = 1 if goes_on else STARTS[way.method]
    learn = partial(fit, way.method, counts, way.topics)
    tasks = [partial(learn, seed=seed) for seed in range(starts)]
    if before is not None and goes_on:
        tasks.append(partial(learn, before=moved(before.model, before.terms, known.terms)))
    # Each is of one thread, and the same beside another; gensim's LDA would only wait for the interpreter.
    with at_most(allowed() if way.method == NMF else 1):
        tried = side_by_side(tasks)
    updated = tried[-1] if goes_on else None
    tops = {id(one): top(one.weights, known.terms) for one in tried}
    together = count_together(text, [topic for topics in tops.values() for topic in topics], WINDOW)
    judged = {key: c_v(topics, together) for key, topics in tops.items()}
    clear = {key: round(float(of.mean()), DIGITS) for key, of in judged.items()}
    model = fresh = max((one for one in tried if one is not updated), key=lambda one: clear[id(one)])
    if updated is not None and clear[id(fresh)] <= clear[id(updated)] + DRIFT:
        model = updated
    index = overlaps(tops[id(model)], tops[id(fresh)])
    matched = dict(pairs(index))
    shares = mix(model, counts).mean(axis=0)
    whole = shares.sum()
    shares = shares / whole if whole > 0 else shares
    ids = _ids(tops[id(model)], shares, before, month)
    told = top(np.exp(relevance(model.weights, shares)), known.terms)
    names = _names(told, ids, before)
    rows = []
    for k in np.argsort(-shares, kind="stable").tolist():
        weights = model.weights[k]
        there = np.flatnonzero(weights >= LEAST_WEIGHT)
        there = there[np.argsort(-weights[there], kind="stable")]
        other = matched.get(k)
        rows.append(
            {
                "topic_id": ids[k],
                "state": KEPT if before is not None and ids[k] in before.ids else BORN,
                "name": names[k],
                "method": way.method,
                "counted": way.counted,
                "has_phrases": way.has_phrases,
                "learned_reviews": len(reviews),
                "updated_from": before.as_of if before is not None and model is updated else None,
                "share": round(float(shares[k]), DIGITS),
                "c_v": round(float(judged[id(model)][k]), DIGITS),
                "fresh_c_v": None if other is None else round(float(judged[id(fresh)][other]), DIGITS),
                "fresh_overlap": 0.0 if other is None else round(float(index[k, other]), DIGITS),
                "prior": None if model.prior is None else round(float(model.prior[k]), WEIGHT_DIGITS),
                "terms": [known.terms[t] for t in there],
                "weights": weights[there].round(WEIGHT_DIGITS).tolist(),
                "idf": known.idf[there].round(WEIGHT_DIGITS).tolist(),
            }
        )
    if before is not None:
        rows += [
            {"topic_id": at, "state": ENDED, "name": name, "method": way.method, "counted": way.counted}
            | {"has_phrases": way.has_phrases, "learned_reviews": len(reviews)}
            | {"terms": [], "weights": [], "idf": []}
            for at, name in zip(before.ids, before.names, strict=True)
            if at not in ids
        ]
    return rows


def _ids(topics: Sequence[Sequence[str]], shares: Floats, before: _Before | None, month: date) -> list[str]:
    """Give each topic the id of the one before that it goes on from, or one of its own; larger ones first."""
    found: dict[int, str] = {}
    if before is not None:
        index = overlaps(topics, before.topics)
        found = {k: before.ids[b] for k, b in pairs(index) if index[k, b] >= LEAST_SHARED}
    born = [k for k in np.argsort(-shares, kind="stable").tolist() if k not in found]
    # An as_of that is made again knows nothing of the ids that it gave before.
    found |= {k: f"{month:%Y-%m}.{number}" for number, k in enumerate(born, 1)}
    return [found[k] for k in range(len(topics))]


def _names(told: Sequence[Sequence[str]], ids: Sequence[str], before: _Before | None) -> list[str]:
    """Name each topic by its most relevant terms, so many that no two share a name."""
    known = dict(zip(before.ids, before.names, strict=True)) if before is not None else {}
    found: dict[int, str] = {}
    for k, terms in enumerate(told):
        name = known.get(ids[k])
        parts = name.split(", ") if name else []
        if name and 2 * len(set(parts) & set(terms[:NAME_LASTS])) > len(parts):
            found[k] = name
    for k, terms in enumerate(told):
        size = NAME_TERMS
        while k not in found:
            name = ", ".join(_apart(terms, size))
            if name not in found.values():
                found[k] = name
            elif size >= len(terms):
                found[k] = f"{name} ({ids[k]})"
            size += 1
    return [found[k] for k in range(len(told))]


def _apart(terms: Sequence[str], number: int) -> list[str]:
    """The first terms, without those that share a word with one before ("power supply", "supply"; "string", "strings")."""
    found: list[str] = []
    said: set[str] = set()
    for term in terms:
        parts = {part.removesuffix("s") for part in term.split(BETWEEN)}
        if len(found) < number and not parts & said:
            found.append(term)
            said |= parts
    return found
