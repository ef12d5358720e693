"""The shop's calendar: months, days it is open, and how busy each is.

A day is a number, 0 being the shop's first. How busy: visits a day relative to a customer's mean, by
season, weekday, holiday and trend. The mean over the year is a little below 1, because holidays are
closed and not made up for. What customers, anomalies or prices do to a day belongs elsewhere.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt

from simulator import exact
from simulator.exact import Floats
from simulator.parameters import Parameters

_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the shop: `start` and `stop` are day numbers, half-open."""

    index: int
    first: date
    start: int
    stop: int

    @property
    def days(self) -> int:
        """Length in days."""
        return self.stop - self.start

    @property
    def label(self) -> str:
        """As file names have it: 2011-03."""
        return f"{self.first:%Y-%m}"


def months(first_month: date, count: int) -> list[Month]:
    """The `count` months from `first_month` on."""
    result = []
    first = first_month
    for index in range(count):
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        start = (first - first_month).days
        result.append(Month(index, first, start, start + (following - first).days))
        first = following
    return result


def easter(year: int) -> date:
    """Easter Sunday, by the anonymous Gregorian algorithm."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


@cache
def holidays(year: int) -> frozenset[date]:
    """The public holidays of England by the standing rules, with substitutes for those on a weekend.

    One-off days (jubilees, funerals, moved May holidays) follow no rule and are left out.
    """
    new_year = date(year, 1, 1)
    christmas, boxing = date(year, 12, 25), date(year, 12, 26)
    found = {
        easter(year) - timedelta(days=2),
        easter(year) + timedelta(days=1),
        _monday_from(date(year, 5, 1)),
        _monday_from(date(year, 5, 25)),
        _monday_from(date(year, 8, 25)),
        new_year,
        christmas,
        boxing,
    }
    if new_year.weekday() >= 5:
        found.add(_monday_from(new_year))
    if christmas.weekday() >= 5:
        found.add(date(year, 12, 27))
    if boxing.weekday() >= 5:
        found.add(date(year, 12, 28))
    return frozenset(found)


def _monday_from(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


def open_days(first_day: date, start: int, stop: int, parameters: Parameters) -> npt.NDArray[np.bool_]:
    """Whether the shop is open, for the days `start` .. `stop - 1`."""
    week = parameters.weekdays
    result = []
    for number in range(start, stop):
        day = first_day + timedelta(days=number)
        is_holiday = parameters.is_closed_on_holidays and day in holidays(day.year)
        result.append(week[day.weekday()] > 0 and not is_holiday)
    return np.array(result, dtype=np.bool_)


def season(first_day: date, start: int, stop: int, top: tuple[int, int]) -> Floats:
    """A cosine over the year, 1 on the day `top` (month, day), for the days `start` .. `stop - 1`."""
    since_top = (first_day - date(2000, *top)).days + np.arange(start, stop)
    return exact.cosine(since_top / _YEAR)


def busyness(first_day: date, start: int, stop: int, parameters: Parameters) -> Floats:
    """Visits relative to a customer's mean, for the days `start` .. `stop - 1`, without trend and peaks."""
    week = parameters.weekdays
    mean = math.fsum(week) / 7  # exactly rounded; `sum` adds otherwise since Python 3.12
    weekday = np.array([week[(first_day.weekday() + day) % 7] / mean for day in range(start, stop)])
    swing = 1 + parameters.season_amplitude * season(first_day, start, stop, parameters.season_top)
    return np.asarray(weekday * swing * open_days(first_day, start, stop, parameters))


def intensities(first_day: date, start: int, stop: int, parameters: Parameters) -> Floats:
    """Visits relative to a customer's mean: one row a segment, one column a day `start` .. `stop - 1`."""
    growth = float(exact.log(1 + parameters.trend_a_year))
    trend = exact.exp(growth * np.arange(start, stop) / _YEAR)
    common = busyness(first_day, start, stop, parameters) * trend
    is_peak = np.array([(first_day + timedelta(days=day)).month >= 11 for day in range(start, stop)])
    rows = []
    for segment in parameters.segments:
        ordinary = 12 / (10 + 2 * segment.peak)
        rows.append(common * np.where(is_peak, segment.peak * ordinary, ordinary))
    return np.array(rows)
