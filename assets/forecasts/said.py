"""What our own models say of every series as of a month: forecasts.said.

They are judged by what they said at two dozen months before. What is said of a series is a function of the series alone,
so it is kept under a digest of that, and a new month asks of that month's series only. Late rows that change a past month
change its series, whose digests nobody then finds: models are asked anew.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from assets.days import first_days_ahead
from assets.forecasts.origins import Said, country_of, spoken

SHAPE: dict[str, Any] = {
    "as_of": pl.Date,
    "digest": pl.String,
    "means": pl.List(pl.Float64),
    "sigma": pl.List(pl.Float64),
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make forecasts.said.

    Args:
        rows: As `assets.forecasts.origins.seen` takes them, with holiday_country, the same in each.
        months: As_of months. One before the first sale has no rows.
    """
    days = rows.filter((pl.col("grain") == "day") & (pl.col("orders") > 0)).select(day="starts_on")
    if days.is_empty() or not months:
        return pl.DataFrame(schema=SHAPE)
    said: Said = {}
    found = sorted(
        {
            (one.as_of, digest)
            for _, asked in spoken(rows, first_days_ahead(days, months), country_of(rows), said)
            for one in asked
            for digest in one.digests
        }
    )
    return pl.DataFrame(
        {
            "as_of": [as_of for as_of, _ in found],
            "digest": [digest for _, digest in found],
            "means": [said[digest][0].ravel() for _, digest in found],
            "sigma": [said[digest][1] for _, digest in found],
        },
        SHAPE,
    )
