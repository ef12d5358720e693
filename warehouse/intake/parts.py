"""A large CSV written in parts by month as it is read.

DuckDB numbers the rows of a text in one thread, so that `reader` copies a CSV before it takes it in. Polars numbers them
in all threads, and writes the files that the lake keeps in the time of a bare copy. It takes what leaves no doubt: rows
that do are left for the reader's second look, and a file whose lines do is left to the reader.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import duckdb
import numpy as np
import polars as pl
from polars.exceptions import PanicException, PolarsError

from warehouse.intake.files import CHUNK
from warehouse.intake.layout import ASIDE, BLANKS, GLANCE_ROWS, Layout, fetch
from warehouse.lake import SETTING, one_file

# Polars keeps to no limit: with Python and its libraries it is at a gigabyte, which is as much as a shop that gives DuckDB
# the default of 600 MB has for all. A limit of a gigabyte is told as one of 953.6 MiB.
LEAST_MEMORY = 900_000_000
# Of each month that is written a group of rows is in memory, at twice the length of their lines. With this share of the
# limit for the lines of one, the groups of ten years have two fifths of it. DuckDB reads groups of its own size fastest.
GROUP_SHARE = 1 / 600
LEAST_GROUP, LARGEST_GROUP = 2_048, 122_880
# Of a file with more rows in doubt, all are read anew.
MOST_IN_DOUBT = 0.01
# The reader takes lines of two million bytes.
LONGEST_LINE = 1 << 20
# How Polars says that a query went wrong.
FAILED = (PolarsError, PanicException, OSError)


@dataclass(frozen=True, slots=True)
class Plain:
    """How the rows of a file are read where they leave no doubt.

    Attributes:
        columns: The parsed columns, of the fields c0, c1, ... as text.
        doubts: True of a row that may be read otherwise, of the fields and the parsed columns.
    """

    columns: Mapping[str, pl.Expr]
    doubts: Sequence[pl.Expr]


@dataclass(frozen=True, slots=True)
class Parts:
    """What was written of a file.

    Attributes:
        files: Its good rows, each file those of a month, in a folder named `month=2011-12-01`.
        aside: The rows in doubt, by their column `row`, if there are any.
        left: How many of those there are.
        rows: How many rows there are in all.
    """

    files: tuple[Path, ...]
    aside: Path | None
    left: int
    rows: int


def trimmed_otherwise(text: pl.Expr, holds: str) -> pl.Expr:
    """Whether blanks stand at the ends of a text, or nothing else in it (`layout.trimmed`). Line ends stand in none."""
    ends = [text.str.ends_with(blank) for blank in BLANKS if blank == " " or blank in holds]
    starts = [text.str.starts_with("\xa0")] if "\xa0" in holds else []
    return pl.any_horizontal(text < "!", *ends, *starts)


def write_parts(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    plain: Plain,
    moment: str,
    file_id: str,
    folder: Path,
) -> Parts | None:
    """Write the rows of a CSV by month to Parquet files in `folder`.

    Args:
        connection: One that tells how much memory there is.
        layout: Of the file.
        plain: How its rows are read.
        moment: The parsed column whose month a row is of.
        file_id: Of its content.
        folder: Where nothing else is.

    Returns:
        None if it must be read otherwise: too many rows in doubt, lines that Polars may not tell apart as DuckDB does,
        no line, little memory.
    """
    (memory,) = fetch(connection, f"SELECT parse_formatted_bytes({SETTING}('memory_limit'))")
    if layout.file is None or layout.encoding != "utf-8" or "\0" in layout.holds or memory < LEAST_MEMORY:
        return None
    names = [f"c{index}" for index in range(layout.width)]
    # A row that is short has nothing in its last field.
    in_doubt = pl.any_horizontal(pl.col(names[-1]).is_null(), *plain.doubts)
    rows = pl.scan_csv(
        layout.file,
        has_header=False,
        skip_lines=1,
        separator=layout.delimiter,
        schema=dict.fromkeys(names, pl.String),
        null_values="",  # in quotes, too
        row_index_name="row",
        row_index_offset=1,
        glob=False,
    ).with_columns(**plain.columns)
    stopped = Event()
    row = (
        pl.col("row").cast(pl.Int64).map_batches(_until(stopped), return_dtype=pl.Int64, is_elementwise=True)
    )
    try:
        glance = rows.head(GLANCE_ROWS).select(in_doubt.sum()).collect().item()
        if glance > MOST_IN_DOUBT * GLANCE_ROWS:
            return None
        lines = count_lines(layout.file, layout.delimiter)
        if not lines:
            return None
        group = int(GROUP_SHARE * memory * lines / layout.file.stat().st_size)
        group = max(LEAST_GROUP, min(LARGEST_GROUP, group))
        month = pl.col(moment).dt.date().dt.truncate("1mo")
        _run(
            rows.select(
                pl.when(in_doubt).then(pl.lit(ASIDE)).otherwise(month).alias("month"),
                pl.lit(file_id).alias("file_id"),
                row,
                *plain.columns,
            ).sink_parquet(
                pl.PartitionBy(folder, key="month", include_key=True, approximate_bytes_per_file=None),
                compression="snappy",
                row_group_size=group,
                mkdir=True,
                lazy=True,
            ),
            stopped,
        )
    except FAILED:  # the reader tells what is wrong with the file, or with the machine
        return None
    written = sorted(folder.glob("month=*/*.parquet"))
    aside = next((file for file in written if file.parent.name == f"month={ASIDE}"), None)
    left = _rows_of(connection, [aside] if aside else [])
    if left > MOST_IN_DOUBT * lines or _rows_of(connection, written) != lines:
        return None
    return Parts(tuple(file for file in written if file != aside), aside, left, lines)


def _run(query: pl.LazyFrame, stopped: Event) -> None:
    """Run a query in a thread of its own, so that a signal is heard here, and ends it."""
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(query.collect, engine="streaming").result()
        except BaseException:
            stopped.set()
            raise


def _until(stopped: Event) -> Callable[[pl.Series], pl.Series]:
    """Pass rows on until nobody wants them any more: nothing else ends a query of Polars."""

    def pass_on(rows: pl.Series) -> pl.Series:
        if stopped.is_set():
            raise InterruptedError
        return rows

    return pass_on


def _rows_of(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int:
    if not files:
        return 0
    named = ", ".join(one_file(file) for file in files)
    return int(fetch(connection, f"SELECT sum(num_rows) FROM parquet_file_metadata([{named}])")[0])


def count_lines(file: Path, delimiter: str) -> int | None:
    """Count the lines of a text under its first one, if they can be told apart in one way only.

    Returns:
        None if not every quote opens or closes a field or is doubled within one that is quoted, if some lines end with a
        carriage return and others without, or if one is too long for the reader.
    """
    # What an opening quote follows, or the second of two; what a closing one stands before, or the first of two.
    starts = np.zeros(256, dtype=bool)
    starts[[ord(delimiter), ord("\n"), ord('"')]] = True
    edges = starts.copy()
    edges[ord("\r")] = True
    ends = returns = quotes = length = 0
    last = b"\n"
    with file.open("rb") as stream:
        header = stream.readline()
        if b"\r" in header[:-2]:  # lines may end with that alone
            return None
        # Each byte is judged with the one before it and the one behind it.
        kept = last
        while True:
            block = stream.read(CHUNK * 4)
            last = block[-1:] or last
            data = np.frombuffer(kept + (block or b"\n"), dtype=np.uint8)
            at, before, behind = data[1:-1], data[:-2], data[2:]
            ends += int(np.count_nonzero(at == ord("\n")))
            first = block.find(b"\n")
            if length + (len(block) if first < 0 else first) > LONGEST_LINE:
                return None
            length = length + len(block) if first < 0 else len(block) - block.rfind(b"\n") - 1
            if b"\r" in block or b"\r" in kept:
                is_return = at == ord("\r")
                returns += int(np.count_nonzero(is_return))
                if np.any(behind[is_return] != ord("\n")):
                    return None
            if b'"' in block or b'"' in kept:
                places = np.flatnonzero(at == ord('"'))
                is_opening = (np.arange(len(places)) + quotes) % 2 == 0
                quotes += len(places)
                if not np.all(np.where(is_opening, starts[before[places]], edges[behind[places]])):
                    return None
            if not block:
                break
            kept = data[-2:].tobytes()
    if quotes % 2 or returns != (ends if header.endswith(b"\r\n") else 0):
        return None
    return ends + (last != b"\n")
