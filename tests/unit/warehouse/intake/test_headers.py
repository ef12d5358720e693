"""Columns are found by the names that people give them."""

import pytest

from warehouse.errors import TillageError
from warehouse.intake.headers import REQUIRED, HeaderSet, header_sets, match

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


def test_a_long_header_is_shown_in_short() -> None:
    """A binary file taken for a CSV must not fill the terminal."""
    with pytest.raises(TillageError) as told:
        match(["x" * 1000, *(f"c{at}" for at in range(100))], header_sets())
    assert "x" * 40 + "..., c0, " in str(told.value)
    assert "and 81 more" in str(told.value)
    assert len(str(told.value)) < 400
