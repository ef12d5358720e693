"""Association rules that are more than chance: which goods are bought together, or instead of each other.

What is expected by chance is in `chance.py`; choosing candidates, looking behind a count (customers, later
months, which comes first) and marking what is worth acting on belong here. Pure: frames in, frames out.

Candidates are all pairs of frequent items, whether they ever met or not: were they chosen by how often they
met, the luckiest of the null pairs would be tested alone. A rule of two items is tested against both rules
of one: each item must add to the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.special import bdtr

from assets.days import stacked
from assets.rules.chance import Floats, Integers, false_discovery_rates, moments, moments_of_all, p_values
from assets.rules.itemsets import Incidence, least_count, months_ago
from assets.threads import pools_at_most

DIGITS = 6  # significant ones

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "level": pl.String,
    "antecedent": pl.List(pl.String),
    "consequent": pl.String,
    "association": pl.String,
    **dict.fromkeys(("baskets", "antecedent_count", "consequent_count", "count", "customers"), pl.Int64),
    **dict.fromkeys(("support", "confidence", "lift", "leverage"), pl.Float64),
    **dict.fromkeys(("expected_count", "adjusted_lift", "p_value", "q_value"), pl.Float64),
    "is_rule": pl.Boolean,
    "later_count": pl.Int64,
    **dict.fromkeys(("later_expected_count", "later_adjusted_lift"), pl.Float64),
    "is_held": pl.Boolean,
    "strength_rank": pl.Int32,
    **dict.fromkeys(("antecedent_first_customers", "consequent_first_customers"), pl.Int64),
    "comes_first": pl.String,
}

_CELLS = 1 << 22  # of a matrix, worked on at a time
_BLOCK = 1 << 18  # of several matrices at once
_ROWS = 64  # of a matrix of pairs, worked on at a time


@dataclass(frozen=True, slots=True)
class Thresholds:
    """seeds.rule_thresholds, as far as rules are told by them."""

    support: float
    confidence: float
    lift: float
    least_customers: int
    false_discovery_rate: float
    strongest: int
    window_months: int
    later_months: int


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make rules.rules: the associations in the window of each as_of.

    Args:
        rows: Told apart by `kind`. total: baskets of a level, month and stratum, its dependence, and the
            thresholds. item: baskets with it. pair: those with it and each of `items`, as `counts`.
            basket: its month, level, customer_id, sold_at and items. itemset: the items of a frequent set of
            three in the as_of `month`.
        months: As_of months. One without baskets in its window has no rows.
    """
    totals = rows.filter(kind="total")
    if totals.is_empty():
        return stacked({}, SHAPE)
    chosen = Thresholds(*totals.select(field.name for field in fields(Thresholds)).row(0))
    found: dict[date, list[pl.DataFrame]] = {month: [] for month in months}
    # On matrices so small two threads of BLAS wait for each other longer than they work.
    with pools_at_most(1):
        for level in rows.filter(kind="item")["level"].unique().sort():
            past = Past.of(rows.filter(level=level))
            for month in months:
                counts = past.counts(month, chosen)
                sets = rows.filter(kind="itemset", level=level, month=month)["items"]
                if counts is not None:
                    told = associations(counts, sets, chosen).with_columns(level=pl.lit(level))
                    found[month].append(told.select(pl.col(name).cast(kind) for name, kind in SHAPE.items()))
    return stacked({month: pl.concat(tables) for month, tables in found.items() if tables}, SHAPE)


