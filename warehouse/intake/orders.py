"""The source `orders`: lines of orders.

What decides for the whole of a file how it is read, SQL that parses the columns of its rows, and SQL that
says what is wrong with one.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.files import TEXTS, packed_too
from warehouse.intake.headers import LINE_AMOUNT, DateOrder, Match, match
from warehouse.intake.layout import (
    GLANCE_ROWS,
    HEAD_CHARACTERS,
    SECOND_LOOK,
    TYPED,
    Layout,
    Reading,
    fetch,
)
from warehouse.intake.moments import formats, moment, shape
from warehouse.intake.numbers import (
    PLAIN,
    SIGNS,
    Evidence,
    Numbers,
    are_bare,
    decide,
    evidence,
    number,
    signs_of,
    with_point,
)
from warehouse.intake.source import Source
from warehouse.lake import literal
from warehouse.tables.landing import ORDERS
from warehouse.words import counted

if TYPE_CHECKING:
    from warehouse.intake.parts import Plain

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
# What must be given, and what stands for it in a row that is put aside.
GIVEN = {
    "invoice_id": "''",
    "product_id": "''",
    "quantity": "0",
    "sold_at": "TIMESTAMP '0001-01-01'",
    "unit_price": "0",
}

# Invoices of which two living files hold different lines of a product: either may be right, so both are kept. A file
# that holds a part of an invoice, or all of it once more, agrees. Only months of several files are looked at.
DISAGREEING = """
    WITH shared AS (
        SELECT month, invoice_id
        FROM landing.orders
        WHERE month IN (SELECT month FROM landing.file_months GROUP BY month HAVING count(*) > 1)
        GROUP BY month, invoice_id
        HAVING min(file_id) <> max(file_id)
    ),

    told AS (
        SELECT
            month,
            invoice_id,
            product_id,
            file_id,
            list_sort(
                list(DISTINCT hash(description, quantity, sold_at, unit_price, customer_id, country))
            ) AS lines
        FROM landing.orders
        SEMI JOIN shared USING (month, invoice_id)
        GROUP BY month, invoice_id, product_id, file_id
    ),

    disagreeing AS (
        SELECT month, invoice_id, product_id, list(file_id) AS file_ids
        FROM told
        GROUP BY month, invoice_id, product_id
        HAVING count(DISTINCT lines) > 1
    ),

    paths AS (
        SELECT file_id, path FROM landing.files QUALIFY arrival = max(arrival) OVER (PARTITION BY path)
    )

    SELECT
        month,
        invoice_id,
        list(DISTINCT product_id ORDER BY product_id) AS products,
        list(DISTINCT path ORDER BY path) AS paths
    FROM (SELECT month, invoice_id, product_id, unnest(file_ids) AS file_id FROM disagreeing)
    INNER JOIN paths USING (file_id)
    GROUP BY month, invoice_id
    ORDER BY month, invoice_id
