"""What a month should sell: expectations given who is there, before chance fills the baskets.

Everything follows from the parameters in closed form. Two parts are taken at the month's mean weights
instead of each day's: the share of units sold at wholesale price, and what bundles add. Both are small, and
so is the error. Guests are included; returns, duplicates and giant orders are not.
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


@dataclass(frozen=True, slots=True)
class Expected:
    """Expectations of a month.

    Attributes:
        orders: A day, visits that end with something bought.
        units: Days x goods.
        amount: A day, in cents.
        amount_again: A day, in cents, without first orders.
        deviation: Standard deviation of a day's amount, in cents.
        weight: Mean weight of each good over the month, busy days counting more.
        people: Who is expected, and how often.
    """

    orders: Floats
    units: Floats
    amount: Floats
    amount_again: Floats
    deviation: Floats
    weight: Floats
    people: "Crowd"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who is expected in a month: one element a customer who may come again or arrives.

    Attributes:
        customers: Their numbers.
        visits: Expected visits with units or without; guests like them included.
        begins: Place of the first day that counts within the month.
        ends: The place after the last.
        again: How many of the elements, from the first, may come again; the rest arrive.
    """

    customers: Integers
    visits: Floats
    begins: Integers
    ends: Integers
    again: int


def crowd(
    parameters: Parameters,
    customers: Customers,
    there: Presence,
    month: Month,
    intensities: Floats,
    mean: Floats,
) -> Crowd:
    """Gather who is expected; `mean` is the mean weight of each category."""
    who = np.concatenate([there.customers, there.arrived])
    again = len(there.customers)
    any_unit = baskets.chance_of_any(mean_units(customers, who, mean), parameters.visit_shape)
    visits = np.concatenate([exposure(customers, there, month, intensities), np.ones(len(there.arrived))]) / (
        1 - parameters.guest_share
    )
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


def mean_units(customers: Customers, who: Integers, weights: Floats) -> Floats:
    """Expected units of a visit of each of `who`; `weights` are those of the categories."""
    units = np.zeros(len(who))
    for category, weight in enumerate(weights):
        units += customers.taste[who, category] * weight
    return np.asarray(units * customers.basket[who])


def of_month(
    parameters: Parameters,
    customers: Customers,
    there: Presence,
    month: Month,
    goods: Goods,
    shelf: Shelf,
    combined: Bundles,
    weights: Floats,
    intensities: Floats,
) -> Expected:
    """Expectations of the month's days and goods.

    Args:
        parameters: The shop's.
        customers: All of them.
        there: Who is there in the month.
        month: When.
        goods: All launched by its end.
        shelf: Their prices.
        combined: The shop's bundles.
        weights: Of the goods, days x goods: with or without stock-outs and anomalies.
        intensities: How busy each day is, segments x days, likewise.
    """
    shape = parameters.visit_shape
    pace = intensities[0] + 1e-9
    mean_weight = _mean_over_days(weights, pace)
    kinds = parameters.categories
    mean = by_category(goods.category, mean_weight, kinds)
    people = crowd(parameters, customers, there, month, intensities, mean)
    wanted = mean_units(customers, people.customers, mean)
    any_unit = baskets.chance_of_any(wanted, shape)

    again, first = _units_by_day(customers, people, intensities)
    scaled = again + first
    whole = mean_units_by_category(customers, people)
    discounted = whole * _wholesale(parameters, wanted)[:, None]
    share = exact.total(discounted.T) / np.maximum(exact.total(whole.T), 1e-12)
    paid = shelf.cents * (1 - parameters.wholesale_discount * share[goods.category])

    units = scaled[:, goods.category] * weights
    added = _added(combined, customers, people, goods, mean_weight, units, weights > 0, shape)
    amount_again = exact.total(again[:, goods.category] * weights * paid)

    price = _mean_over_days(paid, pace)
    value = by_category(goods.category, mean_weight * price, kinds)
    square = by_category(goods.category, mean_weight * price * price, kinds)
    worth = mean_units(customers, people.customers, value)
    second = mean_units(customers, people.customers, square) + (1 + 1 / shape) * worth * worth
    amount = exact.total((units + added) * paid)
    scale = amount / max(float(exact.total(amount)), 1e-12)
    return Expected(
        orders=exact.total(scaled)
        / max(float(exact.total(scaled.ravel())), 1e-12)
        * float(exact.total(people.visits * any_unit)),
        units=units + added,
        amount=amount,
        amount_again=amount_again,
        deviation=np.sqrt(scale * float(exact.total(people.visits * second))),
        weight=mean_weight,
        people=people,
    )


def by_category(category: Integers, values: Floats, categories: int) -> Floats:
    """Sums of values over the goods of each category."""
    return np.bincount(category, weights=values, minlength=categories).astype(np.float64)


def _mean_over_days(values: Floats, pace: Floats) -> Floats:
    """Mean of days x goods over the days, each weighted by how busy it is."""
    return exact.total((values * pace[:, None]).T) / float(exact.total(pace))


def mean_units_by_category(customers: Customers, people: Crowd) -> Floats:
    """Expected units of the month at weight 1, people x categories."""
    return customers.taste[people.customers] * (customers.basket[people.customers] * people.visits)[:, None]


def _units_by_day(customers: Customers, people: Crowd, intensities: Floats) -> tuple[Floats, Floats]:
    """Units at weight 1, days x categories: of those who come again, and of those who arrive."""
    segments, days = intensities.shape
    whole = mean_units_by_category(customers, people)
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


def _added(
    combined: Bundles,
    customers: Customers,
    people: Crowd,
    goods: Goods,
    mean_weight: Floats,
    units: Floats,
    on_sale: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    shape: int,
) -> Floats:
    """Units that bundles add, days x goods: in proportion to the leading good's over the days."""
    result = np.zeros_like(units)
    for lead, added, probability in zip(*combined.links(), strict=True):
        taken = customers.basket[people.customers] * customers.taste[people.customers, goods.category[lead]]
        has_lead = baskets.chance_of_any(taken * mean_weight[lead], shape)
        count = float(exact.total(people.visits * has_lead)) * probability
        days = units[:, lead] / max(float(exact.total(units[:, lead])), 1e-12)
        result[:, added] += count * days * on_sale[:, added]
    return result
