import csv
import io
from datetime import date, datetime, timedelta

import numpy as np

from simulator import goods, text
from simulator.parameters import PRESETS
from simulator.receipts import CLEAN, DIRT, SPELLINGS, Receipts

DEFAULT = PRESETS["default"]
FIRST = date(2010, 12, 1)
GOODS = goods.first_goods(DEFAULT, 1)


def receipts(minutes, rows, *, is_return=None, customer=None):
    """Invoices at some minutes, and rows of (receipt, good, naming, quantity, cents, fate)."""
    receipt, good, naming, quantity, cents, fate = (np.array(column) for column in zip(*rows, strict=True))
    count = len(minutes)
    return Receipts(
        first_invoice=536_365,
        is_return=np.array(is_return or [False] * count),
        minute=np.array(minutes),
        customer=np.array(customer or [0] * count),
        country=np.zeros(count, dtype=np.int64),
        receipt=receipt,
        good=good,
        naming=naming,
        quantity=quantity,
        cents=cents,
        fate=fate,
    )


def written(rows):
    return b"".join(text.csv(DEFAULT, FIRST, GOODS, rows))


def test_a_line_reads_as_in_the_download():
    rows = receipts([8 * 60 + 26], [(0, 0, 0, 6, 255, CLEAN)])
    header, line, end = written(rows).split(b"\r\n")
    assert header == b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    assert line == b"536365,10000,RED RETROSPOT MUG,6,12/1/2010 8:26,2.55,12001,United Kingdom"
    assert end == b""


def test_prices_have_no_trailing_zeros():
    prices = [1, 10, 100, 105, 110, 99_900, 123_456]
    rows = receipts([0], [(0, 0, 0, 1, cents, CLEAN) for cents in prices])
    found = [line.split(",")[5] for line in written(rows).decode().split("\r\n")[1:-1]]
    assert found == ["0.01", "0.1", "1", "1.05", "1.1", "999", "1234.56"]


def test_moments_are_month_first_without_leading_zeros_but_for_minutes():
    moments = [datetime(2010, 12, 1, 0, 0), datetime(2011, 1, 9, 12, 5), datetime(2011, 11, 30, 23, 59)]
    minutes = [(at - datetime(2010, 12, 1)) // timedelta(minutes=1) for at in moments]
    rows = receipts(minutes, [(k, 0, 0, 1, 100, CLEAN) for k in range(3)])
    found = [line.split(",")[4] for line in written(rows).decode().split("\r\n")[1:-1]]
    assert found == ["12/1/2010 0:00", "1/9/2011 12:05", "11/30/2011 23:59"]


def test_guests_have_no_number_and_returns_a_c():
    rows = receipts(
        [0, 1, 2],
        [(0, 0, 0, 1, 100, CLEAN), (1, 0, 0, -1, 100, CLEAN), (2, 0, 0, 1, 100, CLEAN)],
        is_return=[False, True, False],
        customer=[-1, 5, 6],
    )
    lines = list(csv.reader(io.StringIO(written(rows).decode())))[1:]
    assert [line[0] for line in lines] == ["536365", "C536366", "536367"]
    assert [line[6] for line in lines] == ["", "12006", "12007"]


def test_every_name_survives_latin_1_quotes_and_commas():
    """The pound sign, the quote and the comma are what breaks readers of the real download."""
    count = len(GOODS) * text.NAMINGS
    rows = receipts([0], [(0, k // text.NAMINGS, k % text.NAMINGS, 1, 100, CLEAN) for k in range(count)])
    found = [row[2] for row in csv.reader(io.StringIO(written(rows).decode("latin-1"), newline=""))][1:]
    first, second = goods.names(GOODS.category, 0), goods.names(GOODS.category, 1)
    assert found[:: text.NAMINGS] == first
    assert found[SPELLINGS :: text.NAMINGS] == second
    assert len(set(found)) == count
    assert any("£" in name for name in found)
    assert any('"' in name for name in found)
    assert any("," in name for name in found)


def test_each_kind_of_dirt_spoils_one_field_alone():
    rows = receipts(
        [8 * 60 + 26], [(0, 0, 0, 6, 255, CLEAN), *((0, 0, 0, 6, 255, kind) for kind in range(len(DIRT)))]
    )
    _, clean, *dirty = csv.reader(io.StringIO(written(rows).decode()))
    spoilt = {
        name: [(place, field) for place, field in enumerate(line) if field != clean[place]]
        for name, line in zip(DIRT, dirty, strict=True)
    }
    assert spoilt == {
        "impossible_date": [(4, "2/30/2010 10:15")],
        "text_date": [(4, "yesterday")],
        "text_quantity": [(3, "a dozen")],
        "text_price": [(5, "ask Mary")],
        "empty_invoice": [(0, "")],
        "empty_code": [(1, "")],
        "future_date": [(4, "12/1/2999 10:15")],
    }


def test_a_month_without_rows_is_a_file_with_a_header():
    none = np.zeros(0, dtype=np.int64)
    empty = Receipts(1, none.astype(bool), *(none,) * 9)
    assert written(empty).count(b"\r\n") == 1
