from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from simulator import baskets, bundles, customers, days, goods, streams
from simulator.parameters import PRESETS
from simulator.visits import Visits

DEFAULT = PRESETS["default"]
FIRST = date(2022, 1, 3)
MONTH = days.months(date(2022, 1, 1), 1)[0]
PLAIN = replace(DEFAULT, goods=24, bundle_pairs=0, bundle_triples=0, wholesale_units=10**9)


def many_visits(count, customer=0, *, is_order=False, day=2):
    return Visits(
        customer=np.full(count, customer),
        is_guest=np.zeros(count, dtype=bool),
        is_order=np.full(count, is_order),
        minute=np.full(count, (day * 24 + 12) * 60),
        stream=streams.streams(5, "visits of a test", np.arange(count)),
    )


def fill(parameters, visits, combined=None):
    who = customers.initial(parameters, 1, 100)
    ware = goods.first_goods(parameters, 1)
    shelf = goods.shelf(parameters, 1, FIRST, MONTH, ware, ware.base_cents, np.full(len(ware), goods.NEVER))
    combined = bundles.draw(parameters, 1, ware) if combined is None else combined
    with ThreadPoolExecutor(1) as workers:
        lines = baskets.draw(parameters, who, ware, shelf, combined, visits, 0, workers)
    return who, ware, shelf, lines


@pytest.mark.parametrize("shape", [1, 2, 5])
def test_units_are_negative_binomial(shape):
    parameters = replace(DEFAULT, visit_shape=shape)
    visits = many_visits(100_000)
    n = baskets.units(parameters, visits, np.full(100_000, 6.0))
    variance = 6 + 36 / shape
    assert abs(n.mean() - 6) < 5 * np.sqrt(variance / 1e5)
    assert abs(n.var() / variance - 1) < 0.05
    none = (1 + 6 / shape) ** -shape
    assert abs((n == 0).mean() - none) < 5 * np.sqrt(none / 1e5)
    assert np.allclose(baskets.chance_of_any(np.array([6.0]), shape), 1 - none)


@pytest.mark.parametrize("mean", [0.05, 1.0, 8.0])
def test_units_of_a_sure_order_are_those_that_are_not_none(mean):
    visits = many_visits(200_000)
    usual = baskets.units(DEFAULT, visits, np.full(200_000, mean))
    sure = baskets.units(DEFAULT, many_visits(200_000, is_order=True), np.full(200_000, mean))
    assert sure.min() == 1
    some = usual[usual > 0]
    error = np.sqrt(some.var() / len(some) + sure.var() / len(sure))
    assert abs(some.mean() - sure.mean()) < 5 * error
    error = np.sqrt(0.25 / len(some) + 0.25 / len(sure))
    assert abs((some == 1).mean() - (sure == 1).mean()) < 5 * error


def test_goods_are_poisson_counts_given_the_scale_of_the_visit():
    """The oracle is the law itself: a gamma scale, then a Poisson count for each good on its own."""
    count = 60_000
    who, ware, shelf, lines = fill(PLAIN, many_visits(count))
    table = np.zeros((count, len(ware)))
    table[lines.visit, lines.good] = lines.quantity
    rng = np.random.default_rng(1)
    means = who.basket[0] * who.taste[0, ware.category] * shelf.weight[2]
    naive = rng.poisson(rng.gamma(2, 0.5, count)[:, None] * means)
    error = np.sqrt((table.var(axis=0) + naive.var(axis=0)) / count) + 1e-9
    assert (np.abs(table.mean(axis=0) - means) < 5 * error).all()
    error = np.sqrt((table > 0).var(axis=0) / count + (naive > 0).var(axis=0) / count) + 1e-9
    assert (np.abs((table > 0).mean(axis=0) - (naive > 0).mean(axis=0)) < 5 * error).all()
    big = means > 0.3
    assert (
        np.abs(np.cov(table[:, big].T) - np.cov(naive[:, big].T)).max() < 0.1 * np.cov(naive[:, big].T).max()
    )


def test_lines_are_one_a_visit_and_good_in_order():
    _, ware, _, lines = fill(DEFAULT, many_visits(5000))
    key = lines.visit.astype(int) * len(ware) + lines.good
    assert (np.diff(key) > 0).all()
    assert (lines.quantity > 0).all()


def test_a_visit_has_the_same_basket_whatever_stands_beside_it():
    visits = many_visits(40_000)
    alone = np.arange(39_000, 39_010)
    *_, whole = fill(DEFAULT, visits)
    *_, some = fill(DEFAULT, visits.take(alone))
    of = np.isin(whole.visit, alone)
    assert np.array_equal(whole.visit[of] - 39_000, some.visit)
    assert np.array_equal(whole.good[of], some.good)
    assert np.array_equal(whole.quantity[of], some.quantity)


def test_big_baskets_pay_wholesale_prices():
    _, _, shelf, lines = fill(DEFAULT, many_visits(3000, customer=0))
    units = np.bincount(lines.visit, weights=lines.quantity)[lines.visit]
    full = shelf.cents[2, lines.good]
    assert (lines.cents[units < 24] == full[units < 24]).all()
    assert (np.abs(lines.cents[units >= 24] - 0.92 * full[units >= 24]) <= 0.5).all()
    assert (units >= 24).any()


def test_bundles_add_their_goods_as_often_as_they_say():
    visits = many_visits(100_000)
    _, ware, _, without = fill(DEFAULT, visits, bundles.draw(PLAIN, 1, goods.first_goods(DEFAULT, 1)))
    _, _, shelf, lines = fill(DEFAULT, visits)
    combined = bundles.draw(DEFAULT, 1, ware)
    has = np.zeros((2, 100_000, len(ware)), dtype=bool)
    has[0, without.visit, without.good] = True
    has[1, lines.visit, lines.good] = True
    for lead, added, probability in zip(*combined.links(), strict=True):
        if not shelf.weight[2, lead] or not shelf.weight[2, added]:
            continue
        could = has[0, :, lead] & ~has[0, :, added]
        assert (has[1, :, added] >= has[0, :, added]).all()
        error = np.sqrt(probability * (1 - probability) / max(could.sum(), 1))
        assert abs(has[1, could, added].mean() - probability) < 5 * error
        assert (has[1, ~has[0, :, lead], added] == has[0, ~has[0, :, lead], added]).all()


def test_bundles_are_of_different_categories_and_share_no_good():
    ware = goods.first_goods(DEFAULT, 1)
    combined = bundles.draw(DEFAULT, 1, ware)
    assert len(combined.leads) == 25
    assert (combined.also_added >= 0).sum() == 5
    assert len(set(combined.goods.tolist())) == len(combined.goods) == 55
    low, high = combined.pairs()
    assert len(low) == 20 + 15
    assert (ware.category[low] != ware.category[high]).all()
    assert sorted(set(combined.probability.tolist())) == [0.1, 0.2, 0.4]
