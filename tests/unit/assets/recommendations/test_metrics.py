"""Measures of lists, by hand."""

import math

import numpy as np
import pytest

from assets.recommendations import metrics


def test_measures_agree_with_those_by_hand():
    """Bought 2 with hits at ranks 1 and 7; bought 12 with hits at 2 and 3; bought 1, missed."""
    hits = np.zeros((3, 10), dtype=bool)
    hits[0, [0, 6]] = hits[1, [1, 2]] = True
    found = metrics.of_customers(hits, np.array([2, 12, 1]))
    assert found["capped_recall_5"].tolist() == [1 / 2, 2 / 5, 0]
    assert found["capped_recall_10"].tolist() == [1, 2 / 10, 0]
    assert found["recall_5"].tolist() == [1 / 2, 2 / 12, 0]
    assert found["recall_10"].tolist() == [1, 2 / 12, 0]
    most = 1 + 1 / math.log2(3)
    assert found["ndcg_10"][0] == pytest.approx((1 + 1 / math.log2(8)) / most)
    all_ten = sum(1 / math.log2(rank + 1) for rank in range(1, 11))
    assert found["ndcg_10"][1] == pytest.approx((1 / math.log2(3) + 1 / 2) / all_ten)
    assert found["ndcg_5"][0] == pytest.approx(1 / most)


def test_a_list_with_every_hit_first_has_1_and_short_lists_are_filled_with_misses():
    found = metrics.of_customers(np.ones((1, 3), dtype=bool), np.array([3]))
    assert {name: values[0] for name, values in found.items()} == pytest.approx(dict.fromkeys(found, 1.0))


def test_coverage_and_novelty_count_what_is_listed():
    top = np.array([[0, 1], [0, -1]])
    assert metrics.coverage(top, 4) == 0.5
    assert metrics.novelty(top, np.array([8, 2, 1, 1]), 8) == pytest.approx((0 + 2 + 0) / 3)
    assert metrics.novelty(np.full((2, 2), -1), np.ones(4), 8) is None
    assert metrics.coverage(np.zeros((0, 0), dtype=int), 0) == 0


def test_the_interval_is_that_of_the_paired_difference():
    """Two measures that rise and fall together differ by little, however much each varies."""
    rng = np.random.default_rng(1)
    base = rng.random(2000)
    gains = np.column_stack([0.01 + 0.02 * rng.standard_normal(2000), base - base[::-1]])
    (mean, low, high), (_, wide_low, wide_high) = metrics.paired_gains(gains, draws=2000)
    assert mean == pytest.approx(gains[:, 0].mean())
    error = gains.std(axis=0) / math.sqrt(2000)
    assert [low, high] == pytest.approx([mean - 1.96 * error[0], mean + 1.96 * error[0]], abs=error[0] / 5)
    assert wide_high - wide_low == pytest.approx(3.92 * error[1], rel=0.08)


def test_of_one_customer_the_interval_has_no_width():
    assert metrics.paired_gains(np.array([[0.3]])).tolist() == [pytest.approx([0.3, 0.3, 0.3])]
