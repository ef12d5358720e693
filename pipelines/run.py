"""`tillage run`: take in what lies in landing/, then make what is out of date, by Dagster's two jobs.

The lake is asked first, without Dagster: nothing to do means no run, no event, no snapshot.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import duckdb

from assets.graph import graph
from assets.make import read_plan
from expectations.audit import load
from pipelines.settings import Settings
from resources.alive import bury, dead
from warehouse.errors import NoLakeError, TillageError
from warehouse.intake import SOURCES, disagreements, new_files
from warehouse.intake.files import Found
from warehouse.lake import WORK, snapshot
from warehouse.plan import Plan
from warehouse.records import prepare, with_rows
from warehouse.tables import TABLES
from warehouse.words import counted

if TYPE_CHECKING:
    import dagster as dg

TAKE_IN, MAKE, REBUILD = "take_in", "make", "rebuild"
_SELECTED: dict[str, set[str]] = {}
Outlook = Mapping[str, Mapping[date | None, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is asked for: Dagster's asset selection, first and last month, and whether to force."""

    select: str | None = None
    first: date | None = None
    last: date | None = None
    force: bool = False

    def covers(self, month: date | None) -> bool:
        """Whether the month lies in the range; what has no month always does."""
        return month is None or (
            (self.first is None or self.first <= month) and (self.last is None or month <= self.last)
        )


@dataclass(frozen=True, slots=True)
class Todo:
    """What lies in landing/ and is new, and what is out of date or may follow, with the reasons.

    `graph` names every table that is made, in the order of making; `brought` are the months that files bring rows of,
    `seen` those and the ones that they took back, which Dagster goes on to know; `provisional` are months of chains
    that are out of step, and no plan asks for. All of it is told of the lake at `snapshot`.
    """

    files: Sequence[Found]
    outlook: Outlook
    graph: Sequence[str] = ()
    seen: Sequence[date] = ()
    brought: Sequence[date] = ()
    provisional: Mapping[str, Sequence[date]] = field(default_factory=dict)
    snapshot: int = 0

    @property
    def months(self) -> list[date]:
        """The months that anything is to be made for."""
        return sorted({at for months in self.outlook.values() for at in months if at is not None})

    def __bool__(self) -> bool:
        return bool(self.files or self.outlook)


@dataclass
class Made:
    """What became of a table in a run."""

    months: int = 0
    rows: int = 0
    changed: int = 0
    checks: int = 0
    passed: int = 0
    seconds: float = 0.0


@dataclass
class Outcome:
    """What a run made, and why it is no success if it is none."""

    tables: dict[str, Made] = field(default_factory=dict)
    files: list[Mapping[str, Any]] = field(default_factory=list)
    quarantined: int = 0
    disagreements: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)


class Progress:
    """Hears how a run goes on; the command line shows it."""

    def begin(self, steps: int) -> None:
        """A run of so many steps begins."""

    def step(self, name: str) -> None:
        """A step begins."""

    def say(self, text: str) -> None:
        """A step says something."""

    def done(self) -> None:
        """A step has ended."""


def todo(settings: Settings, wanted: Wanted) -> Todo:
    """Ask the lake what is to be done."""
    with lake_if_any(settings) as connection:
        return _todo(connection, settings, wanted)


def waiting(settings: Settings) -> Sequence[Found]:
    """Look for files in landing/ that are to be taken in."""
    with lake_if_any(settings) as connection:
        return new_files(connection, settings.landing, settings.reading())


