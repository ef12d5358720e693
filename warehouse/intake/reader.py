"""Read one file: every good row parsed into a table, and every bad row with its fields.

A large plain CSV is written to the lake in parts (`parts.py`). Everything else is parsed by DuckDB, in passes that
stream, so memory does not grow with the file. The first reads numbers and moments as such, as fast as DuckDB copies a
file, and puts aside what it cannot make out; only a file with such rows is read again, as text, for those alone.
"""

import mmap
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from warehouse.errors import TillageError
from warehouse.files import adopt
from warehouse.intake.files import Content
from warehouse.intake.layout import ASIDE, SECOND_LOOK, Layout, Reading, fetch, open_layout
from warehouse.intake.source import Source
from warehouse.lake import data_of, has_files, literal, one_file, spill_folder
from warehouse.tables import meta

# Temporary tables: a transaction that writes the lake may write those, and no other database.
STAGED = "temp.incoming"
QUARANTINED = "temp.quarantined"
SKIPPED = "temp.skipped"
# A row of the scan stands after all skipped ones with fewer rows of the scan before them.
SKIPPED_BEFORE = (
    f"(SELECT row - number AS scanned, max(number) AS skipped FROM {SKIPPED} GROUP BY scanned) AS skips"
)
# A line that the CSV reader rejected, as it stands in the file.
RAW = "trim(coalesce(csv_line, ''), chr(10) || chr(13))"
# The words of a bad row, one of which may be the number of a customer.
WORDS = r"regexp_extract_all(raw, '[\pL\pN._@+-]+')"
# What stands in the place of a bad row that names a customer who was forgotten.
FORGOTTEN = "(forgotten)"
MONTH_ASIDE = f"DATE '{ASIDE}'"
REJECTS = "store_rejects = true, rejects_table = 'rejected_rows', rejects_scan = 'rejected_scans'"
# DuckDB keeps so much of a line that it rejects.
LONGEST_REJECTED = 10_000
# These speak of our own SQL, and not of the file.
OURS = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException, duckdb.InternalException)
# These speak of the machine and not of the file: it is tried again the next time.
PASSING = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InterruptException)


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read of a file.

    Attributes:
        layout: How it was read.
        months: Of each month with accepted rows their number, and the sum of their hashes.
        rows_quarantined: Rows that cannot be taken in.
        files: Files of the lake that hold its rows, and nobody's if the caller's transaction is rolled back.
    """

    layout: Layout
    months: Mapping[date, tuple[int, int]]
    rows_quarantined: int
    files: tuple[Path, ...] = ()

    @property
    def rows_accepted(self) -> int:
        """Rows that can be taken in."""
        return sum(rows for rows, _ in self.months.values())


def create_staging(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make the empty temporary tables for rows of the source's table and of landing.quarantine."""
    parsed = ", ".join(f"{name} {kind}" for name, kind in source.parsed.items())
    run = connection.execute
    run(f"CREATE OR REPLACE TEMP TABLE {STAGED} (month DATE, file_id VARCHAR, row BIGINT, {parsed})")
    run(
        f"CREATE OR REPLACE TEMP TABLE {QUARANTINED} (file_id VARCHAR, row BIGINT, raw VARCHAR, reasons VARCHAR[])"
    )


def stage(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: Path,
    content: Content,
    reading: Reading,
    into: str = STAGED,
) -> Staged:
    """Append the good rows of `file` to `into`, and its bad ones to the staged quarantine.

    Args:
        connection: One whose staging is made.
        source: What the file holds.
        file: Where the content is read.
        content: What is known of it.
        reading: How files are read.
        into: The staged table, or that of the source itself within a transaction of the caller's, who rolls
            it back if this raises.

    Raises:
        TillageError: If nothing of the file can be taken in: no header, a column missing, an order of
            day and month, a decimal mark or a currency that nothing decides. What was staged of the file is removed again.
        OSError: If it can be read no longer.
        duckdb.Error: If the machine fails, one of `PASSING`.
    """
    try:
        layout = open_layout(connection, file, content, lambda header: source.match(header, reading))
        layout = source.settle(connection, layout, reading)
        return _stage(connection, source, layout, content.file_id, reading, into)
    except (duckdb.Error, TillageError, OSError) as error:
        with suppress(duckdb.Error):  # a failure of the machine may last; the file's rows are not committed
            unstage(connection, content.file_id, into)
        if isinstance(error, duckdb.Error) and not isinstance(error, (*PASSING, *OURS)):
            raise TillageError(_told(error)) from error
        raise