"""


def settle(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> Layout:
    """Decide how the file writes numbers and dates, and in which currency.

    Raises:
        TillageError: If an order of day and month, a decimal mark or a currency is decided by nothing.
    """
    layout = _with_currency(connection, layout, reading)
    numbers, is_named = _numbers(connection, layout, reading)
    currency = reading.currency if is_named else layout.currency
    layout = replace(layout, numbers=numbers, currency=currency, timezone=reading.timezone)
    return replace(layout, order=_date_order(connection, layout, reading))


def typed_columns(connection: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, str]:
    """Columns that the CSV reader parses as well itself, as the first rows show, with type or format."""
    if layout.file is None:
        return {}
    tests = [
        (column, kind)
        for column, kind in (*TYPED.items(), *(("sold_at", form) for form in formats(layout.order)))
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


def plain(layout: Layout, typed: Mapping[str, str], reading: Reading) -> "Plain | None":
    """How the rows are read whose numbers and moments are written in the one plain way that `typed` tells."""
    at = layout.match.positions
    if set(at) - set(PARSED) or not {"quantity", "unit_price", "sold_at"} <= set(typed):
        return None
    if layout.match.stand_ins or layout.once:
        return None
    import polars as pl  # takes longer than most files to read

    from warehouse.intake.parts import Plain, trimmed_otherwise

    field = {column: pl.col(layout.field(column)) for column in at}
    texts = {column: text for column, text in field.items() if PARSED[column] == "VARCHAR"}
    columns = {
        **{column: texts.get(column, pl.lit(None, pl.String)) for column in PARSED},
        "quantity": field["quantity"].cast(pl.Int64, strict=False),
        "sold_at": field["sold_at"].str.to_datetime(typed["sold_at"], time_unit="us", strict=False),
        "unit_price": field["unit_price"].cast(pl.Decimal(18, 4), strict=False),
    }
    names = [column for column in ("invoice_id", "product_id", "customer_id") if column in at]
    doubts = [
        *(trimmed_otherwise(pl.col(column), layout.holds) for column in texts),
        *(pl.col(column).str.len_bytes() > LONGEST_NAME for column in names),
        *(pl.col(column).is_null() for column in GIVEN),
        ~field["unit_price"].str.contains(r"^-?[0-9]{1,14}(?:\.[0-9]{1,4})?$"),
        ~field["sold_at"].str.contains(shape(typed["sold_at"])),
        pl.col("sold_at") < reading.earliest,
        pl.col("sold_at") >= (reading.now + timedelta(days=1)).replace(microsecond=0),
        pl.col("quantity").cast(pl.Float64).abs() * pl.col("unit_price").cast(pl.Float64).abs() >= 1e13,
    ]
    if "customer_id" in at:
        # Other programs write 17850.0.
        given = field["customer_id"]
        columns["customer_id"] = given.str.strip_suffix(".0")
        doubts.append(given.str.contains(".", literal=True) & ~given.str.contains(r"^[0-9]+\.0$"))
    return Plain(columns, doubts)


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
    found["sold_at"] = typed.get("sold_at") or moment(text["sold_at"], layout.order, layout.timezone)
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


def _with_currency(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> Layout:
    """Refuse a file that names a currency where the shop's is not known: two could meet in one sum."""
    follows, positions = layout.match.follows, layout.match.positions
    if follows is not None and follows.currency_code is not None:
        if follows.currency_code == reading.currency:
            return replace(layout, currency=reading.currency)
        if reading.currency is not None:
            raise TillageError(
                f"the set of headers {follows.name!r}, which it follows, says that its amounts are in "
                f"{follows.currency_code}, but the shop's currency is {reading.currency}. One home holds one "
                "currency: take the file in where it belongs, or mend currency_code of the set."
            )
        raise _no_currency([follows.currency_code])
    if "currency" not in positions:
        return layout
    named = connection.execute(
        f"SELECT DISTINCT upper({layout.text('currency')}) AS named FROM {layout.rows()} ORDER BY named LIMIT 20"
    ).fetchall()
    codes = [code for (code,) in named if code is not None]
    if not codes:  # a column that nobody fills
        rest = {column: at for column, at in positions.items() if column != "currency"}
        return replace(layout, match=replace(layout.match, positions=rest))
    if reading.currency is None:
        raise _no_currency(codes)
    return replace(layout, currency=reading.currency)


def _no_currency(found: list[str]) -> TillageError:
    code = SIGNS.get(found[0], found[0]).split()[0]
    return TillageError(
        f"it names the currency of its amounts ({', '.join(found)}), and which is the shop's is not known. Add "
        f'currency = "{code}" to tillage.toml, or the code that is right; rows in another are quarantined then.'
    )


