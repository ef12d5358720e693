from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl
import pytest

import simulator
from simulator.parameters import PRESETS, Parameters

FIRST = date(2022, 1, 1)


@dataclass(frozen=True)
class Shop:
    """A written shop, read back as a plain reader would."""

    parameters: Parameters
    written: simulator.Written
    truth: dict[str, pl.DataFrame]
    raw: pl.DataFrame  # every row as text, with file and row
    lines: pl.DataFrame  # without dirt and duplicates, typed
    sales: pl.DataFrame  # of them no returns and no giant orders


def read(files):
    """Every row of the files as text, with the file's name and the row's number from 1."""
    return pl.concat(
        pl.read_csv(file.read_text("latin-1").encode(), infer_schema=False).with_columns(
            file=pl.lit(file.name), row=pl.int_range(1, pl.len() + 1)
        )
        for file in files
    )


def open_shop(folder, preset, **options):
    written = simulator.write(folder, first_month=FIRST, preset=preset, **options)
    truth = {file.stem: pl.read_parquet(file) for file in written.truth}
    raw = read(written.files)
    lines = (
        raw.join(truth["dirty"], on=["file", "row"], how="anti")
        .drop("row")
        .unique(maintain_order=True)
        .select(
            "file",
            pl.col("InvoiceNo").alias("invoice"),
            pl.col("StockCode").alias("stock_code"),
            pl.col("Description").alias("description"),
            pl.col("Quantity").cast(pl.Int64).alias("quantity"),
            pl.col("InvoiceDate").str.to_datetime("%m/%d/%Y %k:%M").alias("at"),
            pl.col("UnitPrice").cast(pl.Float64).alias("price"),
            pl.col("CustomerID").alias("customer_id"),
            pl.col("Country").alias("country"),
        )
        .with_columns(day=pl.col("at").dt.date())
    )
    sales = lines.filter(~pl.col("invoice").str.starts_with("C"), pl.col("quantity") < 10_000)
    return Shop(PRESETS[preset], written, truth, raw, lines, sales)


@pytest.fixture
def new_shop(tmp_path):
    """Makes a shop of a preset anew, and keeps it for one test alone."""

    def make(preset="default", **options):
        return open_shop(tmp_path / f"{preset}{options}", preset, **options)

    return make


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """Makes a shop of a preset once, however many tests ask for it."""

    @cache
    def make(preset="default", **options):
        return open_shop(tmp_path_factory.mktemp(preset), preset, **options)

    return make
