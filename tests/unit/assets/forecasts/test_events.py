"""Known events: what they did before is taken out of what models see, and foretold when they come again."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.days import reference_days
from assets.forecasts import anomalies, origins, rivals, sales
from assets.forecasts.origins import Event, Node, event_lifts
from warehouse.errors import TillageError

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
    known = [("Fair", a, b, "France", None) for a, b in FAIRS] + [("Strike", *STRIKE, "All", None)]
    return pl.concat([table, told(*known)], how="diagonal")


def told(*known):
    """Rows of events: name, first and last day, country, category; there are the categories Mugs and Bags."""
    names = {
        "event": pl.String,
        "starts_on": pl.Date,
        "last_day": pl.Date,
        "country": pl.String,
        "category": pl.String,
    }
    is_known = pl.col("category").is_null() | pl.col("category").is_in(["Mugs", "Bags"])
    return pl.DataFrame(known, names, orient="row").with_columns(grain=pl.lit("event"), is_known=is_known)


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
    days = origins.Asked.of(
        origins.steps_of(rows, "day", date(2021, 12, 1)), AS_OF, date(2021, 12, 1), None, events
    )
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


GOODS = (("M1", "Mugs", 200.0), ("M2", "Mugs", 100.0), ("B1", "Bags", 400.0))
MUGS_FAIR = [("Mugs fair", a, b, "All", "Mugs") for a, b in FAIRS]


def goods(*known, until=date(2022, 1, 28)):
    """A shop whose mugs sell twice as well on the days of the fair; its days, and weeks and months of its products."""
    rng = np.random.default_rng(3)
    days = pl.DataFrame(
        [
            (day, name, category, size * float(np.exp(0.1 * rng.normal()))
             * (2 if category == "Mugs" and any(a <= day <= b for a, b in FAIRS) else 1))
            for day in DAYS for name, category, size in GOODS
        ],
        ["starts_on", "product_id", "kind", "amount"], orient="row",
    ).filter(pl.col("starts_on") <= until)  # fmt: skip
    whole = days.group_by("starts_on").agg(pl.col("amount").sum()).sort("starts_on")
    parts = [whole.with_columns(grain=pl.lit("day"), country=pl.lit("France"), orders=pl.lit(5))]
    for grain, every in (("week", "1w"), ("month", "1mo")):
        steps = days.with_columns(pl.col("starts_on").dt.truncate(every), grain=pl.lit(grain))
        steps = steps.group_by("grain", "starts_on", "product_id", "kind").agg(pl.col("amount").sum())
        kind = pl.col("kind") if grain == "month" else pl.lit(None, pl.String)
        parts.append(steps.sort("starts_on", "product_id").with_columns(category=kind).drop("kind"))
    table = pl.concat([*parts, told(*known)], how="diagonal")
    return table.with_columns(holiday_country=pl.lit(None, pl.String))


def steps_of_goods(rows, level, name, grain, first):
    found = rows.filter(
        (pl.col("grain") == grain) & (pl.col("starts_on") == first) & (pl.col("measure") == "amount"),
        (pl.col("level") == level) & (pl.col("series") == name),
    )
    return float(found["mean"].item())


def test_an_event_of_a_category_is_foretold_of_it_and_of_its_products():
    """Three of the seven days of a week are doubled, four of the 31 of December."""
    seen = date(2021, 11, 30)
    with_it, without = (sales.compute(goods(*some, until=seen), [AS_OF]) for some in (MUGS_FAIR, []))
    came = goods()
    for grain, first, within in (("week", date(2021, 12, 6), 0.12), ("month", date(2021, 12, 1), 0.06)):
        for level, name, products in (
            ("category", "Mugs", ["M1", "M2"]),
            ("product", "M1", ["M1"]),
        ):
            actual = came.filter(
                (pl.col("grain") == grain) & (pl.col("starts_on") == first),
                pl.col("product_id").is_in(products),
            )["amount"].sum()
            errors = [
                abs(steps_of_goods(found, level, name, grain, first) / actual - 1)
                for found in (with_it, without)
            ]
            assert errors[0] < within, (grain, name)
            assert errors[0] < errors[1] / 2, (grain, name)


def test_an_event_of_a_category_moves_no_other_series():
    """Before parts and wholes are made to agree: then the total follows its parts, as it does without events."""
    rows = goods(*MUGS_FAIR, until=date(2021, 11, 30))
    events = origins.events_of(rows)
    finer = {}
    for grain in ("day", "week", "month"):
        one = origins.Asked.of(
            origins.steps_of(rows, grain, date(2021, 12, 1)), AS_OF, date(2021, 12, 1), None, events, finer
        )
        finer[grain] = one
        is_mugs = [node.name in {"Mugs", "M1", "M2", "Rest of Mugs"} for node in one.nodes]
        others = ~np.array(is_mugs)
        assert (one.lift[others] == 1).all()
        assert (one.past[others] == 1).all()
        if grain != "day":
            assert any(is_mugs)
            assert (one.lift[~others] == one.lift[~others][0]).all()
    weeks, months = finer["week"], finer["month"]
    mugs = [node.name for node in weeks.nodes].index("Mugs")
    ahead = dict(zip(weeks.ahead, weeks.lift[mugs], strict=True))
    assert ahead[date(2021, 12, 6)] == pytest.approx(1 + 3 / 7, rel=0.1)
    assert ahead[date(2021, 12, 13)] == pytest.approx(1 + 1 / 7, rel=0.1)
    assert {lift for day, lift in ahead.items() if day not in {date(2021, 12, 6), date(2021, 12, 13)}} == {
        1.0
    }
    mugs = [node.name for node in months.nodes].index("Mugs")
    assert months.lift[mugs] == pytest.approx([1 + 4 / 31, 1, 1], rel=0.03)


def test_an_event_of_a_category_that_never_sold_does_nothing_and_of_one_that_is_not_is_told():
    known = goods(until=date(2021, 11, 30))
    never = sales.compute(
        goods(("Sale", *FAIRS[1], "All", "Bags"), until=date(2021, 11, 30)).filter(
            (pl.col("product_id") != "B1") | pl.col("product_id").is_null()
        ),
        [AS_OF],
    )
    plain = sales.compute(
        known.filter((pl.col("product_id") != "B1") | pl.col("product_id").is_null()), [AS_OF]
    )
    assert never.equals(plain)
    misspelt = goods(("Sale", *FAIRS[1], "All", "Mugz"), until=date(2021, 11, 30))
    with pytest.raises(
        TillageError,
        match=r"The event Sale in seeds/events\.csv is of the category Mugz, and there is none of that name\. "
        r"Write it as seeds/categories\.csv does",
    ):
        sales.compute(misspelt, [AS_OF])


def marked(rows, months):
    """Days of France that are marked as anomalies."""
    found = anomalies.compute(rows, months).filter("is_anomaly")
    assert found.filter(pl.col("grain") == "week").is_empty()
    return set(found.filter((pl.col("series") == "France") & (pl.col("measure") == "amount"))["starts_on"])


def test_a_known_fair_is_no_anomaly_and_what_happens_on_another_day_is_one():
    """Who entered the fair in the seed is not to be woken by it, and is to be by a day that went wrong."""
    months = [date(2021, month, 1) for month in range(3, 13)]
    fair_days = {a + timedelta(days=at) for a, _ in FAIRS for at in range(4)}
    assert fair_days & marked(shop(events=False), months)
    assert marked(shop(), months) == set()
    odd, good = date(2021, 8, 18), date(2021, 11, 3)
    is_france = pl.col("country") == "France"
    planted = shop().with_columns(
        amount=pl.when(is_france & (pl.col("starts_on") == odd))
        .then(pl.col("amount") * 0.3)
        .when(is_france & (pl.col("starts_on") == good))
        .then(pl.col("amount") * 2.5)
        .otherwise(pl.col("amount"))
    )
    assert marked(planted, months) == {odd, good}


def test_what_is_expected_of_a_known_fair_is_what_it_does():
    found = anomalies.compute(shop(), [AS_OF, date(2021, 9, 1)]).filter(
        (pl.col("series") == "France") & (pl.col("measure") == "amount") & (pl.col("grain") == "day")
    )
    fair = found.filter(pl.col("starts_on").is_between(*FAIRS[2]))
    assert fair.height == 4
    beside = pl.when(pl.col("starts_on").dt.weekday() == 5).then(360.0).otherwise(300.0)
    ratio = fair.select((pl.col("expected") / beside).mean()).item()
    assert ratio == pytest.approx(2.0, rel=0.1)


def test_weeks_of_a_category_that_has_a_known_event_are_no_anomaly():
    """Its own weeks are compared as it moved them; those of others as shares of weeks without it."""
    months = [date(2021, month, 1) for month in range(4, 13)]

    def weeks(*known):
        found = anomalies.compute(goods(*known), months)
        return found.filter("is_anomaly").filter(pl.col("grain") == "week")

    assert set(weeks()["series"]) >= {"Mugs"}
    assert weeks(*MUGS_FAIR).is_empty()
