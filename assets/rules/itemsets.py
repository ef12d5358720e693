"""Which items lie together in baskets, and how often: frequent itemsets of any length.

Counting belongs here; whether a count is more than chance does not (`chance.py`). Pure: frames in, frames
out. Level by level as Apriori (Agrawal and Srikant 1994): pairs by a sparse product of the baskets with
themselves, longer sets by rows of bits, one row an item and one bit a basket (Zaki 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from assets.days import stacked

Integers = npt.NDArray[np.int64]

DIGITS = 6
SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "items": pl.List(pl.String),
    "length": pl.Int32,
    "count": pl.Int64,
    "support": pl.Float64,
    "longest": pl.Int32,
}

_CELLS = 1 << 22  # of a matrix of items, worked on at a time
_WORDS = 1 << 18  # of 64 baskets, worked on at a time: they stay within a processor's cache
_MOST = 5_000_000  # sets of one length to look at


class TooManyItemsetsError(ValueError):
    """The support is so low that nearly everything is frequent.

    Attributes:
        length: Items of the sets that are too many to look at.
    """

    def __init__(self, length: int, sets: int, least: int) -> None:
        super().__init__(
            f"{sets:,} sets of {length} items would have to be looked at, and {_MOST:,} are the most: raise the "
            f"support (now {least} baskets) or set a greatest length"
        )
        self.length = length


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make rules.itemsets: the frequent itemsets in the window of each as_of.

    In fewer baskets than `least_customers` no set has so many customers behind it. In a small shop everything
    would be frequent else, and a few dozen goods in one basket are more sets than there is memory.

    Args:
        rows: One row a basket: month, goods, and the settings support, window_months and least_customers.
        months: As_of months. One without baskets in its window has no rows.
    """
    found = {}
    for month in months:
        part = rows.filter(months_ago(month).is_between(0, pl.col("window_months") - 1))
        if not part.is_empty():
            baskets = part.with_row_index("basket").select("basket", item="goods").explode("item")
            least = max(least_count(part["support"][0], part.height), part["least_customers"][0])
            found[month] = _as_long_as_can_be(baskets, least)
    return stacked(found, SHAPE)


def _as_long_as_can_be(baskets: pl.DataFrame, least: int) -> pl.DataFrame:
    """The frequent itemsets of any length, or, where those are too many to look at, up to the `longest` that are not."""
    longest = None
    try:
        found = _mine(baskets, least)
    except TooManyItemsetsError as reason:
        longest = reason.length - 1
        found = _mine(baskets, least, longest)
    return found.with_columns(
        pl.col("support").round(DIGITS),
        length=pl.col("items").list.len().cast(pl.Int32),
        longest=pl.lit(longest, dtype=pl.Int32),
    )


def months_ago(as_of: date) -> pl.Expr:
    """How many months `month` lies before as_of."""
    month = pl.col("month").dt.year().cast(pl.Int32) * 12 + pl.col("month").dt.month()
    return as_of.year * 12 + as_of.month - month


def least_count(min_support: float, baskets: int) -> int:
    """The fewest baskets that are so large a share: ceil(min_support x baskets), in exact decimals.

    In floats 0.07 x 100 is a little above 7, and would be 8.

    Raises:
        ValueError: If min_support is not above 0 and at most 1.
    """
    if not 0 < min_support <= 1:
        raise ValueError(
            f"support is {min_support}, expected above 0 and at most 1: 0.01 is a hundredth of the baskets"
        )
    return ceil(Fraction(str(min_support)) * baskets)


