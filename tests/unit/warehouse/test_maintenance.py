"""Maintenance makes the lake smaller, and nobody who reads or writes notices."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import TillageError
from warehouse.lake import ASIDE, ensure, in_transaction, open_lake, opened, snapshot
from warehouse.maintenance import maintain
from warehouse.records import Record, insert, read_versions, write_versions
from warehouse.tables import TABLES, models

ROOT = Path(__file__).parents[3]
KEEP = timedelta(days=30)
DAYS = TABLES["core.sales_days"]
MONTHS = [date(2011, month, 1) for month in (1, 2, 3)]
ALL = 'SELECT count(*), sum(hash(s)::HUGEINT) FROM (SELECT "table", month, version FROM meta.versions) AS s'


def later(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def files(home: Path) -> set[Path]:
    return set((home / "lake" / "data").rglob("*.parquet"))


@pytest.fixture
def records(lake: duckdb.DuckDBPyConnection) -> list[int]:
    """Twenty publications, and the snapshot after each."""
    after = []
    for number in range(20):
        record = {MONTHS[number % 3]: Record(f"v{number}", "code", "inputs", number)}
        in_transaction(lake, lambda record=record: write_versions(lake, "core.sales_days", record, None))
        after.append(snapshot(lake))
    return after


def test_small_files_become_one_and_every_snapshot_is_as_it_was(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int]
) -> None:
    """The plan reads meta.versions each time, and knows the newest record by its snapshot."""
    before = read_versions(lake)
    seen = [
        lake.execute(f"SELECT count(*) FROM meta.versions AT (VERSION => {at})").fetchone() for at in records
    ]
    done = maintain(lake, keep=KEEP, now=later())
    assert done.merged == {"meta.versions": (20, 1)}
    assert read_versions(lake) == before
    assert before["core.sales_days", MONTHS[0]].version == "v18"
    assert seen == [
        lake.execute(f"SELECT count(*) FROM meta.versions AT (VERSION => {at})").fetchone() for at in records
    ]
    assert len(files(home)) == 21, "what was merged can be read by those who are at it"
    assert maintain(lake, keep=KEEP, now=later()).merged == {}
    assert read_versions(lake) == before


def test_old_snapshots_go_and_the_newest_stays(lake: duckdb.DuckDBPyConnection, records: list[int]) -> None:
    """In a shop that was closed for a year, too."""
    before = read_versions(lake)
    assert maintain(lake, keep=KEEP, now=later(days=29)).expired == ()
    done = maintain(lake, keep=KEEP, now=later(days=31))
    assert set(records) <= set(done.expired)
    assert [row[0] for row in lake.execute("FROM ducklake_snapshots('lake')").fetchall()] == [
        done.expired[-1] + 1
    ]
    assert read_versions(lake) == before


def test_a_snapshot_that_a_model_names_stays(lake: duckdb.DuckDBPyConnection, records: list[int]) -> None:
    """What a model was fitted to can be looked at for as long as the model stands."""
    row = {"name": "segments.clusters", "as_of": MONTHS[0], "code_version": "c", "data_version": "d"}
    row |= {"snapshot": records[7], "parameters": "{}", "metrics": "{}", "path": "models/a.skops"}
    insert(lake, models.REGISTRY, [row])
    done = maintain(lake, keep=KEEP, now=later(days=31), pins=[records[9]])
    assert done.pinned == (records[7], records[9])
    for at, rows in ((records[7], 8), (records[9], 10)):
        assert lake.execute(f"SELECT count(*) FROM meta.versions AT (VERSION => {at})").fetchone() == (rows,)
    with pytest.raises(duckdb.Error, match="No snapshot"):
        lake.execute(f"SELECT count(*) FROM meta.versions AT (VERSION => {records[8]})")


def test_a_snapshot_that_a_reader_asked_for_stays_until_it_closes(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int]
) -> None:
    with open_lake(home / "lake", read_only=True, as_of=records[5]) as reader:
        assert maintain(lake, keep=KEEP, now=later(days=31)).pinned == (records[5],)
        assert reader.execute("SELECT count(*) FROM meta.versions").fetchone() == (6,)
    assert maintain(lake, keep=KEEP, now=later(days=31)).expired == (records[5],)


def test_a_reader_in_the_middle_of_it_reads_on_whatever_the_clock_says(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int]
) -> None:
    """A report that runs over the weekend, or a clock that jumps by a year, must not lose its files."""
    with open_lake(home / "lake", read_only=True) as reader:
        reader.begin()
        reader.execute("SELECT 1 FROM meta.versions LIMIT 1").fetchall()
        done = maintain(lake, keep=KEEP, now=later(days=365))
        assert done.expired
        assert (done.deleted, done.is_held_back) == (0, True)
        assert reader.execute(ALL).fetchone() == lake.execute(ALL).fetchone()
        reader.rollback()
    before = files(home)
    done = maintain(lake, keep=KEEP, now=later(days=365))
    assert (done.deleted, done.is_held_back) == (20, False)
    assert len(before) - len(files(home)) == 20
    assert lake.execute(ALL).fetchone() is not None


def test_what_a_writer_has_not_committed_yet_stays_and_can_be_read(
    lake: duckdb.DuckDBPyConnection, home: Path
) -> None:
    """`cleanup_all` and deleting orphans by age alone would leave a lake whose newest rows have no file."""
    with open_lake(home / "lake") as writer:
        in_transaction(writer, lambda: ensure(writer, DAYS))
        writer.begin()
        values = {"DATE": MONTHS[0], "VARCHAR": "a"}
        insert(writer, DAYS, [{name: values.get(kind, 1) for name, kind in DAYS.shape.items()}])
        written = [file for file in files(home) if "sales_days" in str(file)]
        assert written, "its file is there before it commits"
        done = maintain(lake, keep=KEEP, now=later(days=3))
        assert (done.orphans, done.is_held_back) == (0, True)
        writer.commit()
    assert lake.execute("SELECT count(*) FROM core.sales_days").fetchone() == (1,)


def test_what_a_killed_process_left_is_deleted_a_day_later_and_not_before(
    lake: duckdb.DuckDBPyConnection, home: Path
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from warehouse.lake import open_lake\n"
        "from warehouse.tables import TABLES; from warehouse.records import insert, Record, write_versions\n"
        "with open_lake(Path(sys.argv[1])) as connection:\n"
        "    connection.begin()\n"
        "    write_versions(connection, 'a', {None: Record('1', '', '')}, None)\n"
        "    print('written', flush=True); time.sleep(100)"
    )
    before = files(home)
    with subprocess.Popen(
        [sys.executable, "-c", code, home / "lake"], cwd=ROOT, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        assert len(opened(home / "lake")[0]) == 1
        killed.kill()
    (left,) = files(home) - before
    (spill,) = (home / "lake" / "tmp").glob("*-*/")
    model = home / "models" / "segments.clusters" / "2011-01-01-abc.skops.1"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"half a model")
    assert maintain(lake, keep=KEEP, now=later(hours=23)).orphans == 0
    assert (left.exists(), spill.exists()) == (True, True)
    assert maintain(lake, keep=KEEP, now=later(hours=25)).orphans == 2
    assert (left.exists(), spill.exists(), model.exists()) == (False, False, False)
    assert files(home) == before


IN_AND_OUT = """
import sys
from pathlib import Path
from warehouse.lake import open_lake
print("begins", flush=True)
while True:
    with open_lake(Path(sys.argv[1]), as_of=0):
        pass
