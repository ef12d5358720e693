"""How good lists were: hits among the first of each list, against what the customers bought then."""

import numpy as np

from assets.recommendations.history import Booleans, Floats, Integers

CUTS = (5, 10)


def of_customers(hits: Booleans, bought: Integers) -> dict[str, Floats]:
    """Measures of each customer.

    Args:
        hits: Whether the good at each rank was bought: customers x ranks, the best first.
        bought: Goods that each customer bought, above 0, with those that no list could know.

    Returns:
        For each cut k of CUTS capped_recall_k (hits among the first k, by the smaller of k and the goods bought),
        recall_k (by the goods bought) and ndcg_k (a hit at rank r counts 1 / log2(r + 1), by the most that could be had).
    """
    found: dict[str, Floats] = {}
    width = max(CUTS)
    if hits.shape[1] < width:
        hits = np.pad(hits, ((0, 0), (0, width - hits.shape[1])))
    discount = 1 / np.log2(np.arange(2, width + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    for k in CUTS:
        number = hits[:, :k].sum(axis=1)
        most = np.minimum(k, bought)
        found[f"capped_recall_{k}"] = number / most
        found[f"recall_{k}"] = number / bought
        found[f"ndcg_{k}"] = hits[:, :k] @ discount[:k] / ideal[most]
    return found


def coverage(top: Integers, goods: int) -> float:
    """Share of all goods that stand in anyone's list; -1 is none."""
    return len(np.unique(top[top >= 0])) / goods if goods else 0.0


def novelty(top: Integers, ever: Integers, customers: int) -> float | None:
    """Mean of -log2 of the share of customers who have bought the good: 0 is what everybody has."""
    if not (top >= 0).any():
        return None
    return float(-np.log2(ever[top[top >= 0]] / customers).mean())


def paired_gains(gains: Floats, *, draws: int = 500, seed: int = 0) -> Floats:
    """Mean gain over the customers, and its 95 % interval: customers are drawn anew, with all that is theirs.

    With one customer the interval has no width, and says nothing.

    Args:
        gains: Of one over another, customers x comparisons.
        draws: Resamples.
        seed: Of the bootstrap.

    Returns:
        Comparisons x (mean, low, high).
    """
    number = len(gains)
    rng = np.random.default_rng(seed)
    # A draw at a time: draws x customers of a large shop would not fit into memory. How often each is drawn, counted, is
    # a fifth of the time of `multinomial`.
    drawn = (np.bincount(rng.integers(number, size=number), minlength=number) for _ in range(draws))
    means = np.array([times @ gains / number for times in drawn])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return np.column_stack([gains.mean(axis=0), low, high])
