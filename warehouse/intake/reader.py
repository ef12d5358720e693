"""Read one orders file into an in-memory table: every row parsed, and every bad row with its fields.

All parsing is done by DuckDB, in one pass that streams, so memory does not grow with the file.
"""

import csv
import io
import mmap
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.files import plain_text
from warehouse.intake.headers import LINE_AMOUNT, DateOrder, HeaderSet, Match, match
from warehouse.intake.numbers import (
    PLAIN,
    SIGNS,
    DecimalMark,
    Evidence,
    Numbers,
    are_bare,
    decide,
    evidence,
    is_number,
    number,
    signs_of,
    with_point,
)
from warehouse.intake.sheets import write_sheets
from warehouse.lake import literal, one_file

STAGED = "incoming"
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
DELIMITERS = (",", ";", "\t", "|")
# The order of day and month must be known before a file is read, but this many rows show whether it
# matters: dates that begin with a year need none.
GLANCE_ROWS = 2_000
# So much of a text is read to find its header, and to see whether its numbers are plain.
HEAD_CHARACTERS = 1 << 16
# DuckDB keeps so much of a line that it rejects.
LONGEST_REJECTED = 10_000
# These speak of the machine and not of the file: it is tried again the next time.
PASSING = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InterruptException)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Attributes:
        sets: Known headers.
        date_order: For files that neither follow a set which says it nor prove it.
        earliest: Sales before this day are slips of the hand.
        now: When the file is read, in the shop's time: later sales are slips of the hand too.
        timezone: The shop's, to which moments that name a zone are brought.
        currency: The shop's, an ISO 4217 code; amounts in another are quarantined.
        decimal_mark: For files whose numbers do not prove it.
    """

    sets: tuple[HeaderSet, ...]
    date_order: DateOrder | None
    earliest: date
    now: datetime
    timezone: str = "UTC"
    currency: str | None = None
    decimal_mark: DecimalMark | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are got at, and what decides for the whole of it how they are read.

    Attributes:
        rows: A table function or a query in brackets.
        fields: SQL of each column as text.
        match: Which column stands where.
        delimiter: Of a CSV; quarantined rows of every kind are shown with it.
        file: Of a CSV.
        head: Its first lines.
        numeric: Places of the columns whose type is a number: they need no reading.
        is_workbook: Whether it is one, whose cells may be numbers and text in one column.
        filled: SQL of the columns that are told once an invoice, in place of their fields.
        numbers: How its numbers are written.
        timezone: The shop's.
        currency: The shop's, where the file names one.
        remark: What a person should know of the file.
    """

    rows: str
    fields: tuple[str, ...]
    match: Match
    delimiter: str = ","
    file: Path | None = None
    head: str = ""
    numeric: frozenset[int] = frozenset()
    is_workbook: bool = False
    filled: Mapping[str, str] = field(default_factory=dict)
    numbers: Numbers = PLAIN
    timezone: str = "UTC"
    currency: str | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read of a file."""

    header: str | None
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    first_month: date | None
    last_month: date | None
    currency: str | None = None
    basis: str | None = None
    remark: str | None = None


def create_staging(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty in-memory table `incoming`: a row for each row read, `raw` only where it is bad.

    `row` is null where the rows of a file stand in their order without a gap: `place_in_file` gives it.
    """
    parsed = ", ".join(f"{name} {kind}" for name, kind in PARSED.items())
    connection.execute(
        f"CREATE OR REPLACE TABLE memory.{STAGED} (file_id VARCHAR, row BIGINT, month DATE, {parsed}, "
        "raw VARCHAR, reasons VARCHAR[])"
    )


def place_in_file() -> str:
    """SQL that gives the staged rows with their place in the file as `row`."""
    return (
        f"SELECT incoming.* REPLACE (coalesce(row, incoming.rowid + 1 - first) AS row) "
        f"FROM memory.{STAGED} AS incoming "
        f"INNER JOIN (SELECT file_id, min(rowid) AS first FROM memory.{STAGED} GROUP BY file_id) "
        "USING (file_id)"
    )


