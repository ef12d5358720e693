"""The shop, month after month: what the parts make when put together.

`open_shop` yields the months in order. What a month needs from those before it is small: who the customers
are, list prices, what is off sale, what is still to come back, the next invoice number. Everything else is
a function of the seed and the month, so a longer shop begins with the shorter one, bit by bit.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from simulator import (
    anomalies,
    baskets,
    bundles,
    customers,
    days,
    exact,
    expected,
    goods,
    receipts,
    returns,
    visits,
)
from simulator.anomalies import Disturbances
from simulator.baskets import Lines
from simulator.bundles import Bundles
from simulator.customers import UNLIMITED, Customers
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.expected import Basis, Crowd, Expected
from simulator.goods import Goods, Shelf
from simulator.parameters import Parameters
from simulator.receipts import Receipts
from simulator.returns import Returns
from simulator.visits import Visits

_LEAST_LEFT = 0.05  # of the expected visits are left on the worst day


@dataclass(frozen=True, slots=True)
class MonthOfShop:
    """One month: what the file will say, and what stands behind it.

    Attributes:
        month: When.
        customers: All up to the end of the month.
        present: Numbers of those who are there on the day after it.
        goods: All launched up to the end.
        delisted: First day off sale of each good.
        shelf: Prices and weights.
        combined: The shop's bundles.
        intensities: How busy each day is, segments x days, without anomalies.
        usual: What would be sold on average without stock-outs and anomalies.
        expected: What is sold on average with them.
        people: Who is expected, and how often.
        weight: Mean usual weight of each good.
        deviation: Standard deviation of each day's usual amount, in cents.
        disturbances: Anomalies of the whole shop.
        factor: What they multiply each day's visits with.
        missing: Days without rows.
        receipts: The rows.
        returned: What comes back within the month.
        return_invoice: Its invoice numbers.
    """

    month: Month
    customers: Customers
    present: Integers
    goods: Goods
    delisted: Integers
    shelf: Shelf
    combined: Bundles
    intensities: Floats
    usual: Expected
    expected: Expected
    people: Crowd
    weight: Floats
    deviation: Floats
    disturbances: Disturbances
    factor: Floats
    missing: Integers
    receipts: Receipts
    returned: Returns
    return_invoice: Integers


@dataclass(frozen=True, slots=True)
class _Shop:
    """What never changes of a shop."""

    parameters: Parameters
    seed: int
    first_day: date
    asked: int
    combined: Bundles
    missing: Integers


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a month hands on to the next: all that a month needs of the past."""

    people: Customers
    present: Integers
    ware: Goods
    list_cents: Integers
    delisted: Integers
    pending: Returns
    next_invoice: int


def open_shop(
    parameters: Parameters, *, seed: int, first_month: date, months: int, asked: int, workers: Executor
) -> Iterator[MonthOfShop]:
    """The shop's months in order.

    Args:
        parameters: What kind of shop.
        seed: Which of its kind.
        first_month: The first day of its first month.
        months: How many.
        asked: How many customers it has in all, over `arrival_months`.
        workers: Where baskets are filled.
    """
    people = customers.initial(parameters, seed, asked)
    ware = goods.first_goods(parameters, seed)
    shop = _Shop(
        parameters,
        seed,
        first_month,
        asked,
        combined=bundles.draw(parameters, seed, ware),
        missing=anomalies.missing_day(parameters, seed, first_month),
    )
    carried = _Carried(
        people,
        present=np.arange(len(people)),
        ware=ware,
        list_cents=ware.base_cents,
        delisted=np.full(len(ware), goods.NEVER),
        pending=returns.none(),
        next_invoice=parameters.first_invoice,
    )
    for month in days.months(first_month, months):
        made, carried = _make(shop, carried, month, workers)
        yield made


