"""Tables that Python computes: their code is known by what it does, and an as_of by what came before it."""

import importlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets import computed
from assets.computed import code_of, module_of, step_of
from warehouse.tables import TABLES

# Those made from days of customers, or sums of them; the others are looked at beside their modules.
COMPUTED = (
    "cohorts.survival", "value.lifetime", "value.backtest", "churn.risk", "churn.backtest", "forecasts.sales",
    "forecasts.backtest", "forecasts.anomalies", "forecasts.rivals",
)  # fmt: skip
SHAPE = {"customer_id": pl.String, "day": pl.Date, "units": pl.Int64, "amount": pl.Decimal(38, 4)}
FIRST = date(2020, 1, 1)
# What the queries give with every row.
SETTINGS = {
    "known_from": FIRST, "lapse_days": 90, "horizon_days": 90, "long_horizon_days": 365, "discount_a_year": 0.1,
    "library": "MSTL", "library_countries": 1,
}  # fmt: skip


def shop(customers: int, days: int, every: int = 23) -> pl.DataFrame:
    """Customers who buy now and then, each in a rhythm of its own, a third of whom stop; and days of anyone."""
    rows = [
        (f"{customer}", FIRST + timedelta(days=at), 1 + customer % 5, f"{10 + (customer * 7 + at) % 40}.50")
        for customer in range(customers)
        for at in range(customer % 90, days, every + customer % 60)
        if customer % 3 or at < days // 2
    ]
    known = pl.DataFrame(rows, ["customer_id", "day", "units", "amount"], orient="row")
    known = known.with_columns(pl.col("day").cast(pl.Date), pl.col("amount").cast(pl.Decimal(38, 4)))
    anyone = known.select(
        pl.lit(None, pl.String).alias("customer_id"), "day", pl.lit(0, pl.Int64).alias("units"),
        pl.lit(0).cast(pl.Decimal(38, 4)).alias("amount"),
    ).unique()  # fmt: skip
    return pl.concat([known, anyone])