@dataclass(frozen=True, slots=True)
class Counts:
    """Baskets of a window, counted; items are called by their place among the frequent ones.

    Attributes:
        total: Baskets.
        least: Baskets that a frequent set has at least.
        names: Of the frequent items, in order.
        strata: Baskets of each stratum of each month.
        dependence: Of the items of a stratum on each other, by its basket sizes alone.
        is_later: Whether a stratum is one of the later months; none is where no month is earlier.
        items: Baskets with each item, items x strata.
        keys: Of the pairs that met: first x items + second, in order.
        pairs: Baskets with each of them, pairs x strata, sparse.
        bits: Which item lies in which basket, as `Incidence.bits` has it.
        customer: Of each basket, from 1; 0 for a guest.
        is_later_basket: Whether a basket is one of the later months.
        first_at: Items x customers: when a customer first bought it, in minutes from 1; sparse.
    """

    total: int
    least: int
    names: pl.Series
    strata: Floats
    dependence: Floats
    is_later: npt.NDArray[np.bool_]
    items: Floats
    keys: Integers
    pairs: Any
    bits: npt.NDArray[np.uint64]
    customer: Integers
    is_later_basket: npt.NDArray[np.bool_]
    first_at: Any

    def of_pairs(self, one: Integers, other: Integers) -> Floats:
        """Baskets with each of these pairs, pairs x strata; every one of them has met."""
        keys = np.minimum(one, other) * len(self.names) + np.maximum(one, other)
        return np.asarray(self.pairs[np.searchsorted(self.keys, keys)].toarray())


@dataclass(frozen=True, slots=True)
class Past:
    """What is counted of a level in all months; items are called by their place in `names`.

    Attributes:
        names: Of the items, in order.
        cells: The strata of each month, in order: month, stratum, baskets, dependence.
        items: Place of the stratum in `cells`, item, baskets: one column each.
        pairs: The same: stratum, item, other, baskets; item before other, in order of both, then of stratum.
        baskets: month, customer (null for a guest), minute of the sale; in order of month.
        lines: Place in `baskets`, item.
    """

    names: pl.Series
    cells: pl.DataFrame
    items: Integers
    pairs: Integers
    baskets: pl.DataFrame
    lines: Integers

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Past":
        """Read the rows of a level, and the totals, as `compute` is given them."""
        by = ["month", "stratum"]
        cells = rows.filter(kind="total").sort(by).select(*by, "baskets", "dependence")
        place = cells.with_row_index("cell").select(*by, "cell")
        items = rows.filter(kind="item").join(place, on=by)
        names = items["item"].unique().sort()
        codes = pl.DataFrame({"item": names, "code": np.arange(len(names))})
        items = items.join(codes, on="item").select("cell", "code", "baskets")
        pairs = (
            rows.filter(kind="pair")
            .join(place, on=by)
            .join(codes, on="item")
            .select("cell", "code", item="items", baskets="counts")
            .explode("item", "baskets", empty_as_null=False)
            .join(codes.rename({"code": "other"}), on="item")
            .select("cell", "code", "other", "baskets")
        )
        baskets = rows.filter(kind="basket").sort("month", "sold_at", "customer_id")
        lines = (
            baskets.with_row_index("basket")
            .select("basket", item="items")
            .explode("item", empty_as_null=False)
            .join(codes, on="item")
            .select("basket", "code")
        )
        baskets = baskets.select(
            "month",
            customer=pl.col("customer_id").rank("dense").cast(pl.Int64),
            minute=(pl.col("sold_at") - pl.col("sold_at").min()).dt.total_minutes() + 1,
        )
        of_items, of_pairs, of_lines = (table.cast(pl.Int64).to_numpy().T for table in (items, pairs, lines))
        # One number a row: a frame would be sorted by three columns, and that is most of the work here.
        order = np.argsort((of_pairs[1] * len(names) + of_pairs[2]) * len(cells) + of_pairs[0])
        return cls(names, cells, of_items, of_pairs[:, order], baskets, of_lines)

    def counts(self, as_of: date, chosen: Thresholds) -> Counts | None:
        """Count the window of an as_of; None where it has no basket."""
        age = self.cells.select(months_ago(as_of)).to_series().to_numpy()
        is_seen = (age >= 0) & (age < chosen.window_months)
        strata = self.cells["baskets"].to_numpy()[is_seen]
        if not len(strata):
            return None
        is_later = age[is_seen] < chosen.later_months
        cell = np.cumsum(is_seen) - 1
        total = int(strata.sum())
        least = least_count(chosen.support, total)

        at, item, baskets = self.items[:, is_seen[self.items[0]]]
        often = np.bincount(item, weights=baskets, minlength=len(self.names)) >= least
        place, count, names = np.cumsum(often) - 1, int(often.sum()), self.names.filter(pl.Series(often))
        kept = often[item]
        items = _table(place[item[kept]], cell[at[kept]], baskets[kept], (count, len(strata))).toarray()

        at, one, other, baskets = self.pairs
        kept = is_seen[at] & often[one] & often[other]
        key = place[one[kept]] * count + place[other[kept]]
        is_next = np.diff(key, prepend=-1) > 0
        keys = key[is_next]
        begins = np.append(np.flatnonzero(is_next), len(key))
        pairs = sparse.csr_matrix(
            (baskets[kept].astype(np.float64), cell[at[kept]], begins), (len(keys), len(strata))
        )

        age = self.baskets.select(months_ago(as_of)).to_series().to_numpy()
        seen = (age >= 0) & (age < chosen.window_months)
        number = np.cumsum(seen) - 1
        basket, item = self.lines
        kept = seen[basket] & often[item]
        basket, item = number[basket[kept]], place[item[kept]]
        known = Incidence(_table(basket, item, np.ones(len(basket)), (int(seen.sum()), count)), names)
        customer = self.baskets["customer"].filter(pl.Series(seen)).rank("dense")
        buyer = customer.cast(pl.Int64).fill_null(0).to_numpy()
        minute = self.baskets["minute"].to_numpy()[seen]
        # Baskets are in order of time within a month, and months in order: the first of a customer counts.
        bought, first = np.unique(buyer[basket] * count + item, return_index=True)
        bought, first = bought[bought >= count], first[bought >= count]
        return Counts(
            total,
            least,
            names,
            strata.astype(np.float64),
            self.cells["dependence"].to_numpy()[is_seen],
            is_later & (not is_later.all()),
            items,
            keys,
            pairs,
            known.bits(),
            buyer,
            age[seen] < chosen.later_months,
            _table(
                bought % count, bought // count, minute[basket[first]], (count, int(buyer.max()) + 1)
            ).tocsc(),
        )


