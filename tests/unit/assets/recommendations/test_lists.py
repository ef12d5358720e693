"""Lists: whose, how ranked, what was new, the slot for launches, and whatever the shop is like."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.recommendations import blend, for_customers, similar_products
from assets.recommendations.blend import LISTS, OF_LIST, Scorer, own_orders, top
from assets.recommendations.history import history, references

MONTHS = [date(2020, month, 1) for month in range(1, 11)]


def known_of(rows, until=date(2020, 10, 1)):
    return history(rows, until, references(rows, [until])[until])


def asked(rows, names=None, launched_days=60):
    """Rows as for_customers is handed them."""
    chosen = [(month, of, name) for month in MONTHS for of, name in (names or {}).items()]
    champions = pl.DataFrame(
        chosen, {"month": pl.Date, "list": pl.String, "candidate": pl.String}, orient="row"
    )
    return pl.concat([rows.with_columns(launched_days=pl.lit(launched_days)), champions], how="diagonal")


EASE = dict.fromkeys(LISTS, "ease blend")


@pytest.fixture(scope="module")
def whole(shop):
    return for_customers.compute(asked(shop, EASE), MONTHS)


def test_history_agrees_with_plain_loops(shop):
    until = date(2020, 6, 1)
    known = known_of(shop, until)
    rows = [row for row in shop.iter_rows(named=True) if row["month"] <= until and row["is_goods"]]
    mine = [row for row in rows if row["customer_id"]]
    reference = max(
        row["last_on"] for row in shop.iter_rows(named=True) if row["month"] <= until
    ) + timedelta(days=1)
    assert known.reference == reference
    assert known.customers.to_list() == sorted({row["customer_id"] for row in mine})
    assert known.goods.to_list() == sorted({row["product_id"] for row in mine})
    for at, good in enumerate(known.goods):
        of_good = [row for row in mine if row["product_id"] == good]
        recent = {row["customer_id"] for row in of_good if (reference - row["last_on"]).days <= 30}
        assert known.ever[at] == len({row["customer_id"] for row in of_good})
        assert known.recent[at] == len(recent)
        first = min(row["first_on"] for row in rows if row["product_id"] == good)
        assert known.age_days[at] == (reference - first).days
    for at, customer in enumerate(known.customers):
        own = [row for row in mine if row["customer_id"] == customer]
        assert known.active_months[at] == len({row["month"] for row in own})
        assert known.silent_days[at] == (reference - max(row["last_on"] for row in own)).days
        for row in own:
            place = known.goods.to_list().index(row["product_id"])
            total = sum(one["orders"] for one in own if one["product_id"] == row["product_id"])
            assert known.orders[at, place] == total


@pytest.mark.parametrize("of", LISTS)
def test_the_best_are_those_of_a_full_sort(shop, of):
    """Rounded score, then customers of late, then id."""
    known = known_of(shop)
    scorer = Scorer(known)
    who = np.arange(len(known.customers))
    own = own_orders(known, who)
    scorer.fit(OF_LIST[of])
    parts = scorer.parts(who)
    for name in OF_LIST[of]:
        score = scorer.scores(name, of, own, parts)
        found, best = scorer.top(score, 10, own == 0 if of == "new" else None)
        for customer in range(0, len(who), 9):
            order = sorted(
                (-round(score[customer, at], 6), -known.recent[at], at)
                for at in range(len(known.goods))
                if (score[customer, at] > 5e-7 or known.recent[at] > 0)
                and (of == "all" or own[customer, at] == 0)
            )[:10]
            assert [at for at in found[customer] if at >= 0] == [at for *_, at in order]
            assert best[customer][found[customer] >= 0] == pytest.approx(
                [-score for score, *_ in order], abs=1e-6
            )


def test_a_blend_is_what_it_is_said_to_be(shop):
    known = known_of(shop)
    scorer = Scorer(known)
    own = own_orders(known, np.arange(4))
    scorer.fit(("ease and als blend",))
    parts = scorer.parts(np.arange(4))
    assert set(parts) == {"ease", "als"}
    trend = (known.recent + 2) / (known.ever + 20)
    model = (np.maximum(parts["ease"], 0) + np.maximum(parts["als"], 0)) / 2
    assert scorer.scores("ease and als blend", "all", own, parts) == pytest.approx(
        (own + 3 * model) * trend**0.5
    )
    assert scorer.scores("ease and als blend", "new", own, parts) == pytest.approx(model * trend)
    late = (known.recent + 0.5) / known.recent.max()
    scorer.fit(("popular, ease and bm25 blend",))
    parts = scorer.parts(np.arange(4))
    model = np.maximum(parts["ease"], 0) + np.maximum(parts["bm25"], 0) + 3 * late
    for name, of, expected in (
        ("popular blend", "all", own + 10 * late),
        ("popular, ease and bm25 blend", "all", own + 3 * model),
        ("popular, ease and bm25 blend", "new", model * known.trend),
    ):
        assert scorer.scores(name, of, own, parts) == pytest.approx(expected)


def test_scores_of_a_block_are_those_of_all(shop, monkeypatch):
    """A large shop is scored in pieces, or it does not fit into memory."""
    rows = asked(shop, {"all": "als blend", "new": "bm25"})
    at_once = for_customers.compute(rows, MONTHS[-1:])
    similar = similar_products.compute(shop, MONTHS[-1:])
    monkeypatch.setattr(blend, "_CELLS", 100)
    assert len(blend.in_blocks(10, 40, len)) == 5
    assert_frame_equal(for_customers.compute(rows, MONTHS[-1:]), at_once)
    assert_frame_equal(similar_products.compute(shop, MONTHS[-1:]), similar)


def test_lists_are_whole_and_new_goods_are_new(shop, whole):
    keys = ["as_of", "customer_id", "list"]
    ranks = whole.group_by(keys).agg(pl.col("rank").sort(), pl.col("product_id").n_unique())
    assert (ranks["rank"].list.max() == ranks["rank"].list.len()).all()
    assert (ranks["product_id"] == ranks["rank"].list.len()).all()
    bought = shop.drop_nulls("customer_id").select("month", "customer_id", "product_id")
    before = whole.join(bought, on=["customer_id", "product_id"]).filter(pl.col("month") <= pl.col("as_of"))
    assert set(before["list"]) == {"all"}
    assert before.filter(pl.col("orders") == 0).is_empty()
    assert whole.filter(pl.col("list") == "all", pl.col("orders") > 0).height == before.unique([*keys, "product_id"]).height  # fmt: skip
    assert "POST" not in set(whole["product_id"])


def test_an_as_of_is_the_same_alone_and_whatever_comes_later_and_in_any_order(shop, whole):
    for month in (MONTHS[4], MONTHS[9]):
        of_month = whole.filter(pl.col("as_of") == month)
        assert of_month.height
        assert_frame_equal(for_customers.compute(asked(shop, EASE), [month]), of_month)
        known = shop.filter(pl.col("month") <= month).sample(fraction=1, shuffle=True, seed=2)
        assert_frame_equal(for_customers.compute(asked(known, EASE), [month]), of_month)


def test_the_recommender_is_the_one_chosen_as_of_then_and_the_floor_where_none_is(shop, whole):
    assert set(whole["candidate"]) == {"ease blend"}
    found = for_customers.compute(asked(shop), MONTHS[-1:])
    assert dict(found.select("list", "candidate").unique().iter_rows()) == blend.FLOORS
    known = known_of(shop)
    favourite = np.lexsort((np.arange(len(known.goods)), -known.recent))
    first = found.filter(pl.col("customer_id") == "c00", pl.col("list") == "new")
    own = own_orders(known, np.array([0]))[0]
    expected = [known.goods[int(at)] for at in favourite if own[at] == 0]
    listed = first.filter(pl.col("source") == "popular")["product_id"].to_list()
    assert listed == [good for good in expected if good in listed]
    assert set(found.filter(pl.col("list") == "all", pl.col("orders") > 0)["source"]) == {"own orders"}


def test_a_launched_good_has_its_slot_and_what_stood_there_moves_down(shop):
    """Goods 12 and 13 of each kind are sold from day 200 on: the 19th of July."""
    month = date(2020, 8, 1)
    names = {"all": "ease blend", "new": "popular"}
    known = known_of(shop, month)
    plain = for_customers.lists(known, names, launched_days=0)
    found = for_customers.lists(known, names, launched_days=60)
    keys = ["customer_id", "list"]
    assert_frame_equal(found.filter(pl.col("list") == "all"), plain.filter(pl.col("list") == "all"))
    slot = found.filter(pl.col("source") == "launched")
    assert slot.height > 0
    assert set(slot["rank"]) == {for_customers.LAUNCH_RANK}
    assert set(slot["product_id"].str.slice(1)) <= {"12", "13"}
    new = found.filter(pl.col("list") == "new")
    lengths = [one.filter(pl.col("list") == "new").group_by(keys).len().sort(keys) for one in (plain, found)]
    assert_frame_equal(*lengths)
    for customer in slot["customer_id"]:
        was, now = (
            one.filter(pl.col("customer_id") == customer, pl.col("list") == "new")["product_id"].to_list()
            for one in (plain, found)
        )
        launched = now[for_customers.LAUNCH_RANK - 1]
        assert [good for good in now if good != launched] == [good for good in was if good != launched][
            : len(now) - 1
        ]
    no_slot = new.join(slot, on="customer_id", how="anti").filter(pl.col("rank") <= for_customers.LAUNCH_RANK)
    has_one = no_slot.group_by("customer_id").agg(pl.col("product_id").str.contains("1[23]$").any())
    bought_all = known.customers.len() - slot.height
    assert has_one.height == bought_all


def test_goods_sold_with_the_first_of_the_data_are_not_launched(months_of):
    rows = months_of([(f"{at % 3}", f"{at}", date(2020, 1, 1 + at % 20)) for at in range(40)])
    found = for_customers.lists(
        known_of(rows, date(2020, 1, 1)), dict.fromkeys(LISTS, "popular"), launched_days=60
    )
    assert "launched" not in set(found["source"])


def test_who_was_silent_for_a_year_has_no_list(months_of):
    rows = months_of(
        [("gone", "1", date(2019, 1, 1)), ("here", "1", date(2020, 1, 20)), ("here", "2", date(2020, 1, 20))]
    )
    found = for_customers.compute(asked(rows), [date(2020, 1, 1)])
    assert set(found["customer_id"]) == {"here"}


def test_a_customer_of_guests_goods_and_carriage_alone_has_no_history_and_no_list(months_of):
    rows = months_of(
        [("a", "1", date(2020, 1, 3)), ("post", "POST", date(2020, 1, 3)), (None, "9", date(2020, 1, 4))]
    )
    found = for_customers.compute(asked(rows), [date(2020, 1, 1)])
    assert set(found["customer_id"]) == {"a"}
    assert found["product_id"].to_list() == ["1"]


@pytest.mark.parametrize(
    "purchases",
    [[], [("a", "1", date(2020, 1, 5))], [("a", f"{at}", date(2020, 1, 5)) for at in range(5)], [("a", "1", date(2020, 1, 5)), ("b", "1", date(2020, 2, 5))]],
    ids=["nobody", "one purchase", "one basket", "one good"],
)  # fmt: skip
def test_tiny_shops_have_short_lists_and_no_error(months_of, purchases):
    rows = months_of(purchases)
    found = for_customers.compute(asked(rows), MONTHS[:4])
    assert found.columns == ["as_of", *for_customers.SHAPE]
    bought = {customer for customer, *_ in purchases}
    assert set(found.filter(pl.col("list") == "all")["customer_id"]) == bought
    # Everything is bought by everyone who is there, so nothing is new.
    assert found.filter(pl.col("list") == "new").is_empty()
    assert similar_products.compute(rows, MONTHS[:4]).columns == ["as_of", *similar_products.SHAPE]


def test_similar_goods_are_those_of_a_full_sort(shop):
    known = known_of(shop)
    found = similar_products.similar(known, "tfidf", 5)
    bought = (known.orders > 0).toarray().astype(int)
    weighted = similar_products.weights(known.orders, "tfidf").toarray()
    cosine = similar_products.weights(known.orders, "cosine").toarray()
    both, alike, angle = bought.T @ bought, weighted.T @ weighted, cosine.T @ cosine
    goods = known.goods.to_list()
    expected = []
    for at, good in enumerate(goods):
        order = sorted(
            (-round(alike[at, other], 6), other)
            for other in range(len(goods))
            if other != at and both[at, other] >= 3
        )
        expected += [
            (good, rank, goods[other], "tfidf", pytest.approx(-score, abs=1e-6), pytest.approx(angle[at, other], abs=1e-6), both[at, other])
            for rank, (score, other) in enumerate(order[:5], 1)
        ]  # fmt: skip
    assert found.rows() == expected
    assert similar_products.similar(known)["measure"].unique().to_list() == ["bm25"]


def test_ties_go_to_the_higher_number_and_none_stands_where_nothing_is_wanted():
    score = np.array([[1.0, 1.0 + 1e-9, 0.5, 2.0]])
    found, best = top(score, 4, np.array([[True, True, True, False]]), np.array([3, 2, 1, 0]))
    assert found.tolist() == [[0, 1, 2, -1]]
    assert best[0, :3].tolist() == [1.0, 1.0, 0.5]
