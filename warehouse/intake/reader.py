"""Read one orders file: every good row parsed into a table, and every bad row with its fields.

All parsing is done by DuckDB, in passes that stream, so memory does not grow with the file. The first
reads numbers and moments as such, as fast as DuckDB copies a file, and puts aside what it cannot make
out; only a file with such rows is read again, as text, for those alone.
"""

import csv
import io
import mmap
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.files import CAREFUL, Content, plain_text
from warehouse.intake.headers import DateOrder, HeaderSet, Match, match
from warehouse.lake import literal, one_file, spill_folder

# Temporary tables: a transaction that writes the lake may write those, and no other database.
STAGED = "temp.incoming"
QUARANTINED = "temp.quarantined"
SECOND_LOOK = "temp.second_look"
# Where a row that needs a second look stands until it had it: no sale is of this month.
ASIDE = "DATE '0001-01-01'"
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
DELIMITERS = (",", ";", "\t", "|")
# So many rows show how a file writes numbers and moments. The order of day and month must be known
# before it is read: if these begin with a year there is none to find.
GLANCE_ROWS = 2_000
# What the first pass reads these columns as; moments are read by the first of the formats that fits.
TYPED = {"quantity": "DECIMAL(18,8)", "unit_price": "DECIMAL(18,4)"}
ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
DOTTED = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y")  # with dots the day always stands first
REJECTS = "store_rejects = true, rejects_table = 'rejected_rows', rejects_scan = 'rejected_scans'"
# DuckDB keeps so much of a line that it rejects.
LONGEST_REJECTED = 10_000
# These speak of our own SQL, and not of the file.
OURS = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException, duckdb.InternalException)
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
    """

    sets: tuple[HeaderSet, ...]
    date_order: DateOrder | None
    earliest: date
    now: datetime


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are got at.

    Attributes:
        scan: SQL of the columns as text, named c0, c1, ...; of a CSV with `{options}` to fill in.
        width: How many columns there are.
        match: Which column is which.
        holds: Which of the characters that need care stand in the file: no other is looked for.
        delimiter: Of a CSV.
        file: Of a CSV.
    """

    scan: str
    width: int
    match: Match
    holds: str = CAREFUL
    delimiter: str = ","
    file: Path | None = None

    def field(self, column: str) -> str:
        """The column of the scan that holds it."""
        return f"c{self.match.positions[column]}"

    @property
    def fields(self) -> str:
        """SQL of all columns of the scan."""
        return ", ".join(f"c{index}" for index in range(self.width))

    def rows(self, options: str = "ignore_errors = true", typed: Mapping[str, str] | None = None) -> str:
        """SQL of the rows, the columns in `typed` read as their types."""
        if self.file is None:
            return self.scan
        kinds = {f"c{index}": "VARCHAR" for index in range(self.width)}
        for column, kind in (typed or {}).items():
            kinds[self.field(column)] = TYPED.get(column, "TIMESTAMP")
            if column not in TYPED:
                options += f", timestampformat = {literal(kind)}"
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in kinds.items())
        return self.scan.format(options=f"columns = {{{columns}}}, {options}")


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read of a file.

    Attributes:
        header: The known set that its header follows.
        months: Of each month with accepted rows their number, and the sum of their hashes.
        rows_quarantined: Rows that cannot be taken in.
    """

    header: str | None
    months: Mapping[date, tuple[int, int]]
    rows_quarantined: int

    @property
    def rows_accepted(self) -> int:
        """Rows that can be taken in."""
        return sum(rows for rows, _ in self.months.values())


def create_staging(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty temporary tables for rows of landing.orders and of landing.quarantine."""
    parsed = ", ".join(f"{name} {kind}" for name, kind in PARSED.items())
    run = connection.execute
    run(f"CREATE OR REPLACE TEMP TABLE {STAGED} (month DATE, file_id VARCHAR, {parsed})")
    run(
        f"CREATE OR REPLACE TEMP TABLE {QUARANTINED} (file_id VARCHAR, row BIGINT, raw VARCHAR, reasons VARCHAR[])"
    )