def _make(shop: _Shop, carried: _Carried, month: Month, workers: Executor) -> tuple[MonthOfShop, _Carried]:
    """One month, and what it hands on. The big arrays of lines end with this function."""
    parameters, seed, first_day = shop.parameters, shop.seed, shop.first_day
    ware, list_cents, delisted = _launch(shop, carried, month)
    shelf = goods.shelf(parameters, seed, first_day, month, ware, list_cents, delisted)
    newcomers = customers.arrivals(
        parameters,
        seed,
        first_day,
        month,
        first=len(carried.people),
        customers=shop.asked,
        closed=shop.missing,
    )
    among = np.concatenate([carried.present, len(carried.people) + np.arange(len(newcomers))])
    people = carried.people.and_then(newcomers)
    there = visits.presence(people, among, month)

    intensities = days.intensities(first_day, month.start, month.stop, parameters)
    base = expected.basis(parameters, people, there, month, ware, shelf, shop.combined, intensities)
    usual = expected.of_month(base, ware, shop.combined, shelf.usual_weight, np.ones(month.days))
    deviation = expected.spread(parameters, people, base, ware, usual)
    upset = anomalies.of_month(parameters, seed, first_day, month)
    factor, upset = _disturb(usual, base, deviation, upset, month, shop.missing)

    came = visits.draw(parameters, seed, people, there, month, intensities * factor)
    lines = baskets.draw(parameters, people, ware, shelf, shop.combined, came, month.start, workers)
    people = _count_orders(people, came, lines)
    fresh = returns.draw(parameters, seed, first_day, month, shop.missing, people, ware, shelf, came, lines)
    is_trading = (intensities[0] > 0) & (factor > 0)
    giant_visits, giant_lines = returns.giants(parameters, seed, month, there, shelf, is_trading)
    cancelled = returns.cancelled(giant_visits, giant_lines, len(came))
    due, pending = returns.until(carried.pending.and_then(fresh).and_then(cancelled), month)
    rows, of_visit, of_return = receipts.ring_up(
        parameters,
        people,
        ware,
        visits.one_after_other([came, giant_visits]),
        baskets.one_after_other([lines, giant_lines.shifted(len(came))]),
        due,
        carried.next_invoice,
    )
    present = among[(people.leaves[among] > month.stop) & (people.orders_left[among] > 0)]
    made = MonthOfShop(
        month=month,
        customers=people,
        present=present,
        goods=ware,
        delisted=delisted,
        shelf=shelf,
        combined=shop.combined,
        intensities=intensities,
        usual=usual,
        expected=expected.of_month(base, ware, shop.combined, shelf.weight, factor),
        people=base.people,
        weight=base.weight,
        deviation=deviation,
        disturbances=upset,
        factor=factor,
        missing=shop.missing[(shop.missing >= month.start) & (shop.missing < month.stop)],
        receipts=rows,
        returned=returns.with_invoices(due, of_visit),
        return_invoice=of_return,
    )
    return made, _Carried(
        people=people,
        present=present,
        ware=ware,
        list_cents=shelf.closing_cents,
        delisted=delisted,
        pending=returns.with_invoices(pending, of_visit),
        next_invoice=carried.next_invoice + len(rows.minute),
    )


def _launch(shop: _Shop, carried: _Carried, month: Month) -> tuple[Goods, Integers, Integers]:
    """All goods launched by the end of the month, their list prices at its beginning, when they go."""
    launched = goods.launches(shop.parameters, shop.seed, month)
    list_cents = np.concatenate([carried.list_cents, launched.base_cents])
    delisted = np.concatenate([carried.delisted, np.full(len(launched), goods.NEVER)])
    delisted = goods.delisting(shop.parameters, shop.seed, month, shop.combined.goods, delisted)
    return carried.ware.and_then(launched), list_cents, delisted


def _disturb(
    usual: Expected, base: Basis, deviation: Floats, upset: Disturbances, month: Month, missing: Integers
) -> tuple[Floats, Disturbances]:
    """What anomalies multiply each day's visits with, and by how many deviations they move it.

    First orders are not moved. An anomaly that would have to take more than nearly everything from one of
    its days rises instead of falling, so each is as many deviations away as was drawn.
    """
    factor = np.ones(month.days)
    place = upset.day - month.start
    again, first = exact.total(base.again)[place], exact.total(base.first)[place]
    amount = np.maximum(usual.amount[place] * again / np.maximum(again + first, 1e-12), 1e-9)
    change = upset.sigmas * deviation[place] / amount
    impossible = np.isin(upset.anomaly, upset.anomaly[1 + change < _LEAST_LEFT])
    factor[place] = np.where(impossible, 1 - change, 1 + change)
    factor[missing[(missing >= month.start) & (missing < month.stop)] - month.start] = 0
    return factor, replace(upset, sigmas=np.where(impossible, -upset.sigmas, upset.sigmas))


def _count_orders(people: Customers, came: Visits, lines: Lines) -> Customers:
    """Take the month's orders off those whom a number of orders is given."""
    if not (people.orders_left < UNLIMITED).any():
        return people
    has_lines = np.bincount(lines.visit, minlength=len(came)) > 0
    again = came.customer[has_lines & ~came.is_guest & (came.day >= people.returns_from[came.customer])]
    return replace(people, orders_left=people.orders_left - np.bincount(again, minlength=len(people)))
