"""How the rows of an orders file are got at, and what decides for the whole of it how they are read.

Every kind of file becomes a `Layout`: SQL that gives its columns as text. What a row holds is read in
`columns.py`.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.files import CAREFUL, Content, plain_text
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
)
from warehouse.intake.sheets import write_sheets
from warehouse.lake import literal, one_file, spill_folder

DELIMITERS = (",", ";", "\t", "|")
# So many rows show how a file writes numbers and moments. The order of day and month must be known
# before it is read: if these begin with a year there is none to find.
GLANCE_ROWS = 2_000
# So much of a text is read to find its header, and to see whether its numbers are plain.
HEAD_CHARACTERS = 1 << 16
# What the CSV reader may parse these columns as; moments by a format.
TYPED = {"quantity": "DECIMAL(18,8)", "unit_price": "DECIMAL(18,4)"}
BLANKS = " \t\n\r\xa0"


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
    """How the rows of a file are got at, and how they are read.

    Attributes:
        scan: SQL of the columns as text, named c0, c1, ...; of a CSV with `{options}` to fill in.
        width: How many columns there are.
        match: Which column is which.
        holds: Which of the characters that need care stand in the file: no other is looked for.
        delimiter: Of a CSV; quarantined rows of every kind are shown with it.
        file: Of a CSV.
        head: Its first lines.
        is_placed: Whether the scan gives the place of each row in it as `place`.
        numeric: Places of the columns whose type is a number: they need no reading.
        is_workbook: Whether it is one, whose cells may be numbers and text in one column.
        order: Of day and month in its dates.
        numbers: How its numbers are written.
        timezone: The shop's.
        currency: The shop's, where the file names one.
        remark: What a person should know of the file.
    """

    scan: str
    width: int
    match: Match
    holds: str = CAREFUL
    delimiter: str = ","
    file: Path | None = None
    head: str = ""
    is_placed: bool = False
    numeric: frozenset[int] = frozenset()
    is_workbook: bool = False
    order: DateOrder | None = None
    numbers: Numbers = PLAIN
    timezone: str = "UTC"
    currency: str | None = None
    remark: str | None = None

    @property
    def basis(self) -> str | None:
        """What its amounts hold of tax, discount and shipping."""
        return self.match.follows.basis if self.match.follows else None

    @property
    def once(self) -> tuple[str, ...]:
        """Columns that are filled in one row of an invoice: the rows have that for all of it as once_<column>."""
        told = self.match.follows.once_an_invoice if self.match.follows else ()
        return tuple(column for column in told if column in self.match.positions)

    @property
    def fields(self) -> str:
        """SQL of all columns of the file."""
        return ", ".join(f"c{index}" for index in range(self.width))

    def field(self, column: str) -> str:
        """The column of the scan that holds it."""
        return f"c{self.match.positions[column]}"

    def text(self, column: str) -> str:
        """SQL of a column as text, trimmed: of those that may hold it, the first that is filled."""
        texts = [self._filled(column), *([f"once_{column}"] if column in self.once else [])]
        return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]

    def _filled(self, column: str) -> str:
        places = [self.match.positions[column], *self.match.stand_ins.get(column, ())]
        texts = [trimmed(f"c{place}", self.holds) for place in places]
        return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]

    def rows(
        self,
        options: str = "ignore_errors = true",
        typed: Mapping[str, str] | None = None,
        *,
        is_placed: bool = False,
    ) -> str:
        """SQL of the rows.

        Args:
            options: Of the CSV reader.
            typed: Columns that it is to parse itself, each with its type or the format of its moments.
            is_placed: Whether each comes with its place in the scan as `place`: DuckDB numbers the rows of
                a CSV in one thread.
        """
        rows = self._scanned(options, typed)
        if is_placed and not self.is_placed:
            rows = f"(SELECT row_number() OVER () AS place, * FROM {rows})"
        if self.once:
            invoice = self.field("invoice_id")
            told = ", ".join(
                f"any_value({self._filled(column)}) OVER (PARTITION BY {invoice}) AS once_{column}"
                for column in self.once
            )
            rows = f"(SELECT *, {told} FROM {rows})"
        return rows

    def copied(
        self, connection: duckdb.DuckDBPyConnection, options: str, typed: Mapping[str, str]
    ) -> "Layout":
        """Copy the rows of a CSV to Parquet, for that knows the place of each and is read by all threads."""
        if self.file is None:
            return self
        copy = spill_folder(connection) / "scanned.parquet"
        connection.execute(
            f"COPY (FROM {self._scanned(options, typed)}) TO {literal(copy)} (FORMAT parquet, COMPRESSION lz4_raw)"
        )
        placed = f"read_parquet({one_file(copy)}, file_row_number = true)"
        scan = f"(SELECT file_row_number + 1 AS place, {self.fields} FROM {placed})"
        return replace(self, scan=scan, file=None, is_placed=True)

    def _scanned(self, options: str, typed: Mapping[str, str] | None) -> str:
        if self.file is None:
            return self.scan
        kinds = {f"c{index}": "VARCHAR" for index in range(self.width)}
        for column, kind in (typed or {}).items():
            kinds[self.field(column)] = TYPED.get(column, "TIMESTAMP")
            if column not in TYPED:
                options += f", timestampformat = {literal(kind)}"
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in kinds.items())
        return self.scan.format(options=f"columns = {{{columns}}}, {options}")


def trimmed(text: str, holds: str = CAREFUL) -> str:
    """SQL that trims blanks, and gives null for nothing.

    To trim a text takes DuckDB 400 ns, to see that it needs none 50 ns: of taking in, half of the time.
    """
    # The end of a line stands in a field only where that is quoted.
    there = [at for at in BLANKS if at == " " or at in holds or (at in "\r\n" and '"' in holds)]
    # What begins with a blank, and what is empty, sorts before '!'; a no-break space does not.
    needs = [f"{text} < '!'", *(f"ends_with({text}, chr({ord(blank)}))" for blank in there)]
    needs += [f"starts_with({text}, chr(160))"] if "\xa0" in holds else []
    every = " || ".join(f"chr({ord(blank)})" for blank in BLANKS)
    return f"CASE WHEN {' OR '.join(needs)} THEN nullif(trim({text}, {every}), '') ELSE {text} END"


def open_layout(
    connection: duckdb.DuckDBPyConnection, file: Path, content: Content, reading: Reading
) -> Layout:
    """Find out how the rows of a file are got at and read.

    Raises:
        TillageError: If nothing of the file can be taken in: no header, a column missing, an order of
            day and month, a decimal mark or a currency that nothing decides.
        OSError: If it can be read no longer.
        duckdb.Error: If DuckDB cannot read it, or the machine fails.
    """
    if file.suffix.lower() == ".parquet":
        layout = _parquet(connection, file, reading)
    elif file.suffix.lower() == ".xlsx":
        layout = _workbook(connection, file, reading)
    else:
        text, encoding = plain_text(file, content.encoding, spill_folder(connection))
        layout = _csv(text, encoding, content.holds, reading)
    layout = _with_currency(connection, layout, reading)
    layout = replace(layout, numbers=_numbers(connection, layout, reading), timezone=reading.timezone)
    return replace(layout, order=_date_order(connection, layout, reading))


def fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object] | Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    """Give the one row of a query."""
    row = connection.execute(sql, values or []).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from {sql}")
    return row


def _csv(file: Path, encoding: str, holds: str, reading: Reading) -> Layout:
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
    # `format` fills in the options: braces in the name of the file are none of them.
    scan = (
        f"read_csv({one_file(file)}, auto_detect = false, header = false, skip = 1, "
        f"hive_partitioning = false, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
        f"encoding = {literal(encoding)}, "
    )
    scan = scan.replace("{", "{{").replace("}", "}}") + "{options})"
    return Layout(scan, len(headers[delimiter]), found, holds, delimiter, file, start)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> Layout:
    found = match(_names(connection, file), reading.sets)
    scan, width, numeric = _as_texts(connection, file)
    return Layout(f"({scan})", width, found, is_placed=True, numeric=numeric)


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
    book = write_sheets(file, spill_folder(connection), reading.sets)
    scans, _, numeric = zip(*(_as_texts(connection, sheet) for sheet in book.sheets), strict=True)
    return Layout(
        f"(SELECT * EXCLUDE (place) FROM ({' UNION ALL '.join(scans)}))",
        book.width,
        book.match,
        numeric=frozenset.intersection(*numeric),
        is_workbook=True,
        remark=book.remark,
    )


def _as_texts(connection: duckdb.DuckDBPyConnection, file: Path) -> tuple[str, int, frozenset[int]]:
    """SQL of the rows of a Parquet file, each column as text, how many there are, and which are numbers."""
    # The name of a folder is no column: the same content gives the same rows wherever it lies.
    rows = f"read_parquet({one_file(file)}, hive_partitioning = false)"
    placed = f"read_parquet({one_file(file)}, hive_partitioning = false, file_row_number = true)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    texts = ", ".join(f"{_as_text(name, kind)} AS c{at}" for at, (name, kind, *_) in enumerate(described))
    numeric = frozenset(at for at, (_, kind, *_) in enumerate(described) if is_number(kind))
    return f"SELECT file_row_number + 1 AS place, {texts} FROM {placed}", len(described), numeric


def _as_text(name: str, kind: str) -> str:
    """A column as the text a CSV would hold: other programs store whole numbers as 17850.0, none as NaN."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind not in {"FLOAT", "DOUBLE"}:
        return f"CAST({quoted} AS VARCHAR)"
    return (
        f"CASE WHEN isnan({quoted}) THEN NULL WHEN {quoted} = trunc({quoted}) AND abs({quoted}) < 1e15 "
        f"THEN CAST(CAST({quoted} AS BIGINT) AS VARCHAR) ELSE CAST({quoted} AS VARCHAR) END"
    )


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