def stage(
    connection: duckdb.DuckDBPyConnection, file: Path, content: Content, reading: Reading, into: str = STAGED
) -> Staged:
    """Append the good rows of `file` to `into`, and its bad ones to the staged quarantine.

    Args:
        connection: One whose staging is made.
        file: Where the content is read.
        content: What is known of it.
        reading: How files are read.
        into: The staged table, or landing.orders itself within a transaction of the caller's, who rolls
            it back if this raises.

    Raises:
        TillageError: If nothing of the file can be taken in: no header, a column missing, an order of
            day and month that nothing decides. What was staged of the file is removed again.
        OSError: If it can be read no longer.
        duckdb.Error: If the machine fails, one of `PASSING`.
    """
    try:
        layout = _parquet(connection, file, reading) if file.suffix.lower() == ".parquet" else None
        if layout is None:
            text, encoding = plain_text(file, content.encoding, spill_folder(connection))
            layout = _csv(text, encoding, content.holds, reading)
        order = _date_order(connection, layout, reading)
        return _stage(connection, layout, content.file_id, order, reading, into)
    except (duckdb.Error, TillageError, OSError) as error:
        with suppress(duckdb.Error):  # a failure of the machine may last; the file's rows are not committed
            unstage(connection, content.file_id, into)
        if isinstance(error, duckdb.Error) and not isinstance(error, (*PASSING, *OURS)):
            raise TillageError(_told(error)) from error
        raise


def unstage(connection: duckdb.DuckDBPyConnection, file_id: str, into: str = STAGED) -> None:
    """Remove what is staged of a file."""
    for table in (into, QUARANTINED):
        connection.execute(f"DELETE FROM {table} WHERE file_id = ?", [file_id])
    _forget_rejected(connection)


def _told(error: duckdb.Error) -> str:
    """What DuckDB says of a file that it cannot read, for a person."""
    if "state machine reached an invalid state" in str(error):
        return (
            "its rows cannot be told apart, as its lines end in different ways (some with a carriage return, "
            "some without). Give all lines the same end (`dos2unix FILE` does), and put the file back."
        )
    return f"it cannot be read: {str(error).splitlines()[0]}"


def _csv(file: Path, encoding: str, holds: str, reading: Reading) -> Layout:
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        try:
            start = stream.read(1 << 16)
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
    # `format` fills in the options: braces in the name of the file are none of them.
    scan = (
        f"read_csv({one_file(file)}, auto_detect = false, header = false, skip = 1, "
        f"hive_partitioning = false, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
        f"encoding = {literal(encoding)}, "
    )
    scan = scan.replace("{", "{{").replace("}", "}}") + "{options})"
    return Layout(scan, len(headers[delimiter]), found, holds, delimiter, file)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    # The name of a folder is no column: the same content gives the same rows wherever it lies.
    rows = f"read_parquet({one_file(file)}, hive_partitioning = false)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    found = match([name for name, *_ in described], reading.sets)
    texts = [f"{_as_text(name, kind)} AS c{index}" for index, (name, kind, *_) in enumerate(described)]
    return Layout(f"(SELECT {', '.join(texts)} FROM {rows})", len(texts), found)


