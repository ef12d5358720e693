"""How sure a share is that is pooled over series: intervals by whole origins, for errors of one month go together."""

import numpy as np
import numpy.typing as npt

from bench.series import Floats


def block_interval(
    held: npt.ArrayLike, count: npt.ArrayLike, *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """The pooled share, and the ends of its interval by a bootstrap of blocks (Efron, Tibshirani 1993, 8).

    Ten thousand steps of one origin are not ten thousand trials: a month that nobody foresaw is missed by all series at once.
    So whole origins are drawn, with replacement.

    Args:
        held: Of each block (origin) how many intervals held what came.
        count: Of how many.
        level: Of the interval, between 0 and 1.
        draws: How often as many blocks are drawn as there are.
        seed: Of the draws.

    Returns:
        Share, lower and upper end.

    Raises:
        ValueError: If there are less than two blocks, or one without a step.
    """
    blocks, sizes = np.asarray(held, dtype=np.float64), np.asarray(count, dtype=np.float64)
    if len(blocks) < 2 or (sizes <= 0).any():
        raise ValueError(
            f"An interval by blocks needs two blocks, each with a step; there are {len(blocks)}, of {sizes.tolist()} steps."
        )
    chance = np.full(len(blocks), 1 / len(blocks))
    times = np.random.default_rng(seed).multinomial(len(blocks), chance, size=draws)
    shares: Floats = (times @ blocks) / (times @ sizes)
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return float(blocks.sum() / sizes.sum()), float(low), float(high)
