"""The lake is shared, moved, read by strangers and reshaped without harm."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import lake as module
from warehouse.contract import Column, Table
from warehouse.errors import NoLakeError, TillageError
from warehouse.lake import ensure, in_transaction, open_lake, select, shape_of, snapshot
from warehouse.records import prepare

Rows = Callable[..., list[tuple[Any, ...]]]

ROOT = Path(__file__).parents[3]
DAYS = Table(
    schema="shop",
    name="days",
    description="",
    grain="",
    columns=(
        Column("month", "DATE", ""),
        Column("orders", "INTEGER", ""),
        Column("note", "VARCHAR", "", nullable=True),
    ),
    primary_key=("month",),
    partition_column="month",
)


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start another process that knows the warehouse."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def days(lake: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A lake with two months of a table."""
    ensure(lake, DAYS)
    lake.execute("INSERT INTO shop.days VALUES ('2011-01-01', 1, 'a'), ('2011-02-01', 2, NULL)")
    return lake


def _with(*columns: Column, table: Table = DAYS) -> Table:
    """The table with other columns of the same names, or more of them."""
    changed = {column.name: column for column in (*table.columns, *columns)}
    return replace(table, columns=tuple(changed.values()))


# Opening


def test_a_new_lake_opens_empty_and_again_with_what_was_written(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake") as connection:
        prepare(connection)
        connection.execute("INSERT INTO landing.file_months VALUES ('a', '2011-01-01', 1, 1)")
    with open_lake(tmp_path / "lake", read_only=True) as connection:
        assert connection.execute("SELECT file_id FROM landing.file_months").fetchall() == [("a",)]
    assert not list((tmp_path / "lake" / "tmp").iterdir()), "spill folders are removed"


def test_small_inserts_are_files_and_not_hidden_in_the_catalog(
    home: Path, days: duckdb.DuckDBPyConnection
) -> None:
    """Other engines read the Parquet files alone."""
    assert len(list((home / "lake" / "data" / "shop").rglob("*.parquet"))) == 2


@pytest.mark.parametrize("asked", [{"read_only": True}, {"create": False}])
def test_a_lake_that_is_not_there_is_made_by_nobody_who_only_looks(
    tmp_path: Path, asked: dict[str, bool]
) -> None:
    with (
        pytest.raises(NoLakeError, match=r"There is no warehouse in .* yet\. Put files into") as told,
        open_lake(tmp_path / "lake", **asked),
    ):
        pass
    assert "`tillage run`" in str(told.value)
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("damage", ["text", "zeros", "cut", "middle"])
def test_a_damaged_catalog_is_told_and_kept(home: Path, damage: str) -> None:
    catalog = home / "lake" / "catalog.sqlite"
    for log in catalog.parent.glob("catalog.sqlite-*"):
        log.unlink()
    content = catalog.read_bytes()
    damaged = {
        "text": b"not a database, but long enough to have a header" * 100,
        "zeros": bytes(4096),
        "cut": content[: len(content) // 2],
        "middle": content[:4096] + b"\xff" * 16384 + content[20480:],
    }[damage]
    catalog.write_bytes(damaged)
    with (
        pytest.raises(TillageError, match=r"catalog\.sqlite cannot be opened: .* restore it from a backup"),
        open_lake(home / "lake"),
    ):
        pass
    assert catalog.read_bytes() == damaged
    assert not list((home / "lake" / "tmp").iterdir())


def test_a_folder_that_cannot_be_written_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", deny)
    with (
        pytest.raises(TillageError, match=r"cannot be written \(Permission denied\)"),
        open_lake(home / "lake"),
    ):
        pass


def test_a_bad_amount_of_memory_leaves_nothing_behind(home: Path) -> None:
    with pytest.raises(TillageError, match="memory lots"), open_lake(home / "lake", memory="lots"):
        pass
    assert not list((home / "lake" / "tmp").glob("*"))


def test_a_home_that_was_moved_still_opens(home: Path, tmp_path: Path) -> None:
    """Names of folders are no patterns and no SQL either."""
    with open_lake(home / "lake") as connection:
        ensure(connection, DAYS)
        connection.execute("INSERT INTO shop.days VALUES ('2011-01-01', 1, 'a')")
    moved = tmp_path / "the [new] shop's *home"
    home.rename(moved)
    with open_lake(moved / "lake") as connection:
        connection.execute("INSERT INTO shop.days VALUES ('2011-02-01', 2, 'b')")
    with open_lake(moved / "lake", read_only=True) as connection:
        assert connection.execute("SELECT sum(orders) FROM shop.days").fetchall() == [(3,)]
    assert not home.exists()


def test_a_lake_is_open_twice_at_once(days: duckdb.DuckDBPyConnection, home: Path) -> None:
    """The Dagster UI, a run and a query of a person look at it at the same time."""
    with open_lake(home / "lake") as writer, open_lake(home / "lake", read_only=True) as reader:
        writer.execute("INSERT INTO shop.days VALUES ('2011-03-01', 4, NULL)")
        assert reader.execute("SELECT sum(orders) FROM shop.days").fetchall() == [(7,)]
        assert days.execute("SELECT sum(orders) FROM shop.days").fetchall() == [(7,)]


def test_a_reader_sees_one_snapshot_while_another_process_writes(
    days: duckdb.DuckDBPyConnection, home: Path
) -> None:
    days.begin()
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(2,)]
    with open_lake(home / "lake") as writer:
        writer.execute("DELETE FROM shop.days")
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(2,)]
    days.rollback()
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(0,)]


