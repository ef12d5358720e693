"""Goods that are bought together because one leads to the other.

Whoever takes the first good of a bundle takes one of each other good as well, with the bundle's
probability: a pair adds one good, a triple two at once. The goods of a bundle are of different
categories, and no good is in two.
"""

from dataclasses import dataclass

import numpy as np

from simulator.exact import Floats, Integers
from simulator.goods import Goods
from simulator.parameters import Parameters
from simulator.streams import States, branch, integer, streams, uniform


@dataclass(frozen=True, slots=True)
class Bundles:
    """One element a bundle: the leading good, what it adds (-1 where a pair has no third), how often."""

    leads: Integers
    added: Integers
    also_added: Integers
    probability: Floats

    @property
    def goods(self) -> Integers:
        """Every good in a bundle."""
        whole = np.concatenate([self.leads, self.added, self.also_added])
        return whole[whole >= 0]

    def links(self) -> tuple[Integers, Integers, Floats]:
        """(leading good, added good, probability) of every addition."""
        third = self.also_added >= 0
        return (
            np.concatenate([self.leads, self.leads[third]]),
            np.concatenate([self.added, self.also_added[third]]),
            np.concatenate([self.probability, self.probability[third]]),
        )

    def pairs(self) -> tuple[Integers, Integers]:
        """Every pair of goods within a bundle, the two that a triple adds included."""
        third = self.also_added >= 0
        return (
            np.concatenate([self.leads, self.leads[third], self.added[third]]),
            np.concatenate([self.added, self.also_added[third], self.also_added[third]]),
        )


def draw(parameters: Parameters, seed: int, goods: Goods) -> Bundles:
    """The shop's bundles among the goods sold from the first day.

    They are made of the faster goods, so that they are seen often enough to be found.
    """
    count = parameters.bundle_pairs + parameters.bundle_triples
    free = np.ones(parameters.goods, dtype=np.bool_)
    fast = np.arange(parameters.goods) < parameters.bundle_ranks * parameters.categories
    chosen = np.full((3, count), -1, dtype=np.int64)
    for bundle in range(count):
        stream = streams(seed, "bundle", bundle)
        size = 2 if bundle < parameters.bundle_pairs else 3
        for place in range(size):
            taken = goods.category[chosen[:place, bundle]]
            candidates = np.flatnonzero(free & fast & ~np.isin(goods.category[: parameters.goods], taken))
            if not len(candidates):
                break
            good = candidates[integer(stream, len(candidates), place)[0]]
            chosen[place, bundle] = good
            free[good] = False
    whole = chosen[1] >= 0
    steps = parameters.bundle_probabilities
    probability = np.array(steps)[np.arange(count) % len(steps)] if count else np.zeros(0)
    return Bundles(chosen[0][whole], chosen[1][whole], chosen[2][whole], probability[whole])


def additions(
    bundles: Bundles, visit: Integers, good: Integers, visit_streams: States, goods: int
) -> tuple[Integers, Integers]:
    """What bundles add to baskets: (visit, good) of each unit more.

    Args:
        bundles: The shop's.
        visit: Of each unit, an index into `visit_streams`.
        good: Of each unit.
        visit_streams: The stream of each visit.
        goods: How many goods there are.
    """
    place = np.full(goods, -1, dtype=np.int64)
    place[bundles.leads] = np.arange(len(bundles.leads))
    leads = np.flatnonzero(place[good] >= 0)
    once = visit[leads] * goods + good[leads]
    once.sort()
    once = once[np.diff(once, prepend=-1) > 0]
    of, bundle = once // goods, place[once % goods]
    chance = uniform(branch(visit_streams[of], -1 - bundle))
    taken = chance < bundles.probability[bundle]
    of, bundle = of[taken], bundle[taken]
    third = bundles.also_added[bundle] >= 0
    return (
        np.concatenate([of, of[third]]),
        np.concatenate([bundles.added[bundle], bundles.also_added[bundle][third]]),
    )
