"""Pages for people without the UI: what a run did, and how a week or a month went. One HTML file each, in exports/.

What a stranger's file brought is text in them, never markup; customers are not named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from assets.landing.asset import CHECKS, LEFT
from assets.pictures import PICTURES
from expectations.rules import rules
from pipelines.overlooked import overlooked
from pipelines.settings import Settings, strange_variables
from warehouse.lake import shape_of
from warehouse.plan import next_month
from warehouse.tables import TABLES
from warehouse.tables.landing import FILES
from warehouse.words import counted, span

TAKING_IN = "landing__files"  # the step
SHOWN_ROWS = 3

_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:1160px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{padding:.2em .8em;border-bottom:1px solid #e4e9ee;"
    "text-align:left;vertical-align:top;white-space:nowrap}td:last-child{white-space:normal}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".bad{color:#b3261e;font-weight:600}h2{margin-top:1.6em}"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a report: its query sees the period, $first to $last, both included, and its last $month."""

    title: str
    needs: str
    query: str


SECTIONS = (
    Section(
        "Sales",
        "core.sales_days",
        """
        WITH periods (of, first, last) AS (
            VALUES
                ('this period', CAST($first AS DATE), CAST($last AS DATE)),
                (
                    'as many days before',
                    CAST($first - ($last - $first + 1) * INTERVAL 1 DAY AS DATE),
                    CAST($first - INTERVAL 1 DAY AS DATE)
                ),
                (
                    'a year before',
                    CAST($first - INTERVAL 1 YEAR AS DATE), CAST($last - INTERVAL 1 YEAR AS DATE)
                )
        )
        SELECT
            of AS period, first AS "from", last AS "to", sum(orders) AS orders, sum(units) AS units,
            sum(amount) AS sales, sum(returned_amount) AS returns
        FROM periods LEFT JOIN core.sales_days ON day BETWEEN first AND last
        GROUP BY of, first, last ORDER BY first DESC
        """,
    ),
    Section(
        "Countries",
        "core.sales_days",
        """
        SELECT country, sum(orders) AS orders, sum(amount) AS sales,
            round(100 * sum(amount) / sum(sum(amount)) OVER (), 1) AS "% of sales"
        FROM core.sales_days WHERE day BETWEEN $first AND $last
        GROUP BY country ORDER BY sales DESC, country LIMIT 10
        """,
    ),
    Section(
        "Goods that sold most",
        "core.order_lines",
        """
        SELECT product_id AS product, max(description) AS name, count(DISTINCT invoice_id) AS orders,
            sum(quantity) AS units, sum(amount) AS sales
        FROM core.order_lines
        WHERE kind = 'sale' AND is_goods AND sold_at >= $first AND sold_at < CAST($last AS DATE) + INTERVAL 1 DAY
        GROUP BY product_id ORDER BY sales DESC, product LIMIT 10
        """,
    ),
    Section(
        "Where the change of the month came from",
        "segments.amount_moves",
        """
        SELECT move, customers, amount_before AS before, amount AS now, amount_change AS change
        FROM segments.amount_moves WHERE as_of = $month ORDER BY abs(amount_change) DESC, move
        """,
    ),
    Section(
        "Days that stand out",
        "forecasts.anomalies",
        """
        SELECT starts_on AS day, level, series, actual, expected, round(deviations, 1) AS deviations
        FROM forecasts.anomalies
        WHERE is_anomaly AND starts_on BETWEEN $first AND $last AND measure = 'amount'
        QUALIFY as_of = max(as_of) OVER (PARTITION BY starts_on, series) ORDER BY starts_on, level, series LIMIT 20
        """,
    ),
    Section(
        "What is expected next",
        "forecasts.sales",
        """
        SELECT starts_on AS month, mean AS sales, lo_80 AS "80 % from", hi_80 AS "to", model
        FROM forecasts.sales
        WHERE as_of = $month AND grain = 'month' AND measure = 'amount' AND level = 'total' ORDER BY starts_on
        """,
    ),
    Section(
        "Refused or warned about",
        "meta.refusals",
        'SELECT "table", month, rule, severity, "count" AS rows FROM meta.refusals ORDER BY severity, "table", month',
    ),
    Section(
        "Files with rows in quarantine, or refused",
        "landing.files",
        """
        SELECT path, state, rows_read, rows_quarantined, reason FROM landing.files
        QUALIFY
            arrival = max(arrival) OVER (PARTITION BY path) AND (state = 'refused' OR rows_quarantined > 0)
            AND (first_month IS NULL OR (first_month <= $last AND last_month >= $month))
        ORDER BY path
        """,
    ),
)