def stage(
    connection: duckdb.DuckDBPyConnection, file: Path, file_id: str, encoding: str, reading: Reading
) -> Staged:
    """Append the rows of `file` to `memory.incoming`.

    Raises:
        TillageError: If nothing of the file can be taken in: no header, a column missing, an order of
            day and month, a decimal mark or a currency that nothing decides. The staged rows of the file are
            removed again.
        OSError: If it can be read no longer.
        duckdb.Error: If the machine fails, one of `PASSING`.
    """
    try:
        if file.suffix.lower() == ".parquet":
            layout = _parquet(connection, file, reading)
        elif file.suffix.lower() == ".xlsx":
            layout = _workbook(connection, file, reading)
        else:
            layout = _csv(*plain_text(file, encoding, _spill(connection)), reading)
        layout = _with_currency(connection, _filled(connection, layout), reading)
        layout = replace(layout, numbers=_numbers(connection, layout, reading), timezone=reading.timezone)
        order = _date_order(connection, layout, reading)
        staged = _stage(connection, layout, file_id, order, reading)
        follows = layout.match.follows
        return replace(
            staged, currency=layout.currency, basis=follows.basis if follows else None, remark=layout.remark
        )
    except (duckdb.Error, TillageError, OSError) as error:
        with suppress(duckdb.Error):  # a failure of the machine may last; the file's rows are not committed
            _unstage(connection, file_id)
        if isinstance(error, duckdb.Error) and not isinstance(error, PASSING):
            raise TillageError(_told(error)) from error
        raise


def _spill(connection: duckdb.DuckDBPyConnection) -> Path:
    """The folder of this connection alone, which goes with it."""
    return Path(_fetch(connection, "SELECT current_setting('temp_directory')")[0])


def _told(error: duckdb.Error) -> str:
    """What DuckDB says of a file that it cannot read, for a person."""
    if "state machine reached an invalid state" in str(error):
        return (
            "its rows cannot be told apart, as its lines end in different ways (some with a carriage return, "
            "some without). Give all lines the same end (`dos2unix FILE` does), and put the file back."
        )
    return f"it cannot be read: {str(error).splitlines()[0]}"


def _csv(file: Path, encoding: str, reading: Reading) -> Layout:
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        try:
            start = stream.read(HEAD_CHARACTERS)
        except UnicodeDecodeError as error:
            raise TillageError(f"its text is not {encoding}: {error}") from error
    if not start.strip():
        raise TillageError("it is empty. The first line must name the columns.")
    if start[0] in "\r\n":
        raise TillageError("its first line is empty. The first line must name the columns.")
    if "\0" in start.splitlines()[0]:
        raise TillageError("its header holds NUL characters, as in UTF-16. Save the file as UTF-8.")
    headers = {
        delimiter: next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
        for delimiter in DELIMITERS
    }
    delimiter = max(headers, key=lambda tried: len(headers[tried]))
    found = match(headers[delimiter], reading.sets)
    names = [f"c{index}" for index in range(len(headers[delimiter]))]
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    rows = (
        f"read_csv({one_file(file)}, auto_detect = false, header = false, skip = 1, "
        "hive_partitioning = false, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', encoding = {literal(encoding)}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = 'rejected_rows', "
        "rejects_scan = 'rejected_scans')"
    )
    return Layout(rows, tuple(names), found, delimiter, file, head=start)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    # The name of a folder is no column: the same content gives the same rows wherever it lies.
    rows = f"read_parquet({one_file(file)}, hive_partitioning = false)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    found = match(_names(connection, file), reading.sets)
    return Layout(
        rows,
        tuple(_as_text(name, kind) for name, kind, *_ in described),
        found,
        numeric=frozenset(at for at, (_, kind, *_) in enumerate(described) if is_number(kind)),
    )


def _names(connection: duckdb.DuckDBPyConnection, file: Path) -> list[str]:
    """The columns of a Parquet file by the names they have there: DuckDB renames those that are doubled."""
    schema = connection.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({one_file(file)})"
    ).fetchall()
    names, inside = [], 0
    for name, children in schema[1:]:
        if not inside:
            names.append(name)
        inside += children - bool(inside)
    return names


