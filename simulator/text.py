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
from simulator.receipts import DIRT, Receipts

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

SPELLINGS = 4
_ROWS = 1 << 18  # a piece of a file in memory
_DAY = 24 * 60
_TIMES = tuple(f"{minute // 60}:{minute % 60:02}" for minute in range(_DAY))


def csv(parameters: Parameters, first_day: date, goods: Goods, rows: Receipts) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield (",".join(HEADER) + "\r\n").encode("ascii")
    codes = pl.Series(catalogue.stock_codes(parameters, np.arange(len(goods))), dtype=pl.String)
    texts = pl.Series(_descriptions(goods), dtype=pl.String)
    start = int(rows.minute.min(initial=0))
    minutes, minute_place = _occurring(rows.minute - start)
    moments = _moments(first_day, minutes + start)
    cents, cents_place = _occurring(rows.cents)
    prices = pl.Series([f"{cent / 100:.2f}".rstrip("0").rstrip(".") for cent in cents], dtype=pl.String)
    countries = pl.Series(COUNTRIES)
    for begin in range(0, len(rows), _ROWS):
        part = slice(begin, begin + _ROWS)
        columns = {
            "InvoiceNo": _invoices(rows, part),
            "StockCode": codes.gather(rows.good[part]),
            "Description": texts.gather(
                (rows.good[part] * 2 + rows.generation[part]) * SPELLINGS + rows.spelling[part]
            ),
            "Quantity": pl.Series(rows.quantity[part]),
            "InvoiceDate": moments.gather(minute_place[rows.minute[part] - start]),
            "UnitPrice": prices.gather(cents_place[rows.cents[part]]),
            "CustomerID": pl.Series(rows.customer[part] + parameters.first_customer).scatter(
                np.flatnonzero(rows.customer[part] < 0), None
            ),
            "Country": countries.gather(rows.country[part]),
        }
        _spoil(columns, rows, part, first_day)
        text = BytesIO()
        pl.DataFrame(columns).write_csv(text, include_header=False, line_terminator="\r\n")
        # UTF-8 writes U+0080 to U+00BF, of which only the pound sign occurs, as C2 and the Latin-1 byte.
        yield text.getvalue().replace(b"\xc2", b"")


def _invoices(rows: Receipts, part: slice) -> pl.Series:
    number = pl.Series(rows.invoice[part]).cast(pl.String)
    returned = np.flatnonzero(rows.is_return[part])
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
            middle = len(name) // 2
            swapped = name[:middle] + name[middle + 1] + name[middle] + name[middle + 2 :]
            result += [name, name.lower(), f" {name} ", swapped]
    return result


def _spoil(columns: dict[str, pl.Series], rows: Receipts, part: slice, first_day: date) -> None:
    """Overwrite what the dirty rows of a piece have wrong."""
    fate = rows.fate[part]
    for kind, name in enumerate(DIRT):
        which = np.flatnonzero(fate == kind)
        if not len(which):
            continue
        moment = [first_day + timedelta(days=int(minute) // _DAY) for minute in rows.minute[part][which]]
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
