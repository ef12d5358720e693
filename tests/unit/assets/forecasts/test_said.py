"""What our own models said is kept, and asked once: forecasts.said."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.forecasts import backtest, origins, said, sales
from warehouse.plan import month_range

FIRST, LAST = date(2022, 1, 1), date(2023, 3, 1)
MONTHS = month_range(FIRST, LAST)


@pytest.fixture(scope="module")
def shop(sales_of_shop: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    return sales_of_shop(customers=300, months=15)


@pytest.fixture(scope="module")
def kept(shop: pl.DataFrame) -> pl.DataFrame:
    return said.compute(shop, MONTHS)


def up_to(rows: pl.DataFrame, month: date) -> pl.DataFrame:
    """What was there at the end of a month."""
    return rows.filter(pl.col("starts_on") < pl.lit(month).dt.offset_by("1mo"))


def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many series models are asked of from now on."""
    found: list[int] = []
    real = origins._all_models

    def counted(values, *args, **options):
        found.append(len(values))
        return real(values, *args, **options)

    monkeypatch.setattr(origins, "_all_models", counted)
    return found


@pytest.mark.parametrize("table", [sales, backtest])
def test_with_what_was_said_the_rows_are_the_same_and_nobody_is_asked_again(
    shop: pl.DataFrame, kept: pl.DataFrame, table, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = table.compute(shop, [LAST])
    assert without.height > 0
    asked = asked_of(monkeypatch)
    assert_frame_equal(table.compute(pl.concat([shop, kept], how="diagonal"), [LAST]), without)
    assert asked == []


def test_a_month_says_what_it_says_whatever_is_asked_beside_it(
    shop: pl.DataFrame, kept: pl.DataFrame
) -> None:
    """Made month by month the table is as made at once; what came later changes nothing."""
    for month in (date(2022, 6, 1), date(2022, 12, 1)):
        assert_frame_equal(said.compute(up_to(shop, month), [month]), kept.filter(as_of=month))


def test_of_a_month_that_changed_models_are_asked_anew(
    shop: pl.DataFrame, kept: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = (
        shop.filter(grain="day")
        .filter(pl.col("starts_on") == date(2023, 2, 6))
        .with_columns(orders=3, amount=99.0)
    )
    changed = pl.concat([shop, late], how="vertical_relaxed")
    without = sales.compute(changed, [LAST])
    asked = asked_of(monkeypatch)
    assert_frame_equal(sales.compute(pl.concat([changed, kept], how="diagonal"), [LAST]), without)
    # Days, weeks and months of the country and the total, as of the two months that know of it.
    assert 0 < sum(asked) < 40


def test_a_month_before_the_first_sale_has_no_rows(shop: pl.DataFrame) -> None:
    assert said.compute(shop, [date(2021, 12, 1)]).is_empty()
    assert said.compute(shop.clear(), MONTHS).is_empty()
    assert said.compute(shop, []).is_empty()


def test_it_holds_every_model_and_step_of_each_series(kept: pl.DataFrame) -> None:
    steps = kept["sigma"].list.len()
    assert set(steps) == set(origins.STEPS.values())
    models = kept["means"].list.len() / steps
    assert set(models) == {len(origins.OWN) - 2, len(origins.OWN)}
    assert kept.select("as_of", "digest").is_unique().all()


def test_what_is_said_has_six_digits(kept: pl.DataFrame) -> None:
    """The last bit of a sum depends on how many series are asked at once: a rebuild would have another version."""
    for column in ("means", "sigma"):
        told = kept[column].explode()
        assert told.round(6).eq_missing(told).all()