def _workbook(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    """The sheets of orders in a workbook, one after the other."""
    book = write_sheets(file, _spill(connection), reading.sets)
    parts, numeric = [], set(range(book.width))
    for sheet in book.sheets:
        rows = f"read_parquet({one_file(sheet)}, hive_partitioning = false)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
        fields = ", ".join(
            f"{_as_text(name, kind)} AS c{at}" for at, (name, kind, *_) in enumerate(described)
        )
        parts.append(f"SELECT {fields} FROM {rows}")
        numeric -= {at for at, (_, kind, *_) in enumerate(described) if not is_number(kind)}
    return Layout(
        f"({' UNION ALL '.join(parts)})",
        tuple(f"c{at}" for at in range(book.width)),
        book.match,
        numeric=frozenset(numeric),
        is_workbook=True,
        remark=book.remark,
    )


def _as_text(name: str, kind: str) -> str:
    """A column as the text a CSV would hold: other programs store whole numbers as 17850.0, none as NaN."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind not in {"FLOAT", "DOUBLE"}:
        return f"CAST({quoted} AS VARCHAR)"
    return (
        f"CASE WHEN isnan({quoted}) THEN NULL WHEN {quoted} = trunc({quoted}) AND abs({quoted}) < 1e15 "
        f"THEN CAST(CAST({quoted} AS BIGINT) AS VARCHAR) ELSE CAST({quoted} AS VARCHAR) END"
    )


def _filled(connection: duckdb.DuckDBPyConnection, layout: Layout) -> Layout:
    """Give every row of an invoice what is told in one of them; the rows are copied for it, in their order."""
    at, follows = layout.match.positions, layout.match.follows
    once = [column for column in follows.once_an_invoice if column in at] if follows else []
    if not once:
        return layout
    copy = _spill(connection) / "filled.parquet"
    fields = [f"c{index}" for index in range(len(layout.fields))]
    told = ", ".join(
        f"any_value({_text(replace(layout, fields=tuple(fields)), column)}) "
        f"OVER (PARTITION BY c{at['invoice_id']}) AS once_{column}"
        for column in once
    )
    source = ", ".join(f"{text} AS {name}" for text, name in zip(layout.fields, fields, strict=True))
    connection.execute(
        f"COPY (SELECT * EXCLUDE (place) FROM (SELECT *, {told} FROM "
        f"(SELECT {source}, row_number() OVER () AS place FROM {layout.rows})) ORDER BY place) "
        f"TO {literal(str(copy))} (FORMAT parquet)"
    )
    filled = {
        column: f"coalesce({_text(replace(layout, fields=tuple(fields)), column)}, once_{column})"
        for column in once
    }
    return replace(layout, rows=f"read_parquet({one_file(copy)})", fields=tuple(fields), filled=filled)


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
        f"SELECT DISTINCT upper({_text(layout, 'currency')}) AS named FROM {layout.rows} ORDER BY named LIMIT 20"
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


def _numbers(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> Numbers:
    """How the file writes its numbers: the first rows show it if they are plain, else all are asked."""
    at = layout.match.positions
    places = [at[column] for column in ("quantity", "unit_price", LINE_AMOUNT) if column in at]
    texts = [layout.fields[place] for place in places if place not in layout.numeric]
    if not texts:
        return PLAIN
    # Most files are plain, and this shows it in a tenth of the time that a query takes.
    rows = list(csv.reader(io.StringIO(layout.head, newline=""), delimiter=layout.delimiter))
    is_all = len(layout.head) < HEAD_CHARACTERS
    rows = rows[1:] if is_all else rows[1:-1]
    if are_bare([row[place] for row in rows for place in places if place < len(row)]):
        return PLAIN if is_all else Numbers(is_plain=False, currency=reading.currency)

    def ask(limit: str) -> Evidence:
        rows = f"SELECT [{', '.join(texts)}] AS texts FROM {layout.rows} {limit}"
        return Evidence(*_fetch(connection, evidence(f"SELECT unnest(texts) AS text FROM ({rows})")))

    seen = ask(f"LIMIT {GLANCE_ROWS}")
    is_all = seen.asked < GLANCE_ROWS * len(texts)
    if is_all and not seen.odd and not (seen.lone_point and not seen.point):
        return PLAIN
    if not seen.point or seen.comma or seen.lone_comma:
        seen = seen if is_all else ask("")
        is_all = True
    if seen.currencies and reading.currency is None:
        raise _no_currency(seen.currencies)
    mark, agrees = decide(seen, reading.decimal_mark)
    return Numbers(
        mark,
        is_plain=is_all and not seen.odd and mark == ".",
        is_strict=not (is_all and agrees) or layout.is_workbook,
        currency=reading.currency,
    )


def _date_order(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> DateOrder | None:
    """The order of day and month: from the set of headers, from what the file proves, from the setting."""
    if layout.match.follows is not None and layout.match.follows.date_order is not None:
        return layout.match.follows.date_order
    text = layout.fields[layout.match.positions["sold_at"]]
    glance = f"SELECT {text} AS text FROM {layout.rows} LIMIT {GLANCE_ROWS}"
    starts = "regexp_matches(text, '^\\s*[0-9]{1,2}/')"
    if not _fetch(connection, f"SELECT count(*) FROM ({glance}) WHERE {starts}")[0]:
        return reading.date_order
    months, days = _fetch(
        connection,
        f"SELECT count(*) FILTER (one <= 12 AND two BETWEEN 13 AND 31), "
        f"count(*) FILTER (two <= 12 AND one BETWEEN 13 AND 31) FROM ("
        f"SELECT try_cast(split_part({text}, '/', 1) AS INTEGER) AS one, "
        f"try_cast(split_part({text}, '/', 2) AS INTEGER) AS two FROM {layout.rows})",
    )
    if months > 100 * days:
        return "month_first"
    if days > 100 * months:
        return "day_first"
    if reading.date_order is None and months and days:
        raise TillageError(
            f"its dates contradict each other: {months} rows can only begin with the month, {days} only with "
            "the day. Write them all in one way, at best with the year first (2010-12-31)."
        )
    if reading.date_order is None:
        raise TillageError(
            "nothing tells whether its dates begin with the month or the day: all could be read both ways. "
            'Set date_order = "month_first" or "day_first" in tillage.toml.'
        )
    return reading.date_order


def _moment(text: str, order: DateOrder | None, timezone: str) -> str:
    """SQL that parses a moment: year first, day first with dots, or day and month in the given order.

    One that names its zone, year first, is brought to the shop's: a plain cast would pass over the zone.
    """
    # With dots the day always stands first.
    dotted = ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y"]
    # A look at the length spares what is plain the search for a zone.
    may_be_zoned = f"(strlen({text}) > 16 AND (strlen({text}) <> 19 OR substr({text}, 17, 1) <> ':'))"
    cast = (
        f"CASE WHEN {may_be_zoned} AND regexp_matches({text}, ':.*[^0-9:. ]') THEN {_zoned(text, timezone)} "
        f"ELSE try_cast({text} AS TIMESTAMP) END"
    )
    others = f"coalesce({cast}, try_strptime({text}, {dotted}))"
    if order is None:
        return others
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    formats = [f"{start} %H:%M", f"{start} %H:%M:%S", start]
    return f"coalesce(try_strptime({text}, {formats}), {others})"


def _zoned(text: str, timezone: str) -> str:
    """SQL that brings a moment as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00 -0400 to the shop's time."""
    formats = ["%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%d %H:%M%z"]
    plain = f"regexp_replace(upper({text}), '([0-9])T([0-9])', '\\1 \\2')"
    plain = f"regexp_replace(regexp_replace({plain}, ' ?(Z|UTC|GMT)$', '+00'), ' ([+-])', '\\1')"
    # Zones lie between -12 and +14 hours; what lies beyond is a slip that the engine would take.
    real = f"regexp_extract({plain}, '^.*[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?$')"
    return f"(try_strptime({real}, {formats}) AT TIME ZONE {literal(timezone)})"


def _text(layout: Layout, column: str) -> str:
    """SQL of a column as text, trimmed: of those that may hold it, the first that is filled."""
    if column in layout.filled:
        return layout.filled[column]
    places = [layout.match.positions[column], *layout.match.stand_ins.get(column, ())]
    texts = [_trimmed(layout.fields[place]) for place in places]
    return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]


