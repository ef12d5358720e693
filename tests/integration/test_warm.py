"""Runs start from a process that is kept warm, end as others do, and start without it where it is not at hand."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.launcher import LaunchRunContext
from dagster._utils.interrupts import raise_interrupts_as

from pipelines import launcher, warm
from pipelines.instance import (
    CONFIG,
    EVENT_LOG,
    ON_POSTGRES,
    ON_SQLITE,
    SIDE_BY_SIDE,
    open_instance,
    prepare_instance,
)
from pipelines.report import why_failed
from pipelines.sensors import instance_of, sensors
from pipelines.settings import load
from resources.lake import LakeResource

pytestmark = pytest.mark.skipif(not warm.is_possible(), reason="needs Linux")


NAME = warm.name
ROOT = Path(__file__).parents[2]
JOBS = """
import json, os, sys, time
import dagster as dg

@dg.op
def told(context):
    has = sorted({"great_expectations", "prophet", "statsforecast", "skops"} & sys.modules.keys())
    context.log.info(json.dumps([os.getppid(), has]))

@dg.op
def long():
    time.sleep(300)

@dg.job(executor_def=dg.in_process_executor)
def short_job():
    told()

@dg.job(executor_def=dg.in_process_executor)
def long_job():
    long()
"""


def until(is_so: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance whose sensors have looked: a process is warm."""
    with pytest.MonkeyPatch.context() as patched:
        home = tmp_path_factory.mktemp("warm")
        (home / "jobs.py").write_text(JOBS)
        patched.setenv("TILLAGE_HOME", str(home))
        patched.setenv("DAGSTER_HOME", str(home / "dagster"))
        with open_instance(load(home)) as instance:
            place = warm.name(home / "dagster")
            warm.keep(home / "dagster")
            until(lambda: warm.ask(place, {"keep": True}))
            patched.setattr(warm, "name", lambda _: place)  # each test has another environment
            yield instance
            warm._STARTED[place].terminate()
            warm._STARTED[place].wait()


def launch(instance: dg.DagsterInstance, job: str) -> str:
    found = ReconstructableJob.for_file(str(Path(instance.root_directory).parent / "jobs.py"), job)
    run = instance.create_run_for_job(found.get_definition(), job_code_origin=found.get_python_origin())
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run.run_id


def state(instance: dg.DagsterInstance, run: str) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run)
    assert found is not None
    return found.status


def test_a_run_has_what_it_needs_before_it_begins(shop: dg.DagsterInstance) -> None:
    run = launch(shop, "short_job")
    until(lambda: state(shop, run) is dg.DagsterRunStatus.SUCCESS)
    (said,) = [entry.user_message for entry in shop.all_logs(run) if entry.user_message.startswith("[")]
    assert json.loads(said) == [
        warm._STARTED[warm.name(Path(shop.root_directory))].pid,
        ["great_expectations", "prophet", "skops", "statsforecast"],
    ]


def process_of(instance: dg.DagsterInstance, run: str) -> int:
    """The process of a run whose step has begun."""
    until(lambda: instance.all_logs(run, of_type=dg.DagsterEventType.STEP_START))
    said = " ".join(entry.message for entry in instance.all_logs(run))
    told = re.search(r"Started process for run \(pid: (\d+)\)", said)
    assert told is not None
    return int(told[1])


def test_a_run_is_cancelled(shop: dg.DagsterInstance) -> None:
    run = launch(shop, "long_job")
    until(lambda: shop.all_logs(run, of_type=dg.DagsterEventType.STEP_START))
    assert shop.run_launcher.terminate(run)
    until(lambda: state(shop, run) is dg.DagsterRunStatus.CANCELED)
    assert not shop.run_launcher.terminate(run)


def test_two_runs_go_side_by_side_and_one_that_is_killed_is_told_as_failed(shop: dg.DagsterInstance) -> None:
    """The process that they start from outlives them, and knows when they are over."""
    place = warm.name(Path(shop.root_directory))
    killed, other = launch(shop, "long_job"), launch(shop, "short_job")
    os.kill(process_of(shop, killed), signal.SIGKILL)
    until(lambda: state(shop, other) is dg.DagsterRunStatus.SUCCESS)
    until(lambda: state(shop, killed) is dg.DagsterRunStatus.FAILURE)
    assert "it was killed, or it crashed" in " ".join(entry.message for entry in shop.all_logs(killed))
    until(lambda: warm.ask(place, {"keep": True}) == {"runs": 0})