def months(number: int) -> list[date]:
    return pl.date_range(
        FIRST, date(FIRST.year + number // 12, 1 + number % 12, 1), "1mo", closed="left", eager=True
    ).to_list()


def with_settings(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(value).alias(name) for name, value in SETTINGS.items())


def sales(rows: pl.DataFrame) -> pl.DataFrame:
    """What the queries of forecasts give of such a shop: days by country, weeks and months by product."""
    customer = pl.col("customer_id").cast(pl.Int64)
    known = rows.filter(pl.col("customer_id").is_not_null()).with_columns(
        country=pl.format("country {}", customer % 3),
        product_id=pl.format("product {}", customer % 7),
        category=pl.format("category {}", customer % 7 % 2),
        holiday_country=pl.lit("GB-ENG"),
    )
    amount = pl.col("amount").sum()
    return pl.concat(
        [
            known.group_by(grain=pl.lit("day"), starts_on=pl.col("day"), country="country").agg(
                orders=pl.len().cast(pl.Int64), amount=amount, holiday_country=pl.first("holiday_country")
            ),
            *(
                known.group_by(
                    grain=pl.lit(grain), starts_on=pl.col("day").dt.truncate(every), product_id="product_id"
                ).agg(
                    amount=amount,
                    category=pl.when(grain == "month").then(pl.first("category")),
                    holiday_country=pl.first("holiday_country"),
                )
                for grain, every in (("week", "1w"), ("month", "1mo"))
            ),
        ],
        how="diagonal",
    )


def compute(name: str, rows: pl.DataFrame, asked: list[date]) -> pl.DataFrame:
    given = with_settings(sales(rows) if name.startswith("forecasts.") else rows)
    if name == "churn.backtest":
        # It judges what churn.risk gave in earlier months.
        answers = compute("churn.risk", rows, months(asked[-1].month + 12 * (asked[-1].year - FIRST.year)))
        judged = ("origin", "customer_id", "probability", "plain_probability", "model")
        answers = answers.rename({"as_of": "origin"}).filter(pl.col("model").is_not_null()).select(judged)
        given = with_settings(pl.concat([rows, answers], how="diagonal"))
    found: pl.DataFrame = importlib.import_module(f"assets.{name}").compute(given, asked)
    return found.sort(TABLES[name].primary_key)


def test_there_are_such_tables() -> None:
    assert {name for name, table in TABLES.items() if module_of(table)} >= set(COMPUTED)


@pytest.mark.parametrize("name", COMPUTED)
def test_a_month_is_the_same_made_alone_or_with_others_and_whatever_comes_later(name: str) -> None:
    """Else a backfill and twelve monthly runs would leave other tables, and the past would change."""
    rows, asked = shop(90, 400), months(13)
    whole = compute(name, rows, asked)
    assert whole.height > 0
    assert set(whole.columns) == set(TABLES[name].shape)
    for month in (asked[6], asked[11]):
        end = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
        of_month = whole.filter(pl.col("as_of") == month)
        assert_frame_equal(compute(name, rows, [month]), of_month)
        assert_frame_equal(compute(name, rows.filter(pl.col("day") < end), [month]), of_month)


@pytest.mark.parametrize("name", COMPUTED)
def test_the_order_of_rows_changes_nothing(name: str) -> None:
    """Else the last bit of a sum makes a month anew, and all that follows from it."""
    rows, asked = shop(400, 420), months(13)[-1:]
    assert_frame_equal(
        compute(name, rows.sample(fraction=1, shuffle=True, seed=3), asked),
        compute(name, rows, asked),
        check_exact=True,
    )


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame(schema=SHAPE),
        shop(1, 300),
        shop(1, 300).filter(pl.col("customer_id").is_null()),
        shop(60, 300).filter(pl.col("day") == pl.col("day").min().over("customer_id")),
        shop(60, 300).with_columns(amount=pl.lit(0).cast(pl.Decimal(38, 4))),
        shop(60, 300, every=1).with_columns(amount=pl.lit(5).cast(pl.Decimal(38, 4)), units=pl.lit(1, pl.Int64)),
        shop(60, 300).filter(pl.col("day").dt.month() != 5),
    ],
    ids=["nothing", "one customer", "guests", "nobody comes back", "amounts of 0", "all equal", "an empty month"],
)  # fmt: skip
def test_bad_input_gives_rows_with_a_reason_or_none(name: str, rows: pl.DataFrame) -> None:
    """A NaN looks like a number, and a crash holds back what others wait for."""
    found = compute(name, rows, months(10))
    assert set(found.columns) == set(TABLES[name].shape)
    numbers = found.select(pl.col(pl.Float64))
    assert numbers.select(pl.all().is_nan().any() | pl.all().is_infinite().any()).sum_horizontal().sum() == 0
    if name == "value.lifetime":
        assert found.filter(pl.col("expected_orders").is_null() & pl.col("reason").is_null()).is_empty()
    if name == "churn.risk":
        assert found.filter(
            pl.col("probability").is_null() != pl.col("missing_reason").is_not_null()
        ).is_empty()


def test_the_code_of_a_table_is_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments make no table stale; what a module imports does."""
    monkeypatch.setattr(computed, "ASSETS_DIR", tmp_path / "assets")
    folder = tmp_path / "assets" / "a"
    folder.mkdir(parents=True)

    def code(text: str, helper: str = "X = 1\n") -> str:
        (folder / "b.py").write_text(f"from assets.a.c import X\n{text}")
        (folder / "c.py").write_text(helper)
        for cached in (code_of, computed._read):
            cached.cache_clear()
        return code_of("assets.a.b")

    first = code('def f(x):\n    """Told so."""\n    return x + X\n')
    assert code("# why\ndef f(x):\n    '''Told otherwise.'''\n    return x + X  # so\n") == first
    others = [code("def f(x):\n    return x - X\n"), code("def f(x):\n    return x + X\n", helper="X = 2\n")]
    assert len({first, *others}) == 3
    for cached in (code_of, computed._read):
        cached.cache_clear()


def test_a_step_goes_from_parquet_to_parquet(tmp_path: Path) -> None:
    with_settings(shop(60, 300)).write_parquet(tmp_path / "given")
    step: Any = step_of(TABLES["churn.risk"], months(9))
    step(tmp_path / "given", tmp_path / "made")
    assert_frame_equal(
        pl.read_parquet(tmp_path / "made").sort("as_of", "customer_id"),
        compute("churn.risk", shop(60, 300), months(9)),
    )
    assert step_of(TABLES["segments.rfm"], months(9)) is None
