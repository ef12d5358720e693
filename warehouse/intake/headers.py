"""Find the columns of an orders file by its header."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from warehouse.errors import TillageError

DateOrder = Literal["month_first", "day_first"]

REQUIRED = ("invoice_id", "product_id", "quantity", "sold_at", "unit_price")
OPTIONAL = ("description", "customer_id", "country", "currency")
# The amount of the whole line, where a file has no price of one unit.
LINE_AMOUNT = "line_amount"
COLUMNS = (*REQUIRED, LINE_AMOUNT, *OPTIONAL)
SAID = ("name", "basis", "date_order", "currency_code", "once_an_invoice")
ORDERS = ("month_first", "day_first")


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """A known header, as an entry `[[headers]]` of orders.toml or tillage.toml says it.

    Attributes:
        name: What it is called in landing.files.
        columns: The names of each column in it: the first, and those that stand in where it is empty.
        date_order: Order of day and month in its dates.
        basis: What its amounts hold of tax, discount and shipping, and how they are written.
        currency_code: Currency of all its amounts, where no column tells it.
        once_an_invoice: Columns that are filled in one row of an invoice and hold for all of them.
        is_own: Whether it stands in tillage.toml.
    """

    name: str
    columns: dict[str, tuple[str, ...]]
    date_order: DateOrder | None = None
    basis: str | None = None
    currency_code: str | None = None
    once_an_invoice: tuple[str, ...] = ()
    is_own: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its names count only together: it says more than names, or a person wrote it for a file."""
        return (
            self.is_own
            or LINE_AMOUNT in self.columns
            or any(len(names) > 1 for names in self.columns.values())
            or bool(self.once_an_invoice)
        )


@dataclass(frozen=True, slots=True)
class Match:
    """Where each column stands in the file (0 is the first), and the set it follows, if it is one.

    Attributes:
        positions: Of each column that is there.
        follows: The set.
        stand_ins: Of the columns that stand in where another is empty.
    """

    positions: dict[str, int]
    follows: HeaderSet | None
    stand_ins: dict[str, tuple[int, ...]] = field(default_factory=dict)


@cache
def header_sets() -> tuple[HeaderSet, ...]:
    """The sets that Tillage knows, from `orders.toml` beside this module."""
    known = tomllib.loads((Path(__file__).parent / "orders.toml").read_text(encoding="utf-8"))["headers"]
    return tuple(header_set(entry) for entry in known)


def header_set(entry: Mapping[str, Any], *, is_own: bool = False) -> HeaderSet:
    """Read an entry `[[headers]]`.

    Raises:
        TillageError: If it names what a set has not, lacks what it must have, or a value is of another kind.
    """
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise TillageError('a set of headers has no name. Begin it with one, as in name = "My till".')
    place = f"the set of headers {name!r}"
    if unknown := [key for key in entry if key not in (*SAID, *COLUMNS)]:
        raise TillageError(
            f"{place} says {_list(unknown)}, which no set can say. It may say {', '.join((*SAID, *COLUMNS))}."
        )
    columns = {}
    for column in COLUMNS:
        if column not in entry:
            continue
        names = [entry[column]] if isinstance(entry[column], str) else entry[column]
        if not isinstance(names, list) or not names or not all(isinstance(x, str) and x for x in names):
            raise TillageError(
                f"{place} says {column} = {entry[column]!r}, where the name of a column in the file was "
                'expected, or a list of names whose first that is filled counts, as in ["Sku", "Name"].'
            )
        columns[column] = tuple(names)
    if ("unit_price" in columns) == (LINE_AMOUNT in columns):
        raise TillageError(
            f"{place} must name either unit_price, the price of one unit, or {LINE_AMOUNT}, the amount of the "
            "whole line; not both and not none."
        )
    if missing := [column for column in REQUIRED[:-1] if column not in columns]:
        raise TillageError(f"{place} names no column for {_list(missing)}. Add it: no file goes without.")
    order, code = entry.get("date_order"), entry.get("currency_code")
    if order is not None and order not in ORDERS:
        raise TillageError(f"{place} says date_order = {order!r}. It may be {' or '.join(ORDERS)}.")
    if code is not None and not (isinstance(code, str) and re.fullmatch("[A-Z]{3}", code)):
        raise TillageError(
            f"{place} says currency_code = {code!r}, where three letters as in EUR were expected."
        )
    basis, once = entry.get("basis"), entry.get("once_an_invoice", [])
    if basis is not None and not isinstance(basis, str):
        raise TillageError(f"{place} says basis = {basis!r}, where a sentence was expected.")
    if not isinstance(once, list) or not all(x in OPTIONAL and x in columns for x in once):
        raise TillageError(
            f"{place} says once_an_invoice = {once!r}, where a list was expected of those of "
            f"{', '.join(OPTIONAL)} which it names."
        )
    return HeaderSet(name, columns, order, basis, code, tuple(once), is_own)


