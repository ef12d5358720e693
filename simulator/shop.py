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
    present = np.arange(len(people))
    ware = goods.first_goods(parameters, seed)
    list_cents = ware.base_cents
    delisted = np.full(len(ware), goods.NEVER)
    combined = bundles.draw(parameters, seed, ware)
    missing = anomalies.missing_day(parameters, seed, first_month)
    pending = returns.none()
    next_invoice = parameters.first_invoice

    for month in days.months(first_month, months):
        newcomers = customers.arrivals(
            parameters, seed, first_month, month, first=len(people), customers=asked, closed=missing
        )
        among = np.concatenate([present, len(people) + np.arange(len(newcomers))])
        people = people.and_then(newcomers)
        launched = goods.launches(parameters, seed, month)
        ware = ware.and_then(launched)
        list_cents = np.concatenate([list_cents, launched.base_cents])
        delisted = np.concatenate([delisted, np.full(len(launched), goods.NEVER)])
        delisted = goods.delisting(parameters, seed, month, combined.goods, delisted)
        shelf = goods.shelf(parameters, seed, first_month, month, ware, list_cents, delisted)
        list_cents = shelf.closing_cents

        usual = days.intensities(first_month, month.start, month.stop, parameters)
        there = visits.presence(people, among, month)
        base = expected.basis(parameters, people, there, month, ware, shelf, combined, usual)
        usual_month = expected.of_month(base, ware, combined, shelf.usual_weight, np.ones(month.days))
        deviation = expected.spread(parameters, people, base, ware, usual_month)
        upset = anomalies.of_month(parameters, seed, first_month, month)
        factor, upset = _disturb(usual_month, base, deviation, upset, month, missing)
        came = visits.draw(parameters, seed, people, there, month, usual * factor)
        lines = baskets.draw(parameters, people, ware, shelf, combined, came, month.start, workers)
        people = _count_orders(people, came, lines)

        giant_visits, giant_lines = returns.giants(
            parameters, seed, month, there, shelf, (usual[0] > 0) & (factor > 0)
        )
        cancelled = returns.cancelled(giant_visits, giant_lines, len(came))
        streams_of_lines = receipts.line_streams(came, lines)
        fresh = returns.draw(
            parameters, seed, first_month, month, missing, people, ware, shelf, came, lines, streams_of_lines
        )
        due, pending = returns.until(pending.and_then(fresh).and_then(cancelled), month)
        every_visit = visits.one_after_other([came, giant_visits])
        every_line = baskets.one_after_other([lines, giant_lines.shifted(len(came))])
        rows, of_visit, of_return = receipts.ring_up(
            parameters,
            people,
            ware,
            every_visit,
            every_line,
            np.concatenate([streams_of_lines, receipts.line_streams(giant_visits, giant_lines)]),
            due,
            next_invoice,
        )
        next_invoice += int((of_visit > 0).sum()) + len(of_return)
        pending = returns.with_invoices(pending, of_visit)
        present = among[(people.leaves[among] > month.stop) & (people.orders_left[among] > 0)]
        yield MonthOfShop(
            month=month,
            customers=people,
            present=present,
            goods=ware,
            delisted=delisted,
            shelf=shelf,
            combined=combined,
            intensities=usual,
            usual=usual_month,
            expected=expected.of_month(base, ware, combined, shelf.weight, factor),
            people=base.people,
            weight=base.weight,
            deviation=deviation,
            disturbances=upset,
            factor=factor,
            missing=missing[(missing >= month.start) & (missing < month.stop)],
            receipts=rows,
            returned=returns.with_invoices(due, of_visit),
            return_invoice=of_return,
        )


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
