"""Simulated shops, as what their customers ordered."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest

import simulator


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., simulator.Written]:
    """Writes a shop of a preset once, however many tests ask for it."""

    @cache
    def make(preset: str = "default", **options: int) -> simulator.Written:
        return simulator.write(
            tmp_path_factory.mktemp(preset), first_month=date(2022, 1, 1), preset=preset, **options
        )

    return make


@pytest.fixture(scope="session")
def order_days_of_shop(simulated: Callable[..., simulator.Written]) -> Callable[..., pl.DataFrame]:
    """Orders of known customers: customer_id, at (first moment), orders, units, amount; one row an invoice."""

    @cache
    def read(preset: str = "default", **options: int) -> pl.DataFrame:
        files: list[Path] = [Path(file) for file in simulated(preset, **options).files]
        found = duckdb.execute(
            """
            SELECT
                any_value(CustomerID) AS customer_id,
                min(strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M')) AS at,
                1 AS orders,
                sum(CAST(Quantity AS BIGINT)) AS units,
                sum(CAST(Quantity AS BIGINT) * CAST(UnitPrice AS DOUBLE)) AS amount
            FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
            WHERE
                CustomerID IS NOT NULL AND InvoiceNo NOT LIKE 'C%'
                AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999 AND try_cast(UnitPrice AS DOUBLE) > 0
                AND try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') < make_date(2030, 1, 1)
            GROUP BY InvoiceNo
            """,
            {"files": [str(file) for file in files]},
        ).fetchnumpy()
        return pl.DataFrame({name: values.tolist() for name, values in found.items()}).cast(
            {"at": pl.Datetime("us")}
        )

    return read