def _parsed(layout: Layout, order: DateOrder | None) -> dict[str, str]:
    """SQL for each column as parsed, from the text in the file; blanks at the ends do not count."""
    text = {column: _text(layout, column) for column in layout.match.positions}
    parsed = {column: text.get(column, "CAST(NULL AS VARCHAR)") for column in PARSED}
    parsed["quantity"] = _whole(text["quantity"])
    if (how := _odd(layout, "quantity")) is not None:
        odd = number(text["quantity"], replace(how, currency=None))
        plain = _whole(with_point(text["quantity"], how))
        parsed["quantity"] = f"coalesce({plain}, list_transform([{odd}], y -> {_whole('y')})[1])"
    parsed["sold_at"] = _moment(text["sold_at"], order, layout.timezone)
    amount = "unit_price" if "unit_price" in text else LINE_AMOUNT
    parsed[amount] = _money(text[amount])
    if (how := _odd(layout, amount)) is not None:
        plain, odd = _money(with_point(text[amount], how)), _money(number(text[amount], how))
        parsed[amount] = f"coalesce({plain}, {odd})"
    if amount == LINE_AMOUNT:
        parsed["unit_price"] = (
            f"try_cast({parsed[amount]} / nullif({parsed['quantity']}, 0) AS DECIMAL(18, 4))"
        )
    if "currency" in text:
        parsed["currency"] = f"upper({text['currency']})"
    if "customer_id" in text:
        parsed["customer_id"] = (
            f"CASE WHEN contains({text['customer_id']}, '.') "
            f"THEN regexp_replace({text['customer_id']}, '^([0-9]+)\\.0+$', '\\1') "
            f"ELSE {text['customer_id']} END"
        )
    return parsed


