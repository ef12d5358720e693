"""Which runs have a process: each holds a lock while it works, which a kill or a crash lets go."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDING = ".run"


@contextmanager
def alive(folder: Path, run: str) -> Iterator[None]:
    """Show that the run has a process; its steps may hold it side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run}{ENDING}"
    try:
        with file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield
    finally:
        if not _is_held(file):
            file.unlink(missing_ok=True)


def dead(folder: Path) -> list[str]:
    """Give the runs whose processes ended without a word; one that never worked here is none of them."""
    return sorted(file.stem for file in folder.glob(f"*{ENDING}") if not _is_held(file))


def bury(folder: Path, run: str) -> None:
    """Forget a run that is dead."""
    (folder / f"{run}{ENDING}").unlink(missing_ok=True)


def _is_held(file: Path) -> bool:
    try:
        with file.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):  # at work, or just ended well
        return True
    return False
