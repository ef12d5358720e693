"""What people are told of a home, by the sensors that tell it."""

import logging
import shutil
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from pipelines.alerts import standing
from pipelines.definitions import build
from pipelines.instance import open_instance
from pipelines.settings import Settings, load
from warehouse.lake import ensure, open_lake
from warehouse.tables import TABLES

GIANT = "999999,10001,A SLIP OF THE HAND,99999999,2/3/2011 10:00,9.99,12345,United Kingdom\n"


@pytest.fixture
def refused(home, tillage, small_shop, filled):
    """A home whose February is refused."""

    def run():
        for month, text in small_shop.items():
            slip = GIANT if month.month == 2 else ""
            (home / "landing" / "orders" / f"{month}.csv").write_text(text + slip, encoding="latin-1")
        return tillage("run", "--select", "+key:core/customer_months or key:landing/files")

    assert filled("a month refused", run).code == 1
    return home


def tick(home, sensor, cursor=None):
    settings = load(home)
    with open_instance(settings) as instance, dg.build_sensor_context(instance, cursor=cursor) as context:
        said = build(settings).get_repository_def().get_sensor_def(sensor)(context)
        return said, context.cursor


def test_a_refused_month_is_told_once_and_names_nobody(refused, caplog, monkeypatch, reading):
    monkeypatch.setattr(Settings, "reading", lambda _: reading)  # or midnight comes between two looks
    with caplog.at_level(logging.WARNING, "tillage.alerts"):
        first, cursor = tick(refused, "alerts")
        again, _ = tick(refused, "alerts", cursor)
        anew, _ = tick(refused, "alerts")
    told = [record.getMessage() for record in caplog.records if record.name == "tillage.alerts"]
    assert len([line for line in told if "core.order_lines: refused by amount_is_plausible" in line]) == 1
    assert "2011-02" in " ".join(told)
    assert "Nothing has changed" in again.skip_message
    assert first.skip_message == "1 alert sent."
    assert anew.skip_message == "0 alerts sent.", "of a cause once a day"
    with open_lake(refused / "lake", read_only=True) as lake:
        customers = lake.execute(
            "SELECT DISTINCT customer_id FROM landing.orders WHERE customer_id <> ''"
        ).fetchall()
    assert not [name for (name,) in customers if any(name in line for line in told)]


def test_a_shop_that_trades_and_stays_silent_is_told_of(refused, monkeypatch, reading):
    settings, later = load(refused), datetime.now(UTC) + timedelta(days=45)
    assert not [message for message in standing(settings, later) if "is stale" in message.cause], (
        "it trades no more"
    )
    monkeypatch.setattr(Settings, "reading", lambda _: replace(reading, now=datetime(2011, 5, 10)))
    stale = [message.cause for message in standing(settings, later) if "is stale" in message.cause]
    assert "core.customer_months is stale" in stale
    assert not [message for message in standing(settings, datetime.now(UTC)) if "is stale" in message.cause]