def _as_text(name: str, kind: str) -> str:
    """A column as the text a CSV would hold: other programs store whole numbers as 17850.0, none as NaN."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind not in {"FLOAT", "DOUBLE"}:
        return f"CAST({quoted} AS VARCHAR)"
    return (
        f"CASE WHEN isnan({quoted}) THEN NULL WHEN {quoted} = trunc({quoted}) AND abs({quoted}) < 1e15 "
        f"THEN CAST(CAST({quoted} AS BIGINT) AS VARCHAR) ELSE CAST({quoted} AS VARCHAR) END"
    )


def _date_order(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> DateOrder | None:
    """The order of day and month: from the set of headers, from what the file proves, from the setting."""
    if layout.match.follows is not None and layout.match.follows.date_order is not None:
        return layout.match.follows.date_order
    text = layout.field("sold_at")
    glance = f"SELECT {text} AS text FROM {layout.rows()} LIMIT {GLANCE_ROWS}"
    starts = "regexp_matches(text, '^\\s*[0-9]{1,2}/')"
    if not _fetch(connection, f"SELECT count(*) FROM ({glance}) WHERE {starts}")[0]:
        return reading.date_order
    months, days = _fetch(
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
            f"its dates contradict each other: {months} rows can only begin with the month, {days} only with "
            "the day. Write them all in one way, at best with the year first (2010-12-31)."
        )
    if reading.date_order is None:
        raise TillageError(
            "nothing tells whether its dates begin with the month or the day: all could be read both ways. "
            'Set date_order = "month_first" or "day_first" in tillage.toml.'
        )
    return reading.date_order


def _slashed(order: DateOrder | None) -> tuple[str, ...]:
    """Formats of moments whose day and month stand in the given order."""
    if order is None:
        return ()
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    return (f"{start} %H:%M", f"{start} %H:%M:%S", start)


def _moment(text: str, order: DateOrder | None) -> str:
    """SQL that parses a moment: year first, day first with dots, or day and month in the given order."""
    others = f"coalesce(try_cast({text} AS TIMESTAMP), try_strptime({text}, {list(DOTTED)}))"
    return f"coalesce(try_strptime({text}, {list(_slashed(order))}), {others})" if order else others


def _typed(connection: duckdb.DuckDBPyConnection, layout: Layout, order: DateOrder | None) -> dict[str, str]:
    """Columns that the CSV reader parses as well itself, as the first rows show, with type or format."""
    if layout.file is None:
        return {}
    tests = [*TYPED.items(), *(("sold_at", form) for form in (*_slashed(order), *ISO, *DOTTED))]
    fits = ", ".join(
        f"bool_and({layout.field(column)} IS NULL OR {_as_typed(layout, column, kind)} IS NOT NULL)"
        for column, kind in tests
    )
    found = _fetch(connection, f"SELECT {fits} FROM (FROM {layout.rows()} LIMIT {GLANCE_ROWS})")
    fitting = [test for test, is_fit in zip(tests, found, strict=True) if is_fit]
    return dict(reversed(fitting))  # of several formats the first


def _as_typed(layout: Layout, column: str, kind: str) -> str:
    """SQL that makes of a text what the CSV reader makes of it."""
    if column in TYPED:
        return f"try_cast({layout.field(column)} AS {kind})"
    return f"try_strptime({layout.field(column)}, {literal(kind)})"


def _parsed(layout: Layout, order: DateOrder | None, typed: Mapping[str, str]) -> dict[str, str]:
    """SQL for each column as parsed; blanks at the ends do not count.

    Args:
        layout: Of the file.
        order: Of day and month.
        typed: SQL of the columns that are parsed already.
    """
    field = {column: layout.field(column) for column in layout.match.positions}
    text = {column: _trimmed(sql, layout.holds) for column, sql in field.items()}
    parsed = {column: text.get(column, "CAST(NULL AS VARCHAR)") for column in PARSED}
    parsed["sold_at"] = typed.get("sold_at", _moment(text["sold_at"], order))
    parsed["unit_price"] = typed.get("unit_price", f"try_cast({text['unit_price']} AS DECIMAL(18, 4))")
    number = typed.get("quantity", f"try_cast({text['quantity']} AS DECIMAL(38, 8))")
    # A cast to a whole number would round 6.5 to 7.
    parsed["quantity"] = f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS BIGINT) END"
    if "customer_id" in field:
        # Other programs write 17850.0.
        parsed["customer_id"] = (
            f"CASE WHEN contains({field['customer_id']}, '.') "
            f"THEN regexp_replace({text['customer_id']}, '^([0-9]+)\\.0+$', '\\1') "
            f"ELSE {text['customer_id']} END"
        )
    return parsed


def _trimmed(text: str, holds: str) -> str:
    """SQL that trims blanks, and gives null for nothing.

    To trim a text takes DuckDB 400 ns, to see that it needs none 50 ns: of taking in, half of the time.
    """
    blanks = [chr(code) for code in (32, 9, 10, 13, 160)]
    # The end of a line stands in a field only where that is quoted.
    there = [at for at in blanks if at == " " or at in holds or (at in "\r\n" and '"' in holds)]
    # What begins with a blank, and what is empty, sorts before '!'; a no-break space does not.
    needs = [f"{text} < '!'", *(f"ends_with({text}, chr({ord(blank)}))" for blank in there)]
    needs += [f"starts_with({text}, chr(160))"] if "\xa0" in holds else []
    every = " || ".join(f"chr({ord(blank)})" for blank in blanks)
    return f"CASE WHEN {' OR '.join(needs)} THEN nullif(trim({text}, {every}), '') ELSE {text} END"


def _stage(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    file_id: str,
    order: DateOrder | None,
    reading: Reading,
    into: str,
) -> Staged:
    for typed in (_typed(connection, layout, order), {}):
        unstage(connection, file_id, into)
        left = _first_pass(connection, layout, file_id, order, reading, into, typed)
        if not left or _second_pass(connection, layout, file_id, order, reading, into, typed, left):
            break
        # The reader took for a number what a cast does not, or the other way round: all of it as text.
    else:
        raise TillageError(
            "its rows come out otherwise when they are read again. If it is still being written, wait; else "
            "its quotes or line ends contradict each other: save it anew from the program it came from."
        )
    months = connection.execute(
        f"SELECT month, count(*), sum(hash({', '.join(PARSED)})::HUGEINT) FROM {into} "
        "WHERE file_id = ? GROUP BY month ORDER BY month",
        [file_id],
    ).fetchall()
    bad = _fetch(connection, f"SELECT count(*) FROM {QUARANTINED} WHERE file_id = ?", [file_id])[0]
    follows = layout.match.follows
    return Staged(
        follows.name if follows else None, {month: (rows, of) for month, rows, of in months}, int(bad)
    )


def _first_pass(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    file_id: str,
    order: DateOrder | None,
    reading: Reading,
    into: str,
    typed: Mapping[str, str],
) -> int:
    """Append the rows that can be made out at once, and give how many are left."""
    parsed = _parsed(layout, order, {column: layout.field(column) for column in typed})
    columns = ", ".join(f"{sql} AS {name}" for name, sql in parsed.items())
    given = ", ".join(
        f"coalesce({name}, {GIVEN[name]}) AS {name}" if name in GIVEN else name for name in PARSED
    )
    connection.execute(
        f"""
        INSERT INTO {into} BY NAME
        SELECT
            {literal(file_id)} AS file_id,
            CASE
                WHEN {_is_bad(layout, reading)} THEN {ASIDE}
                ELSE CAST(date_trunc('month', sold_at) AS DATE)
            END AS month,
            {given}
        FROM (SELECT {columns} FROM {layout.rows(REJECTS, typed)})
        """
    )
    aside = f"FROM {into} WHERE file_id = ? AND month = {ASIDE}"
    left = _fetch(connection, f"SELECT count(*) {aside}", [file_id])[0]
    if left:
        connection.execute(f"DELETE {aside}", [file_id])
    return int(left) + _rejected(connection)


def _second_pass(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    file_id: str,
    order: DateOrder | None,
    reading: Reading,
    into: str,
    typed: Mapping[str, str],
    left: int,
) -> bool:
    """Read the rows that the first pass left, as text, with their place in the file.

    Returns:
        Whether there are as many as it left; if not, what is staged of the file is worth nothing.
    """
    _forget_rejected(connection)
    at_first, now = (
        ", ".join(f"{sql} AS {name}" for name, sql in _parsed(layout, order, known).items())
        for known in ({column: _as_typed(layout, column, kind) for column, kind in typed.items()}, {})
    )
    is_bad = _is_bad(layout, reading)
    reasons = ", ".join(f"CASE WHEN {test} THEN {reason} END" for test, reason in _problems(layout, reading))
    run = connection.execute
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE {SECOND_LOOK} AS
        SELECT
            place,
            {", ".join(PARSED)},
            fields,
            CASE WHEN {is_bad} THEN NULL ELSE CAST(date_trunc('month', sold_at) AS DATE) END AS month,
            list_filter([{reasons}], x -> x IS NOT NULL) AS reasons
        FROM (
            SELECT place, [{layout.fields}] AS fields, {now}
            FROM (
                SELECT place, {layout.fields}, {at_first}
                FROM (SELECT row_number() OVER () AS place, * FROM {layout.rows(REJECTS)})
            )
            WHERE {is_bad}
        )
        """
    )
    if _fetch(connection, f"SELECT count(*) FROM {SECOND_LOOK}")[0] + _rejected(connection) != left:
        return False
    _contradiction(connection, layout, file_id, order, into)
    _stage_rejected(connection, layout, file_id)
    run(
        f"""
        INSERT INTO {into} BY NAME
        SELECT ? AS file_id, month, {", ".join(PARSED)} FROM {SECOND_LOOK} WHERE month IS NOT NULL
        """,
        [file_id],
    )
    run(
        f"""
        INSERT INTO {QUARANTINED} BY NAME
        SELECT
            $file AS file_id,
            look.place + coalesce(rejected.before, 0) AS row,
            {_storable(_as_csv("look.fields", layout.delimiter))} AS raw,
            list_transform(look.reasons, x -> {_storable("x")}) AS reasons
        FROM {SECOND_LOOK} AS look
        -- The k-th row of the scan stands after all rejected ones with fewer than k of it before them.
        ASOF LEFT JOIN (
            SELECT scanned, max(before) AS before
            FROM (
                SELECT
                    row - row_number() OVER (ORDER BY row) AS scanned,
                    row_number() OVER (ORDER BY row) AS before
                FROM {QUARANTINED} WHERE file_id = $file
            )
            GROUP BY scanned
        ) AS rejected ON look.place > rejected.scanned
        WHERE look.month IS NULL
        ORDER BY look.place
        """,
        {"file": file_id},
    )
    run(f"DROP TABLE {SECOND_LOOK}")
    return True


