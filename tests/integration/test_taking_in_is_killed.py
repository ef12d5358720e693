"""A kill, or another process, at any moment of taking in leaves nothing half done."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
FILES, ROWS = 12, 2_000
TAKE_IN = """
import sys
from datetime import date, datetime
from pathlib import Path
from warehouse import intake
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading
from warehouse.lake import open_lake
from warehouse.records import prepare
intake.BATCH_BYTES = 0
home = Path(sys.argv[1])
with open_lake(home / "lake") as connection:
    prepare(connection)
    print("open", flush=True)
    taken = intake.take_in(
        connection, home / "landing", Reading(header_sets(), None, date(1990, 1, 1), datetime(2012, 1, 1)),
        progress=lambda *at: print(*at, flush=True),
    )
    print(*taken.left.values(), sep="\\n")
"""


@pytest.fixture
def files(orders: Path, csv_text: Callable[..., str], order_row: Callable[..., Any]) -> None:
    """Files of two months each; the last row of each is bad."""
    for at in range(FILES):
        good = [order_row(f"{at}-{row}", sold_at=f"{at // 3 + 1 + row % 2}/2/2011") for row in range(ROWS)]
        (orders / f"{at:02}.csv").write_text(csv_text([*good, order_row(quantity="x")]))


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TAKE_IN, home],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def whole(lake: duckdb.DuckDBPyConnection) -> int:
    """Count the files taken in, having seen that rows, quarantine and records agree with them."""
    [(files, read)] = lake.execute(
        "SELECT count(*), coalesce(sum(rows_read), 0) FROM landing.files"
    ).fetchall()
    [(accepted, of)] = lake.execute("SELECT count(*), count(DISTINCT file_id) FROM landing.orders").fetchall()
    [(quarantined,)] = lake.execute("SELECT count(*) FROM landing.quarantine").fetchall()
    assert (accepted, of, quarantined) == (files * ROWS, files, files)
    assert read == accepted + quarantined
    unequal = lake.execute(
        """
        SELECT * FROM (SELECT month, count(*) AS rows FROM landing.orders GROUP BY month) AS landed
        FULL JOIN (
            SELECT month, arg_max(rows, snapshot_id) AS rows FROM meta.versions
            WHERE "table" = 'landing.orders' GROUP BY month
        ) AS recorded USING (month)
        WHERE landed.rows IS DISTINCT FROM recorded.rows
        """
    ).fetchall()
    assert unequal == []
    return int(files)


def test_the_next_run_goes_on_after_a_kill_at_any_moment(
    files: None, home: Path, lake: duckdb.DuckDBPyConnection
) -> None:
    seen = []
    for attempt in range(6):
        with start(home) as process:
            assert process.stdout is not None
            for _ in range(2 + attempt % 3):
                process.stdout.readline()
            time.sleep(0.02 * attempt)
            process.kill()
        seen.append(whole(lake))
    assert seen == sorted(seen), "what was taken in stays"
    assert seen[-1] > 0
    process = start(home)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert whole(lake) == FILES


def test_two_processes_that_take_in_at_once_take_each_file_in_once(
    files: None, home: Path, lake: duckdb.DuckDBPyConnection
) -> None:
    """A person runs it while the schedule does."""
    started = [start(home) for _ in range(2)]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert whole(lake) == FILES


@pytest.mark.parametrize("is_large", [True, False])
def test_a_disk_that_is_full_leaves_the_file_for_the_next_time(
    orders: Path, home: Path, lake: duckdb.DuckDBPyConnection, is_large: bool
) -> None:
    """No file may grow beyond 4 MB, as if that were all the room: writing the rows fails, recording does not."""
    duckdb.execute(
        "COPY (SELECT md5(n::VARCHAR) AS invoice_id, md5(n::VARCHAR || 'a') AS product_id, 1 AS quantity, "
        "TIMESTAMP '2011-01-02 10:00:00' AS sold_at, 2.5 AS unit_price FROM range(200_000) AS rows(n)) "
        f"TO '{orders}/a.csv' (HEADER)"
    )
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))\n"
    code = TAKE_IN if is_large else TAKE_IN.replace("intake.BATCH_BYTES = 0", "")
    done = [
        subprocess.run(
            [sys.executable, "-c", prefix + code, home], cwd=ROOT, capture_output=True, text=True, check=False
        )
        for prefix in (limit, "")
    ]
    assert [process.returncode for process in done] == [0, 0], done
    assert "it could not be taken in this time: IO Error" in done[0].stdout
    assert "this time" not in done[1].stdout
    assert lake.execute("SELECT count(*), count(DISTINCT invoice_id) FROM landing.orders").fetchall() == [
        (200_000, 200_000)
    ]
    assert lake.execute("SELECT state, rows_accepted FROM landing.files").fetchall() == [
        ("accepted", 200_000)
    ]
