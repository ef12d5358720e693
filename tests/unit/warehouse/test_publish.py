"""Whole months are published or not at all, with the record of what they were made from."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.contract import Column, Table
from warehouse.errors import TillageError
from warehouse.lake import open_lake, shape_of, snapshot
from warehouse.publish import Published, publish
from warehouse.records import Finding, Fitted, Record, prepare, read_refusals, read_versions

Rows = Callable[..., list[tuple[Any, ...]]]

ROOT = Path(__file__).parents[3]
JANUARY, FEBRUARY, MARCH = (date(2011, month, 1) for month in (1, 2, 3))
MONTHS = [JANUARY, FEBRUARY, MARCH]
DAYS = Table(
    schema="shop",
    name="days",
    description="",
    grain="",
    columns=(Column("month", "DATE", ""), Column("day", "INTEGER", ""), Column("orders", "INTEGER", "")),
    primary_key=("month", "day"),
    partition_column="month",
)
NAMES = Table(
    schema="shop",
    name="names",
    description="",
    grain="",
    columns=(Column("name", "VARCHAR", ""),),
    primary_key=("name",),
)


def rows(*days: tuple[date, int, int]) -> str:
    """A query that gives these rows."""
    values = ", ".join(f"(DATE '{month}', {day}, {orders})" for month, day, orders in days)
    return f"SELECT * FROM (VALUES {values}) AS days (month, day, orders)"


def finding(month: date | None, severity: str = "error", rule: str = "orders_are_few") -> Finding:
    return Finding(month, rule, severity, 1, '[{"orders":9}]')


@pytest.fixture
def put(lake: duckdb.DuckDBPyConnection) -> Callable[..., Published]:
    """Publish, with what a test does not say."""

    def run(
        query: str,
        table: Table = DAYS,
        *,
        months: Sequence[date | None] = MONTHS,
        findings: Sequence[Finding] = (),
        inputs: Mapping[date | None, str] | None = None,
        code: str = "code",
        parameters: Mapping[str, object] | None = None,
    ) -> Published:
        return publish(
            lake,
            table,
            query,
            months=months,
            parameters=parameters or {},
            inputs=lambda _: inputs or dict.fromkeys(months, "inputs"),
            code=code,
            judge=lambda *_: findings,
            run="run",
        )

    return run


@pytest.fixture
def there(rows_of: Rows) -> Callable[[], list[tuple[Any, ...]]]:
    return lambda: rows_of("SELECT month, day, orders FROM shop.days ORDER BY ALL")


FIRST = [(JANUARY, 1, 5), (JANUARY, 2, 6), (FEBRUARY, 1, 7)]


def test_months_are_published_with_the_record_of_what_they_were_made_from(
    put: Any, there: Any, lake: duckdb.DuckDBPyConnection, rows_of: Rows
) -> None:
    done = put(rows(*FIRST), inputs={month: f"in {month.month}" for month in MONTHS})
    assert there() == FIRST
    assert (done.changed, done.refused) == (frozenset(MONTHS), frozenset())
    records = {month: record for (_, month), record in read_versions(lake, ["shop.days"]).items()}
    assert {month: (at.code, at.inputs, at.rows) for month, at in records.items()} == {
        JANUARY: ("code", "in 1", 2), FEBRUARY: ("code", "in 2", 1), MARCH: ("code", "in 3", 0)
    }  # fmt: skip
    assert {month: replace(at, snapshot=None) for month, at in records.items()} == done.records
    assert {at.snapshot for at in records.values()} == {done.snapshot} == {snapshot(lake)}
    assert rows_of("SELECT DISTINCT run FROM meta.versions") == [("run",)]


def test_a_month_without_rows_has_the_version_of_nothing(put: Any) -> None:
    """What is made from it must be able to tell that it was made, and is empty."""
    assert put(rows(*FIRST)).records[MARCH] == Record("0", "code", "inputs", 0)


def test_a_month_that_became_empty_is_emptied(put: Any, there: Any) -> None:
    put(rows(*FIRST))
    assert put(rows(*FIRST[:2])).changed == {FEBRUARY}
    assert there() == FIRST[:2]


def test_a_refused_month_keeps_its_old_rows_and_the_others_are_published(
    put: Any, there: Any, lake: duckdb.DuckDBPyConnection
) -> None:
    put(rows(*FIRST), code="old")
    done = put(rows((JANUARY, 1, 99), (FEBRUARY, 1, 8)), findings=[finding(JANUARY)], code="new")
    assert there() == [*FIRST[:2], (FEBRUARY, 1, 8)]
    assert (done.refused, done.changed) == ({JANUARY}, {FEBRUARY})
    assert JANUARY not in done.records
    assert read_versions(lake)["shop.days", JANUARY].code == "old"
    [refusal] = read_refusals(lake)["shop.days"]
    assert (refusal.finding, refusal.code, refusal.inputs) == (finding(JANUARY), "new", "inputs")


def test_a_warning_is_published_and_kept(put: Any, there: Any, lake: duckdb.DuckDBPyConnection) -> None:
    done = put(rows(*FIRST), findings=[finding(JANUARY, "warning")])
    assert (there(), done.refused) == (FIRST, frozenset())
    assert [at.finding.severity for at in read_refusals(lake)["shop.days"]] == ["warning"]


def test_a_month_that_passes_stands_refused_no_more(put: Any, lake: duckdb.DuckDBPyConnection) -> None:
    put(rows(*FIRST), findings=[finding(JANUARY), finding(FEBRUARY), finding(FEBRUARY, rule="b")])
    put(rows(*FIRST[:2]), months=[JANUARY])
    assert [at.finding.month for at in read_refusals(lake)["shop.days"]] == [FEBRUARY, FEBRUARY]
    put(rows(*FIRST), findings=[finding(FEBRUARY, rule="c")])
    assert [at.finding.rule for at in read_refusals(lake)["shop.days"]] == ["c"]


def test_where_all_is_refused_the_table_is_there_without_rows(
    put: Any, there: Any, lake: duckdb.DuckDBPyConnection
) -> None:
    """What reads it would else fail as if a run had been forgotten, from the first file of a shop on that has a slip."""
    done = put(rows(*FIRST), findings=[finding(month) for month in MONTHS])
    assert (done.records, done.changed, done.refused) == ({}, frozenset(), set(MONTHS))
    assert (there(), shape_of(lake, DAYS)) == ([], DAYS.shape)
    assert read_versions(lake, ["shop.days"]) == {}
    assert len(read_refusals(lake)["shop.days"]) == 3


def test_what_is_remembered_of_the_records_is_what_is_there(
    put: Any, lake: duckdb.DuckDBPyConnection, home: Path
) -> None:
    """A run that goes on with other records than the lake holds makes too much, or too little."""

    def known() -> tuple[Any, Any]:
        with open_lake(home / "lake", read_only=True) as fresh:
            there = read_versions(fresh), read_refusals(fresh)
        assert (read_versions(lake), read_refusals(lake)) == there
        return there

    def other_inputs(_: object) -> dict[date | None, str]:
        with open_lake(home / "lake") as other:
            prepare(other)
            publish(
                other, NAMES, "SELECT 'b' AS name", months=[None], parameters={}, inputs=lambda _: {},
                code="other", judge=lambda *_: [finding(None, "warning")],
            )  # fmt: skip
        return dict.fromkeys(MONTHS, "later")

    put(rows(*FIRST))
    known()
    put(rows(*FIRST), findings=[finding(FEBRUARY)], code="new")
    assert known()[1].keys() == {"shop.days"}
    put("SELECT 'a' AS name", NAMES, months=[None])
    known()
    put(rows(*FIRST), code="new")
    assert known()[1] == {}
    publish(
        lake, DAYS, rows(*FIRST[:2]), months=MONTHS, parameters={}, inputs=other_inputs, code="last",
        judge=lambda *_: (),
    )  # fmt: skip
    versions, refusals = known()
    assert versions["shop.names", None].code == "other"
    assert (versions["shop.days", FEBRUARY].version, refusals.keys()) == ("0", {"shop.names"})
    with open_lake(home / "lake") as other:
        publish(
            other, NAMES, "SELECT 'c' AS name", months=[None], parameters={}, inputs=lambda _: {}, code="",
            judge=lambda *_: (),
        )  # fmt: skip
    assert known()[1] == {}


def test_equal_rows_are_not_touched(put: Any, home: Path, there: Any) -> None:
    """A rewrite of what is equal would make every later table stale, and every reader fetch new files."""
    put(rows(*FIRST))
    files = sorted((home / "lake" / "data" / "shop").rglob("*.parquet"))
    done = put(rows(*reversed(FIRST)), code="other code")
    assert (done.changed, there()) == (frozenset(), FIRST)
    assert sorted((home / "lake" / "data" / "shop").rglob("*.parquet")) == files
    assert done.records[JANUARY].code == "other code"


def test_a_changed_month_touches_no_file_of_another(put: Any, home: Path) -> None:
    put(rows(*FIRST))
    before = set((home / "lake" / "data" / "shop").rglob("*.parquet"))
    assert put(rows((JANUARY, 1, 6), FIRST[2])).changed == {JANUARY}
    new = set((home / "lake" / "data" / "shop").rglob("*.parquet")) - before
    assert {file.parent.name for file in new} == {"month=2011-01-01"}
    assert not list((home / "lake" / "data").rglob("*delete*"))


def test_a_version_does_not_depend_on_the_order_of_rows(put: Any) -> None:
    query = "SELECT DATE '2011-01-01' AS month, i AS day, i % 7 AS orders FROM range(5000) AS r (i)"
    one = put(query).records[JANUARY].version
    assert put(f"{query} ORDER BY hash(i)").records[JANUARY].version == one
    assert put(query.replace("% 7", "% 8")).records[JANUARY].version != one
    assert put(query.replace("5000", "4999")).records[JANUARY].version != one


def test_a_version_counts_equal_rows(put: Any) -> None:
    """Two equal pairs of rows would cancel each other out in a sum that forgets."""
    versions = {put(rows(*[(JANUARY, 1, 1)] * times)).records[JANUARY].version for times in range(1, 5)}
    assert len(versions) == 4


def test_rows_of_months_that_were_not_asked_for_are_left_out(put: Any, there: Any) -> None:
    put(rows(*FIRST))
    done = put(rows((JANUARY, 1, 0), (FEBRUARY, 1, 0), (MARCH, 1, 0)), months=[FEBRUARY])
    assert list(done.records) == [FEBRUARY]
    assert there() == [*FIRST[:2], (FEBRUARY, 1, 0)]


def test_a_query_may_use_the_bounds_or_leave_them(put: Any, there: Any) -> None:
    query = f"SELECT * FROM ({rows(*FIRST)}) WHERE month >= $start AND month < $end"
    put(query, parameters={"start": FEBRUARY, "end": MARCH})
    assert there() == FIRST[2:]
    put(rows(*FIRST), parameters={"start": FEBRUARY, "end": MARCH})
    assert there() == FIRST


def test_a_table_without_months_is_replaced_whole(
    put: Any, rows_of: Rows, lake: duckdb.DuckDBPyConnection
) -> None:
    put("SELECT 'a' AS name UNION ALL SELECT 'b'", NAMES, months=[None])
    assert put("SELECT 'b' AS name UNION ALL SELECT 'a'", NAMES, months=[None]).changed == frozenset()
    assert put("SELECT 'c' AS name", NAMES, months=[None]).changed == {None}
    assert rows_of("SELECT name FROM shop.names") == [("c",)]
    done = put("SELECT 'd' AS name", NAMES, months=[None], findings=[finding(None)])
    assert (done.refused, rows_of("SELECT name FROM shop.names")) == ({None}, [("c",)])
    assert len(read_refusals(lake)["shop.names"]) == 1
    put("SELECT 'e' AS name", NAMES, months=[None])
    assert read_refusals(lake) == {}


def test_a_table_without_months_may_be_empty(put: Any, rows_of: Rows) -> None:
    """A shop that sells nothing but goods empties its seed."""
    query = "SELECT 'a' AS name WHERE false"
    assert put(query, NAMES, months=[None]).records == {None: Record("0", "code", "inputs", 0)}
    assert put("SELECT 'a' AS name", NAMES, months=[None]).changed == {None}
    assert put(query, NAMES, months=[None]).changed == {None}
    assert rows_of("SELECT count(*) FROM shop.names") == [(0,)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT DATE '2011-01-01' AS month, 1 AS day", "orders"),
        ("SELECT DATE '2011-01-01' AS month, 1 AS day, 'many' AS orders", "many"),
        ("SELECT DATE '2011-01-01' AS month, 1 AS day, 9999999999 AS orders", "INT32"),
        ("SELECT DATE '2011-01-01' AS month, 1 AS day, 9e18::BIGINT * 9 AS orders", "verflow"),
        ("SELECT DATE '2011-01-01' AS month, 1 AS day,, 1 AS orders", "syntax error"),
        ("SELECT *, nothing() FROM range(3)", "nothing"),
    ],
)
def test_a_query_that_does_not_keep_the_contract_is_told_where_to_look(
    put: Any, lake: duckdb.DuckDBPyConnection, query: str, told: str
) -> None:
    before = snapshot(lake)
    with pytest.raises(TillageError, match=r"shop\.days") as raised:
        put(query)
    assert told in str(raised.value)
    assert snapshot(lake) == before


def test_a_query_that_lacks_a_column_names_the_files_to_compare(put: Any) -> None:
    with pytest.raises(TillageError, match="its query does not give what its contract promises") as raised:
        put("SELECT DATE '2011-01-01' AS month, 1 AS day")
    assert "warehouse/sql/shop/days.sql" in str(raised.value)
    assert "warehouse/tables/shop.py" in str(raised.value)


def test_a_source_that_was_never_made_is_named(put: Any) -> None:
    """It is what follows when the step of the source failed, or was not asked for."""
    with pytest.raises(
        TillageError, match=r"reads what is not in the warehouse\. .*more.* Make that table first"
    ):
        put("SELECT * FROM shop.more")


def test_a_judge_that_fails_leaves_all_as_it_was(
    put: Any, lake: duckdb.DuckDBPyConnection, there: Any
) -> None:
    put(rows(*FIRST))
    before = snapshot(lake)

    def fail(*_: object) -> list[Finding]:
        raise RuntimeError("no verdict")

    with pytest.raises(RuntimeError, match="no verdict"):
        publish(
            lake, DAYS, rows((JANUARY, 1, 1)), months=MONTHS, parameters={}, inputs=lambda _: {}, code="",
            judge=fail,
        )  # fmt: skip
    assert (snapshot(lake), there()) == (before, FIRST)
    put(rows(*FIRST[:1]))
    assert there() == FIRST[:1]


def test_the_judge_sees_the_staged_rows_in_the_shape_of_the_contract(lake: duckdb.DuckDBPyConnection) -> None:
    seen: list[Any] = []

    def look(connection: duckdb.DuckDBPyConnection, staged: str, table: Table) -> list[Finding]:
        seen.append(connection.execute(f"SELECT * FROM memory.{staged}").fetchall())
        seen.append([row[:2] for row in connection.execute(f"DESCRIBE memory.{staged}").fetchall()])
        return []

    query = "SELECT 5::TINYINT AS orders, '2011-01-01' AS month, 1::BIGINT AS day, 'x' AS more"
    publish(lake, DAYS, query, months=[JANUARY], parameters={}, inputs=lambda _: {}, code="", judge=look)
    assert seen == [[(JANUARY, 1, 5)], [("month", "DATE"), ("day", "INTEGER"), ("orders", "INTEGER")]]


def test_inputs_and_rows_are_read_in_one_snapshot(
    lake: duckdb.DuckDBPyConnection, home: Path, there: Any
) -> None:
    """A month committed between the two would be recorded as seen, and never be made again."""
    lake.execute("INSERT INTO landing.file_months VALUES ('a', '2011-01-01', 1, 1)")

    def inputs(connection: duckdb.DuckDBPyConnection) -> dict[date | None, str]:
        seen = str(connection.execute("SELECT sum(rows) FROM landing.file_months").fetchall())
        with open_lake(home / "lake") as other:
            other.execute("UPDATE landing.file_months SET rows = 2")
        return {JANUARY: seen}

    query = "SELECT month, 1 AS day, rows::INTEGER AS orders FROM landing.file_months"
    done = publish(
        lake, DAYS, query, months=[JANUARY], parameters={}, inputs=inputs, code="", judge=lambda *_: []
    )
    assert (done.records[JANUARY].inputs, there()) == ("[(1,)]", [(JANUARY, 1, 1)])


def test_months_that_python_computes_one_after_the_other_are_each_their_own(
    lake: duckdb.DuckDBPyConnection, there: Any
) -> None:
    """DuckDB kept the first file in mind and read it again for the second, of the same name, size and second."""
    for month in MONTHS:

        def compute(given: Path, made: Path, month: date = month) -> list[Fitted]:
            duckdb.execute(f"COPY ({rows((month, 1, month.month))}) TO '{made}' (FORMAT parquet)")
            os.utime(made, (1e9, 1e9))
            return []

        publish(
            lake, DAYS, rows((month, 1, 1)), months=[month], parameters={}, inputs=lambda _: {}, code="",
            judge=lambda *_: [], compute=compute,
        )  # fmt: skip
    assert there() == [(month, 1, month.month) for month in MONTHS]


# A contract that changed

WIDER = replace(DAYS, columns=(*DAYS.columns, Column("note", "VARCHAR", "", nullable=True)))
OTHER = replace(DAYS, columns=(*DAYS.columns[:2], Column("orders", "VARCHAR", "")))


def test_a_new_column_may_come_month_by_month(put: Any, rows_of: Rows) -> None:
    put(rows(*FIRST))
    put(f"SELECT *, 'new' AS note FROM ({rows(*FIRST)})", WIDER, months=[JANUARY])
    assert rows_of("SELECT day, orders, note FROM shop.days ORDER BY ALL") == [
        (1, 5, "new"), (1, 7, None), (2, 6, "new")
    ]  # fmt: skip


def test_another_shape_with_equal_fingerprints_is_written_anew(put: Any, rows_of: Rows) -> None:
    put(rows(*FIRST))
    long = replace(DAYS, columns=(*DAYS.columns[:2], Column("orders", "BIGINT", "")))
    assert put(rows(*FIRST), long).changed == set(MONTHS)
    assert rows_of("SELECT sum(orders) FROM shop.days") == [(18,)]


def test_another_shape_is_made_where_all_months_are_written(put: Any, there: Any, rows_of: Rows) -> None:
    put(rows(*FIRST))
    put(rows(*FIRST), OTHER)
    assert there() == [(month, day, str(orders)) for month, day, orders in FIRST]


def test_a_month_without_rows_keeps_no_other_shape_away(put: Any, there: Any) -> None:
    put(rows(*FIRST))
    put(rows(*FIRST), OTHER, months=[JANUARY, FEBRUARY])
    assert there() == [(month, day, str(orders)) for month, day, orders in FIRST]


@pytest.mark.parametrize(
    ("months", "findings"), [([JANUARY, MARCH], []), (MONTHS, [finding(FEBRUARY)])], ids=["asked", "good"]
)
def test_another_shape_is_refused_where_some_months_would_be_lost(
    put: Any, there: Any, lake: duckdb.DuckDBPyConnection, months: Any, findings: Any
) -> None:
    put(rows(*FIRST))
    before = snapshot(lake)
    with pytest.raises(TillageError, match="column orders is INTEGER and cannot become VARCHAR"):
        put(rows(*FIRST), OTHER, months=months, findings=findings)
    assert (snapshot(lake), there()) == (before, FIRST)


# Killed

WRITE = """
import sys
from datetime import date
from pathlib import Path
from warehouse.lake import open_lake
from warehouse.publish import publish
sys.path.insert(0, sys.argv[2])
from test_publish import DAYS, MONTHS
with open_lake(Path(sys.argv[1])) as connection:
    print("open", flush=True)
    for turn in range(1000):
        query = f"SELECT month, i::INTEGER AS day, {turn}::INTEGER AS orders FROM range(2000) AS r (i), "
        query += "(SELECT unnest([DATE '2011-01-01', DATE '2011-02-01', DATE '2011-03-01']) AS month)"
        publish(
            connection, DAYS, query, months=MONTHS, parameters={}, code="",
            inputs=lambda _: dict.fromkeys(MONTHS, str(turn)), judge=lambda *_: [],
        )
        print(turn, flush=True)
"""


def test_a_killed_writer_leaves_all_of_a_publication_or_nothing(home: Path, rows_of: Rows) -> None:
    """Rows and record are of one transaction: months must agree with each other and with the record."""
    for attempt in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE, home / "lake", Path(__file__).parent],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline().strip() for _ in range(2 + attempt % 3)]
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.read().split()
        [(counts, turns)] = rows_of(
            "SELECT list(DISTINCT n), list(DISTINCT turns) FROM "
            "(SELECT month, count(*) AS n, list(DISTINCT orders) AS turns FROM shop.days GROUP BY month)"
        )
        assert counts == [2000]
        assert len(turns) == len(turns[0]) == 1
        recorded = rows_of(
            "SELECT arg_max(inputs, snapshot_id) FROM meta.versions "
            "WHERE \"table\" = 'shop.days' GROUP BY month"
        )
        assert recorded == [(str(turns[0][0]),)] * 3
        assert turns[0][0] >= int(told[-1]), "what was told as done is there"
