"""One setting says how many threads there are, whatever computes."""

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from assets.cohorts import survival
from assets.recommendations.blend import in_blocks
from assets.threads import allowed, at_most, held, side_by_side
from warehouse.lake import threads_of


class Busy:
    """Work that sees how much of it goes on at once: each waits until so many have come, as all must."""

    def __init__(self, together: int) -> None:
        self.now, self.most, self._lock = 0, 0, threading.Lock()
        self._met = threading.Barrier(together, timeout=600)

    def __call__(self, result: int) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._met.wait()
        with self._lock:
            self.now -= 1
        return result

    def task(self, result: int) -> Callable[[], int]:
        return lambda: self(result)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_as_many_tasks_go_on_at_once_as_threads_are_allowed(threads: int) -> None:
    """Fewer would wait for each other until the barrier breaks."""
    busy, tasks = Busy(threads), 4 * threads
    with at_most(threads):
        assert side_by_side(busy.task(number) for number in range(tasks)) == list(range(tasks))
    assert busy.most == threads
    assert side_by_side([]) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_a_task_has_one_thread_whatever_it_computes_with(threads: int) -> None:
    """Else as many tasks as there are cores would each take as many threads, and a limit of 1 would be all cores."""
    importlib.import_module("sklearn.cluster")  # brings OpenMP

    def seen() -> tuple[int, dict[str, set[int]]]:
        pools: dict[str, set[int]] = {}
        for pool in threadpool_info():
            pools.setdefault(pool["user_api"], set()).add(pool["num_threads"])
        return allowed(), pools

    with threadpool_limits(3), at_most(threads):
        before = seen()
        assert before == (threads, {"blas": {3}, "openmp": {3}})
        assert side_by_side([seen] * 4) == [(1, {"blas": {1}, "openmp": {1}})] * 4
        assert seen() == before


def test_an_error_of_a_task_is_raised() -> None:
    def fails() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        side_by_side([fails, fails])


def test_lists_are_made_a_block_at_a_time_on_one_thread_and_are_the_same_as_on_several() -> None:
    found = []
    for threads in (1, 3):
        busy = Busy(threads)
        with at_most(threads):
            blocks = in_blocks(6, 700_000, lambda some, busy=busy: (busy(0), np.square(some))[1])
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


@pytest.mark.parametrize(("shared", "expected"), [(None, 3), (8, 3), (1, 1)])
def test_a_step_that_shares_the_machine_holds_duckdb_to_its_part(shared: int | None, expected: int) -> None:
    with duckdb.connect(config={"threads": 3}) as connection, ExitStack() as stack:
        if shared is not None:
            stack.enter_context(at_most(shared))
        with held(connection):
            assert (threads_of(connection), allowed()) == (expected, expected)
        assert threads_of(connection) == 3


def test_what_went_wrong_in_a_step_is_told_where_its_threads_cannot_be_given_back() -> None:
    with duckdb.connect(config={"threads": 3}) as connection:
        connection.execute("CREATE TABLE one (number INTEGER PRIMARY KEY)")
        connection.begin()  # nothing is possible in it any more, once something failed
        with pytest.raises(duckdb.ConstraintException), at_most(1), held(connection):
            connection.execute("INSERT INTO one SELECT 1 FROM range(3)")


INTERRUPTED = """
import signal
import duckdb
from assets.threads import at_most, held
from warehouse.lake import threads_of

def stop(*_):
    raise KeyboardInterrupt

connection = duckdb.connect(config={"threads": 3})
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    with at_most(2), held(connection):
        connection.execute("SELECT count(*) FROM range(10_000_000) AS a, range(10_000_000) AS b")
except RuntimeError as error:
    print(error, threads_of(connection))
"""


def test_a_query_that_a_signal_ends_in_two_threads_holds_up_no_end() -> None:
    """The other thread goes on with it: whoever gives back threads then would wait for a day."""
    said = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=Path(__file__).parents[3], capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert said.stdout == "Query interrupted 3\n"


LOADED_LATER = """
import sys
from pathlib import Path
from pipelines.settings import export_environment, load
export_environment(load(Path(sys.argv[1])))
import numpy, polars, scipy.linalg, sklearn.cluster
from threadpoolctl import threadpool_info
print(sorted({(pool["user_api"], pool["num_threads"]) for pool in threadpool_info()}), polars.thread_pool_size())
"""


def test_a_library_that_is_loaded_later_has_the_threads_of_the_setting(tmp_path: Path) -> None:
    """A step's limit holds those alone that are there when it begins."""
    said = subprocess.run(
        [sys.executable, "-c", LOADED_LATER, tmp_path], cwd=Path(__file__).parents[3], capture_output=True,
        text=True, check=True, env={**os.environ, "TILLAGE_THREADS": "1"},
    )  # fmt: skip
    assert said.stdout.strip() == "[('blas', 1), ('openmp', 1)] 1"