def unstage(connection: duckdb.DuckDBPyConnection, file_id: str, into: str = STAGED) -> None:
    """Remove what is staged of a file."""
    for table in (into, QUARANTINED):
        connection.execute(f"DELETE FROM {table} {_of(file_id)}")
    _forget_rejected(connection)


def _of(file_id: str) -> str:
    """SQL that filters rows of a file. A constant: by a bound value DuckLake would leave out no data file."""
    return f"WHERE file_id = {literal(file_id)}"


def _told(error: duckdb.Error) -> str:
    """What DuckDB says of a file that it cannot read, for a person."""
    if "state machine reached an invalid state" in str(error):
        return (
            "its rows cannot be told apart, as its lines end in different ways (some with a carriage return, "
            "some without). Give all lines the same end (`dos2unix FILE` does), and put the file back."
        )
    return f"it cannot be read: {str(error).splitlines()[0]}"


@dataclass(frozen=True, slots=True)
class _Work:
    """A file that is read, how, and the table that its good rows go to."""

    connection: duckdb.DuckDBPyConnection
    source: Source
    layout: Layout
    file_id: str
    reading: Reading
    into: str


def _stage(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    layout: Layout,
    file_id: str,
    reading: Reading,
    into: str,
) -> Staged:
    work = _Work(connection, source, layout, file_id, reading, into)
    typed = source.typed(connection, layout)
    files = _in_parts(work, typed)
    if files is None:
        _in_passes(work, typed)
    _leave_out_forgotten(connection, source, file_id, into)
    months = connection.execute(
        f"SELECT month, count(*), sum(hash({', '.join(source.parsed)})::HUGEINT) FROM {into} {_of(file_id)} "
        "GROUP BY month ORDER BY month"
    ).fetchall()
    bad = fetch(connection, f"SELECT count(*) FROM {QUARANTINED} {_of(file_id)}")[0]
    return Staged(layout, {month: (rows, of) for month, rows, of in months}, int(bad), files or ())


def _in_parts(
    work: _Work,
    typed: Mapping[str, str],
) -> tuple[Path, ...] | None:
    """Put a large plain CSV into the lake in parts by month; gives its files there, or None if it must be read in passes."""
    connection, source, layout = work.connection, work.source, work.layout
    if work.into != source.table.qualified or "://" in data_of(connection):
        return None
    plain = source.plain(layout, typed, work.reading)
    if plain is None:
        return None
    from warehouse.intake.parts import write_parts  # Polars takes longer to import than most files to read

    with TemporaryDirectory(dir=spill_folder(connection)) as folder:
        found = write_parts(connection, layout, plain, source.moment, work.file_id, Path(folder) / "parts")
        if found is None:
            return None
        files = adopt(connection, source.table, found.files)
        if found.aside is None:
            return files
        rows = _as_text(connection, layout)
        left = f"{rows} WHERE place IN (SELECT row FROM read_parquet({one_file(found.aside)}))"
        has_all = fetch(connection, f"SELECT count(*) FROM {rows}")[0] == found.rows
        if has_all and _second_pass(work, left, found.left):
            return files
    unstage(connection, work.file_id, work.into)
    return None


def _in_passes(
    work: _Work,
    typed: Mapping[str, str],
) -> None:
    """Append the rows of any file by the passes that DuckDB makes over it."""
    connection, source, layout = work.connection, work.source, work.layout
    for known in (typed, {}):
        left = _first_pass(work, known)
        if not left:
            return
        at_first = {column: source.as_typed(layout, column, kind) for column, kind in known.items()}
        parsed = ", ".join(f"{sql} AS {name}" for name, sql in source.columns(layout, at_first).items())
        rows = f"(SELECT *, {parsed} FROM {_as_text(connection, layout)}) WHERE {source.is_bad(layout, work.reading)}"
        if _second_pass(work, rows, left):
            return
        # The reader took for a number what a cast does not, or the other way round: all of it as text.
        unstage(connection, work.file_id, work.into)
    raise TillageError(
        "its rows come out otherwise when they are read again. If it is still being written, wait; else "
        "its quotes or line ends contradict each other: save it anew from the program it came from."
    )


