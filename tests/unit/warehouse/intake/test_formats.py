"""The same rows, whatever they were packed and encoded in, give the same table."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import pytest
from backports import zstd

from warehouse.intake.layout import Reading

COLUMNS = "month, invoice_id, product_id, description, quantity, sold_at, unit_price, customer_id, country"


HEADER = [
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"
]  # fmt: skip
PLAIN = [
    "invoice_id", "product_id", "description", "quantity", "sold_at", "unit_price", "customer_id", "country"
]  # fmt: skip
PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}


# How the same rows are packed and written; each with every delimiter.
WRITTEN = [
    ("a.csv", "utf-8-sig"), ("a.csv", "latin-1"), ("a.csv", "cp1252"), ("a.csv", "utf-16"),
    ("a.csv.gz", "utf-8"), ("a.csv.gz", "latin-1"), ("a.csv.gz", "utf-16"),
    ("a.csv.zst", "utf-8"), ("a.tsv.zst", "cp1252"), ("a.txt.gz", "utf-16"), ("a.TSV", "utf-8"), ("a.txt", "latin-1"),
]  # fmt: skip


def test_encodings_and_separators_give_the_rows_of_plain_utf8(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:  # fmt: skip
    """All are taken in at once, which takes hardly longer than one.

    A column that nobody reads tells their contents apart: of two that are equal, the rows are there once.
    """
    rows = [order_row(invoice=str(n), description="CAFÉ £5, ½; a|b", price="2.50") for n in range(20)]
    cases: dict[str, tuple[str, str, str]] = {"orders/plain.csv": ("plain.csv", "utf-8", ",")}
    for number, ((name, encoding), delimiter) in enumerate(product(WRITTEN, (",", ";", "\t", "|"))):
        cases[f"orders/{number}{name}"] = (name, encoding, delimiter)
    for path, (name, encoding, delimiter) in cases.items():
        text = csv_text([[*row, path] for row in rows], [*HEADER, "Path"], delimiter=delimiter)
        data = PACKERS.get(Path(name).suffix, bytes)(text.encode(encoding))
        (orders.parent / path).write_bytes(data)
    intake()
    found: dict[tuple[str, str, str], list[Any]] = {case: [] for case in cases.values()}
    for path, *row in rows_of(
        f"SELECT path, {COLUMNS} FROM landing.orders JOIN landing.files USING (file_id) ORDER BY ALL"
    ):
        found[cases[path]].append(row)
    plain = found["plain.csv", "utf-8", ","]
    assert len(plain) == 20
    assert {row[3] for row in plain} == {"CAFÉ £5, ½; a|b"}
    assert found == dict.fromkeys(found, plain)


def test_windows_quotes_and_euros_are_read_as_such(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:  # fmt: skip
    """In Latin-1 the same bytes are control characters, and names would no longer match."""
    (orders / "a.csv").write_bytes(csv_text([order_row(description="“BEST” † 5 €")]).encode("cp1252"))
    intake()
    assert rows_of("SELECT description FROM landing.orders") == [("“BEST” † 5 €",)]


def test_row_numbers_and_quarantine_of_a_packed_file_are_those_of_the_plain_one(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:  # fmt: skip
    text = csv_text([order_row(), order_row(quantity="many"), order_row(invoice="2")]) + "1,2\n\n3,4,5\n"
    found = []
    packed = [(f"b.csv{suffix}", pack(text.encode("utf-16"))) for suffix, pack in PACKERS.items()]
    for name, data in (("a.csv", text.encode()), *packed):
        (orders / name).write_bytes(data)
        intake()
        (at,) = rows_of("SELECT file_id FROM landing.files WHERE path = ?", [f"orders/{name}"])
        found.append(
            rows_of("SELECT row, raw, reasons FROM landing.quarantine WHERE file_id = ? ORDER BY row", at)
        )
    assert found[0] == found[1] == found[2]
    assert [row for row, *_ in found[0]] == [2, 4, 5]


@pytest.mark.parametrize("damage", ["cut", "no such file at all", "broken", "half of two"])
@pytest.mark.parametrize(("suffix", "kind"), [(".gz", "gzip"), (".zst", "zstd")])
def test_a_packed_file_that_is_not_whole_is_refused_and_says_so(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]], suffix: str, kind: str, damage: str,
) -> None:  # fmt: skip
    """The rows before the cut would be taken for the whole of a month."""
    whole = PACKERS[suffix](csv_text([order_row(invoice=at) for at in range(9999)]).encode())
    data = {
        "cut": whole[:-20],
        "no such file at all": b"no such file at all",
        "broken": whole[:500] + bytes(500) + whole[1000:],
        "half of two": whole + whole[: len(whole) // 2],
    }[damage]
    (orders / f"a.csv{suffix}").write_bytes(data)
    (arrival,) = intake().arrivals
    assert arrival.state == "refused"
    assert f"it is not whole, or no {kind} file" in arrival.reason
    assert rows_of("SELECT count(*) FROM landing.orders") == [(0,)]


def test_a_workbook_named_csv_is_refused_and_says_so(orders: Path, intake: Callable[..., Any]) -> None:
    """It was told to be saved as UTF-8."""
    with ZipFile(orders / "a.csv", "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
    (arrival,) = intake().arrivals
    assert arrival.state == "refused"
    assert arrival.reason == (
        "it is no text but a ZIP archive, as Excel's workbooks are. Give a workbook a name that ends in .xlsx; "
        "unpack any other archive, and put in what it holds."
    )


def test_utf16_that_is_cut_is_refused_and_says_so(
    orders: Path,
    intake: Callable[..., Any],
    csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:
    (orders / "a.csv").write_bytes(csv_text([order_row()]).encode("utf-16")[:-1])
    (arrival,) = intake().arrivals
    assert (arrival.state, "its text is not utf-16" in arrival.reason) == ("refused", True)


def test_dates_with_dots_begin_with_the_day(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:  # fmt: skip
    dates = [
        "01.12.2010 08:26",
        "1.2.2011 8:26:30",
        "13.3.2011",
        "2011-04-05 06:07:08",
        "2011-04-06T06:07:08",
    ]
    header = [
        "invoice_id",
        "product_id",
        "description",
        "quantity",
        "sold_at",
        "unit_price",
        "customer_id",
        "country",
    ]
    rows = [order_row(invoice=str(n), sold_at=text) for n, text in enumerate(dates)]
    (orders / "a.csv").write_text(csv_text(rows, header))
    intake()
    assert [str(at) for (at,) in rows_of("SELECT sold_at FROM landing.orders ORDER BY invoice_id")] == [
        "2010-12-01 08:26:00", "2011-02-01 08:26:30", "2011-03-13 00:00:00", "2011-04-05 06:07:08", "2011-04-06 06:07:08",
    ]  # fmt: skip


def test_the_header_of_online_retail_ii_is_known(
    orders: Path,
    intake: Callable[..., Any],
    csv_text: Callable[..., str],
    order_row: Callable[..., list[object]],
) -> None:
    header = [
        "Invoice",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "Price",
        "Customer ID",
        "Country",
    ]
    (orders / "a.csv").write_text(csv_text([order_row(sold_at="12/1/2009 7:45", customer="13085.0")], header))
    (arrival,) = intake().arrivals
    assert (arrival.state, arrival.header, arrival.rows_accepted) == ("accepted", "Online Retail II", 1)


# Moments with a zone


# What is read of a moment, by the shop's time zone; None for what is no moment.
MOMENTS: dict[str, dict[str, str | None]] = {
    "UTC": {
        "2010-12-01T08:26:00Z": "2010-12-01 08:26:00",
        "2010-12-01T08:26:00+02:00": "2010-12-01 06:26:00",
        "2014-1-1 8:26:00-04": "2014-01-01 12:26:00",
    },
    "Europe/Berlin": {
        "2010-12-01T08:26:00Z": "2010-12-01 09:26:00",
        "2010-07-01T08:26:00Z": "2010-07-01 10:26:00",
        "2014-1-1 8:26:00Z": "2014-01-01 09:26:00",
    },
    "America/New_York": {
        "2014-08-01 12:00:00 -0400": "2014-08-01 12:00:00",
    },
    "Europe/London": {
        "2014-08-01 12:00:00 -0400": "2014-08-01 17:00:00",
        "2014-08-01 12:00Z": "2014-08-01 13:00:00",
        "2014-08-01 12:00:00 UTC": "2014-08-01 13:00:00",
        "2010-10-31T00:30:00Z": "2010-10-31 01:30:00",
        "2010-10-31T01:30:00Z": "2010-10-31 01:30:00",
    },
    "Asia/Kolkata": {
        "2014-08-01T12:00:00.250+05:30": "2014-08-01 12:00:00.25",
    },
    "Asia/Tokyo": {
        "2010-12-31T23:30:00Z": "2011-01-01 08:30:00",
        "2010-12-01 08:26:00.5": "2010-12-01 08:26:00.50",
        "2010-12-01 08:26:00": "2010-12-01 08:26:00",
        "2010-12-01 08:26:00 Europe/Paris": None,
        "2010-12-01 08:26:00 EST": None,
        "2010-12-01 08:26:00+99:00": None,
    },
}


@pytest.mark.parametrize("timezone", MOMENTS)
def test_a_moment_that_names_its_zone_is_brought_to_the_shops_time(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]], reading: Reading, timezone: str,
) -> None:  # fmt: skip
    """Read without it, sales of an evening fall on the wrong day, and those of a last one into the wrong month.

    Each is in a file of its own, as one row may decide how others are read, and all are taken in at once.
    """
    expected, cases = {}, {}
    for number, (text, header) in enumerate(product(MOMENTS[timezone], (HEADER, PLAIN))):
        cases[f"orders/{number}.csv"] = case = (text, header[0])
        expected[case] = [MOMENTS[timezone][text]] if MOMENTS[timezone][text] else []
        (orders / f"{number}.csv").write_text(csv_text([order_row(sold_at=text)], header))
    intake(replace(reading, timezone=timezone, now=datetime(2015, 1, 1)))
    found: dict[tuple[str, str], list[str]] = {
        cases[path]: [] for (path,) in rows_of("SELECT path FROM landing.files")
    }
    for path, at in rows_of("SELECT path, sold_at FROM landing.orders JOIN landing.files USING (file_id)"):
        found[cases[path]].append(str(at).removesuffix("0000"))
    assert found == expected


def test_a_moment_with_a_zone_in_a_parquet_is_brought_to_the_shops_time(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], reading: Reading
) -> None:
    duckdb.execute(
        "COPY (SELECT '1' AS invoice_id, 'a' AS product_id, 1 AS quantity, 2.5 AS unit_price, "
        f"TIMESTAMPTZ '2010-07-01 08:26:00+00' AS sold_at) TO '{orders / 'a.parquet'}' (FORMAT parquet)"
    )
    intake(replace(reading, timezone="Europe/Berlin"))
    assert rows_of("SELECT sold_at FROM landing.orders") == [(datetime(2010, 7, 1, 10, 26),)]
