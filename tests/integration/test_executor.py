"""Steps of a run side by side: each after those that it follows from, in processes that end with the run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines import warm
from pipelines.instance import open_instance
from pipelines.report import why_failed
from pipelines.settings import load
from warehouse.lake import open_lake
from warehouse.records import read_versions
from warehouse.tables import TABLES

pytestmark = [
    pytest.mark.skipif(
        not warm.is_possible(),
        reason="a fork of all that is imported is safe on Linux alone: elsewhere a run has one process",
    ),
    pytest.mark.usefixtures("environment"),
]

ROOT = Path(__file__).parents[2]
JOBS = Path(__file__).with_name("side_by_side.py")


@pytest.fixture
def shop(home: Path, empty_history: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose history is laid out."""
    shutil.copytree(empty_history, home / "dagster")
    monkeypatch.setenv("TILLAGE_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    return home


def begin(*arguments: str) -> "subprocess.Popen[str]":
    """Start the process of a run."""
    command = [sys.executable, str(JOBS), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def run(home: Path, *arguments: str) -> tuple[bool, list[Any]]:
    """Run a job to its end; whether all went well, and the entries of its log."""
    process = begin(*arguments)
    said, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    run_id, is_well = json.loads(said.splitlines()[-1])
    with open_instance(load(home)) as instance:
        return is_well, list(instance.all_logs(run_id))


def told(entries: list[Any], kind: dg.DagsterEventType) -> list[str]:
    """The steps that an event of the kind is told of."""
    found = [entry.dagster_event for entry in entries if entry.dagster_event]
    return sorted(str(event.step_key) for event in found if event.event_type is kind)


def notes(home: Path) -> dict[str, str]:
    folder = home / "dagster" / "notes"
    return {file.name: file.read_text() for file in folder.iterdir()}


def until(is_so: Callable[[], Any]) -> Any:
    end = time.monotonic() + 120
    while not (found := is_so()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


def is_over(process: int) -> bool:
    """Whether there is no such process, or what is left of it waits to be told of."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_two_steps_are_made_at_once_and_share_the_machine(shop: Path) -> None:
    """Each waits for the other; what follows has what they gave, and the whole machine."""
    is_well, entries = run(shop, "meeting")
    assert is_well
    assert told(entries, dg.DagsterEventType.STEP_SUCCESS) == ["both", "one", "two"]
    assert told(entries, dg.DagsterEventType.RUN_SUCCESS) == ["None"]
    found = notes(shop)
    assert (found["one"], found["two"], found["both"]) == ("1", "1", "3 2"), "cores, and what both were given"
    opened = sorted(name.split("-")[1] for name in found if name.startswith("opened-"))
    assert opened == sorted(name.split("-")[1] for name in found if name.startswith("closed-"))
    assert len(opened) == 2
    logs = (shop / "dagster" / "storage").rglob("*.out")
    assert [file.read_text() for file in logs if file.stat().st_size] == ["printed by two\n"]


@pytest.mark.parametrize("arguments", [("asking", "1"), ("asking",)])
def test_a_step_that_asks_for_it_is_made_again(shop: Path, arguments: tuple[str, ...]) -> None:
    is_well, entries = run(shop, *arguments)
    assert is_well
    assert told(entries, dg.DagsterEventType.STEP_UP_FOR_RETRY) == ["asks_again"] * 2
    assert {"third", "after", "another"} <= notes(shop).keys()
    is_one = any("Executing steps in process" in entry.message for entry in entries)
    assert is_one == (len(arguments) > 1)


def test_what_follows_from_a_step_that_failed_is_not_made_and_the_rest_is(shop: Path) -> None:
    is_well, entries = run(shop, "failing")
    assert not is_well
    assert told(entries, dg.DagsterEventType.STEP_FAILURE) == ["fails"]
    assert told(entries, dg.DagsterEventType.RUN_FAILURE) == ["None"]
    assert {"another", "after"} & notes(shop).keys() == {"another"}


def test_a_step_whose_process_is_killed_has_failed_and_the_rest_is_made(shop: Path) -> None:
    is_well, entries = run(shop, "dying")
    assert not is_well
    (failed,) = [entry for entry in entries if entry.dagster_event and entry.dagster_event.is_step_failure]
    assert failed.step_key == "dies"
    said = failed.dagster_event.step_failure_data.error.message
    assert said.startswith("The process that made dies was terminated by signal 9 (SIGKILL).")
    assert {"another", "after"} & notes(shop).keys() == {"another"}


def test_a_step_whose_process_was_killed_is_made_again_where_that_is_asked(shop: Path) -> None:
    is_well, entries = run(shop, "dying_once")
    assert is_well
    assert told(entries, dg.DagsterEventType.STEP_UP_FOR_RETRY) == ["dies_once"]
    assert {"another", "after"} <= notes(shop).keys()


def test_a_lake_that_cannot_be_opened_fails_the_run_and_says_why(shop: Path) -> None:
    is_well, entries = run(shop, "unopened")
    assert not is_well
    (failed,) = [entry for entry in entries if entry.dagster_event and entry.dagster_event.is_run_failure]
    assert "the lake has no water" in failed.dagster_event.job_failure_data.error.to_string()
    assert told(entries, dg.DagsterEventType.STEP_START) == []


def working(home: Path) -> list[int]:
    """The processes of two steps that have begun and do not end."""
    folder = home / "dagster" / "notes"
    found = until(lambda: files if len(files := [*folder.glob("long-*[0-9]")]) == 2 else [])
    return [int(file.name.split("-")[1]) for file in found]


def test_a_run_that_is_cancelled_ends_with_its_processes(shop: Path) -> None:
    process = begin("waiting")
    workers = working(shop)
    assert all(not is_over(worker) for worker in workers)
    with open_instance(load(shop)) as instance:
        (run,) = instance.get_runs()
        instance.report_run_canceling(run)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert all(is_over(worker) for worker in workers)
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert ended.status is dg.DagsterRunStatus.CANCELED
        entries = instance.all_logs(run.run_id)
    assert told(entries, dg.DagsterEventType.STEP_FAILURE) == ["asks_the_lake", "long"]
    assert "after" not in notes(shop)


def test_no_process_outlives_a_run_that_is_killed(shop: Path) -> None:
    process = begin("waiting")
    workers = working(shop)
    assert not any(is_over(worker) for worker in workers)
    process.kill()
    process.communicate()
    assert until(lambda: all(is_over(worker) for worker in workers))
    assert "after" not in notes(shop)


def test_a_fork_takes_no_open_history_along(shop: Path, tmp_path: Path) -> None:
    """SQLite would lose its locks by it, and the history with them."""
    seen = tmp_path / "seen"

    def look() -> None:
        files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
        seen.write_text(" ".join(str(file) for file in files if shop in file.parents))

    def opened() -> list[Path]:
        files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.exists()]
        return [file for file in files if shop in file.parents and file.suffix == ".db"]

    with open_instance(load(shop)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("one"))
        assert opened()
        os.waitpid(warm.forked(look, ()), 0)
        assert seen.read_text() == ""
        instance.report_runless_asset_event(dg.AssetMaterialization("two"))
        assert len(instance.all_asset_keys()) == 2


def rows(home: Path) -> dict[str, Any]:
    """Every row of every table that is made, as a sum of hashes."""
    with open_lake(home / "lake", read_only=True) as lake:
        names = sorted({name for name, _ in read_versions(lake)} - {"landing.files"})
        return {
            name: lake.execute(
                f"SELECT count(*), sum(hash({', '.join(TABLES[name].shape)})::HUGEINT) FROM {name}"
            ).fetchone()
            for name in names
        }


def told_of(home: Path) -> dict[tuple[str, str | None], dict[str, str]]:
    """What the newest materialization of each month says that it is, and what it was made from."""
    with open_instance(load(home)) as instance:
        records = [
            record
            for asset in instance.all_asset_keys()
            for record in instance.fetch_materializations(asset, limit=1000).records
        ]
    return {
        (record.asset_key.to_user_string(), record.partition_key): {
            name: value
            for name, value in record.event_log_entry.tags.items()
            if name.startswith("dagster/")
            and "event_pointer" not in name  # whose numbers are of each history
        }
        for record in sorted(records, key=lambda record: record.storage_id)
        if record.asset_key is not None
    }


FEW = (
    "seeds.not_goods", "seeds.categories", "core.order_lines", "core.invoices", "core.returns", "core.sales_days",
    "core.customer_months",
)  # fmt: skip


@pytest.mark.parametrize("tables", [FEW, pytest.param((), marks=pytest.mark.slow)])
def test_tables_are_those_of_a_run_in_one_process(
    tillage: Callable[..., Any], small_shop: dict[date, str], home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, tables: tuple[str, ...],
) -> None:  # fmt: skip
    """What the job of the UI makes of four months, and the command line of the same."""
    for month, text in small_shop.items():
        (home / "landing" / "orders" / f"{month}.csv").write_text(text, encoding="latin-1")
    assert tillage("--quiet", "run", "--select", "group:landing").code == 0
    other = tmp_path / "other"
    shutil.copytree(home, other, symlinks=True)
    select = " or ".join("key:" + name.replace(".", "/") for name in tables)
    assert tillage("--quiet", "run", *(("--select", select) if tables else ())).code == 0
    monkeypatch.setenv("TILLAGE_HOME", str(other))
    monkeypatch.setenv("DAGSTER_HOME", str(other / "dagster"))
    is_well, entries = run(other, "make", str(min(small_shop)), str(max(small_shop)), *tables)
    assert is_well, [
        why_failed(entry.dagster_event)
        for entry in entries
        if entry.dagster_event and entry.dagster_event.is_step_failure
    ]
    assert rows(other) == rows(home)
    assert told_of(other) == told_of(home)
    assert told_of(home)["core/sales_days", str(max(small_shop))].keys() == {
        "dagster/data_version", "dagster/code_version", "dagster/input_data_version/core/order_lines"
    }  # fmt: skip
    began = [entry for entry in entries if entry.message.startswith("Starting initialization of resources")]
    assert len(began) == 2
