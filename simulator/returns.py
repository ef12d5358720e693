"""Goods that come back.

A line comes back with the probability of its customer's segment and its category, some days later, whole or
in part, on a receipt of its own at the price that was paid. A few returns have no sale to match. Two giant
orders are cancelled on the day they were made.
"""

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from simulator import days
from simulator.baskets import Lines
from simulator.customers import Customers
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.goods import Goods, Shelf
from simulator.parameters import Parameters
from simulator.streams import States, branch, coins, exponential, integer, streams, uniform
from simulator.visits import Presence, Visits

RETURN, UNMATCHED, CANCELLED = range(3)
KINDS = ("return", "unmatched", "cancelled")

_DAY = 24 * 60
_HORIZON = 400  # days; a lag so long has a probability below 1e-20
_CHANCE, _LAG, _HEADS, _UNMATCHED, _OTHER, _TIME = 10, 11, 20, 30, 31, 32


@dataclass(frozen=True, slots=True)
class Returns:
    """One element a returned line.

    Attributes:
        kind: Index into KINDS.
        minute: Since the beginning of day 0.
        customer: Number of the customer, or of whom a guest is like.
        is_guest: Whether nobody knows who it was.
        good: What.
        quantity: How many, a positive number.
        cents: Paid for one.
        visit: Index of the sale among the orders of its month.
        sale_invoice: Number of the sale's invoice, 0 while it has none yet or if there is no sale.
    """

    kind: Integers
    minute: Integers
    customer: Integers
    is_guest: npt.NDArray[np.bool_]
    good: Integers
    quantity: Integers
    cents: Integers
    visit: Integers
    sale_invoice: Integers

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, which: npt.NDArray[np.bool_] | Integers) -> "Returns":
        """These alone."""
        return Returns(*(getattr(self, field.name)[which] for field in fields(self)))

    def and_then(self, others: "Returns") -> "Returns":
        """These and the others, one after the other."""
        return Returns(
            *(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self))
        )


def none() -> Returns:
    """No returns."""
    empty = np.zeros(0, dtype=np.int64)
    return Returns(empty, empty, empty, np.zeros(0, dtype=np.bool_), empty, empty, empty, empty, empty)


def shares(parameters: Parameters, seed: int) -> Floats:
    """Probability that a line comes back, segments x categories."""
    segments, categories = np.arange(len(parameters.segments)), np.arange(parameters.categories)
    low, high = parameters.return_share
    return low + (high - low) * uniform(streams(seed, "return share", segments[:, None], categories))


def draw(
    parameters: Parameters,
    seed: int,
    first_day: date,
    month: Month,
    closed: Integers,
    customers: Customers,
    goods: Goods,
    shelf: Shelf,
    visits: Visits,
    lines: Lines,
) -> Returns:
    """What will come back of the month's lines, in this month or later."""
    which, stream = _coming_back(shares(parameters, seed), customers, goods, visits, lines)
    visit = lines.visit[which]
    lag = np.zeros(len(which))
    for part in range(parameters.return_shape):
        lag += parameters.return_scale_days * exponential(stream, _LAG + part)
    due = visits.day[visit] + np.ceil(lag).astype(np.int64)
    is_open = days.open_days(first_day, month.start, month.stop + _HORIZON, parameters)
    is_open[closed[(closed >= month.start) & (closed < month.stop + _HORIZON)] - month.start] = False
    open_days = month.start + np.flatnonzero(is_open)
    due = open_days[np.minimum(np.searchsorted(open_days, due), len(open_days) - 1)]
    unmatched = uniform(stream, _UNMATCHED) < parameters.unmatched_share
    sold = lines.good[which]
    other = (sold + 1 + integer(stream, parameters.goods - 1, _OTHER)) % parameters.goods
    good = np.where(unmatched, other, sold)
    price = shelf.cents[visits.day[visit] - month.start, good]
    return Returns(
        kind=np.where(unmatched, UNMATCHED, RETURN),
        minute=due * _DAY + 9 * 60 + integer(stream, 8 * 60, _TIME),
        customer=visits.customer[visit],
        is_guest=visits.is_guest[visit],
        good=good,
        quantity=1 + coins(stream, lines.quantity[which] - 1, _HEADS),
        cents=np.where(unmatched, price, lines.cents[which]),
        visit=visit,
        sale_invoice=np.zeros(len(which), dtype=np.int64),
    )


