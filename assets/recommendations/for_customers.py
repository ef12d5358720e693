"""What to show each customer next: the best goods of all, and of those new to the customer."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.days import stacked
from assets.recommendations.blend import (
    FLOORS,
    TREND_POWER,
    Scorer,
    in_blocks,
    own_orders,
)
from assets.recommendations.history import Booleans, Floats, History, Integers, history, references

Words = npt.NDArray[np.object_]

COUNT = 20
WITHIN_DAYS = 365
LAUNCH_RANK = 10  # the last that is seen without turning a page

SHAPE = {
    "customer_id": pl.String,
    "list": pl.String,
    "rank": pl.Int32,
    "product_id": pl.String,
    "score": pl.Float64,
    "orders": pl.Int64,
    "source": pl.String,
    "candidate": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make recommendations.for_customers.

    Args:
        rows: As `history` takes them, with launched_days on each; and one a month and list with the recommender
            that is chosen as of then: month, list, candidate. Where none is, the floor makes the list.
        months: As_of months, in order.
    """
    chosen = rows.filter(pl.col("candidate").is_not_null())
    bought = rows.filter(pl.col("candidate").is_null())
    found = {}
    for month, reference in references(bought, months).items():
        if month in months:
            of_month = chosen.filter(pl.col("month") == month)
            names = FLOORS | dict(of_month.select("list", "candidate").iter_rows())
            days = int(bought.select(pl.max("launched_days")).item() or 0)
            found[month] = lists(history(bought, month, reference), names, launched_days=days)
    return stacked(found, SHAPE)


def lists(
    known: History, names: Mapping[str, str], *, launched_days: int, count: int = COUNT
) -> pl.DataFrame:
    """The lists of every customer with an order in the last year.

    Args:
        known: What they are made of.
        names: The recommender of each list.
        launched_days: A good first sold within so many days, and not with the first of the data, is newly launched.
        count: The length of a list; it is shorter where no more goods are sold.

    Returns:
        One row a customer, list and rank: see `SHAPE`. source is own orders or model, whichever part of the score
        is larger, popular where there is no score, launched for the slot.
    """
    who = np.flatnonzero(known.silent_days <= WITHIN_DAYS)
    scorer = Scorer(known)
    is_launched = (known.age_days <= launched_days) & (known.age_days + launched_days < known.seen_days)
    scorer.fit(names.values())

    def made(some: Integers) -> pl.DataFrame:
        customers = who[some]
        own, models = own_orders(known, customers), scorer.parts(customers)
        is_new = own == 0
        parts = []
        for of, name in names.items():
            score = scorer.scores(name, of, own, models)
            top, best = scorer.top(score, count, is_new if of == "new" else None)
            source = _source(known, name, of, own, top, best)
            if of == "new":
                _slot(scorer, score, is_new & is_launched, (top, best, source))
            parts.append(_rows(known, customers, of, name, own, (top, best, source)))
        return pl.concat([pl.DataFrame(schema=SHAPE), *parts])

    parts = in_blocks(len(who), len(known.goods), made)
    table = pl.concat([pl.DataFrame(schema=SHAPE), *parts])
    return table.sort("customer_id", "list", "rank")


def _source(known: History, name: str, of: str, own: Floats, top: Integers, best: Floats) -> Words:
    """Which part of the score gave each good: own orders, where they are half of it or more, or the model."""
    source = np.full(top.shape, "model", dtype=object)
    if of == "all" and (name == "own orders" or name.endswith("blend")):
        at = np.maximum(top, 0)
        before_trend = best / known.trend[at] ** TREND_POWER[of] if name.endswith("blend") else best
        had = np.take_along_axis(own, at, axis=1)
        source[(had > 0) & (2 * had >= before_trend)] = "own orders"
    source[best <= 0] = "popular"
    return source


def _slot(
    scorer: Scorer,
    score: Floats,
    is_launched: Booleans,
    found: tuple[Integers, Floats, Words],
) -> None:
    """Give the best newly launched good its rank where none stands so high, and move the others down."""
    top, best, source = found
    at = LAUNCH_RANK - 1
    if top.shape[1] <= at:
        return
    good, value = (each[:, 0] for each in scorer.top(score, 1, is_launched))
    above = top[:, : at + 1]
    has_one = (np.take_along_axis(is_launched, np.maximum(above, 0), axis=1) & (above >= 0)).any(axis=1)
    wanted = np.flatnonzero((good >= 0) & ~has_one & (top[:, at] >= 0))
    # From its own rank below, or the last, up to the slot.
    below = top[wanted, at:] == good[wanted, None]
    gone = np.where(below.any(axis=1), below.argmax(axis=1), below.shape[1] - 1)
    column = np.arange(top.shape[1] - at)
    origin = np.where((column > 0) & (column <= gone[:, None]), column - 1, column)
    for table, new in ((top, good), (best, value), (source, np.full(len(good), "launched", dtype=object))):
        moved = np.take_along_axis(table[wanted, at:], origin, axis=1)
        moved[:, 0] = new[wanted]
        table[wanted, at:] = moved


def _rows(
    known: History,
    customers: Integers,
    of: str,
    name: str,
    own: Floats,
    found: tuple[Integers, Floats, Words],
) -> pl.DataFrame:
    top, best, source = found
    row, column = np.nonzero(top >= 0)
    good = top[row, column]
    return pl.DataFrame(
        {
            "customer_id": known.customers.gather(customers[row]),
            "list": pl.Series([of], dtype=pl.String).new_from_index(0, len(row)),
            "rank": pl.Series(column + 1, dtype=pl.Int32),
            "product_id": known.goods.gather(good),
            "score": best[row, column],
            "orders": pl.Series(own[row, good], dtype=pl.Float64).cast(pl.Int64),
            "source": pl.Series(source[row, column].tolist(), dtype=pl.String),
            "candidate": pl.Series([name], dtype=pl.String).new_from_index(0, len(row)),
        }
    ).select(SHAPE.keys())
