"""How numbers of things are said."""

from datetime import date

import pytest

from warehouse.plan import month_range
from warehouse.words import span

YEARS = month_range(date(2010, 11, 1), date(2012, 2, 1))


@pytest.mark.parametrize(
    ("months", "told"),
    [
        ([], "all"),
        ([None], "all"),
        ([date(2011, 3, 1)], "2011-03"),
        (YEARS, "2010-11 to 2012-02"),
        ([YEARS[3], None, YEARS[2], YEARS[0]], "2010-11, 2011-01 to 2011-02"),
        (YEARS[::2], "2010-11, 2011-01, 2011-03, 2011-05, 2011-07, 2011-09 and 2 more"),
    ],
)
def test_months_are_told_by_the_ends_of_their_runs(months: list[date | None], told: str) -> None:
    assert span(months) == told
