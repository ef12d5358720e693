"""What will be wanted of each product in the next months, how much it matters and how regular it is.

Forecasts are `assets.forecasts.models.forecast` of units a month; classes and strengths are of the months before.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from assets.days import first_days_ahead
from assets.demand.history import Floats, History, history
from assets.forecasts import smoothing
from assets.forecasts.models import forecast

AHEAD = 3
_YEAR = 12
_ABC = (0.8, 0.95)  # of the amount, the largest first (Dickie 1951)
_XYZ = (0.5, 1.0)  # coefficient of variation (Scholz-Reiter et al. 2012)
_XYZ_MONTHS = 6
_TREND_MONTHS, _SEASON_MONTHS = 12, 36  # two years of twelve places leave no rest to compare with
_TREND_WIDTH = 5
_DIGITS = 4
SHAPE = pl.Schema(
    {
        "as_of": pl.Date,
        "product_id": pl.String,
        "category": pl.String,
        "amount": pl.Float64,
        "abc": pl.String,
        "months": pl.Int64,
        "variation": pl.Float64,
        "xyz": pl.String,
        "trend_strength": pl.Float64,
        "season_strength": pl.Float64,
        "missing_reason": pl.String,
        "out_of_stock_days": pl.Int64,
        "bridged_months": pl.Int64,
        "first_month": pl.Date,
        **{
            f"{name}_{step}": pl.Float64
            for step in range(1, AHEAD + 1)
            for name in ("units", "lo_80", "hi_80")
        },
        "units": pl.Float64,
        "model": pl.String,
        "reason": pl.String,
        "counted_on": pl.Date,
        "on_hand": pl.Float64,
        "cover_months": pl.Float64,
        "overstock_units": pl.Float64,
        "is_dead_stock": pl.Boolean,
    }
)


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make demand.products.

    Args:
        rows: Of five kinds, told by `what`: `day` (day: one on which something was sold), `sold` (month, week, product_id,
            units, returned_units, amount: of sales less returns), `out` (product_id, day, last_day: out of stock), `stock` (product_id, day, units: counted),
            `category` (product_id, month, category); dead_days in all.
        months: As_of months, in order. One before the first sale has no rows.
    """
    days = rows.filter(pl.col("what") == "day").select("day").drop_nulls()
    parts = [
        _answers(rows, as_of, until).with_columns(as_of=pl.lit(as_of)).select(*SHAPE).cast(SHAPE)
        for as_of, until in first_days_ahead(days, months).items()
    ]
    return pl.concat([pl.DataFrame(schema=SHAPE), *parts]).with_columns(pl.col(pl.Float64).round(_DIGITS))


def _answers(rows: pl.DataFrame, as_of: date, until: date) -> pl.DataFrame:
    # A count may be of the last evening of the month, on which nothing was sold.
    is_known = pl.col("day") < pl.lit(as_of).dt.offset_by("1mo")
    known = rows.filter(is_known | pl.col("day").is_null())
    sold = known.filter((pl.col("what") == "sold") & (pl.col("month") < until))
    if sold.is_empty():
        return pl.DataFrame(schema=SHAPE)
    dead_days = int(rows["dead_days"][0])
    past = history(
        sold,
        known.filter(pl.col("what") == "out").select("product_id", first_day="day", last_day="last_day"),
        until,
        "month",
    )
    table = _forecast(past, sold, until, dead_days)
    year = past.starts[-_YEAR:]
    # A giant order that was cancelled made no product matter.
    amount = (
        sold.filter(pl.col("month") >= (year[0] if year else past.following))
        .group_by("product_id")
        .agg(pl.col("amount").cast(pl.Float64).sum().round(4).clip(lower_bound=0.0))
    )
    category = (
        known.filter((pl.col("what") == "category") & (pl.col("month") < until))
        .sort("product_id", "month")
        .group_by("product_id", maintain_order=True)
        .agg(pl.col("category").first())
    )
    stock = (
        known.filter(pl.col("what") == "stock")
        .sort("product_id", "day")
        .group_by("product_id", maintain_order=True)
        .agg(counted_on=pl.col("day").last(), on_hand=pl.col("units").last().cast(pl.Float64))
    )
    table = (
        table.join(amount, on="product_id", how="left", maintain_order="left")
        .join(category, on="product_id", how="left", maintain_order="left")
        .join(stock, on="product_id", how="left", maintain_order="left")
        .with_columns(pl.col("amount").fill_null(0.0), pl.col("category").fill_null("Other"))
    )
    return _stocked(_classes(table).hstack(_regularity(past)))