@contextmanager
def lake_if_any(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """Open the lake, if the home has one: who only looks makes none."""
    with ExitStack() as stack:
        try:
            # With one thread: of so few rows two take half as much processor time again, and this is asked every five seconds.
            alone = settings.model_copy(update={"threads": 1})
            connection = stack.enter_context(alone.open_lake(create=False))
        except NoLakeError:
            yield None
            return
        prepare(connection)
        yield connection


def _todo(connection: duckdb.DuckDBPyConnection | None, settings: Settings, wanted: Wanted) -> Todo:
    files, shop = new_files(connection, settings.landing, settings.reading()), graph(settings.seeds)
    plan = Plan(shop.nodes, {}, {}) if connection is None else read_plan(connection, shop)
    sources = {source.table.qualified for source in SOURCES}
    seen = [month for name, month in plan.records if name in sources and month is not None]
    brought = {month for name in sources for month in with_rows(plan.records, name) if month is not None}
    outlook = _outlook(plan, wanted)
    if wanted.select is not None:
        names = _selected(settings, wanted.select, seen)
        outlook = {name: months for name, months in outlook.items() if name in names}
        files = files if any(name.startswith("landing.") for name in names) else []
    provisional = {name: [at for at in plan.provisional(name) if at is not None] for name in plan.graph}
    at = 0 if connection is None else snapshot(connection)
    return Todo(files, outlook, list(plan.graph), seen, sorted(brought), provisional, at)


def run(settings: Settings, wanted: Wanted, progress: Progress) -> Outcome:
    """Do it.

    Raises:
        TillageError: If Dagster cannot start the run.
    """
    # Before Dagster: skops, which stores models, looks up the names of NumPy's and SciPy's functions in all
    # modules, in the order of their import. Behind Dagster's two thousand that takes it a second more.
    import scipy.special

    del scipy
    outcome = Outcome()
    before = todo(settings, wanted)
    if not before and not dead(settings.lake / WORK):
        return outcome
    from pipelines.instance import open_instance

    with open_instance(settings) as instance:
        settle(settings, instance)
        now = before
        if before.files:
            loading = Thread(target=load)
            loading.start()
            _execute(settings, instance, TAKE_IN, ["landing.files"], {}, before, progress, outcome)
            loading.join()
            with settings.open_lake() as connection:
                _files(connection, [found.path for found in before.files], outcome)
                now = _todo(connection, settings, wanted)
        if now.outlook:
            tags = range_tags(now.months)
            job = REBUILD if wanted.force else MAKE
            _execute(settings, instance, job, list(now.outlook), tags, now, progress, outcome)
    return outcome


def settle(settings: Settings, instance: "dg.DagsterInstance") -> None:
    """Tell of runs whose process is gone without a word: that they failed, and what they published before."""
    gone = dead(settings.lake / WORK)
    if not gone:
        return
    from assets.asset import unseen

    with settings.open_lake() as connection:
        prepare(connection)
        for run_id in gone:
            run = instance.get_run_by_id(run_id)
            if run is not None:
                for event in unseen(instance, connection, graph(settings.seeds), run_id):
                    instance.report_runless_asset_event(event)
                if not run.is_finished:
                    instance.report_run_failed(run, "Its process is gone: killed, or the machine went down.")
            bury(settings.lake / WORK, run_id)


def range_tags(months: Sequence[date]) -> dict[str, str]:
    """Tell Dagster that one run is asked for a range of months."""
    if not months:
        return {}
    return {
        "dagster/asset_partition_range_start": str(min(months)),
        "dagster/asset_partition_range_end": str(max(months)),
    }


def _outlook(plan: Plan, wanted: Wanted) -> Outlook:
    found = {name: plan.all_of(name) for name in plan.graph} if wanted.force else plan.outlook()
    covered = {
        name: {month: reason for month, reason in months.items() if wanted.covers(month)}
        for name, months in found.items()
    }
    return {name: months for name, months in covered.items() if months}


def _selected(settings: Settings, select: str, seen: Sequence[date]) -> set[str]:
    """Resolve Dagster's asset selection to tables: the same for as long as a process lives."""
    if select in _SELECTED:
        return _SELECTED[select]
    import dagster as dg

    from pipelines.definitions import build

    assets = build(settings, seen=seen, made=TABLES).resolve_asset_graph()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # of Dagster's own parser, for "group:"
            keys = dg.AssetSelection.from_string(select).resolve(assets)
    except Exception as error:
        raise TillageError(
            f"{select!r} is not an asset selection of Dagster: {error} Write for example "
            '"key:segments/rfm", "group:core", or "key:core/order_lines+" for a table and what follows from it.'
        ) from error
    if not keys:
        known = ", ".join(sorted(asset.to_user_string() for asset in assets.get_all_asset_keys()))
        raise TillageError(f"{select!r} selects nothing. The assets are {known}.")
    _SELECTED[select] = {".".join(asset.path) for asset in keys}
    return _SELECTED[select]


def _execute(
    settings: Settings,
    instance: "dg.DagsterInstance",
    job: str,
    names: Sequence[str],
    tags: Mapping[str, str],
    now: Todo,
    progress: Progress,
    outcome: Outcome,
) -> None:
    import dagster as dg

    from pipelines.definitions import build
    from pipelines.report import write_run
    from pipelines.telemetry import send_run

    handler = _Handler(progress)

    @dg.logger
    def tillage(context: dg.InitLoggerContext) -> logging.Logger:
        del context
        logger = logging.Logger("tillage", logging.DEBUG)
        logger.addHandler(handler)
        return logger

    progress.begin(len(names))
    result = (
        build(settings, seen=now.seen, loggers={"tillage": tillage}, made=names)
        .resolve_job_def(job)
        .execute_in_process(
            run_config={"loggers": {"tillage": {}}},
            instance=instance,
            tags=dict(tags),
            raise_on_error=False,
            asset_selection=None if job == TAKE_IN else [dg.AssetKey(name.split(".")) for name in names],
        )
    )
    for event in result.all_events:
        _account(event, outcome)
    if page := write_run(settings, instance, result.run_id):
        outcome.pages.append(page)
    send_run(settings, instance, result.run_id)


def _account(event: "dg.DagsterEvent", outcome: Outcome) -> None:
    """Add up what an event tells."""
    from pipelines.report import why_failed, why_red

    kind = event.event_type_value
    if kind == "ASSET_MATERIALIZATION":
        materialization = event.step_materialization_data.materialization
        table = outcome.tables.setdefault(".".join(materialization.asset_key.path), Made())
        metadata = {name: entry.value for name, entry in materialization.metadata.items()}
        rows = metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count", 0))
        table.rows += int(str(rows))
        table.months += materialization.partition is not None
        table.changed += metadata.get("rows changed") is True
        table.seconds += float(str(metadata.get("seconds", 0)))
    elif kind == "ASSET_CHECK_EVALUATION":
        check = event.asset_check_evaluation_data
        table = outcome.tables.setdefault(".".join(check.asset_key.path), Made())
        table.checks += 1
        table.passed += check.passed
        if not check.passed and check.severity.value == "WARN":
            outcome.warnings.append(f"{'.'.join(check.asset_key.path)}: {why_red(check)}")
        elif not check.passed and "months" in check.metadata:
            outcome.troubles.append(
                f"{'.'.join(check.asset_key.path)}: refused by {check.check_name} "
                f"({counted(int(str(check.metadata['failing rows'].value)), 'row')}): {check.metadata['months'].value}. "
                "The rows it had before stay; its check in the UI shows the failing rows."
            )
    elif kind == "STEP_FAILURE":
        told = why_failed(event)
        if "is refused by the audit" not in told:
            outcome.troubles.append(told)
    elif kind == "PIPELINE_FAILURE" and not outcome.troubles:
        outcome.troubles.append(event.message or "the run failed")


def _files(connection: duckdb.DuckDBPyConnection, paths: Sequence[str], outcome: Outcome) -> None:
    """Read what became of the files."""
    names = ("path", "state", "reason", "rows_read", "rows_accepted", "rows_quarantined", "remark")
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM landing.files WHERE list_contains(?, path) "
        "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) ORDER BY path",
        [list(paths)],
    ).fetchall()
    outcome.files = [dict(zip(names, row, strict=True)) for row in rows]
    outcome.quarantined = sum(int(row["rows_quarantined"]) for row in outcome.files)
    outcome.disagreements = disagreements(connection)
    taken = {str(row["path"]) for row in outcome.files}
    outcome.troubles += [
        f"{path} was left: it cannot be read, or it is still growing." for path in paths if path not in taken
    ]
    outcome.troubles += [
        f"{row['path']} was refused, nothing of it is taken in: {row['reason']}"
        for row in outcome.files
        if row["state"] == "refused"
    ]


class _Handler(logging.Handler):
    """Hands Dagster's log of a run to a `Progress`."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is None:
            if record.levelno >= logging.INFO:
                message = getattr(record, "dagster_meta", {}).get("orig_message", record.getMessage())
                self._progress.say(str(message))
        elif event.event_type_value == "STEP_START":
            self._progress.step(str(event.step_key).replace("__", "."))
        elif event.event_type_value in {"STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"}:
            self._progress.done()
