"""What starts by itself: one sensor takes in new files, one makes what is out of date.

Both ask the lake, so a tick with nothing to do starts nothing, and whatever was missed (a change during a run, a
run that was killed) is seen by the next tick. A cause is tried again only while that may help.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep
from time import time as clock

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import deserialize_value, serialize_value

from pipelines import warm
from pipelines.alerts import standing
from pipelines.launcher import WarmRunLauncher
from pipelines.overlooked import overlooked
from pipelines.report import write_run
from pipelines.run import MAKE, TAKE_IN, Todo, Wanted, range_tags, settle, todo, waiting
from pipelines.settings import Settings, load
from pipelines.telemetry import send_run
from resources.notifier import failure
from warehouse.errors import NoLakeError
from warehouse.intake import reading_name
from warehouse.lake import snapshot
from warehouse.words import counted, few

CAUSE = "tillage/cause"
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# A file that was written to so long ago has stopped growing; others are given until the next tick.
SETTLED_SECONDS = 20
# One that never stops growing keeps the others waiting no longer than this.
PATIENCE_SECONDS = 600
ALERT_SECONDS = 300
# So long a look waits for a run that takes in: less than it is until the next.
WAIT_SECONDS = 4
# So often the warm process is asked for: to find its name takes a look at every file of the code. It stays for a minute.
KEEP_SECONDS = 20
SHOWN_OVERLOOKED = 3
# So long after its first and second failure a run is tried again.
BACKOFF_SECONDS = (60, 600)

_KEPT_UNTIL: dict[Path, float] = {}
Answer = dg.RunRequest | dg.SkipReason


def sensors(settings: Settings, months: dg.MonthlyPartitionsDefinition) -> list[dg.SensorDefinition]:
    """Give the sensors of a home whose definitions were loaded with these months."""
    status = dg.DefaultSensorStatus.RUNNING if settings.automatic else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job_name=TAKE_IN,
        minimum_interval_seconds=_interval(settings),
        default_status=status,
        description="Takes in new, changed and late files of landing/, once they have stopped growing.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> Answer:
        instance = instance_of(context)
        _keep_warm(settings, context, instance)
        now = _read_again(settings, context)
        answer, state = take_in(now, instance, context.cursor or "{}", clock())
        context.update_cursor(state)
        return answer

    @dg.sensor(
        job_name=MAKE,
        minimum_interval_seconds=_interval(settings),
        default_status=status,
        description="Makes what is out of date: the months that changed, and what follows from them, in one run.",
    )
    def out_of_date(context: dg.SensorEvaluationContext) -> Answer:
        instance = instance_of(context)
        let_take_in(settings, instance)
        # Before the lake is asked: what a run that ends meanwhile has made would else be asked for once more.
        if busy := at_work(settings, instance):
            return busy
        now = todo(settings, Wanted())
        answer = make(instance, now, clock())
        from pipelines.definitions import months_of

        # To load anew takes seconds of all cores: not before a run that Dagster starts without it.
        waits = isinstance(answer, dg.RunRequest) and min(now.months, default=date.max) >= months.start.date()
        if not waits and months_of(settings, now.seen) != months:
            reload(context)
        return answer

    return [new_files, out_of_date, _alerts(settings), *_pages(settings)]


def _read_again(settings: Settings, context: dg.SensorEvaluationContext) -> Settings:
    """Read tillage.toml anew, as every run does; where it says otherwise, all that was loaded by it is loaded again."""
    now = load(settings.home)
    if now != settings:
        reload(context)
    return now


def instance_of(context: dg.SensorEvaluationContext) -> dg.DagsterInstance:
    """Dagster's instance, opened once a process.

    Each look would else open it anew, which reads the history of every database's shape: a third of what a look takes.
    """
    told = context.instance_ref
    return context.instance if told is None else _opened(serialize_value(told))


@lru_cache(maxsize=1)
def _opened(told: str) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(deserialize_value(told, InstanceRef))


def _keep_warm(settings: Settings, context: dg.SensorEvaluationContext, instance: dg.DagsterInstance) -> None:
    """Have a process at hand that runs start from, where they are launched from one and a daemon looks."""
    is_looked_at = context.code_location_origin is not None
    is_kept = monotonic() < _KEPT_UNTIL.get(settings.dagster, 0)
    if (
        settings.keep_warm
        and is_looked_at
        and not is_kept
        and isinstance(instance.run_launcher, WarmRunLauncher)
    ):
        warm.keep(settings.dagster)
        _KEPT_UNTIL[settings.dagster] = monotonic() + KEEP_SECONDS


def _interval(settings: Settings) -> int:
    """A second less than is wanted: Dagster goes round every five, and passes over a sensor that is due in a moment."""
    return max(1, settings.look_every - 1)


def _alerts(settings: Settings) -> dg.SensorDefinition:
    """Tell people what stands wrong: when the lake has changed, and once a day in any case."""

    @dg.sensor(
        minimum_interval_seconds=max(settings.look_every, ALERT_SECONDS),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of months that are refused, many rows in quarantine, what is stale, moved or stands out: "
        "to the log, and where alert_... is set.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = settings.reading().now
        try:
            with settings.open_lake(read_only=True) as connection:
                seen = f"{snapshot(connection)} {now.date()}"
        except NoLakeError:
            return dg.SkipReason("There is no warehouse yet.")
        if seen == context.cursor:
            return dg.SkipReason("Nothing has changed since it was last told.")
        told = settings.notifier().send(standing(settings, datetime.now(UTC)), now.date())
        context.update_cursor(seen)
        return dg.SkipReason(f"{counted(len(told), 'alert')} sent.")

    return alerts


def _pages(settings: Settings) -> list[dg.SensorDefinition]:
    """Write the page of every run that ends; tell a collector of it where one is set, and people where it failed."""

    def told(name: str, ended: dg.DagsterRunStatus) -> dg.SensorDefinition:
        @dg.run_status_sensor(
            name=name,
            run_status=ended,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description=f"Writes the page of each run that ends as a {ended.value.lower()} into exports/runs/.",
        )
        def page(context: dg.RunStatusSensorContext) -> None:
            run_id = context.dagster_run.run_id
            # People first: whatever is wrong with the page, they are told.
            if ended is dg.DagsterRunStatus.FAILURE:
                steps = context.instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
                names = [str(entry.step_key).replace("__", ".") for entry in steps] or [
                    "no step: its process is gone"
                ]
                settings.notifier().send([failure(run_id, ", ".join(names))], settings.reading().now.date())
            write_run(settings, context.instance, run_id)
            send_run(settings, context.instance, run_id)

        return page

    return [
        told("page_of_success", dg.DagsterRunStatus.SUCCESS),
        told("page_of_failure", dg.DagsterRunStatus.FAILURE),
    ]


def take_in(settings: Settings, instance: dg.DagsterInstance, cursor: str, now: float) -> tuple[Answer, str]:
    """Decide whether to take in, and give what to remember of the files: those seen to grow are waited for.

    Args:
        settings: Of the home.
        instance: Dagster's, whose runs are looked at.
        cursor: What the last tick remembered: paths with size and time of change, as JSON.
        now: The time, in seconds.
    """
    if running := _running(settings, instance, TAKE_IN):
        return dg.SkipReason(f"Run {running} is taking in; what came since is taken in after it."), cursor
    files = waiting(settings)
    state = {found.path: [found.size, found.modified_ns] for found in files}
    if not files:
        told = [f"{line}." for line in few(SHOWN_OVERLOOKED, overlooked(settings))]
        return dg.SkipReason(" ".join(["No file in landing/ is new.", *told])), "{}"
    before = json.loads(cursor)
    growing = [
        found.path
        for found in files
        if now - found.modified_ns / 1e9 < SETTLED_SECONDS and before.get(found.path) != state[found.path]
    ]
    waited = now - min(found.modified_ns for found in files) / 1e9
    if growing and (waited < PATIENCE_SECONDS or len(growing) == len(files)):
        return dg.SkipReason(f"{growing[0]} may still be growing; the next tick looks again."), json.dumps(
            state
        )
    # The same content is another cause once it is read otherwise, may be read at all, or lies there again: of a file
    # that was moved or whose mode changed, the time of its last change of state tells.
    changed = [(found.path, *state[found.path], _changed_ns(found.file)) for found in files]
    tags = {CAUSE: _digest([TAKE_IN, reading_name(settings.reading()), sorted(changed)])}
    return _request(instance, tags, now), json.dumps(state)


def let_take_in(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Wait for a run that takes in, if it ends soon: most take in one file, in a second.

    What it brings would else be made five seconds later. `new_files` looks at the same time: a second after it the run
    that it asks for is there.
    """
    until = monotonic() + WAIT_SECONDS
    sleep(min(1, WAIT_SECONDS))
    while monotonic() < until and _running(settings, instance, TAKE_IN):
        sleep(0.2)


