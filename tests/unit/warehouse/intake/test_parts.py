"""A large CSV that is written in parts by month: the same rows as by DuckDB's passes, whatever stands in it."""

import errno
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import intake as intake_module
from warehouse.check import check
from warehouse.errors import TillageError
from warehouse.files import orphans
from warehouse.forget import forget
from warehouse.intake import orders, reader
from warehouse.intake.files import read_content
from warehouse.intake.layout import Reading
from warehouse.intake.moments import formats
from warehouse.intake.parts import count_lines
from warehouse.maintenance import maintain
from warehouse.tables import landing

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOOD = "536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom"

# What may be read otherwise by one reader than by the other, in a line that both tell apart.
TEXTS = (
    "", " ", "x", " x", "x ", "\tx", "x\t", "\xa0x", "x\xa0", '""', '"x"', '"x y"', '" x"', '"x, y"', '"x""y"', '"""x"""', '"5"""',
    "'x'", "é", "\u202eabc", "=cmd()", "NULL", "NaN", "a" * 256, "é" * 200, "\x85x", "x\u2003",
)  # fmt: skip
# In lines that one of them may tell apart otherwise.
TORN = ('""x""', 'x"y', '5"', '5" x 7"', '"x"y', '"5"" x', "x\r", '"x\ny"', "x\0y")
FIELDS: tuple[Sequence[str], ...] = (
    ("536365", "C536379", "17850.0", *TEXTS),
    ("85123A", "POST", *TEXTS),
    TEXTS,
    ("6", "-1", "0", "007", "+5", "-0", "6.0", "6.5", "1e3", '"1,000"', "1_000", "٣", "6 ", " 6", "", "NaN", "--5",
     "999999999999999999", "9999999999999999999", "0x10", '"6"', "six"),
    ("12/1/2010 8:26", "12/01/2010 08:26", "1/13/2011 23:59", "2/30/2010 8:26", "13/1/2010 8:26", "12/1/2010 24:00", "12/ 1/2010 8:26",
     " 12/1/2010 8:26", "12/1/10 8:26", "12/1/+2010 8:26", "12/1/2010  8:26", "12/1/2010\t8:26", "12/1/2010 8:26:30", "12/1/2010 8:6",
     "2010-12-01 08:26", "12/1/1899 8:26", "12/1/2999 8:26", "1/1/2012 0:00", "1/2/2012 0:00", "", '"12/1/2010 8:26"'),
    ("2.55", "0", "-0.00", ".5", "5.", "2.5555", "2.55555", "0.00005", "1e3", "+2.5", '"2,55"', '"1,234.5"', "£2", "NaN", "inf", "",
     "99999999999999.9999", "999999999999999", "1e-3", "2.5 "),
    ("17850", "17850.0", "17850.00", "17850.5", ".0", "x.0", "1.2.0", "-1.0", "17850.0 ", '"17850.0"', *TEXTS),
    ("United Kingdom", "EIRE", "", *TEXTS),
)  # fmt: skip


@pytest.fixture(autouse=True)
def is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few lines are as good as large ones: two show how it is written, and any number may be in doubt."""
    monkeypatch.setattr("warehouse.intake.BATCH_BYTES", 0)
    monkeypatch.setattr("warehouse.intake.orders.GLANCE_ROWS", 2)
    monkeypatch.setattr("warehouse.intake.parts.GLANCE_ROWS", 2)
    monkeypatch.setattr("warehouse.intake.parts.LEAST_MEMORY", 0)
    monkeypatch.setattr("warehouse.intake.parts.MOST_IN_DOUBT", 1)


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each file that is read, whether it was in parts."""
    told: list[bool] = []
    read = reader._in_parts

    def tell(*arguments: Any) -> Any:
        files = read(*arguments)
        told.append(files is not None)
        return files

    monkeypatch.setattr(reader, "_in_parts", tell)
    return told


@contextmanager
def _passes_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_in_parts", lambda *_: None)
        yield


