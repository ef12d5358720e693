"""Days and weeks unlike those around them: forecasts.anomalies.

What is expected of a day is the median of the days around it, its weekday taken into account: of days past there is no
need to foretell, and a median over four weeks is not moved by the anomaly itself. Square roots are compared, for
sales are counts of customers: so a busy season is as regular as a quiet one. Days of a known event are compared with what the
event does, by the factor that forecasts of it use.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import t as student

from assets.days import first_days_ahead, seen_months
from assets.forecasts.choice import before
from assets.forecasts.origins import (
    Asked,
    Booleans,
    Event,
    Integers,
    Node,
    Steps,
    country_of,
    events_of,
    holidays_of,
    nodes_of,
    steps_of,
    weekdays_of,
)
from assets.forecasts.smoothing import Floats

SHARE_FALSE = 0.05
_AROUND = {"day": 12, "week": 6}  # steps to both sides of which the median is taken
_WINDOW = {"day": 156, "week": 52}  # steps by which it is known how much they vary
_LEAST = {"day": 36, "week": 13}
# Deviations have heavier tails than the normal law's. At 8 degrees of freedom simulated shops without an anomaly
# have a false one in a year; at 30 five, and at 5 a third of those of five deviations are not found. Weeks of a
# product, a few large orders each, have heavier ones: at 8 a hundred false ones in two years, at 4 none.
_FREEDOM = {"day": 8, "week": 4}
_LEAST_SPREAD = {"day": 0.25, "week": 0.5}  # of the standard deviation, anomalies among it
_NORMAL_MAD = 1.4826
_MOST_ZEROS = 0.1  # a country that is sold to every other day has no usual day
_DIGITS = 6

Days = npt.NDArray[np.object_]

SHAPE = {
    "as_of": pl.Date,
    "grain": pl.String,
    "measure": pl.String,
    "level": pl.String,
    "series": pl.String,
    "starts_on": pl.Date,
    "actual": pl.Float64,
    "expected": pl.Float64,
    "deviations": pl.Float64,
    "tail_probability": pl.Float64,
    "is_anomaly": pl.Boolean,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make forecasts.anomalies.

    Args:
        rows: As `assets.forecasts.rivals.compute` takes them.
        months: As_of months, in order. One with less than six weeks of open days before has no rows.
    """
    days = rows.filter((pl.col("grain") == "day") & (pl.col("orders") > 0)).select(day="starts_on")
    if days.is_empty():
        return pl.DataFrame(schema=SHAPE)
    references = first_days_ahead(days, sorted({*seen_months(days), *months}))
    country = country_of(rows)
    parts, events, finer = [], events_of(rows), dict[date, dict[str, Asked]]()
    for grain in ("day", "week"):
        table = steps_of(rows, grain, max(references.values()))
        for month in months:
            if month in references and table.starts:
                since, until = references.get(before(month, 1), date.min), references[month]
                lift = _lifts(table, month, until, country, events, finer.setdefault(month, {}))
                parts.append(_of_month(table, month, since, until, country, lift))
    found = pl.concat([pl.DataFrame(schema=SHAPE), *parts])
    return _judged(found).with_columns(pl.col(pl.Float64).round(_DIGITS)).select(SHAPE.keys())


def _lifts(
    table: Steps,
    month: date,
    reference: date,
    country: str | None,
    events: Sequence[Event],
    finer: dict[str, Asked],
) -> Floats:
    """By how much known events multiplied each step before `reference`, series x steps; `finer` is added to."""
    length = table.until(reference)
    if not events or not length:
        return np.ones((1, length))
    one = Asked.of(table, month, reference, country, events, finer)
    finer[table.grain] = one
    lift = np.ones((len(one.nodes), length))
    place = {start: at for at, start in enumerate(table.starts[:length])}
    lift[:, [place[start] for start in one.stamps]] = one.past
    return lift


def _of_month(
    table: Steps, month: date, since: date, reference: date, country: str | None, lift: Floats
) -> pl.DataFrame:
    """Every series and step that ended from `since` on, before `reference`, with what was expected of it."""
    length = table.until(reference)
    nodes, every = nodes_of(table, length)
    values = every[:, :length]
    lift = np.broadcast_to(lift, values.shape)
    starts = np.array(table.starts[:length], dtype=object)
    place = np.zeros(length, dtype=np.int64)
    if table.grain == "day":
        place = np.array([day.weekday() for day in starts], dtype=np.int64)
        kept = _trading(starts, place, values, country)
        values, lift, starts, place = values[:, kept], lift[:, kept], starts[kept], place[kept]
    # A total by week is that of its days, and orders of products are not known.
    some = [
        row for row, node in enumerate(nodes) if table.grain == "day" or node.level in {"category", "product"}
    ]
    if len(starts) < _LEAST[table.grain] or not some:
        return pl.DataFrame(schema=SHAPE)
    window = slice(-_WINDOW[table.grain], None)
    starts, place = starts[window], place[window]
    last = timedelta(days=0 if table.grain == "day" else 6)
    is_new = np.array([day + last >= since for day in starts])
    parts = []
    for measure in ("amount", "orders"):
        of_measure = [row for row in some if nodes[row].measure == measure]
        if of_measure:
            parts.append(
                _compared(
                    [nodes[row] for row in of_measure],
                    values[of_measure][:, window],
                    lift[of_measure][:, window],
                    starts,
                    place,
                    is_new,
                    table.grain,
                ).with_columns(as_of=pl.lit(month), grain=pl.lit(table.grain), measure=pl.lit(measure))
            )
    return pl.concat(parts).with_columns(is_anomaly=pl.lit(None, pl.Boolean)).select(SHAPE.keys())


