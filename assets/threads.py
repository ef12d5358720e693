"""How many threads a step may use: as many as the setting `threads` gives DuckDB, whatever it computes with."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

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


def allowed() -> int:
    """How many threads there may be: all cores where nobody said."""
    return _ALLOWED.get() or os.cpu_count() or 1


def side_by_side(tasks: Iterable[Callable[[], Result]]) -> list[Result]:
    """Do tasks at once, as far as threads allow, each on one thread, and give what comes of each in their order.

    Worth it where a task leaves the interpreter to others, as NumPy does; none may depend on another.
    """
    waiting = list(tasks)
    threads = min(allowed(), len(waiting)) or 1
    # BLAS has one limit a process, OpenMP one a thread; a new thread knows no context variable.
    with (
        at_most(1),
        threadpool_limits(1),
        ThreadPoolExecutor(threads, initializer=threadpool_limits, initargs=(1, "openmp")) as pool,
    ):
        return [one.result() for one in [pool.submit(copy_context().run, task) for task in waiting]]
