"""What becomes of one file, whatever is in it: accepted, bad rows quarantined, or refused and told why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.errors import TillageError
from warehouse.intake import TakenIn, reader
from warehouse.intake import orders as source
from warehouse.intake.files import read_content
from warehouse.intake.layout import Reading

Rows = Callable[..., list[tuple[Any, ...]]]
Intake = Callable[..., TakenIn]
Row = Callable[..., list[object]]
Text = Callable[..., str]

GOOD = "536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
PLAIN = "invoice_id,product_id,quantity,sold_at,unit_price"


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest) -> str:
    """Each test here runs for both, but for those of what a value means: it is read by the same SQL."""
    return str(request.param)


of_values = pytest.mark.parametrize("size", ["small"], indirect=True)


def test_a_good_row_is_taken_in_as_it_is(taken: Any, rows_of: Rows) -> None:
    arrival = taken(f"{HEADER}\n{GOOD}\n")
    assert (arrival.state, arrival.header, arrival.rows_accepted) == ("accepted", "Online Retail", 1)
    assert (arrival.first_month, arrival.last_month) == (date(2010, 12, 1), date(2010, 12, 1))
    assert rows_of("SELECT * EXCLUDE (file_id) FROM landing.orders") == [
        (
            date(2010, 12, 1), 1, "536365", "85123A", "WHITE HANGING HEART", 6,
            datetime(2010, 12, 1, 8, 26), Decimal("2.5500"), "17850", "United Kingdom",
        )
    ]  # fmt: skip


# Headers


# What makes a file one that is refused, and why it says it was.
WITHOUT_COLUMNS: list[tuple[str | bytes, str]] = [
    ("", "it is empty. The first line must name the columns."),
    (" \n\n", "it is empty. The first line must name the columns."),
    (f"\n{HEADER}\n{GOOD}\n", "its first line is empty. The first line must name the columns."),
    (
        f"{GOOD}\n{GOOD}\n",
        "no column stands for invoice_id, product_id, quantity, sold_at, unit_price. Found: 536365, 85123A, WHITE",
    ),
    (HEADER.replace("UnitPrice,", ""), "no column stands for unit_price. Found: InvoiceNo, StockCode"),
    (
        HEADER.replace("UnitPrice", "Cost"),
        "One of these would do: UnitPrice, Price, Purchase Price Per Unit. Rename it",
    ),
    (f"{HEADER},Unit Price\n", "more than one column stands for unit_price: UnitPrice, Unit Price."),
    (f"{HEADER},Country\n", "more than one column stands for country: Country, Country."),
    ("'\"; DROP TABLE landing.orders --,x\n1,2\n", "Found: '\"; DROP TABLE landing.orders --, x."),
    (f"{HEADER}\n{GOOD}\n".encode("utf-16-le"), "its header holds NUL characters, as in UTF-16."),
    (b"\x00\x00\x00", "its header holds NUL characters"),
    (
        b"\x89PNG\r\n\x1a\n\xff\xfe",
        "no column stands for invoice_id, product_id, quantity, sold_at, unit_price.",
    ),
]


def test_a_file_without_the_columns_is_refused_and_told_why(taken_each: Any, rows_of: Rows) -> None:
    found = taken_each({text: text for text, _ in WITHOUT_COLUMNS})
    reasons = {text: each.arrival.reason for text, each in found.items()}
    assert {text: reason for text, reason in WITHOUT_COLUMNS if reason not in reasons[text]} == {}
    for text, (arrival, *_) in found.items():
        assert (arrival.state, arrival.rows_read, arrival.header) == ("refused", 0, None), text
    assert rows_of("SELECT state, reason FROM landing.files ORDER BY path") == [
        ("refused", reason) for reason in reasons.values()
    ]


def test_a_header_alone_is_an_empty_file_and_no_mistake(taken: Any) -> None:
    arrival = taken(f"{HEADER}\n")
    assert (arrival.state, arrival.rows_read, arrival.first_month) == ("accepted", 0, None)


def test_columns_are_found_by_name_and_not_by_place(taken: Any, rows_of: Rows) -> None:
    header, row = HEADER.split(","), GOOD.split(",")
    taken("\n".join(";".join(reversed(line)) for line in (["more", *header], ["x", *row])))
    found = rows_of("SELECT invoice_id, product_id, quantity, unit_price, country FROM landing.orders")
    assert found == [("536365", "85123A", 6, Decimal("2.5500"), "United Kingdom")]


def test_separator_and_encoding_are_found(taken_each: Any, csv_text: Text, order_row: Row) -> None:
    row = order_row(description='CAFÉ £5, "RED"; a|b')
    found = taken_each(
        {
            (delimiter, encoding): csv_text([row], delimiter=delimiter).encode(encoding)
            for delimiter in (",", ";", "\t", "|")
            for encoding in ("utf-8", "utf-8-sig", "latin-1")
        },
        "description",
    )
    described = {case: [text for (text,) in each.rows] for case, each in found.items()}
    assert described == {case: ['CAFÉ £5, "RED"; a|b'] for case in found}


def test_spelling_of_a_header_does_not_count(taken: Any) -> None:
    assert (
        taken("INVOICE-NO, stock code,Quantity,Invoice_Date,unit  PRICE\n1,a,1,1/1/2011,1\n").rows_accepted
        == 1
    )


def test_optional_columns_may_be_absent(taken: Any, rows_of: Rows) -> None:
    taken(f"{PLAIN}\n1,a,1,2011-01-01,1\n")
    assert rows_of("SELECT description, customer_id, country FROM landing.orders") == [(None, None, None)]


# Rows that cannot be told apart


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_row_keeps_its_place_after_bad_ones(
    taken: Any, quarantine: Any, rows_of: Rows, end: str
) -> None:
    """A person who looks for row 5 in the file must find the row that is shown."""
    quoted = GOOD.replace("WHITE HANGING HEART", f'"two{end}lines"')
    rows = [GOOD, "short,row", quoted, f"{GOOD},too,many", GOOD.replace(",6,", ",x,"), GOOD, "cut"]
    taken(end.join([HEADER, *rows]))
    found = quarantine()
    assert {row: raw for row, (raw, _) in found.items()} == {
        2: "short,row", 4: f"{GOOD},too,many", 5: GOOD.replace(",6,", ",x,"), 7: "cut"
    }  # fmt: skip
    assert found[2][1] == ["missing columns"]
    assert found[4][1] == ["too many columns"]
    assert found[5][1] == ['quantity: a whole number was expected, found "x"']
    assert rows_of("SELECT row, description FROM landing.orders ORDER BY row") == [
        (1, "WHITE HANGING HEART"), (3, f"two{end}lines"), (6, "WHITE HANGING HEART")
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_empty_lines_are_no_rows(taken: Any, quarantine: Any, end: str) -> None:
    quoted = GOOD.replace("WHITE HANGING HEART", f'"two{end}{end}""lines"')
    lines = [HEADER, GOOD, "", "short", "", "", GOOD, quoted, "", "short,too", "", GOOD, "", ""]
    arrival = taken(end.join(lines))
    assert arrival.rows_read == 6
    assert {row: raw for row, (raw, _) in quarantine().items()} == {2: "short", 5: "short,too"}


def test_a_stray_quote_spoils_its_own_row_alone(taken: Any, quarantine: Any) -> None:
    bad = GOOD.replace("WHITE HANGING HEART", '"WHITE" HEART')
    arrival = taken("\n".join([HEADER, GOOD, bad, GOOD.replace("WHITE", 'WH"ITE'), GOOD]))
    assert arrival.rows_accepted == 3
    assert quarantine() == {2: (bad, ["unquoted value"])}


@pytest.mark.parametrize("after", [1, 300_000])
@pytest.mark.parametrize("close", ["", GOOD.replace("WHITE", '"WHITE"')])
def test_a_quote_that_is_not_closed_refuses_the_file(taken: Any, after: int, close: str) -> None:
    """Half a month would be missing, and every count would agree.

    It takes the rows after it with it, and DuckDB keeps no more than their first 10,000 characters.
    """
    bad = GOOD.replace("WHITE HANGING HEART", '"WHITE HANGING HEART')
    arrival = taken("\n".join([HEADER, GOOD, bad, *[GOOD] * after, close]))
    assert (arrival.state, arrival.rows_read) == ("refused", 0)
    assert "a quote that is opened in row 2 is not closed" in arrival.reason


@pytest.mark.slow
def test_rows_keep_their_place_in_a_file_that_is_read_in_parallel(taken: Any, rows_of: Rows) -> None:
    """DuckDB cuts a large file into pieces, and counts lines across them."""
    rows, expected = [], {}
    for at in range(1, 600_001):
        if at % 997 == 0:
            rows.append(expected.setdefault(at, f"short,{at}"))
        elif at % 1009 == 0:
            rows.append(expected.setdefault(at, f"{GOOD},{at}"))
        elif at % 1013 == 0:
            rows.append(expected.setdefault(at, f'{at},"A"B,x,1,1/1/2011,1,1,x'))
        elif at % 1019 == 0:
            rows.append(expected.setdefault(at, f"{at},A,x,half,1/1/2011,1,1,x"))
        else:
            rows.append(
                f'{at},A,"two\nlines",1,1/1/2011,1,1,x' if at % 7 == 0 else f"{at},A,x,1,1/1/2011,1,1,x"
            )
        if at % 1000 == 0:
            rows.append("")
    taken("\n".join([HEADER, *rows]))
    assert dict(rows_of("SELECT row, raw FROM landing.quarantine")) == expected
    assert rows_of("SELECT count(*) FROM landing.orders WHERE row <> invoice_id::BIGINT") == [(0,)]
    assert rows_of("SELECT count(*) FROM landing.orders") == [(600_000 - len(expected),)]


def test_a_quote_left_open_in_the_last_row_spoils_that_row_alone(taken: Any, quarantine: Any) -> None:
    arrival = taken(f'{HEADER}\n{GOOD}\n536366,22633,"HAND WARM')
    assert arrival.rows_accepted == 1
    assert quarantine()[2][0] == '536366,22633,"HAND WARM'


def test_a_last_line_that_was_cut_is_kept_in_quarantine(taken: Any, quarantine: Any) -> None:
    arrival = taken(f"{HEADER}\n{GOOD}\n{GOOD[:30]}")
    assert (arrival.rows_accepted, arrival.rows_quarantined) == (1, 1)
    assert quarantine() == {2: (GOOD[:30], ["missing columns"])}


@pytest.mark.parametrize("ends", ["\n\r\n", "\r\n\n", "\n\r", "\r\n\r"])
def test_mixed_line_ends_refuse_the_file_or_lose_no_row(taken: Any, ends: str) -> None:
    """DuckDB reads such a file only in a way that drops fields without a word."""
    one, two = ends[: len(ends) // 2], ends[len(ends) // 2 :]
    arrival = taken(f"{HEADER}{one}{GOOD}{two}{GOOD}{one}{GOOD}{two}")
    if arrival.state == "accepted":
        assert arrival.rows_accepted == 3
    else:
        assert "its lines end in different ways" in arrival.reason
        assert "dos2unix" in arrival.reason


def test_a_line_longer_than_any_buffer_is_quarantined(taken: Any, rows_of: Rows) -> None:
    arrival = taken("\n".join([HEADER, GOOD, GOOD.replace("WHITE", "W" * 3_000_000), "short", GOOD]))
    assert (arrival.rows_accepted, arrival.rows_quarantined) == (2, 2)
    assert rows_of("SELECT row FROM landing.quarantine WHERE len(raw) > 1000") == [(2,)]


def test_nul_characters_never_reach_the_lake(
    taken: Any, quarantine: Any, rows_of: Rows, csv_text: Text, order_row: Row
) -> None:
    """No filter on the column would work again.

    DuckLake writes a column's smallest and largest text into its catalog, and a NUL ends the SQL there.
    """
    rows = [
        order_row(invoice="5\x006"), order_row(description="W\x00"), order_row(customer="\x00"), order_row(),
        order_row(quantity="6\x00"), [1, "\x00"],
    ]  # fmt: skip
    arrival = taken(csv_text(rows))
    assert arrival.rows_accepted == 1
    reasons = {row: reasons for row, (_, reasons) in quarantine().items()}
    assert reasons == {
        1: ["invoice_id: it holds a NUL character"],
        2: ["description: it holds a NUL character"],
        3: ["customer_id: it holds a NUL character"],
        5: ['quantity: a whole number was expected, found "6␀"'],
        6: ["missing columns"],
    }
    for table, column in [("orders", "invoice_id"), ("orders", "description"), ("quarantine", "raw")]:
        assert rows_of(f"SELECT count(*) FROM landing.{table} WHERE {column} = 'x'") == [(0,)]


# Values, each in a file of its own, as others in it could tell how it is to be read


def _reasons(each: Any) -> list[list[str]]:
    return [reasons for _, reasons in each.quarantine.values()]


def _shown(text: str) -> str:
    return f'"{text}"' if text else "nothing"


QUANTITIES: dict[str, int | None] = {
    "6": 6, "6.0": 6, "+5": 5, "-12": -12, "1e3": 1000, " 7 ": 7, "-0": 0,
    "9223372036854775807": 2**63 - 1, "6.5": None, "1e-7": None, "6.0000001": None,
    "9223372036854775808": None, "1 000": 1000, "1 0": None, "NaN": None, "inf": None,
    "-inf": None, "0x10": None, "": None, "six": None, "=1+1": None, "٣": None,
}  # fmt: skip


@of_values
def test_a_quantity_is_a_whole_number_or_quarantined(taken_each: Any, csv_text: Text, order_row: Row) -> None:
    """Half a unit that is rounded up is a sale that nobody made."""
    found = taken_each(
        {text: csv_text([order_row(quantity=text, price=0)]) for text in QUANTITIES}, "quantity"
    )
    assert {text: (each.rows, _reasons(each)) for text, each in found.items()} == {
        text: ([], [[f"quantity: a whole number was expected, found {_shown(text)}"]])
        if value is None
        else ([(value,)], [])
        for text, value in QUANTITIES.items()
    }


PRICES: dict[str, str | None] = {
    "2.55": "2.55", "0": "0", "-11062.06": "-11062.06", ".5": "0.5", "1e3": "1000",
    "2.5500000000000003": "2.55", "1,000.00": "1000", "1.000,00": "1000", "NaN": None, "inf": None, "": None, "1" + "0" * 30: None, "1e400": None,
}  # fmt: skip


@of_values
def test_a_price_is_a_number_or_quarantined(taken_each: Any, csv_text: Text, order_row: Row) -> None:
    """Each in a file of its own: beside another, one that could be read in two ways could not."""
    found = taken_each({text: csv_text([order_row(price=text)]) for text in PRICES}, "unit_price")
    assert {text: (each.rows, _reasons(each)) for text, each in found.items()} == {
        text: ([], [[f"unit_price: a number was expected, found {_shown(text)}"]])
        if value is None
        else ([(Decimal(value),)], [])
        for text, value in PRICES.items()
    }


def test_an_amount_that_no_till_can_hold_is_quarantined(
    taken: Any, quarantine: Any, csv_text: Text, order_row: Row
) -> None:
    """Later steps would fail on it, for all other rows of the month too."""
    taken(csv_text([order_row(quantity=2**63 - 1, price="99999999999999"), order_row(quantity=2**63 - 1)]))
    assert {row: reasons for row, (_, reasons) in quarantine().items()} == {
        row: ["quantity x unit_price: more than any till can hold"] for row in (1, 2)
    }


DATES: dict[str, datetime | str] = {
    "2010-12-01 08:26": datetime(2010, 12, 1, 8, 26),
    "2010-12-01 08:26:05": datetime(2010, 12, 1, 8, 26, 5),
    "2010-12-01T08:26:05": datetime(2010, 12, 1, 8, 26, 5),
    "2010/12/01 08:26": datetime(2010, 12, 1, 8, 26),
    "2010-12-01": datetime(2010, 12, 1),
    "2010-02-30 08:26": "a date was expected",
    "01.12.2010 08:26": datetime(2010, 12, 1, 8, 26),
    "yesterday": "a date was expected",
    "": "a date was expected, found nothing",
    "40513": "a date was expected",
    "0001-01-01": "before 1990-01-01",
    "epoch": "before 1990-01-01",
    "-infinity": "before 1990-01-01",
    "2010-12-01 (BC)": "before 1990-01-01",
    "2999-01-01 08:26": "after the day it was taken in",
    "infinity": "after the day it was taken in",
}


@of_values
def test_a_date_that_begins_with_the_year_needs_no_order(taken_each: Any) -> None:
    found = taken_each({text: f"{PLAIN}\n1,a,1,{text},1\n" for text in DATES}, "sold_at")
    for text, each in found.items():
        assert each.arrival.state == "accepted", text
        if isinstance(expected := DATES[text], str):
            [[reason]] = _reasons(each)
            assert reason.startswith("sold_at: "), text
            assert expected in reason, text
        else:
            assert each.rows == [(expected,)], text


@of_values
def test_a_date_with_slashes_that_is_none_is_quarantined(
    taken_each: Any, csv_text: Text, order_row: Row
) -> None:
    texts = ["2/30/2011 8:26", "13/13/2011", "1/1/11", "1/1/2011 8:26 PM", "1/1/2011 25:00"]
    good = order_row(sold_at="1/31/2011")
    found = taken_each({text: csv_text([order_row(sold_at=text), good]) for text in texts})
    for text, each in found.items():
        [reason] = each.quarantine[1][1]
        assert reason.startswith("sold_at: "), text


def test_texts_of_any_kind_come_back_as_they_were(
    taken: Any, rows_of: Rows, csv_text: Text, order_row: Row
) -> None:
    texts = [
        "😀 MUG", "كوب أحمر", "'; DROP TABLE landing.orders; --", "=cmd|' /C calc'!A0", '"', "a\nb", "$start",
        "{batch}", "\\N", "NULL", "%s", "W" * 100_000, "\u202eGUM",
    ]  # fmt: skip
    taken(csv_text([order_row(invoice=at, description=text) for at, text in enumerate(texts)]))
    found = rows_of("SELECT description FROM landing.orders ORDER BY invoice_id::INTEGER")
    assert [text for (text,) in found] == texts
    assert rows_of("SELECT count(*) FROM landing.orders WHERE description = ?", [texts[2]]) == [(1,)]


def test_an_invoice_of_ten_thousand_characters_is_quarantined(
    taken: Any, quarantine: Any, csv_text: Text, order_row: Row
) -> None:
    taken(
        csv_text(
            [order_row(invoice="5" * 10_000), order_row(product="p" * 256), order_row(customer="c" * 256)]
        )
    )
    assert [reasons for _, reasons in quarantine().values()] == [
        [f"{column}: longer than 255 characters"] for column in ("invoice_id", "product_id", "customer_id")
    ]


def test_every_reason_of_a_row_is_given_at_once(
    taken: Any, quarantine: Any, csv_text: Text, order_row: Row
) -> None:
    """Who mends a file by one reason after the other takes it in as many times."""
    taken(csv_text([order_row(invoice=" ", product="", quantity="x", price="y", sold_at="z")]))
    assert quarantine()[1][1] == [
        "invoice_id: it is empty",
        "product_id: it is empty",
        'quantity: a whole number was expected, found "x"',
        'unit_price: a number was expected, found "y"',
        'sold_at: a date was expected, found "z"',
    ]


def test_a_quarantined_row_can_be_read_again(
    taken: Any, quarantine: Any, csv_text: Text, order_row: Row, rows_of: Rows
) -> None:
    """`raw` is what a person mends and puts back."""
    bad = order_row(description='A "B", C\nD', quantity="x")
    taken(csv_text([bad]))
    raw = quarantine()[1][0]
    assert csv_text([bad]) == f"{HEADER}\n{raw}\n"


CUSTOMERS: dict[str, str | None] = {
    "17850": "17850",
    "17850.0": "17850",
    "17850.00": "17850",
    "A.0": "A.0",
    "1.5": "1.5",
    " ": None,
}


@of_values
def test_a_customer_is_written_in_one_way(taken_each: Any, csv_text: Text, order_row: Row) -> None:
    found = taken_each({text: csv_text([order_row(customer=text)]) for text in CUSTOMERS}, "customer_id")
    assert {text: each.rows for text, each in found.items()} == {
        text: [(value,)] for text, value in CUSTOMERS.items()
    }


def test_blanks_at_the_ends_do_not_count(taken: Any, rows_of: Rows, csv_text: Text, order_row: Row) -> None:
    taken(csv_text([order_row(invoice=" 1\t", product="a\u00a0", description="  ", country="\r\nEIRE ")]))
    assert rows_of("SELECT invoice_id, product_id, description, country FROM landing.orders") == [
        ("1", "a", None, "EIRE")
    ]


# The order of day and month


def _plain(*dates: str) -> str:
    return "\n".join([PLAIN, *(f"{at},a,1,{day},1" for at, day in enumerate(dates))])


def _days(rows_of: Rows) -> list[tuple[int, int]]:
    return rows_of("SELECT month(sold_at), day(sold_at) FROM landing.orders ORDER BY invoice_id")


def test_the_set_of_headers_decides_the_order_of_day_and_month(
    taken: Any, rows_of: Rows, csv_text: Text, order_row: Row
) -> None:
    taken(csv_text([order_row(sold_at="3/4/2011")]))
    assert _days(rows_of) == [(3, 4)]


def test_a_file_that_contradicts_its_set_of_headers_is_refused(
    taken: Any, csv_text: Text, order_row: Row
) -> None:
    """Its first twelve days of each month would be taken in as other months."""
    arrival = taken(csv_text([order_row(sold_at=f"{day}/1/2011") for day in range(1, 32)]))
    assert arrival.state == "refused"
    assert "Online Retail says that its dates are month first, but 19 rows can only be read the other" in (
        arrival.reason
    )


@pytest.mark.parametrize(("proof", "expected"), [("4/13/2011", (3, 4)), ("13/4/2011", (4, 3))])
def test_one_day_above_twelve_proves_the_order_of_the_file(
    taken: Any, rows_of: Rows, proof: str, expected: tuple[int, int]
) -> None:
    taken(_plain("3/4/2011", proof))
    assert _days(rows_of)[0] == expected


def test_what_a_file_proves_overrules_the_setting(taken: Any, rows_of: Rows, reading: Reading) -> None:
    taken(_plain("3/4/2011", "13/4/2011"), reading=replace(reading, date_order="month_first"))
    assert _days(rows_of) == [(4, 3), (4, 13)]


def test_one_slip_of_the_hand_does_not_overrule_a_hundred_rows(taken: Any, rows_of: Rows) -> None:
    arrival = taken(_plain("13/4/2011", *["4/13/2011"] * 101))
    assert (arrival.rows_accepted, arrival.rows_quarantined) == (101, 1)


def test_the_setting_decides_where_a_file_proves_nothing(taken: Any, rows_of: Rows, reading: Reading) -> None:
    taken(_plain("3/4/2011"), reading=replace(reading, date_order="day_first"))
    assert _days(rows_of) == [(4, 3)]


def test_a_file_that_nothing_decides_is_refused(taken: Any) -> None:
    arrival = taken(_plain("3/4/2011", "5/6/2011"))
    assert arrival.state == "refused"
    assert 'Set date_order = "month_first" or "day_first" in tillage.toml.' in arrival.reason


def test_a_file_that_contradicts_itself_is_refused(taken: Any) -> None:
    arrival = taken(_plain("13/4/2011", "4/13/2011"))
    assert arrival.state == "refused"
    assert (
        "its dates contradict each other: 1 row can only begin with the month, 1 only with" in arrival.reason
    )


def test_a_refused_file_leaves_nothing_staged(
    lake: duckdb.DuckDBPyConnection, orders: Path, reading: Reading, csv_text: Text, order_row: Row
) -> None:
    """Its rows would be taken in with the other files of the run."""
    file = orders / "a.csv"
    file.write_text(csv_text([order_row(sold_at=f"{day}/1/2011") for day in range(1, 32)]))
    reader.create_staging(lake, source.SOURCE)
    with pytest.raises(TillageError, match="can only be read the other way"):
        reader.stage(lake, source.SOURCE, file, read_content(file), reading)
    assert lake.execute(f"SELECT count(*) FROM {reader.STAGED}").fetchall() == [(0,)]
    assert lake.execute(f"SELECT count(*) FROM {reader.QUARANTINED}").fetchall() == [(0,)]


# Parquet


@pytest.fixture
def parquet(orders: Path) -> Callable[..., None]:
    """Write a Parquet file of orders; columns other than usual where told."""

    def write(name: str = "a.parquet", **columns: str) -> None:
        usual = {
            "InvoiceNo": "'536365'", "StockCode": "'85123A'", "Description": "'HEART'", "Quantity": "6",
            "InvoiceDate": "TIMESTAMP '2010-12-01 08:26:00'", "UnitPrice": "2.55::DOUBLE",
            "CustomerID": "17850::DOUBLE", "Country": "'EIRE'",
        }  # fmt: skip
        named = ", ".join(f'{sql} AS "{name}"' for name, sql in (usual | columns).items())
        (orders / name).parent.mkdir(exist_ok=True)
        duckdb.execute(f"COPY (SELECT {named}) TO '{orders / name}' (FORMAT parquet)")

    return write


def test_whole_numbers_stored_as_floats_are_whole(parquet: Any, intake: Intake, rows_of: Rows) -> None:
    """In pandas a column of customers with gaps is one of floats: 17850.0 and 17850 would be two."""
    parquet(Quantity="6.0::DOUBLE")
    assert intake().arrivals[0].rows_accepted == 1
    assert rows_of("SELECT customer_id, quantity, unit_price, sold_at FROM landing.orders") == [
        ("17850", 6, Decimal("2.5500"), datetime(2010, 12, 1, 8, 26))
    ]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"Quantity": "6.5::DOUBLE"}, 'quantity: a whole number was expected, found "6.5"'),
        ({"UnitPrice": "'inf'::DOUBLE"}, 'unit_price: a number was expected, found "inf"'),
        ({"UnitPrice": "'nan'::DOUBLE"}, "unit_price: a number was expected, found nothing"),
        ({"InvoiceNo": "'5' || chr(0)"}, "invoice_id: it holds a NUL character"),
        ({"InvoiceDate": "DATE '2999-01-01'"}, 'sold_at: after the day it was taken in, found "2999-01-01"'),
        ({"InvoiceDate": "NULL"}, "sold_at: a date was expected, found nothing"),
    ],
)
def test_a_bad_value_in_a_parquet_is_quarantined(
    parquet: Any, intake: Intake, rows_of: Rows, columns: dict[str, str], reason: str
) -> None:
    parquet(**columns)
    assert intake().arrivals[0].rows_quarantined == 1
    assert rows_of("SELECT reasons FROM landing.quarantine") == [([reason],)]


def test_a_parquet_without_a_column_is_refused(parquet: Any, intake: Intake, orders: Path) -> None:
    duckdb.execute(f"COPY (SELECT 1 AS \"InvoiceNo\") TO '{orders / 'a.parquet'}' (FORMAT parquet)")
    [arrival] = intake().arrivals
    assert (arrival.state, "no column stands for product_id" in arrival.reason) == ("refused", True)


def test_the_name_of_a_folder_is_no_column(parquet: Any, intake: Intake, rows_of: Rows) -> None:
    """The same content must give the same rows wherever it lies."""
    parquet("Country=France/a.parquet")
    assert intake().arrivals[0].rows_accepted == 1
    assert rows_of("SELECT country FROM landing.orders") == [("EIRE",)]


@pytest.mark.parametrize("damage", ["empty", "text", "head", "tail", "middle"])
def test_a_damaged_parquet_is_refused_whole(
    parquet: Any, intake: Intake, orders: Path, rows_of: Rows, damage: str
) -> None:
    parquet(Description="repeat('HEART', 1000) || random()")
    file = orders / "a.parquet"
    content = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "text": b"InvoiceNo,StockCode\n",
            "head": content[: len(content) // 2],
            "tail": content[len(content) // 2 :],
            "middle": content[:60] + bytes(len(content) - 120) + content[-60:],
        }[damage]
    )
    [arrival] = intake().arrivals
    assert (arrival.state, arrival.rows_read) == ("refused", 0)
    assert arrival.reason.startswith("it cannot be read: ")
    assert rows_of("SELECT count(*) FROM landing.orders") == [(0,)]
