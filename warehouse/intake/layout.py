"""How the rows of a file are got at.

Every kind of file becomes a `Layout`: SQL that gives its columns as text. What a row holds is read by its
source: `orders.py`, `reviews.py`.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import TillageError
from warehouse.intake.files import CAREFUL, Content, is_json, plain_text
from warehouse.intake.headers import DateOrder, HeaderSet, Match
from warehouse.intake.numbers import PLAIN, DecimalMark, Numbers, is_number
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
# A line of JSON may be so long: a text of a megabyte, twice over for what is escaped in it, and some more.
LONGEST_LINE = 16 << 20

# Where a row that needs a second look stands until it had it: no sale is of this month.
ASIDE = date(1, 1, 1)
# The rows that need one, with their `fields`.
SECOND_LOOK = "temp.second_look"

# Finds the columns in a header.
FindColumns = Callable[[Sequence[str]], Match]


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
        file: Of a CSV, or of lines of JSON.
        encoding: Of its text.
        head: Its first lines, of a CSV.
        keys: Of lines of JSON those that are columns, in their order.
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
    encoding: str = ""
    head: str = ""
    keys: tuple[str, ...] = ()
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
        """SQL of all columns of the file; of JSON with the line itself behind them."""
        return ", ".join([*(f"c{index}" for index in range(self.width)), *(["line"] if self.keys else [])])

    def raw(self, fields: str) -> str:
        """SQL of a row as it stands in the file, given SQL of the list of its `fields`."""
        if self.keys:
            return f"{fields}[{self.width + 1}]"
        special = f"contains(x, {literal(self.delimiter)}) OR contains(x, '\"') OR contains(x, chr(10))"
        quoted = "'\"' || replace(x, '\"', '\"\"') || '\"'"
        each = f"CASE WHEN x IS NULL THEN '' WHEN {special} THEN {quoted} ELSE x END"
        return f"array_to_string(list_transform({fields}, x -> {each}), {literal(self.delimiter)})"

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
        if self.keys:
            values = ", ".join(
                f"json_extract_string(object, {literal(pointer(key))}) AS c{at}"
                for at, key in enumerate(self.keys)
            )
            place = "place, " if is_placed else ""
            rows = (
                f"(SELECT {place}{values}, line FROM (SELECT *, CASE WHEN json_valid(line) THEN CASE WHEN "
                f"json_type(line) = 'OBJECT' THEN line END END AS object FROM {rows} WHERE trim(line) <> ''))"
            )
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
            f"COPY (FROM {self._scanned(options, typed)}) TO {literal(copy)} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        placed = f"read_parquet({one_file(copy)}, file_row_number = true)"
        columns = "line" if self.keys else self.fields
        scan = f"(SELECT file_row_number + 1 AS place, {columns} FROM {placed})"
        return replace(self, scan=scan, file=None, is_placed=True)

    def _scanned(self, options: str, typed: Mapping[str, str] | None) -> str:
        if self.file is None:
            return self.scan
        names = ["line"] if self.keys else [f"c{index}" for index in range(self.width)]
        kinds = dict.fromkeys(names, "VARCHAR")
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


def pointer(key: str) -> str:
    """The JSON pointer (RFC 6901) of a key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def open_layout(
    connection: duckdb.DuckDBPyConnection, file: Path, content: Content, find: FindColumns
) -> Layout:
    """Find out how the rows of a file are got at.

    Args:
        connection: To look into the file with.
        file: Where the content is read.
        content: What is known of it.
        find: Finds the columns in its header.

    Raises:
        TillageError: If nothing of the file can be taken in: no header, a column missing.
        OSError: If it can be read no longer.
        duckdb.Error: If DuckDB cannot read it, or the machine fails.
    """
    if file.suffix.lower() == ".parquet":
        return _parquet(connection, file, find)
    if file.suffix.lower() == ".xlsx":
        return _workbook(connection, file, find)
    text, encoding = plain_text(file, content.encoding, spill_folder(connection))
    if is_json(file):
        return _json_lines(connection, text, encoding, content.holds, find)
    return _csv(text, encoding, content.holds, find)


def fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object] | Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    """Give the one row of a query."""
    row = connection.execute(sql, values or []).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from {sql}")
    return row


def _csv(file: Path, encoding: str, holds: str, find: FindColumns) -> Layout:
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        try:
            start = stream.read(HEAD_CHARACTERS)
        except UnicodeDecodeError as error:
            raise TillageError(f"its text is not {encoding}: {error}") from error
    if start.startswith("PK\x03\x04"):
        raise TillageError(
            "it is no text but a ZIP archive, as Excel's workbooks are. Give a workbook a name that ends in .xlsx; "
            "unpack any other archive, and put in what it holds."
        )
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
    found = find(headers[delimiter])
    dialect = f"skip = 1, delim = {literal(delimiter)}, quote = '\"', escape = '\"'"
    return Layout(
        _scan(file, encoding, dialect),
        len(headers[delimiter]),
        found,
        holds,
        delimiter,
        file,
        encoding,
        start,
    )


def _scan(file: Path, encoding: str, dialect: str) -> str:
    """SQL of the rows that the CSV reader finds, with `{options}` to fill in."""
    # `format` fills in the options: braces in the name of the file are none of them.
    scan = (
        f"read_csv({one_file(file)}, auto_detect = false, header = false, {dialect}, "
        f"hive_partitioning = false, encoding = {literal(encoding)}, "
    )
    return scan.replace("{", "{{").replace("}", "}}") + "{options})"


def _json_lines(
    connection: duckdb.DuckDBPyConnection, file: Path, encoding: str, holds: str, find: FindColumns
) -> Layout:
    """Lines of JSON, an object each. They are read as text, so that one which is none costs no other."""
    # No line of JSON holds a control character: they are escaped in it.
    dialect = f"delim = '\x01', quote = '', escape = '', max_line_size = {LONGEST_LINE}"
    lines = Layout(_scan(file, encoding, dialect), 0, Match({}, None), holds, file=file, keys=("",))
    keys = connection.execute(
        "SELECT DISTINCT unnest(json_keys(object)) AS key FROM "
        f"(SELECT CASE WHEN json_valid(line) THEN CASE WHEN json_type(line) = 'OBJECT' THEN line END END AS object "
        f"FROM {lines.rows()} LIMIT {GLANCE_ROWS}) ORDER BY key"
    ).fetchall()
    if not keys:
        raise TillageError(
            "none of its first lines is an object of JSON. Each line must be one, as in "
            '{"product_id": "85123A", "rating": 5}; write a file that is one long list so (`jq -c \'.[]\' FILE`).'
        )
    names = tuple(key for (key,) in keys)
    return replace(lines, width=len(names), match=find(names), keys=names)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, find: FindColumns) -> Layout:
    found = find(_names(connection, file))
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


def _workbook(connection: duckdb.DuckDBPyConnection, file: Path, find: FindColumns) -> Layout:
    """The sheets of a workbook that hold rows, one after the other."""
    book = write_sheets(file, spill_folder(connection), find)
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
