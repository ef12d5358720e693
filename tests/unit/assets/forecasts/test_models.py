"""Forecasts of any set of series: what speaks for each, how sure it is, and what bad input gives."""

import math
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets.forecasts import models
from assets.forecasts.models import forecast, held_by, needed, silent
from bench.series import STEPS, business_series, smape


def months(*values, series="a", first=date(2020, 1, 1)):
    ds = pl.date_range(first, first.replace(year=first.year + 30), "1mo", eager=True)[: len(values)]
    return pl.DataFrame({"series": series, "ds": ds, "y": pl.Series(values, dtype=pl.Float64, strict=False)})


def usual(length=48, seed=0, level=100.0):
    rng = np.random.default_rng(seed)
    return level + 10 * np.sin(2 * np.pi * np.arange(length) / 12) + rng.normal(0, 3, length)


def sound(found):
    """No hole, no NaN; the mean within the intervals, and those within each other, widening."""
    numbers = found.select(pl.col(pl.Float64))
    assert numbers.null_count().sum_horizontal().item() == 0
    assert numbers.select(pl.all().is_finite().all()).row(0) == (True,) * numbers.width
    assert found.filter((pl.col("lo_80") > pl.col("mean")) | (pl.col("mean") > pl.col("hi_80"))).is_empty()
    assert found.filter((pl.col("lo_95") > pl.col("lo_80")) | (pl.col("hi_80") > pl.col("hi_95"))).is_empty()
    width = found.select(w=(pl.col("hi_80") - pl.col("mean")).diff().over("series").min())["w"][0]
    assert width is None or width >= -1e-5
    return found


@pytest.fixture(scope="module")
def business():
    whole = business_series(150, seed=11)
    history = pl.concat(
        [
            pl.DataFrame({"series": at, "ds": np.arange(len(one) - STEPS), "y": one[:-STEPS]})
            for at, one in enumerate(whole)
        ]
    )
    return history, np.stack([one[-STEPS:] for one in whole])


def test_the_median_of_a_diverse_few_errs_less_than_theta_and_its_intervals_hold(business):
    history, came = business
    found = sound(forecast(history, horizon=STEPS, season_length=12))
    assert set(found["model"]) == {"median"}
    assert found["reason"].null_count() == found.height
    theta = forecast(history, horizon=STEPS, season_length=12, model="Theta")
    ours, other = (each["mean"].to_numpy().reshape(came.shape) for each in (found, theta))
    assert smape(came, ours) < 0.97 * smape(came, other)
    for level, low, high in ((80, 0.75, 0.85), (95, 0.92, 0.98)):
        bounds = (found[f"{end}_{level}"].to_numpy().reshape(came.shape) for end in ("lo", "hi"))
        below, above = bounds
        assert low < ((below <= came) & (came <= above)).mean() < high


def test_columns_are_those_that_were_promised():
    found = forecast(months(*usual()), horizon=3, season_length=12, levels=(50, 90))
    assert found.columns == ["series", "ds", "model", "mean", "lo_50", "hi_50", "lo_90", "hi_90", "reason"]
    assert found["ds"].to_list() == [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]


@pytest.mark.parametrize(
    ("ds", "following"),
    [
        (pl.date_range(date(2020, 1, 31), date(2023, 12, 31), "1mo", eager=True).dt.month_end(), date(2024, 1, 31)),
        (pl.date_range(date(2023, 1, 1), date(2023, 2, 17), "1d", eager=True), date(2023, 2, 18)),
        (pl.date_range(date(2023, 1, 2), date(2023, 11, 27), "1w", eager=True), date(2023, 12, 4)),
        (pl.datetime_range(datetime(2023, 1, 1), datetime(2023, 1, 2, 23), "1h", eager=True), datetime(2023, 1, 3)),
        (pl.date_range(date(2012, 1, 1), date(2023, 10, 1), "3mo", eager=True), date(2024, 1, 1)),
        (pl.Series(range(10, 58)), 58),
    ],
    ids=["month ends", "days", "weeks", "hours", "quarters", "numbers"],
)  # fmt: skip
def test_steps_go_on_as_they_came(ds, following):
    found = forecast(pl.DataFrame({"series": 1, "ds": ds, "y": usual()}), horizon=2, season_length=4)
    assert found["ds"][0] == following
    assert found.schema["ds"] == ds.dtype


