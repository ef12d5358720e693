"""Intervals of pooled shares: by whole origins, not by steps."""

import numpy as np
import pytest

from bench.blocks import block_interval


def test_the_share_is_that_of_all_steps_and_equal_blocks_leave_no_doubt():
    assert block_interval([8, 80, 4], [10, 100, 5]) == pytest.approx((0.8, 0.8, 0.8))
    share, low, high = block_interval([90, 50], [100, 100])
    assert (share, low, high) == pytest.approx((0.7, 0.5, 0.9))


def test_it_agrees_with_the_error_of_a_ratio_by_hand():
    """Linearized (Cochran 1977, 6.3): the deviations of blocks from what the share would make of their size."""
    rng = np.random.default_rng(4)
    count = rng.integers(200, 400, 60)
    held = rng.binomial(count, rng.beta(40, 10, 60))
    share, low, high = block_interval(held, count)
    apart = held - share * count
    error = np.sqrt(60 / 59 * (apart**2).sum()) / count.sum()
    assert (low, high) == pytest.approx((share - 1.96 * error, share + 1.96 * error), abs=0.15 * error)


def test_it_holds_the_truth_where_blocks_differ_and_an_interval_by_steps_does_not():
    """Shares of 80 % on average that are 10 points apart from block to block, 500 steps in each."""
    rng = np.random.default_rng(9)
    by_block, by_step = 0, 0
    for _ in range(300):
        held = rng.binomial(500, rng.beta(12, 3, 20))
        share, low, high = block_interval(held, np.full(20, 500), draws=500)
        by_block += low <= 0.8 <= high
        by_step += abs(share - 0.8) <= 1.96 * np.sqrt(share * (1 - share) / 10_000)
    assert 0.88 <= by_block / 300 <= 0.98
    assert by_step / 300 < 0.5


@pytest.mark.parametrize(("held", "count"), [([5], [10]), ([], []), ([5, 0], [10, 0])])
def test_too_few_blocks_and_one_without_a_step_are_told(held, count):
    with pytest.raises(ValueError, match="needs two blocks, each with a step"):
        block_interval(held, count)
