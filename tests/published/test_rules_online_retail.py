"""Itemsets of published baskets, and the rules of Online Retail."""

import gzip
from itertools import combinations

import polars as pl
import pytest

from assets.rules.itemsets import frequent_itemsets


@pytest.fixture(scope="module")
def fimi(shared_data):
    with gzip.open(shared_data("fimi_retail.dat.gz"), "rt") as stream:
        rows = [line.split() for line in stream]
    return pl.DataFrame({"basket": range(len(rows)), "item": rows}).explode("item")


@pytest.fixture(scope="module")
def groceries(shared_data):
    rows = [line.split(",") for line in shared_data("groceries.csv").read_text().splitlines()]
    return (
        pl.DataFrame({"basket": range(len(rows)), "item": rows}).explode("item").filter(pl.col("item") != "")
    )


def rules_of(itemsets, confidence, *, lift=0.0, is_single):
    """Rules of itemsets by the definition: every way to cut a set in two, or one item off."""
    counts = {tuple(items): count for items, count in itemsets.select("items", "count").iter_rows()}
    total = round(itemsets["count"][0] / itemsets["support"][0])
    count = 0
    for items, whole in counts.items():
        sizes = [len(items) - 1] if is_single else range(1, len(items))
        for antecedent in (part for size in sizes for part in combinations(items, size) if part):
            rest = tuple(item for item in items if item not in antecedent)
            # Of counts: 0.8 of shares is a little below 0.8.
            found = whole / counts[antecedent]
            count += found >= confidence and found * total / counts[rest] >= lift
    return count


@pytest.mark.parametrize(
    ("support", "count"), [(0.02, 55), (0.01, 159), (0.005, 580), (0.002, 2691), (0.001, 7589)]
)
def test_the_itemsets_of_a_belgian_supermarket_are_those_published(fimi, support, count):
    assert frequent_itemsets(fimi, min_support=support).height == count


def test_itemsets_and_rules_of_groceries_are_those_published(groceries):
    itemsets = frequent_itemsets(groceries, min_support=0.001)
    assert itemsets.height == 13_492
    for support, confidence, count in [
        (0.001, 0.8, 410),
        (0.001, 0.5, 5668),
        (0.006, 0.25, 463),
        (0.01, 0.5, 15),
        (0.01, 0.25, 170),
    ]:
        frequent = itemsets.filter(pl.col("support") >= support)
        assert rules_of(frequent, confidence, is_single=True) == count


def test_itemsets_and_plain_rules_of_online_retail_by_description_are_those_published(retail):
    """Known customers, invoice x description, nothing adjusted: what the usual notebook finds."""
    rows = retail.execute(
        "SELECT DISTINCT invoice_id, description FROM core.order_lines WHERE kind = 'sale' AND customer_id IS NOT NULL"
    ).fetchall()
    baskets = pl.DataFrame(rows, ["basket", "item"], orient="row")
    itemsets = frequent_itemsets(baskets, min_support=0.01)
    assert itemsets.height == 973
    assert itemsets.filter(pl.col("items").list.len() == 2).height == 300
    assert rules_of(itemsets, 0.3, lift=1.2, is_single=False) == 612


def test_the_tables_of_online_retail_agree_with_each_other(retail):
    """Windows are sums: pairs of itemsets, which were mined from baskets, are those of the monthly counts."""
    missing = retail.execute(
        """
        WITH counted AS (
            SELECT item, other, sum(baskets) AS count FROM rules.pair_months
            WHERE month > DATE '2010-12-01' AND level = 'product' GROUP BY item, other
        )
        SELECT count(*), count(*) FILTER (counted.count IS DISTINCT FROM itemsets.count)
        FROM rules.itemsets AS itemsets
        LEFT JOIN counted ON itemsets.items = [counted.item, counted.other]
        WHERE itemsets.as_of = DATE '2011-12-01' AND itemsets.length = 2
        """
    ).fetchone()
    assert missing == (337, 0)
    goods = retail.execute(
        """
        SELECT count(*) FROM (
            SELECT month, item, sum(baskets) AS orders FROM rules.item_months WHERE level = 'product' GROUP BY ALL
        ) AS items
        FULL JOIN (
            SELECT month, product_id AS item, orders FROM core.product_months WHERE is_goods AND orders > 0
        ) AS products USING (month, item)
        WHERE items.orders IS DISTINCT FROM products.orders
        """
    ).fetchone()
    assert goods == (0,)


def test_rules_of_online_retail_are_more_than_chance_and_hold(retail):
    summary = retail.execute(
        "SELECT baskets, capped_baskets, frequent_items, candidate_pairs, rules, held_rules FROM rules.summary "
        "WHERE as_of = DATE '2011-12-01' AND level = 'product'"
    ).fetchone()
    assert summary == (17_641, 582, 587, 171_991, 610, 610)
    strongest = retail.execute(
        "SELECT count(*), min(adjusted_lift), min(customers), max(q_value), count(DISTINCT strength_rank), "
        "min(lift / adjusted_lift) FROM rules.rules WHERE as_of = DATE '2011-12-01' AND strength_rank IS NOT NULL "
        "AND level = 'product'"
    ).fetchone()
    assert strongest[0] == strongest[4] == 100
    assert strongest[1] > 5
    assert strongest[2] >= 10
    assert strongest[3] <= 0.001
    # What big baskets and seasons alone make of a lift: each of the strongest would seem stronger by 40 % and more.
    assert strongest[5] > 1.4
