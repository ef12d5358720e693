"""Columns are found by the names that people give them."""

import pytest

from warehouse.errors import TillageError
from warehouse.intake.headers import REQUIRED, HeaderSet, header_set, header_sets, match

ONLINE_RETAIL, *_ = header_sets()
HEADER = [names[0] for names in ONLINE_RETAIL.columns.values()]


@pytest.mark.parametrize("known", header_sets(), ids=lambda known: known.name)
def test_every_known_set_names_every_required_column_and_matches_itself(known: HeaderSet) -> None:
    assert known.basis
    columns = known.columns
    header = list(dict.fromkeys(name for names in columns.values() for name in names))
    found = match(header, header_sets())
    assert found.follows == known
    assert found.positions == {column: header.index(names[0]) for column, names in columns.items()}
    assert found.stand_ins == {
        column: tuple(header.index(name) for name in names[1:])
        for column, names in columns.items()
        if len(names) > 1
    }


def test_a_mixture_of_sets_follows_none() -> None:
    """What a set says of its dates must not be taken for those of a file that is no such export."""
    mixed = ["InvoiceNo", "StockCode", "Quantity", "sold_at", "UnitPrice"]
    found = match(mixed, header_sets())
    assert found.follows is None
    assert found.positions == dict(zip(REQUIRED, range(5), strict=True))


def test_a_file_that_lacks_optional_columns_still_follows_its_set() -> None:
    found = match(["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice"], header_sets())
    assert found.follows == ONLINE_RETAIL


@pytest.mark.parametrize("name", ["invoice_no", "INVOICE NO", "Invoice-No", "\ufeffInvoiceNo", " invoiceno "])
def test_capitals_blanks_and_marks_do_not_count(name: str) -> None:
    assert match([name, *HEADER[1:]], header_sets()).positions["invoice_id"] == 0


def test_every_column_that_is_missing_is_named_at_once() -> None:
    """Whoever mends a file would come back once for each."""
    with pytest.raises(TillageError) as told:
        match(["InvoiceNo", "StockCode", "Quantity"], header_sets())
    assert "no column stands for sold_at, unit_price. Found: InvoiceNo, StockCode, Quantity." in str(
        told.value
    )
    assert "These would do: InvoiceDate, UnitPrice. Rename each, or name it in a set of your own" in str(
        told.value
    )


def test_a_long_header_is_shown_in_short() -> None:
    """A binary file taken for a CSV must not fill the terminal."""
    with pytest.raises(TillageError) as told:
        match(["x" * 1000, *(f"c{at}" for at in range(100))], header_sets())
    assert "x" * 40 + "..., c0, " in str(told.value)
    assert "and 81 more" in str(told.value)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, 'a set of headers has no name. Begin it with one, as in name = "My till".'),
        (
            {"colour": "red"},
            "the set of headers 'till' says colour, which no set can say. It may say name, basis,",
        ),
        (
            {"unit_price": None},
            "must name either unit_price, the price of one unit, or line_amount, the amount",
        ),
        (
            {"line_amount": "Total"},
            "must name either unit_price, the price of one unit, or line_amount, the amount",
        ),
        (
            {"sold_at": None, "quantity": None},
            "names no column for quantity, sold_at. Add it: no file goes without.",
        ),
        (
            {"quantity": 3},
            "says quantity = 3, where the name of a column in the file was expected, or a list",
        ),
        (
            {"quantity": []},
            "says quantity = [], where the name of a column in the file was expected, or a list",
        ),
        (
            {"quantity": ["a", 1]},
            "says quantity = ['a', 1], where the name of a column in the file was expected",
        ),
        ({"date_order": "ymd"}, "says date_order = 'ymd'. It may be month_first or day_first."),
        ({"currency_code": "€"}, "says currency_code = '€', where three letters as in EUR were expected."),
        ({"basis": True}, "says basis = True, where a sentence was expected."),
        (
            {"once_an_invoice": ["country"]},
            "says once_an_invoice = ['country'], where a list was expected of those",
        ),
        ({"once_an_invoice": "x"}, "says once_an_invoice = 'x', where a list was expected of those"),
    ],
)
def test_a_bad_set_is_told_with_what_was_expected(change: dict[str, object], message: str) -> None:
    entry = {"name": "till", **{column: column for column in REQUIRED}} | change
    with pytest.raises(TillageError) as told:
        header_set({key: value for key, value in entry.items() if value is not None})
    assert message in str(told.value)


def test_other_columns_that_an_export_has_are_no_harm_to_a_plain_file() -> None:
    """Name is the order in Shopify, and the product or the customer elsewhere."""
    found = match([*REQUIRED, "Name", "Email", "sku", "Lineitem price", "item-price"], header_sets())
    assert found.positions == dict(zip(REQUIRED, range(5), strict=True))


def test_a_column_of_currencies_does_not_turn_a_file_from_its_set() -> None:
    """Its dates would be taken for such as prove their order themselves."""
    found = match([*HEADER, "Currency"], header_sets())
    assert (found.follows, found.positions["currency"]) == (ONLINE_RETAIL, len(HEADER))