def _table(row: Integers, column: Integers, values: Floats | Integers, shape: tuple[int, int]) -> Any:
    """A sparse matrix of these values."""
    return sparse.csr_matrix((values.astype(np.float64), (row, column)), shape)


def associations(counts: Counts, sets: pl.Series, chosen: Thresholds) -> pl.DataFrame:
    """The associations of a window and level: SHAPE without its level.

    Args:
        counts: Of the window.
        sets: Frequent sets of three items (sorted lists of names), whose rules are looked at, too.
        chosen: Where the shop draws its lines.
    """
    found = pl.concat(
        [_told(counts, *_of_one(counts, chosen)), _told(counts, *_of_two(counts, sets, chosen))]
    )
    count, n = pl.col("count"), counts.total
    a, c, expected = (pl.col(name) for name in ("antecedent_count", "consequent_count", "expected_count"))
    is_complement = count > expected
    first, second = pl.col("antecedent_first_customers"), pl.col("consequent_first_customers")
    is_told = pl.when(is_complement).then(pl.col("customers") >= chosen.least_customers)
    found = found.filter(is_told.otherwise(count <= expected / chosen.lift)).with_columns(
        association=pl.when(is_complement).then(pl.lit("complement")).otherwise(pl.lit("substitute")),
        baskets=pl.lit(n, pl.Int64),
        support=count / n,
        confidence=count / a,
        lift=(count / a) / (c / n),
        leverage=count / n - (a / n) * (c / n),
        adjusted_lift=count / expected,
        later_adjusted_lift=pl.col("later_count") / pl.when(pl.col("later_expected_count") > 0).then("later_expected_count"),
        comes_first=pl.when(pl.col("order_p_value") <= chosen.false_discovery_rate).then(
            pl.when(first > second).then(pl.lit("antecedent")).otherwise(pl.lit("consequent"))
        ),
    )  # fmt: skip
    found = found.with_columns(
        is_rule=is_complement
        & (count >= counts.least)
        & (pl.col("confidence") >= chosen.confidence)
        & (pl.col("adjusted_lift") >= chosen.lift),
        is_held=pl.when(is_complement)
        .then(pl.col("later_adjusted_lift") >= chosen.lift)
        .otherwise(pl.col("later_adjusted_lift") <= 1 / chosen.lift),
    ).with_columns(pl.col(pl.Float64).round_sig_figs(DIGITS))
    is_strong = pl.col("is_rule") & pl.col("is_held").fill_null(value=False)
    found = found.sort(
        is_strong, "adjusted_lift", "count", pl.col("antecedent").list.join("\0"), "consequent",
        descending=[True, True, True, False, False],
    )  # fmt: skip
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
    return found.with_columns(strength_rank=pl.when(is_strong & (place <= chosen.strongest)).then(place))