def _first_pass(
    work: _Work,
    typed: Mapping[str, str],
) -> int:
    """Append the rows that can be made out at once, and give how many are left."""
    connection, source, layout, file_id, into = (
        work.connection,
        work.source,
        work.layout,
        work.file_id,
        work.into,
    )
    known = {column: layout.field(column) for column in typed}
    columns = ", ".join(f"{sql} AS {name}" for name, sql in source.columns(layout, known).items())
    given = ", ".join(
        f"coalesce({name}, {source.given[name]}) AS {name}" if name in source.given else name
        for name in source.parsed
    )

    _forget_rejected(connection)
    scanned = layout.copied(connection, REJECTS, typed)
    _skip(connection, layout)
    skips = f"ASOF LEFT JOIN {SKIPPED_BEFORE} ON place > scanned" if _rejected(connection) else ""
    connection.execute(
        f"""
        INSERT INTO {into} BY NAME
        SELECT
            {literal(file_id)} AS file_id,
            place {"+ coalesce(skipped, 0)" if skips else ""} AS row,
            CASE
                WHEN {source.is_bad(layout, work.reading)} THEN {MONTH_ASIDE}
                ELSE CAST(date_trunc('month', {source.moment}) AS DATE)
            END AS month,
            {given}
        FROM (SELECT place, {columns} FROM {scanned.rows(is_placed=True)}) {skips}
        """
    )
    aside = f"FROM {into} {_of(file_id)} AND month = {MONTH_ASIDE}"
    left = fetch(connection, f"SELECT count(*) {aside}")[0]
    if left:
        connection.execute(f"DELETE {aside}")
    return int(left) + _rejected(connection)


def _second_pass(
    work: _Work,
    rows: str,
    left: int,
) -> bool:
    """Read as text what the first pass left: SQL of those rows with their place, and how many they are.

    Returns:
        Whether there are as many; if not, what is staged of the file is worth nothing.
    """
    connection, source, layout, file_id, into = (
        work.connection,
        work.source,
        work.layout,
        work.file_id,
        work.into,
    )
    reading = work.reading
    now = ", ".join(f"{sql} AS {name}" for name, sql in source.columns(layout, {}).items())
    bad = source.is_bad(layout, reading)
    reasons = ", ".join(
        f"CASE WHEN {test} THEN {reason} END" for test, reason in source.problems(layout, reading)
    )
    run = connection.execute
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE {SECOND_LOOK} AS
        SELECT
            place,
            {", ".join(source.parsed)},
            fields,
            CASE WHEN {bad} THEN NULL ELSE CAST(date_trunc('month', {source.moment}) AS DATE) END AS month,
            list_filter([{reasons}], x -> x IS NOT NULL) AS reasons
        FROM (
            SELECT place, [{layout.fields}] AS fields, {now}
            FROM {rows}
        )
        """
    )
    if fetch(connection, f"SELECT count(*) FROM {SECOND_LOOK}")[0] + _rejected(connection) != left:
        return False
    source.contradiction(connection, layout, file_id, into)
    _skip(connection, layout)
    _stage_rejected(connection, file_id)
    look = f"{SECOND_LOOK} AS look ASOF LEFT JOIN {SKIPPED_BEFORE} ON place > scanned"
    run(
        f"""
        INSERT INTO {into} BY NAME
        SELECT ? AS file_id, place + coalesce(skipped, 0) AS row, month, {", ".join(source.parsed)}
        FROM {look}
        WHERE month IS NOT NULL
        """,
        [file_id],
    )
    run(
        f"""
        INSERT INTO {QUARANTINED} BY NAME
        SELECT
            $file AS file_id,
            place + coalesce(skipped, 0) AS row,
            {_storable(layout.raw("fields"))} AS raw,
            list_transform(reasons, x -> {_storable("x")}) AS reasons
        FROM {look}
        WHERE month IS NULL
        ORDER BY place
        """,
        {"file": file_id},
    )
    run(f"DROP TABLE {SECOND_LOOK}")
    return True


def _as_text(connection: duckdb.DuckDBPyConnection, layout: Layout) -> str:
    """SQL of the rows with their place, each column as text, and the rejected ones put down."""
    _forget_rejected(connection)
    return layout.copied(connection, REJECTS, {}).rows(is_placed=True)


def _leave_out_forgotten(
    connection: duckdb.DuckDBPyConnection, source: Source, file_id: str, into: str
) -> None:
    """Make rows of customers who were forgotten those of a guest; of bad rows that name one only the reason stays."""
    if not has_files(connection, meta.FORGOTTEN):
        return
    salts = connection.execute("SELECT salt, customer_hash FROM meta.forgotten").fetchall()
    for salt, customer_hash in salts:
        is_theirs = f"sha256('{salt}' || customer_id) = '{customer_hash}'"
        connection.execute(
            f"UPDATE {into} SET {', '.join(f'{name} = NULL' for name in source.personal)} "
            f"{_of(file_id)} AND customer_id IS NOT NULL AND {is_theirs}"
        )
        connection.execute(
            f"UPDATE {QUARANTINED} SET raw = {literal(FORGOTTEN)}, reasons = [{literal(FORGOTTEN)}] {_of(file_id)} "
            f"AND len(list_filter({WORDS}, lambda word: sha256('{salt}' || word) = '{customer_hash}')) > 0"
        )


def _storable(text: str) -> str:
    """SQL that shows NUL characters: DuckLake can filter no column that holds one."""
    return f"replace({text}, chr(0), '\u2400')"


def _rejected(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows the CSV reader could not take apart, or make out a number or a moment in."""
    try:
        return int(fetch(connection, "SELECT count(DISTINCT line) FROM temp.rejected_rows")[0])
    except duckdb.CatalogException:  # there were none
        return 0