def _read(lake: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Any:
    """All that becomes of a file: its rows, those in quarantine, the months with their hashes; or why it is refused."""
    lake.execute("BEGIN")
    try:
        reader.create_staging(lake, orders.SOURCE)
        staged = reader.stage(
            lake, orders.SOURCE, file, read_content(file), reading, orders.SOURCE.table.qualified
        )
        rows = lake.execute("SELECT * FROM landing.orders ORDER BY row").fetchall()
        bad = lake.execute(f"SELECT * FROM {reader.QUARANTINED} ORDER BY row").fetchall()
    except TillageError as error:
        return str(error)
    else:
        return rows, bad, staged.months, staged.rows_quarantined
    finally:
        lake.execute("ROLLBACK")


def _both_ways(lake: duckdb.DuckDBPyConnection, file: Path, text: str, reading: Reading) -> tuple[Any, Any]:
    """What becomes of a text in parts where they take it, and in passes."""
    file.write_bytes(text.encode())
    found = _read(lake, file, reading)
    with _passes_only():
        return found, _read(lake, file, reading)


@pytest.mark.parametrize(("column", "name"), list(enumerate(HEADER.split(","))))
def test_odd_fields_are_read_in_parts_as_in_passes(
    column: int,
    name: str,
    lake: duckdb.DuckDBPyConnection,
    reading: Reading,
    tmp_path: Path,
    in_parts: list[bool],
) -> None:
    """A value that one reader takes and the other does not would be a sale in one home, and none in another."""
    good = GOOD.split(",")
    rows = [",".join([*good[:column], odd, *good[column + 1 :]]) for odd in FIELDS[column]]
    found, wanted = _both_ways(
        lake, tmp_path / f"{name}.csv", "\n".join([HEADER, GOOD, GOOD, *rows, GOOD]), reading
    )
    assert found == wanted
    assert len(found[0]) + len(found[1]) == len(rows) + 3
    assert in_parts == [True]


@pytest.mark.parametrize("form", [form for form in formats("month_first") if not form.startswith("%d/")])
def test_a_moment_is_read_in_parts_as_in_passes(
    form: str, lake: duckdb.DuckDBPyConnection, reading: Reading, tmp_path: Path, in_parts: list[bool]
) -> None:
    """A second of 60 is the next minute for one reader, which may lie in the next month, and no moment for the other."""
    plain = datetime(2010, 12, 31, 23, 59, 58).strftime(form)
    odd = [
        plain.replace(part, by)
        for part in ("59", "58", "23", "31", "12", "2010")
        for by in ("60", "61", "24", "0", "1", " 1", "")
    ]
    rows = [GOOD.replace("12/1/2010 8:26", moment) for moment in [plain, plain, *odd, plain]]
    found, wanted = _both_ways(lake, tmp_path / "a.csv", "\n".join([HEADER, *rows]), reading)
    assert found == wanted
    assert found[0]
    assert in_parts == [True]


GOOD_FIELDS = GOOD.split(",")
# Most fields are good, or most rows would be left to the second look at sight; and so are most lines.
ODD_ROW = st.tuples(
    *(
        st.one_of(*([st.just(good)] * 4), st.sampled_from(fields))
        for good, fields in zip(GOOD_FIELDS, FIELDS, strict=True)
    )
)
TORN_ROW = st.builds(
    lambda at, torn: (*GOOD_FIELDS[:at], torn, *GOOD_FIELDS[at + 1 :]),
    st.integers(0, 7),
    st.sampled_from(TORN),
)
TAILS = ("short\n", f"{GOOD[:-15]}\n", "\n\n", "a,b,c,d,e,f,g,h,i\n", '"open', f'{GOOD[:-15]},"UK""')


@pytest.fixture
def often_in_parts(in_parts: list[bool]) -> Iterator[None]:
    """See to it that files were not all given up at sight."""
    yield
    assert in_parts.count(True) > len(in_parts) / 20


@pytest.mark.usefixtures("often_in_parts")
@given(
    rows=st.one_of(
        st.lists(ODD_ROW, max_size=8),
        st.lists(ODD_ROW, max_size=8),
        st.lists(st.one_of(ODD_ROW, TORN_ROW), max_size=8),
    ),
    end=st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ",", ";", "\t", "|"]),
    tail=st.sampled_from([*(["", "end"] * 4), *TAILS]),
)
def test_any_file_is_read_in_parts_as_in_passes(
    lake: duckdb.DuckDBPyConnection,
    reading: Reading,
    tmp_path: Path,
    rows: list[Sequence[str]],
    end: str,
    delimiter: str,
    tail: str,
) -> None:
    """Two ways into the lake that disagree would give a shop other figures when it is given more memory."""
    lines = [HEADER.split(","), GOOD_FIELDS, GOOD_FIELDS, *rows, GOOD_FIELDS]
    text = end.join(delimiter.join(line) for line in lines)
    found, wanted = _both_ways(
        lake, tmp_path / "a.csv", f"{text}{'' if tail == 'end' else end + tail}", reading
    )
    assert found == wanted


