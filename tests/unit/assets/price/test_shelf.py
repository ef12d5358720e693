"""Regular prices and promotions are read off what was paid, against prices that were planted."""

import math
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.price.shelf import shelf_of

FIRST = date(2022, 1, 3)  # a Monday
NONE = pl.DataFrame(schema={"product_id": pl.String, "first_day": pl.Date, "last_day": pl.Date})
Paid = Callable[..., pl.DataFrame]


def day(at: int) -> date:
    return FIRST + timedelta(days=at)


def week_of(shelf, at):
    return next(place for place, start in reversed(list(enumerate(shelf.starts))) if start <= day(at))


@pytest.fixture
def planted(paid: Paid) -> pl.DataFrame:
    """200 days at 2.00, from day 100 on at 2.20; days 40 to 49 at a fifth less; every third day a wholesale line."""
    sales = []
    for at in range(200):
        price = 2.0 if at < 100 else 2.2
        if 40 <= at < 50:
            price = 1.6
        sales.append((day(at), "A", price, 3))
        if at % 3 == 0:
            sales.append((day(at), "A", round(price * 0.92, 2), 1))
        sales.append((day(at), "B", 5.0, 1))
    return paid(sales)


def test_steps_and_promotions_are_found_on_their_days(planted: pl.DataFrame) -> None:
    """A promotion taken for a price, or a week late, draws every elasticity to 0."""
    shelf = shelf_of(planted, NONE, day(200))
    for place, start in enumerate(shelf.starts):
        end = shelf.starts[place + 1] if place + 1 < len(shelf.starts) else day(200)
        days = [at for at in range(1, 200) if start <= day(at) < end]
        assert shelf.regular[0, place] == pytest.approx(
            np.mean([math.log(2.0 if at < 100 else 2.2) for at in days])
        )
        assert shelf.promoted[0, place] == pytest.approx(
            np.mean([math.log(0.8) if 40 <= at < 50 else 0.0 for at in days])
        )
    assert shelf.facts.row(0) == ("A", 2.2, 2.0, 2.2, 2)
    assert (shelf.promoted[1] == 0).all()


def test_units_of_all_days_but_the_first_are_counted(planted: pl.DataFrame) -> None:
    """The first day counts because something was sold on it: such days are no measure of demand."""
    shelf = shelf_of(planted, NONE, day(200))
    sold = planted.filter(pl.col("day") > FIRST).group_by("product_id").agg(pl.col("units").sum())
    assert dict(zip(shelf.products, shelf.units.sum(axis=1), strict=True)) == dict(sold.iter_rows())
    assert shelf.exposure[:, 1:] == pytest.approx(1.0)


def test_days_out_of_stock_are_not_looked_at(planted: pl.DataFrame) -> None:
    out = pl.DataFrame(
        {"product_id": ["A", "Z"], "first_day": [day(70), day(0)], "last_day": [day(76), day(9)]}
    )
    shelf = shelf_of(planted, out, day(200))
    assert shelf.exposure[0, week_of(shelf, 70)] == 0
    assert shelf.exposure[0, week_of(shelf, 77)] > 0
    assert shelf.exposure[1, week_of(shelf, 70)] == 1


def test_the_price_ahead_is_that_of_two_weeks_later(planted: pl.DataFrame) -> None:
    shelf = shelf_of(planted, NONE, day(200))
    at = week_of(shelf, 28)
    assert shelf.starts[at + 1] == day(29)  # the first of February
    assert shelf.ahead[0, at] == pytest.approx(math.log(1.6))
    assert np.isnan(shelf.ahead[0, -1])


def test_what_is_gone_does_not_count_after_its_last_sale(paid: Paid) -> None:
    """Zeros of a product that was taken off would stand for no demand at its last price."""
    sales = [(day(at), "A", 2.0, 1) for at in range(60)] + [(day(at), "B", 2.0, 1) for at in range(300)]
    shelf = shelf_of(paid(sales), NONE, day(300))
    assert shelf.exposure[0, week_of(shelf, 59) + 1 :].sum() == 0
    assert shelf.exposure[1, -1] == 1
