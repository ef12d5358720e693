"""Simulated shops, as forecasts see them."""

from collections.abc import Callable
from functools import cache

import duckdb
import polars as pl
import pytest

import simulator

GOODS = """
    SELECT DISTINCT
        InvoiceNo AS invoice_id,
        StockCode AS product_id,
        Country AS country,
        CAST(strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS DATE) AS day,
        CAST(Quantity AS BIGINT) AS quantity,
        CAST(UnitPrice AS DOUBLE) AS unit_price
    FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
    WHERE
        InvoiceNo NOT LIKE 'C%'
        AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999 AND try_cast(UnitPrice AS DOUBLE) > 0
        AND try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') < make_date(2030, 1, 1)
"""


@pytest.fixture(scope="session")
def sales_of_shop(simulated: Callable[..., simulator.Written]) -> Callable[..., pl.DataFrame]:
    """What the queries of forecasts give of a simulated shop; categories are the first letters of codes."""

    @cache
    def read(preset: str = "default", **options: int) -> pl.DataFrame:
        files = [str(file) for file in simulated(preset, **options).files]
        found = duckdb.execute(
            f"""
            WITH goods AS ({GOODS})
            SELECT 'day' AS grain, day AS starts_on, country, NULL AS product_id, NULL AS category,
                count(DISTINCT invoice_id) AS orders, round(sum(quantity * unit_price), 4) AS amount
            FROM goods GROUP BY day, country
            UNION ALL
            SELECT 'week', CAST(date_trunc('week', day) AS DATE), NULL, product_id, NULL, NULL,
                round(sum(quantity * unit_price), 4)
            FROM goods GROUP BY ALL
            UNION ALL
            SELECT 'month', CAST(date_trunc('month', day) AS DATE), NULL, product_id, left(product_id, 1), NULL,
                round(sum(quantity * unit_price), 4)
            FROM goods GROUP BY ALL
            """,
            {"files": files},
        ).fetchall()
        names = ["grain", "starts_on", "country", "product_id", "category", "orders", "amount"]
        return pl.DataFrame(found, names, orient="row", infer_schema_length=None).with_columns(
            holiday_country=pl.lit("GB-ENG")
        )

    return read
