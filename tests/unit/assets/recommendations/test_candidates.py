"""Models against plain loops on a small shop."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from assets.recommendations import candidates
from assets.recommendations.candidates import MODELS, ease, fit, weights
from assets.recommendations.history import history, references

ORDERS = np.array(
    [[2, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 3, 1, 0, 4], [0, 0, 5, 0, 1], [1, 0, 0, 2, 0]], float
)


@pytest.fixture
def known(shop):
    until = date(2020, 9, 1)
    return history(shop, until, references(shop, [until])[until])


def naive_weights(orders, measure):
    customers, goods = orders.shape
    of_good = orders.sum(axis=0)
    mean_length = of_good.sum() / goods
    found = np.zeros_like(orders)
    for u in range(customers):
        rare = math.log(goods) - math.log(1 + sum(orders[u] > 0))
        for i in range(goods):
            count = orders[u, i]
            if measure == "cosine":
                found[u, i] = count
            elif measure == "tfidf":
                found[u, i] = math.sqrt(count) * rare
            elif count:
                length = 0.25 + 0.75 * of_good[i] / mean_length
                found[u, i] = count * 2.2 / (1.2 * length + count) * rare
    if measure != "bm25":
        for i in range(goods):
            found[:, i] /= math.sqrt(sum(value**2 for value in found[:, i]))
    return found


@pytest.mark.parametrize("measure", candidates.MEASURES)
def test_weights_agree_with_plain_loops(measure):
    found = weights(csr_matrix(ORDERS), measure).toarray()
    assert found == pytest.approx(naive_weights(ORDERS, measure))


@pytest.mark.parametrize("measure", candidates.MEASURES)
def test_items_score_by_the_nearest_and_the_best_has_1(known, measure, monkeypatch):
    monkeypatch.setattr(candidates, "NEIGHBOURS", 8)
    orders = known.orders.toarray()
    weighted = naive_weights(orders, measure)
    alike = weighted.T @ weighted
    for row in alike:
        row[np.argsort(-row, kind="stable")[8:]] = 0
    expected = orders @ alike
    expected /= expected.max(axis=1, keepdims=True)
    assert fit(measure, known)(np.arange(len(orders))) == pytest.approx(expected)


def test_ease_is_the_best_regression_of_each_good_on_the_others():
    """Steck's closed form, against ridge regression of each good, one at a time."""
    bought = (ORDERS > 0).astype(float)
    found = ease(csr_matrix(ORDERS), 2.0)
    for good in range(bought.shape[1]):
        others = [at for at in range(bought.shape[1]) if at != good]
        x, y = bought[:, others], bought[:, good]
        expected = np.linalg.solve(x.T @ x + 2.0 * np.eye(len(others)), x.T @ y)
        assert found[others, good] == pytest.approx(expected)
        assert found[good, good] == 0


def test_ease_of_the_goods_with_most_customers_leaves_the_others_at_0(known, monkeypatch):
    monkeypatch.setattr(candidates, "EASE_GOODS", 10)
    scores = fit("ease", known)(np.arange(5))
    told = np.flatnonzero(scores.any(axis=0))
    assert len(told) == 10
    assert known.ever[told].min() >= np.delete(known.ever, told).max()


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_the_same_again_and_of_one_customer_alone(known, name):
    whole = fit(name, known)(np.arange(len(known.customers)))
    assert whole.shape == known.orders.shape
    assert np.isfinite(whole).all()
    again = fit(name, known)
    assert again(np.arange(len(known.customers))) == pytest.approx(whole, abs=1e-12)
    assert again(np.array([3])) == pytest.approx(whole[3:4], abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_models_know_the_kind_that_a_customer_likes(known, name):
    scores = fit(name, known)(np.arange(len(known.customers)))
    kind = known.customers.str.slice(1).cast(pl.Int64).to_numpy() % 3
    of_good = known.goods.str.slice(0, 1).cast(pl.Int64).to_numpy()
    mean = np.array(
        [[scores[kind == who][:, of_good == what].mean() for what in range(3)] for who in range(3)]
    )
    assert (mean.argmax(axis=1) == np.arange(3)).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "purchases",
    [
        [],
        [("a", "1", date(2020, 1, 5))],
        [("a", "1", date(2020, 1, 5)), ("a", "2", date(2020, 1, 5))],
        [("a", "1", date(2020, 1, 5)), ("b", "1", date(2020, 1, 6))],
        [("a", "1", date(2020, 1, 5)), ("a", "2", date(2020, 1, 5)), ("b", "2", date(2020, 2, 6))],
    ],
    ids=["nobody", "one purchase", "one customer", "one good", "everything bought"],
)
def test_tiny_shops_have_finite_scores(months_of, name, purchases):
    known = history(months_of(purchases), date(2020, 2, 1), date(2020, 3, 1))
    scores = fit(name, known)(np.arange(len(known.customers)))
    assert scores.shape == (len(known.customers), len(known.goods))
    assert np.isfinite(scores).all()