def _numbers(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> Numbers:
    """How the file writes its numbers: the first rows show it if they are plain, else all are asked."""
    at = layout.match.positions
    places = [at[column] for column in ("quantity", "unit_price", LINE_AMOUNT) if column in at]
    texts = [f"c{place}" for place in places if place not in layout.numeric]
    if not texts:
        return PLAIN
    # Most files are plain, and this shows it in a tenth of the time that a query takes.
    rows = list(csv.reader(io.StringIO(layout.head, newline=""), delimiter=layout.delimiter))
    is_all = len(layout.head) < HEAD_CHARACTERS
    rows = rows[1:] if is_all else rows[1:-1]
    if are_bare([row[place] for row in rows for place in places if place < len(row)]):
        return PLAIN if is_all else Numbers(is_plain=False, currency=reading.currency)

    def ask(limit: str) -> Evidence:
        rows = f"SELECT [{', '.join(texts)}] AS texts FROM {layout.rows()} {limit}"
        return Evidence(*fetch(connection, evidence(f"SELECT unnest(texts) AS text FROM ({rows})")))

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
            f"its dates contradict each other: {months} rows can only begin with the month, {days} only with "
            "the day. Write them all in one way, at best with the year first (2010-12-31)."
        )
    if reading.date_order is None:
        raise TillageError(
            "nothing tells whether its dates begin with the month or the day: all could be read both ways. "
            'Set date_order = "month_first" or "day_first" in tillage.toml.'
        )
    return reading.date_order
