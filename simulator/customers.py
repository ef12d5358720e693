"""Who the customers are: segment, rates, basket, taste, and how long they stay.

Some began before the first day and are there on it; the others arrive by a Poisson process that follows
the shop's season, and a customer arrives by ordering: the first order is the beginning. A customer who
began before the first day has its first order where no file shows it.

Time is in days. A customer is there on a day if that day begins before its `leaves`. After its first
order it may come again from `returns_from` on.
"""

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np

from simulator import days, exact
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.parameters import DAYS_A_MONTH, Parameters
from simulator.streams import branch, erlang, exponential, gamma, integer, normal, streams, uniform

HOME = "United Kingdom"
ABROAD = ("Germany", "France", "EIRE", "Spain", "Netherlands", "Belgium", "Switzerland", "Portugal")
COUNTRIES = (HOME, *ABROAD)

NEVER = 1e9
UNLIMITED = 1 << 40


@dataclass(frozen=True, slots=True)
class Customers:
    """One element a customer, in order of arrival.

    Attributes:
        segment: Index into the parameters' segments.
        began: Day of the first order; negative for those who began before the first day.
        returns_from: First day on which a further visit may fall.
        leaves: Moment (in days) after which the customer never comes.
        visits_a_day: Rate of visits on a day of intensity 1.
        dropout_a_day: Rate of leaving.
        basket: Mean units a visit.
        taste: Shares of the categories, one row a customer; rows sum to 1.
        country: Index into COUNTRIES.
        orders_left: Orders after the first that the customer will make at most (BG/NBD).
    """

    segment: Integers
    began: Integers
    returns_from: Integers
    leaves: Floats
    visits_a_day: Floats
    dropout_a_day: Floats
    basket: Floats
    taste: Floats
    country: Integers
    orders_left: Integers

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, which: Integers) -> "Customers":
        """These customers alone."""
        return Customers(*(getattr(self, field.name)[which] for field in fields(self)))

    def and_then(self, others: "Customers") -> "Customers":
        """These and the others, one after the other."""
        return Customers(
            *(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self))
        )


def initial(parameters: Parameters, seed: int, customers: int) -> Customers:
    """Those who are there on the first day: `share_before` of the number asked for."""
    numbers = np.arange(round(parameters.share_before * customers))
    drawn = _draw(parameters, seed, numbers)
    wait = exponential(streams(seed, "age", numbers))
    age = np.minimum(np.ceil(wait / np.maximum(drawn.dropout_a_day, 1 / NEVER)), parameters.oldest_days)
    return replace(drawn, began=-age.astype(np.int64))


def arrivals(
    parameters: Parameters,
    seed: int,
    first_day: date,
    month: Month,
    *,
    first: int,
    customers: int,
    closed: Integers,
) -> Customers:
    """Those whose first order falls in the month.

    Args:
        parameters: The shop's.
        seed: The shop's.
        first_day: Day 0.
        month: When.
        first: The number of the first of them: how many customers there were before.
        customers: How many the shop was asked for in all.
        closed: Days on which nobody comes although the calendar says open.
    """
    a_day = customers * (1 - parameters.share_before) / (parameters.arrival_months * DAYS_A_MONTH)
    busy = days.busyness(first_day, month.start, month.stop, parameters)
    busy[closed[(closed >= month.start) & (closed < month.stop)] - month.start] = 0
    reached = exact.running(busy * a_day)
    # Unit-rate arrivals on the scale of expected arrivals: a Poisson process of the month's intensity.
    most = int(reached[-1] + 12 * np.sqrt(reached[-1]) + 40)
    moments = np.cumsum(exponential(branch(streams(seed, "arrivals", month.index), np.arange(most))))
    moments = moments[moments < reached[-1]]
    began = month.start + np.searchsorted(reached, moments, side="right") - 1
    drawn = _draw(parameters, seed, first + np.arange(len(began)))
    return replace(drawn, began=began, returns_from=began + 1, leaves=began + drawn.leaves)


def _draw(parameters: Parameters, seed: int, numbers: Integers) -> Customers:
    """Customers as if they began on day 0."""
    segments = parameters.segments
    edges = np.cumsum([segment.share for segment in segments])[:-1]
    segment = np.searchsorted(edges, uniform(streams(seed, "segment", numbers)), side="right")
    shape = parameters.customer_shape
    visits = np.array([s.orders_a_month for s in segments])[segment] / DAYS_A_MONTH
    dropout = np.array([s.dropout_a_month for s in segments])[segment] / DAYS_A_MONTH
    visits = visits * erlang(streams(seed, "visit rate", numbers), shape)
    dropout = dropout * erlang(streams(seed, "dropout rate", numbers), shape)
    orders_left = np.full(len(numbers), UNLIMITED)
    model = parameters.buy_till_you_die
    if model is not None:
        visits = gamma(streams(seed, "bgnbd rate", numbers), model.r) / (7 * model.alpha_weeks)
        a = gamma(streams(seed, "bgnbd a", numbers), model.a)
        b = gamma(streams(seed, "bgnbd b", numbers), model.b)
        stay = np.minimum(exact.log(np.maximum(b / (a + b), 1e-300)), -1e-12)
        chance = exact.log(uniform(streams(seed, "bgnbd leaves", numbers)))
        orders_left = 1 + np.floor(np.minimum(chance / stay, UNLIMITED)).astype(np.int64)
    spread = parameters.basket_spread
    scale = exact.exp(spread * normal(streams(seed, "basket", numbers)) - spread * spread / 2)
    means = np.array([s.taste for s in segments])[segment] * parameters.taste_concentration
    weights = gamma(
        streams(seed, "taste", numbers[:, None], np.arange(parameters.categories)).ravel(), means.ravel()
    ).reshape(means.shape)
    country = streams(seed, "country", numbers)
    return Customers(
        segment=segment,
        began=np.zeros(len(numbers), dtype=np.int64),
        returns_from=np.zeros(len(numbers), dtype=np.int64),
        leaves=exponential(streams(seed, "lifetime", numbers)) / np.maximum(dropout, 1 / NEVER),
        visits_a_day=visits,
        dropout_a_day=dropout,
        basket=np.array([s.basket_units for s in segments])[segment] * scale,
        taste=weights / exact.total(weights)[:, None],
        country=np.where(uniform(country) < parameters.home_share, 0, 1 + integer(country, len(ABROAD), 1)),
        orders_left=orders_left,
    )
