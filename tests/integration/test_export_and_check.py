"""Plain files for other programs, and the lake held against what it promises."""

import os
import re
import sqlite3
import time
from contextlib import closing
from datetime import date

import duckdb
import polars as pl
import pytest

from warehouse.check import check
from warehouse.contract import Column, Table
from warehouse.export import export
from warehouse.lake import ensure, open_lake
from warehouse.tables import TABLES

# Lines, a table made from them, and one that has seen them: all that is looked at here.
MADE = (
    "seeds.not_goods", "seeds.categories", "seeds.rfm_segments",
    "core.order_lines", "core.customer_months", "core.sales_days", "segments.rfm",
)  # fmt: skip
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "plain", "12,5", 'a "quoted" one', None)


@pytest.fixture
def shop(orders, intake, make_all, lake, csv_text, order_row):
    """Two months of core, one description of which a spreadsheet would run."""
    (orders / "till.csv").write_text(
        csv_text(
            [
                order_row(description="=cmd|' /C calc'!A0"),
                order_row(invoice="536366", sold_at="1/4/2011 9:00", quantity=-3, price="1.25"),
            ]
        )
    )
    intake()
    make_all(lake, MADE)
    return lake


def test_parquet_holds_every_row_and_type(shop, tmp_path):
    files = export(shop, [TABLES["core.order_lines"]], tmp_path / "out", "parquet", keep_personal=True)
    assert [file.name for file in files] == ["core.order_lines.parquet"]
    rows = shop.execute("SELECT * FROM core.order_lines ORDER BY month, invoice_id, line").fetchall()
    assert duckdb.execute(f"SELECT * FROM '{files[0]}'").fetchall() == rows
    kinds = duckdb.execute(f"DESCRIBE SELECT * FROM '{files[0]}'").fetchall()
    assert {name: kind for name, kind, *_ in kinds} == TABLES["core.order_lines"].shape


def test_formulas_come_out_of_a_csv_inert_and_numbers_as_they_are(tmp_path):
    """A spreadsheet would run a stranger's description on the desk of whoever opens it."""
    table = Table(
        "core",
        "x",
        "",
        "",
        (Column("text", "VARCHAR", "", nullable=True), Column("n", "INTEGER", "")),
        ("n",),
    )
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA core; CREATE TABLE core.x (text VARCHAR, n INTEGER)")
    for number, text in enumerate(FORMULAS):
        connection.execute("INSERT INTO core.x VALUES (?, ?)", [text, -number])
    (file,) = export(connection, [table], tmp_path, "csv")
    found = pl.read_csv(file).sort("n", descending=True)
    assert found["text"].to_list() == [
        text if text is None or text[0] not in "=+-@\t" else f"'{text}" for text in FORMULAS
    ]
    assert found["n"].to_list() == [-number for number in range(len(FORMULAS))]


def test_a_database_opens_without_the_lake(shop, tmp_path):
    (file,) = export(shop, [TABLES["core.order_lines"], TABLES["landing.quarantine"]], tmp_path, "duckdb")
    with duckdb.connect(str(file), read_only=True) as plain:
        assert (
            plain.execute("SELECT count(*), sum(amount) FROM core.order_lines").fetchone()
            == shop.execute("SELECT count(*), sum(amount) FROM core.order_lines").fetchone()
        )


