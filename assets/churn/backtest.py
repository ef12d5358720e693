"""How good the answers of churn.risk were: each as_of judges the newest forecast whose horizon has passed."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.churn.risk import HORIZON_DAYS, JUDGEMENT, evaluate, features, is_lost, risk
from assets.days import last_judged, of_customers, reference_days, seen_months, stacked


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make churn.backtest: the answers of an earlier as_of, made anew of what was known then, beside the truth.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer.
        months: As_of months, in order. One by which no horizon has passed, or nothing could be learned by
            the time that is judged, has no rows.
    """
    references = reference_days(rows, [*seen_months(rows), *months])
    days = of_customers(rows)
    found = {}
    for month in months:
        origin = last_judged(references, month, HORIZON_DAYS) if month in references else None
        if origin is None:
            continue
        answers, asked = risk(days, references[origin]), features(days, references[origin])
        if answers.model is not None:
            lost = is_lost(days, asked, references[origin])
            judged = evaluate(answers.customers, lost, asked["order_days"])
            found[month] = judged.with_columns(origin=pl.lit(origin), model=pl.lit(answers.model))
    return stacked(found, {"origin": pl.Date, "model": pl.String, **JUDGEMENT})
