"""Which rows live: content by content, whatever comes, changes, goes and comes back under whichever name."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import intake as module
from warehouse.intake import TakenIn, new_files, take_in
from warehouse.intake.files import Found
from warehouse.intake.layout import Reading
from warehouse.lake import snapshot

Rows = Callable[..., list[tuple[Any, ...]]]
Intake = Callable[..., TakenIn]
Row = Callable[..., list[object]]
Text = Callable[..., str]


@pytest.fixture
def drop(orders: Path, csv_text: Text, order_row: Row) -> Callable[..., Path]:
    """Write a file with one row for each invoice; a month is that of the row's date."""

    def write(name: str, *invoices: str, sold_at: str = "12/1/2010 8:26") -> Path:
        (orders / name).write_text(csv_text(order_row(invoice=at, sold_at=sold_at) for at in invoices))
        return orders / name

    return write


@pytest.fixture
def living(rows_of: Rows) -> Callable[[], list[str]]:
    """Give the invoices in landing.orders."""
    return lambda: [at for (at,) in rows_of("SELECT invoice_id FROM landing.orders ORDER BY ALL")]


def _states(rows_of: Rows) -> list[tuple[Any, ...]]:
    return rows_of("SELECT path, state FROM landing.files ORDER BY arrival")


def test_nothing_new_writes_nothing(
    lake: duckdb.DuckDBPyConnection, drop: Any, intake: Intake, home: Path, reading: Reading
) -> None:
    drop("a.csv", "1")
    intake()
    before = snapshot(lake)
    assert new_files(lake, home / "landing", reading) == []
    assert intake() == TakenIn((), {}, {})
    assert snapshot(lake) == before


def test_a_landing_that_is_empty_gives_nothing(intake: Intake) -> None:
    assert intake() == TakenIn((), {}, {})


def test_a_new_month_touches_no_other(drop: Any, intake: Intake, rows_of: Rows) -> None:
    drop("a.csv", "1")
    intake()
    drop("b.csv", "2", sold_at="1/4/2011 10:00")
    [month] = intake().months["landing.orders"]
    assert (month.year, month.month) == (2011, 1)
    assert rows_of("SELECT month, count(*) FROM meta.versions GROUP BY ALL HAVING count(*) > 1") == []


def test_the_same_content_under_two_names_is_taken_in_once(
    drop: Any, intake: Intake, living: Any, rows_of: Rows
) -> None:
    drop("a.csv", "1", "2")
    drop("b.csv", "1", "2")
    assert [row.rows_accepted for row in intake().arrivals] == [2, 2]
    drop("c.csv", "1", "2")
    intake()
    assert living() == ["1", "2"]
    assert _states(rows_of) == [(f"orders/{name}.csv", "accepted") for name in "abc"]
    assert rows_of("SELECT sum(rows) FROM landing.file_months") == [(2,)]


def test_a_changed_file_gives_up_its_old_content(drop: Any, intake: Intake, living: Any) -> None:
    drop("a.csv", "1", "2")
    drop("b.csv", "3")
    intake()
    drop("a.csv", "1", "4")
    intake()
    assert living() == ["1", "3", "4"]


def test_content_that_another_name_still_holds_lives_on(drop: Any, intake: Intake, living: Any) -> None:
    drop("a.csv", "1")
    drop("b.csv", "1")
    intake()
    drop("a.csv", "2")
    intake()
    assert living() == ["1", "2"]
    drop("b.csv", "3")
    intake()
    assert living() == ["2", "3"]


def test_a_file_changed_back_brings_its_rows_back(
    drop: Any, intake: Intake, living: Any, rows_of: Rows
) -> None:
    drop("a.csv", "1")
    first = intake().months
    drop("a.csv", "2")
    intake()
    drop("a.csv", "1")
    again = intake()
    assert living() == ["1"]
    assert again.months == first, "equal rows have an equal version"
    assert rows_of("SELECT count(*) FROM landing.files") == [(2,)]


def test_two_files_may_change_places(drop: Any, intake: Intake, living: Any) -> None:
    drop("a.csv", "1")
    drop("b.csv", "2")
    intake()
    drop("a.csv", "2")
    drop("b.csv", "1")
    result = intake()
    assert living() == ["1", "2"]
    assert (len(result.arrivals), result.months) == (2, {})