def _forget_rejected(connection: duckdb.DuckDBPyConnection) -> None:
    for name in ("rejected_rows", "rejected_scans"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _skip(connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Make `skipped`: the place in the file of each row that the CSV reader passed over.

    Raises:
        TillageError: If a quote that is never closed took whole rows with it: DuckDB keeps no more than
            the first of them, and goes on somewhere behind.
    """
    empty: list[int] = []
    if _rejected(connection):
        quotes, cut = fetch(
            connection,
            "SELECT count(*) FILTER (error_type = 'UNQUOTED VALUE'), "
            f"min(line) FILTER (length({RAW}) >= {LONGEST_REJECTED} AND regexp_matches({RAW}, '[\\r\\n]')) "
            "FROM temp.rejected_rows",
        )
        empty, unclosed = _lines(layout, has_quotes=quotes > 0)
        if unclosed or cut:
            raise TillageError(
                f"a quote that is opened in row {(unclosed or cut) - 1} is not closed there, so that the "
                "rows after it cannot be told apart. Close it, or double it where it is part of a text."
            )
        lines = "SELECT DISTINCT line FROM temp.rejected_rows"
    else:
        lines = "SELECT 0 AS line WHERE FALSE"
    # DuckDB counts the header and empty lines, and gives no row for those.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {SKIPPED} AS
        SELECT
            rejected.line,
            rejected.line - 1 - coalesce(empty.up_to, 0) AS row,
            row_number() OVER (ORDER BY rejected.line) AS number
        FROM ({lines}) AS rejected
        ASOF LEFT JOIN (
            SELECT line, row_number() OVER (ORDER BY line) AS up_to
            FROM (SELECT unnest(CAST(? AS BIGINT[])) AS line)
        ) AS empty ON rejected.line > empty.line
        """,
        [empty],
    )


def _stage_rejected(connection: duckdb.DuckDBPyConnection, file_id: str) -> None:
    """Stage the rows that DuckDB's CSV reader could not take apart, with its words for why."""
    if _rejected(connection):
        connection.execute(
            f"""
            INSERT INTO {QUARANTINED} BY NAME
            SELECT
                ? AS file_id,
                any_value(row) AS row,
                any_value({_storable(RAW)}) AS raw,
                list(DISTINCT lower(replace(CAST(error_type AS VARCHAR), '_', ' '))) AS reasons
            FROM temp.rejected_rows
            INNER JOIN {SKIPPED} USING (line)
            GROUP BY line
            ORDER BY line
            """,
            [file_id],
        )


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
