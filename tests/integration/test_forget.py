"""A customer who asks for it is forgotten: in every table, file and snapshot, and whatever files come after."""

import csv
import io
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.check import check
from warehouse.errors import TillageError
from warehouse.forget import forget, is_known, traces
from warehouse.intake import forget_file, take_in
from warehouse.lake import open_lake, snapshot
from warehouse.maintenance import maintain
from warehouse.records import insert, prepare
from warehouse.tables import TABLES, meta, models

MADE = (
    *(name for name in TABLES if name.startswith("seeds.")),
    "core.order_lines", "core.invoices", "core.customer_months", "core.sales_days", "segments.rfm",
)  # fmt: skip
LOOKED_AT = {name: table for name, table in TABLES.items() if name in MADE or not table.is_made}
# No hash and no name of a file looks like it, and one that is longer by a letter does.
WHO, ALIKE = "Q12345Z", "Q12345ZZ"
NOW = datetime.now(UTC)


def rows(who: object = WHO) -> list[list[object]]:
    """Two months of three customers; a bad row of each, and one whose number only looks alike."""
    found: list[list[object]] = []
    for at in range(24):
        customer = (who, "20000", ALIKE)[at % 3]
        found.append(
            [
                f"53{at}",
                "85123A",
                "HEART",
                6 + at,
                f"{1 + at % 2}/{2 + at}/2011 8:26",
                "2.55",
                customer,
                "France",
            ]
        )
    bad = [
        ["539", "85123A", "HEART", "x", "1/5/2011 8:26", "2.55", one, "France"]
        for one in (who, "20000", ALIKE)
    ]
    return [*found, *bad]


def text_of(lines: list[list[object]]) -> str:
    text = io.StringIO(newline="")
    header = [
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "UnitPrice",
        "CustomerID",
        "Country",
    ]
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_all: Callable[..., Any], reading: Any) -> Path:
    """The shop; not to be written."""
    home = tmp_path_factory.mktemp("made") / "home"
    (home / "landing" / "orders").mkdir(parents=True)
    (home / "landing" / "orders" / "till.csv").write_text(text_of(rows()))
    (home / "models").mkdir()
    (home / "models" / "a.skops").write_bytes(f"weights of {ALIKE}".encode())
    with open_lake(home / "lake") as lake:
        prepare(lake)
        take_in(lake, home / "landing", reading)
        make_all(lake, MADE)
        row = {
            "name": "segments.clusters",
            "code_version": "c",
            "data_version": "d",
            "snapshot": snapshot(lake),
        }
        row |= {"parameters": "{}", "metrics": "{}", "path": "models/a.skops"}
        insert(
            lake, models.REGISTRY, [{**row, "as_of": date(2010, 12, 1)}, {**row, "as_of": date(2011, 2, 1)}]
        )
        refusal = {"table": "x", "month": date(2011, 1, 1), "rule": "r", "severity": "warning", "count": 1}
        refusal |= {"sample": f'[{{"customer_id": "{WHO}"}}]', "code": "", "inputs": ""}
        insert(lake, meta.REFUSALS, [refusal])
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A home of the same."""
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def shop(lake: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Its lake."""
    return lake


