"""What models of libraries say of the total and the largest countries: forecasts.rivals.

They take a tenth of a second to a second a series, so they speak for few, and once: what is said as of a month is a
function of that month alone, and is kept. They see what our own models see: open days, holidays filled.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from assets.days import first_days_ahead
from assets.forecasts import smoothing
from assets.forecasts.models import LIBRARY
from assets.forecasts.origins import RECENT, STEPS, YEAR, Asked, events_of, steps_of
from assets.threads import pools_at_most

LEAST = 12  # steps below which they are not asked
_DIGITS = 2

SHAPE = {
    "as_of": pl.Date,
    "grain": pl.String,
    "measure": pl.String,
    "level": pl.String,
    "series": pl.String,
    "model": pl.String,
    "starts_on": pl.Date,
    "step": pl.Int32,
    "mean": pl.Float64,
    "reason": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make forecasts.rivals.

    Args:
        rows: As `assets.forecasts.origins.seen` takes them, with holiday_country, library (names of models, a semicolon
            between) and library_countries, the same in each.
        months: As_of months. One before the first sale has no rows.
    """
    names, countries, holidays = _settings(rows)
    days = rows.filter((pl.col("grain") == "day") & (pl.col("orders") > 0)).select(day="starts_on")
    if days.is_empty() or not names:
        return pl.DataFrame(schema=SHAPE)
    said: list[dict[str, Any]] = []
    references = first_days_ahead(days, months)
    if not references:
        return pl.DataFrame(schema=SHAPE)
    events, finer = events_of(rows), dict[date, dict[str, Asked]]()
    with pools_at_most(1):
        for grain in STEPS:
            table = steps_of(rows, grain, max(references.values()))
            if table.starts:
                for as_of, reference in references.items():
                    one = Asked.of(table, as_of, reference, holidays, events, finer.get(as_of, {}))
                    if one.length:
                        finer.setdefault(as_of, {})[grain] = one
                    said += [
                        each for row in _wanted(one, countries) for each in _said(one, row, names, holidays)
                    ]
    by_step = ["starts_on", "step", "mean"]
    shape = {name: pl.List(kind) if name in by_step else kind for name, kind in SHAPE.items()}
    return pl.DataFrame(said, shape).explode(by_step)


def _settings(rows: pl.DataFrame) -> tuple[list[str], int, str | None]:
    told = rows.filter(pl.col("grain") != "event")
    if told.is_empty():
        return [], 0, None
    library, countries, holidays = told.select("library", "library_countries", "holiday_country").row(0)
    asked = {name.strip() for name in (library or "").split(";")}
    return [name for name in LIBRARY if name in asked], countries, holidays


def _wanted(one: Asked, countries: int) -> list[int]:
    """Places of the totals, and of so many countries, each with enough steps."""
    year = one.values[:, -YEAR[one.grain] :].sum(axis=1)
    found = []
    for measure in ("amount", "orders"):
        of = [row for row, node in enumerate(one.nodes) if node.measure == measure]
        found += [row for row in of if one.nodes[row].level == "total"]
        nations = [row for row in of if one.nodes[row].level == "country"]
        found += sorted(nations, key=lambda row: (-year[row], one.nodes[row].name))[:countries]
    return [row for row in found if one.axis[row].any() and one.axis.shape[1] - _first(one, row) >= LEAST]


def _first(one: Asked, row: int) -> int:
    """Steps before the first sale say nothing; by day they stay, as they do for our own models."""
    if one.grain == "day":
        return max(len(one.stamps) - RECENT["day"], 0)
    return int((one.axis[row] > 0).argmax())


def _said(one: Asked, row: int, names: Sequence[str], holidays: str | None) -> Iterator[dict[str, Any]]:
    """What each model said of a series: a row a model, with a list a step."""
    from assets.forecasts.library import run

    first, node, steps = _first(one, row), one.nodes[row], len(one.ahead)
    values = one.axis[[row], first:]
    if one.grain == "day":
        values = smoothing.without_outliers(values, one.period)
    is_ahead = one.places >= 0
    ahead = one.ahead
    if one.grain == "day":
        open_days = {day.weekday() for day in one.stamps}
        ahead = tuple(day for day in one.ahead if day.weekday() in open_days)
    stamps = [[*one.stamps[first:], *ahead]]
    country = None if holidays is None or one.grain != "day" else holidays.partition("-")[0]
    for name in names:
        means: list[float] | list[None] = [None] * steps
        reason = None
        try:
            said = run(name, values, one.period, len(ahead), stamps, country).mean[0]
        except (RuntimeError, ValueError) as error:
            reason = str(error)
        else:
            low, high = float(values.min()), float(values.max())
            said = np.maximum(np.clip(said, low - (high - low), high + (high - low)), 0.0)
            mean = np.zeros(steps)
            mean[is_ahead] = said[one.places[is_ahead]] * one.lift[row, is_ahead]
            means = mean.round(_DIGITS).tolist()
        yield {
            "as_of": one.as_of,
            "grain": one.grain,
            "measure": node.measure,
            "level": node.level,
            "series": node.name,
            "model": name,
            "starts_on": list(one.ahead),
            "step": list(range(1, steps + 1)),
            "mean": means,
            "reason": reason,
        }
