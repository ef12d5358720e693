"""Make what is out of date of one table, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.graph import Graph, graph
from assets.make import make, read_plan
from warehouse.contract import Column, Sees, Table
from warehouse.errors import TillageError
from warehouse.intake import TakenIn
from warehouse.lake import open_lake, snapshot
from warehouse.records import Finding, read_refusals
from warehouse.tables import TABLES

Rows = Callable[..., list[tuple[Any, ...]]]

LINES, STATE = "core.order_lines", "core.customer_months"
WALK = [LINES, STATE, "core.sales_days", "segments.rfm"]
FIRST = ["seeds.not_goods", "seeds.categories", "seeds.rfm_segments", *WALK]
MONTHS = [date(2011, month, 1) for month in (1, 2, 3)]


def passes(*_: object) -> Sequence[Finding]:
    return []


def refuses(month: date) -> Callable[..., Sequence[Finding]]:
    return lambda *_: [Finding(month, "rule", "error", 1, "[]")]


@pytest.fixture
def months(
    orders: Path, intake: Callable[..., TakenIn], csv_text: Callable[..., str], order_row: Callable[..., Any]
) -> Callable[..., None]:
    """Put a file of one line into landing/ for each month, dated in it or in another."""

    def put(*at: int, quantity: int = 1, description: str = "a", month: int | None = None) -> None:
        for file in at:
            row = order_row(
                invoice=file,
                sold_at=f"{month or file}/2/2011 10:00",
                quantity=quantity,
                description=description,
            )
            (orders / f"{file}.csv").write_text(csv_text([row]))
        intake()

    return put


@pytest.fixture
def built(
    months: Any, lake: duckdb.DuckDBPyConnection, make_all: Callable[..., dict[str, list[Any]]]
) -> Callable[..., dict[str, list[Any]]]:
    """Three months, all made; gives the way to make what is stale again."""
    months(1, 2, 3)
    made = make_all(lake, FIRST)
    assert made["seeds.not_goods"] == made["seeds.rfm_segments"] == [None]
    assert {name: made[name] for name in WALK} == dict.fromkeys(WALK, MONTHS)

    def again(**options: Any) -> dict[str, list[Any]]:
        made = make_all(lake, FIRST, **options)
        return {name: made[name] for name in WALK if name in made}

    return again


def test_nothing_stale_writes_nothing_and_judges_nothing(built: Any, lake: duckdb.DuckDBPyConnection) -> None:
    before = snapshot(lake)
    built(judge=lambda *_: pytest.fail("judged"))
    assert snapshot(lake) == before


def test_a_new_month_makes_that_month_of_every_table(built: Any, months: Any) -> None:
    months(4)
    april = [date(2011, 4, 1)]
    assert built() == dict.fromkeys(WALK, april)


def test_a_corrected_description_stops_at_the_lines(built: Any, months: Any) -> None:
    months(2, description="b")
    assert built() == {LINES: [MONTHS[1]], STATE: [MONTHS[1]], "core.sales_days": [MONTHS[1]]}


def test_a_corrected_quantity_reaches_every_as_of_that_sees_it(built: Any, months: Any) -> None:
    months(2, quantity=2)
    assert built() == {
        LINES: MONTHS[1:2], STATE: MONTHS[1:2], "core.sales_days": MONTHS[1:2], "segments.rfm": MONTHS[1:]
    }  # fmt: skip


def test_months_between_files_are_made_empty(months: Any, lake: Any, make_all: Any, rows_of: Rows) -> None:
    months(1, 3)
    assert make_all(lake, FIRST)["segments.rfm"] == MONTHS
    assert rows_of("SELECT as_of FROM segments.rfm ORDER BY as_of") == [(month,) for month in MONTHS]


def test_a_month_that_files_took_back_is_left_without_rows(
    built: Any, months: Any, lake: Any, shop_graph: Graph, make_all: Any, rows_of: Rows
) -> None:
    """A file of March whose dates were February's: what was made for March goes, and what March stood refused for."""
    months(3, quantity=2)
    make(lake, LINES, shop_graph, judge=refuses(MONTHS[2]))
    months(3, quantity=2, month=2)
    assert list(make(lake, LINES, shop_graph, judge=passes).reasons.values()) == [
        "an input changed", "no file reaches to it any more"
    ]  # fmt: skip
    assert read_refusals(lake) == {}
    assert built() == {name: MONTHS[1:] for name in WALK if name != LINES}
    for name, by in (
        (LINES, "month"),
        (STATE, "month"),
        ("core.sales_days", "month"),
        ("segments.rfm", "as_of"),
    ):
        assert rows_of(f"SELECT DISTINCT {by} FROM {name} ORDER BY ALL") == [(at,) for at in MONTHS[:2]]
    assert built() == {}


def test_what_is_left_of_a_month_goes_with_a_shape_that_its_rows_cannot_take(
    built: Any, months: Any, lake: Any, chain: Callable[..., Graph], rows_of: Rows
) -> None:
    make(lake, RUNNING, chain(), judge=passes)
    months(3, month=2)
    built()
    shop = chain(Column("more", "BIGINT", ""), then=", 1 AS more")
    assert list(make(lake, RUNNING, shop, judge=passes, force=True).reasons) == MONTHS
    assert rows_of("SELECT units, more FROM segments.running ORDER BY as_of") == [(1, 1), (3, 1)]


