"""Whatever the order in which files come, change and go, the tables end as those of a rebuild."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from expectations.audit import audit
from simulator import write
from warehouse.intake import take_in
from warehouse.intake.layout import Reading
from warehouse.lake import attach
from warehouse.records import read_refusals

# Among them every way of seeing an input: the same month, the one before too, all up to it.
TABLES = (
    "seeds.not_goods", "seeds.categories", "seeds.rfm_segments", "seeds.thresholds",
    "core.order_lines", "core.customer_months", "core.customer_product_months", "core.sales_days", "core.returns", "core.product_weeks",
    "core.product_months", "segments.rfm", "segments.rfm_moves", "cohorts.retention", "cohorts.revenue_retention", "forecasts.series",
)  # fmt: skip
STATE = ("seeds.not_goods", "seeds.categories", "core.order_lines", "core.customer_months", "core.returns")

rows = st.tuples(
    st.sampled_from(["1", "2", "C3", "A4"]),
    st.sampled_from(["a", "A", "POST"]),
    st.sampled_from(["", "x"]),
    st.sampled_from(["1", "2", "-1", "0", "half"]),
    st.sampled_from(["1/5/2011 10:00", "1/31/2011 23:59", "2/1/2011 0:00", "4/2/2011 9:30", "2/30/2011"]),
    st.sampled_from(["1.5", "0", "-2"]),
    st.sampled_from(["", "17850", "17850.0", "b"]),
    st.sampled_from(["EIRE", ""]),
)
# A file is written (and so replaced) under one of a few names, or taken away; then things are made, or not.
event = st.tuples(
    st.sampled_from(["a.csv", "b.csv", "c.csv"]), st.lists(rows, max_size=5) | st.none(), st.booleans()
)
events, few_events = (st.lists(event, min_size=1, max_size=most) for most in (6, 4))


def contents(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str]
) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables; one that has no month yet is not there, and has none."""
    found = {}
    for name in tables:
        try:
            found[name] = connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
        except duckdb.CatalogException:
            found[name] = []
    found["landing.orders"] = connection.execute(
        "SELECT * EXCLUDE (file_id, row) FROM landing.orders ORDER BY ALL"
    ).fetchall()
    return found


