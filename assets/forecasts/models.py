"""Forecasts of any set of series: which model speaks for each, what stood in and why, and how sure it is.

`forecast` is for anyone with a table of series; the tables of this folder use the models as `MODELS` has them, on
matrices. Pure: frames in, frames out, no clock. The models' arithmetic is in `assets.forecasts.smoothing`.
"""

import calendar
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from assets.forecasts import smoothing
from assets.forecasts.smoothing import Ahead, Floats
from assets.threads import pools_at_most

LEVELS = (80, 95)
LEAST = 4  # observations below which nothing is fitted
_MOSTLY_ZERO = 0.4
_CUTS = 3  # origins in the past on which intervals are measured
_DIGITS = 6

Panel = Callable[[Floats, int, int, bool], Floats]

# Series x time, the season's length, steps ahead, whether all values are above 0 -> series x steps.
MODELS: Mapping[str, Panel] = {
    "naive": lambda y, _, h, __: np.repeat(y[:, -1:], h, axis=1),
    "seasonal naive": lambda y, m, h, _: smoothing.last_season(y, m, h),
    "mean of 8 seasons": lambda y, m, h, _: smoothing.last_season(y, m, h, 8),
    "rolling mean": lambda y, m, h, _: smoothing.rolling_mean(y, m, h),
    "line with season": lambda y, m, h, _: smoothing.line_with_season(y, m, h),
    "Croston": lambda y, _, h, __: smoothing.croston(y, h),
    "Theta": lambda y, m, h, p: smoothing.theta(y, m, h, is_positive=p),
    "damped Theta": lambda y, m, h, p: smoothing.damped_theta(y, m, h, is_positive=p),
    "ETS": lambda y, m, h, p: smoothing.exponential(y, m, h, is_positive=p).mean,
    "autoregression": lambda y, m, h, p: smoothing.autoregression(y, m, h, is_positive=p),
    "aggregated ETS": lambda y, m, h, p: smoothing.aggregated(y, m, h, is_positive=p),
}
# Diverse, and none far behind: what won M4 and Tourism were medians and means of such (Petropoulos, Svetunkov 2020).
DIVERSE = ("Theta", "damped Theta", "ETS", "autoregression", "aggregated ETS")
MEDIAN = "median"
LIBRARY = ("AutoETS", "AutoARIMA", "AutoTheta", "MSTL", "Prophet")
NAMES = (*MODELS, MEDIAN, *LIBRARY)


def forecast(
    history: pl.DataFrame,
    *,
    horizon: int,
    season_length: int,
    levels: Sequence[int] = LEVELS,
    model: str = MEDIAN,
    country: str | None = None,
) -> pl.DataFrame:
    """Say what each series will be in the steps after its last.

    Args:
        history: series, ds (dates, moments or whole numbers, equally far apart), y. Rows in any order; steps that
            are missing, null or no number are filled by a line between their neighbours.
        horizon: Steps ahead.
        season_length: Steps after which a season begins anew; 1 for none.
        levels: Of the intervals, in percent.
        model: One of `NAMES`; the median of a diverse few unless told.
        country: Of the holidays that Prophet learns, as ISO 3166 has it.

    Returns:
        One row a series and step, sorted: series, ds, model (that ran), mean, then lo_80, hi_80 and so on, and
        reason: why another model than the one asked for stood in, or what was mended; else null. A series without
        a single number has no row (`silent` tells them). Intervals widen with the steps and are measured: errors of
        forecasts made for the last steps of all series, by steps ahead, scale the model's own (conformal), once
        there are 9 such for 80 % and 39 for 95 %; below that they are the model's own.

    Raises:
        ValueError: If the table is not such a one, the model or the country is not known.
    """
    if horizon < 1 or season_length < 1:
        raise ValueError(
            f"horizon and season_length must be at least 1, and are {horizon} and {season_length}. Count them in steps."
        )
    if model not in NAMES:
        raise ValueError(f"There is no model {model!r}; there are {', '.join(NAMES)}.")
    if not all(0 < level < 100 for level in levels):
        raise ValueError(f"levels are percent between 0 and 100, and are {tuple(levels)}.")
    calendar_ = _Steps.of(history, season_length)
    series = _mended(history, calendar_, horizon, season_length)
    found: dict[int, _Answer] = {}
    with pools_at_most(1):
        for (name, reason), some in _by_model(series, model).items():
            found |= _answers(series, some, name, reason, horizon, season_length, country, calendar_)
        widths = _measured(series, found, horizon, season_length, tuple(levels))
    shape = _shape(history.schema["series"], history.schema["ds"], levels)
    if not series:
        return pl.DataFrame(schema=shape)
    answers = [found[at] for at in range(len(series))]
    return _rows(series, answers, [widths[at] for at in range(len(series))], calendar_, shape)


