"""How good the forecasts of value.lifetime were: each as_of judges the newest whose horizon has passed."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.days import last_judged, stacked
from assets.value.lifetime import JUDGEMENT, Past


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make value.backtest: the forecast of an earlier as_of, made anew of what was known then, beside the truth.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer; each with the settings (`assets.value.lifetime.compute`).
        months: As_of months, in order. One by which no horizon has passed has no rows.
    """
    shape = {"origin": pl.Date, **JUDGEMENT}
    if rows.is_empty():
        return stacked({}, shape)
    past = Past(rows, months)
    found = {}
    for month in months:
        origin = last_judged(past.references, month, past.horizon_days) if month in past.references else None
        if origin is not None:
            found[month] = past.judge(origin).with_columns(origin=pl.lit(origin))
    return stacked(found, shape)
