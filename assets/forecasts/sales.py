"""What will be sold in the next 90 days, 13 weeks and 3 months: forecasts.sales."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from assets.days import first_days_ahead, seen_months
from assets.forecasts.choice import (
    LEVELS,
    LOOKBACK,
    Past,
    Width,
    before,
    buckets,
    champions,
    earlier,
    ratios,
    reconciled,
    widths,
)
from assets.forecasts.origins import PANEL, Seen, country_of, seen
from assets.forecasts.smoothing import Floats

STAND_IN = "naive"
_DIGITS = 4
SHAPE = {
    "as_of": pl.Date,
    "grain": pl.String,
    "measure": pl.String,
    "level": pl.String,
    "series": pl.String,
    "is_rest": pl.Boolean,
    "parent": pl.String,
    "starts_on": pl.Date,
    "step": pl.Int32,
    "model": pl.String,
    "mean": pl.Float64,
    "lo_80": pl.Float64,
    "hi_80": pl.Float64,
    "lo_95": pl.Float64,
    "hi_95": pl.Float64,
    "calibration_n": pl.Int64,
    "is_measured_80": pl.Boolean,
    "is_measured_95": pl.Boolean,
    "reason": pl.String,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make forecasts.sales.

    Args:
        rows: As `assets.forecasts.origins.seen` takes them, with holiday_country, the same in each.
        months: As_of months, in order. One before the first sale has no rows.
    """
    past = origins(rows, months)
    wanted = set(months)
    served = Served(past)
    parts = [_rows(served, one) for (month, _), one in sorted(past.items()) if month in wanted]
    return pl.concat([pl.DataFrame(schema=SHAPE), *parts]).with_columns(pl.col(pl.Float64).round(_DIGITS))


def origins(rows: pl.DataFrame, months: Sequence[date]) -> Past:
    """What models say as of the months, and of those before that they are judged by."""
    days = rows.filter((pl.col("grain") == "day") & (pl.col("orders") > 0)).select(day="starts_on")
    if days.is_empty() or not months:
        return {}
    first, last = before(min(months), 2 * LOOKBACK), max(months)
    asked = [month for month in {*seen_months(days), *months} if first <= month <= last]
    return seen(rows, first_days_ahead(days, asked), country_of(rows))


class Served:
    """Means as they are served at each origin, and how wide their intervals are; each worked out once."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._models: dict[tuple[date, str], np.ndarray] = {}
        self._means: dict[tuple[date, str], Floats] = {}

    def models(self, one: Seen) -> np.ndarray:
        """Place in `PANEL` of the model of each series."""
        key = one.as_of, one.grain
        if key not in self._models:
            self._models[key] = champions(self.past, one)
        return self._models[key]

    def mean(self, one: Seen) -> Floats:
        """The champions' means, reconciled."""
        key = one.as_of, one.grain
        if key not in self._means:
            chosen = one.means[self.models(one), np.arange(len(one.nodes))]
            self._means[key] = reconciled(one.nodes, chosen, one.sigma)
        return self._means[key]

    def widths(self, one: Seen) -> dict[tuple[str, str], list[dict[int, Width]]]:
        """Of each kind of series, for each bucket of steps, the width of each level."""
        found = [
            (other.pools, ratios(other, self.mean(other), one.as_of)) for other in earlier(self.past, one)
        ]
        return {kind: widths(found, kind, one.grain) for kind in one.pools}


def _rows(served: Served, one: Seen) -> pl.DataFrame:
    mean, models, steps = served.mean(one), served.models(one), len(one.ahead)
    half = {level: np.zeros(mean.shape) for level in LEVELS}
    errors = np.zeros(mean.shape, dtype=np.int64)
    is_measured = {level: np.zeros(mean.shape, dtype=np.bool_) for level in LEVELS}
    for kind, by_bucket in served.widths(one).items():
        rows = one.pools[kind]
        for at, found in zip(buckets(one.grain), by_bucket, strict=True):
            for level, width_ in found.items():
                half[level][rows, at] = width_.times * one.sigma[rows, at]
                is_measured[level][rows, at] = width_.is_measured
                errors[rows, at] = width_.errors
    is_step = one.sigma > 0
    # What is further ahead is no surer; 95 % holds more than 80 %. A closed day is sure.
    half[80] = np.where(is_step, np.maximum.accumulate(half[80], axis=1), 0.0)
    half[95] = np.where(is_step, np.maximum.accumulate(np.maximum(half[95], half[80]), axis=1), 0.0)
    count = len(one.nodes)
    names, reasons = [], []
    for row, at in enumerate(models):
        reason = one.reasons[row]
        if reason is None and one.failed[at, row]:
            reason = f"{PANEL[at]} failed: it gave no number"
        names.append(PANEL[at] if reason is None else STAND_IN)
        reasons.append(reason)

    def each(values: Sequence[object]) -> np.ndarray:
        return np.repeat(np.array(values, dtype=object), steps)

    return pl.DataFrame(
        {
            "as_of": [one.as_of] * (count * steps),
            "grain": [one.grain] * (count * steps),
            "measure": each([node.measure for node in one.nodes]).tolist(),
            "level": each([node.level for node in one.nodes]).tolist(),
            "series": each([node.name for node in one.nodes]).tolist(),
            "is_rest": each([node.is_rest for node in one.nodes]).tolist(),
            "parent": each(
                [None if node.parent is None else one.nodes[node.parent].name for node in one.nodes]
            ).tolist(),
            "starts_on": list(one.ahead) * count,
            "step": np.tile(np.arange(1, steps + 1), count),
            "model": each(names).tolist(),
            "mean": mean.ravel(),
            "lo_80": np.maximum(mean - half[80], 0.0).ravel(),
            "hi_80": (mean + half[80]).ravel(),
            "lo_95": np.maximum(mean - half[95], 0.0).ravel(),
            "hi_95": (mean + half[95]).ravel(),
            "calibration_n": errors.ravel(),
            "is_measured_80": is_measured[80].ravel(),
            "is_measured_95": is_measured[95].ravel(),
            "reason": each(reasons).tolist(),
        },
        SHAPE,
    )