def test_reasons_are_given_and_only_asked_months_are_looked_at(
    built: Any, months: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph
) -> None:
    months(1, 2, quantity=5)
    made = make(lake, LINES, shop_graph, months=MONTHS[1:], judge=passes)
    assert made.reasons == {MONTHS[1]: "an input changed"}
    assert made.published is not None
    assert made.published.changed == {MONTHS[1]}
    assert list(read_plan(lake, shop_graph).stale(LINES)) == [MONTHS[0]]


def test_force_makes_what_is_current_too_and_leaves_equal_rows_untouched(
    built: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph
) -> None:
    made = make(lake, LINES, shop_graph, force=True, judge=passes)
    assert made.reasons == dict.fromkeys(MONTHS, "asked for")
    assert made.published is not None
    assert made.published.changed == frozenset()
    assert built() == {}


def test_a_refused_month_is_tried_again_when_its_file_is_mended_or_forced(
    months: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph, rows_of: Rows, make_all: Any
) -> None:
    months(1, 2)
    for seed in ("seeds.not_goods", "seeds.categories"):
        make(lake, seed, shop_graph, judge=passes)
    first = make(lake, LINES, shop_graph, judge=refuses(MONTHS[1]))
    assert first.published is not None
    assert first.published.refused == {MONTHS[1]}
    assert rows_of("SELECT month FROM core.order_lines") == [(MONTHS[0],)]
    assert make(lake, LINES, shop_graph, judge=passes).published is None
    make_all(lake, FIRST)
    assert rows_of("SELECT as_of FROM segments.rfm ORDER BY ALL") == [(MONTHS[0],), (MONTHS[1],)]
    assert make(lake, LINES, shop_graph, judge=refuses(MONTHS[1]), force=True).published is not None
    months(2, quantity=7)
    assert make(lake, LINES, shop_graph, judge=passes).reasons == {MONTHS[1]: "never made"}
    assert read_refusals(lake) == {}
    made = make_all(lake, FIRST)
    assert {name: made.get(name) for name in WALK} == {LINES: None} | dict.fromkeys(WALK[1:], MONTHS[1:2])


def test_a_file_put_back_as_it_was_clears_the_refusal(
    built: Any, months: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph, rows_of: Rows
) -> None:
    """The published rows are right again; a red check would have nobody who could mend it."""
    months(2, quantity=9)
    assert make(lake, LINES, shop_graph, judge=refuses(MONTHS[1])).published is not None
    assert rows_of("SELECT sum(quantity) FROM core.order_lines") == [(3,)]
    months(2)
    made = make(lake, LINES, shop_graph, judge=passes)
    assert made.reasons == {MONTHS[1]: "what it stands refused for was taken back"}
    assert read_refusals(lake) == {}
    assert built() == {}


def test_a_table_whose_source_was_never_made_says_so(
    months: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph
) -> None:
    months(1)
    with pytest.raises(TillageError, match=r"core\.customer_months cannot be made: .*order_lines"):
        make(lake, STATE, shop_graph, judge=passes)


def test_a_changed_seed_makes_what_its_rows_change(
    built: Any, lake: duckdb.DuckDBPyConnection, home: Path, rows_of: Rows
) -> None:
    (home / "seeds").mkdir()
    (home / "seeds" / "not_goods.csv").write_text("pattern,meaning\n85123?,hearts\n")
    own = graph(home / "seeds")
    looked_at = [name for name in own.nodes if name in {"seeds.not_goods", *WALK}]
    made = {name: set(make(lake, name, own, judge=passes).reasons.values()) for name in looked_at}
    assert made["seeds.not_goods"] == {"its code changed"}
    assert [made[name] for name in WALK] == [{"an input changed"}] * 3 + [set()]
    assert rows_of("SELECT DISTINCT is_goods FROM core.order_lines") == [(False,)]


def test_what_another_process_commits_meanwhile_is_made_the_next_time(
    built: Any, months: Any, lake: duckdb.DuckDBPyConnection, shop_graph: Graph, home: Path, rows_of: Rows
) -> None:
    """Inputs are recorded as they were read, not as they are when the month is published."""

    def slow(*_: object) -> Sequence[Finding]:
        with open_lake(home / "lake") as other:
            other.execute("UPDATE landing.orders SET quantity = 100 WHERE month = '2011-01-01'")
            other.execute(
                "INSERT INTO meta.versions SELECT * REPLACE ('other' AS version) FROM meta.versions "
                "WHERE \"table\" = 'landing.orders' AND month = '2011-01-01'"
            )
        return []

    months(1, quantity=3)
    make(lake, LINES, shop_graph, judge=slow)
    assert rows_of("SELECT quantity FROM core.order_lines WHERE month = '2011-01-01'") == [(3,)]
    assert built()[LINES] == [MONTHS[0]]
    assert rows_of("SELECT quantity FROM core.order_lines WHERE month = '2011-01-01'") == [(100,)]


