"""How good the lists of every recommender were: made of the months before, against what was bought in the next."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from assets.days import stacked
from assets.recommendations import metrics
from assets.recommendations.blend import FLOORS, OF_LIST, Scorer, in_blocks, own_orders
from assets.recommendations.history import Booleans, History, Integers, history, references

DIGITS = 6

_MEASURES = tuple(f"{name}_{k}" for k in metrics.CUTS for name in ("capped_recall", "recall", "ndcg"))
# By months with an order before.
_HISTORIES = {"one month": (1, 1), "two or three months": (2, 3), "four months or more": (4, 10**6)}
JUDGEMENT = {
    "list": pl.String,
    "candidate": pl.String,
    "customers_of": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(_MEASURES, pl.Float64),
    "coverage": pl.Float64,
    "novelty": pl.Float64,
    "reorder_share": pl.Float64,
    "bought_reorder_share": pl.Float64,
    "floor": pl.String,
    "gain": pl.Float64,
    "gain_low": pl.Float64,
    "gain_high": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make recommendations.backtest: of each as_of, the newest month that is whole by then.

    Args:
        rows: As `history` takes them.
        months: As_of months, in order. One by which no month after the first is whole, or in whose month nobody
            came back, has no rows.
    """
    known = references(rows, months)

    @cache
    def judged(month: date) -> pl.DataFrame:
        origin = _before(month)
        return judge(
            history(rows, origin, known[origin]),
            rows.filter(
                pl.col("month") == month,
                pl.col("customer_id").is_not_null(),
                pl.col("is_goods"),
                pl.col("orders") > 0,
            ),
        )

    found = {}
    for as_of in months:
        month = _newest_whole(known[as_of]) if as_of in known else None
        if month is not None and _before(month) in known:
            found[as_of] = judged(month).with_columns(origin=pl.lit(_before(month)), judged=pl.lit(month))
    return stacked(found, {"origin": pl.Date, "judged": pl.Date, **JUDGEMENT})


def judge(known: History, bought: pl.DataFrame, names: Mapping[str, Sequence[str]] = OF_LIST) -> pl.DataFrame:
    """Judge recommenders by what the customers of `known` bought afterwards.

    Args:
        known: What the lists are made of.
        bought: One row a customer and product bought then: customer_id, product_id. Customers whom `known` has
            not are left out; goods that it has not count as missed.
        names: Which recommenders of which list; the floor of each among them.

    Returns:
        One row a list, recommender and group of customers with anyone in it (see `JUDGEMENT`).
    """
    truth = _Truth.of(known, bought)
    scorer, width = Scorer(known), max(metrics.CUTS)
    lists = [(of, name) for of in names for name in names[of]]
    scorer.fit(dict.fromkeys(name for _, name in lists))

    def tops(some: Integers) -> list[Integers]:
        who = truth.customers[some]
        own, parts = own_orders(known, who), scorer.parts(who)
        is_new = own == 0
        return [
            scorer.top(scorer.scores(name, of, own, parts), width, is_new if of == "new" else None)[0]
            for of, name in lists
        ]

    found = in_blocks(len(truth.customers), len(known.goods), tops)
    of_all = dict(zip(lists, map(np.concatenate, zip(*found, strict=True)), strict=True)) if found else {}
    rows = []
    for of in names:
        made = {name: of_all[of, name] for name in names[of] if (of, name) in of_all}
        if made:
            rows += truth.judged(known, of, made)
    return pl.DataFrame(rows, JUDGEMENT).with_columns(pl.col(pl.Float64).round(DIGITS))