def at_work(settings: Settings, instance: dg.DagsterInstance) -> dg.SkipReason | None:
    """Why nothing is made now: a run that takes in or makes is not finished."""
    for job in (TAKE_IN, MAKE):
        if running := _running(settings, instance, job):
            return dg.SkipReason(f"Run {running} ({job}) is at work; what is left is made after it.")
    return None


def make(instance: dg.DagsterInstance, now: Todo, at: float) -> Answer:
    """Decide whether to make, in one run over the range of months that are out of date or may follow.

    Args:
        instance: Dagster's, whose runs are looked at.
        now: What is to be done.
        at: The time, in seconds.
    """
    if not now.outlook:
        return dg.SkipReason("Everything is current.")
    told = {name: [str(month) for month in months] for name, months in now.outlook.items()}
    # The same again at a later snapshot is another cause: something has come of it since, or come in between.
    tags = {CAUSE: _digest([MAKE, now.snapshot, told]), **range_tags(now.months)}
    return _request(instance, tags, at, [dg.AssetKey(name.split(".")) for name in now.outlook])


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_ctime_ns
    except OSError:  # gone meanwhile: the run says so
        return 0


def _running(settings: Settings, instance: dg.DagsterInstance, job: str) -> str | None:
    """The run of a job that is not finished, if there is one."""
    settle(settings, instance)
    found = instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1)
    return found[0].run_id if found else None


