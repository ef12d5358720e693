"""Keep the lake small: merge small files, expire old snapshots, delete what nothing names any more.

Nothing is deleted that somebody may still need: no file is younger than a day, or than the oldest connection that
is open; no snapshot goes that a table names (a column `snapshot`: models, reports), or a reader. `cleanup_all` of
DuckLake is never used: it deletes the files of transactions still open, which then commit unreadable.
"""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import duckdb

from warehouse.errors import TillageError
from warehouse.files import GRACE, delete_orphans
from warehouse.lake import (
    CATALOG_TABLES,
    Opened,
    alone,
    home_of,
    in_transaction,
    opened,
    shape_of,
    snapshot,
    spill_folder,
)
from warehouse.tables import TABLES

# Files of so many bytes are large enough: merging them would read and write much for little.
SMALL = 32 << 20


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done.

    Attributes:
        merged: Of each table, as schema.name, the files that were merged, and those that they became.
        expired: Snapshots that can be asked no longer.
        pinned: Snapshots older than the setting that were kept, as a table or an open reader names them.
        deleted: Files that nothing named any more, deleted one to two days after they were let go.
        orphans: Files that no snapshot ever named, left by runs that were killed, deleted.
        is_held_back: Whether a connection open for longer than a day kept files from being deleted.
    """

    merged: Mapping[str, tuple[int, int]]
    expired: tuple[int, ...]
    pinned: tuple[int, ...]
    deleted: int
    orphans: int
    is_held_back: bool


def maintain(
    connection: duckdb.DuckDBPyConnection, *, keep: timedelta, now: datetime, pins: Collection[int] = ()
) -> Maintained:
    """Do it, while others read and write.

    Args:
        connection: A connection that may write.
        keep: How long a snapshot can be asked, a day at least.
        now: This moment, with its zone.
        pins: Snapshots to be kept besides those that tables and readers name.

    Raises:
        TillageError: If snapshots were to be kept for less than a day.
    """
    if keep < GRACE:
        raise TillageError(
            f"Snapshots cannot be expired after {keep}: what is younger than a day may belong to a run that is "
            "still going on. Keep them for a day at least."
        )
    with alone(connection, "maintain"):
        merged = _merge(connection)
        others, dead = _others(connection)
        expired, pinned = _expire(connection, now - keep, {*pins, *_asked(others)})
        # What is open may read what was let go since it was opened, whatever the clock says of it.
        aged = now - GRACE
        before = min([aged, *(other.since for other in others)])
        deleted = connection.execute(
            "CALL ducklake_cleanup_old_files('lake', older_than => ?)", [_whole_day(before)]
        ).fetchall()
        left = delete_orphans(connection, before)
        for folder in dead:
            if folder.exists() and folder.stat().st_mtime < aged.timestamp():
                shutil.rmtree(folder, ignore_errors=True)
    return Maintained(merged, expired, pinned, len(deleted), left, before < aged)


def named_snapshots(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """Give the snapshots that rows of any table name, in a column `snapshot`."""
    found: set[int] = set()
    for table in TABLES.values():
        if "snapshot" in table.shape and "snapshot" in shape_of(connection, table):
            rows = connection.execute(
                f"SELECT DISTINCT snapshot FROM {table.qualified} WHERE snapshot IS NOT NULL"
            ).fetchall()
            found.update(number for (number,) in rows)
    return found


def _whole_day(before: datetime) -> datetime:
    """Give a moment such that what DuckLake takes to be older is older than `before`, by a day at most.

    On SQLite it compares moments as text, 2011-01-02 10:00:00 with 2011-01-02T09:00:00: all of that day are older.
    """
    return datetime.combine(before.astimezone(UTC).date() - timedelta(days=1), time(), UTC)


def _merge(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Merge the small files of each table that has several for a month."""
    candidates = connection.execute(
        f"""
        SELECT s.schema_name, t.table_name
        FROM {CATALOG_TABLES}.ducklake_data_file AS f
        INNER JOIN {CATALOG_TABLES}.ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
        INNER JOIN {CATALOG_TABLES}.ducklake_schema AS s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
        LEFT JOIN {CATALOG_TABLES}.ducklake_file_partition_value AS p USING (data_file_id)
        WHERE f.end_snapshot IS NULL AND f.file_size_bytes < {SMALL}
        GROUP BY s.schema_name, t.table_name, p.partition_value
        HAVING count(*) > 1
        """
    ).fetchall()
    merged: dict[str, tuple[int, int]] = {}
    for schema, name in sorted(set(candidates)):

        def merge(schema: str = schema, name: str = name) -> None:
            rows = connection.execute(
                "CALL ducklake_merge_adjacent_files('lake', ?, schema => ?, max_file_size => ?)",
                [name, schema, SMALL],
            ).fetchall()
            before, after = sum(row[2] for row in rows), sum(row[3] for row in rows)
            if before:
                merged[f"{schema}.{name}"] = (before, after)

        in_transaction(connection, merge)
    return merged


def _others(connection: duckdb.DuckDBPyConnection) -> tuple[list[Opened], list[Path]]:
    """The connections open on the lake but this, and what killed ones left."""
    alive, dead = opened(home_of(connection) / "lake")
    own = spill_folder(connection).name
    return [other for other in alive if other.folder.name != own], dead


def _asked(others: Collection[Opened]) -> set[int]:
    return {other.as_of for other in others if other.as_of is not None}


def _expire(
    connection: duckdb.DuckDBPyConnection, before: datetime, pins: set[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Expire the snapshots of before a moment, by explicit list: never the newest, never one that is named."""
    expired: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()

    def expire() -> None:
        nonlocal expired, kept
        named = {*pins, *named_snapshots(connection)}
        old = [
            number
            for (number,) in connection.execute(
                "SELECT snapshot_id FROM ducklake_snapshots('lake') "
                "WHERE snapshot_time < ? AND snapshot_id <> ? ORDER BY snapshot_id",
                [before, snapshot(connection)],
            ).fetchall()
        ]
        expired = tuple(number for number in old if number not in named)
        kept = tuple(number for number in old if number in named)
        if expired:
            connection.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [list(expired)])

    in_transaction(connection, expire)
    return expired, kept