def named(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables in which any column holds the number, as a word."""
    names = lake.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'lake'"
    )
    return sorted(
        name
        for (name,) in names.fetchall()
        if lake.execute(
            f"SELECT 1 FROM lake.{name} AS s WHERE regexp_matches(CAST(s AS VARCHAR), '\\b{WHO}\\b') LIMIT 1"
        ).fetchall()
    )


def contents(lake: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The rows that are made, whatever file they came in."""
    return {
        name: lake.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
        for name in MADE
        if not name.startswith("seeds.")
    }


def test_a_forgotten_customer_is_in_no_table_and_the_sales_are_those_of_a_guest(
    shop: duckdb.DuckDBPyConnection,
    home: Path,
    make_all: Callable[..., Any],
    tmp_path: Path,
    reading: Any,
) -> None:
    assert set(named(shop)) >= {
        "landing.orders",
        "landing.quarantine",
        "core.customer_months",
        "meta.refusals",
    }
    done = forget(shop, WHO, NOW)
    assert done.rows["landing.orders"] == 8
    assert done.rows["landing.quarantine"] == 1
    assert done.rows["segments.rfm"] == 2
    assert (done.models, done.files) == (1, ["orders/till.csv"])
    assert named(shop) == []
    assert list(check(shop, home / "lake", LOOKED_AT, NOW.timestamp())) == []
    make_all(shop, MADE)
    assert named(shop) == []
    assert list(check(shop, home / "lake", LOOKED_AT, NOW.timestamp())) == []
    assert shop.execute("SELECT as_of FROM models.registry WHERE remark IS NOT NULL").fetchall() == [
        (date(2011, 2, 1),)
    ]
    # As if the till had never known who it was.
    other = tmp_path / "other"
    (other / "landing" / "orders").mkdir(parents=True)
    (other / "landing" / "orders" / "till.csv").write_text(text_of(rows("")))
    with open_lake(other / "lake") as guest:
        prepare(guest)
        take_in(guest, other / "landing", reading)
        make_all(guest, MADE)
        assert contents(shop) == contents(guest)
        ours, theirs = (
            lake.execute("SELECT rows_read, rows_accepted, rows_quarantined FROM landing.files").fetchall()
            for lake in (shop, guest)
        )
        assert ours == theirs


def test_no_file_brings_a_forgotten_customer_back(
    shop: duckdb.DuckDBPyConnection, orders: Path, intake: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a corrected one, not a new month, not one that is too large to be staged."""
    forget(shop, WHO, NOW)
    (orders / "till.csv").write_text(text_of([*rows(), *rows()[:3]]))
    (orders / "next.csv").write_text(text_of([["600", "B", "C", 1, "3/2/2011 8:26", "1", WHO, "France"]]))
    intake()
    monkeypatch.setattr("warehouse.intake.BATCH_BYTES", 0)
    (orders / "large.csv").write_text(text_of([["601", "B", "C", 1, "3/2/2011 8:26", "1", WHO, "France"]]))
    intake()
    assert named(shop) == []
    assert shop.execute("SELECT count(*), count(customer_id) FROM landing.orders").fetchall() == [(29, 18)]
    assert shop.execute("SELECT raw FROM landing.quarantine ORDER BY ALL").fetchall()[0] == ("(forgotten)",)
    assert shop.execute(
        "SELECT count(*) FROM landing.quarantine WHERE raw LIKE '%' || ? || '%'", [ALIKE]
    ).fetchall() == [(1,)]


def test_after_the_day_of_grace_nothing_is_left_and_that_is_proved(
    shop: duckdb.DuckDBPyConnection, home: Path, make_all: Callable[..., Any]
) -> None:
    """Not in a file that no snapshot names, not in a snapshot that a model names, not in the catalog's statistics."""
    was = snapshot(shop)
    assert len(list(traces(shop, WHO))) > 4, "what it looks for is there before"
    forget(shop, WHO, NOW)
    with (
        pytest.raises(TillageError, match="has no snapshot"),
        open_lake(home / "lake", read_only=True, as_of=was),
    ):
        pass
    assert {one.split(": ")[1].split(",")[0] for one in traces(shop, WHO)} == {"let go"}
    make_all(shop, MADE)
    done = maintain(shop, keep=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=3))
    assert done.deleted > 0
    assert list(traces(shop, WHO)) == []
    assert list(traces(shop, ALIKE)), "who was not asked for is still there"
    assert WHO.encode() not in (home / "lake" / "catalog.sqlite").read_bytes().replace(ALIKE.encode(), b"")
    model = home / "models" / "a.skops"
    model.write_bytes(f"weights of {WHO} and {ALIKE}".encode())
    assert [str(model) in one for one in traces(shop, WHO)] == [True]


def test_a_customer_nobody_knows_is_told_and_nothing_is_done(shop: duckdb.DuckDBPyConnection) -> None:
    before = snapshot(shop)
    with pytest.raises(TillageError, match="No row names a customer 'Q1234'"):
        forget(shop, "Q1234", NOW)
    assert snapshot(shop) == before


def test_a_number_with_a_quote_is_no_sql(
    shop: duckdb.DuckDBPyConnection, orders: Path, intake: Callable[[], Any]
) -> None:
    name = "o'hara@example.com"
    (orders / "b.csv").write_text(text_of([["600", "B", "C", 1, "3/2/2011 8:26", "1", name, "France"]]))
    intake()
    assert forget(shop, name, NOW).rows == {"landing.orders": 1}
    assert is_known(shop, name)
    assert shop.execute("SELECT count(*) FROM landing.orders WHERE customer_id = ?", [name]).fetchall() == [
        (0,)
    ]


def test_a_rows_review_loses_its_words_too(
    shop: duckdb.DuckDBPyConnection, home: Path, intake: Callable[[], Any], make_all: Callable[..., Any]
) -> None:
    """Those too that were taken apart: in their order they are the review."""
    folder = home / "landing" / "reviews"
    folder.mkdir()
    (folder / "a.csv").write_text(
        "review_id,customer_id,product_id,rating,title,text,reviewed_at\n"
        f"1,{WHO},A,5,I am Ann,call me,2011-01-05\n2,20000,A,4,Fine,all well,2011-01-06\n"
    )
    intake()
    made = ("core.reviews", "topics.words")
    make_all(shop, made)
    words = "SELECT review_id, words FROM topics.words ORDER BY ALL"
    assert shop.execute(words).fetchall() == [("1", ["ann"]), ("2", ["fine"])]
    done = forget(shop, WHO, NOW).rows
    assert {name: done[name] for name in ("landing.reviews", *made)} == dict.fromkeys(
        ("landing.reviews", *made), 1
    )
    assert shop.execute(words).fetchall() == [("2", ["fine"])]
    looked_at = {**LOOKED_AT, **{name: TABLES[name] for name in made}}
    assert list(check(shop, home / "lake", looked_at, NOW.timestamp())) == []
    make_all(shop, made)
    assert shop.execute(words).fetchall() == [("1", None), ("2", ["fine"])]
    assert shop.execute(
        "SELECT customer_id, title, text, rating FROM landing.reviews ORDER BY row"
    ).fetchall() == [
        (None, None, None, 5),
        ("20000", "Fine", "all well", 4),
    ]


# Files


def test_a_forgotten_file_gives_up_its_rows_and_others_keep_theirs(
    shop: duckdb.DuckDBPyConnection,
    home: Path,
    orders: Path,
    intake: Callable[[], Any],
    make_all: Callable[..., Any],
) -> None:
    before = contents(shop)
    (orders / "wrong.csv").write_text(text_of([["700", "B", "C", 9, "2/9/2011 8:26", "1", "777", "France"]]))
    (orders / "twin.csv").write_text(text_of(rows()))
    intake()
    make_all(shop, MADE)
    assert contents(shop) != before
    with pytest.raises(TillageError, match="still lies there, and the next run would take it in again"):
        forget_file(shop, home / "landing", "orders/wrong.csv")
    with pytest.raises(TillageError, match=r"No file orders/nothing\.csv was ever taken in"):
        forget_file(shop, home / "landing", "orders/nothing.csv")
    (orders / "wrong.csv").unlink()
    (orders / "till.csv").unlink()
    assert forget_file(shop, home / "landing", "orders/wrong.csv") == {"landing.orders": [date(2011, 2, 1)]}
    assert forget_file(shop, home / "landing", "orders/till.csv") == {}, "its content lies there as twin.csv"
    make_all(shop, MADE)
    assert contents(shop) == before
    (orders / "twin.csv").unlink()
    forget_file(shop, home / "landing", "orders/twin.csv")
    make_all(shop, MADE)
    assert shop.execute("SELECT count(*) FROM core.order_lines").fetchall() == [(0,)]
    assert shop.execute("SELECT count(*) FROM landing.quarantine").fetchall() == [(0,)]
    assert list(check(shop, home / "lake", LOOKED_AT, NOW.timestamp())) == []


def test_the_commands(
    tillage: Callable[..., Any], shop: duckdb.DuckDBPyConnection, home: Path, orders: Path
) -> None:
    said = tillage("forget", "--yes", WHO)
    assert said.code == 0, said.err
    assert "landing.orders: 8 rows" in said.out
    assert "yours to mend: orders/till.csv" in said.out
    said = tillage("forget", WHO)
    assert said.code == 1, "the day of grace is not over"
    assert "holds rows that name the customer: let go" in said.err
    maintain(shop, keep=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=3))
    said = tillage("forget", WHO)
    assert (said.code, said.out) == (0, "Nothing is left of them.\n"), said.err
    for asked in (tillage("forget", "--yes", "nobody"), tillage("forget", "nobody")):
        assert "No row names a customer 'nobody'" in asked.err
        assert "Go on?" not in asked.out
    (orders / "till.csv").unlink()
    said = tillage("forget-file", "landing/orders/till.csv")
    assert "landing.orders 2011-01 to 2011-02" in said.out, said.err
