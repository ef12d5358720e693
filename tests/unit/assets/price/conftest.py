"""Simulated shops, as price.response sees them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb
import polars as pl
import pytest

import simulator

ROWS = """
    WITH lines AS (
        SELECT DISTINCT
            InvoiceNo AS invoice_id,
            StockCode AS product_id,
            CAST(strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS DATE) AS day,
            CAST(Quantity AS BIGINT) AS quantity,
            CAST(UnitPrice AS DOUBLE) AS unit_price
        FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
        WHERE
            InvoiceNo NOT LIKE 'C%'
            AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999 AND try_cast(UnitPrice AS DOUBLE) > 0
            AND try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') < make_date(2030, 1, 1)
    ),
    sized AS (SELECT *, sum(quantity) OVER (PARTITION BY invoice_id) AS invoice_units FROM lines)
    SELECT
        'paid' AS what, day, CAST(NULL AS DATE) AS last_day, product_id, CAST(NULL AS VARCHAR) AS category, unit_price,
        count(*) AS lines, count(*) FILTER (invoice_units < 24) AS small_lines, sum(quantity) AS units
    FROM sized
    WHERE quantity < 24 AND product_id IN (SELECT stock_code FROM read_parquet($goods))
    GROUP BY ALL
    UNION ALL
    SELECT 'category', DATE '2000-01-01', NULL, stock_code, category, NULL, NULL, NULL, NULL
    FROM read_parquet($goods)
"""
SHAPE = {
    "what": pl.String, "day": pl.Date, "last_day": pl.Date, "product_id": pl.String, "category": pl.String,
    "unit_price": pl.Float64, "lines": pl.Int64, "small_lines": pl.Int64, "units": pl.Int64,
}  # fmt: skip


@pytest.fixture(scope="session")
def prices_of_shop(
    simulated: Callable[..., simulator.Written],
) -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """What the query of price.response gives of a simulated shop, and the truth of its goods."""

    @cache
    def read(preset: str = "default", **options: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        written = simulated(preset, **options)
        files = [str(file) for file in written.files]
        goods = next(file for file in written.truth if file.name == "goods.parquet")
        found = duckdb.execute(ROWS, {"files": files, "goods": str(goods)}).fetchall()
        truth = pl.read_parquet(goods).select(
            pl.col("stock_code").alias("product_id"), "elasticity", "category"
        )
        return pl.DataFrame(found, SHAPE, orient="row"), truth

    return read


@pytest.fixture(scope="session")
def paid() -> Callable[..., pl.DataFrame]:
    """Rows as the query gives them, of (day, product_id, unit_price, units) and what else is told."""

    def rows(sales: list[tuple[Any, ...]], **others: Any) -> pl.DataFrame:
        shape = {name: SHAPE[name] for name in ("day", "product_id", "unit_price", "units")}
        made = pl.DataFrame(sales, shape, orient="row").with_columns(
            what=pl.lit("paid"), lines=pl.col("units"), small_lines=pl.col("units")
        )
        return pl.concat([pl.DataFrame(schema=SHAPE), made.with_columns(**others)], how="diagonal")

    return rows
