"""What a month should sell: expectations given who is there, before chance fills the baskets.

Everything follows from the parameters in closed form. Two parts are taken at the month's mean weights
instead of each day's, and in a big shop for a sample of the customers: the share of units sold at wholesale
price, and what bundles add. Both are small, and so is the error. Guests are included; returns, duplicates
and giant orders are not.
"""

from dataclasses import dataclass

import numpy as np

from simulator import baskets, exact
from simulator.bundles import Bundles
from simulator.customers import Customers
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.goods import Goods, Shelf
from simulator.parameters import Parameters
from simulator.visits import Presence, exposure

_SAMPLE = 1 << 14  # customers


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who is expected in a month: one element a customer who may come again or arrives.

    Attributes:
        customers: Their numbers.
        visits: Expected visits, with units or without, those of guests like them included.
        begins: Place of the first day that counts within the month.
        ends: The place after the last.
        again: How many of the elements, from the first, may come again; the rest arrive.
    """

    customers: Integers
    visits: Floats
    begins: Integers
    ends: Integers
    again: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What the expectations of a month are made of.

    Attributes:
        people: Who is expected.
        again: Units at weight 1 of those who come again, days x categories, without anomalies.
        first: The same of first orders, which no anomaly moves.
        orders_a_unit: Orders for each of those units.
        paid: Mean price of one in cents, wholesale included, days x goods.
        additions: Units that each link of a bundle adds, for a unit of its leading good.
        weight: Mean usual weight of each good, busy days counting more.
    """

    people: Crowd
    again: Floats
    first: Floats
    orders_a_unit: float
    paid: Floats
    additions: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Expected:
    """Expectations of a month: orders a day, units of days x goods, amount in cents a day."""

    orders: Floats
    units: Floats
    amount: Floats