"""


def test_a_connection_that_comes_or_goes_is_never_taken_for_one_of_a_killed_process(home: Path) -> None:
    """Its snapshot would be expired and its spill folder deleted under its feet."""
    root = home / "lake"
    with open_lake(root):
        pass
    looks, seen = 0, set()
    with subprocess.Popen(
        [sys.executable, "-c", IN_AND_OUT, root], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until = time.monotonic() + 120
        try:
            while (looks < 1000 or len(seen) <= 10) and time.monotonic() < until:
                alive, dead = opened(root)
                assert [folder for folder in dead if not folder.name.endswith(ASIDE)] == []
                assert {other.as_of for other in alive} <= {0}
                seen |= {other.folder for other in alive}
                looks += 1
        finally:
            process.kill()
    assert looks >= 1000
    assert len(seen) > 10, "there was nothing to look at"


def test_what_a_process_killed_between_its_folder_and_its_lock_left_goes_after_a_day(
    lake: duckdb.DuckDBPyConnection, home: Path
) -> None:
    work = home / "lake" / "tmp"
    left = [work / f"1.abc{ASIDE}", work / "1-of-a-release-before"]
    for folder in left:
        folder.mkdir(parents=True)
    maintain(lake, keep=KEEP, now=later(hours=23))
    assert [folder.exists() for folder in left] == [True, True]
    maintain(lake, keep=KEEP, now=later(hours=25))
    assert [folder.exists() for folder in left] == [False, False]


def test_a_home_with_a_name_that_is_a_pattern_is_maintained(tmp_path: Path) -> None:
    root = tmp_path / "the [new] shop's *home" / "lake"
    with open_lake(root) as connection:
        in_transaction(connection, lambda: ensure(connection, DAYS))
        orphan = root / "data" / "core" / "left.parquet"
        orphan.parent.mkdir(parents=True)
        orphan.write_bytes(b"x")
        os.utime(orphan, (time.time() - 90_000,) * 2)
        # Written before this connection was opened, by one that is closed.
        assert maintain(connection, keep=KEEP, now=later()).orphans == 1
    assert not orphan.exists()


def test_a_file_that_somebody_deleted_by_hand_does_not_stop_it(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int]
) -> None:
    maintain(lake, keep=KEEP, now=later())
    let_go = "SELECT path FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion LIMIT 1"
    ((path,),) = lake.execute(let_go).fetchall()
    (home / "lake" / "data" / path).unlink()
    assert maintain(lake, keep=KEEP, now=later(days=3)).deleted == 20
    assert maintain(lake, keep=KEEP, now=later(days=3)).deleted == 0


def test_a_file_that_was_let_go_within_the_day_stays(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int]
) -> None:
    """DuckLake compares moments on SQLite as text: what was let go at noon is older for it than that morning."""
    maintain(lake, keep=KEEP, now=later())
    for hours in range(0, 24, 3):
        assert maintain(lake, keep=KEEP, now=later(hours=hours)).deleted == 0
    assert len(files(home)) == 21


def test_nothing_younger_than_a_day_is_expired(lake: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(TillageError, match="for a day at least"):
        maintain(lake, keep=timedelta(hours=23), now=later())
    lake.execute("SELECT 1")


def test_it_waits_for_its_own_kind_and_conflicts_with_none(
    lake: duckdb.DuckDBPyConnection, home: Path, records: list[int], rows_of: Callable[..., list[tuple[int]]]
) -> None:
    """The schedule maintains while a person does, and a run publishes: each ends, no record is lost."""
    code = (
        "import sys; from datetime import UTC, datetime, timedelta; from pathlib import Path\n"
        "from warehouse.lake import open_lake, in_transaction\n"
        "from warehouse.maintenance import maintain\n"
        "from warehouse.records import Record, write_versions\n"
        "with open_lake(Path(sys.argv[1])) as c:\n"
        "    for n in range(8):\n"
        "        if sys.argv[2] == 'm':\n"
        "            maintain(c, keep=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=40))\n"
        "        else:\n"
        "            in_transaction(c, lambda: write_versions(c, sys.argv[2], {None: Record(str(n), '', '')}, None))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, home / "lake", what], cwd=ROOT, stderr=subprocess.PIPE)
        for what in ("m", "m", "a", "b")
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert rows_of(
        "SELECT \"table\", count(*), max(version) FROM meta.versions WHERE \"table\" IN ('a', 'b') GROUP BY ALL ORDER BY ALL"
    ) == [
        ("a", 8, "7"),
        ("b", 8, "7"),
    ]
    assert {table: at.version for (table, _), at in read_versions(lake, ["a", "b"]).items()} == {
        "a": "7",
        "b": "7",
    }
