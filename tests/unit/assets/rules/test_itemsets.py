import math
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.frequent_patterns import apriori, fpgrowth

from assets.rules import itemsets
from assets.rules.itemsets import TooManyItemsetsError, frequent_itemsets, least_count

baskets_of_items = st.lists(
    st.sets(st.sampled_from("abcdef"), min_size=1, max_size=6), min_size=1, max_size=30
)


def lines(baskets):
    rows = [(at, item) for at, basket in enumerate(baskets) for item in basket]
    return pl.DataFrame(rows, {"basket": pl.Int64, "item": pl.String}, orient="row")


def table(baskets):
    items = sorted(set().union(*baskets))
    return pd.DataFrame([[item in basket for item in items] for basket in baskets], columns=items)


def told(found):
    return {tuple(items): count for items, count in found.select("items", "count").iter_rows()}


@given(baskets_of_items, st.sampled_from([0.05, 0.1, 0.25, 0.5, 1]), st.sampled_from([None, 1, 2, 3]))
def test_apriori_and_fp_growth_find_the_same(baskets, min_support, max_length):
    found = frequent_itemsets(lines(baskets), min_support=min_support, max_length=max_length)
    for reference in (apriori, fpgrowth):
        theirs = reference(table(baskets), min_support=min_support, use_colnames=True, max_len=max_length)
        expected = {
            tuple(sorted(items)): round(support * len(baskets))
            for support, items in theirs.itertuples(index=False)
        }
        assert told(found) == expected
    assert found["support"].to_list() == [count / len(baskets) for count in found["count"]]


def test_itemsets_of_many_items_and_baskets_agree_with_fp_growth():
    """More baskets than a word has bits, and sets of five: what blocks and joins must get right."""
    rng = np.random.default_rng(4)
    baskets = [
        set(np.flatnonzero(rng.random(12) < 0.5 + 0.3 * (at % 2)).astype(str)) | {"0"} for at in range(700)
    ]
    found = frequent_itemsets(lines(baskets), min_support=0.2)
    theirs = fpgrowth(table(baskets), min_support=0.2, use_colnames=True)
    assert found.height == len(theirs) > 500
    assert told(found) == {
        tuple(sorted(items)): round(support * 700) for support, items in theirs.itertuples(index=False)
    }
    assert found["items"].list.len().is_sorted()
    assert found.filter(pl.col("items").list.len() == 3)["items"].list.join(" ").is_sorted()


@pytest.mark.parametrize(
    ("support", "baskets", "least"),
    [(0.001, 88162, 89), (0.01, 700, 7), (0.07, 100, 7), (0.1, 30, 3), (1, 5, 5), (1e-7, 10, 1)],
)
def test_the_least_count_is_exact(support, baskets, least):
    """In floats 0.07 x 100 is 7.000000000000001, and sets with 7 baskets would be lost."""
    assert least_count(support, baskets) == least


@pytest.mark.parametrize("support", [0, -0.1, 1.01, 5, math.nan])
def test_a_support_that_cannot_be_is_refused(support):
    with pytest.raises(ValueError, match="expected above 0 and at most 1"):
        frequent_itemsets(lines([{"a"}]), min_support=support)


def test_a_length_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="max_length is 0"):
        frequent_itemsets(lines([{"a"}]), min_support=0.5, max_length=0)


def test_a_support_so_low_that_all_is_frequent_is_told(monkeypatch):
    monkeypatch.setattr(itemsets, "_MOST", 100)
    with pytest.raises(TooManyItemsetsError, match="raise the support"):
        frequent_itemsets(lines([set("abcdefghijklm")]), min_support=0.5)


def test_one_basket_baskets_of_one_item_and_an_item_in_every_basket():
    assert frequent_itemsets(lines([set("ab")]), min_support=1).height == 3
    alone = frequent_itemsets(lines([{"a"}, {"b"}, {"a"}]), min_support=0.5)
    assert told(alone) == {("a",): 2}
    everywhere = frequent_itemsets(lines([set("ax"), set("bx"), set("abx"), {"x"}]), min_support=0.5)
    assert told(everywhere) == {("a",): 2, ("b",): 2, ("x",): 4, ("a", "x"): 2, ("b", "x"): 2}


def test_nothing_frequent_is_an_empty_table():
    assert frequent_itemsets(lines([{"a"}, {"b"}, {"c"}]), min_support=0.5).is_empty()
    empty = frequent_itemsets(lines([]), min_support=0.5)
    assert empty.is_empty()
    assert empty.schema == {"items": pl.List(pl.String), "count": pl.Int64, "support": pl.Float64}


def test_a_line_that_comes_twice_counts_once_and_a_basket_without_items_counts_as_one():
    twice = pl.DataFrame({"basket": [1, 1, 1, 2, 3], "item": [7, 7, 8, 7, None]})
    found = frequent_itemsets(twice, min_support=0.34)
    assert found.rows() == [([7], 2, 2 / 3)]


def test_a_window_ends_with_its_as_of():
    rows = pl.DataFrame(
        {
            "month": [date(2023, 12, 1), date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)],
            "goods": [["a"], ["a", "b"], ["a", "b"], ["c"]],
            "support": [0.5] * 4,
            "window_months": [2] * 4,
            "least_customers": [1] * 4,
        }
    )
    found = itemsets.compute(rows, [date(2024, 1, 1), date(2024, 2, 1), date(2024, 6, 1)])
    assert found.select("as_of", "items", "length", "count", "support").rows() == [
        (date(2024, 1, 1), ["a"], 1, 2, 1.0),
        (date(2024, 1, 1), ["b"], 1, 1, 0.5),
        (date(2024, 1, 1), ["a", "b"], 2, 1, 0.5),
        (date(2024, 2, 1), ["a"], 1, 2, 1.0),
        (date(2024, 2, 1), ["b"], 1, 2, 1.0),
        (date(2024, 2, 1), ["a", "b"], 2, 2, 1.0),
    ]


def months_of(*baskets, least_customers=1):
    return pl.DataFrame(
        {
            "month": [date(2024, 1, 1)] * len(baskets),
            "goods": [sorted(basket) for basket in baskets],
            "support": [0.01] * len(baskets),
            "window_months": [1] * len(baskets),
            "least_customers": [least_customers] * len(baskets),
        }
    )


@pytest.mark.parametrize("least", [1, 5, 6, 7])
def test_a_set_lies_in_as_many_baskets_as_a_rule_has_customers(least):
    """A hundredth of a small shop's baskets is one, and everything in one basket is frequent then."""
    rows = months_of(*[{"a", "b"}] * 5, {"a"}, least_customers=least)
    found = itemsets.compute(rows, [date(2024, 1, 1)])
    expected = {("a",): 6, ("b",): 5, ("a", "b"): 5}
    assert told(found) == {items: count for items, count in expected.items() if count >= least}
    assert found["longest"].null_count() == found.height


def test_sets_that_are_too_many_are_left_out_by_length_and_said(monkeypatch):
    """Ten equal baskets of thirty goods hold a thousand million sets: the run must end all the same."""
    monkeypatch.setattr(itemsets, "_MOST", 60)
    found = itemsets.compute(months_of(set("abcdefgh"), set("abcdefgh")), [date(2024, 1, 1)])
    assert found["longest"].unique().to_list() == [3]
    assert found["length"].max() == 3
    assert found.height == 8 + 28 + 56