def _trading(starts: Days, weekday: Integers, values: Floats, country: str | None) -> Booleans:
    """Days of weekdays on which the shop trades, without the holidays on which it did not."""
    is_open = values.sum(axis=0) > 0
    free = (
        holidays_of(country, tuple(range(starts[0].year, starts[-1].year + 1)))
        if country is not None and len(starts)
        else frozenset()
    )
    is_free = np.array([day in free for day in starts], dtype=np.bool_)
    return np.asarray(np.isin(weekday, weekdays_of(weekday, is_open)) & ~(is_free & ~is_open))


def _compared(
    nodes: Sequence[Node],
    values: Floats,
    lift: Floats,
    starts: Days,
    place: Integers,
    is_new: Booleans,
    grain: str,
) -> pl.DataFrame:
    """Each new step of each series against those around it; those with more than a tenth of zeros are left out."""
    plain = values / lift
    if grain == "day":
        whole, profile = plain[0], np.ones(values.shape[1])
        for _ in range(2):
            ratio = whole / np.maximum(_level(whole / profile, _AROUND[grain]), 1e-9)
            for at in np.unique(place):
                profile[place == at] = max(float(np.median(ratio[place == at])), 1e-3)
    else:
        # A week is as long as it was open: categories and products are seen as shares of it.
        profile = np.maximum(plain[[node.level == "category" for node in nodes]].sum(axis=0), 1e-3)
    some = np.flatnonzero((values == 0).mean(axis=1) <= _MOST_ZEROS).tolist()
    values = values[some]
    expected = _level(plain[some] / profile, _AROUND[grain]) * profile * lift[some]
    apart = 2 * (np.sqrt(values) - np.sqrt(expected))
    middle = np.median(apart, axis=1, keepdims=True)
    spread = _NORMAL_MAD * np.median(np.abs(apart - middle), axis=1, keepdims=True)
    # Of a series that is mostly the same the median deviation is next to nothing.
    deviations = apart / np.maximum(
        np.maximum(spread, apart.std(axis=1, keepdims=True) * _LEAST_SPREAD[grain]), 1e-3
    )
    new = np.flatnonzero(is_new)
    count = len(some)
    found = np.clip(deviations[:, new], -1e6, 1e6)
    return pl.DataFrame(
        {
            "level": [nodes[row].level for row in some for _ in new],
            "series": [nodes[row].name for row in some for _ in new],
            "starts_on": list(starts[new]) * count,
            "actual": values[:, new].ravel(),
            "expected": expected[:, new].ravel(),
            "deviations": found.ravel(),
            "tail_probability": (2 * student.sf(np.abs(found), _FREEDOM[grain])).ravel(),
        },
        {
            name: SHAPE[name]
            for name in (
                "level",
                "series",
                "starts_on",
                "actual",
                "expected",
                "deviations",
                "tail_probability",
            )
        },
    )


def _level(values: Floats, around: int) -> Floats:
    """The median of each step and those around it: as many as there are at the ends."""
    length = values.shape[-1]
    return np.stack(
        [np.median(values[..., max(at - around, 0) : at + around + 1], axis=-1) for at in range(length)],
        axis=-1,
    )


def _judged(found: pl.DataFrame) -> pl.DataFrame:
    """Mark the anomalies: Benjamini and Hochberg (1995) over the steps and series of a level in a month.

    Not over a day: a total alone, tested at 5 % each day, would cry wolf more than once a month.
    """
    family = ["as_of", "grain", "level"]
    ranked = found.sort(*family, "tail_probability", "measure", "series", "starts_on").with_columns(
        rank=pl.int_range(1, pl.len() + 1).over(family), tests=pl.len().over(family)
    )
    passes = pl.col("tail_probability") <= SHARE_FALSE * pl.col("rank") / pl.col("tests")
    last = pl.when(passes).then(pl.col("rank")).max().over(family).fill_null(0)
    return ranked.with_columns(is_anomaly=pl.col("rank") <= last)