def test_a_lake_is_seen_as_of_a_snapshot(days: duckdb.DuckDBPyConnection, home: Path) -> None:
    then = snapshot(days)
    days.execute("DELETE FROM shop.days")
    assert snapshot(days) == then + 1
    with open_lake(home / "lake", read_only=True, as_of=then) as reader:
        assert reader.execute("SELECT count(*) FROM shop.days").fetchall() == [(2,)]
    with (
        pytest.raises(TillageError, match="The lake has no snapshot 999"),
        open_lake(home / "lake", read_only=True, as_of=999),
    ):
        pass


def test_two_processes_may_make_the_same_new_lake(tmp_path: Path) -> None:
    """A schedule and a person start the first run in the same minute."""
    code = (
        "import sys; from pathlib import Path; from warehouse.lake import open_lake\n"
        "from warehouse.records import prepare\n"
        "with open_lake(Path(sys.argv[1])) as connection:\n"
        "    prepare(connection)\n"
        "    print(connection.execute('SELECT count(*) FROM meta.versions').fetchone()[0])"
    )
    started = [run_python(code, tmp_path / "home" / "lake") for _ in range(3)]
    assert [finish(process) for process in started] == ["0\n"] * 3
    with open_lake(tmp_path / "home" / "lake") as connection:
        connection.execute("INSERT INTO landing.file_months VALUES ('a', '2011-01-01', 1, 1)")
    assert list((tmp_path / "home" / "lake" / "data").rglob("*.parquet")), "inlining is off"


# A stranger's SQL


