"""A second home to go back to: made while runs go on, made again by what is new, checked before it counts.

The catalog is copied first, by SQLite, in one snapshot; then the files that it names, which never change; then what
people and models wrote, which may be newer: a file that was dropped since is taken in by the next run. Files are
copied, not linked: a link would share the damage. Not part of it: exports, spilled rows, logs of steps.
"""

import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from warehouse import catalog
from warehouse.errors import TillageError
from warehouse.files import data_files_of
from warehouse.lake import CATALOG, data_of, home_of

MARK = "backup.json"
RESTORING = ".restoring"  # in a home whose restoring has begun and not ended
FOLDERS = ("landing", "models", "seeds", "truth")
FILES = ("tillage.toml", "dagster/dagster.yaml")


@dataclass(frozen=True, slots=True)
class Copied:
    """What was done: files and bytes copied, files that were there already, and the lake's newest snapshot."""

    files: int
    size: int
    unchanged: int
    snapshot: int


def backup(connection: duckdb.DuckDBPyConnection, folder: Path) -> Copied:
    """Make `folder` a copy of the home, or bring the copy that it is up to date. A kill leaves the one before.

    Args:
        connection: A connection to the lake: while it is open, maintenance deletes no file that is to be copied.
        folder: A folder outside the home that is new, empty, or a backup.

    Raises:
        TillageError: If it is another folder, cannot be written, or the lake is damaged.
    """
    home, data = home_of(connection).resolve(), data_of(connection)
    if not (home / "lake" / CATALOG).exists():
        places = f"{home} and {data}" if "://" in data else f"{home}"
        raise TillageError(
            "The catalog is in PostgreSQL, which has a backup of its own: `pg_dump` of that database first, then copy "
            f"{places}. Files are named by the catalog before they are let go, and stay for a day after."
        )
    folder = folder.expanduser().resolve()
    if folder == home or home in folder.parents:
        raise TillageError(
            f"{folder} lies in the home {home}, and would be lost with it: name a folder elsewhere."
        )
    if _is_filled(folder) and not (folder / MARK).exists():
        raise TillageError(
            f"{folder} holds other files, and is no backup: name a new folder, or one that is empty."
        )
    try:
        return _backup(home, folder)
    except (OSError, sqlite3.Error) as error:
        raise TillageError(
            f"The backup into {folder} failed: {error}. The one that was there before is as it was."
        ) from error


def restore(folder: Path, home: Path) -> Copied:
    """Make the empty folder `home` what the backup holds. Killed, it goes on when started again.

    Raises:
        TillageError: If there is no whole backup, the home is not empty, or cannot be written.
    """
    folder, home = folder.expanduser().resolve(), home.resolve()
    mark = json.loads((folder / MARK).read_text()) if (folder / MARK).exists() else {}
    if not mark.get("is_whole"):
        raise TillageError(
            f"{folder} is no backup, or one that was never finished: `tillage backup` makes them."
        )
    if _is_filled(home) and not (home / RESTORING).exists():
        raise TillageError(
            f"{home} is not empty, and nothing in it is overwritten. Move it away first, then restore, then copy what "
            "was dropped since into its landing/."
        )
    copied = folder / "lake" / CATALOG
    try:
        named = _whole(copied, folder / "lake" / "data")
        home.mkdir(parents=True, exist_ok=True)
        (home / RESTORING).touch()
        copy = _Copy(folder, home)
        for path in named:
            copy.file(Path("lake", "data", path))
        copy.others()
        copy.file(Path("lake", CATALOG))
        (home / RESTORING).unlink()
    except (OSError, sqlite3.Error) as error:
        raise TillageError(
            f"{home} could not be restored from {folder}: {error}. Start it again when that is mended."
        ) from error
    return copy.done(_snapshot(copied))


