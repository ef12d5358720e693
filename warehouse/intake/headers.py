"""Find the columns of an orders file by its header."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from warehouse.errors import TillageError

DateOrder = Literal["month_first", "day_first"]

REQUIRED = ("invoice_id", "product_id", "quantity", "sold_at", "unit_price")
OPTIONAL = ("description", "customer_id", "country")


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """A known header: the name of each column in it, and the order of day and month in its dates."""

    name: str
    columns: dict[str, str]
    date_order: DateOrder | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Where each column stands in the file (0 is the first), and the set it follows, if it is one."""

    positions: dict[str, int]
    follows: HeaderSet | None


@cache
def header_sets() -> tuple[HeaderSet, ...]:
    """The sets that Tillage knows, from `orders.toml` beside this module."""
    known = tomllib.loads((Path(__file__).parent / "orders.toml").read_text(encoding="utf-8"))["headers"]
    return tuple(
        HeaderSet(
            entry["name"],
            {column: entry[column] for column in (*REQUIRED, *OPTIONAL) if column in entry},
            entry.get("date_order"),
        )
        for entry in known
    )


def match(header: Sequence[str], sets: Sequence[HeaderSet]) -> Match:
    """Find every column in `header`.

    Raises:
        TillageError: If a required column is missing, or any is there more than once.
    """
    found = [_plain(name) for name in header]
    positions = {}
    for column in (*REQUIRED, *OPTIONAL):
        aliases = list(dict.fromkeys(known.columns[column] for known in sets if column in known.columns))
        wanted = {_plain(alias) for alias in aliases}
        at = [index for index, name in enumerate(found) if name in wanted]
        if len(at) > 1:
            raise TillageError(
                f"more than one column stands for {column}: {_list([header[index] for index in at])}. "
                "Leave one of them, or rename the others."
            )
        if at:
            positions[column] = at[0]
        elif column in REQUIRED:
            raise TillageError(
                f"no column stands for {column}. Found: {_list(header)}. "
                f"One of these would do: {_list(aliases)}."
            )
    follows = [
        known
        for known in sets
        if all(
            column in known.columns and _plain(known.columns[column]) == found[index]
            for column, index in positions.items()
        )
    ]
    return Match(positions, follows[0] if follows else None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-\ufeff]+", "", name).casefold()


def _list(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else name[:40] + "..." for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
