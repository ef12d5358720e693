"""Online Retail shows the figures that anyone agrees with who counts it right.

The figures stand in the README of the data beside the repository, with their origin.
"""

import os
import shutil
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from assets.graph import Graph
from expectations.audit import audit
from warehouse.intake import take_in
from warehouse.intake.layout import Reading
from warehouse.lake import open_lake, snapshot
from warehouse.plan import month_range
from warehouse.records import prepare
from warehouse.tables import TABLES

CORE = ("core.order_lines", "core.customer_months", "core.sales_days", "segments.rfm")
LAST = date(2011, 12, 1)


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def test_every_raw_line_is_taken_in(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT state, header, rows_read, rows_accepted, rows_quarantined FROM landing.files") == (
        "accepted", "Online Retail", 541_909, 541_909, 0
    )  # fmt: skip
    assert one(retail, "SELECT count(*), sum(quantity * unit_price) FROM landing.orders") == (
        541_909, Decimal("9747747.934")
    )  # fmt: skip
    assert one(retail, "SELECT sum(rows), count(*), min(month), max(month) FROM landing.file_months") == (
        541_909, 13, date(2010, 12, 1), LAST
    )  # fmt: skip


def test_raw_lines_are_what_the_readme_says_of_them(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        """
        SELECT
            count(*) FILTER (customer_id IS NULL),
            count(*) FILTER (invoice_id LIKE 'C%'),
            count(*) FILTER (quantity <= 0 AND invoice_id NOT LIKE 'C%'),
            count(*) FILTER (unit_price = 0),
            count(*) FILTER (unit_price < 0),
            count(*) FILTER (invoice_id LIKE 'A%'),
            count(*) FILTER (description IS NULL),
            count(DISTINCT product_id),
            count(DISTINCT upper(product_id)),
            count(DISTINCT country)
        FROM landing.orders
        """,
    ) == (135_080, 9_288, 1_336, 2_515, 2, 3, 1_454, 4_070, 3_958, 38)


def test_duplicates_are_removed(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT count(*), sum(amount) FROM core.order_lines") == (
        541_909 - 5_268, Decimal("9726006.954")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("which", "lines", "invoices", "amount"),
    [
        ("kind = 'sale'", 524_877, 19_959, "10631048.744"),
        ("kind = 'sale' AND is_goods", 522_540, 19_773, "10247219.323"),
        ("kind = 'sale' AND customer_id IS NOT NULL", 392_692, 18_532, "8887208.894"),
        ("kind = 'return'", 9_251, 3_836, "-893979.730"),
    ],
)
def test_kinds_of_lines_have_the_published_totals(
    retail: duckdb.DuckDBPyConnection, which: str, lines: int, invoices: int, amount: str
) -> None:
    found = one(
        retail,
        f"SELECT count(*), count(DISTINCT invoice_id), sum(amount) FROM core.order_lines WHERE {which}",
    )
    assert found == (lines, invoices, Decimal(amount))


def test_most_goods_have_a_category(retail: duckdb.DuckDBPyConnection) -> None:
    """The rules that Tillage ships are good enough for a gift shop like this one."""
    (other,) = one(
        retail,
        "SELECT sum(amount) FILTER (category = 'Other') / sum(amount) FROM core.order_lines "
        "WHERE kind = 'sale' AND is_goods",
    )
    assert 0.05 < other < 0.1
    assert one(retail, "SELECT count(DISTINCT category) FROM core.order_lines WHERE is_goods") == (15,)


def test_adjustments_are_the_rest(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT count(*), sum(amount) FROM core.order_lines WHERE kind = 'adjustment'") == (
        2_513, Decimal("-11062.060")
    )  # fmt: skip


def test_customers_are_those_with_a_sale(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        "SELECT count(DISTINCT customer_id) FILTER (orders > 0), sum(amount) FROM core.customer_months",
    ) == (4_338, Decimal("8887208.894"))


def test_days_sum_to_the_lines(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT sum(amount), sum(returned_amount) FROM core.sales_days") == (
        Decimal("10631048.744"), Decimal("893979.730")
    )  # fmt: skip
    assert one(
        retail,
        "SELECT count(*) FROM (SELECT month, sum(amount) AS amount FROM core.sales_days GROUP BY month) AS days "
        "FULL JOIN (SELECT month, sum(amount) AS amount FROM core.order_lines WHERE kind = 'sale' GROUP BY month) "
        "AS lines USING (month) WHERE days.amount IS DISTINCT FROM lines.amount",
    ) == (0,)


