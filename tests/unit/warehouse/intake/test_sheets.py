"""A workbook gives the rows that the same rows give as a CSV."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from warehouse.intake.layout import Reading

HEADER = [
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"
]  # fmt: skip
COLUMNS = "month, invoice_id, product_id, description, quantity, sold_at, unit_price, customer_id, country"
Rows = Sequence[Sequence[object]]


@pytest.fixture
def workbook(orders: Path) -> Callable[..., Path]:
    """Write a workbook: a name and the rows of each sheet, numbers and moments as such."""

    def write(sheets: dict[str, Rows], name: str = "a.xlsx") -> Path:
        with xlsxwriter.Workbook(orders / name, {"remove_timezone": True}) as book:
            moment = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
            for title, rows in sheets.items():
                sheet = book.add_worksheet(title)
                for at, row in enumerate(rows):
                    for column, value in enumerate(row):
                        if isinstance(value, date):
                            sheet.write_datetime(at, column, value, moment)
                        elif isinstance(value, str):
                            sheet.write_string(at, column, value)
                        elif value is not None:
                            sheet.write(at, column, value)
        return orders / name

    return write


def excerpt() -> list[list[object]]:
    """Rows of Online Retail as Excel holds them: codes and customers are numbers where they can be."""
    return [
        [
            536365,
            "85123A",
            "WHITE HANGING HEART",
            6,
            datetime(2010, 12, 1, 8, 26),
            2.55,
            17850,
            "United Kingdom",
        ],
        [
            536365,
            71053,
            "WHITE METAL LANTERN",
            6,
            datetime(2010, 12, 1, 8, 26),
            3.39,
            17850,
            "United Kingdom",
        ],
        ["C536379", "D", "Discount", -1, datetime(2010, 12, 1, 9, 41), 27.5, 14527, "United Kingdom"],
        [536414, 22139, None, 56, datetime(2010, 12, 1, 11, 52), 0, None, "United Kingdom"],
        ["A563185", "B", "Adjust bad debt", 1, datetime(2011, 8, 12, 14, 50), 11062.06, None, "EIRE"],
        [581587, "00123", "CAFÉ £5, ½", 12, datetime(2011, 12, 9, 12, 50, 59), 0.001, 12680, "France"],
    ]


def test_a_workbook_gives_the_rows_of_the_same_csv(
    workbook: Any, orders: Path, intake: Any, rows_of: Any, csv_text: Any
) -> None:
    text = [[f"{x:%m/%d/%Y %H:%M:%S}" if isinstance(x, datetime) else x for x in row] for row in excerpt()]
    (orders / "a.csv").write_text(csv_text(text), encoding="utf-8")
    intake()
    expected = rows_of(f"SELECT {COLUMNS} FROM landing.orders ORDER BY ALL")
    workbook({"Online Retail": [HEADER, *excerpt()]})
    [arrival] = intake().arrivals
    assert (arrival.header, arrival.rows_accepted, arrival.remark) == ("Online Retail", 6, None)
    found = rows_of(f"SELECT {COLUMNS} FROM landing.orders WHERE file_id = ? ORDER BY ALL", [arrival.file_id])
    assert found == expected
    assert len(found) == 6


def test_the_sheets_of_a_workbook_are_read_one_after_the_other(
    workbook: Any, intake: Any, rows_of: Any
) -> None:
    """Online Retail II is one workbook with a sheet for each of two years."""
    rows = excerpt()
    workbook({"Year 2009-2010": [HEADER, *rows[:4]], "Empty": [], "Year 2010-2011": [HEADER, *rows[4:]]})
    [arrival] = intake().arrivals
    assert (arrival.rows_read, arrival.rows_accepted, arrival.remark) == (6, 6, None)
    assert sorted(rows_of("SELECT invoice_id FROM landing.orders")) == sorted((str(at),) for at, *_ in rows)


def test_a_sheet_without_orders_is_left_out_and_remarked(workbook: Any, intake: Any) -> None:
    """Its rows must not vanish without a word: it may be a year whose header has a slip."""
    workbook({"Notes": [["exported by", "till 3"]], "Orders": [HEADER, *excerpt()]})
    [arrival] = intake().arrivals
    assert arrival.rows_accepted == 6
    assert arrival.remark.startswith(
        "Sheets left out: 'Notes': no column stands for invoice_id, product_id, quantity, sold_at, unit_price. Found: exported by, till 3."
    )


@pytest.mark.parametrize(
    ("sheets", "reason"),
    [
        ({"One": []}, "all its sheets are empty. The first line of a sheet must name the columns."),
        (
            {"One": [["x"], [1]]},
            "Sheet 'One': no column stands for invoice_id, product_id, quantity, sold_at, unit_price. Found: x.",
        ),
        (
            {"One": [["x"]], "Two": [["y"]]},
            "none of its 2 sheets holds orders. Sheet 'One': no column stands for",
        ),
        (
            {"One": [["x"]], "Two": [["y"]]},
            "Sheet 'Two': no column stands for invoice_id, product_id, quantity, sold_at, unit_price. Found: y.",
        ),
        ({"One": [[*HEADER, "Country"]]}, "more than one column stands for country: Country, Country."),
        (
            {"One": [HEADER], "Two": [HEADER[::-1]]},
            "its sheets 'One' and 'Two' both hold orders, but under other columns or in another order. Give them",
        ),
    ],
)
def test_a_workbook_without_orders_is_refused_and_told_why(
    workbook: Any, intake: Any, sheets: dict[str, Rows], reason: str
) -> None:
    workbook(sheets)
    [arrival] = intake().arrivals
    assert arrival.state == "refused"
    assert reason in arrival.reason


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "zip"])
def test_what_is_no_whole_workbook_is_refused(workbook: Any, intake: Any, damage: str) -> None:
    file = workbook({"One": [HEADER, *excerpt()]})
    whole = file.read_bytes()
    file.write_bytes(
        {
            "text": b"InvoiceNo\n",
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "zip": b"PK\x05\x06" + bytes(18),
        }[damage]
    )
    [arrival] = intake().arrivals
    assert arrival.state == "refused"
    assert arrival.reason.startswith("it cannot be read as an XLSX workbook: ")
    assert arrival.reason.endswith("Save it again, or as CSV.")


def test_a_header_alone_is_an_empty_workbook_and_no_mistake(workbook: Any, intake: Any) -> None:
    workbook({"One": [HEADER]})
    [arrival] = intake().arrivals
    assert (arrival.state, arrival.rows_read) == ("accepted", 0)


def test_a_sheet_of_a_header_alone_is_no_harm_to_the_others(workbook: Any, intake: Any) -> None:
    workbook({"One": [HEADER], "Two": [HEADER, *excerpt()]})
    [arrival] = intake().arrivals
    assert (arrival.state, arrival.rows_accepted) == ("accepted", 6)


def test_empty_rows_of_a_sheet_are_no_rows(workbook: Any, intake: Any) -> None:
    rows = excerpt()
    workbook({"One": [HEADER, rows[0], [], [], rows[1], []]})
    assert intake().arrivals[0].rows_read == 2


def test_cells_of_text_are_read_as_text(workbook: Any, intake: Any, rows_of: Any) -> None:
    rows = [
        ["536365", "85123A", "HEART", "6", "12/1/2010 8:26", "2,55", "17850", "EIRE"],
        ["536366", "85123A", "HEART", 6, datetime(2010, 12, 1, 8, 26), 3, 17850, "EIRE"],
        ["536367", "85123A", "HEART", "six", "yesterday", "1.234,50", 17850, "EIRE"],
    ]
    workbook({"One": [HEADER, *rows]})
    intake()
    moment = datetime(2010, 12, 1, 8, 26)
    assert rows_of("SELECT invoice_id, quantity, sold_at, unit_price::DOUBLE FROM landing.orders ORDER BY ALL") == [
        ("536365", 6, moment, 2.55), ("536366", 6, moment, 3.0)
    ]  # fmt: skip
    assert rows_of("SELECT row, reasons FROM landing.quarantine") == [
        (3, ['quantity: a whole number was expected, found "six"', 'sold_at: a date was expected, found "yesterday"'])
    ]  # fmt: skip


def test_a_number_among_texts_with_commas_is_never_a_thousand_times_too_large(
    workbook: Any, intake: Any, rows_of: Any
) -> None:
    """The cell says 1.234; beside texts such as 2,55 it would be one thousand."""
    good = excerpt()[0]
    workbook({"One": [HEADER, [*good[:5], "2,55", *good[6:]], [*good[:5], 1.234, *good[6:]]]})
    intake()
    assert rows_of("SELECT reasons FROM landing.quarantine") == [
        (['unit_price: a number was expected, found "1.234"'],)
    ]


def test_cells_of_numbers_prove_themselves(workbook: Any, intake: Any, rows_of: Any) -> None:
    good = excerpt()[0]
    workbook({"One": [HEADER, [*good[:5], 2.555, *good[6:]]]})
    intake()
    assert rows_of("SELECT unit_price::DOUBLE FROM landing.orders") == [(2.555,)]


def test_the_currency_of_a_workbook_counts(workbook: Any, intake: Any, reading: Reading) -> None:
    workbook({"One": [[*HEADER, "Currency"], *([*row, "GBP"] for row in excerpt())]})
    [arrival] = intake().arrivals
    assert 'Add currency = "GBP"' in arrival.reason
    [arrival] = intake(replace(reading, currency="GBP")).arrivals
    assert (arrival.rows_accepted, arrival.currency) == (6, "GBP")
