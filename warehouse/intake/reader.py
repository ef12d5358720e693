"""Read one orders file into an in-memory table: every row parsed, and every bad row with its fields.

All parsing is done by DuckDB, in one pass that streams, so memory does not grow with the file.
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
from warehouse.intake.files import plain_text
from warehouse.intake.headers import DateOrder, HeaderSet, Match, match
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
    """

    sets: tuple[HeaderSet, ...]
    date_order: DateOrder | None
    earliest: date
    now: datetime


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are got at: a table function, each column as text; of a CSV also its place."""

    rows: str
    fields: tuple[str, ...]
    match: Match
    delimiter: str = ","
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read of a file."""

    header: str | None
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    first_month: date | None
    last_month: date | None


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
            day and month that nothing decides. The staged rows of the file are removed again.
        OSError: If it can be read no longer.
        duckdb.Error: If the machine fails, one of `PASSING`.
    """
    try:
        layout = _parquet(connection, file, reading) if file.suffix.lower() == ".parquet" else None
        layout = layout or _csv(*plain_text(file, encoding, _spill(connection)), reading)
        order = _date_order(connection, layout, reading)
        return _stage(connection, layout, file_id, order, reading)
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
    names = [f"c{index}" for index in range(len(headers[delimiter]))]
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    rows = (
        f"read_csv({one_file(file)}, auto_detect = false, header = false, skip = 1, "
        "hive_partitioning = false, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', encoding = {literal(encoding)}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = 'rejected_rows', "
        "rejects_scan = 'rejected_scans')"
    )
    return Layout(rows, tuple(names), found, delimiter, file)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    # The name of a folder is no column: the same content gives the same rows wherever it lies.
    rows = f"read_parquet({one_file(file)}, hive_partitioning = false)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    found = match([name for name, *_ in described], reading.sets)
    return Layout(rows, tuple(_as_text(name, kind) for name, kind, *_ in described), found)


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


def _moment(text: str, order: DateOrder | None) -> str:
    """SQL that parses a moment: year first, day first with dots, or day and month in the given order."""
    # With dots the day always stands first.
    dotted = ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y"]
    others = f"coalesce(try_cast({text} AS TIMESTAMP), try_strptime({text}, {dotted}))"
    if order is None:
        return others
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    formats = [f"{start} %H:%M", f"{start} %H:%M:%S", start]
    return f"coalesce(try_strptime({text}, {formats}), {others})"


def _parsed(layout: Layout, order: DateOrder | None) -> dict[str, str]:
    """SQL for each column as parsed, from the text in the file; blanks at the ends do not count."""
    text = {column: _trimmed(layout.fields[index]) for column, index in layout.match.positions.items()}
    parsed = {column: text.get(column, "CAST(NULL AS VARCHAR)") for column in PARSED}
    number = text["quantity"]
    # A cast to a whole number would round 6.5 to 7, one to a decimal 1e-7 to 0.
    parsed["quantity"] = (
        f"CASE WHEN regexp_full_match({number}, '[+-]?[0-9]+') THEN try_cast({number} AS BIGINT) "
        f"WHEN try_cast({number} AS DOUBLE) = trunc(try_cast({number} AS DOUBLE)) "
        f"THEN try_cast(try_cast({number} AS DECIMAL(38, 6)) AS BIGINT) END"
    )
    parsed["sold_at"] = _moment(text["sold_at"], order)
    parsed["unit_price"] = f"try_cast({text['unit_price']} AS DECIMAL(18, 4))"
    if "customer_id" in text:
        parsed["customer_id"] = (
            f"CASE WHEN contains({text['customer_id']}, '.') "
            f"THEN regexp_replace({text['customer_id']}, '^([0-9]+)\\.0+$', '\\1') "
            f"ELSE {text['customer_id']} END"
        )
    return parsed


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
