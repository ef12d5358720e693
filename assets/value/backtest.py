"""How good the forecasts of value.lifetime were: each as_of judges the newest whose horizon has passed."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.days import last_judged, stacked
from assets.value.lifetime import HORIZONS, JUDGEMENT, Past


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make value.backtest: the forecast of an earlier as_of, made anew of what was known then, beside the truth.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer.
        months: As_of months, in order. One by which no horizon has passed has no rows.
    """
    past = Past(rows, months)
    found = {}
    for month in months:
        origin = last_judged(past.references, month, HORIZONS[0]) if month in past.references else None
        if origin is not None:
            found[month] = past.judge(origin).with_columns(origin=pl.lit(origin))
    return stacked(found, {"origin": pl.Date, **JUDGEMENT})
