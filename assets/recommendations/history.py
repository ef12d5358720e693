"""What is known of customers and goods on a day: who bought what how often, and what goes well of late.

Made from the monthly state; goods only. Every other module of the folder works on these arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from assets.days import reference_days, seen_months

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

RECENT_DAYS = 30


@dataclass(frozen=True, slots=True)
class History:
    """Purchases before `reference`. Customers and goods are in the order of their ids.

    Attributes:
        reference: The first day of the future.
        customers: Ids of those who bought goods.
        goods: Ids of the goods that they bought.
        orders: Invoices with the good, customers x goods, sparse.
        active_months: Months with an order of goods, a customer.
        silent_days: Days since the last order of goods, a customer.
        ever: Customers who bought it, a good.
        recent: Those of them who did within the last 30 days, a good.
        age_days: Days since the first sale to anyone, a good.
        seen_days: Days since the first sale of the data.
    """

    reference: date
    customers: pl.Series
    goods: pl.Series
    orders: "csr_matrix[Any]"
    active_months: Integers
    silent_days: Integers
    ever: Integers
    recent: Integers
    age_days: Integers
    seen_days: int

    @property
    def trend(self) -> Floats:
        """How much of a good's demand is of late, drawn to a tenth where it has few customers."""
        return np.asarray((self.recent + 2) / (self.ever + 20))


def references(rows: pl.DataFrame, months: Sequence[date]) -> dict[date, date]:
    """The first day of the future as of every month from the first with a sale on, and of those named."""
    days = rows.select(day="last_on").drop_nulls().unique()
    return reference_days(days, [*seen_months(days), *months])


def history(rows: pl.DataFrame, until: date, reference: date) -> History:
    """Sum the months up to `until` up.

    Args:
        rows: One row a customer, product and month with an order, and one a product and month without a
            customer, for the sales to anyone: month, customer_id, product_id, is_goods, orders, first_on, last_on.
        until: The last month that is looked at.
        reference: The day after the last sale up to its end.
    """
    known = rows.filter(pl.col("month") <= until, pl.col("is_goods"), pl.col("orders") > 0)
    bought = known.filter(pl.col("customer_id").is_not_null())
    pairs = (
        bought.group_by("customer_id", "product_id")
        .agg(pl.col("orders").sum(), pl.col("last_on").max())
        .sort("customer_id", "product_id")
    )
    who = (
        bought.group_by("customer_id")
        .agg(months=pl.col("month").n_unique(), last_on=pl.col("last_on").max())
        .sort("customer_id")
    )
    since = pl.lit(reference)
    what = (
        pairs.group_by("product_id")
        .agg(
            ever=pl.len(),
            recent=(pl.col("last_on") >= reference - timedelta(days=RECENT_DAYS)).sum(),
        )
        .join(known.group_by("product_id").agg(pl.col("first_on").min()), on="product_id", how="left")
        .sort("product_id")
    )
    row = pairs["customer_id"].rle_id().to_numpy()
    column = pairs["product_id"].rank("dense").to_numpy().astype(np.int64) - 1
    seen = known["first_on"].min()
    return History(
        reference=reference,
        customers=who["customer_id"],
        goods=what["product_id"],
        orders=csr_matrix(
            (pairs["orders"].to_numpy().astype(np.float64), (row, column)), shape=(who.height, what.height)
        ),
        active_months=who["months"].to_numpy().astype(np.int64),
        silent_days=who.select((since - pl.col("last_on")).dt.total_days()).to_series().to_numpy(),
        ever=what["ever"].to_numpy().astype(np.int64),
        recent=what["recent"].to_numpy().astype(np.int64),
        age_days=what.select((since - pl.col("first_on")).dt.total_days()).to_series().to_numpy(),
        seen_days=(reference - seen).days if isinstance(seen, date) else 0,
    )
