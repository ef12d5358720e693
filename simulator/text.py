r"""Rows as the text of a CSV file, in the shape of the Online Retail download.

Latin-1, `\r\n`, dates as 12/1/2010 8:26 (month first), prices without trailing zeros, the customer whole or
empty, returns with a C before the number.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO

import numpy as np
import polars as pl

from simulator import goods as catalogue
from simulator.customers import COUNTRIES
from simulator.exact import Integers
from simulator.goods import Goods
from simulator.parameters import Parameters
from simulator.receipts import DIRT, SPELLINGS, Receipts

HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)

NAMINGS = 2 * SPELLINGS  # of a good: the spellings of its first name, then those of its second
_ROWS = 1 << 17  # a piece of a file in memory
_DAY = 24 * 60
_TIMES = tuple(f"{minute // 60}:{minute % 60:02}" for minute in range(_DAY))


def csv(parameters: Parameters, first_day: date, goods: Goods, rows: Receipts) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield (",".join(HEADER) + "\r\n").encode("ascii")
    codes = pl.Series(catalogue.stock_codes(parameters, np.arange(len(goods))), dtype=pl.String)
    texts = pl.Series(_descriptions(goods), dtype=pl.String)
    invoices = _invoices(rows)
    start = int(rows.minute.min(initial=0))
    minutes, minute_place = _occurring(rows.minute - start)
    moments = _moments(first_day, minutes + start).gather(minute_place[rows.minute - start])
    cents, cents_place = _occurring(rows.cents)
    prices = pl.Series([f"{cent / 100:.2f}".rstrip("0").rstrip(".") for cent in cents], dtype=pl.String)
    guests = np.flatnonzero(rows.customer < 0)
    people = pl.Series(rows.customer + parameters.first_customer).cast(pl.String).scatter(guests, None)
    countries = pl.Series(COUNTRIES).gather(rows.country)
    for begin in range(0, len(rows), _ROWS):
        part = slice(begin, begin + _ROWS)
        receipt = rows.receipt[part]
        good = rows.good[part].astype(np.int32)
        columns = {
            "InvoiceNo": invoices.gather(receipt),
            "StockCode": codes.gather(good),
            "Description": texts.gather(good * NAMINGS + rows.naming[part]),
            "Quantity": pl.Series(rows.quantity[part]),
            "InvoiceDate": moments.gather(receipt),
            "UnitPrice": prices.gather(cents_place[rows.cents[part]]),
            "CustomerID": people.gather(receipt),
            "Country": countries.gather(receipt),
        }
        _spoil(columns, rows, part, first_day)
        text = BytesIO()
        pl.DataFrame(columns).write_csv(text, include_header=False, line_terminator="\r\n")
        # UTF-8 writes U+0080 to U+00BF, of which only the pound sign occurs, as C2 and the Latin-1 byte.
        yield text.getvalue().replace(b"\xc2", b"")


def _invoices(rows: Receipts) -> pl.Series:
    number = pl.Series(rows.first_invoice + np.arange(len(rows.minute))).cast(pl.String)
    returned = np.flatnonzero(rows.is_return)
    return number.scatter(returned, "C" + number.gather(returned)) if len(returned) else number


def _occurring(numbers: Integers) -> tuple[Integers, Integers]:
    """The small non-negative numbers that occur, in order, and the place of each among them."""
    occurs = np.bincount(numbers, minlength=1) > 0
    return np.flatnonzero(occurs), np.cumsum(occurs) - 1


def _moments(first_day: date, minutes: Integers) -> pl.Series:
    """Moments as text, of minutes since the beginning of day 0."""
    dates = {
        number: f"{day.month}/{day.day}/{day.year} "
        for number in np.unique(minutes // _DAY).tolist()
        for day in [first_day + timedelta(days=number)]
    }
    pairs = zip((minutes // _DAY).tolist(), (minutes % _DAY).tolist(), strict=True)
    return pl.Series([dates[day] + _TIMES[minute] for day, minute in pairs], dtype=pl.String)


def _descriptions(goods: Goods) -> list[str]:
    """Of each good, of each of its names, every spelling in turn."""
    result = []
    for pair in zip(catalogue.names(goods.category, 0), catalogue.names(goods.category, 1), strict=True):
        for name in pair:
            swap = next(k for k in range(len(name) // 2, len(name)) if name[k - 1] != name[k])
            swapped = name[: swap - 1] + name[swap] + name[swap - 1] + name[swap + 1 :]
            result += [name, name.lower(), f" {name} ", swapped]
    return result


def _spoil(columns: dict[str, pl.Series], rows: Receipts, part: slice, first_day: date) -> None:
    """Overwrite what the dirty rows of a piece have wrong."""
    fate = rows.fate[part]
    for kind, name in enumerate(DIRT):
        which = np.flatnonzero(fate == kind)
        if not len(which):
            continue
        moment = [
            first_day + timedelta(days=int(minute) // _DAY)
            for minute in rows.minute[rows.receipt[part][which]]
        ]
        columns_and_texts: dict[str, tuple[str, list[str | None]]] = {
            "impossible_date": ("InvoiceDate", [f"2/30/{day.year} 10:15" for day in moment]),
            "text_date": ("InvoiceDate", ["yesterday"] * len(which)),
            "text_quantity": ("Quantity", ["a dozen"] * len(which)),
            "text_price": ("UnitPrice", ["ask Mary"] * len(which)),
            "empty_invoice": ("InvoiceNo", [None] * len(which)),
            "empty_code": ("StockCode", [None] * len(which)),
            "future_date": ("InvoiceDate", [f"{day.month}/{day.day}/2999 10:15" for day in moment]),
        }
        column, texts = columns_and_texts[name]
        columns[column] = columns[column].cast(pl.String).scatter(which, pl.Series(texts, dtype=pl.String))