def _coming_back(
    chance: Floats, customers: Customers, goods: Goods, visits: Visits, lines: Lines
) -> tuple[Integers, States]:
    """Which lines come back, and their streams; a piece of the lines at a time, to be small in memory."""
    segment = customers.segment[visits.customer]
    found, streams_found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for some in lines.pieces():
        stream = lines.take(some).streams(visits)
        shares_of_lines = chance[segment[lines.visit[some]], goods.category[lines.good[some]]]
        which = np.flatnonzero(uniform(stream, _CHANCE) < shares_of_lines)
        found.append(which + some.start)
        streams_found.append(stream[which])
    return np.concatenate(found), np.concatenate(streams_found)


def giants(
    parameters: Parameters,
    seed: int,
    month: Month,
    there: Presence,
    shelf: Shelf,
    is_open: npt.NDArray[np.bool_],
) -> tuple[Visits, Lines]:
    """The giant orders of the month: each one line of one good, at wholesale price."""
    found = []
    for number, (first, last) in enumerate(parameters.giant_months):
        stream = streams(seed, "giant", number)
        chosen = first + int(integer(stream, last - first + 1)[0])
        if chosen == month.index and len(there.customers) and is_open.any():
            found.append(stream[0])
    stream = np.array(found, dtype=np.uint64)
    count = len(stream)
    open_days = np.flatnonzero(is_open)
    day = open_days[integer(stream, len(open_days), 1)] if count else np.zeros(0, dtype=np.int64)
    low, high = parameters.giant_units
    visits = Visits(
        customer=there.customers[integer(stream, len(there.customers), 2)],
        is_guest=np.zeros(count, dtype=np.bool_),
        is_order=np.ones(count, dtype=np.bool_),
        minute=(month.start + day) * _DAY + 9 * 60 + integer(stream, 6 * 60, 3),
        stream=branch(stream, 0),
    )
    on_sale = [np.flatnonzero(weights) for weights in shelf.weight[day]]
    place = integer(stream, np.array([len(goods) for goods in on_sale]), 5)
    good = np.array([goods[k] for goods, k in zip(on_sale, place, strict=True)], dtype=np.int64)
    cents = np.floor(shelf.cents[day, good] * (1 - parameters.wholesale_discount) + 0.5).astype(np.int64)
    quantity = low + integer(stream, high - low + 1, 4)
    return visits, Lines.of(np.arange(count), good, quantity, np.maximum(cents, 1))


def cancelled(visits: Visits, lines: Lines, offset: int) -> Returns:
    """The cancellations of giant orders, a quarter of an hour later; `offset` is the first one's index."""
    return Returns(
        kind=np.full(len(lines), CANCELLED),
        minute=visits.minute[lines.visit] + 15,
        customer=visits.customer[lines.visit],
        is_guest=visits.is_guest[lines.visit],
        good=lines.good,
        quantity=lines.quantity,
        cents=lines.cents,
        visit=lines.visit + offset,
        sale_invoice=np.zeros(len(lines), dtype=np.int64),
    )


def until(pending: Returns, month: Month) -> tuple[Returns, Returns]:
    """(those that come back before the month is over, those that come later)."""
    due = pending.minute < month.stop * _DAY
    return pending.take(due), pending.take(~due)


def with_invoices(returned: Returns, invoice: Integers) -> Returns:
    """Name the sale's invoice of those made this month; `invoice` is the number of each of its orders."""
    fresh = (returned.sale_invoice == 0) & (returned.kind != UNMATCHED) & (returned.visit >= 0)
    number = returned.sale_invoice.copy()
    number[fresh] = invoice[returned.visit[fresh]]
    return replace(returned, visit=np.full(len(returned), -1), sale_invoice=number)