@pytest.mark.parametrize(
    ("values", "model", "reason"),
    [
        ((5.0,), "naive", "1 observations are too few to fit anything; the horizon is longer than the history"),
        ((5.0, 6.0, 9.0), "naive", "3 observations are too few to fit anything; the horizon is longer than the history"),
        ((0.0,) * 30, "naive", "every value is 0"),
        ((7.5,) * 30, "naive", "every value is 7.5"),
        ((0.0, 0.0, 3.0) * 12, "Croston", "67% of the values are 0"),
        ((*usual(24), None, math.nan, math.inf, *usual(21)), "median", "3 steps without a value were filled by a line"),
        (tuple(usual() - 100), "median", None),
        (tuple(-usual()), "median", None),
        ((*usual(40), *(1000 * usual(8))), "median", None),
        ((*(1000 * usual(40)), *usual(8)), "median", None),
        (tuple(usual(10)), "median", "the horizon is longer than the history"),
        (tuple(usual(5)), "median", "the horizon is longer than the history"),
    ],
    ids=[
        "one", "three", "zeros", "constant", "intermittent", "gaps", "around 0", "negative", "a thousandfold",
        "a thousandth", "ten", "five",
    ],
)  # fmt: skip
def test_bad_input_gives_a_forecast_that_says_what_stood_in_and_why(values, model, reason):
    found = sound(forecast(months(*values), horizon=18, season_length=12))
    assert found.height == 18
    assert set(found["model"]) == {model}
    assert set(found["reason"]) == {reason}
    known = [value for value in values if value is not None and math.isfinite(value)]
    apart = max(known) - min(known)
    assert found["mean"].is_between(min(known) - apart - 1e-6, max(known) + apart + 1e-6).all()
    if min(known) >= 0:
        assert found["lo_95"].min() >= 0


def test_a_series_that_ends_long_ago_goes_on_from_its_own_end_and_says_so():
    history = pl.concat([months(*usual(60)), months(*usual(30), series="b")])
    found = sound(forecast(history, horizon=2, season_length=12))
    assert found.select("series", "ds", "reason").rows() == [
        ("a", date(2025, 1, 1), None), ("a", date(2025, 2, 1), None),
        ("b", date(2022, 7, 1), "it ends 30 steps before the newest series"),
        ("b", date(2022, 8, 1), "it ends 30 steps before the newest series"),
    ]  # fmt: skip


def test_a_series_without_a_number_has_no_row_and_a_reason():
    history = pl.concat([months(*usual()), months(None, math.nan, series="b")])
    assert set(forecast(history, horizon=2, season_length=12)["series"]) == {"a"}
    assert silent(history).rows() == [("b", "no row has a number")]
    nothing = forecast(history.clear(), horizon=2, season_length=12)
    assert nothing.is_empty()
    assert nothing.columns[-1] == "reason"


def test_what_is_no_such_table_is_refused():
    good = months(*usual())
    for history, told in (
        (good.rename({"y": "amount"}), "y is missing"),
        (pl.concat([good, good]), "96 rows share series and ds"),
        (good.with_columns(ds=pl.col("ds").cast(pl.String)), "ds must be dates"),
        (good.with_columns(y=pl.lit("5")), "y must be numbers"),
        (good.with_columns(series=pl.lit(None, pl.String)), "must have a series"),
    ):
        with pytest.raises(ValueError, match=told):
            forecast(history, horizon=2, season_length=12)
    with pytest.raises(ValueError, match="no model 'oracle'"):
        forecast(good, horizon=2, season_length=12, model="oracle")
    with pytest.raises(ValueError, match="at least 1"):
        forecast(good, horizon=0, season_length=12)


