"""What Dagster stores of a run at once is stored in one transaction, as it would be one by one."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as db
from dagster import EventLogEntry

from resources.event_log import PooledSqliteEventLogStorage

CONFIG = {
    "telemetry": {"enabled": False},
    "event_log_storage": {
        "module": "resources.event_log",
        "class": "PooledSqliteEventLogStorage",
        "config": {"home": {"env": "DAGSTER_HOME"}},
    },
}


@dg.asset(
    check_specs=[dg.AssetCheckSpec(f"rule_{at}", asset="sales") for at in range(8)],
    partitions_def=dg.MonthlyPartitionsDefinition("2011-01-01", end_date="2011-05-01"),
)
def sales() -> Iterator[Any]:
    yield from ()


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Any]]:
    """Plan a run of four months and eight checks, with so many events in a transaction; what is stored of it."""

    def plan(size: int) -> list[Any]:
        home = tmp_path / f"{size}"
        home.mkdir()
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(size))
        (home / "dagster.yaml").write_text(json.dumps(CONFIG), encoding="utf-8")
        job = dg.Definitions([sales], jobs=[dg.define_asset_job("make", "*")]).resolve_job_def("make")
        tags = {
            "dagster/asset_partition_range_start": "2011-01-01",
            "dagster/asset_partition_range_end": "2011-04-01",
        }
        with dg.DagsterInstance.from_config(str(home)) as instance:
            run = instance.create_run_for_job(job, tags=tags)
            of_run = [
                (entry.dagster_event.event_type_value, entry.message)
                for entry in instance.all_logs(run.run_id)
                if entry.dagster_event
            ]
        index = sqlite3.connect(home / "history" / "runs" / "index.db")
        across = [
            sorted(index.execute(f"SELECT {what}").fetchall())
            for what in (
                "dagster_event_type, asset_key, partition FROM event_logs",
                "asset_key, check_name, execution_status FROM asset_check_executions",
                "asset_key FROM asset_keys",
            )
        ]
        index.close()
        return [sorted(of_run), *across]

    return plan


@pytest.mark.parametrize("size", [5, 1000])
def test_what_is_stored_at_once_is_what_is_stored_one_by_one(
    planned: Callable[[int], list[Any]], size: int
) -> None:
    at_once = planned(size)
    assert at_once == planned(0)
    assert [len(found) for found in at_once] == [12, 12, 32, 1]


def test_it_is_one_transaction_of_each_database(
    planned: Callable[[int], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    begin = PooledSqliteEventLogStorage._begin

    def noted(storage: PooledSqliteEventLogStorage, shard: str) -> AbstractContextManager[db.Connection]:
        begun.append(shard)
        return begin(storage, shard)

    monkeypatch.setattr(PooledSqliteEventLogStorage, "_begin", noted)
    planned(0)
    one_by_one = len(begun)
    begun.clear()
    planned(1000)
    assert one_by_one - len(begun) >= 4 * 2 + 8 * 3 - 2, (
        "an event in either database, and the state of each check"
    )


def test_all_of_it_is_stored_or_nothing(
    planned: Callable[[int], list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where one cannot be, Dagster stores them one by one: none of them twice."""
    store, tried = PooledSqliteEventLogStorage.store_event, []

    def fails_once(storage: PooledSqliteEventLogStorage, event: EventLogEntry) -> None:
        tried.append(event)
        if len(tried) == 6:
            raise sqlite3.OperationalError("disk I/O error")
        store(storage, event)

    monkeypatch.setattr(PooledSqliteEventLogStorage, "store_event", fails_once)
    assert planned(1000) == planned(0)
    assert "Exception while storing event batch: disk I/O error" in capsys.readouterr().err
