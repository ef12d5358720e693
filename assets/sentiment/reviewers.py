"""Reviews that look planted: copies of one text by several people, and bursts of one product with other ratings.

Copies are found by MinHash (Broder 1997) of the runs of three words, in bands (Leskovec, Rajaraman and Ullman 2014): two
texts that share half of theirs meet nearly always, two that share none never. Those that meet are compared exactly.
Of each band's bucket all are compared with the first alone, so a thousand equal texts cost a thousand comparisons.

A burst is more reviews of a product within an hour than its other reviews make likely (Poisson, corrected for all the
hours looked at), whose ratings are far from the rest by a permutation test. Where all moments are midnight the source
knows days alone, and the hour is a day.

A month is looked at together with the one before: what was planted about midnight of the last is one.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.stats import poisson

from assets.sentiment.chance import Floats, Integers, lower_chance

RUN = 3  # words
LEAST_RUNS = 8  # a shorter text is like others by chance
BANDS, ROWS = 32, 3
LEAST_ALIKE = 0.35  # Jaccard index of the runs
LEAST_COPIES = 3  # by as many people
LEAST_BURST = 5
LEAST_REST = 20  # a product with fewer other reviews is held against the whole shop
CHANCE = 0.01
HOUR = 60  # minutes
DAY = 24 * HOUR
DIGITS = 4
CHANCE_DIGITS = 12

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15))

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.Date,
    "review_id": pl.String,
    "product_id": pl.String,
    "customer_id": pl.String,
    "rating": pl.Int8,
    "campaign": pl.String,
    "copies": pl.Int64,
    "similarity": pl.Float64,
    "in_hour": pl.Int64,
    "hour_chance": pl.Float64,
    "rating_chance": pl.Float64,
    "reason": pl.String,
}
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Bursts:
    """Windows that are bursts, one element a window.

    Attributes:
        first: Place of the first review, in order of product and time.
        stop: Place after the last.
        hour_chance: Of so many in such a time, anywhere.
        rating_chance: Of such ratings.
    """

    first: Integers
    stop: Integers
    hour_chance: Floats
    rating_chance: Floats


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make sentiment.reviewers.

    Args:
        rows: Reviews of the months and of the one before each: month, review_id, product_id, customer_id, rating,
            reviewed_at, written.
        months: Months asked for.
    """
    parts = [pl.DataFrame(schema=SHAPE)]
    for month in months:
        before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
        given = rows.filter(pl.col("month").is_in([before, month]))
        if (given["month"] == month).any():
            parts.append(_of_month(given.sort("product_id", "reviewed_at", "review_id")).filter(month=month))
    return pl.concat(parts)


def _of_month(given: pl.DataFrame) -> pl.DataFrame:
    """Of reviews in order of product and time, those that look planted."""
    group, similarity = copies(given["written"])
    people = given.select(pl.coalesce("customer_id", "review_id").alias("who"), group=pl.Series(group))
    of_group = people.group_by("group").agg(pl.len().alias("copies"), pl.col("who").n_unique())
    sizes = people.join(of_group, on="group", how="left", maintain_order="left")
    is_copied = ((sizes["who_right"] >= LEAST_COPIES) & (pl.Series(similarity) > 0)).to_numpy()
    found = bursts(given)
    in_hour = np.zeros(given.height, dtype=np.int64)
    hour_chance, rating_chance = np.ones(given.height), np.ones(given.height)
    joined = [np.column_stack([np.flatnonzero(is_copied), _firsts(group)[is_copied]])]
    for first, stop, *chances in zip(
        found.first.tolist(), found.stop.tolist(), found.hour_chance, found.rating_chance, strict=True
    ):
        in_hour[first:stop] = np.maximum(in_hour[first:stop], stop - first)
        hour_chance[first:stop] = np.minimum(hour_chance[first:stop], chances[0])
        rating_chance[first:stop] = np.minimum(rating_chance[first:stop], chances[1])
        joined.append(np.column_stack([np.arange(first, stop), np.full(stop - first, first)]))
    campaign = _components(np.concatenate(joined), given.height)
    is_burst = in_hour > 0
    # A campaign is called by its first review.
    named = given.select("reviewed_at", "review_id", campaign=pl.Series(campaign)).sort(
        "reviewed_at", "review_id"
    )
    names = named.group_by("campaign").agg(pl.first("review_id").alias("name"))
    return (
        given.with_columns(
            campaign=pl.Series(campaign),
            copies=pl.Series(np.where(is_copied, sizes["copies"].to_numpy(), 0)),
            similarity=pl.Series(np.round(np.where(is_copied, similarity, 0.0), DIGITS)),
            in_hour=pl.Series(in_hour),
            hour_chance=pl.Series(np.round(hour_chance, CHANCE_DIGITS)),
            rating_chance=pl.Series(np.round(rating_chance, CHANCE_DIGITS)),
            reason=pl.Series(
                np.select(
                    [is_copied & is_burst, is_copied, is_burst], ["copies in a burst", "copies", "burst"], ""
                ).tolist()
            ),
        )
        .filter(pl.col("reason") != "")
        .join(names, on="campaign", how="left", maintain_order="left")
        .with_columns(
            campaign="name",
            hour_chance=pl.when(pl.col("in_hour") > 0).then("hour_chance"),
            rating_chance=pl.when(pl.col("in_hour") > 0).then("rating_chance"),
        )
        .select(pl.col(name).cast(kind) for name, kind in SHAPE.items())
    )


