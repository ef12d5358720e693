"""How often two things meet in baskets by chance, and how surely a count is more or less than that.

Baskets are told apart by month and size (strata): within one, things are taken to meet as if each were dealt
to the baskets at random, keeping how many have it. Counts, expectations and variances add up over strata
(Mantel and Haenszel 1959).

Baskets of two cannot hold a third thing, and of a stratum some are larger than others: things dealt at random
meet less or more often than one x other / baskets, by (1 - share of one) x (1 - share of other) x `dependence`
(Hajek 1964), which is known, as all pairs together meet as often as they do. Pure: arrays in, arrays out.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, pdtr, pdtrc

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEW = 20.0  # expected: below it Poisson's law, whose tail is no shorter than the true one


def moments_of_all(
    one: Floats, other: Floats, baskets: Floats, dependence: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Expected count of each of `one` with each of `other`, and its variance.

    Args:
        one: Baskets with each thing, things x strata.
        other: The same of other things.
        baskets: Of each stratum, above 0.
        dependence: Of each stratum, from -1 to 1; 0 for one x other / baskets.
    """
    spread, other_spread = one * (1 - one / baskets), other * (1 - other / baskets)
    expected = (one / baskets) @ other.T + (spread * (dependence / baskets)) @ other_spread.T
    variance = (spread / np.maximum(baskets - 1, 1)) @ other_spread.T
    return expected, variance


def moments(
    one: Floats, other: Floats, baskets: Floats, dependence: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Expected count of each of `one` with that of `other` in the same row, and its variance.

    Args:
        one: Baskets with each thing, things x strata.
        other: The same of other things, as many.
        baskets: Of each stratum, or of each thing's own strata; 0 where there are none.
        dependence: Of each stratum, from -1 to 1; 0 for one x other / baskets.
    """
    safe = np.maximum(baskets, 1)
    spreads = one * (1 - one / safe) * other * (1 - other / safe)
    expected = one * other / safe + dependence * spreads / safe
    return expected.sum(axis=1), (spreads / np.maximum(baskets - 1, 1)).sum(axis=1)


def p_values(count: Floats, expected: Floats, variance: Floats) -> Floats:
    """Two-sided probability of a count so far from what is expected, or further: twice the tail it lies in.

    Poisson's law below 20 expected, else the normal law of Mantel and Haenszel with its half correction.
    """
    tail = ndtr((0.5 - np.abs(count - expected)) / np.sqrt(np.maximum(variance, 1e-12)))
    more, few = count > expected, expected < FEW
    tail[few & more] = pdtrc(count[few & more] - 1, expected[few & more])
    tail[few & ~more] = pdtr(count[few & ~more], expected[few & ~more])
    return np.asarray(np.minimum(1.0, 2 * tail))


def false_discovery_rates(p: Floats, tests: int) -> Floats:
    """The rate of false discoveries at which each would be one (Benjamini and Hochberg 1995).

    Args:
        p: The smallest p-values of all tests made.
        tests: How many were made; the p-values that are not given are larger than those that are.
    """
    order = np.argsort(p, kind="stable")
    rates = p[order] * tests / np.arange(1, len(p) + 1)
    found = np.empty(len(p))
    found[order] = np.minimum(1.0, np.minimum.accumulate(rates[::-1])[::-1])
    return found
