"""Recommenders: what is made of own orders, the models' scores and the trend, and the best goods by them.

For all goods a blend is (own orders + 3 x model) x trend^(1/2), for goods new to the customer model x trend. Where
goods sell evenly through the year the trend is noise, and what many bought of late is worth more: the two that begin
with "popular" add that, and leave the trend out of all goods. The constants were chosen on Online Retail's months before October 2011, and hardly matter (docs/decisions/).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from assets.recommendations.candidates import Scores, fit
from assets.recommendations.history import Booleans, Floats, History, Integers
from assets.threads import pools_at_most, side_by_side

LISTS = ("all", "new")
FLOORS = {"all": "own orders", "new": "popular"}
# Models whose mean is taken; the name ends in "blend" where own orders and trend have a part.
RECOMMENDERS: Mapping[str, tuple[str, ...]] = {
    "own orders": (),
    "popular": (),
    "cosine": ("cosine",),
    "tfidf": ("tfidf",),
    "bm25": ("bm25",),
    "ease": ("ease",),
    "als": ("als",),
    "bm25 blend": ("bm25",),
    "ease blend": ("ease",),
    "als blend": ("als",),
    "ease and als blend": ("ease", "als"),
    "popular blend": (),
    "popular, ease and bm25 blend": ("ease", "bm25"),
}
# Without own orders these two are nothing, and popularity alone.
OF_LIST = {
    "all": tuple(RECOMMENDERS),
    "new": tuple(name for name in RECOMMENDERS if name not in {"own orders", "popular blend"}),
}

MODEL_WEIGHT = 3.0
POPULAR_WEIGHT = 10.0  # of the good with most customers of late, in own orders
TREND_POWER = {"all": 0.5, "new": 1.0}
_CELLS = 250_000  # of a block of customers x goods: a copy of it stays in a core's own cache
_DIGITS = 6
Found = TypeVar("Found")


def in_blocks(number: int, goods: int, work: Callable[[Integers], Found]) -> list[Found]:
    """Do some work for numbers of customers, a piece at a time: customers x goods at once need not fit into memory.

    Pieces go side by side, each on one thread: what comes of one does not depend on the others.
    """
    step = max(1, _CELLS // max(goods, 1))
    pieces = [np.arange(begin, min(begin + step, number)) for begin in range(0, number, step)]
    with pools_at_most(1):
        return side_by_side(partial(work, piece) for piece in pieces)


class Scorer:
    """Recommenders of one history, some of whose models are fitted."""

    def __init__(self, known: History) -> None:
        self.known = known
        self._models: dict[str, Scores] = {}
        # Of equal scores the good with more customers of late comes first, then that with the lower id.
        order = np.lexsort((np.arange(len(known.goods)), -known.recent))
        self._tie = np.empty(len(order), dtype=np.int64)
        self._tie[order] = np.arange(len(order))[::-1]

    def fit(self, names: Iterable[str]) -> None:
        """Fit the models that the recommenders of these names need, each once, on one thread each, side by side."""
        needed = dict.fromkeys(model for name in names for model in RECOMMENDERS[name])
        new = [model for model in needed if model not in self._models]
        fitted = side_by_side(partial(fit, model, self.known) for model in new)
        self._models |= dict(zip(new, fitted, strict=True))

    def parts(self, some: Integers) -> dict[str, Floats]:
        """Scores of the models that are fitted."""
        return {name: model(some) for name, model in self._models.items()}

    def scores(self, name: str, of_list: str, own: Floats, parts: Mapping[str, Floats]) -> Floats:
        """Customers x goods; `own` are their orders, and goods of 0 are ranked by ties alone."""
        if name == "own orders":
            return own
        if name == "popular":
            return np.zeros_like(own)
        models = RECOMMENDERS[name]
        if name.startswith("popular"):
            return self._with_popular(models, of_list, own, parts)
        if not name.endswith("blend"):
            return parts[name]
        score = np.maximum(parts[models[0]], 0.0)
        for model in models[1:]:
            score += np.maximum(parts[model], 0.0)
        score /= len(models)
        if of_list == "all":
            score *= MODEL_WEIGHT
            score += own
        score *= self.known.trend ** TREND_POWER[of_list]
        return score

    def _with_popular(
        self, models: tuple[str, ...], of_list: str, own: Floats, parts: Mapping[str, Floats]
    ) -> Floats:
        """Own orders, models added up, and the customers of late by those of the good with most of them."""
        popular = (self.known.recent + 0.5) / max(int(self.known.recent.max(initial=0)), 1)
        if not models:
            return np.asarray(own + POPULAR_WEIGHT * popular)
        score = MODEL_WEIGHT * popular + sum(np.maximum(parts[model], 0.0) for model in models)
        return np.asarray(own + MODEL_WEIGHT * score if of_list == "all" else score * self.known.trend)

    def top(self, score: Floats, count: int, allowed: Booleans | None = None) -> tuple[Integers, Floats]:
        """The best goods of each customer (see `top`): none that is not allowed, nor without a score and a recent sale."""
        is_wanted = (score > 0.5 * 10**-_DIGITS) | (self.known.recent > 0)
        return top(score, count, is_wanted if allowed is None else is_wanted & allowed, self._tie)


def top(score: Floats, count: int, is_wanted: Booleans, ties: Integers) -> tuple[Integers, Floats]:
    """The best columns of each row: their numbers and scores, rows x `count`; -1 and 0 where none is left.

    Args:
        score: Rows x columns. Scores are rounded first, so the last bit decides nothing.
        count: How many of each row; no more than there are columns.
        is_wanted: Which columns of which rows may stand there.
        ties: Of equal scores the column with the higher number here comes first: each of 0 to columns - 1 once.
    """
    columns = score.shape[1]
    count = min(count, columns)
    if not count:
        return np.zeros((len(score), 0), dtype=np.int64), np.zeros((len(score), 0))
    there = np.flatnonzero(is_wanted.any(axis=0))
    if not count <= len(there) < columns // 2:
        there = np.arange(columns)
    else:  # of goods just launched there are few
        score, is_wanted = score[:, there], is_wanted[:, there]
    rounded = score * 10**_DIGITS
    key = np.rint(rounded, out=rounded).astype(np.int64)
    key *= columns
    key += ties[there]
    none = np.iinfo(np.int64).min
    np.copyto(key, none, where=~is_wanted)
    # A key tells its column and its score: to order keys is faster than to order places.
    key.partition(len(there) - count, axis=1)
    best = np.sort(key[:, len(there) - count :], axis=1)[:, ::-1]
    whole, tie = np.divmod(best, columns)
    column = np.empty(columns, dtype=np.int64)
    column[ties] = np.arange(columns)
    is_left = best == none
    return np.where(is_left, -1, column[tie]), np.where(is_left, 0.0, whole / 10**_DIGITS)


def own_orders(known: History, some: Integers) -> Floats:
    """Orders of these customers, dense: customers x goods."""
    orders: Any = known.orders[some]
    return np.asarray(orders.toarray())