def _of_one(counts: Counts, chosen: Thresholds) -> tuple[Integers, Floats, Floats]:
    """Rules of one item: places of antecedent and consequent, p-values, rates of false discoveries."""
    size = len(counts.names)
    met = np.asarray(counts.pairs.sum(axis=1)).ravel()
    ones, others, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for begin in range(0, size, _ROWS):
        items = counts.items[begin : begin + _ROWS]
        expected, variance = moments_of_all(items, counts.items[begin:], counts.strata, counts.dependence)
        which = slice(*np.searchsorted(counts.keys, [begin * size, (begin + _ROWS) * size]))
        count = np.zeros(expected.shape)
        count[counts.keys[which] // size - begin, counts.keys[which] % size - begin] = met[which]
        p = p_values(count, expected, variance)
        one, other = np.nonzero(np.triu(p <= chosen.false_discovery_rate, 1))
        ones.append(one + begin)
        others.append(other + begin)
        values.append(p[one, other])
    one, other, p = np.concatenate(ones), np.concatenate(others), np.concatenate(values)
    rates = false_discovery_rates(p, size * (size - 1) // 2)
    kept = rates <= chosen.false_discovery_rate
    pairs = np.column_stack([one[kept], other[kept]])
    return np.concatenate([pairs, pairs[:, ::-1]]), np.tile(p[kept], 2), np.tile(rates[kept], 2)


def _of_two(counts: Counts, sets: pl.Series, chosen: Thresholds) -> tuple[Integers, Floats, Floats]:
    """Rules of two items that are no less without either of them, in the form of `_of_one`."""
    places = dict(zip(counts.names, range(len(counts.names)), strict=True))
    flat = sets.explode(empty_as_null=False).replace_strict(places, return_dtype=pl.Int64).to_numpy()
    triples = flat.reshape(-1, 3)
    a, b, c = np.concatenate([triples, triples[:, [0, 2, 1]], triples[:, [1, 2, 0]]]).T
    count = np.tile(_behind(counts, triples)["count"].to_numpy().astype(np.float64), 3)
    both, first, second = counts.of_pairs(a, b), counts.of_pairs(a, c), counts.of_pairs(b, c)
    items = counts.items
    p = np.zeros(len(a))
    tests = ((items[c], counts.strata, counts.dependence), (first, items[a], 0.0), (second, items[b], 0.0))
    for other, among, dependence in tests:
        expected, variance = moments(both, other, among, dependence)
        p = np.maximum(p, np.where(count > expected, p_values(count, expected, variance), 1.0))
    frequent = int((np.asarray(counts.pairs.sum(axis=1)).ravel() >= counts.least).sum())
    few = np.flatnonzero(p <= chosen.false_discovery_rate)
    rates = np.ones(len(p))
    rates[few] = false_discovery_rates(p[few], frequent * max(len(counts.names) - 2, 0))
    shorter = np.maximum(first.sum(axis=1) / items[a].sum(axis=1), second.sum(axis=1) / items[b].sum(axis=1))
    kept = (rates <= chosen.false_discovery_rate) & (count > shorter * both.sum(axis=1))
    return np.column_stack([a, b, c])[kept], p[kept], rates[kept]


def _told(counts: Counts, rules: Integers, p: Floats, rates: Floats) -> pl.DataFrame:
    """What there is to tell of rules: names, counts, expectations, and what stands behind them.

    Args:
        counts: Of the window.
        rules: Places of the items, rules x items; the consequent is the last.
        p: Their p-values.
        rates: Their rates of false discoveries.
    """
    antecedent = counts.items[rules[:, 0]]
    if rules.shape[1] == 3:
        antecedent = counts.of_pairs(rules[:, 0], rules[:, 1])
    consequent, later = counts.items[rules[:, -1]], counts.is_later
    whole, _ = moments(antecedent, consequent, counts.strata, counts.dependence)
    of_later, _ = moments(
        antecedent[:, later], consequent[:, later], counts.strata[later], counts.dependence[later]
    )
    sets, which = np.unique(np.sort(rules, axis=1), axis=0, return_inverse=True)
    first, second = np.zeros((2, len(rules)), np.int64)
    if rules.shape[1] == 2:
        orders = np.array(_order(counts, sets))[:, which.ravel()]
        first, second = np.where(rules[:, 0] < rules[:, 1], orders, orders[::-1])
    names = [
        counts.names.gather(column).cast(pl.String).alias(f"{at}") for at, column in enumerate(rules.T[:-1])
    ]
    return (
        _behind(counts, sets)[which.ravel()]
        .with_columns(
            pl.DataFrame(names).select(antecedent=pl.concat_list(pl.all())).to_series(),
            consequent=counts.names.gather(rules[:, -1]).cast(pl.String),
            antecedent_count=pl.Series(antecedent.sum(axis=1), dtype=pl.Int64),
            consequent_count=pl.Series(consequent.sum(axis=1), dtype=pl.Int64),
            expected_count=whole,
            later_expected_count=pl.Series(of_later),
            p_value=p,
            q_value=rates,
            antecedent_first_customers=first,
            consequent_first_customers=second,
            order_p_value=np.minimum(1.0, 2 * bdtr(np.minimum(first, second), first + second, 0.5)),
        )
        .with_columns(pl.when(pl.lit(bool(later.any()))).then(pl.col("^later_.*$")))
    )


def _behind(counts: Counts, sets: Integers) -> pl.DataFrame:
    """Baskets with all items of each set, those of the later months, and the customers who bought them."""
    found = []
    buyers = int(counts.customer.max()) + 1
    step = max(1, _CELLS // len(counts.customer))
    for begin in range(0, len(sets), step):
        some = sets[begin : begin + step]
        both = counts.bits[some[:, 0]]
        for column in some.T[1:]:
            both &= counts.bits[column]
        # Few bytes have a bit that is set: those alone are unpacked.
        eights = both.view(np.uint8)
        place, byte = np.divmod(np.flatnonzero(eights), eights.shape[1])
        hit, bit = np.nonzero(np.unpackbits(eights[place, byte][:, None], axis=1))
        place, basket = place[hit], byte[hit] * 8 + bit
        bought = np.zeros((len(some), buyers), np.bool_)
        bought[place, counts.customer[basket]] = True
        later = np.bincount(place[counts.is_later_basket[basket]], minlength=len(some))
        found.append([np.bincount(place, minlength=len(some)), later, bought[:, 1:].sum(axis=1)])
    table = np.concatenate([np.zeros((3, 0), np.int64), *found], axis=1)
    return pl.DataFrame(dict(zip(("count", "later_count", "customers"), table, strict=True)))


def _order(counts: Counts, pairs: Integers) -> tuple[Integers, Integers]:
    """Customers whose first order of a pair's one item came before that of the other, and those after it."""
    first, second = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    step = max(64, _BLOCK // max(len(pairs), 1))
    for begin in range(0, counts.first_at.shape[1], step):
        at = counts.first_at[:, begin : begin + step].toarray().astype(np.float32)
        at[at == 0] = np.nan  # what was never bought comes neither before nor after
        one, other = at[pairs[:, 0]], at[pairs[:, 1]]
        first += np.count_nonzero(one < other, axis=1)
        second += np.count_nonzero(other < one, axis=1)
    return first, second