@pytest.fixture
def cage(days: duckdb.DuckDBPyConnection, home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to a lake with old files that maintenance would delete."""
    days.execute("DELETE FROM shop.days WHERE month = '2011-02-01'")
    days.execute("CALL ducklake_expire_snapshots('lake', older_than := now())")
    (home / "secret.csv").write_text("a\n1\n")
    with open_lake(home / "lake", read_only=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(orders) FROM shop.days",
        "WITH a AS (SELECT 1) SELECT * FROM a;",
        "FROM shop.days",
        "VALUES (1)",
        "DESCRIBE shop.days",
        "SUMMARIZE shop.days",
        "SHOW ALL TABLES",
        "SELECT count(*) FROM ducklake_snapshots('lake')",
        "SELECT * FROM lake.snapshots()",
        "SELECT 'query', 'ducklake_cleanup_old_files' AS query FROM shop.days -- query(",
    ],
)
def test_a_select_that_reads_is_run(cage: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert select(cage, sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO shop.days VALUES ('2011-01-01', 1, 'a')",
        "DELETE FROM shop.days",
        "DROP TABLE shop.days",
        "CREATE TABLE memory.a AS SELECT 1",
        "COPY (SELECT 1) TO '{lake}/data/x.csv'",
        "EXPORT DATABASE '{lake}/x'",
        "ATTACH '{lake}/catalog.sqlite' AS catalog (TYPE sqlite)",
        "DETACH lake",
        "SET threads = 1",
        "PRAGMA version",
        "CALL lake.set_option('data_inlining_row_limit', 10)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE shop.days",
        "EXPLAIN ANALYZE DELETE FROM shop.days",
        "BEGIN",
        "LOAD httpfs",
    ],
)
def test_what_is_no_single_select_is_refused(cage: duckdb.DuckDBPyConnection, home: Path, sql: str) -> None:
    with pytest.raises(TillageError, match="Only a single SELECT is run here"):
        select(cage, sql.format(lake=home / "lake"))


@pytest.mark.parametrize("sql", ["", "  ", ";", "-- nothing"])
def test_no_sql_is_told_as_such(cage: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(TillageError, match="No SQL was given; write one SELECT"):
        select(cage, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM ducklake_cleanup_old_files('lake', cleanup_all := true)",
        "FROM DuckLake_Cleanup_Old_Files('lake', cleanup_all := true)",
        "FROM \"ducklake_cleanup_old_files\" /**/ ('lake', cleanup_all := true)",
        "SELECT (SELECT count(*) FROM ducklake_delete_orphaned_files('lake', cleanup_all := true))",
        "SUMMARIZE FROM ducklake_expire_snapshots('lake', older_than := now())",
        "FROM ducklake_merge_adjacent_files('lake')",
        "FROM lake.merge_adjacent_files()",
        "FROM checkpoint('lake')",
        "FROM query('FROM duck' || 'lake_cleanup_old_files(''lake'', cleanup_all := true)')",
        "FROM \"QUERY\" /**/ ('FROM duck' || 'lake_cleanup_old_files(''lake'', cleanup_all := true)')",
        "FROM sqlite_query('__ducklake_metadata_lake', 'DELETE FROM ducklake_snapshot RETURNING *')",
    ],
)
def test_maintenance_in_the_dress_of_a_select_is_refused(
    cage: duckdb.DuckDBPyConnection, home: Path, sql: str
) -> None:
    """A connection that may only read would delete files all the same."""
    before = sorted((home / "lake" / "data").rglob("*.parquet"))
    with pytest.raises(TillageError, match="can change the lake; only a SELECT that reads is run here"):
        select(cage, sql).fetchall()
    assert sorted((home / "lake" / "data").rglob("*.parquet")) == before
    assert len(before) == 2, "there is something to delete"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{home}/secret.csv')",
        "SELECT * FROM '{home}/secret.csv'",
        "SELECT * FROM read_text('{home}/lake/../secret.csv')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM glob('{home}/*')",
        "SELECT * FROM sqlite_scan('{home}/secret.csv', 'a')",
        "SELECT * FROM read_csv('https://example.com/a.csv')",
    ],
)
def test_no_file_outside_the_lake_is_read(cage: duckdb.DuckDBPyConnection, home: Path, sql: str) -> None:
    with pytest.raises(TillageError):
        select(cage, sql.format(home=home)).fetchall()


def test_the_cage_cannot_be_unlocked(cage: duckdb.DuckDBPyConnection) -> None:
    for sql in ("SET enable_external_access = true", "SET lock_configuration = false"):
        with pytest.raises(duckdb.Error, match="locked"):
            cage.execute(sql)


def test_a_read_only_connection_refuses_to_write(cage: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match="read-only"):
        cage.execute("INSERT INTO shop.days VALUES ('2011-03-01', 1, 'a')")


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM shop.days", "SELECT 'a'::INT"]
)
def test_a_mistake_is_told_without_a_traceback(cage: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(TillageError, match="Error: "):
        select(cage, sql).fetchall()


# Transactions


def test_an_error_rolls_back_what_was_written(days: duckdb.DuckDBPyConnection) -> None:
    def write() -> None:
        days.execute("DELETE FROM shop.days")
        raise ValueError("no")

    before = snapshot(days)
    with pytest.raises(ValueError, match="no"):
        in_transaction(days, write)
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(2,)]
    assert snapshot(days) == before


def test_an_error_is_not_tried_again(days: duckdb.DuckDBPyConnection) -> None:
    tried = []

    def write() -> None:
        tried.append(1)
        days.execute("SELECT * FROM nothing")

    with pytest.raises(duckdb.CatalogException):
        in_transaction(days, write)
    assert len(tried) == 1


def test_a_conflict_is_tried_again_until_it_is_gone(days: duckdb.DuckDBPyConnection, home: Path) -> None:
    tried = []
    with open_lake(home / "lake") as other:

        def write() -> None:
            tried.append(1)
            days.execute("DELETE FROM shop.days WHERE month = '2011-01-01'")
            if len(tried) < 3:
                other.execute("DELETE FROM shop.days")
                other.execute("INSERT INTO shop.days VALUES ('2011-01-01', 9, 'b'), ('2011-03-01', 5, 'c')")

        in_transaction(days, write)
    assert len(tried) == 3
    assert days.execute("SELECT orders FROM shop.days").fetchall() == [(5,)]


def test_a_conflict_that_stays_is_raised_in_the_end(
    days: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(module.time, "sleep", lambda _: None)

    def write() -> None:
        tried.append(1)
        raise duckdb.TransactionException("Transaction conflict - it stays")

    with pytest.raises(duckdb.TransactionException, match="it stays"):
        in_transaction(days, write, patience=0.3)
    assert len(tried) > 3


def test_counters_of_processes_that_write_at_once_lose_nothing(
    days: duckdb.DuckDBPyConnection, home: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from warehouse.lake import open_lake, in_transaction\n"
        "with open_lake(Path(sys.argv[1])) as connection:\n"
        "    def write():\n"
        "        find = \"SELECT orders FROM shop.days WHERE month = '2011-01-01'\"\n"
        "        (n,) = connection.execute(find).fetchone()\n"
        "        connection.execute(\"DELETE FROM shop.days WHERE month = '2011-01-01'\")\n"
        "        connection.execute(\"INSERT INTO shop.days VALUES ('2011-01-01', ?, NULL)\", [n + 1])\n"
        "    for _ in range(5): in_transaction(connection, write)"
    )
    for process in [run_python(code, home / "lake") for _ in range(2)]:
        finish(process)
    assert days.execute("SELECT orders FROM shop.days ORDER BY month").fetchall() == [(11,), (2,)]


# Shapes


def test_a_table_is_made_in_the_shape_of_its_contract(days: duckdb.DuckDBPyConnection, home: Path) -> None:
    assert shape_of(days, DAYS) == DAYS.shape
    folders = {file.parent.name for file in (home / "lake" / "data" / "shop").rglob("*.parquet")}
    assert folders == {"month=2011-01-01", "month=2011-02-01"}
    with pytest.raises(duckdb.ConstraintException):
        days.execute("INSERT INTO shop.days (month) VALUES ('2011-01-01')")


def test_the_right_shape_is_left_as_it_is(days: duckdb.DuckDBPyConnection) -> None:
    before = snapshot(days)
    ensure(days, DAYS)
    ensure(days, replace(DAYS, columns=tuple(reversed(DAYS.columns))))
    assert snapshot(days) == before


def test_a_column_is_added_empty(days: duckdb.DuckDBPyConnection) -> None:
    wider = _with(Column("more", "DECIMAL(18,4)", "", nullable=True))
    ensure(days, wider)
    assert shape_of(days, wider) == wider.shape
    assert days.execute("SELECT more FROM shop.days").fetchall() == [(None,), (None,)]


def test_a_column_is_dropped_with_what_it_held(days: duckdb.DuckDBPyConnection) -> None:
    narrower = replace(DAYS, columns=DAYS.columns[:2])
    ensure(days, narrower)
    assert shape_of(days, narrower) == {"month": "DATE", "orders": "INTEGER"}


def test_a_column_is_widened_with_what_it_holds(days: duckdb.DuckDBPyConnection) -> None:
    wider = _with(Column("orders", "BIGINT", ""))
    ensure(days, wider)
    assert shape_of(days, wider) == wider.shape
    assert days.execute("SELECT orders FROM shop.days ORDER BY month").fetchall() == [(1,), (2,)]


def test_a_column_may_become_nullable(days: duckdb.DuckDBPyConnection) -> None:
    """Its rows without a value would fail the first time there are some, months later."""
    ensure(days, _with(Column("orders", "INTEGER", "", nullable=True)))
    days.execute("INSERT INTO shop.days (month) VALUES ('2011-03-01')")
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(3,)]


def test_a_column_without_gaps_may_become_not_null(days: duckdb.DuckDBPyConnection) -> None:
    given = _with(Column("note", "VARCHAR", ""))
    with pytest.raises(TillageError, match="column note is NOT NULL, and old rows hold nothing in it"):
        ensure(days, given)
    days.execute("UPDATE shop.days SET note = 'b' WHERE note IS NULL")
    ensure(days, given)
    with pytest.raises(duckdb.ConstraintException):
        days.execute("INSERT INTO shop.days VALUES ('2011-03-01', 1, NULL)")


REFUSED = [
    (_with(Column("orders", "VARCHAR", "")), "column orders is INTEGER and cannot become VARCHAR"),
    (_with(Column("orders", "SMALLINT", "")), "column orders is INTEGER and cannot become SMALLINT"),
    (_with(Column("more", "INTEGER", "")), "the new column more is NOT NULL"),
    (_with(Column("month", "TIMESTAMP", "")), "its partition column month is DATE, not TIMESTAMP"),
    (
        replace(_with(Column("as_of", "DATE", "")), partition_column="as_of"),
        "its partition column as_of is not there, not DATE",
    ),
]


@pytest.mark.parametrize(("table", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_the_lake_cannot_change_is_refused_with_the_command_that_can(
    days: duckdb.DuckDBPyConnection, table: Table, reason: str
) -> None:
    before = snapshot(days)
    with pytest.raises(TillageError, match="cannot take the shape of its contract") as told:
        ensure(days, table)
    assert reason in str(told.value)
    assert '`tillage run --select "key:shop/days" --force`' in str(told.value)
    assert (shape_of(days, DAYS), snapshot(days)) == (DAYS.shape, before)


@pytest.mark.parametrize(("table", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_it_is_made_again_where_every_row_is_written_anew(
    days: duckdb.DuckDBPyConnection, table: Table, reason: str
) -> None:
    ensure(days, table, replaced=True)
    assert shape_of(days, table) == table.shape
    assert days.execute("SELECT count(*) FROM shop.days").fetchall() == [(0,)]


def test_a_change_of_shape_is_undone_with_its_transaction(days: duckdb.DuckDBPyConnection) -> None:
    def write() -> None:
        ensure(days, _with(Column("orders", "VARCHAR", "")), replaced=True)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_transaction(days, write)
    assert days.execute("SELECT sum(orders) FROM shop.days").fetchall() == [(3,)]


def test_months_are_dropped_as_files_and_leave_no_delete_files(
    days: duckdb.DuckDBPyConnection, home: Path
) -> None:
    days.execute("DELETE FROM shop.days WHERE month IN (SELECT unnest(?))", [[date(2011, 1, 1)]])
    listed = days.execute("FROM ducklake_list_files('lake', 'days', schema => 'shop')").fetchall()
    assert len(listed) == 1
    assert not list((home / "lake" / "data").rglob("*delete*"))