def _odd(layout: Layout, column: str) -> Numbers | None:
    """How the numbers of a column are read that are not plain, if there may be any."""
    is_plain = layout.numbers.is_plain or layout.match.positions[column] in layout.numeric
    return None if is_plain else layout.numbers


def _whole(text: str) -> str:
    # A cast to a whole number would round 6.5 to 7, one to a decimal 1e-7 to 0.
    return (
        f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+') THEN try_cast({text} AS BIGINT) "
        f"WHEN try_cast({text} AS DOUBLE) = trunc(try_cast({text} AS DOUBLE)) "
        f"THEN try_cast(try_cast({text} AS DECIMAL(38, 6)) AS BIGINT) END"
    )


def _money(text: str) -> str:
    return f"try_cast({text} AS DECIMAL(18, 4))"


def _trimmed(text: str) -> str:
    """SQL that trims blanks, and gives null for nothing.

    To trim a text takes DuckDB 400 ns, to see that it needs none 50 ns: of taking in, half of the time.
    """
    blanks = [chr(code) for code in (32, 9, 10, 13, 160)]
    ends = " OR ".join(f"ends_with({text}, chr({ord(blank)}))" for blank in blanks)
    # What begins with a blank, and what is empty, sorts before '!'; a no-break space does not.
    needs = f"{text} < '!' OR starts_with({text}, chr(160)) OR {ends}"
    every = " || ".join(f"chr({ord(blank)})" for blank in blanks)
    return f"CASE WHEN {needs} THEN nullif(trim({text}, {every}), '') ELSE {text} END"


def _stage(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    file_id: str,
    order: DateOrder | None,
    reading: Reading,
) -> Staged:
    parsed = _parsed(layout, order)
    columns = ", ".join(f"{sql} AS {name}" for name, sql in parsed.items())
    # Every problem that a row can have, so that the test of a row and its reasons cannot disagree.
    problems = _problems(layout, reading)
    is_bad = " OR ".join(f"({test})" for test, _ in problems)
    reasons = ", ".join(f"CASE WHEN {test} THEN {reason} END" for test, reason in problems)
    fields = f"[{', '.join(layout.fields)}]"
    connection.execute(
        f"""
        INSERT INTO memory.{STAGED} BY NAME
        SELECT
            {literal(file_id)} AS file_id,
            CASE WHEN raw IS NULL THEN CAST(date_trunc('month', sold_at) AS DATE) END AS month,
            {", ".join(PARSED)},
            CASE WHEN raw IS NOT NULL THEN {_storable(_as_csv("raw", layout.delimiter))} END AS raw,
            CASE
                WHEN raw IS NOT NULL
                    THEN list_transform(list_filter([{reasons}], x -> x IS NOT NULL), x -> {_storable("x")})
            END AS reasons
        FROM (
            SELECT *, CASE WHEN {is_bad} THEN fields END AS raw
            FROM (SELECT {columns}, {fields} AS fields FROM {layout.rows})
        )
        """,
    )
    if _stage_rejected(connection, layout, file_id):
        _number(connection, file_id)
    _contradiction(connection, layout, file_id, order)
    read, bad, first, last = _fetch(
        connection,
        f"SELECT count(*), count(raw), min(month), max(month) FROM memory.{STAGED} WHERE file_id = ?",
        [file_id],
    )
    follows = layout.match.follows
    return Staged(follows.name if follows else None, read, read - bad, bad, first, last)