def test_many_rows_are_made_a_few_months_at_a_time_and_come_out_equal(
    built: Any,
    lake: duckdb.DuckDBPyConnection,
    shop_graph: Graph,
    rows_of: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred million lines in one pass spill to disk for hours, or run out of memory where nothing spills."""
    once = {name: rows_of(f"SELECT * FROM {name} ORDER BY ALL") for name in WALK}
    monkeypatch.setattr("assets.make.ROWS_AT_ONCE", 1)
    for name, larger, passes_wanted in ((LINES, 100, 3), ("segments.rfm", 1, 3), ("segments.rfm", 100, 1)):
        monkeypatch.setattr("assets.make.LARGER_PASSES", larger)
        before = snapshot(lake)
        lake.execute(f"DELETE FROM {name}")
        lake.execute('DELETE FROM meta.versions WHERE "table" = ?', [name])
        # A connection remembers the records that it read; another one sees that they are gone.
        another = lake.cursor()
        another.execute("USE lake")
        made = make(another, name, shop_graph, judge=passes)
        assert made.published is not None
        assert list(made.published.records) == list(made.reasons) == MONTHS
        assert made.published.changed == set(MONTHS)
        assert (made.published.snapshot, snapshot(lake) - before - 2) == (snapshot(lake), passes_wanted)
    assert {name: rows_of(f"SELECT * FROM {name} ORDER BY ALL") for name in WALK} == once


def test_a_shape_that_the_rows_cannot_take_comes_in_several_passes_too(
    built: Any,
    lake: duckdb.DuckDBPyConnection,
    rows_of: Rows,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The first pass cannot have written all months, and a person could ask for it as often as they like."""
    name = "core.sales_days"
    table = TABLES[name]
    columns = [
        replace(column, type="VARCHAR") if column.name == "units" else column for column in table.columns
    ]
    monkeypatch.setitem(TABLES, name, replace(table, columns=tuple(columns)))
    monkeypatch.setattr("assets.make.ROWS_AT_ONCE", 1)
    make(lake, name, graph(tmp_path / "seeds"), judge=passes)
    assert rows_of(f"SELECT month, units FROM {name} ORDER BY month") == [(month, "1") for month in MONTHS]


# Chains


RUNNING = "segments.running"


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Graph]:
    """Adds a table to the contracts: the units of each month, and of all since the first by its own month before."""

    def add(*more: Column, then: str = "") -> Graph:
        table = Table(
            schema="segments",
            name="running",
            description="",
            grain="one row per as_of month",
            columns=(Column("as_of", "DATE", ""), Column("units", "BIGINT", ""), *more),
            primary_key=("as_of",),
            partition_column="as_of",
            sees={"core.sales_days": Sees.SAME},
        )
        table.__dict__["query"] = f"""
            SELECT CAST($start AS DATE) AS as_of, coalesce(sum(units), 0) AS units {then}
            FROM (
                SELECT units FROM core.sales_days WHERE month >= $start AND month < $end
                UNION ALL
                SELECT units FROM segments.running WHERE as_of = CAST($start AS DATE) - INTERVAL 1 MONTH
            )"""
        monkeypatch.setitem(TABLES, RUNNING, table)
        return graph(tmp_path / "seeds")

    return add


def test_the_months_of_a_chain_are_made_in_order_each_from_the_one_before_as_published(
    built: Any, months: Any, lake: duckdb.DuckDBPyConnection, chain: Callable[..., Graph], rows_of: Rows
) -> None:
    shop = chain()
    made = make(lake, RUNNING, shop, judge=passes)
    assert list(made.reasons) == MONTHS
    assert rows_of("SELECT units FROM segments.running ORDER BY as_of") == [(1,), (2,), (3,)]
    months(1, 3, quantity=10)
    built()
    assert make(lake, RUNNING, shop, judge=passes).reasons == {MONTHS[2]: "an input changed"}
    assert rows_of("SELECT units FROM segments.running ORDER BY as_of") == [(1,), (2,), (12,)]
    assert list(read_plan(lake, shop).provisional(RUNNING)) == MONTHS[:1]
    make(lake, RUNNING, shop, judge=passes, force=True)
    assert rows_of("SELECT units FROM segments.running ORDER BY as_of") == [(10,), (11,), (21,)]
    assert read_plan(lake, shop).provisional(RUNNING) == {}
    assert make(lake, RUNNING, shop, judge=passes).published is None


def test_a_chain_whose_shape_its_rows_cannot_take_is_made_anew_by_force(
    built: Any, lake: duckdb.DuckDBPyConnection, chain: Callable[..., Graph], rows_of: Rows
) -> None:
    make(lake, RUNNING, chain(), judge=passes)
    shop = chain(Column("more", "BIGINT", ""), then=", 1 AS more")
    with pytest.raises(TillageError, match=r"segments/running\" --force"):
        make(lake, RUNNING, shop, judge=passes)
    make(lake, RUNNING, shop, judge=passes, force=True)
    assert rows_of("SELECT units, more FROM segments.running ORDER BY as_of") == [(1, 1), (2, 1), (3, 1)]
