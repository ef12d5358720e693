"""What chance does to the mean of some among many, and which of many findings chance can be blamed for."""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import pearson3

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# So many drawn are counted exactly; of more the sum is close to the law of the same three moments.
EXACT = 100
# Where that law gives more than this, counting makes no finding of it.
PLAIN = 0.2


def lower_chance(some: Integers, others: Integers) -> Floats:
    """Chance that as many, drawn at random from all, would have a sum as low or lower: a permutation test, one-sided.

    Exact where the fewer of `some` and `others` are 100 at most: the multivariate hypergeometric law of the numbers
    of each step, added up by sums. Else, and where it is plainly no finding, by Pearson's third law with the mean,
    variance and skewness that drawing from a finite population has: stars are far from symmetric.

    Args:
        some: How many have each step 1, 2, ..., tests x steps; at least one in each test.
        others: The same of all others.

    Returns:
        One probability a test.
    """
    step = np.arange(1, some.shape[1] + 1)
    drawn, rest = some.sum(axis=1), others.sum(axis=1)
    whole, total = some + others, drawn + rest
    mean = (whole * step).sum(axis=1) / total
    variance = (whole * (step - mean[:, None]) ** 2).sum(axis=1) / total
    spread = np.sqrt(variance * drawn * rest / np.maximum(total - 1, 1))
    third = (whole * (step - mean[:, None]) ** 3).sum(axis=1) / total
    third = third * drawn * rest * (rest - drawn) / np.maximum((total - 1) * (total - 2), 1)
    known = np.where(spread > 0, spread, 1.0)
    # Half a step: sums are whole numbers.
    off = (some * step).sum(axis=1) - drawn * mean + 0.5
    chance = np.where(spread > 0, pearson3.cdf(off / known, third / known**3), 1.0)
    for test in np.flatnonzero((spread > 0) & (chance < PLAIN) & (np.minimum(drawn, rest) <= EXACT)):
        # A low sum of some is a high sum of the others: the fewer are counted.
        if drawn[test] <= rest[test]:
            chance[test] = _exact(some[test], whole[test], is_low=True)
        else:
            chance[test] = _exact(others[test], whole[test], is_low=False)
    return np.minimum(chance, 1.0)


def _exact(some: Integers, whole: Integers, *, is_low: bool) -> float:
    """Chance of a sum as low (or as high) of as many drawn from the whole without putting back."""
    drawn, top = int(some.sum()), len(some) - 1
    ways = np.zeros((drawn + 1, drawn * top + 1))  # number drawn x sum, steps counted from 0
    ways[0, 0] = 1.0
    for step, there in enumerate(whole):
        taken = np.arange(min(int(there), drawn) + 1)
        # Relative to all ways to draw: no number of ways overflows.
        weight = np.exp(_log_choose(int(there), taken) - _log_choose(int(whole.sum()), drawn) * taken / drawn)
        reached = np.zeros_like(ways)
        for count, by in zip(taken.tolist(), weight.tolist(), strict=True):
            shift = count * step
            reached[count:, shift:] += by * ways[: drawn + 1 - count, : ways.shape[1] - shift]
        ways = reached
    at = int((some * np.arange(len(some))).sum())
    of_sum = ways[drawn]
    return float((of_sum[: at + 1] if is_low else of_sum[at:]).sum() / of_sum.sum())


def _log_choose(there: int, taken: npt.ArrayLike) -> Floats:
    taken = np.asarray(taken, dtype=np.float64)
    return np.asarray(gammaln(there + 1) - gammaln(taken + 1) - gammaln(there - taken + 1))


def adjusted(chances: Floats) -> Floats:
    """The share of false findings among all that are as unlikely as each (Benjamini and Hochberg 1995)."""
    number = len(chances)
    if not number:
        return np.zeros(0)
    order = np.argsort(chances, kind="stable")
    raised = chances[order] * number / np.arange(1, number + 1)
    found = np.empty(number)
    found[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return found