@dataclass(frozen=True, slots=True)
class Incidence:
    """Which item lies in which basket.

    Attributes:
        matrix: Baskets x items, sparse, 1 where it does.
        names: Of the items, in order.
    """

    matrix: Any
    names: pl.Series

    @property
    def counts(self) -> Integers:
        """Baskets with each item."""
        return np.asarray(self.matrix.sum(axis=0), dtype=np.int64).ravel()

    def pairs(self, least: int) -> tuple[Integers, Integers]:
        """The pairs of items in at least so many baskets, and in how many; in order."""
        count = len(self.names)
        step = max(1, _CELLS // max(count, 1))
        sets, counts = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
        for begin in range(0, count, step):
            met = (self.matrix[:, begin : begin + step].T @ self.matrix).tocoo()
            one, other = met.row.astype(np.int64) + begin, met.col.astype(np.int64)
            kept = (one < other) & (met.data >= least)
            order = np.lexsort((other[kept], one[kept]))
            sets.append(np.column_stack([one[kept], other[kept]])[order])
            counts.append(met.data[kept][order].astype(np.int64))
        return np.concatenate(sets), np.concatenate(counts)

    def bits(self) -> npt.NDArray[np.uint64]:
        """Items x words: bit b of a row tells whether the item lies in basket b."""
        baskets, count = self.matrix.shape
        rows = np.zeros((count, -(-baskets // 64) * 8), np.uint8)
        cells = self.matrix.tocoo()
        byte = cells.col.astype(np.int64) * rows.shape[1] + cells.row // 8
        # Each cell comes once, so that to add its bit is to set it.
        np.add.at(rows.ravel(), byte, (128 >> (cells.row % 8)).astype(np.uint8))
        return rows.view(np.uint64)


def incidence(baskets: pl.DataFrame, least: int) -> Incidence:
    """The items that lie in at least `least` baskets, and where.

    Args:
        baskets: One row an item in a basket: basket, item. A row that comes twice counts once.
        least: Fewest baskets of an item that is kept.
    """
    lines = baskets.drop_nulls().unique()
    names = lines.group_by("item").len().filter(pl.col("len") >= least)["item"].sort()
    codes = pl.DataFrame({"item": names, "column": np.arange(len(names), dtype=np.int64)})
    lines = lines.join(codes, on="item")
    row = lines["basket"].rank("dense").to_numpy().astype(np.int64) - 1
    ones = np.ones(len(row), np.int32)
    shape = (int(row.max()) + 1 if len(row) else 0, len(names))
    return Incidence(sparse.csr_matrix((ones, (row, lines["column"].to_numpy())), shape), names)


def frequent_itemsets(
    baskets: pl.DataFrame, *, min_support: float, max_length: int | None = None
) -> pl.DataFrame:
    """Find every set of items that lies in at least ceil(min_support x baskets) baskets.

    Args:
        baskets: One row an item in a basket: basket, item. A row that comes twice counts once; a basket
            without items is a row whose item is null.
        min_support: Least share of the baskets, above 0 and at most 1.
        max_length: Most items of a set; None for any number.

    Returns:
        items (sorted list), count (baskets with all of them), support (their share of all); in order of
        length, then of items.

    Raises:
        ValueError: If min_support or max_length is out of range.
        TooManyItemsetsError: If more than 5 million sets of one length would have to be looked at.
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length is {max_length}, expected at least 1, or None for any length")
    return _mine(baskets, least_count(min_support, baskets["basket"].n_unique()), max_length)


def _mine(baskets: pl.DataFrame, least: int, max_length: int | None = None) -> pl.DataFrame:
    """Every set of items that lies in at least `least` baskets."""
    total = baskets["basket"].n_unique()
    known = incidence(baskets, least)
    found = [(np.arange(len(known.names))[:, None], known.counts)]
    if max_length != 1:
        found.append(known.pairs(least))
        bits = known.bits() if len(found[1][0]) > 2 and max_length != 2 else None
        while bits is not None and len(found[-1][0]) > 1 and len(found) != max_length:
            found.append(_longer(bits, found[-1][0], found[1][0], least))
    empty = pl.DataFrame(
        schema={"items": pl.List(baskets.schema["item"]), "count": pl.Int64, "support": pl.Float64}
    )
    tables = [
        pl.DataFrame([known.names.gather(column).alias(f"{at}") for at, column in enumerate(sets.T)])
        .select(items=pl.concat_list(pl.all()))
        .with_columns(count=pl.Series(counts, dtype=pl.Int64), support=pl.Series(counts / total))
        for sets, counts in found
        if len(sets)
    ]
    return pl.concat([empty, *tables])


def _longer(
    bits: npt.NDArray[np.uint64], sets: Integers, pairs: Integers, least: int
) -> tuple[Integers, Integers]:
    """The frequent sets one longer than `sets`, which are in order, and their counts.

    Two sets that differ in their last items alone are joined, if those two are a frequent pair.
    """
    begins = np.flatnonzero(np.r_[True, (sets[1:, :-1] != sets[:-1, :-1]).any(axis=1)])
    ends = np.repeat(np.r_[begins[1:], len(sets)], np.diff(np.r_[begins, len(sets)]))
    partners = ends - np.arange(len(sets)) - 1
    if partners.sum() > _MOST:
        raise TooManyItemsetsError(sets.shape[1] + 1, int(partners.sum()), least)
    first = np.repeat(np.arange(len(sets)), partners)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    keys = pairs[:, 0] * len(bits) + pairs[:, 1]
    joined = sets[first, -1] * len(bits) + sets[second, -1]
    place = np.minimum(np.searchsorted(keys, joined), len(keys) - 1)
    kept = keys[place] == joined
    candidates = np.column_stack([sets[first[kept]], sets[second[kept], -1]])
    counts = np.zeros(len(candidates), np.int64)
    step = max(1, _WORDS // bits.shape[1])
    for begin in range(0, len(candidates), step):
        some = candidates[begin : begin + step]
        both = bits[some[:, 0]]
        for column in some.T[1:]:
            both &= bits[column]
        counts[begin : begin + step] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    frequent = counts >= least
    return candidates[frequent], counts[frequent]
