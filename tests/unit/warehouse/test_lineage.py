"""Lineage is read from the SQL, never typed."""

import json
from pathlib import Path

import pytest

from assets.computed import module_of
from warehouse import lineage as module
from warehouse.contract import Column, Table
from warehouse.lineage import column_lineage, reads, remembered
from warehouse.tables import TABLES

MADE = [name for name, table in TABLES.items() if table.is_made and table.schema != "seeds"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1 AS a", set()),
        ("SELECT * FROM core.a", {"core.a"}),
        ("SELECT * FROM core.a AS x JOIN seeds.b USING (c)", {"core.a", "seeds.b"}),
        ("WITH a AS (SELECT * FROM core.b) SELECT * FROM a", {"core.b"}),
        ("SELECT (SELECT max(c) FROM core.d) FROM core.a", {"core.a", "core.d"}),
        ("FROM core.a WHERE EXISTS (SELECT 1 FROM core.e)", {"core.a", "core.e"}),
        ("SELECT * FROM core.a UNION ALL SELECT * FROM core.b", {"core.a", "core.b"}),
        ("-- FROM core.a\nSELECT 'FROM core.b' FROM core.c", {"core.c"}),
    ],
)  # fmt: skip
def test_the_tables_of_a_query_are_those_it_reads(query: str, expected: set[str]) -> None:
    assert reads(query) == expected


def test_the_first_tables_read_what_the_design_says() -> None:
    """The monthly state alone reads the lines; analytics read the state."""
    expected = {
        "core.order_lines": {"landing.orders", "seeds.categories", "seeds.not_goods"},
        "core.customer_months": {"core.order_lines"},
        "core.sales_days": {"core.order_lines"},
        "segments.rfm": {"core.customer_months", "core.sales_days", "seeds.rfm_segments"},
    }
    assert {name: set(reads(TABLES[name].query)) for name in expected} == expected


# Constants of a query, and what is unpivoted, which sqlglot does not follow.
WRITTEN = {
    "figure", "other_figure", "top_share", "level", "step", "weekday", "weekday_share", "part_of_day",
    "part_of_day_share", "grain",
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_lines_are_read_by_months_alone(name: str) -> None:
    """An analytic that read them would take longer with each year of history."""
    is_monthly = TABLES[name].partition_column == "month"
    assert is_monthly or not reads(TABLES[name].query) & {"core.order_lines", "landing.orders"}


@pytest.mark.parametrize("name", [name for name in MADE if module_of(TABLES[name]) is None])
def test_every_column_of_every_table_comes_from_somewhere(name: str) -> None:
    shapes = {source: TABLES[source].shape for source in reads(TABLES[name].query)}
    found = column_lineage(TABLES[name], shapes)
    assert set(found) == set(TABLES[name].shape)
    for column, sources in found.items():
        assert all(column in shapes[source] for source, column in sources), column
        is_written_there = column in {TABLES[name].partition_column, *WRITTEN}
        assert sources or is_written_there, column


def test_columns_are_followed_through_steps_and_aggregates() -> None:
    shapes = {source: TABLES[source].shape for source in reads(TABLES["segments.rfm"].query)}
    found = column_lineage(TABLES["segments.rfm"], shapes)
    assert found["frequency"] == [("core.customer_months", "orders")]
    assert found["net_monetary"] == [
        ("core.customer_months", "amount"), ("core.customer_months", "returned_amount")
    ]  # fmt: skip
    assert ("core.sales_days", "day") in found["recency_days"]
    assert ("seeds.rfm_segments", "segment") in found["segment"]


def test_a_constant_comes_from_nowhere() -> None:
    table = Table("s", "t", "", "", (Column("total", "BIGINT", ""), Column("one", "INTEGER", "")), ())
    query = "WITH c AS (SELECT x + y AS z FROM a.b) SELECT sum(z) AS total, 1 AS one FROM c"
    table.__dict__["query"] = query
    assert column_lineage(table, {"a.b": {"x": "INTEGER", "y": "INTEGER"}}) == {
        "total": [("a.b", "x"), ("a.b", "y")], "one": []
    }  # fmt: skip


def table_of(query: str) -> Table:
    table = Table("core", "b", "", "", (Column("x", "INTEGER", ""),), ())
    table.__dict__["query"] = query
    return table


def test_what_was_worked_out_is_looked_up_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shapes = tmp_path / "lineage.json", {"core.a": {"x": "INTEGER", "y": "INTEGER"}}
    asked: list[str] = []
    real = module._columns

    def counted(table: Table, of: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
        asked.append(table.query)
        return real(table, of)

    monkeypatch.setattr(module, "_columns", counted)

    def loaded(query: str) -> dict[str, list[tuple[str, str]]]:
        """As a process of its own would."""
        monkeypatch.setattr(module, "_KNOWN", {})
        monkeypatch.setattr(module, "_ASKED", set())
        with remembered(file):
            return column_lineage(table_of(query), shapes)

    first, other = "SELECT x FROM core.a", "SELECT x + y AS x FROM core.a"
    assert loaded(first) == loaded(first) == {"x": [("core.a", "x")]}
    assert asked == [first]
    assert loaded(other) == {"x": [("core.a", "x"), ("core.a", "y")]}
    assert asked == [first, other]
    assert len(json.loads(file.read_text())) == 1  # what no table follows from any more is let go
    for content in ("", "[1]", '{"a": 3}', '{"a": {"x": [1]}}'):
        file.write_text(content)
        assert loaded(first) == {"x": [("core.a", "x")]}
    assert len(asked) == 6
    assert [at.name for at in tmp_path.iterdir()] == ["lineage.json"]


def test_where_a_column_comes_from_follows_from_the_tables_that_have_it(tmp_path: Path) -> None:
    table = table_of("SELECT x FROM core.a CROSS JOIN core.c")
    with remembered(tmp_path / "lineage.json"):
        for has_it, has_not in (("core.a", "core.c"), ("core.c", "core.a")):
            shapes = {has_it: {"x": "INTEGER"}, has_not: {"y": "INTEGER"}}
            assert column_lineage(table, shapes) == {"x": [(has_it, "x")]}