def _request(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    now: float,
    assets: Sequence[dg.AssetKey] | None = None,
) -> Answer:
    """Ask for a run, unless the cause had its run, or its runs failed and another would, too."""
    records = instance.get_run_records(dg.RunsFilter(tags={CAUSE: tags[CAUSE]}))
    failed = [record for record in records if record.dagster_run.status is dg.DagsterRunStatus.FAILURE]
    if len(failed) < len(records):
        return dg.SkipReason(f"Run {records[0].dagster_run.run_id} was for it already.")
    if failed:
        newest = failed[0].dagster_run.run_id
        if len(failed) > len(BACKOFF_SECONDS) or not _may_pass(instance, newest):
            return dg.SkipReason(
                f"Run {newest} failed, and would again: see why, mend it, and launch it by hand."
            )
        waits = BACKOFF_SECONDS[len(failed) - 1] - (now - (failed[0].end_time or now))
        if waits > 0:
            return dg.SkipReason(f"Run {newest} failed; it is tried again in {waits:.0f} s.")
    return dg.RunRequest(
        run_key=f"{tags[CAUSE]} {len(failed)}",
        tags=tags,
        asset_selection=list(assets) if assets is not None else None,
    )


def _may_pass(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether what the run failed of may pass: a kill and an unforeseen error may, what Tillage told will not."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events = [entry.dagster_event for entry in failures]
    return not any(event and event.step_failure_data.user_failure_data for event in events)


def reload(context: dg.SensorEvaluationContext) -> None:
    """Have the code location offer the months that files brought, where it is of the kind that can be asked to.

    A run loads the code anew in any case, so what is asked for before, or in the same tick, knows them; but Dagster makes
    no run of a range that begins before the months that it was told of.
    """
    create = getattr(context.code_location_origin, "create_client", None)
    if create is not None:
        create().reload_code(timeout=300)


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
