"""When customers come: visits of a month, before anything is put into a basket.

Visits follow a Poisson process of rate (customer's rate x the day's intensity) while the customer is
there. A guest is somebody without a name who shops like one of the customers: a share of all visits, drawn
by thinning, so that the visits of the named keep their own rates.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from simulator import exact
from simulator.customers import UNLIMITED, Customers
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.parameters import Parameters
from simulator.streams import States, branch, poisson, streams, uniform

_OPENS = 8 * 60
_OPEN_MINUTES = 10 * 60
_MINUTES_A_DAY = 24 * 60

# Numbers of draws and branches of a visit's stream; units of the basket draw from 0 on.
_GUEST, _DAY, _MINUTE, _OTHER_MINUTE = -101, -102, -103, -104


@dataclass(frozen=True, slots=True)
class Presence:
    """How long each customer is there within a month.

    Attributes:
        customers: Numbers of those who may come again within the month.
        arrived: Numbers of those whose first order falls in it.
        begins: First day that counts, of `customers`.
        ends: The day after the last.
    """

    customers: Integers
    arrived: Integers
    begins: Integers
    ends: Integers


@dataclass(frozen=True, slots=True)
class Visits:
    """One element a visit, in order of time.

    Attributes:
        customer: Number of the customer, or of whom a guest is like.
        is_guest: Whether nobody knows who it was.
        is_order: Whether it is sure to end with something bought.
        minute: Since the beginning of day 0.
        stream: Its random stream.
    """

    customer: Integers
    is_guest: npt.NDArray[np.bool_]
    is_order: npt.NDArray[np.bool_]
    minute: Integers
    stream: States

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, which: Integers | slice) -> "Visits":
        """These alone."""
        return Visits(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def day(self) -> Integers:
        """Day number of each visit."""
        return self.minute // _MINUTES_A_DAY


def presence(customers: Customers, among: Integers, month: Month) -> Presence:
    """Who is there in the month, of those `among` the customers who have not left for certain."""
    begins = np.maximum(customers.returns_from[among], month.start)
    ends = np.minimum(np.ceil(customers.leaves[among]), month.stop).astype(np.int64)
    there = (begins < ends) & (customers.orders_left[among] > 0)
    arrived = among[(customers.began[among] >= month.start) & (customers.began[among] < month.stop)]
    return Presence(among[there], arrived, begins[there], ends[there])


def exposure(customers: Customers, there: Presence, month: Month, intensities: Floats) -> Floats:
    """Expected visits in the month of each customer in `there`; intensities are segments x days."""
    reached = exact.running(intensities)
    segment = customers.segment[there.customers]
    span = reached[segment, there.ends - month.start] - reached[segment, there.begins - month.start]
    return np.asarray(customers.visits_a_day[there.customers] * span)


def draw(
    parameters: Parameters,
    seed: int,
    customers: Customers,
    there: Presence,
    month: Month,
    intensities: Floats,
) -> Visits:
    """The month's visits.

    Args:
        parameters: The shop's.
        seed: The shop's.
        customers: All of them.
        there: Who is there, and how long.
        month: When.
        intensities: How busy each day is, segments x days, anomalies included.
    """
    guests = parameters.guest_share
    expected = exposure(customers, there, month, intensities) / (1 - guests)
    of_customer = streams(seed, "visits", there.customers, month.index)
    count = poisson(uniform(of_customer), expected)
    which = np.repeat(np.arange(len(count)), count)
    stream = branch(of_customer[which], exact.ragged(count) + 1)
    is_guest = uniform(stream, _GUEST) < guests
    day = _days(customers, there, which, month, intensities, uniform(stream, _DAY))
    again = Visits(
        customer=there.customers[which],
        is_guest=is_guest,
        is_order=np.full(len(which), parameters.is_every_visit_an_order),
        minute=day * _MINUTES_A_DAY + _time_of_day(stream),
        stream=stream,
    )
    if (customers.orders_left[there.customers] < UNLIMITED).any():
        again = _until_they_leave(again, customers)

    first = branch(streams(seed, "first order", there.arrived), 0)
    beside = branch(first, 1)
    has_guest = uniform(beside, _GUEST) < guests / (1 - guests)
    arrived = customers.began[there.arrived] * _MINUTES_A_DAY
    parts = [
        again,
        Visits(
            customer=there.arrived,
            is_guest=np.zeros(len(first), dtype=np.bool_),
            is_order=np.ones(len(first), dtype=np.bool_),
            minute=arrived + _time_of_day(first),
            stream=first,
        ),
        Visits(
            customer=there.arrived[has_guest],
            is_guest=np.ones(has_guest.sum(), dtype=np.bool_),
            is_order=np.ones(has_guest.sum(), dtype=np.bool_),
            minute=(arrived + _time_of_day(beside))[has_guest],
            stream=beside[has_guest],
        ),
    ]
    whole = one_after_other(parts)
    return whole.take(np.lexsort((whole.stream, whole.minute)))


def one_after_other(parts: list[Visits]) -> Visits:
    """All parts as one."""
    return Visits(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Visits))
    )


def _days(
    customers: Customers, there: Presence, which: Integers, month: Month, intensities: Floats, u: Floats
) -> Integers:
    """The day of each visit, by the intensities within the time that its customer is there."""
    reached = exact.running(intensities)
    # The segments' totals one after the other make a single increasing scale to look up in.
    offset = exact.running(reached[:, -1] + 1)[:-1]
    scale = (reached + offset[:, None]).ravel()
    segment = customers.segment[there.customers]
    row = segment * (month.days + 1) - month.start
    low, high = scale[row + there.begins], scale[row + there.ends]
    place = np.searchsorted(scale, low[which] + u * (high - low)[which], side="right") - 1
    day = place - row[which]
    return np.asarray(np.clip(day, there.begins[which], there.ends[which] - 1))


def _time_of_day(stream: States) -> Integers:
    """Minutes after midnight: business hours, busiest at one o'clock."""
    mean = (uniform(stream, _MINUTE) + uniform(stream, _OTHER_MINUTE)) / 2
    return _OPENS + np.floor(mean * _OPEN_MINUTES).astype(np.int64)


def _until_they_leave(visits: Visits, customers: Customers) -> Visits:
    """Without the visits of named customers after the order at which they leave."""
    order = np.lexsort((visits.stream, visits.minute, visits.is_guest, visits.customer))
    key = visits.customer[order] * 2 + visits.is_guest[order]
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    rank = np.arange(len(key)) - np.repeat(first, count)
    kept = visits.is_guest[order] | (rank < customers.orders_left[visits.customer[order]])
    return visits.take(order[kept])
