"""What was wanted in weeks and months, against a plain loop."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.demand.history import bridged, history

FIRST = date(2022, 1, 5)
NONE = pl.DataFrame(schema={"product_id": pl.String, "first_day": pl.Date, "last_day": pl.Date})
Rows = Callable[..., pl.DataFrame]
Days = Callable[[date, int], list[date]]


@pytest.mark.parametrize("grain", ["week", "month"])
def test_steps_agree_with_a_plain_loop(demand_rows: Rows, days: Days, grain: str) -> None:
    draw = np.random.default_rng(1)
    sales = [
        (day, f"{draw.integers(4)}", int(draw.integers(1, 9))) for day in days(FIRST, 150) for _ in range(2)
    ]
    returns = [(day, f"{draw.integers(4)}", 5) for day in days(FIRST, 150)[::7]]
    out = {("1", date(2022, 2, 1), date(2022, 2, 4)), ("1", date(2022, 4, 1), date(2022, 4, 28))}
    rows = demand_rows(sales, returns=returns).filter(pl.col("what") == "sold")
    spells = pl.DataFrame(list(out), ["product_id", "first_day", "last_day"], orient="row")
    found = history(rows, spells, FIRST + timedelta(days=150), grain)
    begins = {
        day: day - timedelta(days=day.weekday()) if grain == "week" else day.replace(day=1)
        for day in days(FIRST, 160)
    }
    for row, product in enumerate(found.products):
        for step, start in enumerate(found.starts):
            end = (*found.starts, found.following)[step + 1]
            inside = days(start, (end - start).days)
            net = sum(u for day, p, u in sales if p == product and begins[day] == start)
            net -= sum(u for day, p, u in returns if p == product and begins[day] == start)
            gone = sum(any(p == product and a <= day <= b for p, a, b in out) for day in inside) / len(inside)
            if gone < 0.5:
                assert found.units[row, step] == pytest.approx(max(net, 0) / (1 - gone))
            else:
                assert found.is_untold[row, step]
    assert found.is_untold.sum() == (5 if grain == "week" else 1)


def test_a_step_out_of_stock_is_bridged_and_marked(demand_rows: Rows, days: Days) -> None:
    """Zero sales of an empty shelf would be learned as nobody wanting it."""
    sales = [(day, "A", 2) for day in days(date(2022, 1, 1), 365) if day.month != 6]
    sales += [(day, "B", 1) for day in days(date(2022, 1, 1), 365)]
    out = pl.DataFrame(
        {"product_id": ["A"], "first_day": [date(2022, 6, 1)], "last_day": [date(2022, 6, 30)]}
    )
    rows = demand_rows(sales).filter(pl.col("what") == "sold")
    plain, marked = (history(rows, spells, date(2023, 1, 1), "month") for spells in (NONE, out))
    assert plain.units[0, 5] == 0
    assert marked.units[0, 5] == pytest.approx(62)
    assert marked.is_untold[0].nonzero()[0].tolist() == [5]


def test_an_order_that_was_cancelled_is_no_demand(demand_rows: Rows, days: Days) -> None:
    """80,995 paper birds, sold and cancelled within minutes."""
    sales = [(day, "A", 2) for day in days(date(2022, 1, 1), 90)] + [(date(2022, 2, 9), "A", 80_995)]
    rows = demand_rows(sales, returns=[(date(2022, 2, 9), "A", 80_995), (date(2022, 3, 1), "A", 900)])
    found = history(rows.filter(pl.col("what") == "sold"), NONE, date(2022, 4, 1), "month")
    assert found.units[0].tolist() == [62, 56, 0]


def test_a_month_is_whole_if_one_of_its_last_days_has_a_sale(demand_rows: Rows, days: Days) -> None:
    """The shop may be closed on its last day; and half a month is not a bad one."""
    rows = demand_rows([(day, "A", 1) for day in days(date(2022, 1, 1), 120)]).filter(
        pl.col("what") == "sold"
    )
    for until, whole in (
        (date(2022, 4, 30), 4),
        (date(2022, 4, 29), 4),
        (date(2022, 4, 28), 3),
        (date(2022, 4, 2), 3),
    ):
        assert len(history(rows, NONE, until, "month").starts) == whole


def test_holes_are_bridged_by_a_line_and_at_the_ends_by_the_nearest() -> None:
    none = np.nan
    found = bridged(np.array([[none, 1.0, none, none, 4.0, none], [none] * 6, [2.0] * 6]))
    assert found.tolist() == [[1, 1, 2, 3, 4, 4], [0] * 6, [2] * 6]
