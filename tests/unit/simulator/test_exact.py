import math
from statistics import NormalDist

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator import exact


@given(st.floats(1e-300, 1e300))
def test_log_agrees_with_the_library(x):
    assert math.isclose(exact.log(x), math.log(x), rel_tol=4e-16, abs_tol=4e-16)


@given(st.floats(-690, 690))
def test_exp_agrees_with_the_library(x):
    assert math.isclose(exact.exp(x), math.exp(x), rel_tol=4e-16)


def test_exp_of_very_small_numbers_is_zero():
    assert exact.exp(-1e9) == 0


@given(st.floats(0.01, 100), st.floats(-20, 20))
def test_power_agrees_with_the_library(base, exponent):
    assert math.isclose(exact.power(base, exponent), base**exponent, rel_tol=1e-13)


@given(st.floats(-1000, 1000))
def test_cosine_agrees_with_the_library(turns):
    assert math.isclose(exact.cosine(turns), math.cos(2 * math.pi * turns), abs_tol=2e-12)


@given(st.floats(1e-12, 1 - 1e-12))
def test_normal_quantile_agrees_with_the_library(p):
    assert math.isclose(exact.normal_quantile(p), NormalDist().inv_cdf(p), rel_tol=2e-9, abs_tol=2e-9)


@given(st.lists(st.integers(0, 5)))
def test_ragged_counts_within_each_run(counts):
    expected = [k for count in counts for k in range(count)]
    assert exact.ragged(np.array(counts, dtype=np.int64)).tolist() == expected


def test_running_totals_begin_with_zero_and_end_with_the_total():
    table = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert exact.running(table).tolist() == [[0, 1, 3, 6], [0, 4, 9, 15]]
    assert exact.total(table).tolist() == [6, 15]
    assert exact.total(np.zeros((2, 0))).tolist() == [0, 0]