class Later(datetime):
    """The clock, 45 days on."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=45)


def test_what_is_stale_is_told_once_a_day_though_nothing_changes(refused, monkeypatch, reading, caplog):
    """A shop that sends no more files changes no snapshot: who waits for a change would never be told."""
    monkeypatch.setattr("pipelines.sensors.datetime", Later)
    told, cursor = [], None
    for day in (10, 10, 11):
        monkeypatch.setattr(
            Settings, "reading", lambda _, day=day: replace(reading, now=datetime(2011, 5, day))
        )
        with caplog.at_level(logging.WARNING, "tillage.alerts"):
            _, cursor = tick(refused, "alerts", cursor)
        told.append([line for line in caplog.messages if "core.customer_months is stale" in line])
        caplog.clear()
    assert [len(lines) for lines in told] == [1, 0, 1]


def test_a_month_with_half_the_lines_is_told_of(home, tillage, small_shop, monkeypatch, reading):
    """A file that was cut at the till passes every rule of a row."""
    for month, text in small_shop.items():
        lines = text.splitlines(keepends=True)
        (home / "landing" / "orders" / f"{month}.csv").write_text(
            "".join(lines if month.month < 4 else lines[: len(lines) // 6]), encoding="latin-1"
        )
    assert tillage("run", "--select", "+key:core/customer_months or key:landing/files").code == 0
    monkeypatch.setattr(Settings, "reading", lambda _: replace(reading, now=datetime(2011, 5, 10)))
    causes = [message.cause for message in standing(load(home), datetime.now(UTC))]
    assert "core.order_lines, 2011-04: rows moved" in causes


@pytest.mark.parametrize("is_page_written", [True, False])
def test_a_failed_run_is_told_of(home, tillage, monkeypatch, caplog, is_page_written):
    """Though its page cannot be written: what breaks the one must not silence the other."""
    from assets import asset
    from warehouse.errors import TillageError

    def fails(*_, **__):
        raise TillageError("it cannot be made.")

    monkeypatch.setattr(asset, "make", fails)
    assert tillage("run", "--select", "key:seeds/not_goods").code == 1
    settings = load(home)
    pages = home / "exports" / "runs"
    shutil.rmtree(pages)
    if not is_page_written:
        pages.write_text("no folder")
    with open_instance(settings) as instance, caplog.at_level(logging.WARNING, "tillage.alerts"):
        [run] = instance.get_runs()
        [event] = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        context = dg.build_run_status_sensor_context(
            sensor_name="page_of_failure",
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=event.dagster_event,
        )
        sensor = build(settings).get_repository_def().get_sensor_def("page_of_failure")
        with nullcontext() if is_page_written else pytest.raises(OSError, match=str(pages)):
            sensor(context)
    assert len(list(pages.glob("*.html"))) == is_page_written
    assert f"run {run.run_id} failed. It failed at seeds.not_goods." in caplog.text


def test_products_whose_reviews_turned_sour_are_told_of(home, lake):
    """Only the newest month: what fell a year ago was told then."""
    ensure(lake, TABLES["sentiment.alerts"])
    for as_of, subject, is_alert in (
        ("2011-01-01", "OLD", True),
        ("2011-02-01", "B1", True),
        ("2011-02-01", "B2", False),
    ):
        lake.execute(
            "INSERT INTO sentiment.alerts VALUES (?, 'product', ?, 'rating', 20, 60, 2.1, 4.4, 2.3, 0.001, 0.01, ?)",
            [as_of, subject, is_alert],
        )
    told = {message.cause: message.text for message in standing(load(home), datetime.now(UTC))}
    assert told["2011-02: rating of product B1 fell"].startswith("It was 4.40, and is 2.10")
    assert [cause for cause in told if "fell" in cause] == ["2011-02: rating of product B1 fell"]


def test_a_day_that_stands_out_is_told_of(home, lake):
    """Of the shop as a whole, as it is seen by the newest month: a hundred series would be a hundred messages."""
    ensure(lake, TABLES["forecasts.anomalies"])
    for as_of, level, day, is_anomaly in (
        ("2011-01-01", "total", "2011-01-09", True),
        ("2011-02-01", "total", "2011-02-08", True),
        ("2011-02-01", "total", "2011-02-09", False),
        ("2011-02-01", "country", "2011-02-10", True),
    ):
        lake.execute(
            "INSERT INTO forecasts.anomalies BY NAME SELECT CAST(? AS DATE) AS as_of, 'day' AS grain, 'amount' AS measure, "
            "? AS level, 'x' AS series, CAST(? AS DATE) AS starts_on, 40 AS actual, 1200 AS expected, -9 AS deviations, "
            "1e-9 AS tail_probability, ? AS is_anomaly",
            [as_of, level, day, is_anomaly],
        )
    told = {message.cause: message.text for message in standing(load(home), datetime.now(UTC))}
    assert told == {"2011-02-08 stands out": "Sales of the day were 40, and 1,200 were expected."}


def test_nothing_is_told_of_a_home_without_a_warehouse(tmp_path, environment):
    said, _ = tick(tmp_path / "new", "alerts")
    assert said.skip_message == "There is no warehouse yet."
