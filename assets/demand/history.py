"""Units wanted of each product, step by step: what was sold less what came back, stock-outs taken into account.

A giant order that is cancelled the same day is none, so returns are taken off in the step in which they come, to no less
than 0. A step of which a product was out of stock for a part stands for its other days; one it was out for half or more
tells nothing, and is bridged by a line between its neighbours: marked, not learned. Pure: frames in, arrays out.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.stockouts import Booleans, out_days

Floats = npt.NDArray[np.float64]

_UNTOLD = 0.5  # of a step out of stock, from which on it tells nothing
_CLOSED_DAYS = 3  # a month is whole if one of its last days has a sale


@dataclass(frozen=True, slots=True)
class History:
    """Products x steps.

    Attributes:
        products: Codes, in order.
        starts: First days of the whole steps, in order.
        following: First day of the step after the last whole one.
        units: Wanted; not a number before the first sale.
        sold: Sold, as it was.
        is_untold: Which steps are bridged, as the product was out of stock.
        out_share: Share of each step out of stock.
    """

    products: pl.Series
    starts: tuple[date, ...]
    following: date
    units: Floats
    sold: Floats
    is_untold: Booleans
    out_share: Floats


def history(sold: pl.DataFrame, out: pl.DataFrame, until: date, grain: str) -> History:
    """Tell what was wanted in whole steps.

    Args:
        sold: month, week, product_id, units, returned_units, one row a product and part of a week in a month, at least one.
        out: product_id, first_day, last_day out of stock.
        until: The first day that is not known; closed ones are (`assets.days.first_days_ahead`).
        grain: week or month.
    """
    starts, following = _calendar(sold, until, grain)
    products = sold.filter(pl.col("units") > 0)["product_id"].unique().sort()
    places = pl.DataFrame({grain: starts, "step": np.arange(len(starts))}, {grain: pl.Date, "step": pl.Int64})
    rows = pl.DataFrame({"product_id": products, "row": np.arange(len(products))})
    found = sold.join(rows, on="product_id").join(places, on=grain)
    at = found["row"].to_numpy(), found["step"].to_numpy()
    gross, net = np.zeros((2, len(products), len(starts)))
    np.add.at(gross, at, found["units"].cast(pl.Float64).to_numpy())
    np.add.at(
        net,
        at,
        found.select(pl.col("units") - pl.col("returned_units")).to_series().cast(pl.Float64).to_numpy(),
    )
    share = np.zeros(gross.shape)
    if starts:
        days = out_days(out, products, starts[0], (following - starts[0]).days)
        begins = [(start - starts[0]).days for start in starts]
        share = np.add.reduceat(days.astype(np.float64), begins, axis=1) / np.diff([*begins, days.shape[1]])
    is_untold = share >= _UNTOLD
    is_before = np.cumsum(gross, axis=1) <= 0
    wanted = np.maximum(net, 0.0) / np.where(is_untold, 1.0, 1.0 - share)
    units = bridged(np.where(is_untold, np.nan, wanted))
    return History(
        products,
        tuple(starts),
        following,
        np.where(is_before, np.nan, units),
        gross,
        is_untold & ~is_before,
        share,
    )


def _calendar(sold: pl.DataFrame, until: date, grain: str) -> tuple[list[date], date]:
    """First days of the whole steps before `until`, and of the one after them."""
    first = sold.select(pl.col(grain).min()).item()
    starts: list[date] = []
    while True:
        if grain == "month":
            length = calendar.monthrange(first.year, first.month)[1]
            is_whole = first + timedelta(days=length - _CLOSED_DAYS) < until
        else:
            length = 7
            is_whole = first + timedelta(days=length) <= until
        if not is_whole:
            return starts, first
        starts.append(first)
        first += timedelta(days=length)


def bridged(values: Floats) -> Floats:
    """Holes filled by a line between their neighbours, at the ends by the nearest; 0 in a row without any."""
    is_known, length = np.isfinite(values), values.shape[1]
    at = np.arange(length)
    before = np.maximum.accumulate(np.where(is_known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(is_known, at, length)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before >= 0, before, np.minimum(after, length - 1))
    right = np.where(after < length, after, np.maximum(before, 0))
    share = np.where(right > left, (at - left) / np.maximum(right - left, 1), 0.0)
    low, high = (np.nan_to_num(np.take_along_axis(values, side, axis=1)) for side in (left, right))
    return np.asarray(low + share * (high - low))
