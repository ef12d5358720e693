"""How many threads a step may use: as many as the setting `threads` gives DuckDB, whatever it computes with."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

import duckdb
from threadpoolctl import get_cached_controller

from warehouse.lake import threads_of

Result = TypeVar("Result")

_ALLOWED: ContextVar[int | None] = ContextVar("allowed", default=None)


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Hold what is computed inside to so many threads."""
    before = _ALLOWED.set(threads)
    try:
        yield
    finally:
        _ALLOWED.reset(before)


@contextmanager
def held(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Hold DuckDB, and what is computed beside it, to its threads, or to fewer where a step shares the machine."""
    had = threads_of(connection)
    threads = min(had, _ALLOWED.get() or had)
    if threads == had:
        with at_most(threads):
            yield
        return
    connection.execute(f"SET threads = {threads}")
    try:
        with at_most(threads):
            yield
    except BaseException:
        # A query that a signal took us out of is at work still, in other threads, and whatever is asked next waits for it.
        connection.interrupt()
        raise
    finally:
        with suppress(duckdb.Error):  # what went wrong before is what is told
            connection.execute(f"SET threads = {had}")


def allowed() -> int:
    """How many threads there may be: all cores where nobody said."""
    return _ALLOWED.get() or os.cpu_count() or 1


def pools_at_most(threads: int, kind: str | None = None) -> AbstractContextManager[Any]:
    """Hold the pools of BLAS and OpenMP that are loaded by now, or of one of them, to so many threads."""
    # `threadpool_limits` would look through all libraries of the process again: 4 ms for each of a hundred fits.
    held: AbstractContextManager[Any] = get_cached_controller().limit(limits=threads, user_api=kind)
    return held


def side_by_side(tasks: Iterable[Callable[[], Result]]) -> list[Result]:
    """Do tasks at once, as far as threads allow, each on one thread, and give what comes of each in their order.

    Worth it where a task leaves the interpreter to others, as NumPy does; none may depend on another.
    """
    waiting = list(tasks)
    threads = min(allowed(), len(waiting)) or 1
    # BLAS has one limit a process, OpenMP one a thread; a new thread knows no context variable.
    with (
        at_most(1),
        pools_at_most(1),
        ThreadPoolExecutor(threads, initializer=pools_at_most, initargs=(1, "openmp")) as pool,
    ):
        return [one.result() for one in [pool.submit(copy_context().run, task) for task in waiting]]
