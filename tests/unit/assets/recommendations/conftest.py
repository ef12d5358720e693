"""Shops as the tables of recommendations are handed them."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

SCHEMA = {
    "month": pl.Date,
    "customer_id": pl.String,
    "product_id": pl.String,
    "is_goods": pl.Boolean,
    "orders": pl.Int64,
    "first_on": pl.Date,
    "last_on": pl.Date,
}
FIRST = date(2020, 1, 1)


@pytest.fixture(scope="session")
def months_of() -> Callable[..., pl.DataFrame]:
    """Rows of the monthly state, by customer and of anyone, from purchases: customer, product, day."""

    def state(purchases: Iterable[tuple[str | None, str, date]], not_goods: str = "POST") -> pl.DataFrame:
        lines = pl.DataFrame(list(purchases), ["customer_id", "product_id", "day"], orient="row").cast(
            {"customer_id": pl.String, "product_id": pl.String, "day": pl.Date}
        )
        lines = lines.with_columns(
            month=pl.col("day").dt.truncate("1mo"), is_goods=pl.col("product_id") != not_goods
        )
        sums: dict[str, Any] = {
            "orders": pl.len().cast(pl.Int64), "first_on": pl.col("day").min(), "last_on": pl.col("day").max()
        }  # fmt: skip
        known = lines.drop_nulls("customer_id")
        parts = [
            known.group_by("month", "customer_id", "product_id", "is_goods").agg(**sums),
            lines.group_by("month", "product_id", "is_goods").agg(**sums)
            .with_columns(customer_id=pl.lit(None, pl.String)),
        ]  # fmt: skip
        return pl.concat([part.select(SCHEMA.keys()).cast(SCHEMA) for part in parts])

    return state


@pytest.fixture(scope="session")
def shop(months_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """Ten months of customers with tastes: goods of three kinds, each customer fond of one, some goods new later."""
    rng = np.random.default_rng(7)
    purchases: list[tuple[str | None, str, date]] = []
    for customer in range(80):
        kind = customer % 3
        fond = rng.permutation(12)[:3]
        for day in range(int(rng.integers(0, 60)), 300, int(rng.integers(15, 60))):
            goods = [f"{kind}{at:02}" for at in (*fond, *rng.integers(0, 12 if day < 200 else 14, 2))]
            goods += [f"{rng.integers(0, 3)}{rng.integers(0, 12):02}"]
            on = FIRST + timedelta(days=day)
            purchases += [(f"c{customer:02}", good, on) for good in set(goods)]
            if day % 7 == 0:
                purchases += [(f"c{customer:02}", "POST", on), (None, f"{kind}05", on)]
    return months_of(purchases)
