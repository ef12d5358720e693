"""The same rows, whatever they were packed and encoded in, give the same table."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COLUMNS = "month, invoice_id, product_id, description, quantity, sold_at, unit_price, customer_id, country"


def packed(text: str, encoding: str) -> bytes:
    return gzip.compress(text.encode(encoding.removesuffix(".gz")))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("a.csv", "utf-8-sig"), ("a.csv", "latin-1"), ("a.csv", "cp1252"), ("a.csv", "utf-16"),
        ("a.csv.gz", "utf-8"), ("a.csv.gz", "latin-1"), ("a.csv.gz", "utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_separators_give_the_rows_of_plain_utf8(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], csv_text: Callable[..., str],
    order_row: Callable[..., list[object]], name: str, encoding: str, delimiter: str,
) -> None:  # fmt: skip
    rows = [order_row(invoice=str(n), description="CAFÉ £5, ½; a|b", price="2.50") for n in range(20)]
    (orders / "plain.csv").write_text(csv_text(rows), encoding="utf-8")
    intake()
    plain = rows_of(f"SELECT {COLUMNS} FROM landing.orders ORDER BY ALL")
    (orders / "plain.csv").write_text(csv_text(rows[:1]), encoding="utf-8")
    data = csv_text(rows, delimiter=delimiter).encode(encoding)
    (orders / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    intake()
    (at,) = rows_of("SELECT file_id FROM landing.files WHERE path = ?", [f"orders/{name}"])
    assert rows_of(f"SELECT {COLUMNS} FROM landing.orders WHERE file_id = ? ORDER BY ALL", at) == plain
    assert len(plain) == 20


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
    for name, data in (("a.csv", text.encode()), ("b.csv.gz", packed(text, "utf-16"))):
        (orders / name).write_bytes(data)
        intake()
        (at,) = rows_of("SELECT file_id FROM landing.files WHERE path = ?", [f"orders/{name}"])
        found.append(
            rows_of("SELECT row, raw, reasons FROM landing.quarantine WHERE file_id = ? ORDER BY row", at)
        )
    assert found[0] == found[1]
    assert [row for row, *_ in found[0]] == [2, 4, 5]


@pytest.mark.parametrize(
    "data", [gzip.compress(b"InvoiceNo,StockCode\n" * 99)[:-20], b"no gzip at all"], ids=["cut", "none"]
)
def test_a_packed_file_that_is_not_whole_is_refused_and_says_so(
    orders: Path, intake: Callable[..., Any], rows_of: Callable[..., Any], data: bytes
) -> None:
    (orders / "a.csv.gz").write_bytes(data)
    (arrival,) = intake().arrivals
    assert arrival.state == "refused"
    assert "it is not whole, or no gzip file" in arrival.reason
    assert rows_of("SELECT count(*) FROM landing.orders") == [(0,)]


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
