"""Read one orders file into an in-memory table: every row parsed, and every bad row with its fields.

All parsing is done by DuckDB, in one pass that streams, so memory does not grow with the file.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.headers import DateOrder, HeaderSet, Match, match
from warehouse.lake import literal

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
    """How the rows of a file are got at: a table function, each column as text, and the delimiter."""

    rows: str
    fields: tuple[str, ...]
    match: Match
    delimiter: str = ","


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
    """
    try:
        layout = _parquet(connection, file, reading) if file.suffix.lower() == ".parquet" else None
        layout = layout or _csv(file, encoding, reading)
        order = _date_order(connection, layout, reading)
        return _stage(connection, layout, file_id, order, reading)
    except duckdb.Error as error:
        _unstage(connection, file_id)
        raise TillageError(f"it cannot be read: {str(error).splitlines()[0]}") from error
    except TillageError:
        _unstage(connection, file_id)
        raise


def _csv(file: Path, encoding: str, reading: Reading) -> Layout:
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        try:
            start = stream.read(1 << 16)
        except UnicodeDecodeError as error:
            raise TillageError(f"its text is not {encoding}: {error}") from error
    if not start.strip():
        raise TillageError("it is empty. The first line must name the columns.")
    headers = {
        delimiter: next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
        for delimiter in DELIMITERS
    }
    delimiter = max(headers, key=lambda tried: len(headers[tried]))
    found = match(headers[delimiter], reading.sets)
    names = [f"c{index}" for index in range(len(headers[delimiter]))]
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    rows = (
        f"read_csv({literal(file)}, auto_detect = false, header = false, skip = 1, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', encoding = {literal(encoding)}, "
        f"columns = {{{columns}}}, store_rejects = true, rejects_table = 'rejected_rows', "
        "rejects_scan = 'rejected_scans')"
    )
    return Layout(rows, tuple(names), found, delimiter)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    rows = f"read_parquet({literal(file)})"
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
    if not _fetch(connection, f"SELECT count(*) FROM ({glance}) WHERE contains(text, '/')")[0]:
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
    if reading.date_order is None:
        raise TillageError(
            "nothing tells whether its dates begin with the month or the day: all could be read both ways. "
            'Set date_order = "month_first" or "day_first" in tillage.toml.'
        )
    return reading.date_order


def _moment(text: str, order: DateOrder | None) -> str:
    """SQL that parses a moment: a year first, or day and month in the given order."""
    if order is None:
        return f"try_cast({text} AS TIMESTAMP)"
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    formats = [f"{start} %H:%M", f"{start} %H:%M:%S", start]
    return f"coalesce(try_strptime({text}, {formats}), try_cast({text} AS TIMESTAMP))"


def _parsed(layout: Layout, order: DateOrder | None) -> dict[str, str]:
    """SQL for each column as parsed, from the text in the file; blanks at the ends do not count."""
    blank = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
    text = {
        column: f"nullif(trim({layout.fields[index]}, {blank}), '')"
        for column, index in layout.match.positions.items()
    }
    parsed = {column: text.get(column, "CAST(NULL AS VARCHAR)") for column in PARSED}
    number = text["quantity"]
    # A cast to a whole number would round 6.5 to 7.
    parsed["quantity"] = (
        f"CASE WHEN regexp_full_match({number}, '[+-]?[0-9]+') THEN try_cast({number} AS BIGINT) "
        f"WHEN try_cast({number} AS DECIMAL(38, 6)) = trunc(try_cast({number} AS DECIMAL(38, 6))) "
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
            CASE WHEN raw IS NOT NULL THEN {_as_csv("raw", layout.delimiter)} END AS raw,
            CASE WHEN raw IS NOT NULL THEN list_filter([{reasons}], x -> x IS NOT NULL) END AS reasons
        FROM (
            SELECT *, CASE WHEN {is_bad} THEN fields END AS raw
            FROM (SELECT {columns}, {fields} AS fields FROM {layout.rows})
        )
        """,
    )
    if _stage_rejected(connection, file_id):
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


def _stage_rejected(connection: duckdb.DuckDBPyConnection, file_id: str) -> bool:
    """Stage the rows that DuckDB's CSV reader could not take apart, with its words for why."""
    there = _fetch(
        connection, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rejected_rows' AND temporary"
    )[0]
    if not there:
        return False
    found = _fetch(connection, "SELECT count(*) FROM temp.rejected_rows")[0]
    if found:
        # The header is line 1, so line 2 is row 1.
        connection.execute(
            f"INSERT INTO memory.{STAGED} BY NAME SELECT ? AS file_id, line - 1 AS row, "
            "coalesce(any_value(csv_line), '') AS raw, "
            "list(DISTINCT lower(replace(CAST(error_type AS VARCHAR), '_', ' '))) AS reasons "
            "FROM temp.rejected_rows GROUP BY line",
            [file_id],
        )
    connection.execute("DROP TABLE temp.rejected_rows")
    connection.execute("DROP TABLE IF EXISTS temp.rejected_scans")
    return bool(found)


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
                SELECT
                    row - row_number() OVER (ORDER BY row) AS good_before,
                    row_number() OVER (ORDER BY row) AS place
                FROM memory.{STAGED} WHERE file_id = $file AND row IS NOT NULL
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
    one, two = ("2", "1") if order == "month_first" else ("1", "2")
    proven, against = _fetch(
        connection,
        f"""
        SELECT
            count(*) FILTER (day(sold_at) > 12),
            count(*) FILTER (
                sold_at IS NULL
                AND try_cast(regexp_extract(raw, '(\\d+)/(\\d+)/\\d{{4}}', {two}) AS INTEGER) BETWEEN 13 AND 31
                AND try_cast(regexp_extract(raw, '(\\d+)/(\\d+)/\\d{{4}}', {one}) AS INTEGER) BETWEEN 1 AND 12
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
