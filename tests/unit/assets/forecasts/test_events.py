"""Known events: what they did before is taken out of what models see, and foretold when they come again."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.days import reference_days
from assets.forecasts import origins, rivals, sales
from assets.forecasts.origins import Event, Node, event_lifts

FIRST = date(2021, 1, 4)
DAYS = [FIRST + timedelta(days=at) for at in range(390)]
AS_OF = date(2021, 11, 1)  # sees 331 days, to the end of November
FAIRS = [(date(2021, month, 10), date(2021, month, 13)) for month in (3, 6, 9, 12)]
STRIKE = (date(2021, 12, 20), date(2021, 12, 21))  # never before


def shop(*, lift=2.0, noise=0.1, events=True, name="Fair"):
    rng = np.random.default_rng(5)
    rows = [
        ("day", day, country, 5, size * (100 + 20 * (day.weekday() == 4)) * float(np.exp(noise * rng.normal()))
         * (lift if country == "France" and any(a <= day <= b for a, b in FAIRS) else 1))
        for day in DAYS for country, size in (("EIRE", 1.0), ("France", 3.0))
    ]  # fmt: skip
    table = pl.DataFrame(rows, ["grain", "starts_on", "country", "orders", "amount"], orient="row").with_columns(
        product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String), holiday_country=pl.lit(None, pl.String),
        library=pl.lit("AutoTheta"), library_countries=pl.lit(1),
    )  # fmt: skip
    if not events:
        return table
    known = [("event", a, b, "Fair", "France") for a, b in FAIRS] + [("event", *STRIKE, "Strike", "All")]
    told = pl.DataFrame(known, ["grain", "starts_on", "last_day", "event", "country"], orient="row")
    return pl.concat([table, told], how="diagonal")


def foretold(rows):
    seen = rows.filter((pl.col("grain") == "event") | (pl.col("starts_on") < date(2021, 12, 1)))
    return sales.compute(seen, [AS_OF]).filter((pl.col("grain") == "day") & (pl.col("measure") == "amount"))


def error(found, country="France"):
    """Mean error on the days of the fair to come, by what came."""
    came = shop(events=False).filter(pl.col("country") == country).select("starts_on", "amount")
    days = found.filter((pl.col("series") == country) & pl.col("starts_on").is_between(*FAIRS[3]))
    table = days.join(came, on="starts_on")
    assert table.height == 4
    return float((table["mean"] - table["amount"]).abs().sum() / table["amount"].sum())


def test_an_event_that_comes_again_is_foretold_by_what_it_did_before():
    with_events, without = foretold(shop()), foretold(shop(events=False))
    assert error(with_events) < 0.15
    assert error(without) > 0.4
    plain = pl.col("starts_on").is_between(date(2021, 12, 1), date(2021, 12, 8))
    level = with_events.filter(plain & (pl.col("series") == "France"))["mean"].mean()
    assert level == pytest.approx(300 * 1.03, rel=0.1)


def test_other_countries_and_days_and_what_never_was_before_are_left_alone():
    with_events, without = foretold(shop(lift=1.0)), foretold(shop(lift=1.0, events=False))
    table = with_events.join(without, on=["series", "starts_on"], suffix="_without")
    table = table.filter(~pl.col("starts_on").is_between(*FAIRS[3]))
    eire = table.filter(pl.col("series") == "EIRE")
    assert (eire["mean"] / eire["mean_without"] - 1).abs().max() < 0.02
    strike = table.filter(pl.col("starts_on").is_between(*STRIKE))
    assert (strike["mean"] / strike["mean_without"] - 1).abs().max() < 0.02


def test_what_chance_alone_does_is_no_effect():
    nodes = (Node("amount", "total", "All", None), Node("amount", "country", "France", 0))
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 0.3, (2, 200)))
    days = DAYS[:200]
    dull = [Event("Dull", days[at], days[at], None) for at in (50, 90, 130)]
    past, later = event_lifts(values, days, [days[-1] + timedelta(days=1)], nodes, dull, 7)
    assert np.abs(np.log(past)).max() < 0.2
    assert (later == 1).all()
    again = [*dull, Event("Dull", days[-1] + timedelta(days=1), days[-1] + timedelta(days=1), "France")]
    assert event_lifts(values, days, [days[-1] + timedelta(days=1)], nodes, again, 7)[1].shape == (2, 1)
    loud = values.copy()
    loud[:, [50, 90, 130]] *= 4
    past, _ = event_lifts(loud, days, days[-1:], nodes, dull, 7)
    assert past[:, 90] == pytest.approx([4, 4], rel=0.4)
    none = event_lifts(np.zeros((2, 200)), days, days[-1:], nodes, dull, 7)
    assert (none[0] == 1).all()


def test_models_of_libraries_are_told_of_them_too():
    rows = shop()
    seen = rows.filter((pl.col("grain") == "event") | (pl.col("starts_on") < date(2021, 12, 1)))
    said = rivals.compute(seen, [AS_OF]).filter((pl.col("grain") == "day") & (pl.col("measure") == "amount"))
    assert error(said) < 0.15
    assert reference_days(seen.filter(pl.col("grain") == "day").select(day="starts_on"), [AS_OF])


def test_weeks_and_months_of_an_event_are_foretold_by_what_its_days_did_before():
    """Three of its seven days are doubled, in a country that sells three quarters of all."""

    def weeks(rows):
        seen = rows.filter((pl.col("grain") == "event") | (pl.col("starts_on") < date(2021, 12, 1)))
        found = sales.compute(seen, [AS_OF])
        return found.filter(pl.col("measure") == "amount", pl.col("level") != "category")

    told, untold = weeks(shop()), weeks(shop(events=False))
    week = (pl.col("grain") == "week") & (pl.col("starts_on") == date(2021, 12, 6))
    came = shop(events=False).filter(pl.col("starts_on").is_between(date(2021, 12, 6), date(2021, 12, 12)))
    for series, some in (("France", came.filter(pl.col("country") == "France")), ("All", came)):
        actual = some["amount"].sum()
        with_it, without = (
            float(found.filter(week & (pl.col("series") == series))["mean"].item())
            for found in (told, untold)
        )
        assert abs(with_it / actual - 1) < 0.12
        assert abs(without / actual - 1) > 2 * abs(with_it / actual - 1)
    eire = [
        float(found.filter(week & (pl.col("series") == "EIRE"))["mean"].item()) for found in (told, untold)
    ]
    assert eire[0] == pytest.approx(eire[1], rel=0.03)
    month = (
        (pl.col("grain") == "month")
        & (pl.col("starts_on") == date(2021, 12, 1))
        & (pl.col("series") == "France")
    )
    actual = (
        shop(events=False)
        .filter(
            (pl.col("country") == "France")
            & (pl.col("starts_on").dt.month() == 12)
            & (pl.col("starts_on").dt.year() == 2021)
        )["amount"]
        .sum()
    )
    errors = [abs(float(found.filter(month)["mean"].item()) / actual - 1) for found in (told, untold)]
    assert errors[0] < 0.08
    assert errors[0] < errors[1]


def test_what_has_no_days_of_its_own_moves_as_the_total_does():
    rows = shop()
    events = origins.events_of(rows)
    days = origins.Asked.of(origins.steps_of(rows, "day"), AS_OF, date(2021, 12, 1), None, events)
    kinds = (
        ("total", "All"),
        ("category", "Mugs"),
        ("country", "Nowhere"),
        ("country", "EIRE"),
        ("country", "France"),
    )
    nodes = [Node("amount", level, name, None) for level, name in kinds]
    total, mugs, nowhere, eire, france = days.lifts(nodes, "week", [date(2021, 12, 6), date(2021, 12, 13)])
    assert (mugs == total).all()
    assert (nowhere == total).all()
    assert eire == pytest.approx([1, 1], abs=0.02)
    assert france == pytest.approx([1 + 3 / 7, 1 + 1 / 7], rel=0.1)
    assert 1 < total[0] < france[0]