def copies(texts: pl.Series) -> tuple[Integers, Floats]:
    """Tell which texts are nearly the same.

    Returns:
        A number for each text, the same for those that are copies of each other; and its Jaccard index with the text
        of its group that it is most alike, 0 for one that is like no other.
    """
    alone = np.arange(len(texts))
    text, run = _runs(texts)
    if not len(run):
        return alone, np.zeros(len(texts))
    there, starts, size = np.unique(text, return_index=True, return_counts=True)
    edges = []
    for band in range(BANDS):
        key = np.zeros(len(there), dtype=np.uint64)
        for row in range(ROWS):
            seed = _mixed(np.array([band * ROWS + row + 1], dtype=np.uint64))
            key = _mixed(key * _MIX[2] + np.minimum.reduceat(_mixed(run ^ seed), starts))
        _, first, bucket = np.unique(key, return_index=True, return_inverse=True)
        edges.append(np.column_stack([np.arange(len(there)), first[bucket]]))
    pairs = np.unique(np.concatenate(edges), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    _, number = np.unique(run, return_inverse=True)
    sets = sparse.csr_matrix(
        (np.ones(len(run), dtype=np.int32), (np.repeat(np.arange(len(there)), size), number))
    )
    shared = np.asarray(sets[pairs[:, 0]].multiply(sets[pairs[:, 1]]).sum(axis=1)).ravel()
    alike = shared / (size[pairs[:, 0]] + size[pairs[:, 1]] - shared)
    is_alike = alike >= LEAST_ALIKE
    pairs, alike = there[pairs[is_alike]], alike[is_alike]
    similarity = np.zeros(len(texts))
    for side in range(2):
        np.maximum.at(similarity, pairs[:, side], alike)
    return _components(pairs, len(texts)), similarity


def bursts(given: pl.DataFrame) -> Bursts:
    """Find the bursts of products.

    Args:
        given: Reviews in order of product and time: product_id, reviewed_at, rating.
    """
    moment = given["reviewed_at"].cast(pl.Datetime("us"))
    minute = (moment.dt.epoch("s") // 60).to_numpy()
    minute_of_day = minute % DAY
    window = HOUR if minute_of_day.any() else DAY
    product = given["product_id"].rle_id().to_numpy().astype(np.int64)
    ends = np.unique(product, return_index=True, return_counts=True)
    reviews = ends[2][product]
    span = int(minute.max() - minute.min()) // DAY * DAY + DAY
    at = product * (4 * span) + (minute - minute.min())
    first = np.arange(len(at))
    stop = np.searchsorted(at, at + window)
    inside = stop - first
    # Of those within one window alone the whole counts, from its first review on.
    is_first = np.concatenate([[True], stop[1:] != stop[:-1]])
    usual = (reviews - inside + 1) * _busiest(minute, window) * window / span
    hour_chance = np.minimum(poisson.sf(inside - 1, usual) * len(at), 1.0)
    which = np.flatnonzero(is_first & (inside >= LEAST_BURST) & (hour_chance <= CHANCE))
    star = given["rating"].to_numpy().astype(np.int64)
    reached = np.concatenate(
        [np.zeros((1, 5), np.int64), np.cumsum(star[:, None] == np.arange(1, 6), axis=0)]
    )
    some = reached[stop[which]] - reached[which]
    begin = ends[1][product[which]]
    of_product = reached[begin + reviews[which]] - reached[begin]
    others = np.where((reviews - inside)[which, None] >= LEAST_REST, of_product, reached[-1]) - some
    there = others.sum(axis=1) > 0
    which, some, others = which[there], some[there], others[there]
    rating_chance = np.ones(len(which))
    if len(which):
        sides = lower_chance(some, others), lower_chance(some[:, ::-1], others[:, ::-1])
        rating_chance = np.minimum(2 * np.minimum(*sides), 1.0)
    far = rating_chance <= CHANCE
    return Bursts(which[far], stop[which[far]], hour_chance[which[far]], rating_chance[far])


def _busiest(minute: Integers, window: int) -> float:
    """How many times as busy as the mean the busiest hour of the day is, or day of the week."""
    times = 24 if window == HOUR else 7
    counts = np.bincount(minute // window % times, minlength=times)
    return float(counts.max() * times / counts.sum())


def _runs(texts: pl.Series) -> tuple[Integers, Hashes]:
    """Every run of words of every text that has enough of them, once: the text's place, the run's hash, in order."""
    words = texts.str.to_lowercase().str.extract_all(r"[\p{L}\p{N}']+")
    length = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode(empty_as_null=False)
    names = flat.unique().sort()
    codes = pl.Series([zlib.crc32(str(name).encode()) for name in names], dtype=pl.UInt64)
    code = flat.replace_strict(names, codes, return_dtype=pl.UInt64).to_numpy()
    text = np.repeat(np.arange(len(texts)), length)
    if len(text) < RUN:
        return text[:0], code[:0]
    run = code[: len(code) - RUN + 1]
    for place in range(1, RUN):
        run = _mixed(run * _MIX[2] + code[place : len(code) - RUN + 1 + place])
    whole = text[: len(run)] == text[RUN - 1 :]
    text, run = text[: len(run)][whole], run[whole]
    order = np.lexsort((run, text))
    text, run = text[order], run[order]
    is_new = np.concatenate([[True], (text[1:] != text[:-1]) | (run[1:] != run[:-1])])[: len(text)]
    text, run = text[is_new], run[is_new]
    is_long = np.bincount(text, minlength=len(texts))[text] >= LEAST_RUNS
    return text[is_long], run[is_long]


def _mixed(x: Hashes) -> Hashes:
    """SplitMix64's last steps: every bit of the result depends on every bit of x."""
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return x ^ (x >> np.uint64(31))


def _components(pairs: Any, size: int) -> Integers:
    """The number of the connected component of each of so many."""
    links = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _firsts(group: Integers) -> Integers:
    """For each place the first place of its group."""
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[number], dtype=np.int64)