def test_rfm_at_the_end_has_the_published_medians_and_maxima(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        f"""
        SELECT
            count(*), median(recency_days), median(frequency), max(frequency),
            round(median(monetary), 2)::DECIMAL(18,2), max(monetary), sum(monetary), min(recency_days)
        FROM segments.rfm WHERE as_of = DATE '{LAST}'
        """,
    ) == (4_338, 51, 2, 209, Decimal("668.57"), Decimal("280206.02"), Decimal("8887208.894"), 1)


def test_rfm_grows_by_the_customers_that_are_new(retail: duckdb.DuckDBPyConnection) -> None:
    """Each as_of sees everyone so far, and nobody who comes later."""
    new = retail.execute(
        "SELECT first, count(*) FROM (SELECT customer_id, min(month) AS first FROM core.customer_months "
        "WHERE orders > 0 GROUP BY customer_id) GROUP BY first ORDER BY first"
    ).fetchall()
    seen = dict(retail.execute("SELECT as_of, count(*) FROM segments.rfm GROUP BY as_of").fetchall())
    assert sorted(seen) == [month for month, _ in new] == month_range(date(2010, 12, 1), LAST)
    assert [seen[month] for month, _ in new] == [sum(n for _, n in new[: at + 1]) for at in range(len(new))]
    assert seen[date(2010, 12, 1)] == 885


def test_the_cohort_of_december_came_back_as_published(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        "SELECT count(*) FROM core.customer_months WHERE month = '2011-01-01' AND orders > 0 AND customer_id IN "
        "(SELECT customer_id FROM core.customer_months WHERE month = '2010-12-01' AND orders > 0)",
    ) == (324,)


def test_every_customer_has_a_segment_and_the_best_ones_have_bought_lately(
    retail: duckdb.DuckDBPyConnection,
) -> None:
    found = retail.execute(
        f"SELECT segment, count(*), max(recency_days), min(frequency) FROM segments.rfm "
        f"WHERE as_of = DATE '{LAST}' GROUP BY segment"
    ).fetchall()
    assert sum(customers for _, customers, *_ in found) == 4_338
    assert {segment for segment, *_ in found} == {
        segment for (segment,) in retail.execute("SELECT DISTINCT segment FROM seeds.rfm_segments").fetchall()
    }
    recency = {segment: days for segment, _, days, _ in found}
    assert recency["Champions"] < recency["Hibernating"]


@pytest.mark.slow
def test_the_audit_passes_every_month_of_it(retail: duckdb.DuckDBPyConnection) -> None:
    """A rule that refuses what every published figure rests on would be wrong itself."""
    for name in CORE:
        columns = ", ".join(f'"{column}"' for column in TABLES[name].shape)
        retail.execute(f"CREATE OR REPLACE TABLE memory.staged AS SELECT {columns} FROM {name}")
        findings = audit(retail, "staged", TABLES[name])
        assert [at for at in findings if at.severity == "error"] == [], name


# However it is packaged