SHORT = GOOD.removesuffix(",United Kingdom")


@pytest.mark.parametrize(
    ("lines", "is_in_parts"),
    [
        ([GOOD], True),
        ([GOOD.replace("WHITE HANGING HEART", '"5"" WHITE, ""RED"""')], True),
        ([f"{GOOD}\r"], None),
        ([f"{GOOD},"], False),
        ([SHORT], False),
        ([SHORT.removesuffix(",17850")], False),
        ([f"{SHORT},"], True),
        ([GOOD.replace("17850", "17850.0")], True),
        ([""], False),
        ([GOOD.replace("WHITE HANGING HEART", '"two\nlines"')], False),
        ([GOOD.replace("WHITE", '5" WHITE'), GOOD.replace("WHITE", '7" WHITE')], False),
        ([GOOD.replace("WHITE HANGING HEART", '5"'), GOOD.replace("WHITE HANGING HEART", '7"')], False),
        ([GOOD.replace("WHITE HANGING HEART", '"BOX,"RED""')], False),
        ([GOOD.replace("WHITE HANGING HEART", "x" * 700_000)], True),
        ([GOOD.replace("6,12/1", f"{'0' * 2_500_000}6,12/1")], False),
        ([GOOD.replace("WHITE HANGING HEART", "x" * 3_000_000)], False),
    ],
)
def test_lines_that_may_be_told_apart_otherwise_are_left_to_the_passes(
    lake: duckdb.DuckDBPyConnection,
    reading: Reading,
    tmp_path: Path,
    in_parts: list[bool],
    lines: list[str],
    is_in_parts: bool | None,
) -> None:
    """A row that is short or a quote that is not closed is told of by one reader alone; None where the file is refused."""
    text = "\n".join([HEADER, GOOD, GOOD, *lines, GOOD, ""])
    found, wanted = _both_ways(lake, tmp_path / "a.csv", text, reading)
    assert found == wanted
    assert in_parts == ([] if is_in_parts is None else [is_in_parts])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a,b", 0), ("a,b\n", 0), ("a,b\r\n", 0), ("a,b\n1,2", 1), ("a,b\n1,2\n", 1), ("a,b\n\n", 1), ("a,b\r\n1,2\r\n3,4", 2),
        ('a,b\n"1",2\n', 1), ('a,b\n1,"2"', 1), ('a,b\n1,"""2"""\n', 1), ('a,b\n"1""2",""\n', 1), ('a,b\r\n"",""\r\n', 1),
        ('a,b\n"1,"2"",3\n', None), ('a,b\n1,"2""', None), ('a,b\n1,"2\n', None), ('a,b\n1,5"\n6,7"\n', None),
        ('a,b\n1"2,3\n', None), ('a,b\n"1"2,3\n', None), ('a,b\n""1"",3\n', None), ('a,b\n1,""2', None), ("a\rb\r", None),
        ("a,b\r\n1,2\n", None), ("a,b\n1,2\r\n", None), ("a,b\n1\r,2\n", None), ("a,b\n1,2\r", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1, 2, 1 << 16])