@pytest.mark.parametrize("how", ["parquet", "csv", "duckdb"])
def test_who_a_customer_is_leaves_the_lake_only_when_it_is_asked_for(shop, tmp_path, how):
    """Exports are mailed; their tables still join with each other, and not with those of another day."""
    names = ("core.order_lines", "core.customer_months", "landing.quarantine")
    shop.execute("INSERT INTO landing.quarantine VALUES ('a', 99, 'raw 17850', ['bad 17850'])")
    export(shop, [TABLES[name] for name in names], tmp_path / "out", how)
    if how == "duckdb":
        connection = duckdb.connect(str(tmp_path / "out" / "tillage.duckdb"), read_only=True)
        tables = [connection.sql(f"SELECT * FROM {name}") for name in names]
    else:
        connection = duckdb.connect()
        tables = [connection.sql(f"SELECT * FROM '{tmp_path}/out/{name}.{how}'") for name in names]
    lines, months, quarantine = (
        pl.DataFrame(table.fetchall(), table.columns, orient="row") for table in tables
    )
    connection.close()
    (who,) = lines["customer_id"].unique().to_list()
    assert re.fullmatch("[0-9a-f]{16}", who)
    assert months["customer_id"].unique().to_list() == [who]
    assert "17850" not in f"{lines}{months}{quarantine.rows()}"
    assert quarantine["raw"].to_list() == ["(personal)"]
    (amount,) = shop.execute("SELECT sum(amount) FROM core.order_lines").fetchone()
    assert float(lines["amount"].sum()) == pytest.approx(float(amount))


def test_every_number_of_a_customer_is_marked():
    for name, table in TABLES.items():
        for column in table.columns:
            assert column.personal or column.name != "customer_id", f"{name}.{column.name}"


def test_what_somebody_wrote_leaves_the_lake_in_no_table(shop, tmp_path):
    """The words of a review in their order are the review, whatever the table is for."""
    for name in ("landing.reviews", "core.reviews", "topics.words"):
        ensure(shop, TABLES[name])
    at = "DATE '2011-01-01' AS month, 'r1' AS review_id"
    shop.execute(
        f"INSERT INTO core.reviews BY NAME SELECT {at}, 'P' AS product_id, 5 AS rating, 'Ann Oldham' AS title, "
        "'Call Ann Oldham' AS text, TIMESTAMP '2011-01-01' AS reviewed_at, 1 AS copies"
    )
    shop.execute(f"INSERT INTO topics.words BY NAME SELECT {at}, ['call', 'ann', 'oldham'] AS words")
    export(shop, [TABLES[name] for name in ("core.reviews", "topics.words")], tmp_path, "parquet")
    reviews, words = (
        pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("core.reviews", "topics.words")
    )
    assert reviews.select("title", "text").rows() == [("(personal)", "(personal)")]
    assert words["words"].to_list() == [["(personal)"]]
    assert "oldham" not in f"{reviews.rows()}{words.rows()}".lower()


def test_an_export_that_fails_leaves_the_one_before(shop, tmp_path):
    """Another program may be reading it."""
    (file,) = export(shop, [TABLES["core.order_lines"]], tmp_path, "parquet")
    before = file.read_bytes()
    broken = Table("core", "order_lines", "", "", (Column("no_such_column", "VARCHAR", ""),), ())
    with pytest.raises(duckdb.BinderException):
        export(shop, [broken], tmp_path, "parquet")
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == [file.name]


@pytest.mark.usefixtures("unjudged")
def test_the_command_writes_into_the_home_and_names_the_tables(home, tillage, small_shop, tmp_path):
    for command in (("export",), ("check",)):
        assert "There is no warehouse" in tillage(*command, at=tmp_path / "none").err
    (home / "landing" / "orders" / "till.csv").write_text(small_shop[date(2011, 1, 1)], encoding="latin-1")
    assert tillage("run", "--select", "+key:segments/rfm or key:landing/files").code == 0
    said = tillage("export", "--format", "csv")
    assert said.code == 0
    names = {file.name for file in (home / "exports").iterdir()}
    assert {"core.order_lines.csv", "landing.quarantine.csv", "segments.rfm.csv"} <= names
    twice = tillage("export", "segments.rfm", "segments.rfm", "--format", "duckdb")
    assert (twice.code, twice.out) == (0, f"{home / 'exports' / 'tillage.duckdb'}\n"), twice.err
    assert "There is no table core.nothing. The tables are " in tillage("export", "core.nothing").err
    assert "The lake is as it promises" in tillage("check").out
    victim = next((home / "lake" / "data" / "core").rglob("*.parquet"))
    victim.unlink()
    said = tillage("check")
    assert said.code == 1
    assert f"The file {victim} is missing" in said.err


