"""What chance does to a mean, against all ways to draw."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from assets.sentiment.chance import _exact, adjusted, lower_chance

counts = st.lists(st.integers(0, 3), min_size=5, max_size=5)


def histogram(values: list[int]) -> np.ndarray:
    return np.array([values.count(step) for step in range(1, 6)])


@given(counts.filter(any), counts.filter(any))
def test_the_exact_chance_is_that_of_all_ways_to_draw(some: list[int], others: list[int]) -> None:
    drawn = [step for step, number in enumerate(some, 1) for _ in range(number)][:4]
    rest = [step for step, number in enumerate(others, 1) for _ in range(number)][:6]
    sums = [sum(one) for one in combinations(drawn + rest, len(drawn))]
    whole = histogram(drawn) + histogram(rest)
    low = np.mean([one <= sum(drawn) for one in sums])
    high = np.mean([one >= sum(drawn) for one in sums])
    assert _exact(histogram(drawn), whole, is_low=True) == pytest.approx(low)
    assert _exact(histogram(drawn), whole, is_low=False) == pytest.approx(high)


@given(counts.filter(any), counts.filter(any))
def test_a_plain_fall_is_judged_exactly_from_either_side(some: list[int], others: list[int]) -> None:
    """The fewer are counted, whichever they are."""
    now, before = np.array([some]), np.array([others])
    [chance] = lower_chance(now, before)
    exact = _exact(now[0], (now + before)[0], is_low=True)
    assert 0 < chance <= 1
    if exact < 0.05:
        assert chance == pytest.approx(exact)


def test_many_are_judged_as_exactly_as_few() -> None:
    """Where the exact way ends, the law of three moments must go on with it."""
    some, others = np.array([[12, 8, 10, 30, 40]]), np.array([[60, 60, 120, 400, 560]])
    [exact] = lower_chance(some, others)
    more = np.array([[13, 8, 10, 30, 40]])
    [close] = lower_chance(more, others)
    assert exact == pytest.approx(_exact(some[0], (some + others)[0], is_low=True))
    assert close == pytest.approx(_exact(more[0], (more + others)[0], is_low=True), rel=0.1)


def test_equal_ratings_are_no_finding() -> None:
    assert lower_chance(np.array([[0, 0, 0, 0, 9]]), np.array([[0, 0, 0, 0, 50]])).tolist() == [1]


def test_chances_of_what_does_not_change_are_chances() -> None:
    """A test that finds one in a hundred where there is nothing in twenty would fill the list with noise."""
    rng = np.random.default_rng(1)
    some = rng.multinomial(8, [0.05, 0.05, 0.1, 0.2, 0.6], 4000)
    others = rng.multinomial(40, [0.05, 0.05, 0.1, 0.2, 0.6], 4000)
    chance = lower_chance(some, others)
    for level in (0.05, 0.01):
        assert (chance <= level).mean() <= level + 3 * np.sqrt(level / 4000)
    assert (chance <= 0.05).mean() > 0.01


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_chances_are_those_of_the_library(chances: list[float]) -> None:
    found = adjusted(np.array(chances))
    assert np.allclose(found, false_discovery_control(chances) if chances else [])