@pytest.fixture(scope="session")
def csv_files(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Online Retail as the CSV that people have, whole and by month."""
    out = tmp_path_factory.mktemp("csv")
    source = shared_data("online_retail.parquet")
    query = (
        "SELECT InvoiceNo, StockCode, Description, Quantity::BIGINT AS Quantity, "
        "strftime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS InvoiceDate, UnitPrice, "
        "CASE WHEN isnan(CustomerID) THEN NULL ELSE CustomerID::BIGINT END AS CustomerID, Country, "
        f"strftime(InvoiceDate, '%Y-%m') AS m FROM '{source}'"
    )
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE lines AS {query}")
        names = {"all": "true"} | {
            month: f"m = '{month}'"
            for (month,) in connection.execute("SELECT DISTINCT m FROM lines").fetchall()
        }
        for name, which in names.items():
            connection.execute(
                f"COPY (SELECT * EXCLUDE (m) FROM lines WHERE {which}) TO '{out / name}.utf8' (HEADER)"
            )
            text = (out / f"{name}.utf8").read_text(encoding="utf-8")
            (out / f"{name}.csv").write_text(text, encoding="latin-1")
            (out / f"{name}.utf8").unlink()
    return out


def differences(one: Path, other: Path) -> dict[str, int]:
    """Count the rows of the tables that follow from files which only one of two lakes has."""
    found = {}
    with open_lake(one, read_only=True, reach=[other]) as connection:
        connection.execute(
            f"ATTACH 'ducklake:sqlite:{other / 'catalog.sqlite'}' AS other "
            f"(DATA_PATH '{other / 'data'}', OVERRIDE_DATA_PATH true, READ_ONLY)"
        )
        for name in CORE:
            [(found[name],)] = connection.execute(
                f"SELECT (SELECT count(*) FROM (FROM lake.{name} EXCEPT ALL FROM other.{name})) + "
                f"(SELECT count(*) FROM (FROM other.{name} EXCEPT ALL FROM lake.{name}))"
            ).fetchall()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("packaging", ["one", "months", "overlapping"])
def test_csv_files_in_any_packaging_give_the_same_tables_as_the_parquet(
    online_retail: Path, csv_files: Path, home: Path, reading: Reading, packaging: str,
    make_all: Callable[..., dict[str, list[Any]]],
) -> None:  # fmt: skip
    """Months come in any order, and a shop's yearly export overlaps the monthly ones."""
    months = sorted(csv_files.glob("20*.csv"))
    steps = {
        "one": [[csv_files / "all.csv"]],
        "months": [months[5:], months[:2], months[2:5]],
        "overlapping": [months[3:6], [csv_files / "all.csv"], months[10:]],
    }[packaging]
    with open_lake(home / "lake") as connection:
        for files in steps:
            for file in files:
                shutil.copy(file, home / "landing" / "orders")
            take_in(connection, home / "landing", reading)
            make_all(connection, names=("seeds.not_goods", "seeds.categories", "seeds.rfm_segments", *CORE))
        [(read, accepted)] = connection.execute(
            "SELECT sum(rows_read), sum(rows_accepted) FROM landing.files"
        ).fetchall()
        assert read == accepted
    assert differences(online_retail, home / "lake") == dict.fromkeys(CORE, 0)


@pytest.mark.slow
def test_taking_it_in_again_under_another_name_makes_nothing(
    online_retail: Path, tmp_path: Path, reading: Reading, shop_graph: Graph,
    make_all: Callable[..., dict[str, list[Any]]],
) -> None:  # fmt: skip
    home = tmp_path / "copy"
    shutil.copytree(online_retail.parent, home, ignore=shutil.ignore_patterns("tmp"))
    landing = home / "landing" / "orders"
    shutil.copy(landing / "online_retail.parquet", landing / "again.parquet")
    with open_lake(home / "lake") as connection:
        result = take_in(connection, home / "landing", reading)
        assert ([at.rows_accepted for at in result.arrivals], result.months) == ([541_909], {})
        before = snapshot(connection)
        assert (
            make_all(connection, names=("seeds.not_goods", "seeds.categories", "seeds.rfm_segments", *CORE))
            == {}
        )
        assert snapshot(connection) == before


def test_the_data_is_missed_where_it_must_be(monkeypatch: pytest.MonkeyPatch, shared_data: Any) -> None:
    """In CI a test that is skipped would be taken for one that passed."""
    monkeypatch.setattr(os, "environ", {**os.environ, "CI": "true"})
    with pytest.raises(pytest.fail.Exception, match="is not there"):
        shared_data("nothing.csv")
    monkeypatch.setattr(os, "environ", {**os.environ, "CI": ""})
    with pytest.raises(pytest.skip.Exception):
        shared_data("nothing.csv")


@pytest.mark.slow
def test_the_workbook_of_online_retail_gives_the_rows_of_the_parquet(
    shared_data: Callable[[str], Path], reading: Reading, tmp_path: Path, online_retail: Path
) -> None:
    """People have it as one XLSX, with numbers for codes and customers, and real moments."""
    orders = tmp_path / "landing" / "orders"
    orders.mkdir(parents=True)
    source = shared_data("online_retail.parquet")
    rows = duckdb.execute(f"SELECT * FROM '{source}'")
    header = [name for name, *_ in rows.description]
    with xlsxwriter.Workbook(
        orders / "online_retail.xlsx", {"constant_memory": True, "nan_inf_to_errors": True}
    ) as book:
        sheet, moment = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        sheet.write_row(0, 0, header)
        for at, row in enumerate(rows.fetchall(), 1):
            for column, value in enumerate(row):
                if isinstance(value, str) and value.isdecimal() and not value.startswith("0"):
                    sheet.write_number(at, column, int(value))
                elif isinstance(value, str):
                    sheet.write_string(at, column, value)
                elif isinstance(value, datetime):
                    sheet.write_datetime(at, column, value, moment)
                elif value is not None and value == value:  # noqa: PLR0124 - a guest is NaN there
                    sheet.write_number(at, column, value)
    shape = "count(*), sum(hash(columns(* EXCLUDE (file_id)))::HUGEINT)"
    with open_lake(tmp_path / "lake") as connection:
        prepare(connection)
        [arrival] = take_in(connection, tmp_path / "landing", reading).arrivals
        assert (arrival.state, arrival.rows_accepted) == ("accepted", 541_909)
        found = one(connection, f"SELECT {shape} FROM landing.orders")
    with open_lake(online_retail, read_only=True) as connection:
        assert one(connection, f"SELECT {shape} FROM landing.orders") == found