def match(header: Sequence[str], sets: Sequence[HeaderSet]) -> Match:
    """Find every column in `header`.

    A set that counts only as a whole is followed where all it requires is there, the one of most columns
    first; the names of all others may be mixed.

    Raises:
        TillageError: If a required column is missing, or any is there more than once.
    """
    found = [_plain(name) for name in header]
    whole = [
        known
        for known in sets
        if known.is_whole
        and all(_at(found, known, column) for column in known.columns if column not in OPTIONAL)
    ]
    if whole:
        return _followed(
            header,
            found,
            max(whole, key=lambda known: sum(bool(_at(found, known, x)) for x in known.columns)),
        )
    mixed = [known for known in sets if not known.is_whole]
    aliases = {
        column: [alias for known in mixed for alias in known.columns.get(column, ())]
        for column in (*REQUIRED, *OPTIONAL)
    }
    positions = positions_of(
        header, aliases, REQUIRED, "or name it in a set of your own: [[headers]] in tillage.toml"
    )
    follows = [
        known
        for known in mixed
        if all(
            column in known.columns and _plain(known.columns[column][0]) == found[index]
            for column, index in positions.items()
            if column != "currency"  # any file may have one more column that tells it
        )
    ]
    return Match(positions, follows[0] if follows else None)


def positions_of(
    header: Sequence[str], aliases: Mapping[str, Sequence[str]], required: Collection[str], hint: str
) -> dict[str, int]:
    """Find where each column stands that the header names by one of its aliases.

    Raises:
        TillageError: If a required column is missing, or any is there more than once.
    """
    found = [_plain(name) for name in header]
    positions = {}
    missing: dict[str, list[str]] = {}
    for column, names in aliases.items():
        wanted: dict[str, str] = {}
        for alias in names:
            wanted.setdefault(_plain(alias), alias)
        at = [index for index, name in enumerate(found) if name in wanted]
        if len(at) > 1:
            raise _ambiguous(column, [header[index] for index in at])
        if at:
            positions[column] = at[0]
        elif column in required:
            missing[column] = list(wanted.values())
    if missing:
        # Of one column all names are told that would do, of several the usual one of each.
        names, *more = missing.values()
        would_do = (
            f"These would do: {_list([names[0], *(others[0] for others in more)])}. Rename each"
            if more
            else f"One of these would do: {_list(names)}. Rename it"
        )
        raise TillageError(
            f"no column stands for {_list(list(missing))}. Found: {_list(header)}. {would_do}, {hint}."
        )
    return positions


def plain_header(header: Sequence[str]) -> tuple[str, ...]:
    """A header without what does not count in it: capitals, spaces, underscores and hyphens."""
    return tuple(_plain(name) for name in header)


def _followed(header: Sequence[str], found: Sequence[str], known: HeaderSet) -> Match:
    positions, stand_ins = {}, {}
    for column in known.columns:
        places = _at(found, known, column)
        for alias, at in places:
            if len(at) > 1:
                raise _ambiguous(f"{alias} of {known.name}", [header[index] for index in at])
        if places:
            first, *others = [at[0] for _, at in places]
            positions[column] = first
            if others:
                stand_ins[column] = tuple(others)
    return Match(positions, known, stand_ins)


def _at(found: Sequence[str], known: HeaderSet, column: str) -> list[tuple[str, list[int]]]:
    """The names of a column that are in the header, in their order, each with its places."""
    places = [
        (alias, [index for index, name in enumerate(found) if name == _plain(alias)])
        for alias in known.columns[column]
    ]
    return [(alias, at) for alias, at in places if at]


def _ambiguous(what: str, names: Sequence[str]) -> TillageError:
    return TillageError(
        f"more than one column stands for {what}: {_list(names)}. Leave one of them, or rename the others."
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-\ufeff]+", "", name).casefold()


def _list(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else name[:40] + "..." for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
