from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assets.rules.chance import false_discovery_rates, moments, moments_of_all, p_values

strata = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))),
    min_size=1,
    max_size=6,
)


def law_of(n, a, b):
    """How many of a and b meet among n baskets, dealt at random: mean and variance by adding up all cases."""
    met = np.arange(max(0, a + b - n), min(a, b) + 1)
    share = np.array([comb(a, k) * comb(n - a, b - k) / comb(n, b) for k in met])
    mean = (share * met).sum()
    return mean, (share * (met - mean) ** 2).sum()


@given(strata)
def test_expectation_and_variance_are_those_of_hypergeometric_counts_added_up(cells):
    n, a, b = np.array(cells, dtype=float).T
    mean, variance = np.sum([law_of(*cell) for cell in cells], axis=0)
    for found in (moments(a[None], b[None], n), moments_of_all(a[None], b[None], n)):
        assert float(np.squeeze(found[0])) == pytest.approx(mean)
        assert float(np.squeeze(found[1])) == pytest.approx(variance, abs=1e-9)


def test_a_stratum_without_baskets_adds_nothing():
    expected, variance = moments(np.array([[2.0, 0.0]]), np.array([[3.0, 0.0]]), np.array([[6.0, 0.0]]))
    assert expected.tolist() == [1.0]
    assert np.isfinite(variance).all()


def test_p_values_are_no_smaller_than_the_exact_ones_allow():
    """Poisson's tail below 20 expected, the normal one above: both against the law itself, in one stratum."""
    for n, a, b in [(500, 60, 60), (2000, 400, 300), (300, 150, 20)]:
        law = stats.hypergeom(n, a, b)
        count = np.arange(0.0, min(a, b) + 1)
        expected = np.full(len(count), law.mean())
        found = p_values(count, expected, np.full(len(count), law.var()))
        exact = np.minimum(1, 2 * np.where(count > law.mean(), law.sf(count - 1), law.cdf(count)))
        likely = exact > 1e-3
        assert (found[likely] > 0.5 * exact[likely]).all()
        assert (found <= 1).all()
        if law.mean() >= 20:
            assert (found[likely] < 2 * exact[likely]).all()
        else:
            assert (found >= exact)[likely & (count > law.mean() + law.std())].all()


def test_what_is_not_there_at_all_is_as_sure_as_poisson_says():
    assert p_values(np.array([0.0, 0.0]), np.array([10.0, 0.0]), np.array([9.0, 0.0])) == pytest.approx(
        [2 * np.exp(-10), 1.0]
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 30))
def test_false_discovery_rates_agree_with_scipy_when_the_large_p_values_are_left_out(p, cut):
    p = np.array(p)
    whole = stats.false_discovery_control(p)
    small = np.sort(p)[: max(1, cut)].max()
    kept = p <= small
    found = false_discovery_rates(p[kept], len(p))
    told = whole[kept]
    # Below the cut the two can differ only where a larger p-value would lower the rate, never below itself.
    assert (found >= told - 1e-12).all()
    sure = told <= small
    assert found[sure] == pytest.approx(told[sure])