def _forecast(past: History, sold: pl.DataFrame, until: date, dead_days: int) -> pl.DataFrame:
    """Units of the months ahead; what was not sold for long is foretold by the year before, or as 0."""
    last = sold.filter(pl.col("units") > 0).group_by("product_id").agg(last_week=pl.col("week").max())
    table = pl.DataFrame({"product_id": past.products}).join(
        last, on="product_id", how="left", maintain_order="left"
    )
    is_quiet = (table["last_week"] + timedelta(days=6) < until - timedelta(days=dead_days)).to_numpy()
    length = len(past.starts)
    year_before = np.nan_to_num(past.units[:, max(length - _YEAR, 0) : max(length - _YEAR + AHEAD, 0)]).sum(
        axis=1
    )
    is_seasonal = is_quiet & (length >= _YEAR) & (year_before > 0)
    long = pl.DataFrame(
        {
            "series": np.repeat(past.products.to_numpy(), length),
            "ds": pl.Series(list(past.starts) * len(past.products), dtype=pl.Date),
            # What was not sold before its first Christmas sells at Christmas.
            "y": np.where(is_seasonal[:, None], np.nan_to_num(past.units), past.units).ravel(),
            "is_quiet": np.repeat(is_quiet, length),
            "is_seasonal": np.repeat(is_seasonal, length),
        },
        {
            "series": pl.String,
            "ds": pl.Date,
            "y": pl.Float64,
            "is_quiet": pl.Boolean,
            "is_seasonal": pl.Boolean,
        },
    ).filter(pl.col("y").is_not_nan())
    found = [
        forecast(
            some.select("series", "ds", "y"), horizon=AHEAD, season_length=_YEAR, levels=(80,), model=model
        )
        for some, model in (
            (long.filter(~pl.col("is_quiet")), "median"),
            (long.filter("is_seasonal"), "seasonal naive"),
        )
        if some.height
    ]
    table = table.with_columns(
        is_quiet=pl.Series(is_quiet), first_month=pl.lit(past.following), is_seasonal=pl.Series(is_seasonal)
    )
    wide = pl.concat([pl.DataFrame(schema=_LONG), *found]).with_columns(
        step=pl.int_range(1, pl.len() + 1).over("series", order_by="ds")
    )
    for step in range(1, AHEAD + 1):
        one = wide.filter(pl.col("step") == step).select(
            pl.col("series").alias("product_id"),
            # What is added up is what is written.
            pl.col("mean").round(_DIGITS).alias(f"units_{step}"),
            pl.col("lo_80").alias(f"lo_80_{step}"),
            pl.col("hi_80").alias(f"hi_80_{step}"),
            *(("model", "reason") if step == 1 else ()),
        )
        table = table.join(one, on="product_id", how="left", maintain_order="left")
    quiet = pl.format("it was not sold for {} days", pl.lit(dead_days))
    return table.with_columns(
        pl.when(pl.col("model").is_null()).then(pl.lit("none")).otherwise("model").alias("model"),
        reason=pl.when("is_seasonal")
        .then(pl.format("{}, but in these months of the year before", quiet))
        .when("is_quiet")
        .then(quiet)
        .when(pl.col("model").is_null())
        .then(pl.lit("it was first sold in a month that is not whole"))
        .otherwise("reason"),
        **{
            f"{name}_{step}": pl.col(f"{name}_{step}").fill_null(0.0)
            for step in range(1, AHEAD + 1)
            for name in ("units", "lo_80", "hi_80")
        },
    ).with_columns(units=pl.sum_horizontal(f"units_{step}" for step in range(1, AHEAD + 1)))


_LONG = {
    "series": pl.String,
    "ds": pl.Date,
    "model": pl.String,
    "mean": pl.Float64,
    "lo_80": pl.Float64,
    "hi_80": pl.Float64,
    "reason": pl.String,
}


def _classes(table: pl.DataFrame) -> pl.DataFrame:
    """A for the largest that make up 80 % of the amount, B for those up to 95 %, C for the rest."""
    order = table.select(
        "product_id", "amount", before=pl.col("amount").cum_sum().over(
            pl.lit(1), order_by=[-pl.col("amount"), "product_id"]
        ) - pl.col("amount"),
    )  # fmt: skip
    total = float(table["amount"].sum())
    share = order["before"] / total if total > 0 else pl.Series([1.0] * table.height, dtype=pl.Float64)
    return table.with_columns(
        abc=pl.when((share < _ABC[0]) & (pl.col("amount") > 0))
        .then(pl.lit("A"))
        .when((share < _ABC[1]) & (pl.col("amount") > 0))
        .then(pl.lit("B"))
        .otherwise(pl.lit("C"))
    )


