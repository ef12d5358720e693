"""What stood on the shelf: the regular price of each product and its promotions, read off what was paid.

Receipts tell what was paid, not what was asked: wholesale lines, promotions and slips stand beside the price on the
shelf, and a day without a sale tells nothing. The regular price is the one on most lines below the wholesale quantity of
the quarter around (Eichenbaum, Jaimovich, Rebelo 2011), seen for three weeks at least, for a promotion is over by then; it
changes on the day on which the new one is first paid. A promotion is days on which nobody paid it. Days without a sale
are as the nearest with one. Pure: frames in, arrays out.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.stockouts import Booleans, out_days

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_WEEKS_AROUND = 6  # to either side: with its own a quarter
_STEP_WEEKS = 2  # a price paid in a week is the regular one if it is that of a week so near
_LASTS_DAYS = 21  # a regular price is seen so long
_CUT = 0.91  # a price above this share of the regular one is no promotion: quantity discounts take as much
_SMALL_LINES = 3  # so many lines of small invoices in a quarter tell the price alone
_PROMOTION_LINES, _PROMOTION_DAYS = 4, 3  # fewer are wholesale that came by chance
_LONGEST_DAYS = 1099  # what lies further back says little about today
_QUIET_DAYS = 91  # what was not sold for so long is off the shelf since its last sale
_AHEAD_DAYS = 14  # the price that stands in for next period's


@dataclass(frozen=True, slots=True)
class Shelf:
    """Products x periods; a period is a week, or the part of it that lies in a month.

    Attributes:
        products: Codes, in order; the first axis.
        starts: First days of the periods; the second axis.
        month: Number of the month of each period, from 0.
        units: Sold below the wholesale quantity, on the days that count.
        exposure: Share of the period's open days that count: from the day after the first sale on, until the last of a
            product that is gone, without days out of stock.
        regular: Logarithm of the regular price, mean of the days that count.
        promoted: Logarithm of the price by the regular one, mean of the days that count; 0 without a promotion.
        ahead: regular + promoted of two weeks later; not a number where it is not known.
        facts: product_id, regular_price (the last), lowest_price, highest_price and prices (how many) of the regular ones.
    """

    products: tuple[str, ...]
    starts: tuple[date, ...]
    month: Integers
    units: Floats
    exposure: Floats
    regular: Floats
    promoted: Floats
    ahead: Floats
    facts: pl.DataFrame


def shelf_of(paid: pl.DataFrame, out: pl.DataFrame, until: date) -> Shelf:
    """Read the shelf.

    Args:
        paid: day, product_id, unit_price, lines, units of the sale lines below the wholesale quantity, at least one.
        out: product_id, first_day, last_day out of stock.
        until: The first day that is not known.
    """
    since = until - timedelta(days=_LONGEST_DAYS)
    days = _days(paid.filter(pl.col("day").is_between(since, until, closed="left")))
    first: date = days.select(pl.col("day").min()).item()
    length = (until - first).days
    products = days["product_id"].unique().sort()
    places = days.select(
        row=pl.col("product_id").replace_strict(products, pl.int_range(len(products), eager=True)),
        day=(pl.col("day") - first).dt.total_days(),
    )
    row, at = places["row"].to_numpy(), places["day"].to_numpy()
    shape = (len(products), length)

    def spread(name: str) -> Floats:
        found = np.full(shape, np.nan)
        found[row, at] = days[name].cast(pl.Float64).to_numpy()
        return found

    units = np.nan_to_num(spread("units"))
    regular, promoted = _nearest(spread("log_regular")), _nearest(spread("log_promoted"))
    counts = _counted(units > 0, out_days(out, products, first, length))
    calendar = [first + timedelta(days=at) for at in range(length)]
    begins = [at for at, day in enumerate(calendar) if at == 0 or day.weekday() == 0 or day.day == 1]
    open_days = np.add.reduceat((units > 0).any(axis=0).astype(np.float64), begins)
    is_open = (units > 0).any(axis=0) & counts
    counted = np.add.reduceat(is_open.astype(np.float64), begins, axis=1)

    def mean(values: Floats) -> Floats:
        total = np.add.reduceat(np.where(is_open, values, 0.0), begins, axis=1)
        return np.where(counted > 0, total / np.maximum(counted, 1.0), 0.0)

    later = np.full(shape, np.nan)
    posted = regular + promoted
    later[:, :-_AHEAD_DAYS] = posted[:, _AHEAD_DAYS:]
    month = np.array([calendar[at].year * 12 + calendar[at].month for at in begins])
    return Shelf(
        tuple(products.to_list()),
        tuple(calendar[at] for at in begins),
        month - month[0],
        np.add.reduceat(np.where(is_open, units, 0.0), begins, axis=1),
        counted / np.maximum(open_days, 1.0),
        mean(regular),
        mean(promoted),
        mean(later),
        _facts(days),
    )


def _days(paid: pl.DataFrame) -> pl.DataFrame:
    """One row a product and day with a sale: units, and the logarithms of the prices where the day tells them."""
    rows = _with_usual(paid)
    days = (
        rows.sort("product_id", "day", "lines", "unit_price")
        .group_by("product_id", "day", maintain_order=True)
        .agg(
            regular=pl.col("unit_price").filter("is_regular").last(),
            usual=pl.col("usual").first(),
            is_low=((pl.col("unit_price") < _CUT * pl.col("usual")) & ~pl.col("is_regular")).all(),
            units=pl.col("units").sum(),
        )
        .with_columns(run=pl.struct("product_id", "is_low").rle_id())
    )
    low = rows.join(days.filter("is_low").select("product_id", "day", "run"), on=["product_id", "day"])
    promotions = (
        low.group_by("run", "unit_price")
        .agg(pl.col("lines").sum(), days=pl.col("day").n_unique())
        .filter((pl.col("lines") >= _PROMOTION_LINES) & (pl.col("days") >= _PROMOTION_DAYS))
        .sort("lines", "unit_price")
        .group_by("run", maintain_order=True)
        .agg(promotion=pl.col("unit_price").last())
    )
    depth = pl.when("is_low").then((pl.col("promotion") / pl.col("usual")).log()).otherwise(0.0)
    return days.join(promotions, on="run", how="left", maintain_order="left").with_columns(
        log_regular=pl.col("regular").log(), log_promoted=depth
    )


def _with_usual(paid: pl.DataFrame) -> pl.DataFrame:
    """Rows with `usual`, the regular price of their week, and is_regular: whether theirs is that of a week so near."""
    lasts = (pl.col("day").max() - pl.col("day").min()).dt.total_days() >= _LASTS_DAYS
    by = ["product_id", "unit_price"]
    prices = paid.group_by(by).agg(lasts=lasts).sort(by).with_row_index("row")
    week = pl.col("day").dt.truncate("1w")
    rows = paid.join(prices, on=by).with_columns(
        pl.col("unit_price").cast(pl.Float64),
        column=(week - week.min()).dt.total_days() // 7 + _STEP_WEEKS,
    )
    row, column = (rows[name].cast(pl.Int64).to_numpy() for name in ("row", "column"))
    product = prices["product_id"].rle_id().cast(pl.Int64).to_numpy()
    begins = np.flatnonzero(np.diff(product, prepend=-1))
    # Arrays of all prices x weeks: half of it is filled, and what is seen in the weeks around costs no join.
    shape = (len(prices), int(column.max()) + 1 + _STEP_WEEKS)

    def seen(name: str) -> Floats:
        weekly = np.bincount(
            row * shape[1] + column, weights=rows[name].to_numpy(), minlength=shape[0] * shape[1]
        )
        return _around(np.asarray(weekly, np.float64).reshape(shape), _WEEKS_AROUND)

    lines, small_lines = seen("lines"), seen("small_lines")
    is_told = np.add.reduceat(small_lines, begins) >= _SMALL_LINES
    # Of a product's prices the first by these, the higher of two that are the same.
    measures = (
        prices["lasts"].to_numpy()[:, None],
        small_lines * is_told[product],
        lines,
        np.arange(len(prices))[:, None],
    )
    is_usual = lines > 0
    for measure in measures:
        found = np.where(is_usual, measure, -1)
        is_usual &= found == np.maximum.reduceat(found, begins)[product]
    price = prices["unit_price"].cast(pl.Float64).to_numpy()[:, None]
    usual = np.add.reduceat(np.where(is_usual, price, 0.0), begins)
    is_regular = _around(is_usual.astype(np.float64), _STEP_WEEKS) > 0
    return rows.with_columns(
        usual=pl.Series(usual[product[row], column]), is_regular=pl.Series(is_regular[row, column])
    )


def _around(values: Floats, weeks: int) -> Floats:
    """Sums over so many weeks to either side."""
    total = np.cumsum(np.pad(values, ((0, 0), (weeks + 1, weeks))), axis=1)
    return total[:, 2 * weeks + 1 :] - total[:, : -2 * weeks - 1]


def _nearest(values: Floats) -> Floats:
    """Holes filled with the nearest value of the row, the earlier of two; 0 in a row without any."""
    is_known, length = np.isfinite(values), values.shape[1]
    at = np.arange(length)
    before = np.maximum.accumulate(np.where(is_known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(is_known, at, 2 * length)[:, ::-1], axis=1)[:, ::-1]
    is_before = (before >= 0) & ((at - before <= after - at) | (after >= length))
    place = np.where(is_before, before, np.minimum(after, length - 1))
    return np.nan_to_num(np.take_along_axis(values, place, axis=1))


def _counted(is_sold: Booleans, is_out: Booleans) -> Booleans:
    """The days on which a product could be sold, and not because it was."""
    length = is_sold.shape[1]
    at = np.arange(length)
    first = is_sold.argmax(axis=1)
    last = length - 1 - is_sold[:, ::-1].argmax(axis=1)
    end = np.where(last >= length - _QUIET_DAYS, length - 1, last)
    return np.asarray((at > first[:, None]) & (at <= end[:, None]) & ~is_out)


def _facts(days: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("regular").drop_nulls()
    by_product: Any = days.sort("product_id", "day").group_by("product_id", maintain_order=True)
    found: pl.DataFrame = by_product.agg(
        regular_price=price.last(),
        lowest_price=price.min(),
        highest_price=price.max(),
        prices=price.n_unique(),
    )
    return found
