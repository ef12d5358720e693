"""What forecasts of Online Retail were worth, held against what came."""

from datetime import date
from decimal import Decimal

import pytest

from bench.blocks import block_interval

WHOLE = date(2011, 2, 1)  # before it there is less than two months to learn from


def test_the_daily_total_errs_less_than_seasonal_naive_does_in_the_past(retail):
    """The mean of the last eight same weekdays has 0.93."""
    found = dict(
        retail.execute(
            "SELECT model, sum(mase * steps) / sum(steps) FROM forecasts.backtest WHERE grain = 'day' "
            "AND level = 'total' AND measure = 'amount' AND origin >= ? GROUP BY model",
            [WHOLE],
        ).fetchall()
    )
    assert found["as served"] < 1
    assert found["as served"] < found["mean of 8 seasons"] < found["seasonal naive"]


@pytest.mark.parametrize("grain", ["day", "week", "month", "%"])
def test_intervals_of_80_percent_hold_80_percent(retail, grain):
    """Pooled over series, each forecast that came; the interval is by origin, for months are missed by all series at once."""
    rows = retail.execute(
        "SELECT count(*) FILTER (is_held_80), count(*) FILTER (is_held_95), count(*) FROM forecasts.accuracy "
        "WHERE origin >= ? AND greatest(mean, actual) > 0 AND grain LIKE ? GROUP BY origin ORDER BY origin",
        [WHOLE, grain],
    ).fetchall()
    held_80, held_95, count = zip(*rows, strict=True)
    share, low, high = block_interval(held_80, count)
    assert 0.75 <= share <= 0.85
    assert low <= 0.8 <= high
    assert 0.9 <= block_interval(held_95, count)[0] <= 0.98


def test_means_of_parts_add_up_to_wholes(retail):
    apart = retail.execute(
        """
        WITH parts AS (
            SELECT as_of, grain, measure, starts_on, level, sum(mean) AS mean FROM forecasts.sales GROUP BY ALL
        )
        SELECT count(*), count(DISTINCT part.level) FROM parts AS part
        INNER JOIN parts AS whole USING (as_of, grain, measure, starts_on)
        WHERE whole.level = 'total' AND (part.mean = whole.mean)
        """
    ).fetchone()
    every = retail.execute(
        "SELECT count(*) FROM (SELECT DISTINCT as_of, grain, measure, starts_on, level FROM forecasts.sales)"
    ).fetchone()
    assert apart == (*every, 4)


def test_saturdays_and_christmas_are_foretold_as_closed(retail):
    found = retail.execute(
        "SELECT starts_on, mean FROM forecasts.sales WHERE as_of = DATE '2011-11-01' AND grain = 'day' "
        "AND level = 'total' AND measure = 'amount'"
    ).fetchall()
    closed = {day for day, mean in found if mean == 0}
    assert {day for day, _ in found if day.weekday() == 5} <= closed
    assert {date(2011, 12, 24), date(2011, 12, 25), date(2011, 12, 30), date(2012, 1, 2)} <= closed
    assert len(found) == 90
    assert not {date(2011, 12, 23), date(2012, 1, 5)} & closed


def test_the_great_orders_that_were_cancelled_at_once_are_not_learned(retail):
    """80,995 paper birds, 74,215 jars, and 60 picnic baskets at 649.50."""
    assert retail.execute(
        "SELECT name, corrected_amount FROM forecasts.series WHERE grain = 'month' AND corrected_amount > 20000 ORDER BY name"
    ).fetchall() == [("22502", 38970), ("23166", Decimal("77183.6")), ("23843", Decimal("168469.6"))]


def test_accuracy_reconciles_to_core(retail):
    """What came of every day is what core says, less what was put right that day."""
    assert retail.execute(
        """
        WITH days AS (
            SELECT day, amount FROM core.sales_days
            UNION ALL
            SELECT CAST(lines.sold_at AS DATE), -returns.returned_units * lines.unit_price
            FROM core.returns AS returns INNER JOIN core.order_lines AS lines
                ON returns.sale_invoice_id = lines.invoice_id AND returns.sale_line = lines.line
                    AND date_trunc('month', returns.sold_at) = lines.month
            WHERE returns.is_correction
        ), came AS (SELECT day, sum(amount) AS amount FROM days GROUP BY day)
        SELECT count(*) FILTER (actual <> coalesce(amount, 0)) FROM forecasts.accuracy LEFT JOIN came ON starts_on = day
        WHERE grain = 'day' AND level = 'total' AND measure = 'amount'
        """
    ).fetchone() == (0,)
    counted = retail.execute(
        "SELECT count(*) FROM forecasts.accuracy WHERE grain = 'day' AND level = 'total' AND measure = 'amount' "
        "AND origin = DATE '2011-06-01'"
    ).fetchone()
    assert counted == (90,)


def test_the_largest_order_of_all_is_an_anomaly_and_ordinary_autumn_is_none(retail):
    """80,995 paper birds on the last day, cancelled within minutes."""
    marked = retail.execute(
        "SELECT DISTINCT starts_on FROM forecasts.anomalies WHERE is_anomaly AND level = 'total' AND as_of >= ?",
        [WHOLE],
    ).fetchall()
    days = {day for (day,) in marked}
    assert date(2011, 12, 9) in days
    assert len(days) <= 4


@pytest.mark.parametrize("table", ["sales", "backtest", "accuracy", "anomalies"])
def test_every_month_has_rows_once_there_is_something_to_say(retail, table):
    months = retail.execute(f"SELECT DISTINCT as_of FROM forecasts.{table} ORDER BY as_of").fetchall()
    # December and January hold so many closed days that no day is usual yet.
    first = {"sales": 0, "backtest": 3, "accuracy": 1, "anomalies": 2}[table]
    assert len(months) == 13 - first
