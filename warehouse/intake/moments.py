"""Moments as files write them: SQL that parses them in the shop's time."""

import re

from warehouse.intake.headers import DateOrder
from warehouse.lake import literal

ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
DOTTED = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y")  # with dots the day always stands first


def _slashed(order: DateOrder | None) -> tuple[str, ...]:
    """Formats of moments whose day and month stand in the given order."""
    if order is None:
        return ()
    start = "%m/%d/%Y" if order == "month_first" else "%d/%m/%Y"
    return (f"{start} %H:%M", f"{start} %H:%M:%S", start)


def formats(order: DateOrder | None) -> tuple[str, ...]:
    """Every format that a moment without a zone may have."""
    return (*_slashed(order), *ISO, *DOTTED)


def shape(form: str) -> str:
    """A regular expression of what a format makes out in every library: none has more to a moment than its digits."""
    # A second of 60 is one more for some.
    digits = {"%Y": "[0-9]{4}", "%M": "[0-5][0-9]", "%S": "[0-5][0-9]"}
    parts = re.sub("%[mdH]", "[0-9]{1,2}", re.escape(form))
    for part, found in digits.items():
        parts = parts.replace(part, found)
    return f"^{parts}$"


def moment(text: str, order: DateOrder | None, timezone: str) -> str:
    """SQL that parses a moment: year first, day first with dots, or day and month in the given order.

    One that names its zone, year first, is brought to the shop's: a plain cast would pass over the zone.
    """
    # A look at the length spares what is plain the search for a zone.
    may_be_zoned = f"(strlen({text}) > 16 AND (strlen({text}) <> 19 OR substr({text}, 17, 1) <> ':'))"
    cast = (
        f"CASE WHEN {may_be_zoned} AND regexp_matches({text}, ':.*[^0-9:. ]') THEN {_zoned(text, timezone)} "
        f"ELSE try_cast({text} AS TIMESTAMP) END"
    )
    others = f"coalesce({cast}, try_strptime({text}, {list(DOTTED)}))"
    slashed = _slashed(order)
    return f"coalesce(try_strptime({text}, {list(slashed)}), {others})" if slashed else others


def _zoned(text: str, timezone: str) -> str:
    """SQL that brings a moment as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00 -0400 to the shop's time."""
    formats = ["%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%d %H:%M%z"]
    plain = f"regexp_replace(upper({text}), '([0-9])T([0-9])', '\\1 \\2')"
    plain = f"regexp_replace(regexp_replace({plain}, ' ?(Z|UTC|GMT)$', '+00'), ' ([+-])', '\\1')"
    # Zones lie between -12 and +14 hours; what lies beyond is a slip that the engine would take.
    real = f"regexp_extract({plain}, '^.*[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?$')"
    return f"(try_strptime({real}, {formats}) AT TIME ZONE {literal(timezone)})"
