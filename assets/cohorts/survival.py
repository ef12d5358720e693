"""How long until customers order again, and how long until they lapse: Kaplan and Meier's curves (1958).

What is not over yet is censored, not left out: those who began last week have had no time to come back. Pure:
frames in, frames out, no clock. Who will lapse is foretold in `assets.churn`.
"""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import polars as pl

from assets.days import of_customers, reference_days, stacked

DIGITS = 6
EVERYONE = "All"
SHAPE = {
    "event": pl.String,
    "began_in": pl.String,
    "day": pl.Int32,
    "at_risk": pl.Int64,
    "events": pl.Int64,
    "customers": pl.Int64,
    "survival": pl.Float64,
    "survival_low": pl.Float64,
    "survival_high": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make cohorts.survival: the curves of each as_of.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer; each with known_from (customers who began earlier cannot be told
            from those who were there before) and lapse_days.
        months: As_of months, in order. One by which nobody began from known_from on has no rows.
    """
    if rows.is_empty():
        return stacked({}, SHAPE)
    known_from, lapse_days = rows["known_from"][0], int(rows["lapse_days"][0])
    references = reference_days(rows, months)
    days = of_customers(rows)
    found = {}
    for month, reference in references.items():
        began = durations(days, reference, lapse_days).filter(pl.col("first_day") >= known_from)
        if began.height:
            found[month] = pl.concat(_curves(began))
    return stacked(found, SHAPE)


def durations(days: pl.DataFrame, reference: date, lapse_days: int) -> pl.DataFrame:
    """How long each customer took to order again and to lapse, or has taken so far.

    Args:
        days: One row a customer and day with a sale: customer_id, day.
        reference: The first day of the future.
        lapse_days: So many days without an order are a lapse.

    Returns:
        One row a customer, sorted: customer_id, first_day, again_days and has_ordered_again (the second order day;
        else the days seen so far), lapse_days and has_lapsed (so many days after the last order there is; who
        orders after a longer silence had not lapsed).
    """
    seen_until = reference - timedelta(days=1)
    day = pl.col("day").unique().sort()
    return (
        days.lazy()
        .filter(pl.col("day") < reference)
        .group_by("customer_id")
        .agg(first_day=day.first(), second_day=day.slice(1, 1).first(), last_day=day.last())
        .with_columns(lapsed_on=pl.col("last_day") + timedelta(days=lapse_days))
        .select(
            "customer_id",
            "first_day",
            again_days=(pl.coalesce("second_day", pl.lit(seen_until)) - pl.col("first_day")).dt.total_days(),
            has_ordered_again=pl.col("second_day").is_not_null(),
            lapse_days=(
                pl.min_horizontal("lapsed_on", pl.lit(seen_until)) - pl.col("first_day")
            ).dt.total_days(),
            has_lapsed=pl.col("lapsed_on") <= seen_until,
        )
        .sort("customer_id")
        .collect()
    )


def curve(durations_days: pl.Series, has_happened: pl.Series) -> pl.DataFrame:
    """The share of customers to whom something has not happened by each day.

    Args:
        durations_days: Days until it happened, or was not seen to.
        has_happened: Whether it did.

    Returns:
        One row for day 0 and for each day on which it happened: day, at_risk (to whom it had not happened, and who
        were still seen), events, customers (all), survival, survival_low and survival_high (95 %, by the log of minus
        the log: Kalbfleisch, Prentice 1980; null where survival is 0 or 1, for then nothing is known of its error).
    """
    from lifelines import KaplanMeierFitter

    with warnings.catch_warnings():
        # Of the logarithm of 0, where it has happened to all.
        warnings.simplefilter("ignore", RuntimeWarning)
        fitted = KaplanMeierFitter().fit(durations_days.to_numpy(), has_happened.to_numpy())
    table, bounds = fitted.event_table, fitted.confidence_interval_survival_function_
    is_known = pl.col("survival").is_between(0, 1, closed="none")
    return (
        pl.DataFrame(
            {
                "day": table.index.to_numpy().astype("int32"),
                "at_risk": table["at_risk"].to_numpy().astype("int64"),
                "events": table["observed"].to_numpy().astype("int64"),
                "survival": fitted.survival_function_.iloc[:, 0].to_numpy(),
                "survival_low": bounds.iloc[:, 0].to_numpy(),
                "survival_high": bounds.iloc[:, 1].to_numpy(),
            }
        )
        .filter((pl.col("events") > 0) | (pl.col("day") == 0))
        .with_columns(
            pl.when(is_known).then(pl.col("survival_low", "survival_high")),
            customers=pl.lit(len(durations_days), pl.Int64),
        )
        .with_columns(pl.col(pl.Float64).round(DIGITS))
    )


def _curves(began: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Of all customers and of those who began in each year, until the second order and until the lapse."""
    years = began["first_day"].dt.year()
    groups = [(EVERYONE, began), *((str(year), began.filter(years == year)) for year in sorted(set(years)))]
    for began_in, some in groups:
        for event, duration, happened in (
            ("second order", "again_days", "has_ordered_again"),
            ("lapse", "lapse_days", "has_lapsed"),
        ):
            yield curve(some[duration], some[happened]).select(
                pl.lit(event).alias("event"), pl.lit(began_in).alias("began_in"), *list(SHAPE)[2:]
            )
