"""Models of libraries beside our own: what they say is kept, competes, and is told where it failed."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.days import first_days_ahead, seen_months
from assets.forecasts import choice, library, rivals, sales
from assets.forecasts.origins import OWN, PANEL, seen
from assets.forecasts.smoothing import Ahead

FIRST = date(2021, 1, 1)
DAYS = [FIRST + timedelta(days=at) for at in range(500)]
HORIZON = {"day": 90, "week": 13, "month": 3}


def shop(names="MSTL", countries=1):
    """Two countries whose days rise and fall in a rhythm of nine days that no model of ours knows."""
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "grain": "day", "starts_on": DAYS, "country": country, "orders": int(4 * size),
                    "amount": [size * (100 + 60 * (at % 9 == 0)) for at in range(len(DAYS))],
                }
            )
            for country, size in (("EIRE", 1.0), ("France", 3.0))
        ]
    ).with_columns(
        product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String), holiday_country=pl.lit(None, pl.String),
        library=pl.lit(names, pl.String), library_countries=pl.lit(countries),
    )  # fmt: skip


MONTHS = seen_months(shop().select(day="starts_on"))


def with_rivals(rows, said):
    return pl.concat([rows, said.filter(pl.col("mean").is_not_null())], how="diagonal")


def test_the_total_and_the_largest_countries_are_spoken_for_by_all_that_are_asked():
    found = rivals.compute(shop("MSTL; AutoTheta"), MONTHS[12:13])
    assert set(found["series"]) == {"All", "France"}
    assert set(found["model"]) == {"MSTL", "AutoTheta"}
    assert set(found["grain"]) == {"day", "week", "month"}
    for (grain, *_), steps in found.group_by("grain", "measure", "series", "model"):
        assert steps["step"].sort().to_list() == list(range(1, HORIZON[grain] + 1))
    assert rivals.compute(shop(None), MONTHS).is_empty()
    assert rivals.compute(shop().clear(), MONTHS).is_empty()


def test_a_model_that_fails_says_why_and_nothing_stands_in(monkeypatch):
    """What stood in would compete under a name that is not its own."""

    def run(name, values, period, steps, stamps, country=None):
        if name == "MSTL":
            raise RuntimeError("it broke")
        return Ahead(np.full((1, steps), 7.0), np.ones((1, steps)))

    monkeypatch.setattr(library, "run", run)
    found = rivals.compute(shop("MSTL;AutoETS"), MONTHS[12:13])
    broken, spoken = (found.filter(pl.col("model") == name) for name in ("MSTL", "AutoETS"))
    assert set(broken["reason"]) == {"it broke"}
    assert broken["mean"].null_count() == broken.height
    assert spoken["reason"].null_count() == spoken.height
    past = seen(with_rivals(shop(), found), references(), None)
    one = past[MONTHS[12], "day"]
    is_spoken = choice.is_spoken(one)
    assert is_spoken[: len(OWN)].all()
    assert not is_spoken[PANEL.index("MSTL")].any()
    assert is_spoken[PANEL.index("AutoETS")].sum() == 4  # amount and orders, of all and of one country


def references():
    return first_days_ahead(shop().select(day="starts_on"), MONTHS)


def test_one_that_knows_better_becomes_the_champion_and_is_named(monkeypatch):
    """Of what it says at an origin, only that origin's past may be in it: here it is told the truth."""
    truth = dict(shop().group_by("starts_on").agg(pl.col("amount").sum()).iter_rows())

    def run(name, values, period, steps, stamps, country=None):
        ahead = stamps[0][-steps:]
        if values.max() < 500:  # France, or orders
            return Ahead(np.full((1, steps), 1e6), np.ones((1, steps)))
        return Ahead(np.array([[truth.get(day, 0.0) for day in ahead]]), np.ones((1, steps)))

    monkeypatch.setattr(library, "run", run)
    rows = with_rivals(shop(), rivals.compute(shop("AutoETS"), MONTHS))
    served = sales.compute(rows, MONTHS[15:16])
    days = served.filter((pl.col("grain") == "day") & (pl.col("measure") == "amount"))
    assert set(days.filter(pl.col("series") == "All")["model"]) == {"AutoETS"}
    assert "AutoETS" not in set(days.filter(pl.col("series") == "EIRE")["model"])
    assert "AutoETS" not in set(served.filter(pl.col("measure") == "orders")["model"])


def test_without_them_everything_is_as_it_was():
    rows = shop()
    kinds = {"as_of": pl.Date, "measure": pl.String, "level": pl.String, "series": pl.String, "model": pl.String,
             "step": pl.Int32, "mean": pl.Float64}  # fmt: skip
    with_none = rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in kinds.items())
    assert sales.compute(rows, MONTHS[15:16]).equals(sales.compute(with_none, MONTHS[15:16]))


@pytest.mark.parametrize("name", ["AutoETS", "AutoARIMA", "AutoTheta", "MSTL", "Prophet"])
def test_each_of_them_speaks_for_days_weeks_and_months(name):
    found = rivals.compute(shop(name, 0), MONTHS[15:16])
    assert found["reason"].null_count() == found.height
    totals = found.filter((pl.col("measure") == "amount") & (pl.col("grain") == "day"))
    mean = 4 * (100 + 60 / 9)
    assert totals["mean"].mean() == pytest.approx(mean, rel=0.1)