def _regularity(past: History) -> pl.DataFrame:
    """Variation, class and strengths of each product, in order, and how much of it was out of stock."""
    recent = past.units[:, -_YEAR:]
    count = np.isfinite(recent).sum(axis=1)
    mean = np.where(count > 0, np.nansum(recent, axis=1) / np.maximum(count, 1), 0.0)
    square = np.nansum((recent - mean[:, None]) ** 2, axis=1) / np.maximum(count - 1, 1)
    is_told = (count >= _XYZ_MONTHS) & (mean > 0)
    variation = np.where(is_told, np.sqrt(square) / np.where(mean > 0, mean, 1.0), np.nan)
    trend, season, months = strengths(past.units)
    days = np.diff([start.toordinal() for start in (*past.starts, past.following)])
    out = np.rint(past.out_share * days).astype(np.int64)[:, -_YEAR:].sum(axis=1)
    return pl.DataFrame(
        {
            "months": months,
            "variation": variation,
            "trend_strength": trend,
            "season_strength": season,
            "out_of_stock_days": out,
            "bridged_months": past.is_untold.sum(axis=1),
        }
    ).with_columns(
        pl.col("variation", "trend_strength", "season_strength").fill_nan(None),
        xyz=pl.when(pl.col("variation").is_nan())
        .then(None)
        .when(pl.col("variation") <= _XYZ[0])
        .then(pl.lit("X"))
        .when(pl.col("variation") <= _XYZ[1])
        .then(pl.lit("Y"))
        .otherwise(pl.lit("Z")),
        missing_reason=pl.when(pl.col("months") < _XYZ_MONTHS)
        .then(pl.format("{} months are too few to tell regularity, {} for a trend, {} for a season",
                        "months", pl.lit(_TREND_MONTHS), pl.lit(_SEASON_MONTHS)))
        .when(pl.col("variation").is_nan())
        .then(pl.lit("nothing was wanted in the last year"))
        .when(pl.col("months") < _TREND_MONTHS)
        .then(pl.format("a trend needs {} months, a season {}", pl.lit(_TREND_MONTHS), pl.lit(_SEASON_MONTHS)))
        .when(pl.col("months") < _SEASON_MONTHS)
        .then(pl.format("a season needs {} months", pl.lit(_SEASON_MONTHS)))
        .when(pl.col("trend_strength").is_nan())
        .then(pl.lit("every month is the same")),
    )  # fmt: skip


def strengths(units: Floats) -> tuple[Floats, Floats, np.ndarray]:
    """Strength of trend and of season, 0 to 1, and how many months each is of (Wang, Smith, Hyndman 2006).

    1 - variance of the rest by that of the rest with the trend (the season). The trend is a moving mean, of a year where
    three are known and the season is taken out, else of five months. Not a number where months are too few or all equal.

    Args:
        units: Products x months; not a number before the first.
    """
    count = units.shape[0]
    months = np.isfinite(units).sum(axis=1)
    trend, season = np.full(count, np.nan), np.full(count, np.nan)
    for length in np.unique(months[months >= _TREND_MONTHS]):
        rows = np.flatnonzero(months == length)
        values = units[rows, units.shape[1] - length :]
        has_season = length >= _SEASON_MONTHS
        width = _YEAR + 1 if has_season else _TREND_WIDTH
        weights = np.full(width, 1 / (width - has_season))
        if has_season:
            weights[[0, -1]] /= 2
        line = np.lib.stride_tricks.sliding_window_view(values, width, axis=1) @ weights
        half = width // 2
        rest = values[:, half : length - half] - line
        places = np.zeros_like(rest)
        if has_season:
            places = smoothing.continued(smoothing.season_of(values, _YEAR), half, rest.shape[1])
            rest = rest - places
            season[rows] = _strength(rest, places)
        trend[rows] = _strength(rest, line)
    return trend, season, months


def _strength(rest: Floats, part: Floats) -> Floats:
    whole = (rest + part).var(axis=1)
    is_told = whole > 1e-12
    return np.where(is_told, np.clip(1 - rest.var(axis=1) / np.where(is_told, whole, 1.0), 0.0, 1.0), np.nan)


def _stocked(table: pl.DataFrame) -> pl.DataFrame:
    """What the stock there is comes to, where it was counted."""
    most = pl.sum_horizontal(f"hi_80_{step}" for step in range(1, AHEAD + 1))
    return table.with_columns(
        cover_months=pl.when(pl.col("units") > 0).then(pl.col("on_hand") * AHEAD / pl.col("units")),
        overstock_units=pl.max_horizontal(pl.col("on_hand") - most, pl.lit(0.0)) + 0 * pl.col("on_hand"),
        is_dead_stock=(pl.col("on_hand") > 0) & (pl.col("units") == 0) & pl.col("is_quiet"),
    ).with_columns(pl.when(pl.col("on_hand").is_not_null()).then("is_dead_stock").alias("is_dead_stock"))