def test_a_deleted_file_changes_nothing(drop: Any, intake: Intake, living: Any) -> None:
    """The landing tables are what a rebuild starts from; people tidy folders."""
    drop("a.csv", "1").unlink()
    drop("b.csv", "2")
    intake()
    (drop("b.csv", "2")).unlink()
    assert intake() == TakenIn((), {}, {})
    assert living() == ["2"]


def test_a_renamed_file_is_the_same_content(drop: Any, intake: Intake, living: Any) -> None:
    drop("a.csv", "1").rename(drop("b.csv", "1"))
    intake()
    (drop("b.csv", "1")).rename(drop("c.csv", "1"))
    result = intake()
    assert (living(), result.months) == (["1"], {})


def test_a_refused_file_leaves_what_its_path_gave_before(
    drop: Any, intake: Intake, living: Any, rows_of: Rows, orders: Path
) -> None:
    drop("a.csv", "1")
    intake()
    (orders / "a.csv").write_text("half a hea")
    result = intake()
    assert ([row.state for row in result.arrivals], result.months) == (["refused"], {})
    assert living() == ["1"]
    assert intake() == TakenIn((), {}, {}), "it is not tried again before it changes"
    drop("a.csv", "1", "2")
    intake()
    assert living() == ["1", "2"]


def test_a_refused_file_changed_back_lives_as_before(
    drop: Any, intake: Intake, living: Any, orders: Path, rows_of: Rows
) -> None:
    drop("a.csv", "1")
    intake()
    (orders / "a.csv").write_text("half a hea")
    intake()
    drop("a.csv", "1")
    assert intake().months == {}
    assert living() == ["1"]
    assert rows_of("SELECT arg_max(state, arrival) FROM landing.files") == [("accepted",)]


def test_a_refused_file_is_tried_again_when_the_settings_change(
    intake: Intake, living: Any, orders: Path, reading: Reading, rows_of: Rows
) -> None:
    header = "invoice_id,product_id,quantity,sold_at,unit_price"
    (orders / "a.csv").write_text(f"{header}\n1,a,1,3/4/2011,1\n")
    assert intake().arrivals[0].state == "refused"
    known = replace(reading, date_order="day_first")
    assert intake(reading=known).arrivals[0].state == "accepted"
    assert living() == ["1"]
    assert rows_of("SELECT state, reason FROM landing.files") == [("accepted", None)]


def test_new_settings_leave_accepted_files_alone(drop: Any, intake: Intake, reading: Reading) -> None:
    drop("a.csv", "1")
    intake()
    assert intake(reading=replace(reading, date_order="day_first")) == TakenIn((), {}, {})


def test_a_file_touched_without_a_change_is_looked_at_once(
    drop: Any, intake: Intake, lake: duckdb.DuckDBPyConnection, rows_of: Rows, home: Path, reading: Reading
) -> None:
    file = drop("a.csv", "1")
    intake()
    os.utime(file, ns=(1, 1))
    assert len(new_files(lake, home / "landing", reading)) == 1
    assert intake() == TakenIn((), {}, {})
    assert new_files(lake, home / "landing", reading) == []
    assert rows_of("SELECT arrival, modified_ns FROM landing.files") == [(1, 1)]


