"""Where the past ends for each as_of: the day after the last sale, or after the closed days that follow it."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.days import first_days_ahead, reference_days
from warehouse.plan import month_range

FIRST = date(2026, 4, 1)
MONTHS = month_range(FIRST, date(2026, 12, 1))
HOLIDAYS = (date(2026, 5, 4), date(2026, 5, 25), date(2026, 8, 31))


def sold(last: date, closed: Sequence[int] = (5,), without: Sequence[date] = HOLIDAYS) -> pl.DataFrame:
    """A shop that sells every day up to the last but on weekdays on which it is closed, and on some days."""
    every = pl.DataFrame({"day": pl.date_range(FIRST, last, "1d", eager=True)})
    return every.filter(~(pl.col("day").dt.weekday() - 1).is_in(closed), ~pl.col("day").is_in(list(without)))


def ahead(rows: pl.DataFrame, month: date) -> date:
    return first_days_ahead(rows, [month])[month]


def test_a_month_that_ends_on_a_closed_weekday_or_a_holiday_is_whole() -> None:
    """31 October is a Saturday; 31 August a Monday on which the shop is closed, after a Sunday on which it is not."""
    rows = sold(date(2026, 11, 25))
    for month, following in ((date(2026, 10, 1), date(2026, 11, 1)), (date(2026, 8, 1), date(2026, 9, 1))):
        assert reference_days(rows, [month])[month] == following - timedelta(days=1)
        assert ahead(rows, month) == following


@pytest.mark.parametrize(
    ("last", "closed", "expected"),
    [
        (date(2026, 10, 24), (5,), date(2026, 10, 24)),  # a week early
        (date(2026, 10, 29), (5,), date(2026, 10, 30)),  # a day early, and then the closed one
        (date(2026, 10, 30), (5,), date(2026, 11, 1)),
        (date(2026, 10, 30), (), date(2026, 10, 31)),  # it sells on Saturdays
        (date(2026, 5, 31), (5, 6), date(2026, 6, 1)),  # Saturday and Sunday
        (date(2026, 10, 31), (), date(2026, 11, 1)),
    ],
)
def test_a_month_that_ends_without_more_days_than_the_shop_is_closed_is_whole_and_no_other(
    last: date, closed: tuple[int, ...], expected: date
) -> None:
    assert ahead(sold(last, closed), last.replace(day=1)) == expected


def test_what_the_shop_did_once_for_a_week_is_not_usual() -> None:
    """Closed for ten days in September, a file that stops eight days early in October is not whole."""
    ten = pl.date_range(date(2026, 9, 7), date(2026, 9, 16), "1d", eager=True).to_list()
    assert ahead(sold(date(2026, 10, 23), without=ten), date(2026, 10, 1)) == date(2026, 10, 24)
    assert ahead(sold(date(2026, 10, 30), without=ten), date(2026, 10, 1)) == date(2026, 11, 1)


def test_what_it_did_more_than_eight_weeks_ago_is_not_usual() -> None:
    easter = [date(2026, 8, day) for day in range(1, 5)]
    assert ahead(sold(date(2026, 9, 27), without=easter), date(2026, 9, 1)) == date(2026, 10, 1)
    assert ahead(sold(date(2026, 10, 28), without=easter), date(2026, 10, 1)) == date(2026, 10, 29)


def test_a_shop_of_a_few_weeks_is_not_known_to_close() -> None:
    """Open since 1 April: 30 May, a Saturday, is eight weeks and more after it; 25 April is not."""
    assert ahead(sold(date(2026, 5, 29), (5, 6)), date(2026, 5, 1)) == date(2026, 6, 1)
    new = sold(date(2026, 5, 29), (5, 6)).filter(pl.col("day") > date(2026, 4, 5))
    assert ahead(new, date(2026, 5, 1)) == date(2026, 5, 30)
    few = sold(date(2026, 10, 30)).filter(pl.col("day") > date(2026, 10, 20))
    assert ahead(few, date(2026, 10, 1)) == date(2026, 10, 31)


def test_a_month_without_a_sale_knows_what_the_one_before_knew() -> None:
    rows = sold(date(2026, 10, 30))
    assert ahead(rows, date(2026, 12, 1)) == ahead(rows, date(2026, 10, 1)) == date(2026, 11, 1)
    assert first_days_ahead(rows, [date(2026, 3, 1)]) == {}
    assert first_days_ahead(rows.clear(), MONTHS) == {}
    assert first_days_ahead(rows, []) == {}


def in_a_loop(days: Sequence[date], month: date) -> date | None:
    """The rule once more, day by day, of what was there at the month's end."""
    end = month_range(month, date(2027, 2, 1))[1]
    days = [day for day in days if day < end]
    if not days:
        return None
    last = days[-1]
    end = month_range(last.replace(day=1), date(2027, 2, 1))[1]
    usual = 0
    for before, after in pairwise(days):
        run = (after - before).days - 1
        if run < 7 and after > last - timedelta(days=56):
            usual = max(usual, run)
    is_old = days[0] <= last - timedelta(days=56)
    return end if is_old and (end - last).days - 1 <= usual else last + timedelta(days=1)


@given(st.sets(st.integers(0, 270), max_size=250), st.booleans())
def test_it_is_known_at_the_time_and_never_goes_back(places: set[int], is_dense: bool) -> None:
    """Later rows change nothing; and it agrees with a plain loop."""
    some = set(range(270)) - places if is_dense else places
    days = sorted(FIRST + timedelta(days=at) for at in some)
    rows = pl.DataFrame({"day": days}, {"day": pl.Date})
    found = first_days_ahead(rows, MONTHS)
    assert list(found.values()) == sorted(found.values())
    for month in MONTHS:
        then = rows.filter(pl.col("day") < pl.lit(month).dt.offset_by("1mo"))
        assert first_days_ahead(then, [month]).get(month) == found.get(month) == in_a_loop(days, month)