def fresh(connection: duckdb.DuckDBPyConnection, home: Path, empty: Path) -> None:
    """Leave the lake that is attached for a new one in `home`."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "landing" / "orders").mkdir(parents=True)
    shutil.copytree(empty, home / "lake", ignore=shutil.ignore_patterns("tmp", "extensions"))
    connection.execute("USE memory")
    connection.execute("DETACH DATABASE IF EXISTS lake")
    attach(connection, home / "lake")


@pytest.fixture
def seeded(
    engine: tuple[duckdb.DuckDBPyConnection, Path],
    tmp_path: Path,
    make_all: Callable[..., dict[str, list[Any]]],
) -> tuple[duckdb.DuckDBPyConnection, Path]:
    """As `engine`, a lake without files, but one whose seeds are made: they are the same for every shop."""
    connection, empty = engine
    fresh(connection, tmp_path / "seeded", empty)
    make_all(connection, [name for name in TABLES if name.startswith("seeds.")])
    connection.execute("USE memory")
    connection.execute("DETACH lake")
    return connection, tmp_path / "seeded" / "lake"


def line(
    invoice: str, quantity: str = "1", sold_at: str = "1/5/2011 10:00", name: str = "x"
) -> tuple[str, ...]:
    """A row of an orders file."""
    return invoice, "a", name, quantity, sold_at, "1.5", "b", "EIRE"


LATE, NEXT = "2/1/2011 0:00", "4/2/2011 9:30"


@pytest.mark.parametrize("part", range(4))
def test_state_made_as_files_come_is_that_of_a_rebuild(
    seeded: tuple[duckdb.DuckDBPyConnection, Path], tmp_path: Path, reading: Reading, shop_graph: Any,
    make_all: Callable[..., dict[str, list[Any]]], csv_text: Callable[..., str], part: int,
) -> None:  # fmt: skip
    """A hundred shops, of the tables that all others are made of."""

    @seed(part)  # other shops in each part, which processes share
    @settings(max_examples=25, database=None)
    @given(changes=few_events)
    def check(changes: Any) -> None:
        assert_equal_to_a_rebuild(seeded, tmp_path, reading, shop_graph, make_all, csv_text, changes, STATE)

    check()


@example(
    changes=[("a.csv", [line("1")], True), ("b.csv", [line("1"), line("2")], True), ("a.csv", None, True)]
)
@example(
    changes=[
        ("a.csv", [line("1"), line("2", sold_at=NEXT)], True),
        ("b.csv", [line("3", sold_at=LATE)], True),
        ("a.csv", [line("1", name="y"), line("C3", "-1", NEXT)], True),
        ("b.csv", [], True),
        ("a.csv", [line("1"), line("2", sold_at=NEXT)], True),
    ]
)
@example(
    # The newest months are taken back, and then the oldest: one by a file that ends earlier, one by another that
    # begins later; the third comes again.
    changes=[
        ("a.csv", [line("1"), line("2", sold_at=LATE)], True),
        ("b.csv", [line("3", sold_at=LATE), line("1", sold_at=NEXT)], True),
        ("b.csv", [line("3")], True),
        ("a.csv", [line("2", sold_at=NEXT)], False),
        ("b.csv", [line("C3", "-1", LATE)], True),
    ]
)
@settings(max_examples=3)
@given(changes=events)
def test_incremental_equals_full(
    seeded: tuple[duckdb.DuckDBPyConnection, Path], tmp_path: Path, reading: Reading, shop_graph: Any,
    make_all: Callable[..., dict[str, list[Any]]], csv_text: Callable[..., str], changes: Any,
) -> None:  # fmt: skip
    """A warehouse that depends on its own history can be neither checked nor mended by making it anew."""
    assert_equal_to_a_rebuild(seeded, tmp_path, reading, shop_graph, make_all, csv_text, changes)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(16))
def test_incremental_equals_full_for_many(
    seeded: tuple[duckdb.DuckDBPyConnection, Path], tmp_path: Path, reading: Reading, shop_graph: Any,
    make_all: Callable[..., dict[str, list[Any]]], csv_text: Callable[..., str], part: int,
) -> None:  # fmt: skip
    """Two thousand shops, for as long as two hours."""

    @seed(100 + part)
    @settings(max_examples=128, database=None)
    @given(changes=events)
    def check(changes: Any) -> None:
        assert_equal_to_a_rebuild(seeded, tmp_path, reading, shop_graph, make_all, csv_text, changes)

    check()


def assert_equal_to_a_rebuild(
    seeded: tuple[duckdb.DuckDBPyConnection, Path], tmp_path: Path, reading: Reading, shop_graph: Any,
    make_all: Callable[..., dict[str, list[Any]]], csv_text: Callable[..., str], changes: Any, tables: Sequence[str] = TABLES,
) -> None:  # fmt: skip
    """Apply the changes one after the other, and rebuild from the newest content that each path ever had.

    A file that was taken away still counts.
    """
    connection, empty = seeded
    names = [name for name in shop_graph.nodes if name in tables]
    home, newest = tmp_path / "home", dict[str, str]()
    fresh(connection, home, empty)
    for name, lines, is_made in changes:
        file = home / "landing" / "orders" / name
        if lines is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(csv_text(lines))
        for seen in (home / "landing" / "orders").iterdir():
            newest[seen.name] = seen.read_text()
        take_in(connection, home / "landing", reading)
        if is_made:
            make_all(connection, names)
    make_all(connection, names)
    again = make_all(connection, names)
    incremental = contents(connection, tables)

    fresh(connection, home, empty)
    for name, text in newest.items():
        (home / "landing" / "orders" / name).write_text(text)
    take_in(connection, home / "landing", reading)
    make_all(connection, names)
    full = contents(connection, tables)
    connection.execute("USE memory")
    connection.execute("DETACH lake")
    assert again == {}, "one pass settles it"
    assert incremental == full


@pytest.mark.slow
def test_every_table_ends_as_in_a_rebuild_after_a_long_story(
    engine: tuple[duckdb.DuckDBPyConnection, Path], tmp_path: Path, reading: Reading, shop_graph: Any,
    make_all: Callable[..., dict[str, list[Any]]],
) -> None:  # fmt: skip
    """Late months, corrected, refused, emptied and brought again ones: of what is fitted, after a person forced it."""
    connection, empty = engine
    write(tmp_path, months=6, customers=80, seed=7, first_month=date(2011, 1, 1), reviews=0.1)
    texts = [
        {number: file.read_text(encoding="latin-1") for number, file in enumerate(sorted(of.iterdir()), 1)}
        for of in (tmp_path / "landing" / "orders", tmp_path / "landing" / "reviews")
    ]
    home, newest = tmp_path / "home", dict[tuple[str, str], str]()
    (header, *_), (of_reviews, *_) = (of[1].splitlines(keepends=True) for of in texts)
    slip = "999999,10001,A SLIP OF THE HAND,99999999,{month}/3/2011 10:00,9.99,,United Kingdom\n"
    orders, reviews = texts
    february = orders[2].splitlines(keepends=True)
    story: Sequence[tuple[Mapping[int | str, str], Mapping[int, str], set[int]]] = (
        ({2: orders[2], 3: orders[3], 4: orders[4]}, {2: reviews[2], 3: reviews[3]}, set()),
        # One is corrected and another refused; what was left out comes late, with a month before the first, and the
        # refused one has no rows any more.
        ({2: "".join([header, *february[30:]]), 5: orders[5] + slip.format(month=5)}, {}, {5}),
        ({5: header, 1: orders[1], "late": "".join(february[:40])}, {1: reviews[1], 4: reviews[4]}, set()),
        # One in the middle is emptied, and one that was refused comes, whole.
        ({5: orders[5], 6: orders[6], 3: header}, {3: of_reviews, 5: reviews[5], 6: reviews[6]}, set()),
        # Both ends are emptied, and one that has rows is refused.
        ({6: header, 1: header, 4: orders[4] + slip.format(month=4)}, {1: of_reviews, 6: of_reviews}, {4}),
        ({4: header, 3: orders[3]}, {3: reviews[3]}, set()),
        ({4: "".join(orders[4].splitlines(keepends=True)[::2]), 6: orders[6]}, {6: reviews[6]}, set()),
    )  # fmt: skip

    def make(names: Sequence[str], **options: Any) -> dict[str, list[Any]]:
        def judge(reading: duckdb.DuckDBPyConnection, rows: str, table: Any) -> Any:
            return audit(reading, rows, table) if table.qualified == "core.order_lines" else ()

        return make_all(connection, names, judge=judge, **options)

    nodes = shop_graph.nodes
    # What is fitted goes its own way until a person asks for all of it, and so does what is made of it.
    fitted: set[str] = set()
    for name, node in nodes.items():
        if node.is_served or name in node.inputs or fitted & node.inputs.keys():
            fitted.add(name)
    served = [name for name, node in nodes.items() if node.is_served]

    fresh(connection, home, empty)
    (home / "landing" / "reviews").mkdir()
    for of_orders, written, refused in story:
        for folder, of in (("orders", of_orders), ("reviews", written)):
            for number, text in of.items():
                newest[folder, f"{number}.csv"] = text
                (home / "landing" / folder / f"{number}.csv").write_text(text, encoding="latin-1")
        take_in(connection, home / "landing", reading)
        make(nodes)
        assert make(nodes) == {}, "one pass settles it"
        stands = read_refusals(connection)
        assert {at.finding.month.month for of in stands.values() for at in of if at.finding.month} == refused
    incremental = contents(connection, nodes)
    make(nodes, force=True)
    forced = contents(connection, nodes)

    fresh(connection, home, empty)
    (home / "landing" / "reviews").mkdir()
    for (folder, name), text in newest.items():
        (home / "landing" / folder / name).write_text(text, encoding="latin-1")
    take_in(connection, home / "landing", reading)
    make(nodes)
    full = contents(connection, nodes)
    assert min(len(full[name]) for name in ("segments.rfm", "forecasts.sales", "topics.trend")) > 0
    assert [name for name in nodes if name not in fitted and incremental[name] != full[name]] == []
    make(served, force=True)
    full = contents(connection, nodes)
    assert [name for name in forced if forced[name] != full[name]] == []
    connection.execute("USE memory")
    connection.execute("DETACH lake")
