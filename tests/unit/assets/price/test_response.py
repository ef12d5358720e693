"""Elasticities of simulated shops, whose truth is known, and of shops that nothing can be told of."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.graph import SEEDS_DIR
from assets.price.response import SHAPE, compute
from warehouse.tables import TABLES

Shop = Callable[..., tuple[pl.DataFrame, pl.DataFrame]]
Paid = Callable[..., pl.DataFrame]
LAST = date(2024, 3, 1)
FIRST = date(2022, 1, 3)


@pytest.fixture(scope="module")
def answers(prices_of_shop: Shop) -> Callable[..., pl.DataFrame]:
    """What is told of a simulated shop, beside the truth; once for all tests."""

    @cache
    def find(preset: str, **options: int) -> pl.DataFrame:
        rows, truth = prices_of_shop(preset, **options)
        found = compute(rows, [LAST]).join(truth, on="product_id", suffix="_true")
        return found.filter(pl.col("reason").is_null())

    return find


def held(found: pl.DataFrame, kind: str = "") -> float:
    true = pl.col("elasticity_true")
    share = found.select(true.is_between(f"{kind}lo_90", f"{kind}hi_90").drop_nulls().mean()).item()
    assert isinstance(share, float)
    return share


def test_intervals_of_three_shops_hold_nine_elasticities_in_ten(answers: Callable[..., pl.DataFrame]) -> None:
    """An interval that is too short makes a price of noise."""
    found = [answers("default", seed=seed) for seed in (1, 2, 3)]
    assert all(one.height > 300 for one in found)
    assert 0.82 <= sum(map(held, found)) / 3 <= 0.97
    assert 0.85 <= sum(held(one, "promotion_") for one in found) / 3 <= 0.97
    of_promotions = pl.concat(found).select(pl.corr("promotion_elasticity", "elasticity_true")).item()
    assert of_promotions > 0.5


@pytest.mark.slow
def test_intervals_of_twenty_shops_hold_nine_elasticities_in_ten(
    answers: Callable[..., pl.DataFrame],
) -> None:
    found = [answers("default", seed=seed) for seed in range(1, 21)]
    for kind in ("", "promotion_"):
        shares = [held(one, kind) for one in found]
        assert 0.85 <= sum(shares) / 20 <= 0.95, shares
        assert min(shares) > 0.7, shares


def test_where_prices_do_nothing_none_is_said_to(answers: Callable[..., pl.DataFrame]) -> None:
    """At most one product in ten may seem to respond."""
    found = answers("null", seed=1)
    for kind in ("", "promotion_"):
        is_claimed = (pl.col(f"{kind}lo_90") > 0) | (pl.col(f"{kind}hi_90") < 0)
        assert found.select(is_claimed.drop_nulls().mean()).item() <= 0.1


@pytest.mark.parametrize(
    ("preset", "options", "is_found"),
    [
        *(("endogenous", {"seed": seed, "customers": 1000}, True) for seed in (1, 2)),
        *(("default", {"seed": seed}, False) for seed in (1, 2, 3)),
    ],
)
def test_a_placebo_finds_prices_that_follow_demand_and_little_where_they_do_not(
    answers: Callable[..., pl.DataFrame], preset: str, options: dict[str, int], is_found: bool
) -> None:
    """Promotions of what sells well anyway look like a strong response: of such a shop no price is suggested."""
    [settings] = pl.read_csv(SEEDS_DIR / "pricing.csv").to_dicts()
    row = answers(preset, **options).row(0, named=True)
    is_chance = row["shop_placebo_probability"] >= settings["chance"]
    assert (not is_chance and row["shop_placebo_share"] > settings["placebo_share"]) == is_found


@pytest.fixture
def suggestions(tmp_path: Path) -> Callable[..., pl.DataFrame]:
    """The rows of price.suggestions made of those of price.response, with the settings that are shipped."""

    def suggest(response: pl.DataFrame, costs: pl.DataFrame) -> pl.DataFrame:
        with duckdb.connect() as connection:
            for name in ("price.response", "core.products", "seeds.costs", "seeds.pricing"):
                shape = ", ".join(f'"{column}" {kind}' for column, kind in TABLES[name].shape.items())
                connection.execute(
                    f"CREATE SCHEMA IF NOT EXISTS {TABLES[name].schema}; CREATE TABLE {name} ({shape})"
                )
            connection.execute(f"INSERT INTO seeds.pricing FROM read_csv('{SEEDS_DIR / 'pricing.csv'}')")
            response.select(*SHAPE).write_parquet(tmp_path / "response")
            costs.write_parquet(tmp_path / "costs")
            for name in ("price.response", "seeds.costs"):
                file = tmp_path / name.split(".")[1]
                connection.execute(f"INSERT INTO {name} BY NAME FROM read_parquet('{file}')")
            found = connection.execute(
                TABLES["price.suggestions"].query, {"start": LAST, "end": date(2024, 4, 1)}
            )
            names = [column[0] for column in found.description]
            return pl.DataFrame(found.fetchall(), names, orient="row", infer_schema_length=None)

    return suggest


def test_a_suggested_price_earns_more_and_none_is_made_where_prices_follow_demand(
    prices_of_shop: Shop, answers: Callable[..., pl.DataFrame], suggestions: Callable[..., pl.DataFrame]
) -> None:
    """By the true elasticities: nine in ten suggestions must gain, in margin and in revenue."""
    for seed, share in ((2, 0.0), (2, 0.5)):
        found = answers("default", seed=seed)
        prices = found.select("product_id", "regular_price", "elasticity_true")
        costs = prices.select("product_id", unit_cost=share * pl.col("regular_price"))
        made = (
            suggestions(found, costs if share else costs.head(0))
            .drop("regular_price")
            .join(prices, on="product_id")
        )
        made = made.filter(pl.col("suggested_price").is_not_null())
        cost, price = share * pl.col("regular_price"), pl.col("suggested_price").cast(pl.Float64)
        margin = (price - cost) / (pl.col("regular_price") - cost)
        gain = margin * (price / pl.col("regular_price")) ** pl.col("elasticity_true")
        assert made.height >= 5
        assert made.select((gain > 1).mean()).item() >= 0.9
    for seed in (1, 2):
        found = answers("endogenous", seed=seed, customers=1000)
        made = suggestions(found, pl.DataFrame(schema={"product_id": pl.String, "unit_cost": pl.Float64}))
        assert made.height > 300
        assert made["suggested_price"].null_count() == made.height
        assert made["reason"].null_count() == 0


def sales(
    weeks: int, price: Callable[[int], float], products: str = "AB", units: int = 3
) -> list[tuple[object, ...]]:
    """One sale a day; the second product and those after it at one price."""
    return [
        (FIRST + timedelta(days=at), product, price(at) if product == "A" else 5.0, units)
        for at in range(7 * weeks)
        for product in products
    ]


def as_of(weeks: int) -> date:
    return (FIRST + timedelta(days=7 * weeks - 1)).replace(day=1)


@pytest.mark.parametrize(
    ("weeks", "price", "products", "reason"),
    [
        (1, lambda _: 2.0, "AB", "weeks"),
        (30, lambda _: 2.0, "AB", "never changed"),
        (30, lambda at: 2.0 + (at > 90), "A", "no other product"),
        (30, lambda at: 2.0 + (at > 90), "AB", None),
        (30, lambda at: 2000.0 if at > 90 else 2.0, "AB", None),
    ],
    ids=["one week", "a constant price", "one product", "a step", "a jump of a thousandfold"],
)
def test_there_is_an_elasticity_or_a_reason(paid: Paid, weeks, price, products, reason) -> None:
    found = compute(paid(sales(weeks, price, products)), [as_of(weeks)]).filter(pl.col("product_id") == "A")
    row = found.row(0, named=True)
    assert (row["elasticity"] is None) == (reason is not None)
    assert reason is None or reason in row["reason"]
    assert found.select(pl.col(pl.Float64).is_nan().any()).row(0) == (False,) * len(
        found.select(pl.col(pl.Float64)).columns
    )
    assert row["evidence"] == "observational"


def test_three_lines_gaps_and_a_product_that_ended_long_ago_are_no_harm(paid: Paid) -> None:
    long = sales(60, lambda at: 2.0 + (at > 200) * 0.2, "ABC")
    gaps = [row for row in long if row[0].month != 5]
    odd = [(FIRST + timedelta(days=at), "THREE", 1.0 + at, 1) for at in (5, 100, 200)]
    ended = [(FIRST + timedelta(days=at), "ENDED", 1.0 + (at > 50), 2) for at in range(100)]
    found = compute(paid([*gaps, *odd, *ended]), [as_of(60)])
    assert found["product_id"].to_list() == ["A", "B", "C", "ENDED", "THREE"]
    assert found.filter((pl.col("elasticity").is_null()) == pl.col("reason").is_null()).is_empty()
    assert not any(found.select(pl.col(pl.Float64).is_nan().any()).row(0))
    assert found.filter(pl.col("product_id") == "ENDED")["periods"].item() < 25


def test_nothing_sold_has_no_rows(paid: Paid) -> None:
    assert compute(paid([]), [as_of(10)]).schema == SHAPE
    assert set(SHAPE) == set(TABLES["price.response"].shape)


def test_a_month_is_the_same_alone_with_others_and_whatever_comes_later(paid: Paid) -> None:
    rows = paid(sales(40, lambda at: 2.0 + (at > 90) * 0.3 + (at > 150) * 0.2, "ABC"))
    months = [date(2022, month, 1) for month in (5, 7, 9)]
    whole = compute(rows, months)
    for month in months:
        end = date(2022, month.month + 1, 1)
        alone = compute(rows.filter(pl.col("day") < end).sample(fraction=1, shuffle=True, seed=1), [month])
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))
    assert whole["as_of"].n_unique() == 3


def test_stock_outs_that_are_known_are_no_answer_to_a_price(prices_of_shop: Shop, paid: Paid) -> None:
    """Where the dearer weeks are those without stock, dearer seems to sell nothing."""
    days = [(FIRST + timedelta(days=at), product, 3.0 if product == "A" and 80 <= at < 150 else 2.0, 3)
            for at in range(220) for product in "ABCDE" if not (product == "A" and 100 <= at < 140)]  # fmt: skip
    rows = paid(days)
    out = paid(
        [(FIRST + timedelta(days=100), "A", None, None)],
        what=pl.lit("out"),
        last_day=pl.lit(FIRST + timedelta(days=139)),
    )
    learned, marked = (
        compute(some, [as_of(31)]).filter(pl.col("product_id") == "A")["own_elasticity"].item()
        for some in (rows, pl.concat([rows, out]))
    )
    assert learned < -1
    assert marked == pytest.approx(0, abs=0.1)
