"""Lists made of the past are judged by what came, and by nothing that was known only then."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.recommendations import backtest
from assets.recommendations.backtest import judge
from assets.recommendations.blend import FLOORS, LISTS, OF_LIST, Scorer, own_orders
from assets.recommendations.history import history, references

MONTHS = [date(2020, month, 1) for month in range(1, 11)]
FLOOR = {"all": ("own orders",), "new": ("popular",)}


@pytest.fixture(scope="module")
def whole(shop):
    return backtest.compute(shop, MONTHS)


def purchases(shop, month):
    return shop.filter(pl.col("month") == month, pl.col("customer_id").is_not_null(), pl.col("is_goods"))


def test_it_agrees_with_plain_loops(shop):
    """Goods that nobody had bought before stay in the truth, and customers who were unknown do not."""
    until, month = date(2020, 6, 1), date(2020, 7, 1)
    known = history(shop, until, references(shop, [until])[until])
    bought = purchases(shop, month)
    found = judge(known, bought)
    scorer = Scorer(known)
    who = np.arange(len(known.customers))
    own = own_orders(known, who)
    scorer.fit(OF_LIST["all"])
    parts = scorer.parts(who)
    goods = known.goods.to_list()
    truth = {}
    for customer, good in bought.select("customer_id", "product_id").unique().iter_rows():
        truth.setdefault(customer, set()).add(good)
    assert set().union(*truth.values()) - set(goods), "the shop has launches in July"
    for of in LISTS:
        for name in OF_LIST[of]:
            top, _ = scorer.top(scorer.scores(name, of, own, parts), 10, own == 0 if of == "new" else None)
            capped, plain, gains, reorders, listed = [], [], [], 0, 0
            for at, customer in enumerate(known.customers):
                had = {good for good, orders in zip(goods, own[at], strict=True) if orders}
                wanted = truth.get(customer, set()) - (had if of == "new" else set())
                if not wanted:
                    continue
                shown = [goods[good] for good in top[at] if good >= 0]
                hits = [good in wanted for good in shown]
                capped.append(sum(hits) / min(10, len(wanted)))
                plain.append(sum(hits) / len(wanted))
                best = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(wanted)) + 1))
                gains.append(sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit) / best)
                reorders += sum(good in had for good in shown)
                listed += len(shown)
            row = found.row(
                by_predicate=(pl.col("list") == of)
                & (pl.col("candidate") == name)
                & (pl.col("customers_of") == "all"),
                named=True,
            )
            assert row["customers"] == len(capped)
            assert [
                row["capped_recall_10"],
                row["recall_10"],
                row["ndcg_10"],
                row["reorder_share"],
            ] == pytest.approx([np.mean(capped), np.mean(plain), np.mean(gains), reorders / listed], abs=1e-6)


def test_groups_by_history_come_to_all(whole):
    keys = ["as_of", "list", "candidate"]
    everyone = whole.filter(pl.col("customers_of") == "all").sort(keys)
    groups = whole.filter(pl.col("customers_of") != "all")
    sums = groups.group_by(keys).agg(
        pl.col("customers").sum(), mean=(pl.col("capped_recall_10") * pl.col("customers")).sum()
    ).sort(keys)  # fmt: skip
    assert sums["customers"].to_list() == everyone["customers"].to_list()
    assert (sums["mean"] / sums["customers"]).to_list() == pytest.approx(
        everyone["capped_recall_10"].to_list(), abs=1e-5
    )
    assert set(groups["customers_of"]) == {"one month", "two or three months", "four months or more"}


def test_gains_are_over_the_floor(whole):
    keys = ["as_of", "list", "customers_of"]
    floor = whole.filter(pl.col("candidate") == pl.col("floor")).select(*keys, base="capped_recall_10")
    rest = whole.filter(pl.col("candidate") != pl.col("floor")).join(floor, on=keys)
    assert rest["gain"].to_list() == pytest.approx(
        (rest["capped_recall_10"] - rest["base"]).to_list(), abs=2e-6
    )
    assert dict(whole.select("list", "floor").unique().iter_rows()) == FLOORS


def test_an_as_of_is_the_same_alone_and_whatever_comes_later_and_in_any_order(shop, whole):
    for month in (MONTHS[5], MONTHS[9]):
        of_month = whole.filter(pl.col("as_of") == month)
        assert of_month.height
        assert_frame_equal(backtest.compute(shop, [month]), of_month)
        known = shop.filter(pl.col("month") <= month).sample(fraction=1, shuffle=True, seed=2)
        assert_frame_equal(backtest.compute(known, [month]), of_month)


def test_the_month_that_judges_is_not_looked_at(shop):
    """A leak makes every recommender look better than it will be."""
    until, month = date(2020, 6, 1), date(2020, 7, 1)
    reference = references(shop, [until])[until]
    bought = purchases(shop, month)
    early = shop.filter(pl.col("month") < month)
    assert_frame_equal(
        judge(history(shop, until, reference), bought), judge(history(early, until, reference), bought)
    )


@pytest.mark.parametrize(
    ("last", "judged"),
    [(date(2020, 3, 31), date(2020, 3, 1)), (date(2020, 3, 29), date(2020, 3, 1)), (date(2020, 3, 28), date(2020, 2, 1))],
)  # fmt: skip
def test_only_a_whole_month_judges(months_of, last, judged):
    days = [date(2020, 1, 20), date(2020, 2, 3), date(2020, 3, 2), last]
    found = backtest.compute(months_of([("a", "1", day) for day in days]), [date(2020, 3, 1)])
    assert found["judged"].unique().to_list() == [judged]
    assert (found["origin"].dt.offset_by("1mo") == found["judged"]).all()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", "1", date(2020, 1, 31))],
        [("a", "1", date(2020, 1, 31)), ("b", "1", date(2020, 2, 28))],
        [("a", "1", date(2020, 1, 31)), ("a", "POST", date(2020, 2, 28))],
        [("a", "POST", date(2020, 1, 31)), ("a", "1", date(2020, 2, 28))],
        [("a", "1", date(2020, 1, 31)), (None, "1", date(2020, 3, 30))],
    ],
    ids=["no sale", "one purchase", "nobody came back", "no goods then", "no goods before", "a month without a sale"],
)  # fmt: skip
def test_where_nobody_came_back_nothing_is_judged(months_of, rows):
    found = backtest.compute(months_of(rows), MONTHS[:4])
    assert found.is_empty()
    assert found.columns == ["as_of", "origin", "judged", *backtest.JUDGEMENT]


def test_one_customer_and_one_good_are_judged(months_of):
    rows = months_of([("a", "1", date(2020, 1, 31)), ("a", "1", date(2020, 2, 28))])
    found = backtest.compute(rows, [date(2020, 2, 1)]).filter(pl.col("customers_of") == "all")
    assert set(found["list"]) == {"all"}, "nothing new was bought"
    assert set(found["customers"]) == {1}
    assert set(found.filter(pl.col("candidate") == "own orders")["capped_recall_10"]) == {1.0}


def test_goods_that_nobody_knew_are_missed(months_of):
    rows = months_of(
        [("a", "1", date(2020, 1, 31)), ("a", "2", date(2020, 2, 28)), ("a", "1", date(2020, 2, 28))]
    )
    known = history(rows, date(2020, 1, 1), date(2020, 2, 1))
    found = judge(known, purchases(rows, date(2020, 2, 1)), FLOOR).filter(pl.col("customers_of") == "all")
    assert found.select("list", "capped_recall_10", "bought_reorder_share").rows() == [
        ("all", 0.5, 0.5),
        ("new", 0, 0.5),
    ]
