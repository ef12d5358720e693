"""How numbers of things are said."""


def counted(number: int, name: str) -> str:
    """As in "1 file", "2,345 files": the name is that of one."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"
