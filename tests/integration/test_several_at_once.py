"""Runs, a person's query and a dashboard go on together: nobody is told that a database is locked."""

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.lake import open_lake
from warehouse.records import prepare

ROOT = Path(__file__).parents[2]
# Each adds a row of its own and one to a counter of all, by one transaction, until the time is over; once in any case,
# for a machine that is at something else meanwhile.
WRITER = """
import sys, time
from datetime import date
from pathlib import Path
from warehouse.lake import in_transaction, open_lake
from warehouse.records import Record, write_versions
root, name, end, postgres = Path(sys.argv[1]), sys.argv[2], time.time() + float(sys.argv[3]), sys.argv[4] or None
with open_lake(root, threads=1, postgres=postgres) as connection:
    done = 0
    while not done or time.time() < end:
        def write():
            connection.execute("INSERT INTO landing.quarantine VALUES (?, ?, '', [])", [name, done + 1])
            write_versions(connection, name, {date(2011, 1, 1): Record(str(done + 1), "", "", done + 1)}, None)
            if done % 4 == 0:
                ((count,),) = connection.execute("SELECT rows FROM landing.file_months").fetchall()
                connection.execute("DELETE FROM landing.file_months")
                connection.execute("INSERT INTO landing.file_months VALUES ('all', '2011-01-01', ?, 0)", [count + 1])
        in_transaction(connection, write)
        done += 1
        time.sleep(0.02)
print(done)
"""
# Four connections that stay open, as a dashboard's, and people who open one for a query each time.
READER = """
import sys, threading, time
from pathlib import Path
from warehouse.lake import open_lake, select
root, end, postgres = Path(sys.argv[1]), time.time() + float(sys.argv[2]), sys.argv[3] or None
ASKED = '''
SELECT (SELECT count(*) FROM landing.quarantine), (SELECT coalesce(sum(row), 0) FROM (
    SELECT max(row) AS row FROM landing.quarantine GROUP BY file_id)),
    (SELECT coalesce(sum("rows"), 0) FROM (SELECT max("rows") AS "rows" FROM meta.versions GROUP BY "table"))
'''
errors, reads = [], []
def stay():
    with open_lake(root, threads=1, read_only=True, postgres=postgres) as connection:
        before = look(connection, 0)
        while time.time() < end:
            before = look(connection, before)
def come():
    before, is_first = 0, True
    while is_first or time.time() < end:
        is_first = False
        with open_lake(root, threads=1, read_only=True, postgres=postgres) as connection:
            before = look(connection, before)
def look(connection, before):
    (row,) = select(connection, ASKED).fetchall()
    assert len(set(row)) == 1, f"torn or doubled: {row}"
    assert row[0] >= before, "rows went away"
    reads.append(row[0])
    time.sleep(0.02)
    return row[0]
def guarded(work):
    try: work()
    except BaseException as error: errors.append(f"{type(error).__name__}: {error}")
threads = [threading.Thread(target=guarded, args=[work]) for work in (stay, come) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(reads), errors)
sys.exit(bool(errors))
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out


def assert_all_get_on(root: Path, seconds: float, postgres: str | None = None) -> None:
    """Let four write and eight read; not one reader error, not one lost or doubled row."""
    with open_lake(root, postgres=postgres) as lake:
        prepare(lake)
        lake.execute("INSERT INTO landing.file_months VALUES ('all', '2011-01-01', 1, 0)")
        writers = [start(WRITER, root, name, seconds, postgres or "") for name in "abcd"]
        readers = [start(READER, root, seconds, postgres or "") for _ in range(2)]
        done = {name: int(finish(process)) for name, process in zip("abcd", writers, strict=True)}
        reads = [int(finish(process).split()[0]) for process in readers]
        assert min(done.values()) > 0
        assert min(reads) > 0
        assert lake.execute(
            "SELECT file_id, count(*), count(DISTINCT row), max(row) FROM landing.quarantine GROUP BY ALL ORDER BY ALL"
        ).fetchall() == [(name, number, number, number) for name, number in done.items()]
        records = lake.execute('SELECT "table", count(*) FROM meta.versions GROUP BY ALL').fetchall()
        assert dict(records) == done
        counted = 1 + sum(-(-number // 4) for number in done.values())
        assert lake.execute("SELECT rows FROM landing.file_months").fetchall() == [(counted,)]


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_four_writers_and_eight_readers_get_on(home: Path, seconds: float) -> None:
    assert_all_get_on(home / "lake", seconds)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [6, 60])
def test_they_do_on_postgresql(tmp_path: Path, postgres: str, seconds: float) -> None:
    assert_all_get_on(tmp_path / "home" / "lake", seconds, postgres)
