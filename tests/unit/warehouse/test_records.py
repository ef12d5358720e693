"""The lake's records of what was made from what, and of what stands refused."""

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest

from warehouse.contract import Column, Table
from warehouse.lake import in_transaction, shape_of, snapshot
from warehouse.records import (
    Finding,
    Record,
    insert,
    prepare,
    read_refusals,
    read_versions,
    remember,
    write_refusals,
    write_versions,
)
from warehouse.tables import TABLES

Rows = Callable[..., list[tuple[Any, ...]]]

JANUARY, FEBRUARY = date(2011, 1, 1), date(2011, 2, 1)


def test_a_new_lake_has_the_tables_that_files_and_records_need(lake: duckdb.DuckDBPyConnection) -> None:
    for name, table in TABLES.items():
        expected = table.shape if not table.is_made else {}
        assert shape_of(lake, table) == expected, name


def test_preparing_again_writes_nothing(lake: duckdb.DuckDBPyConnection) -> None:
    before = snapshot(lake)
    prepare(lake)
    assert snapshot(lake) == before


def test_the_newest_record_of_each_month_counts(lake: duckdb.DuckDBPyConnection) -> None:
    write_versions(lake, "a.b", {JANUARY: Record("1", "c", "i", 5), FEBRUARY: Record("2", "c", "i", 6)}, "r1")
    write_versions(lake, "a.b", {JANUARY: Record("3", "d", "j", 7)}, None)
    write_versions(lake, "a.c", {None: Record("4", "e", "k", 8)}, "r2")
    last = snapshot(lake)
    assert read_versions(lake) == {
        ("a.b", JANUARY): Record("3", "d", "j", 7, last - 1),
        ("a.b", FEBRUARY): Record("2", "c", "i", 6, last - 2),
        ("a.c", None): Record("4", "e", "k", 8, last),
    }
    assert read_versions(lake, ["a.c"]).keys() == {("a.c", None)}
    assert read_versions(lake, []) == {}


def test_records_are_part_of_the_transaction_they_are_written_in(lake: duckdb.DuckDBPyConnection) -> None:
    def write() -> None:
        write_versions(lake, "a.b", {JANUARY: Record("1", "c", "i")}, None)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_transaction(lake, write)
    assert read_versions(lake) == {}


def test_what_another_wrote_meanwhile_is_read(lake: duckdb.DuckDBPyConnection) -> None:
    """What was written is remembered unread only where nothing came between."""
    assert (read_versions(lake), read_refusals(lake)) == ({}, {})
    of_another, own = {None: Record("1", "c", "i")}, {JANUARY: Record("2", "c", "i")}
    write_versions(lake, "a.c", of_another, None)
    write_versions(lake, "a.b", own, None)
    remember(lake, "a.b", own, snapshot(lake))
    assert read_versions(lake).keys() == {("a.b", JANUARY), ("a.c", None)}


def _finding(month: date | None, rule: str) -> Finding:
    return Finding(month, rule, "error", 2, '[{"a":"O\'Brien \\"x\\" {batch} 😀"}]')


def test_refusals_are_replaced_for_the_months_that_were_judged(lake: duckdb.DuckDBPyConnection) -> None:
    judged = {month: Record("1", f"code {month}", "in") for month in (JANUARY, FEBRUARY)}
    write_refusals(lake, "a.b", judged, [_finding(FEBRUARY, "y"), _finding(JANUARY, "x")], "r")
    write_refusals(lake, "a.c", {None: Record("1", "c", "i")}, [_finding(None, "z")], "r")
    found = read_refusals(lake)
    assert [at.finding for at in found["a.b"]] == [_finding(JANUARY, "x"), _finding(FEBRUARY, "y")]
    assert [at.code for at in found["a.b"]] == ["code 2011-01-01", "code 2011-02-01"]
    write_refusals(lake, "a.b", {JANUARY: judged[JANUARY]}, [], "r")
    assert [at.finding for at in read_refusals(lake)["a.b"]] == [_finding(FEBRUARY, "y")]
    write_refusals(lake, "a.c", {None: Record("1", "c", "i")}, [], "r")
    assert read_refusals(lake).keys() == {"a.b"}


def test_no_refusal_and_none_before_writes_no_snapshot(lake: duckdb.DuckDBPyConnection) -> None:
    before = snapshot(lake)
    write_refusals(lake, "a.b", {JANUARY: Record("1", "c", "i")}, [], "r")
    assert snapshot(lake) == before


def test_rows_of_every_type_are_inserted_by_one_statement(
    lake: duckdb.DuckDBPyConnection, rows_of: Rows
) -> None:
    table = Table(
        "memory.main", "t", "", "",
        (
            Column("a", "VARCHAR", ""), Column("b", "HUGEINT", ""), Column("c", "VARCHAR[]", ""),
            Column("d", "DATE", ""),
        ),
        (),
    )  # fmt: skip
    lake.execute(f"CREATE TABLE {table.qualified} ({table.definition.replace(' NOT NULL', '')})")
    rows = [{"a": "x", "b": 2**100, "c": ["p", "q"], "d": JANUARY}, {"a": None, "b": -1, "c": [], "d": None}]
    insert(lake, table, rows)
    assert rows_of(f"SELECT * FROM {table.qualified}") == [tuple(row.values()) for row in rows]