def _backup(home: Path, folder: Path) -> Copied:
    (folder / "lake").mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists():
        mark.write_text(json.dumps({"is_whole": False}))
    with _alone(mark):
        fresh = folder / "lake" / f".{CATALOG}.part"
        catalog.copy(home / "lake" / CATALOG, fresh)
        copy = _Copy(home, folder)
        named = data_files_of(fresh)
        for path, size in named.items():
            copy.file(Path("lake", "data", path), size)
        copy.others()
        fresh.replace(folder / "lake" / CATALOG)
        told = {
            "is_whole": True,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "home": str(home),
        }
        aside = folder / f".{MARK}"
        aside.write_text(json.dumps(told, indent=1))
        aside.replace(mark)
        copy.sweep({f"lake/data/{path}" for path in named})
    return copy.done(_snapshot(folder / "lake" / CATALOG))


@dataclass
class _Copy:
    """Copies from one folder to the same place in another what is not there yet."""

    source: Path
    target: Path

    def __post_init__(self) -> None:
        self._files, self._size, self._unchanged = 0, 0, 0
        self._there: set[str] = {MARK, f"lake/{CATALOG}"}

    def done(self, snapshot: int) -> Copied:
        return Copied(self._files, self._size, self._unchanged, snapshot)

    def file(self, path: Path, size: int | None = None) -> None:
        """Copy one file with its times; of a file that must have a size any other is an error."""
        source, target = self.source / path, self.target / path
        found = source.stat()
        if size is not None and found.st_size != size:
            raise OSError(f"{source} is damaged: it has {found.st_size} bytes and was written with {size}")
        self._there.add(path.as_posix())
        if target.exists():
            before = target.stat()
            # What has a size of its own is written once and never changed.
            if before.st_size == found.st_size and (
                size is not None or before.st_mtime_ns == found.st_mtime_ns
            ):
                self._unchanged += 1
                return
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{uuid4().hex[:8]}.part")
        try:
            shutil.copy2(source, aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        self._files += 1
        self._size += found.st_size

    def others(self) -> None:
        """Copy what people, models and Dagster wrote; what goes away meanwhile is left out."""
        for path in self._paths():
            try:
                if path.suffix == ".db":
                    (self.target / path).parent.mkdir(parents=True, exist_ok=True)
                    aside = (self.target / path).with_suffix(".part")
                    _copy_database(self.source / path, aside)
                    aside.replace(self.target / path)
                    self._there.add(path.as_posix())
                else:
                    self.file(path)
            except FileNotFoundError:
                if (self.source / path).exists():
                    raise

    def sweep(self, named: set[str]) -> None:
        """Delete what the source holds no more."""
        for folder in ("lake", "dagster", *FOLDERS):
            for file in [file for file in (self.target / folder).rglob("*") if file.is_file()]:
                path = file.relative_to(self.target).as_posix()
                if path not in self._there and path not in named:
                    file.unlink()

    def _paths(self) -> Iterator[Path]:
        for folder in FOLDERS:
            for file in sorted((self.source / folder).rglob("*")):
                if file.is_file():
                    yield file.relative_to(self.source)
        for name in FILES:
            if (self.source / name).exists():
                yield Path(name)
        for file in sorted((self.source / "dagster").rglob("*.db")):
            yield file.relative_to(self.source)


def _whole(copied: Path, data: Path) -> list[str]:
    """Give the files that a catalog names, having seen that it is sound and that all of them are there."""
    for said in catalog.damages(copied):
        raise OSError(f"its catalog is damaged: {said}")
    named = data_files_of(copied)
    for path, size in named.items():
        found = (data / path).stat().st_size
        if found != size:
            raise OSError(f"{data / path} is damaged: it has {found} bytes and was written with {size}")
    return list(named)


def _snapshot(copied: Path) -> int:
    with closing(sqlite3.connect(f"{copied.as_uri()}?immutable=1", uri=True)) as database:
        return int(database.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0])


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database of Dagster's in one snapshot of it; its SQLite is Python's, as ours."""
    target.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as write,
    ):
        read.backup(write)


@contextmanager
def _alone(mark: Path) -> Iterator[None]:
    """Let one process write a backup at a time."""
    with mark.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError("another process is writing it") from error
        yield


def _is_filled(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(files for _, _, files in os.walk(folder)))
