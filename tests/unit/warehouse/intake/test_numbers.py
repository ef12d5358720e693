"""Numbers are read as they are written, and never a thousand times too large or small."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import duckdb
import pytest

from warehouse.intake.layout import GLANCE_ROWS, Reading
from warehouse.intake.numbers import Numbers, number

HEADER = "invoice_id,product_id,quantity,sold_at,unit_price"


def file_of(*numbers: tuple[str, str] | str) -> str:
    """A file with these prices, or quantities and prices."""
    rows = [(one if isinstance(one, tuple) else ("1", one)) for one in numbers]
    lines = [f'{at}|a|{quantity}|2011-01-01|"{price}"' for at, (quantity, price) in enumerate(rows)]
    return "\n".join([HEADER.replace(",", "|"), *lines])


@pytest.fixture
def prices(taken: Any, rows_of: Any, reading: Reading) -> Callable[..., list[str | None]]:
    """Give the prices that are read of texts; none for those in quarantine."""

    def read(*texts: str, **settings: Any) -> list[str | None]:
        arrival = taken(file_of(*texts), reading=replace(reading, **settings))
        assert arrival.state == "accepted", arrival.reason
        found = dict(rows_of("SELECT invoice_id::INTEGER + 1, unit_price FROM landing.orders"))
        return [f"{found[at].normalize():f}" if at in found else None for at in range(1, len(texts) + 1)]

    return read


@pytest.fixture
def prices_each(taken_each: Any, reading: Reading) -> Callable[..., dict[Any, list[str | None]]]:
    """Give the prices that are read of many files of texts, which are taken in at once."""

    def read(files: Iterable[tuple[str, ...]], **settings: Any) -> dict[Any, list[str | None]]:
        found = taken_each(
            {texts: file_of(*texts) for texts in files},
            "invoice_id::INTEGER, unit_price",
            reading=replace(reading, **settings),
        )
        return {texts: _prices(each, len(texts)) for texts, each in found.items()}

    def _prices(each: Any, rows: int) -> list[str | None]:
        assert each.arrival.state == "accepted", each.arrival.reason
        prices = dict(each.rows)
        return [f"{prices[at].normalize():f}" if at in prices else None for at in range(rows)]

    return read


@pytest.fixture
def refusal(taken: Any, reading: Reading) -> Callable[..., str]:
    """Give why a file of these numbers is refused."""

    def read(*numbers: tuple[str, str] | str, **settings: Any) -> str:
        arrival = taken(file_of(*numbers), reading=replace(reading, **settings))
        assert arrival.state == "refused"
        return arrival.reason

    return read


@pytest.mark.parametrize(
    ("mark", "text", "value"),
    [
        (".", "2.55", "2.55"), (".", ".5", ".5"), (".", "5.", "5."), (".", "1,234.50", "1234.50"),
        (".", "1,234,567", "1234567"), (".", "12,34,567.8", "1234567.8"), (".", "1 234.50", "1234.50"),
        (".", "1\u00a0234.50", "1234.50"), (".", "1'234.50", "1234.50"), (".", "1\u2019234.50", "1234.50"),
        (".", "1,234", "1234"), (".", "€2.55", "2.55"), (".", "2.55 €", "2.55"), (".", "EUR 3.00", "3.00"),
        (".", "3.00EUR", "3.00"), (".", "(2.55)", "-2.55"), (".", "(€2.55)", "-2.55"), (".", "2.55-", "-2.55"),
        (".", "-€2.55", "-2.55"), (".", "€-2.55", "-2.55"), (".", "\u22122.55", "-2.55"), (".", "2.55- €", "-2.55"),
        (".", "+2.55", "2.55"), (",", "2,55", "2.55"), (",", "1.234,50", "1234.50"), (",", "1.234", "1234"),
        (",", "2,55 €", "2.55"), (",", "EUR 3,00", "3.00"), (",", "1\u202f234,5", "1234.5"), (",", ",5", ".5"),
        (".", "2,55", None), (",", "2.55", None), (".", "1,23", None), (".", "1,2345", None), (".", "1.2.3", None),
        (".", "$2.55", None), (".", "USD 2.55", None), (".", "--5", None), (".", "(5", None), (".", "5)", None),
        (".", "-(5)", None), (".", "(-5)", None), (".", "2 5", None), (".", "1e3", None), (".", "NaN", None),
        (".", "inf", None), (".", "", None), (".", "€", None), (".", "٣", None), (".", "5 EUROS", None),
        (".", "-5-", None), (".", "€5€5", None),
    ],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written_or_not_at_all(mark: Any, text: str, value: str | None) -> None:
    how = Numbers(mark, is_plain=False, is_strict=False, currency="EUR")
    (found,) = (
        duckdb.execute(f"SELECT {number('text', how)} FROM (SELECT $1 AS text)", [text]).fetchone() or ()
    )
    assert found == value


def test_the_point_of_an_abbreviated_currency_is_none_of_the_number() -> None:
    """Fr.12 would be 12 hundredths."""
    how = Numbers(".", is_plain=False, currency="CHF")
    for text, value in [("Fr.12", "12"), ("SFr. 12.50", "12.50"), ("12.50 CHF", "12.50")]:
        assert duckdb.execute(f"SELECT {number('$1', how)}", [text]).fetchone() == (value,)


def test_the_numbers_of_a_file_prove_its_decimal_mark(prices_each: Any) -> None:
    expected = {
        ("2,55", "1.234", "7"): ["2.55", "1234", "7"],
        ("2.55", "1,234", "7"): ["2.55", "1234", "7"],
        ("2.55", "1.234", "7"): ["2.55", "1.234", "7"],
        ("1.234,50", "1.234"): ["1234.5", "1234"],
        ("1.234.567", "1.234"): ["1234567", "1234"],
        ("0,500", "2,555"): ["0.5", "2.555"],
        ("1 234,50", "1'000"): ["1234.5", "1000"],
    }
    assert prices_each(expected) == expected


@pytest.mark.parametrize("text", ["2,555", "2.555"])
def test_a_file_whose_decimal_mark_nothing_decides_is_refused(refusal: Any, text: str) -> None:
    """It may be a thousand times more or less."""
    assert refusal(text, "7") == (
        f"nothing tells whether a number such as {text} is two thousand or two and a half: 1 of its numbers could "
        "be read both ways, and no other shows which of comma and point is the decimal mark. "
        'Set decimal_mark = "." or "," in tillage.toml.'
    )


@pytest.mark.parametrize(
    ("mark", "values"),
    [(",", {"2,555": "2.555", "2.555": "2555"}), (".", {"2,555": "2555", "2.555": "2.555"})],
)
def test_the_setting_decides_where_the_numbers_prove_nothing(
    prices_each: Any, mark: str, values: dict[str, str]
) -> None:
    expected = {(text,): [value] for text, value in values.items()}
    assert prices_each(expected, decimal_mark=mark) == expected


def test_what_the_numbers_prove_overrules_the_setting(prices: Any) -> None:
    assert prices("2,55", "1.234", decimal_mark=".") == ["2.55", "1234"]


def test_a_quantity_can_be_the_number_that_nothing_decides(refusal: Any) -> None:
    """1.000 pieces are no single one."""
    assert "nothing tells whether a number such as 2.555" in refusal(("1.000", "7"))


def test_a_quantity_follows_the_decimal_mark_of_the_prices(taken: Any, rows_of: Any) -> None:
    taken(file_of(("1.000", "2,55"), ("6,0", "2,55"), ("6,5", "2,55")))
    assert rows_of("SELECT quantity FROM landing.orders ORDER BY invoice_id") == [(1000,), (6,)]


def test_numbers_that_contradict_each_other_refuse_the_file(refusal: Any) -> None:
    assert "its numbers contradict each other: in 2 of them only the point" in refusal("2.55", "2.5", "2,55")


def test_one_slip_of_the_hand_is_quarantined_with_what_could_be_either(prices: Any) -> None:
    assert prices("2,55", "2,555", *["2.55"] * 101)[:3] == [None, None, "2.55"]


def test_thousands_behind_the_first_rows_are_read_where_they_prove_themselves(prices: Any) -> None:
    """A look at the first rows must not decide what a comma further on is."""
    found = prices(*["2.55"] * GLANCE_ROWS, "1,234.50", "1,234", "£9")
    assert found[GLANCE_ROWS:] == ["1234.5", None, None]


def test_whole_numbers_in_the_first_rows_prove_nothing(refusal: Any, prices: Any) -> None:
    assert "nothing tells whether" in refusal(*["2"] * GLANCE_ROWS, "2.555")
    assert prices(*["2"] * GLANCE_ROWS, "2.555", "2,55")[GLANCE_ROWS:] == ["2555", "2.55"]


def test_what_is_no_number_is_quarantined(prices_each: Any) -> None:
    texts = ["NaN", "inf", "", "=1+1", "2 5", "1e400", "five", "0x10"]
    files = list(product(("2.55", "2,55"), texts))
    assert prices_each(files) == {file: ["2.55", None] for file in files}


# Currencies


def test_the_sign_of_the_shops_currency_is_read_and_another_quarantined(prices: Any, quarantine: Any) -> None:
    texts = ["£2.55", "GBP 3.00", "2.55", "$2.55", "2.55 €", "EUR 3"]
    assert prices(*texts, currency="GBP") == ["2.55", "3", "2.55", None, None, None]
    assert quarantine()[4][1] == ['unit_price: a number was expected, in GBP if it says so, found "$2.55"']


def test_the_currency_that_a_file_names_beside_its_prices_is_told(prices_each: Any, rows_of: Any) -> None:
    """Null beside prices in pounds reads as if nobody had looked."""
    named = [
        (("£2.55", "3.00"), "GBP"),
        (("2.55 GBP", "3.00"), "GBP"),
        (("2.55", "3.00"), None),
        (("€2.55", "3.00"), None),
        # Not looked at: that would take a second pass over every file.
        (("2.55",) * 2 * GLANCE_ROWS + ("£3.00",), None),
    ]
    prices_each([texts for texts, _ in named], currency="GBP")
    assert rows_of("SELECT currency FROM landing.files ORDER BY path") == [
        (currency,) for _, currency in named
    ]


@pytest.mark.parametrize("currency", ["USD", "CAD", "AUD"])
def test_a_dollar_is_that_of_the_shop(prices: Any, currency: str) -> None:
    assert prices("$2.55", "€3.00", currency=currency) == ["2.55", None]


def test_prices_in_a_currency_refuse_the_file_where_the_shops_is_not_known(refusal: Any) -> None:
    """The next file may be in another, and both would be added up."""
    assert refusal("£2.55", "3") == (
        "it names the currency of its amounts (£), and which is the shop's is not known. Add "
        'currency = "GBP" to tillage.toml, or the code that is right; rows in another are quarantined then.'
    )


def test_a_quantity_has_no_currency(taken: Any, quarantine: Any, reading: Reading) -> None:
    taken(file_of(("£5", "2.55")), reading=replace(reading, currency="GBP"))
    assert quarantine()[1][1] == ['quantity: a whole number was expected, found "£5"']


def test_rows_that_name_another_currency_are_quarantined(
    taken: Any, quarantine: Any, rows_of: Any, reading: Reading
) -> None:
    rows = ["1,a,1,2011-01-01,2,EUR", "2,a,1,2011-01-01,2,eur ", "3,a,1,2011-01-01,2,€"]
    rows += ["4,a,1,2011-01-01,2,USD", "5,a,1,2011-01-01,2,"]
    arrival = taken("\n".join([f"{HEADER},Currency", *rows]), reading=replace(reading, currency="EUR"))
    assert (arrival.rows_accepted, arrival.currency) == (3, "EUR")
    assert [reasons for _, reasons in quarantine().values()] == [
        ['currency: EUR was expected, found "USD"'], ["currency: EUR was expected, found nothing"]
    ]  # fmt: skip


def test_a_column_of_currencies_refuses_the_file_where_the_shops_is_not_known(taken: Any) -> None:
    arrival = taken(f"{HEADER},Currency\n1,a,1,2011-01-01,2,USD\n2,a,1,2011-01-01,2,EUR\n")
    assert arrival.state == "refused"
    assert "it names the currency of its amounts (EUR, USD)" in arrival.reason
    assert 'Add currency = "EUR" to tillage.toml' in arrival.reason


def test_a_column_of_currencies_that_nobody_fills_does_not_count(taken: Any) -> None:
    assert taken(f"{HEADER},Currency\n1,a,1,2011-01-01,2,\n").rows_accepted == 1


def test_exact_amounts_survive_thousands_and_commas(prices: Any) -> None:
    texts = [f"{Decimal(at) / 100:,.2f}" for at in range(0, 10_000_000, 99_991)]
    swapped = [text.translate(str.maketrans(",.", ".,")) for text in texts]
    plain = [f"{Decimal(text.replace(',', '')).normalize():f}" for text in texts]
    assert prices(*texts) == plain
    assert prices(*swapped) == plain