def test_no_run_outlives_the_process_that_watches_it(shop: dg.DagsterInstance) -> None:
    home = Path(shop.root_directory)
    run = launch(shop, "long_job")
    process = process_of(shop, run)
    warm._STARTED[warm.name(home)].kill()
    until(lambda: state(shop, run) is dg.DagsterRunStatus.FAILURE)
    until(lambda: not Path(f"/proc/{process}").exists())
    failed = " ".join(entry.message for entry in shop.all_logs(run))
    assert "interrupted" in failed
    warm.keep(home)
    until(lambda: warm.ask(warm.name(home), {"keep": True}))


def test_what_runs_are_forked_from_has_no_threads_but_those_made_for_it(shop: dg.DagsterInstance) -> None:
    """Of allocators and OpenBLAS (which has its process's name), and what polars cleans up with."""
    process = warm._STARTED[warm.name(Path(shop.root_directory))].pid
    threads = [file.read_text().strip() for file in Path(f"/proc/{process}/task").glob("*/comm")]
    assert {*threads} <= {"python", "python3", "jemalloc_bg_thd", "polars-ooc-clea"}


def test_what_ignores_signals_starts_no_process_that_does(tmp_path: Path) -> None:
    """A shell has what it starts in the background ignore interrupts, and Dagster takes SIGTERM for one."""
    place = f"ignoring-{os.getpid()}"
    code = (
        "import signal; from unittest.mock import MagicMock; from pipelines import warm; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"warm.import_module = MagicMock(); warm.serve({place!r})"  # it need not import all that runs do
    )
    environment = {**os.environ, "TILLAGE_HOME": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    try:
        until(lambda: warm.ask(place, {"keep": True}))
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def test_code_or_settings_that_change_are_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = NAME(tmp_path)
    assert NAME(tmp_path) == first
    assert NAME(tmp_path / "other") != first
    (tmp_path / "assets").mkdir()
    monkeypatch.setattr(warm, "ROOT", tmp_path)
    monkeypatch.setattr(warm, "PACKAGES", ("assets",))
    before = NAME(tmp_path)
    (tmp_path / "assets" / "new.sql").write_text("SELECT 1")
    after = NAME(tmp_path)
    (tmp_path / "assets" / "new.sql").write_text("SELECT 12")
    assert len({before, after, NAME(tmp_path)}) == 3
    without = NAME(tmp_path / "dagster")
    (tmp_path / "tillage.toml").write_text("threads = 1")
    one = NAME(tmp_path / "dagster")
    (tmp_path / "tillage.toml").write_text("threads = 10")
    assert len({without, one, NAME(tmp_path / "dagster")}) == 3


def test_a_setting_in_the_environment_is_another_process_and_what_dagster_sets_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, sys; from pathlib import Path; os.environ['LATER'] = sys.argv[2]; from pipelines import warm; print(warm.name(Path(sys.argv[1])))"
    monkeypatch.delenv("TILLAGE_THREADS", raising=False)  # tests of whole homes set it
    names = []
    for name, value, later in (
        ("OTHER", "1", "1"),
        ("OTHER", "1", "2"),
        ("DAGSTER_OF_ONE", "1", "1"),
        ("TILLAGE_THREADS", "1", "1"),
    ):
        monkeypatch.setenv(name, value)
        command = [sys.executable, "-c", code, str(tmp_path), later]
        names.append(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    assert names[0] == names[1] == names[2] != names[3]


def test_where_none_is_at_hand_dagster_starts_the_run(
    shop: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(warm, "name", lambda _: "nobody")
    monkeypatch.setattr(
        dg.DefaultRunLauncher, "launch_run", lambda _, context: started.append(context.dagster_run.run_id)
    )
    assert started == [] != [launch(shop, "short_job")] == started


def test_what_does_not_answer_starts_no_second_process(
    shop: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether the run was started: it must not be started again."""
    monkeypatch.setattr(warm, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(warm, "name", lambda _: "silent")
    monkeypatch.setattr(dg.DefaultRunLauncher, "launch_run", lambda *_: pytest.fail("it was started again"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(warm._address("silent"))
        server.listen()
        with pytest.raises(TimeoutError):
            launch(shop, "short_job")


def test_nonsense_and_a_second_process_do_no_harm(shop: dg.DagsterInstance) -> None:
    place = warm.name(Path(shop.root_directory))
    for said in (
        b"", b"\n", b"{", b"5\n", b'"start"\n', b"[1, 2]\n", b"{}\n", b'{"start": "x"}\n', b'{"end": {}}\n',
        b'{"end": "no such run"}\n', b"\xff\n",
    ):  # fmt: skip
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(warm._address(place))
            connection.sendall(said)
    warm.serve(place)  # somebody is there: it ends at once
    assert warm.ask(place, {"end": "no such run"}) == {"has": False}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("is_wanted", "is_daemon", "kept"), [(True, True, 2), (False, True, 0), (True, False, 0)])  # fmt: skip
def test_a_look_of_a_daemon_keeps_one_if_it_is_wanted(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_wanted: bool, is_daemon: bool, kept: int
) -> None:
    """Of the looks at 0, 5 and 21 seconds the first and the last: it stays for a minute."""
    monkeypatch.setenv("TILLAGE_KEEP_WARM", str(is_wanted))
    asked: list[Path] = []
    monkeypatch.setattr(warm, "keep", asked.append)
    settings = load(home)
    new_files, *_ = sensors(settings, dg.MonthlyPartitionsDefinition("2011-01-01"))
    with open_instance(settings) as instance:
        assert isinstance(instance.run_launcher, launcher.WarmRunLauncher)
        for seconds in (0, 5, 21):
            monkeypatch.setattr("pipelines.sensors.monotonic", lambda at=seconds: 1000 + at)
            with dg.build_sensor_context(instance) as context:
                if is_daemon:
                    context._code_location_origin = object()
                assert isinstance(new_files(context), dg.SkipReason)
    assert asked == [settings.dagster] * kept


@pytest.mark.usefixtures("environment")
def test_looks_of_a_server_share_an_instance(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open one takes longer than all else that a look does; of another home it is another."""
    opened: list[Any] = []
    open_one = dg.DagsterInstance.from_ref
    monkeypatch.setattr(dg.DagsterInstance, "from_ref", lambda ref: opened.append(ref) or open_one(ref))
    settings = load(home)
    new_files, *_ = sensors(settings, dg.MonthlyPartitionsDefinition("2011-01-01"))
    with open_instance(settings) as instance:
        refs = [instance.get_ref(), instance.get_ref()]
    monkeypatch.setenv("TILLAGE_HOME", str(home.parent / "other"))
    with open_instance(load(home.parent / "other")) as instance:
        refs.append(instance.get_ref())
    asked = []
    for ref in refs:
        context = dg.SensorEvaluationContext(
            ref, last_tick_completion_time=None, last_run_key=None, cursor=None, log_key=None,
            repository_name=None, resources={},
        )  # fmt: skip
        with context:
            assert isinstance(new_files(context), dg.SkipReason)
            asked.append(instance_of(context))
    assert opened == [refs[0], refs[2]]
    assert asked[0] is asked[1] is not asked[2]
    assert asked[2].root_directory == str(home.parent / "other" / "dagster")


def test_a_query_that_is_interrupted_ends_the_run_and_not_the_step_alone(home: Path) -> None:
    @dg.asset
    def slow(lake: LakeResource) -> None:
        with lake.get_connection() as connection:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            connection.execute("SELECT count(*) FROM range(10_000_000) AS a, range(10_000_000) AS b")

    @dg.asset(deps=[slow])
    def of_it() -> None: ...

    @dg.asset
    def zebra() -> None: ...

    @contextmanager
    def by_alarm() -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, before)

    lake = LakeResource(database=str(home / "lake"), memory="1GB")
    with by_alarm(), dg.DagsterInstance.ephemeral() as instance:
        with (
            pytest.raises(dg.DagsterExecutionInterruptedError),
            raise_interrupts_as(dg.DagsterExecutionInterruptedError),
        ):
            dg.materialize([slow, of_it, zebra], instance=instance, resources={"lake": lake})
        (run,) = instance.get_runs()
        began = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        assert [entry.step_key for entry in began] == ["slow"]
        assert run.status is dg.DagsterRunStatus.FAILURE
        (failed,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        assert failed.dagster_event is not None
        assert "it was interrupted: what was made before stays" in why_failed(failed.dagster_event)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "before", [CONFIG + EVENT_LOG, CONFIG + ON_SQLITE, CONFIG + SIDE_BY_SIDE + ON_POSTGRES, None]
)
def test_a_home_that_nobody_changed_gets_what_is_written_today(home: Path, before: str | None) -> None:
    file = home / "dagster" / "dagster.yaml"
    if before is not None:
        file.parent.mkdir()
        file.write_text(before)
    prepare_instance(load(home))
    assert file.read_text() == CONFIG + SIDE_BY_SIDE + ON_SQLITE
    file.write_text(before_changed := CONFIG + EVENT_LOG + "# mine\n")
    prepare_instance(load(home))
    assert file.read_text() == before_changed


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("before", [CONFIG + EVENT_LOG, CONFIG + SIDE_BY_SIDE + ON_SQLITE])
def test_a_home_that_moves_to_postgres_takes_its_history_there(home: Path, before: str) -> None:
    (home / "dagster").mkdir()
    (home / "dagster" / "dagster.yaml").write_text(before)
    prepare_instance(load(home).model_copy(update={"postgres": "postgresql://nobody@localhost/none"}))
    assert (home / "dagster" / "dagster.yaml").read_text() == CONFIG + SIDE_BY_SIDE + ON_POSTGRES
