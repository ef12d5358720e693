"""What the files of one folder of landing/ hold: which rows, and the table that they go to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from warehouse.contract import Table
from warehouse.intake.headers import Match
from warehouse.intake.layout import Layout, Reading

if TYPE_CHECKING:
    from warehouse.intake.parts import Plain


@dataclass(frozen=True, eq=False)
class Source:
    """A kind of rows.

    Attributes:
        name: The folder of landing/, and what landing.files calls it.
        table: Where the good rows go: `month`, `file_id`, `row`, and the parsed columns.
        kinds: How the names of its files end.
        parsed: The parsed columns and their types.
        given: What must be given, and what stands for it in a row that is put aside.
        moment: The column whose month a row is of.
        match: Finds the columns in a header; raises TillageError if one is missing.
        settle: Decides for the whole file how its rows are read; raises TillageError if nothing decides.
        typed: Columns that the CSV reader parses as well itself, with type or format.
        as_typed: SQL that makes of the text of such a column what the CSV reader makes of it.
        plain: How the rows of a file are read that leave no doubt, given what is `typed`; None where nobody knows.
        columns: SQL of each parsed column, given that of those that are parsed already.
        problems: Each problem as a test on the parsed row, and the reason as SQL text that shows its `fields`.
        contradiction: Raises TillageError if what a second look found shows that the file was misread.
    """

    name: str
    table: Table
    kinds: tuple[str, ...]
    parsed: Mapping[str, str]
    given: Mapping[str, str]
    moment: str
    match: Callable[[Sequence[str], Reading], Match]
    settle: Callable[[duckdb.DuckDBPyConnection, Layout, Reading], Layout]
    typed: Callable[[duckdb.DuckDBPyConnection, Layout], Mapping[str, str]]
    as_typed: Callable[[Layout, str, str], str]
    plain: Callable[[Layout, Mapping[str, str], Reading], "Plain | None"]
    columns: Callable[[Layout, Mapping[str, str]], Mapping[str, str]]
    problems: Callable[[Layout, Reading], Sequence[tuple[str, str]]]
    contradiction: Callable[[duckdb.DuckDBPyConnection, Layout, str, str], None]

    @property
    def personal(self) -> tuple[str, ...]:
        """The columns that tell who the customer is, or that the customer wrote."""
        return tuple(column.name for column in self.table.columns if column.personal)

    def is_bad(self, layout: Layout, reading: Reading) -> str:
        """SQL that is true of a parsed row with a problem, else false or null."""
        return f"({' OR '.join(f'({test})' for test, _ in self.problems(layout, reading))})"