def _is_bad(layout: Layout, reading: Reading) -> str:
    """SQL that is true of a parsed row with a problem, else false or null."""
    return f"({' OR '.join(f'({test})' for test, _ in _problems(layout, reading))})"


def _problems(layout: Layout, reading: Reading) -> list[tuple[str, str]]:
    """Each problem as a test on the parsed row, and the reason as SQL text that shows its fields."""
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
        ("unit_price IS NULL", f"'unit_price: a number was expected, found ' || {shown('unit_price')}"),
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


def _as_csv(fields: str, delimiter: str) -> str:
    """SQL that writes a list of fields as the line of CSV that they were."""
    special = f"contains(x, {literal(delimiter)}) OR contains(x, '\"') OR contains(x, chr(10))"
    quoted = "'\"' || replace(x, '\"', '\"\"') || '\"'"
    each = f"CASE WHEN x IS NULL THEN '' WHEN {special} THEN {quoted} ELSE x END"
    return f"array_to_string(list_transform({fields}, x -> {each}), {literal(delimiter)})"


def _storable(text: str) -> str:
    """SQL that shows NUL characters: DuckLake can filter no column that holds one."""
    return f"replace({text}, chr(0), '\u2400')"


def _rejected(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows the CSV reader could not take apart, or make out a number or a moment in."""
    there = _fetch(
        connection, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rejected_rows' AND temporary"
    )[0]
    return int(_fetch(connection, "SELECT count(DISTINCT line) FROM temp.rejected_rows")[0]) if there else 0


def _forget_rejected(connection: duckdb.DuckDBPyConnection) -> None:
    for name in ("rejected_rows", "rejected_scans"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _stage_rejected(connection: duckdb.DuckDBPyConnection, layout: Layout, file_id: str) -> None:
    """Stage the rows that DuckDB's CSV reader could not take apart, with its words for why.

    Raises:
        TillageError: If a quote that is never closed took whole rows with it: DuckDB keeps no more than
            the first of them, and goes on somewhere behind.
    """
    if _rejected(connection):
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
            INSERT INTO {QUARANTINED} BY NAME
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
    _forget_rejected(connection)


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


def _contradiction(
    connection: duckdb.DuckDBPyConnection, layout: Layout, file_id: str, order: DateOrder | None, into: str
) -> None:
    """Refuse a file whose dates say otherwise than its set of headers: half would be taken in wrong."""
    if order is None:
        return
    text, date = layout.match.positions["sold_at"] + 1, "'(\\d+)/(\\d+)/\\d{4}'"
    one, two = ("2", "1") if order == "month_first" else ("1", "2")
    against, proven = _fetch(
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
        at_first = f"SELECT count(*) FILTER (day(sold_at) > 12) FROM {into} WHERE file_id = ?"
        proven += _fetch(connection, at_first, [file_id])[0]
    if against > proven:
        said = layout.match.follows.name if layout.match.follows else "the setting date_order"
        raise TillageError(
            f"{said} says that its dates are {order.replace('_', ' ')}, but {against} rows can only be read "
            f"the other way and {proven} only this way. Rename its date column to sold_at, one of the plain "
            "headers, so that the file's own dates decide."
        )


def _fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object] | Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    row = connection.execute(sql, values or []).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from {sql}")
    return row
