"""How good the answers of churn.risk were: each as_of judges the newest forecast whose horizon has passed."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.churn.risk import JUDGEMENT, evaluate, is_lost
from assets.days import last_judged, reference_days, seen_months, stacked

SHAPE = {"origin": pl.Date, "model": pl.String, **JUDGEMENT}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make churn.backtest: the answers of an earlier as_of beside the truth.

    Args:
        rows: One row a customer and day with a sale (customer_id, day), one a day with a sale of anyone, without
            a customer, and one a customer and as_of with a probability (customer_id, origin, probability,
            plain_probability, model), without a day; each with horizon_days.
        months: As_of months, in order. One by which no horizon has passed, or nothing could be learned by
            the time that is judged, has no rows.
    """
    seen = rows.filter(pl.col("day").is_not_null()).select("customer_id", "day")
    if seen.is_empty():
        return stacked({}, SHAPE)
    horizon_days = int(rows["horizon_days"][0])
    references = reference_days(seen, [*seen_months(seen), *months])
    days = seen.filter(pl.col("customer_id").is_not_null())
    answers = rows.filter(pl.col("origin").is_not_null()).partition_by("origin", as_dict=True)
    found = {}
    for month in months:
        origin = last_judged(references, month, horizon_days) if month in references else None
        if origin is None or (origin,) not in answers:
            continue
        orders = (
            days.filter(pl.col("day") < references[origin]).group_by("customer_id").agg(order_days=pl.len())
        )
        asked = answers[(origin,)].join(orders, "customer_id").sort("customer_id")
        lost = is_lost(days, asked, references[origin], horizon_days)
        judged = evaluate(asked, lost, asked["order_days"])
        found[month] = judged.with_columns(origin=pl.lit(origin), model=pl.lit(asked["model"][0]))
    return stacked(found, SHAPE)