def problems(lake, home, now=None):
    return list(check(lake, home / "lake", TABLES, time.time() if now is None else now))


def test_a_sound_lake_has_no_problems(shop, home):
    assert problems(shop, home) == []


def test_a_week_that_lies_in_two_months_is_no_double_key(
    orders, intake, make_all, lake, home, csv_text, order_row
):
    """Sold on Monday the 31st of January and on the Tuesday after: a row in each month."""
    days = ("1/31/2011 9:00", "2/1/2011 9:00")
    (orders / "till.csv").write_text(
        csv_text([order_row(invoice=f"53636{at}", sold_at=day) for at, day in enumerate(days)])
    )
    intake()
    make_all(
        lake,
        (
            "seeds.thresholds",
            *MADE,
            "core.product_weeks",
            "core.product_months",
            "core.returns",
            "forecasts.series",
        ),
    )
    weeks = lake.execute(
        "SELECT month, starts_on FROM forecasts.series WHERE grain = 'week' ORDER BY month"
    ).fetchall()
    assert weeks == [(date(2011, month, 1), date(2011, 1, 31)) for month in (1, 2)]
    assert problems(lake, home) == []


def test_a_damaged_file_is_found(shop, home):
    victim = next((home / "lake" / "data" / "core" / "order_lines").rglob("*.parquet"))
    with victim.open("ab") as file:
        file.write(b"x")
    assert any(f"The file {victim}" in one and "is damaged" in one for one in problems(shop, home))


def test_an_orphan_is_told_after_a_day_and_not_before(shop, home):
    """A transaction still open has files that no snapshot names: to delete them would lose its rows."""
    orphan = home / "lake" / "data" / "core" / "order_lines" / "left.parquet"
    orphan.write_bytes(b"half a file")
    assert problems(shop, home) == []
    os.utime(orphan, (time.time() - 90_000, time.time() - 90_000))
    (told,) = problems(shop, home)
    assert (
        told
        == f"The file {orphan} belongs to no snapshot: a run was killed while it wrote. `tillage maintain` deletes it."
    )


def test_rows_changed_behind_the_records_are_found(shop, home):
    shop.execute("UPDATE core.customer_months SET orders = orders + 1 WHERE month = DATE '2010-12-01'")
    (told,) = problems(shop, home)
    assert told.startswith("core.customer_months, 2010-12-01: its rows are not those that were published.")
    assert 'tillage run --select "key:core/customer_months" --force' in told


def test_a_double_key_and_a_foreign_shape_are_found(shop, home):
    shop.execute("INSERT INTO core.sales_days FROM core.sales_days LIMIT 1")
    shop.execute("ALTER TABLE core.order_lines DROP COLUMN is_goods")
    told = problems(shop, home)
    assert any(one.startswith("core.sales_days has 1 keys (day, country) more than once") for one in told)
    assert any(
        "core.order_lines has not the columns of its contract: is_goods BOOLEAN" in one for one in told
    )


def test_a_damaged_catalog_is_found(shop, home, tmp_path):
    """Checked on a copy: a catalog that cannot be read at all fails when it is opened."""
    copy = tmp_path / "copy"
    (copy / "data").mkdir(parents=True)
    with (  # closed, so that no page waits in a write-ahead log
        closing(sqlite3.connect(home / "lake" / "catalog.sqlite")) as source,
        closing(sqlite3.connect(copy / "catalog.sqlite")) as to,
    ):
        source.backup(to)
        to.execute("CREATE TABLE filler (x)")
        to.execute("CREATE INDEX filler_x ON filler (x)")
        to.executemany("INSERT INTO filler VALUES (?)", [(str(n) * 50,) for n in range(2_000)])
        to.commit()
        (page,) = to.execute("SELECT rootpage FROM sqlite_master WHERE name = 'filler_x'").fetchone()
        (size,) = to.execute("PRAGMA page_size").fetchone()
    with (copy / "catalog.sqlite").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 400)
    with open_lake(home / "lake", read_only=True) as lake:
        assert any("catalog" in one and "damaged" in one for one in check(lake, copy, {}, time.time()))
