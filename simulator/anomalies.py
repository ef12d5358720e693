"""Days on which the whole shop sells far more or less than it should, and the day that is missing.

Each stretch of `days_an_anomaly` days holds one anomaly, so their number is known. Promotions, the season
and closed holidays move sales too and are no anomalies: they are what a detector may fall for. Anomalies of
single goods are drawn with their prices (goods.py).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from simulator import days
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.parameters import Parameters
from simulator.streams import integer, streams, uniform

_ROOM = 12  # days from the beginning within which the open days of an anomaly are looked for


@dataclass(frozen=True, slots=True)
class Disturbances:
    """What happens to the shop's days in a month; one element a day and anomaly.

    Attributes:
        anomaly: Number of the anomaly.
        day: Day number.
        sigmas: Standard deviations by which the day's expected amount is moved.
    """

    anomaly: Integers
    day: Integers
    sigmas: Floats


def of_month(parameters: Parameters, seed: int, first_day: date, month: Month) -> Disturbances:
    """The anomalies of the whole shop that touch the month."""
    anomalies: list[int] = []
    touched: list[int] = []
    sigmas: list[float] = []
    span = parameters.days_an_anomaly
    first = max((month.start - _ROOM) // span, 0) if span else 0
    for anomaly in range(first, (month.stop - 1) // span + 1 if span else 0):
        stream = streams(seed, "anomaly", anomaly)
        begins = anomaly * span + int(integer(stream, max(span - _ROOM, 1))[0])
        shortest, longest = parameters.anomaly_days
        length = shortest + int(integer(stream, longest - shortest + 1, 1)[0])
        low, high = parameters.anomaly_sigmas
        size = low + (high - low) * float(uniform(stream, 2)[0])
        sign = -1 if uniform(stream, 3)[0] < parameters.share_of_falls else 1
        is_open = days.open_days(first_day, begins, begins + _ROOM, parameters)
        for day in (begins + np.flatnonzero(is_open))[:length]:
            if month.start <= day < month.stop:
                anomalies.append(anomaly)
                touched.append(int(day))
                sigmas.append(sign * size)
    return Disturbances(
        np.array(anomalies, dtype=np.int64),
        np.array(touched, dtype=np.int64),
        np.array(sigmas, dtype=np.float64),
    )


def missing_day(parameters: Parameters, seed: int, first_day: date) -> Integers:
    """The open day of which there are no rows: one element, or none if the shop has no such day."""
    if parameters.missing_day_months is None:
        return np.zeros(0, dtype=np.int64)
    stream = streams(seed, "missing day")
    first, last = parameters.missing_day_months
    month = days.months(first_day, last + 1)[first + int(integer(stream, last - first + 1)[0])]
    candidates = month.start + np.flatnonzero(days.open_days(first_day, month.start, month.stop, parameters))
    return candidates[integer(stream, len(candidates), 1)]
