"""What a row of an orders file holds: SQL that parses its columns, and that says what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import duckdb

from warehouse.intake.headers import LINE_AMOUNT, DateOrder
from warehouse.intake.layout import GLANCE_ROWS, TYPED, Layout, Reading, fetch
from warehouse.intake.numbers import number, signs_of, with_point
from warehouse.lake import literal

LONGEST_NAME = 255
PARSED = {
    "invoice_id": "VARCHAR",
    "product_id": "VARCHAR",
    "description": "VARCHAR",
    "quantity": "BIGINT",
    "sold_at": "TIMESTAMP",
    "unit_price": "DECIMAL(18,4)",
    "customer_id": "VARCHAR",
    "country": "VARCHAR",
}
ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
DOTTED = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y")  # with dots the day always stands first


def typed_columns(connection: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, str]:
    """Columns that the CSV reader parses as well itself, as the first rows show, with type or format."""
    if layout.file is None:
        return {}
    tests = [
        (column, kind)
        for column, kind in (*TYPED.items(), *(("sold_at", form) for form in _formats(layout.order)))
        if column in layout.match.positions
        and column not in layout.match.stand_ins
        and (column == "sold_at" or layout.numbers.mark == ".")
    ]
    fits = ", ".join(
        f"bool_and({layout.field(column)} IS NULL OR {as_typed(layout, column, kind)} IS NOT NULL)"
        for column, kind in tests
    )
    found = fetch(connection, f"SELECT {fits} FROM (FROM {layout.rows()} LIMIT {GLANCE_ROWS})")
    fitting = [test for test, is_fit in zip(tests, found, strict=True) if is_fit]
    return dict(reversed(fitting))  # of several formats the first


def as_typed(layout: Layout, column: str, kind: str) -> str:
    """SQL that makes of a text what the CSV reader makes of it."""
    if column in TYPED:
        return f"try_cast({layout.field(column)} AS {kind})"
    return f"try_strptime({layout.field(column)}, {literal(kind)})"


def parsed(layout: Layout, typed: Mapping[str, str]) -> dict[str, str]:
    """SQL for each column as parsed; blanks at the ends do not count.

    Args:
        layout: Of the file.
        typed: SQL of the columns that are parsed already.

    Returns:
        The columns of `PARSED`, and those that `problems` looks at besides.
    """
    text = {column: layout.text(column) for column in layout.match.positions}
    found = {column: text.get(column, "CAST(NULL AS VARCHAR)") for column in PARSED}
    found["sold_at"] = typed.get("sold_at") or _moment(text["sold_at"], layout)
    if "quantity" in typed:
        found["quantity"] = _whole(typed["quantity"])
    else:
        found["quantity"] = _read(layout, "quantity", text["quantity"], _whole_of)
    amount = "unit_price" if "unit_price" in text else LINE_AMOUNT
    found[amount] = typed.get(amount) or _read(layout, amount, text[amount], _money_of)
    if amount == LINE_AMOUNT:
        found["unit_price"] = f"try_cast({found[amount]} / nullif({found['quantity']}, 0) AS DECIMAL(18, 4))"
    if "currency" in text:
        found["currency"] = f"upper({text['currency']})"
    if "customer_id" in text:
        # Other programs write 17850.0.
        found["customer_id"] = (
            f"CASE WHEN contains({text['customer_id']}, '.') "
            f"THEN regexp_replace({text['customer_id']}, '^([0-9]+)\\.0+$', '\\1') "
            f"ELSE {text['customer_id']} END"
        )
    return found


def is_bad(layout: Layout, reading: Reading) -> str:
    """SQL that is true of a parsed row with a problem, else false or null."""
    return f"({' OR '.join(f'({test})' for test, _ in problems(layout, reading))})"


def problems(layout: Layout, reading: Reading) -> list[tuple[str, str]]:
    """Each problem as a test on the parsed row, and the reason as SQL text that shows its `fields`."""
    at = layout.match.positions

    def shown(column: str) -> str:
        raw = f"coalesce(trim(fields[{at[column] + 1}]), '')"
        return f"CASE WHEN {raw} = '' THEN 'nothing' ELSE '\"' || left({raw}, 60) || '\"' END"

    latest = reading.now + timedelta(days=1)
    found = [(f"{column} IS NULL", f"'{column}: it is empty'") for column in ("invoice_id", "product_id")]
    found += [
        (
            # To count bytes is cheaper.
            f"strlen({column}) > {LONGEST_NAME} AND length({column}) > {LONGEST_NAME}",
            f"'{column}: longer than {LONGEST_NAME} characters'",
        )
        for column in ("invoice_id", "product_id", "customer_id")
    ]
    if "\0" in layout.holds:
        found += [
            (f"contains({column}, chr(0))", f"'{column}: it holds a NUL character'")
            for column in PARSED
            if PARSED[column] == "VARCHAR"
        ]
    found += [
        ("quantity IS NULL", f"'quantity: a whole number was expected, found ' || {shown('quantity')}"),
        *_problems_of_amount(layout, reading, shown),
        ("sold_at IS NULL", f"'sold_at: a date was expected, found ' || {shown('sold_at')}"),
        (
            f"sold_at < TIMESTAMP '{reading.earliest}'",
            f"'sold_at: before {reading.earliest}, found ' || {shown('sold_at')}",
        ),
        (
            f"sold_at >= TIMESTAMP '{latest:%Y-%m-%d %H:%M:%S}'",
            f"'sold_at: after the day it was taken in, found ' || {shown('sold_at')}",
        ),
        (
            "abs(CAST(quantity AS DOUBLE)) * abs(CAST(unit_price AS DOUBLE)) >= 1e13",
            "'quantity x unit_price: more than any till can hold'",
        ),
    ]
    return found


def _problems_of_amount(
    layout: Layout, reading: Reading, shown: Callable[[str], str]
) -> list[tuple[str, str]]:
    amount = LINE_AMOUNT if LINE_AMOUNT in layout.match.positions else "unit_price"
    said = (
        f", in {reading.currency} if it says so" if reading.currency and not layout.numbers.is_plain else ""
    )
    found = [(f"{amount} IS NULL", f"'{amount}: a number was expected{said}, found ' || {shown(amount)}")]
    if amount == LINE_AMOUNT:
        found.append(("quantity = 0", "'quantity: it is 0, so that the line has no price of one unit'"))
    if "currency" in layout.match.positions and reading.currency is not None:
        known = ", ".join(literal(sign.upper()) for sign in signs_of(reading.currency))
        found.append((
            f"currency IS NULL OR currency NOT IN ({known})",
            f"'currency: {reading.currency} was expected, found ' || {shown('currency')}",
        ))  # fmt: skip
    return found


def _slashed(order: DateOrder | None) -> tuple[str, ...]:
    """Formats of moments whose day and month stand in the given order."""
    if order is None:
        return ()
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    return (f"{start} %H:%M", f"{start} %H:%M:%S", start)


def _formats(order: DateOrder | None) -> tuple[str, ...]:
    return (*_slashed(order), *ISO, *DOTTED)


def _moment(text: str, layout: Layout) -> str:
    """SQL that parses a moment: year first, day first with dots, or day and month in the given order.

    One that names its zone, year first, is brought to the shop's: a plain cast would pass over the zone.
    """
    # A look at the length spares what is plain the search for a zone.
    may_be_zoned = f"(strlen({text}) > 16 AND (strlen({text}) <> 19 OR substr({text}, 17, 1) <> ':'))"
    cast = (
        f"CASE WHEN {may_be_zoned} AND regexp_matches({text}, ':.*[^0-9:. ]') THEN {_zoned(text, layout.timezone)} "
        f"ELSE try_cast({text} AS TIMESTAMP) END"
    )
    others = f"coalesce({cast}, try_strptime({text}, {list(DOTTED)}))"
    slashed = _slashed(layout.order)
    return f"coalesce(try_strptime({text}, {list(slashed)}), {others})" if slashed else others


def _zoned(text: str, timezone: str) -> str:
    """SQL that brings a moment as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00 -0400 to the shop's time."""
    formats = ["%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%d %H:%M%z"]
    plain = f"regexp_replace(upper({text}), '([0-9])T([0-9])', '\\1 \\2')"
    plain = f"regexp_replace(regexp_replace({plain}, ' ?(Z|UTC|GMT)$', '+00'), ' ([+-])', '\\1')"
    # Zones lie between -12 and +14 hours; what lies beyond is a slip that the engine would take.
    real = f"regexp_extract({plain}, '^.*[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?$')"
    return f"(try_strptime({real}, {formats}) AT TIME ZONE {literal(timezone)})"


def _read(layout: Layout, column: str, text: str, cast: Callable[[str], str]) -> str:
    """SQL of a number: by the engine's cast, and where that fails by how the file writes numbers."""
    if layout.numbers.is_plain or layout.match.positions[column] in layout.numeric:
        return cast(text)
    # No currency stands beside a quantity.
    how = replace(layout.numbers, currency=None) if column == "quantity" else layout.numbers
    return f"coalesce({cast(with_point(text, how))}, {cast(number(text, how))})"


def _whole_of(text: str) -> str:
    return f"list_transform([try_cast({text} AS DECIMAL(38, 8))], y -> {_whole('y')})[1]"


def _whole(decimal: str) -> str:
    # A cast to a whole number would round 6.5 to 7.
    return f"CASE WHEN {decimal} = trunc({decimal}) THEN try_cast({decimal} AS BIGINT) END"


def _money_of(text: str) -> str:
    return f"try_cast({text} AS DECIMAL(18, 4))"