def _numbers(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> tuple[Numbers, bool]:
    """How the file writes its numbers, and whether the shop's currency stands beside any that were looked at.

    The first rows show it if they are plain, else all are asked.
    """
    at = layout.match.positions
    places = [at[column] for column in ("quantity", "unit_price", LINE_AMOUNT) if column in at]
    texts = [f"c{place}" for place in places if place not in layout.numeric]
    if not texts:
        return PLAIN, False
    # Most files are plain, and this shows it in a tenth of the time that a query takes.
    rows = list(csv.reader(io.StringIO(layout.head, newline=""), delimiter=layout.delimiter))
    is_all = len(layout.head) < HEAD_CHARACTERS
    rows = rows[1:] if is_all else rows[1:-1]
    if are_bare([row[place] for row in rows for place in places if place < len(row)]):
        return PLAIN if is_all else Numbers(is_plain=False, currency=reading.currency), False

    def ask(limit: str) -> Evidence:
        rows = f"SELECT [{', '.join(texts)}] AS texts FROM {layout.rows()} {limit}"
        return Evidence(*fetch(connection, evidence(f"SELECT unnest(texts) AS text FROM ({rows})")))

    seen = ask(f"LIMIT {GLANCE_ROWS}")
    is_all = seen.asked < GLANCE_ROWS * len(texts)
    if is_all and not seen.odd and not (seen.lone_point and not seen.point):
        return PLAIN, False
    if not seen.point or seen.comma or seen.lone_comma:
        seen = seen if is_all else ask("")
        is_all = True
    if seen.currencies and reading.currency is None:
        raise _no_currency(seen.currencies)
    mark, agrees = decide(seen, reading.decimal_mark)
    numbers = Numbers(
        mark,
        is_plain=is_all and not seen.odd and mark == ".",
        is_strict=not (is_all and agrees) or layout.is_workbook,
        currency=reading.currency,
    )
    is_named = reading.currency is not None and not set(seen.currencies).isdisjoint(
        signs_of(reading.currency)
    )
    return numbers, is_named


def _date_order(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> DateOrder | None:
    """The order of day and month: from the set of headers, from what the file proves, from the setting."""
    if layout.match.follows is not None and layout.match.follows.date_order is not None:
        return layout.match.follows.date_order
    text = layout.field("sold_at")
    glance = f"SELECT {text} AS text FROM {layout.rows()} LIMIT {GLANCE_ROWS}"
    starts = "regexp_matches(text, '^\\s*[0-9]{1,2}/')"
    if not fetch(connection, f"SELECT count(*) FROM ({glance}) WHERE {starts}")[0]:
        return reading.date_order
    months, days = fetch(
        connection,
        f"SELECT count(*) FILTER (one <= 12 AND two BETWEEN 13 AND 31), "
        f"count(*) FILTER (two <= 12 AND one BETWEEN 13 AND 31) FROM ("
        f"SELECT try_cast(split_part({text}, '/', 1) AS INTEGER) AS one, "
        f"try_cast(split_part({text}, '/', 2) AS INTEGER) AS two FROM {layout.rows()})",
    )
    if months > 100 * days:
        return "month_first"
    if days > 100 * months:
        return "day_first"
    if reading.date_order is None and months and days:
        raise TillageError(
            f"its dates contradict each other: {counted(months, 'row')} can only begin with the month, {days} only with "
            "the day. Write them all in one way, at best with the year first (2010-12-31)."
        )
    if reading.date_order is None:
        raise TillageError(
            "nothing tells whether its dates begin with the month or the day: all could be read both ways. "
            'Set date_order = "month_first" or "day_first" in tillage.toml.'
        )
    return reading.date_order


def contradiction(connection: duckdb.DuckDBPyConnection, layout: Layout, file_id: str, into: str) -> None:
    """Refuse a file whose dates say otherwise than its set of headers: half would be taken in wrong."""
    order = layout.order
    if order is None:
        return
    text, date = layout.match.positions["sold_at"] + 1, "'(\\d+)/(\\d+)/\\d{4}'"
    one, two = ("2", "1") if order == "month_first" else ("1", "2")
    against, proven = fetch(
        connection,
        f"""
        SELECT
            count(*) FILTER (
                sold_at IS NULL
                AND try_cast(regexp_extract(fields[{text}], {date}, {two}) AS INTEGER) BETWEEN 13 AND 31
                AND try_cast(regexp_extract(fields[{text}], {date}, {one}) AS INTEGER) BETWEEN 1 AND 12
            ),
            count(*) FILTER (day(sold_at) > 12)
        FROM {SECOND_LOOK}
        """,
    )
    if against:
        at_first = (
            f"SELECT count(*) FILTER (day(sold_at) > 12) FROM {into} WHERE file_id = {literal(file_id)}"
        )
        proven += fetch(connection, at_first)[0]
    if against > proven:
        said = layout.match.follows.name if layout.match.follows else "the setting date_order"
        raise TillageError(
            f"{said} says that its dates are {order.replace('_', ' ')}, but {counted(against, 'row')} can only be read "
            f"the other way and {proven} only this way. Rename its date column to sold_at, one of the plain "
            "headers, so that the file's own dates decide."
        )


def find(header: Sequence[str], reading: Reading) -> Match:
    """Find the columns of orders in a header.

    Raises:
        TillageError: If a required column is missing, or any is there more than once.
    """
    return match(header, reading.sets)


SOURCE = Source(
    name="orders",
    table=ORDERS,
    kinds=(*packed_too(TEXTS), ".parquet", ".xlsx"),
    parsed=PARSED,
    given=GIVEN,
    moment="sold_at",
    match=find,
    settle=settle,
    typed=typed_columns,
    as_typed=as_typed,
    plain=plain,
    columns=parsed,
    problems=problems,
    contradiction=contradiction,
)