def test_lines_are_counted_where_they_can_be_told_apart_in_one_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lines: int | None, chunk: int
) -> None:
    """What stands at the edge of two chunks is judged like any other."""
    monkeypatch.setattr("warehouse.intake.parts.CHUNK", chunk)
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode())
    assert count_lines(file, ",") == lines


def _many(rows: int, first: datetime = datetime(2010, 12, 1)) -> str:
    """A file of so many rows over twelve months, some of them odd: of every thousand one."""
    lines = [HEADER]
    for at in range(rows):
        when = first + timedelta(minutes=at * 500_000 // rows)
        price = "none" if at % 1_000 == 999 else f"{at % 97}.5"
        lines.append(
            f"{at},P{at % 7},T-LIGHT,{at % 5 + 1},{when.month}/{when.day}/{when.year} {when:%H:%M},{price},{at % 50},EIRE"
        )
    return "\n".join([*lines, ""])


@pytest.fixture
def two_files(orders: Path, intake: Any, reading: Reading, in_parts: list[bool]) -> None:
    """A lake of two files that were read in parts, as by a machine with memory for it."""
    for name, first in (("a", datetime(2009, 12, 1)), ("b", datetime(2010, 1, 1))):
        (orders / f"{name}.csv").write_text(_many(5_000, first))
        [arrival] = intake().arrivals
        assert (arrival.rows_accepted, arrival.rows_quarantined) == (4_995, 5)
    assert in_parts == [True, True]


LANDING = {table.qualified: table for table in (landing.ORDERS, landing.FILES, landing.QUARANTINE)}
CONTENT = "SELECT * FROM landing.orders ORDER BY ALL"


@pytest.mark.usefixtures("two_files")
def test_parts_are_files_of_the_lake_like_others(
    lake: duckdb.DuckDBPyConnection, home: Path, rows_of: Any
) -> None:
    """Found by their month, merged, checked, deleted with what replaces them, and no row is another for it."""
    before, month = rows_of(CONTENT), "WHERE month = DATE '2010-10-01'"
    look = f"EXPLAIN ANALYZE SELECT count(*) FROM landing.orders {month}"
    assert "Total Files Read: 2" in rows_of(look)[0][1]
    assert not list(check(lake, home / "lake", LANDING, time.time()))
    maintain(lake, keep=timedelta(days=30), now=datetime.now(UTC))
    assert "Total Files Read: 1" in rows_of(look)[0][1]
    assert rows_of(CONTENT) == before
    lake.execute("ALTER TABLE landing.orders ADD COLUMN added INTEGER")
    assert rows_of("SELECT DISTINCT added FROM landing.orders") == [(None,)]
    lake.execute(f"DELETE FROM landing.orders {month}")
    assert len(rows_of(CONTENT)) == len([row for row in before if f"{row[0]:%Y-%m}" != "2010-10"])


@pytest.mark.usefixtures("two_files")
def test_a_file_changed_under_its_name_gives_up_its_parts(
    orders: Path, intake: Any, rows_of: Any, in_parts: list[bool]
) -> None:
    (orders / "a.csv").write_text(_many(3_000))
    [arrival] = intake().arrivals
    assert in_parts == [True] * 3
    assert rows_of("SELECT count(DISTINCT file_id), count(*) FROM landing.orders") == [(2, 4_995 + 2_997)]
    assert rows_of("SELECT count(*) FROM landing.orders WHERE file_id = ?", [arrival.file_id]) == [(2_997,)]


def test_parts_of_a_transaction_that_fails_are_orphans(
    lake: duckdb.DuckDBPyConnection, home: Path, orders: Path, intake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold no row of the lake, and maintenance deletes them when no open transaction can be theirs."""
    (orders / "a.csv").write_text(_many(2_000))

    def fail(*_: Any) -> None:
        raise duckdb.OutOfMemoryException("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.intake.write_landed", fail)
        assert "no space left" in intake().left["orders/a.csv"]
    assert lake.execute("SELECT count(*) FROM landing.orders").fetchall() == [(0,)]
    assert len(orphans(lake, datetime.now(UTC) + timedelta(days=2))) == 12
    assert intake().arrivals[0].rows_accepted == 1_998
    assert not list(check(lake, home / "lake", LANDING, time.time()))


def test_parts_that_another_process_was_faster_than_are_not_left_behind(
    home: Path, orders: Path, intake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit may be tried again for minutes: each time would leave a copy of a large file for a day."""
    (orders / "a.csv").write_text(_many(2_000))
    write, late = intake_module.write_landed, iter(range(3))

    def conflict(*arguments: Any) -> Any:
        if next(late, None) is not None:
            raise duckdb.TransactionException("Transaction conflict: another was faster")
        return write(*arguments)

    monkeypatch.setattr(intake_module, "write_landed", conflict)
    assert intake().arrivals[0].rows_accepted == 1_998
    assert len(list((home / "lake" / "data" / "landing" / "orders").rglob("*.parquet"))) == 12


def test_a_disk_that_is_full_leaves_the_file_for_the_next_time(
    orders: Path, intake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (orders / "a.csv").write_text(_many(2_000))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.files.shutil.move", full)
        left = intake().left["orders/a.csv"]
    assert left == "it could not be taken in this time: IO Error: [Errno 28] No space left on device"
    assert intake().arrivals[0].rows_accepted == 1_998


def test_a_customer_who_was_forgotten_is_left_out_of_parts(
    lake: duckdb.DuckDBPyConnection, orders: Path, intake: Any, rows_of: Any, in_parts: list[bool]
) -> None:
    (orders / "a.csv").write_text(_many(2_000))
    intake()
    (orders / "a.csv").unlink()
    forget(lake, "7", datetime(2011, 12, 31))
    (orders / "b.csv").write_text(_many(3_000))
    intake()
    assert in_parts == [True, True]
    assert rows_of("SELECT count(*) FROM landing.orders WHERE customer_id = '7'") == [(0,)]
    assert rows_of("SELECT count(*) FROM landing.orders WHERE customer_id IS NULL") == [(40 + 60,)]


def test_a_signal_ends_the_reading_at_once_and_leaves_nothing(
    home: Path, orders: Path, intake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polars looks for no signal that Python handles: a run cancelled in Dagster would go on for as long as the file."""
    (orders / "a.csv").write_text(_many(200_000))
    begun: list[Future[Any]] = []

    class Interrupted(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **options: Any) -> Any:
            begun.append(super().submit(*arguments, **options))
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("warehouse.intake.parts.ThreadPoolExecutor", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            intake()
    assert isinstance(begun[0].exception(), InterruptedError)
    assert not list((home / "lake").rglob("*.parquet"))
    assert intake().arrivals[0].rows_accepted == 199_800


@pytest.mark.parametrize(("setting", "value"), [("LEAST_MEMORY", 1 << 50), ("MOST_IN_DOUBT", 0.0001)])
def test_with_little_memory_or_much_in_doubt_a_file_is_read_in_passes(
    orders: Path,
    intake: Any,
    in_parts: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: float,
) -> None:
    monkeypatch.setattr(f"warehouse.intake.parts.{setting}", value)
    (orders / "a.csv").write_text(_many(5_000))
    assert intake().arrivals[0].rows_accepted == 4_995
    assert in_parts == [False]


def test_a_lake_in_an_object_store_takes_no_files_that_lie_here(
    orders: Path, intake: Any, in_parts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "data_of", lambda _: "s3://shop/lake/")
    (orders / "a.csv").write_text(_many(1_000))
    assert intake().arrivals[0].rows_accepted == 999
    assert in_parts == [False]
