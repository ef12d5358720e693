"""How good each model was, and what was served: forecasts.backtest."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from assets.forecasts.choice import (
    BUCKETS,
    LEVELS,
    Width,
    before,
    buckets,
    earlier,
    is_telling,
    known,
    ratios,
    widths,
)
from assets.forecasts.origins import FLOOR, PANEL, Seen
from assets.forecasts.sales import Served, origins
from assets.forecasts.smoothing import Floats

LATER = 3  # months after which a forecast is judged: its longest horizon has come
SERVED = "as served"
_DIGITS = 6
_QUANTILES = tuple(
    (share, level, sign)
    for level in LEVELS
    for share, sign in ((0.5 - level / 200, -1), (0.5 + level / 200, 1))
)

# A model or what was served, steps that are judged together, how many of them had come, and its figures.
_Part = tuple[str, slice, int, Mapping[str, Floats]]
SHAPE = {
    "as_of": pl.Date,
    "origin": pl.Date,
    "grain": pl.String,
    "measure": pl.String,
    "level": pl.String,
    "series": pl.String,
    "model": pl.String,
    "first_step": pl.Int32,
    "last_step": pl.Int32,
    "steps": pl.Int32,
    "is_champion": pl.Boolean,
    "mase": pl.Float64,
    "smape": pl.Float64,
    "bias": pl.Float64,
    "pinball": pl.Float64,
    "coverage_80": pl.Float64,
    "coverage_95": pl.Float64,
    "value_added": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make forecasts.backtest: forecasts of three months before, made anew of what was known then, by what came.

    Args:
        rows: As `assets.forecasts.sales.compute` takes them.
        months: As_of months, in order. One before which there is no origin of three months before has no rows.
    """
    judged = [before(month, LATER) for month in months]
    past = origins(rows, sorted({*months, *judged}))
    served = Served(past)
    found = [
        _judged(served, past[origin, grain], month)
        for month, origin in zip(months, judged, strict=True)
        for grain in BUCKETS
        if (origin, grain) in past and (month, grain) in past
    ]
    return pl.concat([pl.DataFrame(schema=SHAPE), *found]).with_columns(pl.col(pl.Float64).round(_DIGITS))


def _judged(served: Served, one: Seen, by: date) -> pl.DataFrame:
    """Every model, and what was served, on every series and bucket of steps that had come."""
    parts: list[_Part] = []
    others = earlier(served.past, one)
    is_known = known(one, by)
    for name in (FLOOR, *(name for name in PANEL if name != FLOOR), SERVED):
        if name == SERVED:
            mean = served.mean(one)
            of_others = [(other.pools, ratios(other, served.mean(other), one.as_of)) for other in others]
        else:
            place = PANEL.index(name)
            mean = one.means[place]
            if not np.isfinite(mean).any():
                continue
            of_others = [(other.pools, ratios(other, other.means[place], one.as_of)) for other in others]
        times = {kind: widths(of_others, kind, one.grain) for kind in one.pools}
        for number, steps in enumerate(buckets(one.grain)):
            at = np.arange(steps.start, steps.stop)
            at = at[is_known[at] & np.isfinite(one.came[:, at]).any(axis=0)]
            if not len(at):
                continue
            figures = _figures(one, mean[:, at], at, {kind: found[number] for kind, found in times.items()})
            parts.append((name, steps, len(at), figures))
    if not parts:
        return pl.DataFrame(schema=SHAPE)
    table = _table(one, parts, served, by)
    key = ["grain", "measure", "level", "series", "first_step"]
    floor = table.filter(pl.col("model") == FLOOR).select(*key, floor="mase")
    return (
        table.join(floor, on=key, how="left", maintain_order="left")
        .with_columns(value_added=pl.when(pl.col("floor") > 0).then(1 - pl.col("mase") / pl.col("floor")))
        .select(SHAPE.keys())
    )


def _figures(
    one: Seen, mean: Floats, at: Any, times: Mapping[tuple[str, str], Mapping[int, Width]]
) -> dict[str, Floats]:
    """The figures of one model, one element a series; not a number where there is none."""
    came, sigma = one.came[:, at], one.sigma[:, at]
    error = mean - came
    factor = {level: np.zeros((len(one.nodes), 1)) for level in LEVELS}
    for kind, rows in one.pools.items():
        for level in LEVELS:
            factor[level][rows] = times[kind][level].times
    scale = np.where(one.scale > 0, one.scale, np.nan)
    size = np.abs(came) + np.abs(mean)
    total = came.sum(axis=1)
    is_judged = is_telling(mean, came, sigma)
    found = {
        "mase": np.abs(error).mean(axis=1) / scale,
        "smape": 200 * np.where(size > 0, np.abs(error) / np.where(size > 0, size, 1.0), 0.0).mean(axis=1),
        "bias": np.where(total > 0, error.sum(axis=1) / np.where(total > 0, total, 1.0), np.nan),
    }
    pinball = np.zeros(len(one.nodes))
    for share, level, sign in _QUANTILES:
        bound = np.maximum(mean + sign * factor[level] * sigma, 0.0)
        off = came - bound
        pinball += np.maximum(share * off, (share - 1) * off).mean(axis=1)
    found["pinball"] = pinball / len(_QUANTILES) / scale
    for level in LEVELS:
        held = np.abs(error) <= factor[level] * sigma + 1e-9
        count = is_judged.sum(axis=1)
        found[f"coverage_{level}"] = np.where(
            count > 0, (held & is_judged).sum(axis=1) / np.maximum(count, 1), np.nan
        )
    return found


def _table(one: Seen, parts: Sequence[_Part], served: Served, by: date) -> pl.DataFrame:
    """One table of all models and buckets: a frame for each would cost more than to judge them."""
    nodes, times = one.nodes, len(parts)
    chosen = [PANEL[at] for at in served.models(one)]

    def each(values: Sequence[object]) -> list[object]:
        return [value for value in values for _ in nodes]

    table = pl.DataFrame(
        {
            "as_of": [by] * len(nodes) * times,
            "origin": [one.as_of] * len(nodes) * times,
            "grain": [one.grain] * len(nodes) * times,
            "measure": [node.measure for node in nodes] * times,
            "level": [node.level for node in nodes] * times,
            "series": [node.name for node in nodes] * times,
            "model": each([name for name, *_ in parts]),
            "first_step": each([steps.start + 1 for _, steps, *_ in parts]),
            "last_step": each([steps.stop for _, steps, *_ in parts]),
            "steps": each([count for _, _, count, _ in parts]),
            "is_champion": [name == model for name, *_ in parts for model in chosen],
            **{name: np.concatenate([figures[name] for *_, figures in parts]) for name in parts[0][3]},
            "value_added": [None] * len(nodes) * times,
        },
        SHAPE,
    )
    # A stand-in is not the model whose name it would bear.
    ran = [
        name == SERVED or not one.failed[PANEL.index(name), row]
        for name, *_ in parts
        for row in range(len(nodes))
    ]
    return (
        table.filter(pl.Series(ran))
        .filter(pl.col("mase").is_not_nan())
        .with_columns(pl.col(pl.Float64).fill_nan(None))
    )
