"""What is in the baskets: units of goods a visit, gathered into lines.

Given a visit of scale g x basket with g ~ Gamma(shape, 1/shape), the units of each good are independent
Poisson counts with mean scale x taste of its category x weight of the good that day. The same law is
drawn here in another way: the units of the whole basket are negative binomial, that is a sum of `shape`
geometric counts, and each unit then chooses its good. One random number a unit, whatever the number of
goods. A visit without a unit is no order.

Lines come in order of visit and good. Visits are worked off in pieces, so memory is bounded by a piece
and the lines of a month.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from simulator import bundles, exact
from simulator.bundles import Bundles
from simulator.customers import Customers
from simulator.exact import Floats, Integers
from simulator.goods import Goods, Shelf
from simulator.parameters import Parameters
from simulator.streams import States, branch, geometric, uniform
from simulator.visits import Visits

_PIECE = 1 << 15  # visits; the arrays of a piece stay within a processor's cache
_PIECE_LINES = 1 << 17
_TRUNCATION, _GEOMETRIC = -201, -210
_LINES = 1 << 32


@dataclass(frozen=True, slots=True)
class Lines:
    """One element a line: the visit (its index), the good, how many, the price of one in cents.

    Kept in 32, 16, 32 and 32 bits: a month of a big shop is held in memory as lines.
    """

    visit: Integers
    good: Integers
    quantity: Integers
    cents: Integers

    def __len__(self) -> int:
        return len(self.visit)

    @classmethod
    def of(cls, visit: Integers, good: Integers, quantity: Integers, cents: Integers) -> "Lines":
        """Lines in as few bits as they need."""
        return cls(
            visit.astype(np.int32), good.astype(np.int16), quantity.astype(np.int32), cents.astype(np.int32)
        )

    def take(self, which: slice) -> "Lines":
        """These alone."""
        return Lines(self.visit[which], self.good[which], self.quantity[which], self.cents[which])

    def pieces(self) -> Iterator[slice]:
        """Slices that cover all lines, each small enough for temporary arrays to be cheap."""
        for begin in range(0, len(self), _PIECE_LINES):
            yield slice(begin, begin + _PIECE_LINES)

    def streams(self, visits: Visits) -> States:
        """The random stream of each line."""
        return branch(visits.stream[self.visit], _LINES + self.good.astype(np.int64))

    def shifted(self, visits: int) -> "Lines":
        """The same lines, of visits that follow so many others."""
        return replace(self, visit=self.visit + visits)


@dataclass(frozen=True, slots=True)
class Choice:
    """A month's weights in the order of the categories, made to be looked up in.

    Attributes:
        order: Goods, category by category.
        reached: Running totals of weights over all days and goods in that order, one after the other.
        edges: Index into `reached` of the first good of each category, days x (categories + 1).
        weights: Total weight of each category, days x categories.
    """

    order: Integers
    reached: Floats
    edges: Integers
    weights: Floats


def choice(parameters: Parameters, goods: Goods, weight: Floats) -> Choice:
    """Arrange weights (days x goods) for drawing."""
    days, count = weight.shape
    order = np.argsort(goods.category, kind="stable")
    reached = exact.running(weight[:, order].ravel())
    within = np.concatenate([[0], np.cumsum(np.bincount(goods.category, minlength=parameters.categories))])
    edges = np.arange(days)[:, None] * count + within
    at_edges = reached[edges]
    return Choice(order, reached, edges, at_edges[:, 1:] - at_edges[:, :-1])


def chance_of_any(mean_units: Floats, shape: int) -> Floats:
    """Probability that a visit of so many expected units ends with at least one."""
    ratio = 1 / (1 + mean_units / shape)
    result = np.ones_like(ratio)
    for _ in range(shape):
        result = result * ratio
    return 1 - result


def units(parameters: Parameters, visits: Visits, mean_units: Floats) -> Integers:
    """Units in the basket of each visit: negative binomial, at least one where `is_order`."""
    shape = parameters.visit_shape
    means = np.maximum(mean_units, 1e-12) / shape
    # The first part that is not zero, given that one is: a truncated geometric law over the parts.
    log_none = -exact.log(1 + means)
    any_unit = chance_of_any(means * shape, shape)
    place = np.floor(exact.log(1 - uniform(visits.stream, _TRUNCATION) * any_unit) / log_none)
    place = np.minimum(place, shape - 1)
    result = np.zeros(len(visits), dtype=np.int64)
    for part in range(shape):
        count = geometric(uniform(visits.stream, _GEOMETRIC - part), means)
        surely = np.where(place == part, count + 1, np.where(place < part, count, 0))
        result += np.where(visits.is_order, surely, count)
    return result


def draw(
    parameters: Parameters,
    customers: Customers,
    goods: Goods,
    shelf: Shelf,
    combined: Bundles,
    visits: Visits,
    start: int,
    workers: Executor,
) -> Lines:
    """The lines of a month's visits.

    Args:
        parameters: The shop's.
        customers: All of them.
        goods: All launched by the end of the month.
        shelf: The month's prices and weights.
        combined: The shop's bundles.
        visits: The month's.
        start: First day of the month.
        workers: Where pieces are worked on.
    """
    chosen = choice(parameters, goods, shelf.weight)

    def piece(begin: int) -> Lines:
        part = slice(begin, begin + _PIECE)
        some = visits.take(part)
        return _lines(parameters, customers, shelf, combined, some, some.day - start, chosen).shifted(begin)

    return one_after_other(list(workers.map(piece, range(0, len(visits), _PIECE))))


def one_after_other(parts: list[Lines]) -> Lines:
    """All parts as one."""
    whole = [Lines.of(*(np.zeros(0, dtype=np.int64),) * 4), *parts]
    return Lines(
        np.concatenate([part.visit for part in whole]),
        np.concatenate([part.good for part in whole]),
        np.concatenate([part.quantity for part in whole]),
        np.concatenate([part.cents for part in whole]),
    )


def _lines(
    parameters: Parameters,
    customers: Customers,
    shelf: Shelf,
    combined: Bundles,
    visits: Visits,
    day: Integers,
    chosen: Choice,
) -> Lines:
    """Lines of some visits; `day` counts within the month."""
    count = shelf.cents.shape[1]
    taste = customers.taste[visits.customer].T
    weights = chosen.weights[day].T
    reached = np.empty((len(taste) + 1, len(visits)))
    reached[0] = 0
    for kind, (liked, weight) in enumerate(zip(taste, weights, strict=True)):
        reached[kind + 1] = reached[kind] + liked * weight
    basket = units(parameters, visits, customers.basket[visits.customer] * reached[-1])
    # A day on which nothing is on sale has no basket.
    basket[reached[-1] <= 0] = 0

    visit = np.repeat(np.arange(len(visits), dtype=np.int32), basket)
    aim = uniform(visits.stream[visit], exact.ragged(basket)) * reached[-1][visit]
    category = np.zeros(len(visit), dtype=np.int32)
    for edge in reached[1:-1]:
        category += aim >= edge[visit]
    within = (aim - reached[category, visit]) / taste[category, visit]
    today = day[visit]
    low = chosen.edges[today, category]
    high = chosen.edges[today, category + 1]
    place = np.searchsorted(chosen.reached, chosen.reached[low] + within, side="right") - 1
    good = chosen.order[np.clip(place, low, high - 1) % count]

    more_visits, more_goods = bundles.additions(combined, visit, good, visits.stream, count)
    on_shelf = shelf.weight[day[more_visits], more_goods] > 0
    key = np.concatenate([visit * count + good, (more_visits * count + more_goods)[on_shelf]]).astype(
        np.int32
    )
    key.sort()
    firsts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    quantity = np.diff(np.append(firsts, len(key)))
    key = key[firsts]
    visit, good = key // np.int32(count), key % np.int32(count)
    bought = np.bincount(visit, weights=quantity, minlength=len(visits))
    cents = shelf.cents[day[visit], good]
    wholesale = np.floor(cents * (1 - parameters.wholesale_discount) + 0.5).astype(np.int64)
    is_wholesale = bought[visit] >= parameters.wholesale_units
    paid = np.where(is_wholesale, np.maximum(wholesale, 1), cents)
    return Lines.of(visit, good, quantity, paid)
