"""The truth of a shop as tables, one Parquet file each.

Tables that grow with the sales are written month by month and joined at the end, so memory stays bounded.
"""

import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from simulator.parameters import Parameters
from simulator.receipts import CLEAN, DIRT, DUPLICATE
from simulator.shop import MonthOfShop


@dataclass(slots=True)
class Truth:
    """Writes the tables of a shop into a folder.

    Attributes:
        folder: Where the tables go.
        parameters: The shop's.
        first_day: Day 0.
    """

    folder: Path
    parameters: Parameters
    first_day: date
    _parts: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        shutil.rmtree(self._hidden, ignore_errors=True)
        self._hidden.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)

    @property
    def _hidden(self) -> Path:
        return self.folder / ".parts"

    def add(self, made: MonthOfShop, file: str) -> None:
        """Write what a month adds to the tables."""
        for name, table in {"files": _files(made, file), "dirty": _dirty(made, file)}.items():
            number = self._parts.get(name, 0)
            table.write_parquet(self._hidden / f"{name}_{number:06}.parquet")
            self._parts[name] = number + 1

    def finish(self) -> tuple[Path, ...]:
        """Join the months' parts and put every table in its place."""
        written = []
        for name in self._parts:
            whole = self._hidden / f"{name}.parquet"
            pl.scan_parquet(self._hidden / f"{name}_*.parquet").sink_parquet(whole)
            written.append(whole.replace(self.folder / f"{name}.parquet"))
        return tuple(sorted(written))


def _files(made: MonthOfShop, file: str) -> pl.DataFrame:
    """One row a file: how many rows of what kind it holds."""
    rows = made.receipts
    is_line = rows.fate == CLEAN
    return pl.DataFrame(
        {
            "file": [file],
            "month": [made.month.first],
            "rows": [len(rows)],
            "sale_lines": [int((is_line & ~rows.is_return).sum())],
            "return_lines": [int((is_line & rows.is_return).sum())],
            "duplicate_rows": [int((rows.fate == DUPLICATE).sum())],
            "dirty_rows": [int((rows.fate >= 0).sum())],
            "guest_lines": [int((is_line & (rows.customer < 0)).sum())],
        }
    )


def _dirty(made: MonthOfShop, file: str) -> pl.DataFrame:
    """One row a dirty row; row 1 is the first after the header."""
    which = np.flatnonzero(made.receipts.fate >= 0)
    kinds = pl.Series(DIRT)
    return pl.DataFrame(
        {
            "file": pl.Series([file] * len(which), dtype=pl.String),
            "row": which + 1,
            "kind": kinds.gather(made.receipts.fate[which]),
        }
    )
