"""Rows as the queries of demand give them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

SHAPE = {
    "what": pl.String, "day": pl.Date, "last_day": pl.Date, "month": pl.Date, "week": pl.Date, "product_id": pl.String,
    "category": pl.String, "units": pl.Float64, "returned_units": pl.Int64, "amount": pl.Decimal(38, 4),
    "lead_days": pl.Int64, "service_level": pl.Float64, "unit_cost": pl.Float64,
}  # fmt: skip
SETTINGS = {
    "dead_days": 180, "default_lead_days": 14, "default_service_level": 0.95, "cover_days": 28, "order_cost": None,
    "holding_a_year": None,
}  # fmt: skip


@pytest.fixture(scope="session")
def demand_rows() -> Callable[..., pl.DataFrame]:
    """Make them of daily sales and returns.

    Sales and returns are (day, product_id, units), stock-outs (product_id, first_day, last_day), counts (product_id, day,
    units), supplies (product_id, lead_days, service_level, unit_cost).
    """

    def rows(
        sales: Sequence[tuple[date, str, float]],
        *,
        out: Sequence[tuple[str, date, date]] = (),
        stock: Sequence[tuple[str, date, int]] = (),
        supply: Sequence[tuple[Any, ...]] = (),
        returns: Sequence[tuple[date, str, float]] = (),
        settings: Mapping[str, Any] = {},
    ) -> pl.DataFrame:
        day = pl.col("day")
        sold = pl.concat(
            [
                pl.DataFrame(
                    list(some), {"day": pl.Date, "product_id": pl.String, name: pl.Float64}, orient="row"
                )
                for some, name in ((sales, "units"), (returns, "returned_units"))
            ],
            how="diagonal",
        )
        parts = [
            pl.DataFrame(schema=SHAPE),
            sold.select("day").unique().with_columns(what=pl.lit("day")),
            sold.group_by("product_id", month=day.dt.truncate("1mo"), week=day.dt.truncate("1w"))
            .agg(pl.col("units").sum(), pl.col("returned_units").sum().cast(pl.Int64))
            .with_columns(
                what=pl.lit("sold"),
                amount=(2 * (pl.col("units") - pl.col("returned_units"))).cast(pl.Decimal(38, 4)),
            ),
            sold.select("product_id", month=day.dt.truncate("1mo"))
            .unique()
            .with_columns(what=pl.lit("category"), category=pl.lit("Mugs")),
            pl.DataFrame(
                list(out), {"product_id": pl.String, "day": pl.Date, "last_day": pl.Date}, orient="row"
            ).with_columns(what=pl.lit("out")),
            pl.DataFrame(
                list(stock), {"product_id": pl.String, "day": pl.Date, "units": pl.Float64}, orient="row"
            ).with_columns(what=pl.lit("stock")),
            pl.DataFrame(
                list(supply),
                {name: SHAPE[name] for name in ("product_id", "lead_days", "service_level", "unit_cost")},
                orient="row",
            ).with_columns(what=pl.lit("supply")),
        ]
        kinds = {"order_cost": pl.Float64, "holding_a_year": pl.Float64}
        return pl.concat(parts, how="diagonal").with_columns(
            pl.lit(value, kinds.get(name)).alias(name) for name, value in {**SETTINGS, **settings}.items()
        )

    return rows


@pytest.fixture(scope="session")
def days() -> Callable[[date, int], list[date]]:
    """So many days from one on."""

    def every(first: date, count: int) -> list[date]:
        return [first + timedelta(days=at) for at in range(count)]

    return every
