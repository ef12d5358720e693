"""Jobs whose steps are made side by side, and the process of a run of one.

`python side_by_side.py JOB [MAX_CONCURRENT]`, or `python side_by_side.py make FIRST LAST TABLE ...` for a home.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from assets.asset import key
from assets.threads import allowed, at_most, held
from pipelines.executor import side_by_side_executor
from resources.lake import LakeResource

NOTES = Path(os.environ["DAGSTER_HOME"]) / "notes"


def until(name: str) -> None:
    """Wait until a step has left a note."""
    end = time.monotonic() + 120
    while not (NOTES / name).exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{name} never came")
        time.sleep(0.01)


def note(name: str, text: str = "") -> None:
    (NOTES / f"{name}.new").write_text(text)
    (NOTES / f"{name}.new").rename(NOTES / name)


class Lake(dg.ConfigurableResource):  # type: ignore[type-arg]  # it gives itself
    """Opened once a process: it notes each."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Lake"]:
        del context
        note(f"opened-{os.getpid()}")
        yield self
        note(f"closed-{os.getpid()}")


class Broken(Lake):
    """It cannot be opened."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Lake"]:
        del context
        raise ValueError("the lake has no water")
        yield self


@dg.op
def one(context: dg.OpExecutionContext, lake: Lake) -> int:
    note("one", str(allowed()))
    until("two")
    return 1


@dg.op
def two(context: dg.OpExecutionContext, lake: Lake) -> int:
    note("two", str(allowed()))
    until("one")
    sys.stdout.write("printed by two\n")
    return 2


@dg.op
def both(one: int, two: int) -> int:
    note("both", f"{one + two} {allowed()}")
    return one + two


@dg.op
def fails() -> None:
    raise dg.Failure("it fails", allow_retries=False)


@dg.op(ins={"before": dg.In(dg.Nothing)})
def after() -> None:
    note("after")


@dg.op(ins={"before": dg.In(dg.Nothing)})
def another() -> None:
    note("another")


@dg.op
def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def dies_once() -> None:
    if not (NOTES / "died").exists():
        note("died")
        os.kill(os.getpid(), signal.SIGKILL)


@dg.op
def asks_again(context: dg.OpExecutionContext) -> None:
    if context.retry_number < 2:
        raise dg.RetryRequested(max_retries=2)
    note("third")


@dg.op
def long() -> None:
    note(f"long-{os.getpid()}")
    time.sleep(300)


@dg.op
def asks_the_lake(lake: LakeResource) -> None:
    with lake.get_connection() as connection, held(connection):
        note(f"long-{os.getpid()}")
        connection.execute("SELECT count(*) FROM range(10_000_000) AS a, range(10_000_000) AS b")


@dg.op
def short() -> None:
    note("short")


def job_of(name: str, made: "dg.GraphDefinition", **resources: object) -> dg.JobDefinition:
    return made.to_job(name=name, executor_def=side_by_side_executor, resource_defs=resources)


@dg.graph
def of_meeting():
    both(one(), two())


@dg.graph
def of_failing():
    after(fails())
    another(short())


@dg.graph
def of_dying():
    after(dies())
    another(short())


@dg.graph
def of_dying_once():
    after(dies_once())
    another(short())


@dg.graph
def of_asking():
    after(asks_again())
    another(short())


@dg.graph
def of_waiting():
    after([long(), asks_the_lake()])


meeting = job_of("meeting", of_meeting, lake=Lake())
unopened = job_of("unopened", of_meeting, lake=Broken())
failing = job_of("failing", of_failing)
dying = job_of("dying", of_dying)
dying_once = job_of("dying_once", of_dying_once)
asking = job_of("asking", of_asking)
waiting = job_of(
    "waiting",
    of_waiting,
    lake=LakeResource(database=str(Path(os.environ["TILLAGE_HOME"]) / "lake"), memory="1GB"),
)


def make(instance: dg.DagsterInstance, first: str, last: str, *tables: str) -> dg.JobExecutionResult:
    """Make some tables of a range of months, or all."""
    job = ReconstructableRepository.for_module("pipelines.definitions", "defs").get_reconstructable_job(
        "make"
    )
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.execute_job(job, instance, tags=tags, asset_selection=[key(table) for table in tables] or None)


if __name__ == "__main__":
    NOTES.mkdir(exist_ok=True)
    name, *given = sys.argv[1:]
    config = {"execution": {"config": {"max_concurrent": int(*given)}}} if len(given) == 1 else {}
    # As on a machine of two cores, whatever this one has.
    with at_most(2), dg.DagsterInstance.get() as instance:
        if name == "make":
            result = make(instance, *given)
        else:
            result = dg.execute_job(ReconstructableJob.for_file(__file__, name), instance, config)
        sys.stdout.write(json.dumps([result.run_id, result.success]))
