"""The queries of demand and price.response give their modules what these take, and nothing of later months."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from typing import Any

import polars as pl
import pytest

from warehouse.tables import TABLES

Fill = Callable[..., None]
START, END = date(2011, 2, 1), date(2011, 3, 1)
MONTHS = [date(2011, month, 1) for month in (1, 2, 3)]


@pytest.fixture
def shop(fill: Fill) -> None:
    """A mug sold daily in three months, with seeds of all kinds in small letters."""
    for month in MONTHS:
        fill(
            "core.sales_days",
            "month,day,country,orders",
            *((month, month.replace(day=day), "EIRE", 1) for day in range(1, 29)),
        )
        fill("core.product_weeks", "month,week,product_id,is_goods,units,returned_units,amount,returned_amount",
             (month, month, "MUG", True, 9, 1, 18, 2), (month, month, "POST", False, 9, 0, 18, 0))  # fmt: skip
        fill("core.product_months", "month,product_id,category,amount", (month, "MUG", "Mugs", 18))
        fill(
            "price.daily_prices",
            "month,day,product_id,unit_price,lines,small_lines,units",
            (month, month, "MUG", 2, 1, 1, 9),
        )
    fill(
        "seeds.stockouts",
        "product_id,first_day,last_day",
        ("mug", date(2011, 1, 3), date(2011, 1, 4)),
        ("mug", END, END),
    )
    fill("seeds.stock", "product_id,counted_on,on_hand", ("mug", date(2011, 2, 3), 7), ("mug", END, 9))
    fill("seeds.supply", "product_id,lead_days,service_level", ("mug", 7, None))
    fill("seeds.costs", "product_id,unit_cost", ("mug", 1.5), ("jug", 2.5))
    fill(
        "seeds.ordering",
        "lead_days,service_level,cover_days,dead_days,order_cost,holding_a_year",
        (14, 0.95, 28, 180, 20, 0.25),
    )


def given(tables: Any, name: str) -> pl.DataFrame:
    """As the module gets them: through Parquet's types."""
    found = tables.execute(
        TABLES[name].query, {"start": START, "end": END} if "$start" in TABLES[name].query else {"end": END}
    )
    return pl.DataFrame(
        found.fetchall(), [column[0] for column in found.description], orient="row", infer_schema_length=None
    )


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("demand.products", {"day": 56, "sold": 2, "out": 1, "stock": 1, "category": 2}),
        ("demand.reorder_points", {"day": 56, "sold": 2, "out": 1, "supply": 2}),
        ("price.response", {"paid": 2, "out": 1, "category": 2}),
    ],
)
def test_rows_of_each_kind_are_those_known_then(
    tables: Any, shop: None, name: str, kinds: dict[str, int]
) -> None:
    rows = given(tables, name)
    assert dict(rows["what"].value_counts().iter_rows()) == kinds
    assert set(rows.filter(pl.col("what") != "day")["product_id"]) <= {"MUG", "JUG"}
    found = import_module(f"assets.{name}").compute(rows, [START])
    assert found["product_id"].to_list() == ["MUG"]


def test_the_amount_of_a_product_is_what_was_kept_as_its_units_are(tables: Any, shop: None) -> None:
    sold = given(tables, "demand.products").filter(pl.col("what") == "sold")
    assert (
        sold.select("units", "returned_units", pl.col("amount").cast(pl.Float64)).rows() == [(9, 1, 16)] * 2
    )


def test_supply_and_costs_meet_by_product(tables: Any, shop: None) -> None:
    rows = given(tables, "demand.reorder_points").filter(pl.col("what") == "supply")
    known = rows.select("product_id", "lead_days", "service_level", "unit_cost").sort("product_id").rows()
    assert known == [("JUG", None, None, 2.5), ("MUG", 7, None, 1.5)]