def silent(history: pl.DataFrame) -> pl.DataFrame:
    """Series of which nothing can be said, and why: series, reason."""
    y = pl.col("y").cast(pl.Float64)
    return (
        history.group_by("series", maintain_order=True)
        .agg(numbers=(y.is_finite() & y.is_not_null()).sum())
        .filter(pl.col("numbers") == 0)
        .select("series", reason=pl.lit("no row has a number"))
    )


@dataclass(frozen=True, slots=True)
class _Series:
    """One series as models take it: its name, last step, values without holes, and what was mended."""

    name: Any
    last: int
    values: Floats
    notes: tuple[str, ...]

    @property
    def is_positive(self) -> bool:
        """Whether logarithms can be taken."""
        return bool(self.values.min() > 0)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said of one series."""

    model: str
    reason: str | None
    mean: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True)
class _Steps:
    """How ds goes on: by months (`unit` "month", from the last day on where `is_end`), or by equal distances."""

    unit: str
    by: int
    origin: Any = 0
    is_end: bool = False

    @classmethod
    def of(cls, history: pl.DataFrame, season_length: int) -> "_Steps":
        """Read it off the table."""
        if missing := {"series", "ds", "y"} - set(history.columns):
            raise ValueError(
                f"history has the columns {', '.join(history.columns)}; {', '.join(sorted(missing))} is missing. "
                "Name them series, ds, y."
            )
        kind = history.schema["ds"]
        if not (kind.is_integer() or kind.is_temporal()):
            raise ValueError(
                f"ds must be dates, moments or whole numbers, and is {kind}. Parse it before it comes here."
            )
        if not history.schema["y"].is_numeric():
            raise ValueError(f"y must be numbers, and is {history.schema['y']}.")
        if history.select(pl.col("series", "ds").null_count()).row(0) != (0, 0):
            raise ValueError("Every row must have a series and a ds. Take those without out.")
        twice = history.filter(pl.struct("series", "ds").is_duplicated())
        if twice.height:
            raise ValueError(
                f"{twice.height} rows share series and ds, the first being {twice.row(0)[:2]}. Add them up, or take "
                "the newest."
            )
        ds = history["ds"]
        if kind.is_integer():
            return cls("number", _greatest(history, pl.col("ds").cast(pl.Int64)) or 1)
        day = ds.dt.date()
        ends = bool((day.dt.month_end() == day).all())
        is_midnight = kind == pl.Date or bool((ds.dt.truncate("1d") == ds).all())
        if is_midnight and history.height and (ends or day.dt.day().n_unique() == 1):
            months = pl.col("ds").dt.year().cast(pl.Int64) * 12 + pl.col("ds").dt.month().cast(pl.Int64)
            step = _greatest(history, months)
            if step or season_length in {4, 12}:
                on = None if ends else day.dt.day().first()
                return cls("month", step or 12 // season_length, on, ends)
        seconds = pl.col("ds").cast(pl.Datetime("us")).dt.timestamp("us")
        return cls("time", _greatest(history, seconds) or 86_400_000_000)

    def place(self, ds: pl.Expr) -> pl.Expr:
        """The number of the step, from the first on any calendar."""
        if self.unit == "month":
            return (ds.dt.year().cast(pl.Int64) * 12 + ds.dt.month().cast(pl.Int64) - 1).floordiv(self.by)
        number = ds.cast(pl.Int64) if self.unit == "number" else ds.cast(pl.Datetime("us")).dt.timestamp("us")
        return (number - number.min()).floordiv(self.by)

    def after(self, last: Any, steps: int) -> list[Any]:
        """The ds of the steps after `last`."""
        if self.unit == "number":
            return [last + self.by * step for step in range(1, steps + 1)]
        if self.unit == "time":
            return [last + timedelta(microseconds=self.by * step) for step in range(1, steps + 1)]
        return [self._month(last, self.by * step) for step in range(1, steps + 1)]

    def _month(self, last: date, months: int) -> date:
        year, month = divmod(last.year * 12 + last.month - 1 + months, 12)
        length = calendar.monthrange(year, month + 1)[1]
        return last.replace(
            year=year, month=month + 1, day=length if self.is_end else min(self.origin, length)
        )


def _greatest(history: pl.DataFrame, number: pl.Expr) -> int:
    """The greatest step that all distances within series are multiples of; 0 where there is none."""
    apart = history.sort("series", "ds").select(number.diff().over("series").alias("apart"))["apart"]
    return math.gcd(*apart.drop_nulls().unique().to_list())


def _mended(history: pl.DataFrame, steps: _Steps, horizon: int, period: int) -> list[_Series]:
    """The series in order of their names, holes filled, with what there is to say of each."""
    y = pl.col("y").cast(pl.Float64)
    known = (
        history.select("series", "ds", y=pl.when(y.is_finite()).then(y), place=steps.place(pl.col("ds")))
        .filter(pl.col("y").is_not_null())
        .sort("series", "place")
    )
    newest = known["place"].max() if steps.unit != "number" else None
    # Rows of a series are slices of arrays: a frame of each would take longer than what is done with it.
    places, ys = known["place"].to_numpy(), known["y"].to_numpy()
    runs = known.group_by("series", maintain_order=True).agg(pl.len(), pl.col("ds").last())
    found, begin = [], 0
    for name, length, last in runs.iter_rows():
        place, values = places[begin : begin + length], ys[begin : begin + length]
        begin += length
        late = int(newest - place[-1]) if isinstance(newest, int) else 0
        place = place - place[0]
        whole = np.arange(place[-1] + 1)
        notes = []
        if len(whole) > len(place):
            notes.append(f"{len(whole) - len(place)} steps without a value were filled by a line")
        if late > max(period, 1):
            notes.append(f"it ends {late} steps before the newest series")
        if horizon > len(whole):
            notes.append("the horizon is longer than the history")
        found.append(_Series(name, last, np.interp(whole, place, values), tuple(notes)))
    return found


def _by_model(series: Sequence[_Series], model: str) -> dict[tuple[str, str | None], list[int]]:
    """Which model speaks for which series, and why if it is not the one asked for."""
    found: dict[tuple[str, str | None], list[int]] = {}
    for at, one in enumerate(series):
        values = one.values
        name, reason = model, None
        if len(values) < LEAST:
            name, reason = "naive", f"{len(values)} observations are too few to fit anything"
        elif np.ptp(values) == 0:
            name, reason = "naive", f"every value is {values[0]:g}"
        elif model == MEDIAN and values.min() >= 0 and (values == 0).mean() > _MOSTLY_ZERO:
            name, reason = "Croston", f"{(values == 0).mean():.0%} of the values are 0"
        found.setdefault((name, reason), []).append(at)
    return found


def _answers(
    series: Sequence[_Series],
    some: Sequence[int],
    name: str,
    reason: str | None,
    horizon: int,
    period: int,
    country: str | None,
    steps: "_Steps",
) -> dict[int, _Answer]:
    """Run one model over the series that it speaks for, those of one length at once."""
    found = {}
    for places, values, is_positive in _matrices(series, some):
        ran, why = name, reason
        if name in LIBRARY:
            try:
                from assets.forecasts.library import run

                stamps = [
                    [
                        *_before(steps, series[at].last, values.shape[1]),
                        *steps.after(series[at].last, horizon),
                    ]
                    for at in places
                ]
                ahead = run(name, values, period, horizon, stamps, country)
            except RuntimeError as error:
                ran, why = MEDIAN, f"{name} failed: {error}"
                ahead = panel(MEDIAN, values, period, horizon, is_positive=is_positive)
        else:
            ahead = panel(name, values, period, horizon, is_positive=is_positive)
        for row, at in enumerate(places):
            told = "; ".join(filter(None, [why, *series[at].notes])) or None
            found[at] = _Answer(ran, told, ahead.mean[row], ahead.sigma[row])
    return found


def _before(steps: _Steps, last: Any, count: int) -> list[Any]:
    """The ds of `count` steps up to `last`."""
    if steps.unit == "month":
        return [steps._month(last, -steps.by * back) for back in range(count - 1, -1, -1)]
    if steps.unit == "time":
        return [last - timedelta(microseconds=steps.by * back) for back in range(count - 1, -1, -1)]
    # Numbers name no days: Prophet takes them as days from a day that is none of the shop's.
    return [datetime(2000, 1, 1) + timedelta(days=at) for at in range(count)]  # noqa: DTZ001 - no moment


def _matrices(series: Sequence[_Series], some: Sequence[int]) -> Iterator[tuple[list[int], Floats, bool]]:
    """Series of one length and sign as a matrix, with their places."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for at in some:
        groups.setdefault((len(series[at].values), series[at].is_positive), []).append(at)
    for (_, is_positive), places in groups.items():
        yield places, np.stack([series[at].values for at in places]), is_positive