def basis(
    parameters: Parameters,
    customers: Customers,
    there: Presence,
    month: Month,
    goods: Goods,
    shelf: Shelf,
    combined: Bundles,
    intensities: Floats,
) -> Basis:
    """Gather what the month's expectations are made of.

    Args:
        parameters: The shop's.
        customers: All of them.
        there: Who is there in the month.
        month: When.
        goods: All launched by its end.
        shelf: Their prices and weights.
        combined: The shop's bundles.
        intensities: How busy each day is, segments x days, without anomalies.
    """
    shape = parameters.visit_shape
    pace = intensities[0] + 1e-9
    weight = exact.total((shelf.usual_weight * pace[:, None]).T) / float(exact.total(pace))
    kinds = by_category(goods.category, weight, parameters.categories)
    who = np.concatenate([there.customers, there.arrived])
    wanted = mean_units(customers, who, kinds)
    any_unit = baskets.chance_of_any(wanted, shape)
    people = _crowd(parameters, customers, there, month, intensities, who, any_unit)

    whole = customers.taste[who] * (customers.basket[who] * people.visits)[:, None]
    again, first = _by_day(customers, people, whole, intensities)
    some = slice(None, None, 1 + len(who) // _SAMPLE)
    discounted = exact.total((whole[some] * _wholesale(parameters, wanted[some])[:, None]).T)
    share = discounted / np.maximum(exact.total(whole[some].T), 1e-12)
    basket, taste = customers.basket[who[some]], customers.taste[who[some]]
    leads, _, probability = combined.links()
    additions = np.zeros(len(leads))
    for link, lead in enumerate(leads):
        taken = basket * taste[:, goods.category[lead]] * weight[lead]
        has_lead = float(exact.total(people.visits[some] * baskets.chance_of_any(taken, shape)))
        additions[link] = has_lead / max(float(exact.total(people.visits[some] * taken)), 1e-12)
    return Basis(
        people=people,
        again=again,
        first=first,
        orders_a_unit=float(exact.total(people.visits * any_unit))
        / max(float(exact.total((again + first).ravel())), 1e-12),
        paid=shelf.cents * (1 - parameters.wholesale_discount * share[goods.category]),
        additions=additions * probability,
        weight=weight,
    )


def of_month(base: Basis, goods: Goods, combined: Bundles, weights: Floats, factor: Floats) -> Expected:
    """Expectations with the given weights (days x goods) and anomalies of the days (factors)."""
    scaled = base.again * factor[:, None] + base.first
    units = scaled[:, goods.category] * weights
    added = np.zeros_like(units)
    leads, goods_added, _ = combined.links()
    for link, (lead, other) in enumerate(zip(leads, goods_added, strict=True)):
        added[:, other] += base.additions[link] * units[:, lead] * (weights[:, other] > 0)
    units = units + added
    return Expected(
        orders=exact.total(scaled) * base.orders_a_unit, units=units, amount=exact.total(units * base.paid)
    )


def spread(
    parameters: Parameters, customers: Customers, base: Basis, goods: Goods, usual: Expected
) -> Floats:
    """Standard deviation of each day's usual amount, in cents."""
    price = exact.total(base.paid.T) / len(base.paid)
    value = by_category(goods.category, base.weight * price, parameters.categories)
    square = by_category(goods.category, base.weight * price * price, parameters.categories)
    who = base.people.customers
    worth = mean_units(customers, who, value)
    second = mean_units(customers, who, square) + (1 + 1 / parameters.visit_shape) * worth * worth
    share = usual.amount / max(float(exact.total(usual.amount)), 1e-12)
    return np.sqrt(share * float(exact.total(base.people.visits * second)))


def by_category(category: Integers, values: Floats, categories: int) -> Floats:
    """Sums of values over the goods of each category."""
    return np.bincount(category, weights=values, minlength=categories).astype(np.float64)


def mean_units(customers: Customers, who: Integers, weights: Floats) -> Floats:
    """Expected units of a visit of each of `who`; `weights` are those of the categories."""
    taste = customers.taste[who].T
    units = np.zeros(len(who))
    for liked, weight in zip(taste, weights, strict=True):
        units += liked * weight
    return np.asarray(units * customers.basket[who])


def _crowd(
    parameters: Parameters,
    customers: Customers,
    there: Presence,
    month: Month,
    intensities: Floats,
    who: Integers,
    any_unit: Floats,
) -> Crowd:
    again = len(there.customers)
    comes = np.concatenate([exposure(customers, there, month, intensities), np.ones(len(there.arrived))])
    visits = comes / (1 - parameters.guest_share)
    # A visit that must be an order counts as the visits it would have taken to get one.
    surely = slice(0 if parameters.is_every_visit_an_order else again, None)
    visits[surely] /= np.maximum(any_unit[surely], 1e-12)
    arrived = customers.began[there.arrived] - month.start
    return Crowd(
        who,
        visits,
        np.concatenate([there.begins - month.start, arrived]),
        np.concatenate([there.ends - month.start, arrived + 1]),
        again,
    )


def _by_day(customers: Customers, people: Crowd, whole: Floats, intensities: Floats) -> tuple[Floats, Floats]:
    """Units at weight 1, days x categories: of those who come again, and of those who arrive.

    `whole` are the units of the month, people x categories.
    """
    segments, days = intensities.shape
    reached = exact.running(intensities)
    again = slice(None, people.again)
    segment = customers.segment[people.customers[again]]
    begins, ends = people.begins[again], people.ends[again]
    span = reached[segment, ends] - reached[segment, begins]
    kinds = whole.shape[1]
    result, first = np.zeros((days, kinds)), np.zeros((days, kinds))
    size = segments * (days + 1)
    for category in range(kinds):
        rate = np.divide(whole[again, category], span, out=np.zeros(len(span)), where=span > 0)
        change = np.bincount(segment * (days + 1) + begins, weights=rate, minlength=size)
        change -= np.bincount(segment * (days + 1) + ends, weights=rate, minlength=size)
        present = np.maximum(np.cumsum(change.reshape(segments, days + 1), axis=1)[:, :days], 0)
        result[:, category] = exact.total((present * intensities).T)
        first[:, category] = np.bincount(
            people.begins[people.again :], weights=whole[people.again :, category], minlength=days
        )
    return result, first


def _wholesale(parameters: Parameters, wanted: Floats) -> Floats:
    """Share of each one's units that lie in baskets of wholesale size.

    The units in a basket, seen from a unit, are one more than a negative binomial of a shape one higher.
    """
    shape = parameters.visit_shape
    success = 1 / (1 + wanted / shape)
    term = np.ones_like(success)
    for _ in range(shape + 1):
        term = term * success
    below = np.zeros_like(success)
    for count in range(parameters.wholesale_units - 1):
        below += term
        term = term * (1 - success) * (shape + 1 + count) / (count + 1)
    return np.maximum(1 - below, 0)
