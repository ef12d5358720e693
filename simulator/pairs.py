"""How often each pair of goods should meet in one basket, and what there is between the two.

Given a visit's scale g ~ Gamma, the goods in a basket are independent, so the expected count of a pair is a
sum over visits of an integral over g of a product: one matrix product of goods by (customers x nodes of a
quadrature). Customers beyond a few thousand are represented by a sample of them, and goods by their mean
weights over a season, so counts are good to a few per cent.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from simulator import goods as catalogue
from simulator.bundles import Bundles
from simulator.customers import Customers
from simulator.exact import Floats, Integers
from simulator.parameters import Parameters
from simulator.shop import MonthOfShop

BUNDLE, AFFINITY, FALSE, MIXED = "bundle", "affinity", "false", "mixed"

_SEASON = 3  # months
_SAMPLE = 768  # customers
_NODES = 4
_LEAST_COUNT = 5.0


@dataclass(slots=True)
class Together:
    """Gathers, season by season, what the expected counts are made of.

    Attributes:
        counts: Expected baskets with both goods, goods x goods, of the seasons closed so far.
        visits: Expected visits of each customer in the season that is open.
        weights: Mean weights of the goods in each of its months.
    """

    counts: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    visits: Floats = field(default_factory=lambda: np.zeros(0))
    weights: list[Floats] = field(default_factory=list)

    def add(self, parameters: Parameters, made: MonthOfShop) -> None:
        """Count a month in."""
        people = made.people
        visits = np.zeros(len(made.customers))
        visits[: len(self.visits)] = self.visits
        visits[people.customers] += people.visits
        self.visits = visits
        self.weights.append(made.weight)
        if len(self.weights) == _SEASON:
            self._close(parameters, made)

    def _close(self, parameters: Parameters, made: MonthOfShop) -> None:
        weight = np.zeros(len(made.goods))
        for of_month in self.weights:
            weight[: len(of_month)] += of_month / len(self.weights)
        counts = expected_counts(
            parameters, made.customers, self.visits, made.goods.category, weight, made.combined
        )
        before = len(self.counts)
        counts[:before, :before] += self.counts
        self.counts, self.visits, self.weights = counts, np.zeros(0), []

    def table(self, parameters: Parameters, made: MonthOfShop) -> pl.DataFrame:
        """One row a pair of goods that is expected to meet, or belongs together; stock_code < other_code."""
        if self.weights:
            self._close(parameters, made)
        count = len(made.goods)
        low, high = np.triu_indices(count, 1)
        bundled = np.zeros((count, count), dtype=np.bool_)
        bundled[made.combined.pairs()] = True
        is_bundle = (bundled | bundled.T)[low, high]
        expected = self.counts[low, high]
        shown = is_bundle | (expected >= _LEAST_COUNT)
        low, high, expected, is_bundle = low[shown], high[shown], expected[shown], is_bundle[shown]
        category = made.goods.category
        tastes = np.array([segment.taste for segment in parameters.segments])
        alike = (tastes == tastes[0]).all(axis=0)
        kind = np.select(
            [is_bundle, category[low] == category[high], alike[category[low]] & alike[category[high]]],
            [BUNDLE, AFFINITY, FALSE],
            MIXED,
        )
        codes = pl.Series(catalogue.stock_codes(parameters, np.arange(count)))
        swapped = (codes.gather(low) > codes.gather(high)).to_numpy()
        return pl.DataFrame(
            {
                "stock_code": codes.gather(np.where(swapped, high, low)),
                "other_code": codes.gather(np.where(swapped, low, high)),
                "kind": kind,
                "expected_count": np.round(expected, 2),
                "is_judged": (expected >= parameters.judged_count) & np.isin(kind, [BUNDLE, FALSE]),
            }
        ).sort("stock_code", "other_code")


def expected_counts(
    parameters: Parameters,
    customers: Customers,
    visits: Floats,
    category: Integers,
    weight: Floats,
    combined: Bundles,
) -> Floats:
    """Expected baskets with both goods of each pair, goods x goods; the diagonal means nothing.

    Args:
        parameters: The shop's.
        customers: All of them.
        visits: Expected visits of each.
        category: Of each good.
        weight: Of each good.
        combined: The shop's bundles.
    """
    who, times = _sample(visits, customers.basket)
    scale, share = gamma_quadrature(parameters.visit_shape, _NODES)
    wanted = customers.taste[who][:, category] * weight * customers.basket[who][:, None]
    times = (times[:, None] * share).ravel()[:, None].astype(np.float32)
    mean = wanted.astype(np.float32)[:, None, :] * -scale.astype(np.float32)[:, None]
    alone = 1 - np.exp(mean.reshape(-1, len(weight)))
    taken = alone.copy()
    for lead, added, probability in zip(*combined.links(), strict=True):
        taken[:, added] = 1 - (1 - alone[:, added]) * (1 - probability * alone[:, lead])
    counts = (taken.T @ (times * taken)).astype(np.float64)
    for lead, added, probability in zip(*combined.links(), strict=True):
        both = alone[:, lead] * (probability + (1 - probability) * alone[:, added])
        counts[lead, added] = counts[added, lead] = float(times[:, 0] @ both)
    third = combined.also_added >= 0
    for lead, one, other, probability in zip(
        combined.leads[third],
        combined.added[third],
        combined.also_added[third],
        combined.probability[third],
        strict=True,
    ):
        by_chance = alone[:, one] * alone[:, other]
        both = by_chance + probability * alone[:, lead] * (1 - by_chance)
        counts[one, other] = counts[other, one] = float(times[:, 0] @ both)
    return np.asarray(counts)


def _sample(visits: Floats, basket: Floats) -> tuple[Integers, Floats]:
    """Customers that stand for all, and the visits each stands for: systematic, big baskets first."""
    who = np.flatnonzero(visits > 0)
    if len(who) <= _SAMPLE:
        return who, visits[who]
    size = visits[who] * basket[who] ** 2
    reached = np.cumsum(size) / size.sum()
    chosen = np.searchsorted(reached, (np.arange(_SAMPLE) + 0.5) / _SAMPLE)
    return who[chosen], visits[who[chosen]] * size.sum() / (size[chosen] * _SAMPLE)


def gamma_quadrature(shape: int, count: int) -> tuple[Floats, Floats]:
    """Nodes and weights of a Gamma of the shape and mean 1 (Golub and Welsch 1969)."""
    k = np.arange(1, count)
    beside = np.sqrt(k * (k + shape - 1.0))
    jacobi = np.diag(2.0 * np.arange(count) + shape) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return np.asarray(nodes / shape), np.asarray(vectors[0] ** 2)
