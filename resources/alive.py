"""Which runs have a process: each holds a lock while it works, which a kill or a crash lets go.

Each holder has a file of its own, which is seen from its lock on and gone before that is let go: who looks in between
never finds a file of a run at work without its lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

ENDING = ".run"


@contextmanager
def alive(folder: Path, run: str) -> Iterator[None]:
    """Show that the run has a process; its steps may do so side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run}.{uuid4().hex[:8]}{ENDING}"
    aside = file.with_suffix(".new")
    with aside.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        aside.rename(file)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def dead(folder: Path) -> list[str]:
    """Give the runs whose processes ended without a word; one that never worked here is none of them."""
    held: set[str] = set()
    let_go: set[str] = set()
    for file in folder.glob(f"*{ENDING}"):
        run = file.name.split(".")[0]
        (let_go if _is_let_go(file) else held).add(run)
    return sorted(let_go - held)


def bury(folder: Path, run: str) -> None:
    """Forget a run that is dead."""
    for file in (*folder.glob(f"{run}.*{ENDING}"), *folder.glob(f"{run}{ENDING}")):
        file.unlink(missing_ok=True)


def _is_let_go(file: Path) -> bool:
    """Whether the file is there, and nobody holds it."""
    try:
        with file.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that ended well took its file away first.
            return os.fstat(lock.fileno()).st_nlink > 0
    except (BlockingIOError, FileNotFoundError):  # at work, or just ended well
        return False