def panel(
    name: str, values: Floats, period: int, steps: int, *, is_positive: bool, within: bool = True
) -> Ahead:
    """Run a model over series of one length: means, and the standard deviations of exponential smoothing.

    Args:
        name: Of `MODELS`, or the median.
        values: Series x time, without holes.
        period: The season's length.
        steps: How far ahead.
        is_positive: Whether all values are above 0.
        within: Keep means within the range seen and as much again on both sides: a trend in logarithms has no end.
    """
    if values.shape[1] < LEAST:
        return _of_few(values, steps)
    scale = smoothing.exponential(values, period, steps, is_positive=is_positive)
    if name == MEDIAN:
        each = [
            scale.mean if one == "ETS" else MODELS[one](values, period, steps, is_positive) for one in DIVERSE
        ]
        mean = np.median(np.stack(each), axis=0)
    else:
        mean = scale.mean if name == "ETS" else MODELS[name](values, period, steps, is_positive)
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    if within:
        mean = np.clip(mean, low - (high - low), high + (high - low))
    limit = 3 * (high - low)
    return Ahead(np.where(low >= 0, np.maximum(mean, 0.0), mean), np.minimum(scale.sigma, limit))


def _of_few(values: Floats, steps: int) -> Ahead:
    """The last value; the deviation is that of the changes, or as much as the value where there is no change."""
    mean = np.repeat(values[:, -1:], steps, axis=1)
    changes = np.diff(values, axis=1)
    size = np.sqrt((changes**2).mean(axis=1)) if changes.shape[1] else np.abs(values[:, 0])
    return Ahead(mean, size[:, None] * np.sqrt(np.arange(1, steps + 1)))