def _problems(layout: Layout, reading: Reading) -> list[tuple[str, str]]:
    """Each problem as a test on the parsed row, and the reason as SQL text."""
    at = layout.match.positions

    def shown(column: str) -> str:
        raw = f"coalesce(trim(fields[{at[column] + 1}]), '')"
        return f"CASE WHEN {raw} = '' THEN 'nothing' ELSE '\"' || left({raw}, 60) || '\"' END"

    latest = reading.now + timedelta(days=1)
    found = [(f"{column} IS NULL", f"'{column}: it is empty'") for column in ("invoice_id", "product_id")]
    found += [
        (f"length({column}) > {LONGEST_NAME}", f"'{column}: longer than {LONGEST_NAME} characters'")
        for column in ("invoice_id", "product_id", "customer_id")
    ]
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


def _as_csv(fields: str, delimiter: str) -> str:
    """SQL that writes a list of fields as the line of CSV that they were."""
    special = f"contains(x, {literal(delimiter)}) OR contains(x, '\"') OR contains(x, chr(10))"
    quoted = "'\"' || replace(x, '\"', '\"\"') || '\"'"
    each = f"CASE WHEN x IS NULL THEN '' WHEN {special} THEN {quoted} ELSE x END"
    return f"array_to_string(list_transform({fields}, x -> {each}), {literal(delimiter)})"


def _storable(text: str) -> str:
    """SQL that shows NUL characters: DuckLake can filter no column that holds one."""
    return f"replace({text}, chr(0), '\u2400')"


def _stage_rejected(connection: duckdb.DuckDBPyConnection, layout: Layout, file_id: str) -> bool:
    """Stage the rows that DuckDB's CSV reader could not take apart, with its words for why.

    Raises:
        TillageError: If a quote that is never closed took whole rows with it: DuckDB keeps no more than
            the first of them, and goes on somewhere behind.
    """
    there = _fetch(
        connection, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rejected_rows' AND temporary"
    )[0]
    if not there:
        return False
    found = _fetch(connection, "SELECT count(*) FROM temp.rejected_rows")[0]
    if found:
        raw = "trim(coalesce(csv_line, ''), chr(10) || chr(13))"
        quotes, cut = _fetch(
            connection,
            "SELECT count(*) FILTER (error_type = 'UNQUOTED VALUE'), "
            f"min(line) FILTER (length({raw}) >= {LONGEST_REJECTED} AND regexp_matches({raw}, '[\\r\\n]')) "
            "FROM temp.rejected_rows",
        )
        empty, unclosed = _lines(layout, has_quotes=quotes > 0)
        if unclosed or cut:
            raise TillageError(
                f"a quote that is opened in row {(unclosed or cut) - 1} is not closed there, so that the "
                "rows after it cannot be told apart. Close it, or double it where it is part of a text."
            )
        # DuckDB counts the header and empty lines, and gives no row for those.
        connection.execute(
            f"""
            INSERT INTO memory.{STAGED} BY NAME
            SELECT
                $file AS file_id,
                rejected.line - 1 - coalesce(empty.up_to, 0) AS row,
                {_storable(raw)} AS raw,
                rejected.reasons
            FROM (
                SELECT line, any_value(csv_line) AS csv_line, list(DISTINCT
                    lower(replace(CAST(error_type AS VARCHAR), '_', ' '))
                ) AS reasons
                FROM temp.rejected_rows GROUP BY line
            ) AS rejected
            ASOF LEFT JOIN (
                SELECT line, row_number() OVER (ORDER BY line) AS up_to
                FROM (SELECT unnest(CAST($empty AS BIGINT[])) AS line)
            ) AS empty ON rejected.line > empty.line
            ORDER BY rejected.line
            """,
            {"file": file_id, "empty": empty},
        )
    connection.execute("DROP TABLE temp.rejected_rows")
    connection.execute("DROP TABLE IF EXISTS temp.rejected_scans")
    return bool(found)


