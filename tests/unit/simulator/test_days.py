from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from simulator import days
from simulator.parameters import PRESETS

DEFAULT = PRESETS["default"]
FIRST = date(2022, 1, 1)


def test_months_follow_each_other_without_a_gap():
    found = days.months(date(2023, 11, 1), 5)
    assert [month.label for month in found] == ["2023-11", "2023-12", "2024-01", "2024-02", "2024-03"]
    assert [month.days for month in found] == [30, 31, 31, 29, 31]
    assert all(month.stop == following.start for month, following in pairwise(found))


@pytest.mark.parametrize(
    ("year", "sunday"),
    [(1961, (4, 2)), (2000, (4, 23)), (2008, (3, 23)), (2011, (4, 24)), (2024, (3, 31)), (2038, (4, 25))],
)
def test_easter_falls_where_the_church_puts_it(year, sunday):
    assert days.easter(year) == date(year, *sunday)


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        # As published by the British government, the royal one-offs of 2022 and 2023 apart.
        (2021, ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-25", "12-26", "12-27", "12-28"]),
        (2023, ["01-01", "01-02", "04-07", "04-10", "05-01", "05-29", "08-28", "12-25", "12-26"]),
        (2024, ["01-01", "03-29", "04-01", "05-06", "05-27", "08-26", "12-25", "12-26"]),
        (2026, ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-26", "12-28"]),
    ],
)
def test_holidays_are_those_of_england_with_their_substitutes(year, expected):
    assert sorted(f"{day:%m-%d}" for day in days.holidays(year)) == expected


def test_the_shop_is_closed_on_saturdays_and_holidays_alone():
    is_open = days.open_days(FIRST, 0, 730, DEFAULT)
    for number, found in enumerate(is_open):
        day = FIRST + timedelta(days=number)
        assert found == (day.weekday() != 5 and day not in days.holidays(day.year))


def test_the_season_tops_at_the_end_of_november():
    season = days.season(FIRST, 0, 365, DEFAULT.season_top)
    assert FIRST + timedelta(days=int(season.argmax())) == date(2022, 11, 30)
    assert season.max() <= 1
    assert season.min() >= -1


def test_a_day_is_as_busy_whenever_the_question_begins():
    """Months are asked for one by one, and must join."""
    whole = days.intensities(FIRST, 0, 120, DEFAULT)
    assert np.array_equal(days.intensities(FIRST, 59, 90, DEFAULT), whole[:, 59:90])


def test_seasonal_customers_come_25_times_as_often_before_christmas():
    names = [segment.name for segment in DEFAULT.segments]
    loyal, seasonal = (
        days.intensities(FIRST, 0, 730, DEFAULT)[names.index(n)] for n in ("loyal", "seasonal")
    )
    months = np.array([(FIRST + timedelta(days=day)).month for day in range(730)])
    open_ = loyal > 0
    ratio = seasonal[open_] / loyal[open_]
    assert np.allclose(ratio[months[open_] >= 11], 5.0)
    assert np.allclose(ratio[months[open_] < 11], 0.2)


def test_visits_a_year_are_close_to_the_mean_and_grow_by_the_trend():
    """Holidays are not made up for, so the mean stays a little below one."""
    loyal = days.intensities(FIRST, 0, 731 + 365, DEFAULT)[0]
    first, second = loyal[:365].mean(), loyal[365:730].mean()
    assert 0.95 < first / 1.03 < 1.0
    assert abs(second / first - 1.06) < 0.015


def test_bgnbd_days_are_all_alike():
    assert np.allclose(days.intensities(FIRST, 0, 400, PRESETS["bgnbd"]), 1)