class _Truth:
    """What customers bought in a month: those who were known before it."""

    def __init__(self, customers: Integers, bought: "csr_matrix[Any]", unknown: Integers, own: Any) -> None:
        self.customers = customers  # their numbers in the history
        self.bought = bought  # customers x goods
        self.is_own = bought.multiply(own).tocsr()  # those of them that they had bought before
        self.count = {"all": np.asarray(bought.sum(axis=1)).ravel().astype(np.int64) + unknown}
        before = np.asarray(self.is_own.sum(axis=1)).ravel().astype(np.int64)
        self.count["new"] = self.count["all"] - before

    @classmethod
    def of(cls, known: History, bought: pl.DataFrame) -> "_Truth":
        who = pl.DataFrame({"customer_id": known.customers}).with_row_index("customer")
        what = pl.DataFrame({"product_id": known.goods}).with_row_index("good")
        pairs = (
            bought.select("customer_id", "product_id")
            .unique()
            .join(who, on="customer_id")
            .join(what, on="product_id", how="left")
            .sort("customer", "product_id")
        )
        customers = pairs["customer"].unique().sort().to_numpy().astype(np.int64)
        row = np.searchsorted(customers, pairs["customer"].to_numpy())
        is_known = pairs["good"].is_not_null().to_numpy()
        column = pairs["good"].drop_nulls().to_numpy()
        shape = (len(customers), len(known.goods))
        matrix = csr_matrix((np.ones(len(column)), (row[is_known], column)), shape=shape)
        unknown = np.bincount(row[~is_known], minlength=len(customers))
        own: Any = known.orders[customers] if len(customers) else csr_matrix(shape)
        return cls(customers, matrix, unknown, own > 0)

    def judged(self, known: History, of: str, tops: Mapping[str, Integers]) -> list[dict[str, Any]]:
        """Rows of one list."""
        count = self.count[of]
        hits = {name: _found(self.bought, top) for name, top in tops.items()}
        own_hits = {name: _found(known.orders[self.customers], top) for name, top in tops.items()}
        of_each = {name: metrics.of_customers(hit, np.maximum(count, 1)) for name, hit in hits.items()}
        floor = FLOORS[of]
        rows = []
        for group, is_in in self._groups(known, count).items():
            number = int(is_in.sum())
            if not number:
                continue
            others = [name for name in tops if name != floor]
            gain = {}
            if others:
                recalls = {name: of_each[name]["capped_recall_10"][is_in] for name in tops}
                gains = np.column_stack([recalls[name] - recalls[floor] for name in others])
                gain = dict(zip(others, metrics.paired_gains(gains).tolist(), strict=True))
            share = (self.count["all"][is_in] - self.count["new"][is_in]).sum() / self.count["all"][
                is_in
            ].sum()
            for name, top in tops.items():
                means = {measure: values[is_in].mean() for measure, values in of_each[name].items()}
                listed = (top[is_in] >= 0).sum()
                row = {
                    "list": of,
                    "candidate": name,
                    "customers_of": group,
                    "customers": number,
                    **means,
                    "coverage": metrics.coverage(top[is_in], len(known.goods)),
                    "novelty": metrics.novelty(top[is_in], known.ever, len(known.customers)),
                    "reorder_share": own_hits[name][is_in].sum() / listed if listed else None,
                    "bought_reorder_share": share,
                    "floor": floor,
                }
                if name != floor:
                    row |= dict(zip(("gain", "gain_low", "gain_high"), gain[name], strict=True))
                rows.append(row)
        return rows

    def _groups(self, known: History, count: Integers) -> dict[str, Booleans]:
        """Customers by how long they have been known; of a list of new goods those who bought one."""
        months = known.active_months[self.customers]
        groups = {name: (months >= least) & (months <= most) for name, (least, most) in _HISTORIES.items()}
        return {name: is_in & (count > 0) for name, is_in in ({"all": months > 0} | groups).items()}


def _found(matrix: Any, top: Integers) -> Booleans:
    """Whether the matrix has something at each good of each list; -1 is no good."""
    if not top.size:
        return np.zeros(top.shape, dtype=np.bool_)
    row = np.repeat(np.arange(len(top)), top.shape[1])
    found = np.asarray(matrix[row, np.maximum(top, 0).ravel()]).reshape(top.shape) > 0
    return np.asarray(found & (top >= 0))


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _newest_whole(reference: date) -> date:
    """The newest month one of whose last three days has a sale, or that is not the last with one."""
    last = reference - timedelta(days=1)
    month = last.replace(day=1)
    is_whole = (last + timedelta(days=3)).month != last.month
    return month if is_whole else _before(month)