def test_the_order_of_rows_changes_nothing(business):
    history = business[0].filter(pl.col("series") < 12)
    again = forecast(history.sample(fraction=1, shuffle=True, seed=1), horizon=6, season_length=12)
    assert again.equals(forecast(history, horizon=6, season_length=12))


@pytest.mark.parametrize("model", [*models.MODELS])
def test_every_model_says_its_name_and_gives_numbers(model, business):
    found = sound(
        forecast(business[0].filter(pl.col("series") < 3), horizon=18, season_length=12, model=model)
    )
    assert set(found["model"]) == {model}


@pytest.mark.parametrize("model", ["AutoETS", "AutoTheta", "MSTL"])
def test_models_of_statsforecast_speak_in_their_own_name(model, business):
    found = forecast(business[0].filter(pl.col("series") < 2), horizon=18, season_length=12, model=model)
    assert set(found["model"]) == {model}
    assert found["mean"].is_finite().all()


def test_a_model_that_fails_is_named_with_its_stand_in(monkeypatch):
    """The fallback of statsforecast replaces a model that raised for every series without a word."""
    from statsforecast import models as peers

    def broken(*_, **__):
        raise ValueError("singular matrix")

    monkeypatch.setattr(peers.AutoETS, "forecast", broken)
    found = sound(forecast(months(*usual()), horizon=2, season_length=12, model="AutoETS"))
    assert set(found["model"]) == {"median"}
    assert set(found["reason"]) == {"AutoETS failed: singular matrix"}


def test_prophet_learns_the_holidays_of_a_country_and_refuses_one_that_is_not():
    days = pl.date_range(date(2021, 1, 1), date(2023, 12, 20), "1d", eager=True)
    closed = days.dt.month().eq(12) & days.dt.day().is_in([25, 26])
    y = pl.Series(usual(len(days))).set(closed, 0.0)
    history = pl.DataFrame({"series": "a", "ds": days, "y": y})
    found = forecast(history, horizon=10, season_length=7, model="Prophet", country="GB")
    by_day = dict(found.select("ds", "mean").iter_rows())
    assert by_day[date(2023, 12, 25)] < 40
    assert by_day[date(2023, 12, 22)] > 70
    assert forecast(history, horizon=10, season_length=7, model="Prophet", country="GB").equals(found)
    with pytest.raises(ValueError, match="no holidays of 'Narnia'"):
        forecast(history, horizon=10, season_length=7, model="Prophet", country="Narnia")


def test_intervals_are_measured_once_there_are_errors_enough():
    assert (needed(0.8), needed(0.95)) == (9, 39)
    rng = np.random.default_rng(0)
    assert held_by(np.abs(rng.normal(0, 3, (8, 2))), 0.8) == pytest.approx([1.2816, 1.2816], abs=1e-4)
    nine = np.arange(1.0, 10.0)[:, None]
    assert held_by(nine, 0.8).tolist() == [8.0]
    assert held_by(np.where(nine > 8, np.nan, nine), 0.8) == pytest.approx([1.2816], abs=1e-4)
    many = np.abs(rng.normal(0, 3, (4000, 3)))
    assert held_by(many, 0.95) == pytest.approx([3 * 1.96] * 3, rel=0.06)


def test_a_day_of_a_month_is_kept_where_months_are_shorter():
    ds = [date(2021, at, 28) for at in range(1, 13)]
    history = pl.DataFrame({"series": "a", "ds": ds, "y": usual(12)})
    assert forecast(history, horizon=1, season_length=12)["ds"].to_list() == [date(2022, 1, 28)]
    assert timedelta(days=31) == date(2022, 1, 28) - ds[-1]