def _lines(layout: Layout, *, has_quotes: bool) -> tuple[list[int], int | None]:
    """Number the empty lines, and the one where a quote is opened that takes later lines with it.

    Lines are counted from 1 as DuckDB does, without those inside of quotes. What it says of an unclosed
    quote is no help: in a large file it goes on somewhere behind and shows another line.

    Args:
        layout: Of the file.
        has_quotes: Whether DuckDB stumbled over one; else the search for it is spared.
    """
    if layout.file is None:
        return [], None
    if not has_quotes and not _has_empty_lines(layout.file):
        return [], None
    empty, line, start, is_quoted, closed, runs_on = [], 1, 0, False, -1, 0
    with layout.file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        ends = set(b'\r\n"' + layout.delimiter.encode())
        for found in re.finditer(rb'"|\r\n?|\n', data):
            at = found.start()
            if found[0] != b'"':
                if is_quoted:
                    runs_on = runs_on or found.end()
                else:
                    if at == start:
                        empty.append(line)
                    line, start = line + 1, found.end()
            elif is_quoted:
                is_quoted, closed = False, at + 1
                if runs_on and closed < len(data) and data[closed] not in ends:
                    return empty, line
            elif at in {closed, start} or data[at - 1] in ends:
                is_quoted, runs_on = True, runs_on if at == closed else 0
        if is_quoted and runs_on and re.compile(rb"\S").search(data, runs_on):
            return empty, line
    return empty, None


def _has_empty_lines(file: Path) -> bool:
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(ends) >= 0 for ends in (b"\n\n", b"\n\r", b"\r\r"))


def _number(connection: duckdb.DuckDBPyConnection, file_id: str) -> None:
    """Number the rows of a file that has rejected ones: those know their place, the others fill the gaps."""
    connection.execute(
        f"""
        UPDATE memory.{STAGED} AS staged SET row = places.row
        FROM (
            -- The k-th good row stands after all rejected ones with fewer than k good rows before them.
            SELECT good.rowid AS id, good.place + coalesce(bad.place, 0) AS row
            FROM (
                SELECT rowid, row_number() OVER (ORDER BY rowid) AS place
                FROM memory.{STAGED} WHERE file_id = $file AND row IS NULL
            ) AS good
            ASOF LEFT JOIN (
                SELECT good_before, max(place) AS place
                FROM (
                    SELECT
                        row - row_number() OVER (ORDER BY row) AS good_before,
                        row_number() OVER (ORDER BY row) AS place
                    FROM memory.{STAGED} WHERE file_id = $file AND row IS NOT NULL
                )
                GROUP BY good_before
            ) AS bad ON good.place > bad.good_before
        ) AS places
        WHERE staged.rowid = places.id
        """,
        {"file": file_id},
    )


def _contradiction(
    connection: duckdb.DuckDBPyConnection, layout: Layout, file_id: str, order: DateOrder | None
) -> None:
    """Refuse a file whose dates say otherwise than its set of headers: half would be taken in wrong."""
    if order is None:
        return
    date = "'(\\d+)/(\\d+)/\\d{4}'"
    one, two = ("2", "1") if order == "month_first" else ("1", "2")
    proven, against = _fetch(
        connection,
        f"""
        SELECT
            count(*) FILTER (day(sold_at) > 12),
            count(*) FILTER (
                sold_at IS NULL
                AND try_cast(regexp_extract(raw, {date}, {two}) AS INTEGER) BETWEEN 13 AND 31
                AND try_cast(regexp_extract(raw, {date}, {one}) AS INTEGER) BETWEEN 1 AND 12
            )
        FROM memory.{STAGED} WHERE file_id = ?
        """,
        [file_id],
    )
    if against > proven:
        said = layout.match.follows.name if layout.match.follows else "the setting date_order"
        raise TillageError(
            f"{said} says that its dates are {order.replace('_', ' ')}, but {against} rows can only be read "
            f"the other way and {proven} only this way. Rename its date column to sold_at, one of the plain "
            "headers, so that the file's own dates decide."
        )


def _unstage(connection: duckdb.DuckDBPyConnection, file_id: str) -> None:
    connection.execute(f"DELETE FROM memory.{STAGED} WHERE file_id = ?", [file_id])
    for name in ("rejected_rows", "rejected_scans"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object] | Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    row = connection.execute(sql, values or []).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from {sql}")
    return row
