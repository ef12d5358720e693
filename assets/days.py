"""Days of customers as tables hand them to pure modules, and where the past ends for each as_of."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

_USUAL_DAYS = 56  # before the last sale, in which it is seen for how long the shop is closed
_WEEK = 7  # closed for so long it is closed on every weekday: for Christmas, or as the file has stopped


def reference_days(rows: pl.DataFrame, months: Sequence[date]) -> dict[date, date]:
    """The first day of the future of each as_of: the day after the last sale up to its end.

    Args:
        rows: One row a day with a sale, of whomever: day.
        months: As_of months; one before the first sale has no such day, and is left out.
    """
    last = rows.group_by(month=pl.col("day").dt.truncate("1mo")).agg(pl.col("day").max()).sort("month")
    asked = pl.DataFrame({"month": pl.Series(sorted(months), dtype=pl.Date)})
    found = asked.join_asof(last, on="month").drop_nulls()
    return {month: day + timedelta(days=1) for month, day in found.select("month", "day").iter_rows()}


def first_days_ahead(rows: pl.DataFrame, months: Sequence[date]) -> dict[date, date]:
    """The first day to foretell of each as_of: `reference_days`, but days on which the shop was closed are past.

    A month whose last days have no sale is whole if they are no more than the longest run of days without a sale, runs of a
    week and more left out, in the eight weeks before its last sale; then the next month's first day is the first ahead.
    Where there are no eight weeks, nothing is known of closed days.

    Args:
        rows: One row or more a day with a sale: day.
        months: As_of months; one before the first sale has no such day, and is left out.
    """
    run = pl.col("day").diff().dt.total_days() - 1
    end = pl.col("month").dt.offset_by("1mo")
    is_whole = (pl.col("first") + timedelta(days=_USUAL_DAYS) <= pl.col("day")) & (
        (end - pl.col("day")).dt.total_days() - 1 <= pl.col("usual")
    )
    ahead = (
        rows.select(pl.col("day").unique().sort())
        .with_columns(
            month=pl.col("day").dt.truncate("1mo"),
            first=pl.col("day").min(),
            usual=pl.when(run < _WEEK).then(run).otherwise(0).rolling_max_by("day", f"{_USUAL_DAYS}d"),
        )
        .group_by("month", maintain_order=True)
        .last()
        .select("month", ahead=pl.when(is_whole).then(end).otherwise(pl.col("day") + timedelta(days=1)))
    )
    asked = pl.DataFrame({"month": pl.Series(sorted(months), dtype=pl.Date)})
    # A month without a sale knows what the one before it did.
    return dict(asked.join_asof(ahead.sort("month"), on="month").drop_nulls().iter_rows())


def seen_months(rows: pl.DataFrame) -> list[date]:
    """Every month from the first to the last with a sale."""
    if rows.is_empty():
        return []
    day = pl.col("day").dt.truncate("1mo")
    return rows.select(pl.date_range(day.min(), day.max(), "1mo")).to_series().to_list()


def is_passed(references: Mapping[date, date], at: date, by: date, horizon_days: int) -> bool:
    """Whether all of the horizon of as_of `at` had passed by the first day of the future of `by`."""
    return references[at] + timedelta(days=horizon_days) <= references[by]


def last_judged(references: Mapping[date, date], by: date, horizon_days: int) -> date | None:
    """The newest as_of whose horizon had passed by then; None before any had."""
    passed = [at for at in references if is_passed(references, at, by, horizon_days)]
    return max(passed, default=None)


def stacked(
    found: Mapping[date, pl.DataFrame], shape: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """The rows of every as_of, one table with `as_of` and the columns of `shape`; without rows where none are."""
    whole = {"as_of": pl.Date, **shape}
    tables = [rows.with_columns(as_of=pl.lit(month)).select(whole.keys()) for month, rows in found.items()]
    return pl.concat([pl.DataFrame(schema=whole), *tables])


def of_customers(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of known customers, numbers as floats: customer_id, day, units, amount.

    In order, for sums of floats differ with it in the last bit, and what is fitted to them in more.
    """
    known = rows.filter(pl.col("customer_id").is_not_null()).sort("customer_id", "day")
    return known.with_columns(pl.col("units").cast(pl.Int64), pl.col("amount").cast(pl.Float64))