def _measured(
    series: Sequence[_Series],
    found: Mapping[int, _Answer],
    horizon: int,
    period: int,
    levels: tuple[int, ...],
) -> dict[int, dict[int, Floats]]:
    """Half the width of each series' intervals: its sigma x how many sigmas held what came, by steps ahead."""
    ratios: list[Floats] = []
    for name in {answer.model for answer in found.values()} - set(LIBRARY):
        some = [at for at, answer in found.items() if answer.model == name and answer.sigma[0] > 0]
        least = max(2 * period + 1, 12)
        for cut in sorted({max(horizon * part // 2, 1) for part in range(2, 2 + _CUTS)}):
            long = [at for at in some if len(series[at].values) - cut >= least]
            shorter = {
                at: _Series(at, 0, series[at].values[: len(series[at].values) - cut], ()) for at in long
            }
            for places, values, is_positive in _matrices(
                [shorter.get(at, series[at]) for at in range(len(series))], long
            ):
                ahead = panel(name, values, period, horizon, is_positive=is_positive)
                came = np.stack([series[at].values[values.shape[1] :][:horizon] for at in places])
                ratios.append(np.abs(came - ahead.mean) / np.maximum(ahead.sigma, 1e-12))
    pooled = np.concatenate(ratios) if ratios else np.zeros((0, horizon))
    times = {level: held_by(pooled, level / 100) for level in levels}
    # Of models of libraries the deviation is their own, and so is the interval.
    normal = {level: np.full(horizon, NormalDist().inv_cdf(0.5 + level / 200)) for level in levels}
    return {
        at: {
            level: np.maximum.accumulate(answer.sigma * (normal if answer.model in LIBRARY else times)[level])
            for level in levels
        }
        for at, answer in found.items()
    }


def held_by(ratios: Floats, share: float) -> Floats:
    """How many of its own deviations hold `share` of errors, by step; the normal law's where errors are too few.

    Args:
        ratios: Errors without sign over deviations, forecasts x steps; not a number where nothing came yet.
        share: Between 0 and 1.

    Returns:
        One number a step: the conformal quantile, rank ceil((n + 1) share) of n, of the step and its neighbours.
    """
    steps = ratios.shape[1]
    found = np.full(steps, NormalDist().inv_cdf(0.5 + share / 2))
    for step in range(steps):
        near = ratios[:, max(step - 1, 0) : step + 2]
        near = near[np.isfinite(near)]
        alone = int(np.isfinite(ratios[:, step]).sum())
        if alone >= needed(share):
            rank = min(math.ceil((len(near) + 1) * share), len(near))
            found[step] = np.partition(near, rank - 1)[rank - 1]
    return found


def needed(share: float) -> int:
    """How many errors an interval of this share must have been measured on: 9 for 80 %, 39 for 95 %."""
    return math.ceil(2 / (1 - share) - 1 - 1e-9)


def _rows(
    series: Sequence[_Series],
    answers: Sequence[_Answer],
    widths: Sequence[Mapping[int, Floats]],
    steps: _Steps,
    shape: Mapping[str, Any],
) -> pl.DataFrame:
    """One table of all series: a frame for each would cost more than the models."""
    mean = np.stack([answer.mean for answer in answers])
    floor = np.array([[0.0 if one.values.min() >= 0 else -math.inf] for one in series])
    bounds = {}
    for level in widths[0]:
        width = np.stack([of[level] for of in widths])
        bounds[f"lo_{level}"] = np.maximum(mean - width, floor).ravel()
        bounds[f"hi_{level}"] = (mean + width).ravel()
    horizon = mean.shape[1]
    return pl.DataFrame(
        {
            "series": [one.name for one in series for _ in range(horizon)],
            "ds": [ds for one in series for ds in steps.after(one.last, horizon)],
            "model": [answer.model for answer in answers for _ in range(horizon)],
            "mean": mean.ravel(),
            **bounds,
            "reason": [answer.reason for answer in answers for _ in range(horizon)],
        },
        shape,
        strict=False,
    ).with_columns(pl.col(pl.Float64).round(_DIGITS))


def _shape(series: Any, ds: Any, levels: Sequence[int]) -> dict[str, Any]:
    bounds = {f"{end}_{level}": pl.Float64 for level in levels for end in ("lo", "hi")}
    return {"series": series, "ds": ds, "model": pl.String, "mean": pl.Float64, **bounds, "reason": pl.String}
