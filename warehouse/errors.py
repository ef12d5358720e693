"""The one kind of error that is told to a person without a traceback."""


class TillageError(Exception):
    """One paragraph: what is wrong, where, what was expected, and what to do."""


class NoLakeError(TillageError):
    """There is no warehouse to be read yet."""
