"""Read the sheets of an XLSX workbook, each as a Parquet file that the engine reads.

A workbook is read whole: unlike the other formats, it takes memory as it grows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import fastexcel

from warehouse.errors import TillageError
from warehouse.intake.headers import Match, plain_header


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets of orders in a workbook.

    Attributes:
        sheets: A Parquet file each, in the order of the workbook.
        match: Which column stands where, in all of them.
        width: Columns of each.
        remark: Which sheets were left out, and why.
    """

    sheets: tuple[Path, ...]
    match: Match
    width: int
    remark: str | None


def write_sheets(file: Path, folder: Path, find: Callable[[Sequence[str]], Match]) -> Workbook:
    """Write each sheet whose header matches to `folder`; empty rows are no rows.

    A sheet that is empty does not count. One whose header does not match is left out and remarked: most
    workbooks have a sheet of notes or sums beside their rows.

    Raises:
        TillageError: If it is no workbook, no sheet of it matches, or two that do have other headers.
    """
    try:
        book = fastexcel.read_excel(str(file))
        headers = {name: _header(book, name) for name in book.sheet_names}
        found, left = _matching({name: header for name, header in headers.items() if any(header)}, find)
        names = list(found)
        sheets = tuple(_write(book, name, folder / f"sheet{at}.parquet") for at, name in enumerate(names))
    except fastexcel.FastExcelError as error:
        raise TillageError(
            f"it cannot be read as an XLSX workbook: {str(error).splitlines()[0]}. Save it again, or as CSV."
        ) from error
    remark = (
        f"Sheets left out: {'; '.join(f'{name!r}: {why}' for name, why in left.items())}" if left else None
    )
    return Workbook(sheets, found[names[0]], len(headers[names[0]]), remark)


def _matching(
    headers: dict[str, list[str]], find: Callable[[Sequence[str]], Match]
) -> tuple[dict[str, Match], dict[str, str]]:
    """The sheets that hold orders, and why the others do not."""
    if not headers:
        raise TillageError("all its sheets are empty. The first line of a sheet must name the columns.")
    found, left = {}, {}
    for name, header in headers.items():
        try:
            found[name] = find(header)
        except TillageError as error:
            left[name] = str(error)
    if not found:
        told = " ".join(f"Sheet {name!r}: {why}" for name, why in left.items())
        raise TillageError(told if len(left) == 1 else f"none of its {len(left)} sheets holds orders. {told}")
    first, *others = found
    for other in others:
        if plain_header(headers[other]) != plain_header(headers[first]):
            raise TillageError(
                f"its sheets {first!r} and {other!r} both hold orders, but under other columns or in another "
                "order. Give them one header, or save each as a file of its own."
            )
    return found, left


def _header(book: fastexcel.ExcelReader, name: str) -> list[str]:
    rows = book.load_sheet(name, header_row=None, skip_rows=0, n_rows=1, dtypes="string").to_polars().rows()
    return [text or "" for text in rows[0]] if rows else []


def _write(book: fastexcel.ExcelReader, name: str, to: Path) -> Path:
    import polars as pl  # takes longer to import than most files to read

    # Every row is looked at: a column of codes must not become one of numbers for its first thousand.
    sheet = book.load_sheet(name, header_row=None, skip_rows=1, schema_sample_rows=None).to_polars()
    sheet.filter(~pl.all_horizontal(pl.all().is_null())).write_parquet(to)
    return to
