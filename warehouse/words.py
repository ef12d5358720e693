"""How numbers of things, and many of them, are said."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby


def counted(number: int, name: str) -> str:
    """As in "1 file", "2,345 files": the name is that of one."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def few(most: int, lines: Sequence[str]) -> list[str]:
    """The first of many lines, and one that tells how many more there are."""
    more = len(lines) - most
    return [*lines[:most], *([f"and {more:,} more"] if more > 0 else [])]


def span(months: Iterable[date | None]) -> str:
    """Months as people write them: runs of them by their ends, as in "2011-03 to 2011-05, 2011-07"."""
    dated = sorted(month for month in months if month is not None)
    if not dated:
        return "all"
    runs = [
        [month for _, month in run]
        for _, run in groupby(enumerate(dated), lambda at: at[1].year * 12 + at[1].month - at[0])
    ]
    told = [f"{of[0]:%Y-%m}" if len(of) == 1 else f"{of[0]:%Y-%m} to {of[-1]:%Y-%m}" for of in runs]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")