def write_period(settings: Settings, first: date, last: date) -> Path:
    """Write how the days from `first` to `last`, both included, went.

    Raises:
        TillageError: If there is no warehouse yet.
    """
    month = last.replace(day=1)
    is_month = first == month and last == next_month(month) - timedelta(days=1)
    name = f"{month:%Y-%m}" if is_month else f"{first} to {last}"
    with settings.open_lake(read_only=True) as connection:
        period = {"first": first, "last": last, "month": month}
        parts = [*_sections(connection, period), *_pictures(connection, month)]
    return _written(
        settings.exports / "reports" / f"{name.replace(' ', '-')}.html", f"Report of {name}", parts
    )


def week_before(day: date) -> tuple[date, date]:
    """The Monday and the Sunday of the last whole week before a day."""
    monday = day - timedelta(days=day.weekday() + 7)
    return monday, monday + timedelta(days=6)


def write_run(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> Path | None:
    """Write what a run did: rows of every table, checks, seconds, what changed and why it was made.

    None if Dagster knows no such run.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return None
    entries = instance.all_logs(run_id)
    events = [event for event in (entry.dagster_event for entry in entries) if event is not None]
    started = datetime.fromtimestamp(record.start_time or 0, ZoneInfo(settings.timezone))
    seconds = (record.end_time or 0) - (record.start_time or 0)
    run = record.dagster_run
    state = run.status.value.lower()
    parts = [
        (
            f"<p>Job {escape(run.job_name)}, run {escape(run_id)}: <b class='{'bad' if state == 'failure' else ''}'>"
            f"{state}</b>, {started:%Y-%m-%d %H:%M:%S}, {max(seconds, 0):.1f} s.</p>"
        ),
        *_troubles(events),
        *_files(events, entries),
        *_tables(events),
        *_red(events),
        *_overlooked(settings),
    ]
    file = settings.exports / "runs" / f"{started:%Y-%m-%dT%H-%M-%S}-{run.job_name}-{run_id[:8]}.html"
    return _written(file, f"Run {run_id[:8]} ({run.job_name})", parts)


def _sections(connection: duckdb.DuckDBPyConnection, period: dict[str, date]) -> Iterator[str]:
    for section in SECTIONS:
        if not shape_of(connection, TABLES[section.needs]):
            continue
        used = {name: value for name, value in period.items() if f"${name}" in section.query}
        result = connection.execute(section.query, used)
        names = [column[0] for column in result.description or []]
        if rows := result.fetchall():
            yield f"<h2>{escape(section.title)}</h2>{_grid(names, rows)}"


def _pictures(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[str]:
    for name, picture in PICTURES.items():
        if shape_of(connection, TABLES[name]) and (
            drawn := picture.svg(
                connection.execute(picture.query, {"month": month}).fetchall(), is_titled=False
            )
        ):
            yield f"<h2>{escape(picture.title)}</h2><p>{escape(name)}</p>{drawn}"


def why_failed(event: dg.DagsterEvent) -> str:
    """What Tillage told when a step failed, else what was raised first of all."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
        return "it was interrupted: what was made before stays, and the next run goes on from there"
    return error.message.strip() if error else "it failed"


def _troubles(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    for event in events:
        if event.is_step_failure:
            yield f"<p class='bad'>{escape(str(event.step_key))}: {escape(why_failed(event))}</p>"


def why_red(check: dg.AssetCheckEvaluation) -> str:
    """What a check that failed demands, and where that is not so."""
    told = ": ".join(dict.fromkeys([check.check_name, _demanded(check).rstrip(".")]))
    if "months" not in check.metadata:
        return told
    rows = counted(int(str(check.metadata["failing rows"].value)), "row")
    return f"{told}; not so in {rows} of {check.metadata['months'].value}"


def _demanded(check: dg.AssetCheckEvaluation) -> str:
    """What it demands; its name, where the table or the rule was called otherwise when the run was."""
    table = TABLES.get(".".join(check.asset_key.path))
    known = {} if table is None else {rule.name: rule.description for rule in rules(table)}
    if table is FILES:
        known |= {name: told for name, (told, _, _) in CHECKS.items()}
    return known.get(check.check_name, check.check_name)


def _red(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    """Which checks failed, what they demand, and rows of those that fail it."""
    rows = []
    for event in events:
        if event.event_type_value != "ASSET_CHECK_EVALUATION" or event.asset_check_evaluation_data.passed:
            continue
        check = event.asset_check_evaluation_data
        told = {name: entry.value for name, entry in check.metadata.items()}
        is_error = check.severity is dg.AssetCheckSeverity.ERROR
        rows.append(
            (
                ".".join(check.asset_key.path),
                check.check_name,
                "refused" if is_error else "warning",
                told.get("months", ""),
                told.get("failing rows"),
                " Not so: ".join(part for part in (_demanded(check), _sample(told.get("sample"))) if part),
            )
        )
    if rows:
        names = (
            "table",
            "check",
            "what it is",
            "months",
            "failing rows",
            "what it demands, and rows that fail",
        )
        yield f"<h2>Checks that failed</h2>{_grid(names, rows)}"


def _sample(told: object) -> str:
    """The first rows of a sample, which the asset's page in the UI shows whole."""
    each = told.values() if isinstance(told, Mapping) else [told]
    rows = [row for some in each if isinstance(some, list) for row in some]
    return " · ".join(
        ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
        for row in rows[:SHOWN_ROWS]
    )


def _overlooked(settings: Settings) -> Iterator[str]:
    if told := [*overlooked(settings), *strange_variables()]:
        yield f"<h2>Passed over</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in told)}</ul>"


def _files(events: Sequence[dg.DagsterEvent], entries: Sequence[dg.EventLogEntry]) -> Iterator[str]:
    """What became of each file; where none was taken in, why."""
    left = [
        entry.user_message.removeprefix(LEFT)
        for entry in entries
        if entry.dagster_event is None and entry.step_key == TAKING_IN and entry.user_message.startswith(LEFT)
    ]
    told = "".join(f"<li>{escape(line)}</li>" for line in left)
    yield f"<h2>Files left for the next time</h2><ul>{told}</ul>" if told else ""
    for event in events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            files = event.step_materialization_data.materialization.metadata.get("files")
            if isinstance(files, dg.TableMetadataValue) and files.records:
                names = [column.name for column in files.schema.columns]
                rows = [tuple(record.data.get(name) for name in names) for record in files.records]
                yield f"<h2>Files</h2>{_grid(names, rows)}"
                return
    if any(event.is_step_success and event.step_key == TAKING_IN for event in events):
        others = " but those left" if told else ""
        yield (
            f"<h2>Files</h2><p>None was taken in: no file in landing/ is new, or changed since it was taken in{others}.</p>"
        )


def _tables(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    made: dict[str, list[dict[str, object]]] = {}
    checks: dict[str, list[bool]] = {}
    for event in events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            at = event.step_materialization_data.materialization
            metadata = {name: value.value for name, value in at.metadata.items()}
            made.setdefault(".".join(at.asset_key.path), []).append({"month": at.partition, **metadata})
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            checks.setdefault(".".join(check.asset_key.path), []).append(check.passed)
    rows = []
    for name in dict.fromkeys([*made, *checks]):
        months = made.get(name, [])
        dated = [date.fromisoformat(str(at["month"])) for at in months if at["month"]]
        passed = checks.get(name, [])
        told, timed = ([at for at in months if of in at] for of in ("rows changed", "seconds"))
        counts = [at.get("dagster/partition_row_count", at.get("dagster/row_count", 0)) for at in months]
        reasons = sorted({str(at["why"]) for at in months if "why" in at})
        rows.append(
            (
                name,
                span(dated) if dated else "",
                len(dated) if dated else None,
                sum(at["rows changed"] is True for at in told) if told else None,
                sum(int(str(count)) for count in counts),
                f"{sum(passed)}/{len(passed)}" if passed else "",
                round(sum(float(str(at["seconds"])) for at in timed), 1) if timed else None,
                "; ".join(reasons),
            )
        )
    if rows:
        names = ("table", "months", "made", "changed", "rows", "checks", "seconds", "why")
        yield f"<h2>Tables</h2>{_grid(names, rows)}"


def _grid(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    # Numbers stand under the end of their header.
    classes = [" class='n'" if any(_is_number(row[at]) for row in rows) else "" for at in range(len(names))]
    head = "".join(
        f"<th{of}>{escape(name.replace('_', ' '))}</th>" for name, of in zip(names, classes, strict=True)
    )
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if not _is_number(value):
        return f"<td>{'' if value is None else escape(str(value))}</td>"
    return f"<td class='n'>{value:,}</td>" if isinstance(value, int) else f"<td class='n'>{value:,.2f}</td>"


def _written(file: Path, title: str, parts: Sequence[str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.part")
    aside.write_text(
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>\n",
        encoding="utf-8",
    )
    aside.replace(file)
    return file
