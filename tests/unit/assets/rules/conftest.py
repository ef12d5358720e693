"""Rules of lines written by hand, read from files or drawn: the SQL and the pure code of all tables, without a lake."""

import importlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

import simulator
from assets.computed import module_of
from warehouse.tables import TABLES

CHAIN = ("baskets", "item_months", "pair_months", "itemsets", "rules", "summary")


@pytest.fixture
def mined(tmp_path: Path) -> Callable[..., dict[str, pl.DataFrame]]:
    """Makes the tables of rules of basket lines, for as_of months: by table name.

    The lines have basket, item, and where they matter month (else 2024-01), customer (else one a basket), at (else the
    first of the month), category (else that of all). Thresholds are those shipped, unless told.
    """

    def run(
        lines: pl.DataFrame, *, as_ofs: list[date] | None = None, **thresholds: object
    ) -> dict[str, pl.DataFrame]:
        lines = lines.select(
            pl.col("month") if "month" in lines.columns else pl.lit(date(2024, 1, 1)).alias("month"),
            pl.col("basket").cast(pl.String).alias("invoice_id"),
            pl.col("item").cast(pl.String).alias("product_id"),
            pl.col("customer" if "customer" in lines.columns else "basket").cast(pl.String).alias("customer_id"),
            pl.col("category") if "category" in lines.columns else pl.lit("All").alias("category"),
            (pl.col("at") if "at" in lines.columns else pl.col("month") if "month" in lines.columns
             else pl.lit(date(2024, 1, 1))).cast(pl.Datetime("us")).alias("sold_at"),
            pl.lit("sale").alias("kind"),
            pl.lit(value=True).alias("is_goods"),
        ).drop_nulls("product_id")  # fmt: skip
        lines.write_parquet(tmp_path / "lines.parquet")
        as_ofs = sorted(lines["month"].unique()) if as_ofs is None else as_ofs
        start, last = min(as_ofs), max(as_ofs)
        end = date(last.year + last.month // 12, last.month % 12 + 1, 1)
        first = lines["month"].min() or start
        with duckdb.connect() as connection:
            for name in ("core.order_lines", "seeds.rule_thresholds", *(f"rules.{table}" for table in CHAIN)):
                shape = ", ".join(f'"{column}" {kind}' for column, kind in TABLES[name].shape.items())
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {TABLES[name].schema}")
                connection.execute(f"CREATE TABLE {name} ({shape})")
            connection.execute(
                f"INSERT INTO core.order_lines BY NAME FROM read_parquet('{tmp_path}/lines.parquet')"
            )
            seed = Path(__file__).parents[4] / "warehouse" / "seeds" / "rule_thresholds.csv"
            connection.execute(f"INSERT INTO seeds.rule_thresholds BY NAME FROM read_csv('{seed}')")
            for name, value in thresholds.items():
                connection.execute(f"UPDATE seeds.rule_thresholds SET {name} = {value}")
            found = {}
            for name in CHAIN:
                table = TABLES[f"rules.{name}"]
                bounds = {"start": first if table.partition_column == "month" else start, "end": end}
                used = {key: value for key, value in bounds.items() if f"${key}" in table.query}
                given, made = (tmp_path / f"{kind}_{name}.parquet" for kind in ("given", "made"))
                connection.execute(f"COPY ({table.query}) TO '{given}' (FORMAT parquet)", used)
                rows = pl.read_parquet(given)
                if module := module_of(table):
                    rows = importlib.import_module(module).compute(rows, as_ofs)
                rows.write_parquet(made)
                names = ", ".join(f'"{column}"' for column in table.shape)
                connection.execute(
                    f"INSERT INTO {table.qualified} BY NAME SELECT {names} FROM read_parquet('{made}')"
                )
                found[name] = rows
            return found

    return run


@pytest.fixture(scope="session")
def lines_of_shop(
    simulated: Callable[..., simulator.Written], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """Sale lines of a simulated shop, as `mined` takes them, and its true pairs."""

    def read(preset: str = "default", **options: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        written = simulated(preset, **options)
        truth = {file.stem: pl.read_parquet(file) for file in written.truth}
        file = tmp_path_factory.mktemp("lines") / "lines.parquet"
        duckdb.execute(
            f"""
            COPY (
                SELECT DISTINCT InvoiceNo AS basket, StockCode AS item, CustomerID AS customer,
                    strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS at
                FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
                WHERE InvoiceNo NOT LIKE 'C%'
                    AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999 AND try_cast(UnitPrice AS DOUBLE) > 0
                    AND try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') < make_date(2030, 1, 1)
            ) TO '{file}'
            """,
            {"files": [str(file) for file in written.files]},
        )
        lines = pl.read_parquet(file)
        lines = lines.with_columns(month=pl.col("at").dt.truncate("1mo").dt.date())
        return lines, truth["pairs"]

    return read
