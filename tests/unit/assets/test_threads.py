"""One setting says how many threads there are, whatever computes."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_info

from assets.cohorts import survival
from assets.recommendations.blend import in_blocks
from assets.threads import allowed, at_most, side_by_side


class Busy:
    """Work that sees how much of it goes on at once."""

    def __init__(self) -> None:
        self.now, self.most, self._lock = 0, 0, threading.Lock()

    def __call__(self, result: int) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return result

    def task(self, result: int) -> Callable[[], int]:
        return lambda: self(result)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_as_many_tasks_go_on_at_once_as_threads_are_allowed(threads: int) -> None:
    busy = Busy()
    with at_most(threads):
        assert side_by_side(busy.task(number) for number in range(12)) == list(range(12))
    assert busy.most == threads
    assert side_by_side([]) == []


def test_an_error_of_a_task_is_raised() -> None:
    def fails() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        side_by_side([fails, fails])


def test_lists_are_made_a_block_at_a_time_on_one_thread_and_are_the_same_as_on_several() -> None:
    busy, found = Busy(), []
    for threads in (1, 4):
        with at_most(threads):
            blocks = in_blocks(6, 700_000, lambda some: (busy(0), np.square(some))[1])
            found.append(np.concatenate(blocks).tolist())
        assert busy.most == threads
    assert found == [[0, 1, 4, 9, 16, 25]] * 2


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_table_is_computed_with_has_the_threads_of_the_connection(
    lake: duckdb.DuckDBPyConnection,
    orders: Path,
    intake: Callable[..., object],
    csv_text: Callable[..., str],
    order_row: Callable[..., Any],
    make_up_to: Callable[..., dict[str, list[Any]]],
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
) -> None:
    """On a machine that others share, a step that takes every core is a nuisance that no setting would end."""
    seen: list[int] = []
    original = survival.compute

    def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
        seen.append(allowed())
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return original(rows, months)

    monkeypatch.setattr(survival, "compute", compute)
    (orders / "1.csv").write_text(csv_text([order_row()]))
    intake()
    before = lake.execute("SELECT current_setting('threads')").fetchone()
    assert before is not None
    lake.execute(f"SET threads = {threads}")
    try:
        make_up_to(lake, "cohorts.survival")
    finally:
        lake.execute(f"SET threads = {before[0]}")
    assert len(seen) > 1
    assert set(seen) == {threads}
