"""How numbers of things, and many of them, are said."""

from collections.abc import Sequence


def counted(number: int, name: str) -> str:
    """As in "1 file", "2,345 files": the name is that of one."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def few(most: int, lines: Sequence[str]) -> list[str]:
    """The first of many lines, and one that tells how many more there are."""
    more = len(lines) - most
    return [*lines[:most], *([f"and {more:,} more"] if more > 0 else [])]