def test_a_file_taken_in_as_soon_as_it_was_written_is_read_once_more_and_not_at_every_look(
    drop: Any, intake: Intake, lake: Any, home: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sensor looks twice a minute: gigabytes would be read each time."""
    drop("a.csv", "1")
    intake()
    looked: list[Path] = []
    read, later = module.read_content, time.time_ns() + 10 * module.TICK_NS

    def look(file: Path) -> Any:
        looked.append(file)
        return read(file)

    monkeypatch.setattr(module, "read_content", look)
    monkeypatch.setattr(module.time, "time_ns", lambda: later)
    assert [new_files(lake, home / "landing", reading) for _ in range(3)] == [[], [], []]
    assert len(looked) == 1


def test_a_file_changed_within_a_tick_of_its_clock_is_noticed(drop: Any, intake: Intake, living: Any) -> None:
    """A file system tells times in steps; size and time of both contents are equal here."""
    file = drop("a.csv", "1")
    told = file.stat().st_mtime_ns
    intake()
    drop("a.csv", "2")
    os.utime(file, ns=(told, told))
    intake()
    assert living() == ["2"]


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_time(
    drop: Any, intake: Intake, living: Any, orders: Path, csv_text: Text, order_row: Row,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Half of a copy that still runs must not count as the file. Another that is whole does."""
    drop("a.csv", "1")
    drop("b.csv", "1")
    read = module.read_content

    def grow(file: Path) -> Any:
        content = read(file)
        if file.name == "b.csv":
            file.write_text(csv_text([order_row("1"), order_row("2")]))
        return content

    monkeypatch.setattr(module, "read_content", grow)
    result = intake()
    assert result.left == {"orders/b.csv": "it changed while it was read"}
    assert [row.path for row in result.arrivals] == ["orders/a.csv"]
    assert living() == ["1"], "a.csv has the content that b.csv had"
    monkeypatch.undo()
    intake()
    assert living() == ["1", "1", "2"]


def test_a_file_that_cannot_be_read_is_left_and_told(
    drop: Any, intake: Intake, living: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("a.csv", "1")
    drop("b.csv", "2")
    read = module.read_content

    def deny(file: Path) -> Any:
        if file.name == "a.csv":
            raise PermissionError(13, "Permission denied", str(file))
        return read(file)

    monkeypatch.setattr(module, "read_content", deny)
    assert intake().left == {"orders/a.csv": "it cannot be read: Permission denied"}
    assert living() == ["2"]
    monkeypatch.undo()
    assert intake().left == {}
    assert living() == ["1", "2"]


def test_a_file_taken_away_while_it_is_looked_at_is_left(
    drop: Any, intake: Intake, living: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("a.csv", "1")
    read = module.read_content

    def take_away(file: Path) -> Any:
        content = read(file)
        file.unlink()
        return content

    monkeypatch.setattr(module, "read_content", take_away)
    assert intake().left == {"orders/a.csv": "it cannot be read: No such file or directory"}
    assert living() == []


@pytest.mark.parametrize("error", [duckdb.OutOfMemoryException, duckdb.IOException])
def test_a_failure_of_the_machine_is_no_fault_of_the_file(
    drop: Any, intake: Intake, living: Any, rows_of: Rows, monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:  # fmt: skip
    """A refused file is not tried again before it changes; this one must be."""
    drop("a.csv", "1")

    def fail(*_: object) -> None:
        raise error("no room\nmore of it")

    monkeypatch.setattr(module, "stage", fail)
    assert intake().left == {"orders/a.csv": "it could not be taken in this time: no room"}
    assert rows_of("SELECT count(*) FROM landing.files") == [(0,)]
    monkeypatch.undo()
    intake()
    assert living() == ["1"]


@pytest.mark.parametrize(
    "name",
    [
        "sales[1].csv",
        "sales*.csv",
        "sales?.csv",
        "o'clock.csv",
        "a;b --.csv",
        "😀 שלום.csv",
        "a\nb.csv",
        "a\\b.csv",
    ],
)
def test_a_name_is_a_name_and_no_pattern_or_sql(
    drop: Any, intake: Intake, living: Any, rows_of: Rows, name: str
) -> None:
    """A browser names the second download sales[1].csv, or sales (1).csv."""
    drop(name, "1")
    drop("sales1.csv", "2")
    drop("salesx.csv", "3")
    intake()
    assert living() == ["1", "2", "3"]
    assert rows_of("SELECT rows_read FROM landing.files WHERE path = ?", [f"orders/{name}"]) == [(1,)]


def test_a_name_that_is_no_utf8_is_left_and_told(orders: Path, intake: Intake, drop: Any) -> None:
    file = os.fsencode(orders) + b"/caf\xe9.csv"
    drop("a.csv", "1").rename(os.fsdecode(file))
    [(path, reason)] = intake().left.items()
    assert path == "orders/caf\\udce9.csv"
    assert "rename it" in reason


def test_progress_names_each_file_before_it_is_read(
    drop: Any, lake: duckdb.DuckDBPyConnection, home: Path, reading: Reading
) -> None:
    drop("a.csv", "1")
    drop("b.csv", "2")
    told: list[tuple[str, int, int]] = []
    take_in(lake, home / "landing", reading, progress=lambda *at: told.append(at))
    assert told == [("orders/a.csv", 0, 2), ("orders/b.csv", 1, 2)]


def test_files_are_committed_in_batches_that_do_not_depend_on_each_other(
    drop: Any, intake: Intake, living: Any, lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 0)
    drop("a.csv", "1")
    drop("b.csv", "2")
    drop("c.csv", "1")
    before = snapshot(lake)
    result = intake()
    assert (len(result.arrivals), living()) == (3, ["1", "2"])
    assert snapshot(lake) == before + 3
    drop("a.csv", "3")
    drop("c.csv", "3")
    intake()
    assert living() == ["2", "3"]


def test_rows_that_another_process_took_out_meanwhile_are_not_lost_in_silence(
    drop: Any, lake: duckdb.DuckDBPyConnection, home: Path, reading: Reading, living: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A copy of a living file stages no rows; they must still live when it is committed."""
    drop("a.csv", "1")
    take_in(lake, home / "landing", reading)
    drop("b.csv", "1")
    write = module._Batch._write

    def be_late(batch: Any) -> None:
        lake.execute("DELETE FROM landing.orders")
        lake.execute("UPDATE landing.files SET state = 'refused'")
        write(batch)

    monkeypatch.setattr(module._Batch, "_write", be_late)
    with pytest.raises(module.TillageError, match="The warehouse changed while files were taken in"):
        take_in(lake, home / "landing", reading)
    assert living() == ["1"], "nothing of it was written"


def test_a_look_at_what_is_new_opens_no_file_that_is_known(
    drop: Any, intake: Intake, home: Path, lake: duckdb.DuckDBPyConnection, reading: Reading,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The sensor looks every half minute at every file that ever came."""
    file = drop("a.csv", "1")
    os.utime(file, ns=(1, 1))
    intake()
    monkeypatch.setattr(module, "read_content", lambda file: pytest.fail(f"{file} was read"))
    assert new_files(lake, home / "landing", reading) == []
    drop("b.csv", "2")
    assert [type(found) for found in new_files(lake, home / "landing", reading)] == [Found]


def test_files_that_contradict_each_other_on_an_invoice_are_both_kept_and_said(
    lake: duckdb.DuckDBPyConnection, orders: Path, csv_text: Text, order_row: Row, intake: Intake, living: Any
) -> None:
    """Either may be right: to drop one would lose sales, to say nothing would count them twice in silence."""
    (orders / "a.csv").write_text(csv_text([order_row(invoice="1", quantity=6), order_row(invoice="2")]))
    (orders / "b.csv").write_text(csv_text([order_row(invoice="1", quantity=8), order_row(invoice="2")]))
    intake()
    assert living() == ["1", "1", "2", "2"]
    assert module.disagreements(lake) == [
        "invoice 1 of 2010-12: orders/a.csv, orders/b.csv hold different lines of 85123A",
    ]
    # Taken back, there is no more to say.
    (orders / "b.csv").unlink()
    module.forget_file(lake, orders.parent, "orders/b.csv")
    assert module.disagreements(lake) == []


def test_files_that_agree_on_an_invoice_or_share_it_out_do_not_contradict_each_other(
    lake: duckdb.DuckDBPyConnection, orders: Path, csv_text: Text, order_row: Row, intake: Intake
) -> None:
    """An export of the year beside the months, or an invoice cut in two by the day's end, is no mistake."""
    lines = [order_row(invoice="1", product=code) for code in ("A", "B", "C", "D")]
    (orders / "first.csv").write_text(csv_text(lines[:2]))
    (orders / "second.csv").write_text(csv_text(lines[2:]))
    (orders / "twice.csv").write_text(csv_text([*lines, *lines]))
    (orders / "later.csv").write_text(
        csv_text([order_row(invoice="1", sold_at="1/4/2011 10:00", quantity=9)])
    )
    intake()
    assert module.disagreements(lake) == []
