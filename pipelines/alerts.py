"""What there is to be told of a home: asked of the lake, by nobody but the sensor that sends it."""

from datetime import date, datetime, timedelta

import duckdb

from pipelines.settings import Settings
from resources.notifier import Message, messages
from warehouse.drift import Drift, drift
from warehouse.lake import shape_of
from warehouse.plan import month_before
from warehouse.tables import TABLES

# Lines and what people look at first; what is made of them moves with them.
WATCHED = ("core.order_lines", "core.customer_months", "core.reviews")


def standing(settings: Settings, now: datetime) -> list[Message]:
    """Give what stands wrong in the lake, without a value of any row.

    Args:
        settings: Of the home.
        now: This moment, with its zone.
    """
    with settings.open_lake(read_only=True) as connection:
        return messages(
            connection,
            quarantine_share=settings.alert_quarantine_share,
            stale=_stale(connection, settings, now),
            moved=_moved(connection, settings.reading().now.date()),
            unusual=_unusual(connection),
            fallen=_fallen(connection),
        )


def _stale(connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime) -> dict[str, int]:
    """The tables by month of a shop that trades of which nothing was made for too long, with the hours."""
    from pipelines.definitions import months_of, months_seen

    if months_of(settings, months_seen(settings)).end is not None:
        return {}
    rows = connection.execute(
        'SELECT "table", max(snapshot_time) FROM meta.versions '
        "INNER JOIN ducklake_snapshots('lake') USING (snapshot_id) WHERE month IS NOT NULL AND version <> '0' "
        'GROUP BY "table" ORDER BY "table"'
    ).fetchall()
    hours = {name: (now - made).total_seconds() / 3_600 for name, made in rows}
    limit = timedelta(days=settings.fresh_days).total_seconds() / 3_600
    return {name: round(age) for name, age in hours.items() if age > limit}


def _moved(connection: duckdb.DuckDBPyConnection, today: date) -> list[Drift]:
    """The newest month that has ended, of each table that is watched, against those before it."""
    found = []
    for name in WATCHED:
        table = TABLES[name]
        if not shape_of(connection, table):
            continue
        ((newest,),) = connection.execute(
            f"SELECT max({table.partition_column}) FROM {name} WHERE {table.partition_column} < ?",
            [today.replace(day=1)],
        ).fetchall()
        if newest is not None and newest >= month_before(month_before(today.replace(day=1))):
            found += drift(connection, table, newest)
    return found


def _unusual(connection: duckdb.DuckDBPyConnection) -> list[tuple[date, float, float]]:
    if not shape_of(connection, TABLES["forecasts.anomalies"]):
        return []
    rows = connection.execute(
        "SELECT starts_on, CAST(expected AS DOUBLE), CAST(actual AS DOUBLE) FROM forecasts.anomalies "
        "WHERE is_anomaly AND level = 'total' AND grain = 'day' AND measure = 'amount' "
        "AND as_of = (SELECT max(as_of) FROM forecasts.anomalies) ORDER BY starts_on"
    ).fetchall()
    return [(day, expected, came) for day, expected, came in rows]


def _fallen(connection: duckdb.DuckDBPyConnection) -> list[tuple[date, str, str, float, float]]:
    """Whose rating or sentiment fell, by the newest month."""
    if not shape_of(connection, TABLES["sentiment.alerts"]):
        return []
    return connection.execute(
        "SELECT as_of, measure, CASE WHEN level = 'shop' THEN 'the shop' ELSE level || ' ' || subject END AS of_what, "
        "mean_before, mean FROM sentiment.alerts "
        "WHERE is_alert AND as_of = (SELECT max(as_of) FROM sentiment.alerts) ORDER BY ALL"
    ).fetchall()
