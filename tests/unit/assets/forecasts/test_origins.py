"""Series of a shop as of many months: closed days, steps that are not whole, and which products speak for themselves."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.days import first_days_ahead, seen_months
from assets.forecasts import anomalies, library, origins, rivals, sales
from assets.forecasts.origins import OWN, PANEL, seen
from assets.forecasts.smoothing import Ahead

FIRST, LAST = date(2021, 1, 1), date(2022, 12, 14)
DAYS = pl.date_range(FIRST, LAST, "1d", eager=True).to_list()
WEEKDAY = (100.0, 120.0, 110.0, 130.0, 150.0, 0.0, 60.0)  # closed on Saturdays


def is_closed(day):
    christmas = (day.month, day.day) >= (12, 24) or (day.month, day.day) <= (1, 3)
    return day.weekday() == 5 or christmas or day in origins.holidays_of("GB-ENG", (day.year,))


def rows(
    noise=0.0,
    seed=0,
    products=(("A", "Mugs", 0.6), ("B", "Mugs", 0.25), ("C", "Bags", 0.1), ("D", "Bags", 0.05)),
):
    rng = np.random.default_rng(seed)
    days = pl.DataFrame({"day": [day for day in DAYS if not is_closed(day)]})
    amount = [WEEKDAY[day.weekday()] * (1 + noise * rng.normal()) for day in days["day"]]
    days = days.with_columns(amount=pl.Series(amount).round(2))
    countries = [
        days.select(grain=pl.lit("day"), starts_on="day", country=pl.lit(name), orders=pl.lit(2, pl.Int64),
                    amount=pl.col("amount") * share)
        for name, share in (("EIRE", 0.75), ("France", 0.25))
    ]  # fmt: skip
    goods = [
        days.group_by(grain=pl.lit(grain), starts_on=pl.col("day").dt.truncate(every))
        .agg(amount=pl.col("amount").sum() * share)
        .with_columns(
            product_id=pl.lit(name), category=pl.lit(category if grain == "month" else None, pl.String)
        )
        for name, category, share in products
        for grain, every in (("week", "1w"), ("month", "1mo"))
    ]
    return pl.concat([*countries, *goods], how="diagonal").with_columns(holiday_country=pl.lit("GB-ENG"))


def looked_at(given, country="GB-ENG"):
    days = given.filter(pl.col("grain") == "day").select(day="starts_on")
    return seen(given, first_days_ahead(days, seen_months(days)), country)


@pytest.fixture(scope="module")
def shop():
    return looked_at(rows())


@pytest.fixture(scope="module")
def noisy():
    return looked_at(rows(noise=0.2))


def place(one, level, name, measure="amount"):
    return [(n.measure, n.level, n.name) for n in one.nodes].index((measure, level, name))


def test_closed_weekdays_holidays_and_christmas_are_foretold_as_closed(shop):
    one = shop[date(2022, 11, 1), "day"]
    mean = dict(zip(one.ahead, one.means[PANEL.index("median"), 0], strict=True))
    assert one.ahead[0] == date(2022, 12, 1)
    for day, expected in mean.items():
        if is_closed(day):
            assert expected == 0
        else:
            assert expected == pytest.approx(WEEKDAY[day.weekday()], rel=0.02)
    spring = shop[date(2022, 3, 1), "day"]
    easter = dict(zip(spring.ahead, spring.means[PANEL.index("median"), 0], strict=True))
    assert [day for day in (date(2022, 4, 15), date(2022, 4, 18), date(2022, 4, 14)) if easter[day] == 0] == [
        date(2022, 4, 15), date(2022, 4, 18),
    ]  # fmt: skip


def test_an_unknown_country_has_no_holidays_and_christmas_is_learned_all_the_same():
    one = looked_at(rows(), country="Narnia")[date(2022, 11, 1), "day"]
    mean = dict(zip(one.ahead, one.means[PANEL.index("median"), 0], strict=True))
    assert mean[date(2022, 12, 25)] == mean[date(2023, 1, 2)] == 0
    assert mean[date(2022, 12, 21)] > 90


def test_a_holiday_that_moved_does_not_close_its_date_a_year_later():
    """28 December 2021 made up for a Boxing Day on a Sunday; a year later it is a day like any other.

    Foretold as 0 it would be the largest error of the year.
    """
    free = origins.holidays_of("GB-ENG", (2021, 2022, 2023))
    assert date(2021, 12, 28) in free
    assert date(2022, 12, 28) not in free
    days = [day for day in DAYS if day.weekday() != 5 and day not in free]
    given = pl.DataFrame({"starts_on": days}).with_columns(
        grain=pl.lit("day"), country=pl.lit("EIRE"), orders=pl.lit(2, pl.Int64), amount=pl.lit(100.0),
        product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String),
    )  # fmt: skip
    one = looked_at(given)[date(2022, 11, 1), "day"]
    mean = dict(zip(one.ahead, one.means[PANEL.index("median"), 0], strict=True))
    closed = {day for day, expected in mean.items() if expected == 0}
    assert closed == {day for day in one.ahead if day.weekday() == 5 or day in free}
    assert {date(2022, 12, 26), date(2022, 12, 27), date(2023, 1, 2)} <= closed


@pytest.mark.parametrize("lost", [date(2021, 12, 20), date(2022, 1, 6)])
def test_a_day_that_was_lost_in_december_closes_no_day_a_year_later(shop, lost):
    """A file that lacks a day beside no holiday is not a shop that closes: foretold as 0 it was wrong by 14 times the noise."""
    given = rows().filter((pl.col("grain") != "day") | (pl.col("starts_on") != lost))
    found, plain = (
        one[date(2022, 11, 1), "day"].means[PANEL.index("median"), 0] for one in (looked_at(given), shop)
    )
    assert list(found == 0) == list(plain == 0)


def test_months_and_weeks_that_are_not_whole_are_not_trained_on(shop):
    """The half of December that was seen would foretell half a January."""
    one = shop[date(2022, 12, 1), "month"]
    assert one.ahead[0] == date(2022, 12, 1)
    assert np.isnan(one.came[:, 0]).all()
    whole = 110.0 * 20
    assert one.means[PANEL.index("naive"), 0, 0] > whole
    week = shop[date(2022, 12, 1), "week"]
    assert week.ahead[0] == date(2022, 12, 12)
    assert week.means[PANEL.index("naive"), 0, 0] == pytest.approx(sum(WEEKDAY), abs=0.1)


# Months that end on a Saturday, and on the Monday of a bank holiday after a Sunday that is open, and the first steps ahead.
CLOSED_ENDS = [
    (date(2022, 4, 1), {"day": date(2022, 5, 1), "week": date(2022, 4, 25), "month": date(2022, 5, 1)}),
    (date(2021, 5, 1), {"day": date(2021, 6, 1), "week": date(2021, 5, 31), "month": date(2021, 6, 1)}),
]


def of_libraries(given):
    return given.with_columns(library=pl.lit("MSTL"), library_countries=pl.lit(1))


@pytest.mark.parametrize(("as_of", "first"), CLOSED_ENDS)
def test_a_month_whose_last_day_is_closed_is_whole(as_of, first, monkeypatch):
    """Late rows change nothing of it, and models of libraries speak of the same steps."""

    def run(name, values, period, steps, stamps, country=None):
        return Ahead(np.full((1, steps), 7.0), np.ones((1, steps)))

    monkeypatch.setattr(library, "run", run)
    given = rows(noise=0.2)
    then = given.filter(pl.col("starts_on") < sales.before(as_of, -1))
    of_all, of_then = (sales.compute(known, [as_of]) for known in (given, then))
    for known, found in ((given, of_all), (then, of_then)):
        rival = rivals.compute(of_libraries(known), [as_of])
        for grain, start in first.items():
            # Of five months models of libraries are not asked.
            is_asked = grain != "month" or as_of.year > 2021
            for table in (found, rival) if is_asked else (found,):
                steps = table.filter(grain=grain, level="total", measure="amount").sort("step")["starts_on"]
                assert (steps[0], len(steps), steps.is_unique().all()) == (start, origins.STEPS[grain], True)
                assert steps.is_sorted()
    assert_frame_equal(of_then, of_all)
    assert_frame_equal(anomalies.compute(then, [as_of]), anomalies.compute(given, [as_of]))


@pytest.mark.parametrize(("as_of", "first"), CLOSED_ENDS)
def test_a_month_whose_last_day_is_closed_says_something_else_than_the_one_before(as_of, first):
    month_before = sales.before(as_of, 1)
    found = sales.compute(rows(noise=0.2), [month_before, as_of])
    found = found.filter(grain="month", level="total", measure="amount")
    then, now = (found.filter(as_of=month).drop("as_of").sort("step") for month in (month_before, as_of))
    assert (now["starts_on"] > then["starts_on"]).all()
    both = now.join(then, on="starts_on", suffix="_then")
    assert both.height == 2
    assert (both["mean"] != both["mean_then"]).all()


@pytest.mark.parametrize(("as_of", "first"), CLOSED_ENDS)
def test_the_months_before_are_judged_by_its_closed_days(shop, as_of, first):
    """They came with its end: the closed day with nothing sold, and the month as a whole."""
    day, month = (shop[sales.before(as_of, 1), grain] for grain in ("day", "month"))
    at = day.ahead.index(first["month"] - timedelta(days=1))
    assert day.known_by[at] == month.known_by[0] == as_of
    assert (day.came[:, at] == 0).all()
    assert np.isfinite(month.came[:, 0]).all()
    assert day.known_by[at + 1] == sales.before(as_of, -1)


def test_a_file_that_stops_a_week_early_makes_no_whole_month():
    given = rows(noise=0.2).filter(pl.col("starts_on") < date(2022, 4, 23))
    found = sales.compute(given, [date(2022, 4, 1)]).filter(level="total", measure="amount", step=1)
    assert dict(found.select("grain", "starts_on").iter_rows()) == {
        "day": date(2022, 4, 23), "week": date(2022, 4, 18), "month": date(2022, 4, 1),
    }  # fmt: skip


def test_steps_come_when_they_have_ended(shop):
    one = shop[date(2022, 9, 1), "month"]
    assert one.known_by == (date(2022, 10, 1), date(2022, 11, 1), None)
    week = shop[date(2022, 11, 1), "week"]
    assert week.ahead[0] == date(2022, 11, 28)
    assert week.known_by[:3] == (date(2022, 12, 1), date(2022, 12, 1), None)


def test_products_that_make_up_four_fifths_speak_for_themselves_and_the_rest_by_category(shop):
    one = shop[date(2022, 11, 1), "month"]
    found = {
        (node.level, node.name, one.nodes[node.parent].name, node.is_rest)
        for node in one.nodes
        if node.parent is not None
    }
    assert {node for node in found if node[0] != "country"} == {
        ("category", "Mugs", "All", False), ("category", "Bags", "All", False),
        ("product", "A", "Mugs", False), ("product", "B", "Mugs", False), ("product", "Rest of Bags", "Bags", True),
    }  # fmt: skip


def test_series_of_wholes_are_the_sums_of_their_parts(shop):
    for (_, grain), one in shop.items():
        naive = one.means[PANEL.index("naive")]
        for kind in ("country", "category") if grain != "day" else ("country",):
            parts = [
                row for row, node in enumerate(one.nodes) if node.level == kind and node.measure == "amount"
            ]
            assert naive[parts].sum(axis=0) == pytest.approx(naive[0], rel=1e-3)


def test_the_scale_is_the_mean_error_of_seasonal_naive(shop, noisy):
    one = noisy[date(2021, 6, 1), "day"]
    days = [day for day in DAYS if date(2021, 1, 4) <= day < date(2021, 7, 1)]  # from the first sale on
    given = rows(noise=0.2).filter(pl.col("grain") == "day").group_by("starts_on").agg(pl.col("amount").sum())
    amount = dict(given.iter_rows())
    past = [amount.get(day, 0.0) for day in days]
    expected = np.mean([abs(past[k] - past[k - 7]) for k in range(7, len(past))])
    assert one.scale[0] == pytest.approx(expected, rel=1e-4)
    assert shop[date(2021, 6, 1), "day"].scale[0] < one.scale[0]


def test_too_little_is_said():
    given = rows().filter(pl.col("starts_on") < date(2021, 3, 1))
    one = looked_at(given)[date(2021, 2, 1), "month"]
    assert set(one.reasons) == {"2 observations are too few to fit anything"}
    assert np.isfinite(one.means[: PANEL.index(origins.HARMONIC)]).all()
    assert np.isnan(one.means[len(OWN) :]).all()


def test_a_model_that_gives_no_number_is_marked_and_naive_stands_in(monkeypatch):
    broken = {**origins.models.MODELS, "Theta": lambda y, _, h, __: np.full((len(y), h), np.nan)}
    monkeypatch.setattr(origins.models, "MODELS", broken)
    one = looked_at(rows())[date(2022, 6, 1), "month"]
    assert one.failed[PANEL.index("Theta")].all()
    assert {PANEL[row] for row in np.flatnonzero(one.failed.any(axis=1))} == {
        "Theta",
        "median",
        origins.YEARLY,
    }
    assert one.means[PANEL.index("Theta")] == pytest.approx(one.means[PANEL.index("naive")])


def test_the_regression_on_the_year_speaks_of_days_once_a_year_is_known(shop):
    spoken = {
        (as_of, grain): np.isfinite(one.means[PANEL.index(origins.HARMONIC)]).all()
        for (as_of, grain), one in shop.items()
    }
    assert {as_of for (as_of, grain), has in spoken.items() if has and grain == "day"} == {
        date(2022, month, 1) for month in range(1, 13)
    }
    assert not any(has for (_, grain), has in spoken.items() if grain != "day")


def test_a_season_that_begins_with_a_month_is_foretold_to_the_day():
    """Days and months of a shop that closes on Saturdays and holidays are not mixed up."""
    busy = pl.when(pl.col("starts_on").dt.month() >= 11).then(1.5).otherwise(1.0)
    given = rows(noise=0.1).filter(pl.col("grain") == "day").with_columns(amount=pl.col("amount") * busy)
    given = given.with_columns(product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String))
    month = date(2022, 9, 1)
    one = seen(given, first_days_ahead(given.select(day="starts_on"), [month]), "GB-ENG")[month, "day"]
    mean = dict(zip(one.ahead, one.means[PANEL.index(origins.HARMONIC), 0], strict=True))
    of_week = [
        mean[date(2022, 10, day)] / WEEKDAY[date(2022, 10, day).weekday()] for day in (25, 26, 27, 28, 30, 31)
    ]
    after = [mean[date(2022, 11, day)] / WEEKDAY[date(2022, 11, day).weekday()] for day in (1, 2, 3, 4, 6, 7)]
    assert np.mean(after) / np.mean(of_week) == pytest.approx(1.5, rel=0.1)


def test_the_regression_counts_four_times_for_each_year_that_it_saw_beside_the_median(noisy):
    for as_of, years in ((date(2022, 1, 1), 1 + 27 / 365.2425), (date(2022, 11, 1), 1 + 330 / 365.2425)):
        means = noisy[as_of, "day"].means
        regression, median, both = (
            means[PANEL.index(name)] for name in (origins.HARMONIC, "median", origins.COMBINED)
        )
        assert both == pytest.approx((4 * years * regression + median) / (4 * years + 1), rel=2e-3)
        assert np.abs(regression - median).max() > 1


def test_the_regression_on_the_year_is_not_served_alone_before_it_was_judged():
    """As of January it speaks for the first time: nothing has yet shown that it beats seasonal naive."""
    found = sales.compute(rows(noise=0.2), [date(2022, 1, 1)])
    served = found.filter(pl.col("grain") == "day")["model"].unique().to_list()
    assert served
    assert origins.HARMONIC not in served


TOO_FEW = "3 observations are too few to fit anything"
NOTHING = "nothing was sold"


@pytest.mark.parametrize(
    ("name", "amounts", "reason"),
    [
        ("three days", [5.0, 7.0, 6.0], TOO_FEW),
        ("constant", [50.0] * 60, None),
        ("gaps", [50.0 + day % 5 if day % 3 else None for day in range(60)], None),
        ("ended long ago", [*(50.0 + day % 5 for day in range(40)), *[None] * 200], None),
        ("a thousandfold", [*(50.0 + day % 5 for day in range(50)), *(50_000.0 + day % 5 for day in range(10))], None),
        ("one day", [5.0], "1 observations are too few to fit anything"),
        ("longer horizon", [50.0 + day % 5 for day in range(30)], None),
        ("returns outweigh sales", [0.0] * 30, "nothing was sold in 30 days"),
        ("negative net days", [-30.0 if day % 4 == 1 else 50.0 for day in range(60)], None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", ["GB-ENG", "Atlantis"])
def test_bad_input_has_rows_that_say_what_stood_in_and_why_and_never_a_hole(name, amounts, reason, country):
    """A country of that kind beside one that always sells: amounts are of sale lines, so a net day below 0 is one of 0."""
    days = [date(2021, 1, 4) + timedelta(days=at) for at in range(len(amounts))]
    other = [day for day in days if name not in {"three days", "one day"}]
    table = pl.DataFrame(
        {
            "grain": "day",
            "starts_on": [*days, *other],
            "country": ["Odd"] * len(days) + ["Even"] * len(other),
            "orders": [int(amount is not None) for amount in amounts] + [3] * len(other),
            "amount": [*(amount or 0.0 for amount in amounts), *[100.0 + day.day % 7 for day in other]],
            "holiday_country": country,
        }
    ).with_columns(product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String))
    last = days[-1].replace(day=1)
    found = sales.compute(table, [last])
    odd = found.filter(
        (pl.col("series") == "Odd") & (pl.col("grain") == "day") & (pl.col("measure") == "amount")
    )
    numbers = found.select(pl.col(pl.Float64))
    assert numbers.null_count().sum_horizontal().item() == 0
    assert numbers.select(pl.all().is_finite().all()).row(0) == (True,) * numbers.width
    assert odd.height == 90
    assert set(odd["reason"]) == {reason}
    assert reason is None or set(odd["model"]) == {"naive"}
    assert odd.select(
        ((pl.col("lo_95") <= pl.col("lo_80")) & (pl.col("hi_80") <= pl.col("hi_95"))).all()
    ).item()
    assert odd["mean"].max() <= 2 * max(amount or 0.0 for amount in amounts) + 1e-6
    assert found.filter(pl.col("level") == "total")["grain"].n_unique() >= 1


def goods_beside(amounts, grain, country=None):
    """A shop of two products a category each: one sells every day, Odd once in each step (None for a step without)."""
    starts = [date(2019, 1, 7) + timedelta(weeks=at) for at in range(len(amounts))]
    if grain == "month":
        starts = [date(2019 + at // 12, at % 12 + 1, 1) for at in range(len(amounts))]
    after = starts[-1] + timedelta(days=7) if grain == "week" else sales.before(starts[-1], -1)
    every = pl.date_range(starts[0], after - timedelta(days=1), "1d", eager=True)
    odd = pl.DataFrame(
        {"day": [start + timedelta(days=2) for start in starts], "amount": amounts}
    ).drop_nulls()
    both = pl.concat(
        [
            pl.DataFrame({"day": every, "amount": [100.0 + day.day % 7 for day in every]}).with_columns(
                name=pl.lit("Even")
            ),
            odd.with_columns(name=pl.lit("Odd")),
        ],
        how="diagonal_relaxed",
    )
    days = both.group_by(starts_on="day").agg(pl.col("amount").sum()).sort("starts_on")
    parts = [days.with_columns(grain=pl.lit("day"), country=pl.lit("EIRE"), orders=pl.lit(3))]
    for name, step in (("week", "1w"), ("month", "1mo")):
        table = both.group_by(product_id="name", starts_on=pl.col("day").dt.truncate(step)).agg(
            pl.col("amount").sum()
        )
        kind = pl.col("product_id") + "s" if name == "month" else pl.lit(None, pl.String)
        parts.append(table.sort("starts_on", "product_id").with_columns(grain=pl.lit(name), category=kind))
    found = pl.concat(parts, how="diagonal")
    return found.with_columns(holiday_country=pl.lit(country, pl.String)), (
        after - timedelta(days=1)
    ).replace(day=1)


# Neither country has holidays that are known: a case need not be tried with both in both grains.
@pytest.mark.parametrize(("grain", "country"), [("week", "Atlantis"), ("month", None)])
@pytest.mark.parametrize(
    ("name", "amounts", "reason"),
    [
        ("three steps", [50.0, 70.0, 60.0], TOO_FEW),
        ("one step", [50.0], "1 observations are too few to fit anything"),
        ("three of many", [*[None] * 20, 50.0, 70.0, 60.0], TOO_FEW),
        ("constant", [50.0] * 24, None),
        ("gaps", [50.0 + at % 5 if at % 3 else None for at in range(24)], None),
        ("zeros throughout", [0.0] * 24, NOTHING),
        ("ended long ago", [*(50.0 + at % 5 for at in range(10)), *[None] * 14], None),
        ("a thousandfold", [*(50.0 + at % 5 for at in range(20)), *(50_000.0 + at % 5 for at in range(4))], None),
        ("longer horizon", [50.0 + at % 5 for at in range(4)], None),
        ("negative net steps", [-30.0 if at % 4 == 1 else 50.0 for at in range(24)], None),
        ("negative throughout", [-30.0] * 24, NOTHING),
    ],
)  # fmt: skip
def test_bad_input_of_products_by_week_and_month_has_rows_that_say_what_stood_in_and_why(
    name, amounts, reason, grain, country
):
    """A product, and its category, beside those that always sell; core gives no net amounts, and below 0 does no harm."""
    table, last = goods_beside(amounts, grain, country)
    found = sales.compute(table, [last])
    numbers = found.select(pl.col(pl.Float64))
    assert numbers.null_count().sum_horizontal().item() == 0
    assert numbers.select(pl.all().is_finite().all()).row(0) == (True,) * numbers.width
    assert found["mean"].min() >= 0
    assert found.select(
        ((pl.col("lo_95") <= pl.col("lo_80")) & (pl.col("hi_80") <= pl.col("hi_95"))).all()
    ).item()
    odd = found.filter((pl.col("grain") == grain) & pl.col("series").is_in(["Odd", "Odds", "Rest of Odds"]))
    assert odd.group_by("level").len().sort("level").rows() == [
        ("category", {"week": 13, "month": 3}[grain]),
        ("product", {"week": 13, "month": 3}[grain]),
    ]
    assert set(odd["reason"]) == {reason if reason != NOTHING else f"{NOTHING} in 24 {grain}s"}
    assert set(odd["model"]) <= set(PANEL)
    assert reason is None or set(odd["model"]) == {"naive"}
    assert odd["mean"].max() <= 2 * max(0.0, *(amount or 0.0 for amount in amounts)) + 1e-6
    total = found.filter(
        (pl.col("grain") == grain) & (pl.col("level") == "total") & (pl.col("measure") == "amount")
    )
    assert total.height == {"week": 13, "month": 3}[grain]


def test_what_ended_more_than_a_window_ago_says_so_and_what_comes_later_is_not_known_yet():
    """A country without a row is one that nobody looked at; one that is first sold to in a year is a secret."""
    days = [date(2021, 1, 4) + timedelta(days=at) for at in range(700)]
    parts = (("Even", days), ("Gone", days[:100]), ("Late", days[650:]))
    table = pl.concat(
        [
            pl.DataFrame({"starts_on": some, "country": name, "amount": [50.0 + day.day % 7 for day in some]})
            for name, some in parts
        ]
    ).with_columns(
        grain=pl.lit("day"), orders=pl.lit(1), holiday_country=pl.lit(None, pl.String),
        product_id=pl.lit(None, pl.String), category=pl.lit(None, pl.String),
    )  # fmt: skip
    found = sales.compute(table, [date(2022, 9, 1)]).filter(
        (pl.col("grain") == "day") & (pl.col("measure") == "amount")
    )
    assert set(found["series"]) == {"All", "Even", "Gone"}
    gone = found.filter(pl.col("series") == "Gone")
    assert set(gone["reason"]) == {"nothing was sold in 420 days"}
    assert set(gone["mean"]) == set(gone["hi_95"]) == {0.0}


def test_intervals_widen_with_the_steps_and_say_on_how_many_errors_they_were_measured():
    """What was not measured must not look so: of too few errors, or of few forecasts that would make it narrower."""
    months = [date(2021, 1, 1), date(2021, 6, 1), date(2022, 11, 1)]
    found = sales.compute(rows(noise=0.2), months)
    of_normal = pytest.approx(1.959964 / 1.281552, rel=1e-3)
    for level, least in ((80, 9), (95, 39)):
        is_measured, is_enough = pl.col(f"is_measured_{level}"), pl.col("calibration_n") >= least
        # By the last month twelve origins, and so more than nine forecasts, have told of every series.
        is_last = pl.col("as_of") == months[-1]
        assert found.select((is_measured == is_enough).filter(is_last).all()).item()
        assert found.select((is_measured <= is_enough).all()).item()
        assert found.group_by("as_of").agg(pl.col(f"is_measured_{level}").any()).sort("as_of").rows() == [
            (months[0], False), (months[1], True), (months[2], True),
        ]  # fmt: skip
        series = ["as_of", "grain", "measure", "level", "series"]
        open_days = found.filter(pl.col(f"hi_{level}") > pl.col("mean")).sort(*series, "step")
        half = pl.col(f"hi_{level}") - pl.col("mean")
        assert open_days.select((half.diff().over(series).fill_null(0.0) >= -0.0002).all()).item()
    first = found.filter(
        pl.col("as_of") == months[0], pl.col("hi_80") > pl.col("mean"), pl.col("grain") == "day"
    )
    ratio = first.select((pl.col("hi_95") - pl.col("mean")) / (pl.col("hi_80") - pl.col("mean"))).to_series()
    assert first["calibration_n"].max() == 0
    assert ratio.to_numpy() == of_normal
    # Of the total's weeks five origins told: errors enough for 80 %, of five forecasts.
    few = found.filter(
        (pl.col("as_of") == months[1]) & (pl.col("step") == 1) & (pl.col("calibration_n") >= 9)
        & ~pl.col("is_measured_80") & ~pl.col("is_measured_95") & (pl.col("hi_80") > pl.col("mean"))
    )  # fmt: skip
    assert few.height > 0
    ratio = few.select((pl.col("hi_95") - pl.col("mean")) / (pl.col("hi_80") - pl.col("mean"))).to_series()
    assert ratio.to_numpy() == of_normal


def test_nothing_gives_nothing():
    assert seen(rows().clear(), {}, None) == {}
    later = {date(2020, 1, 1): date(2020, 1, 1) + timedelta(days=31)}
    assert seen(rows(), later, None) == {}
