"""Write, audit, publish: rows reach the warehouse only after they were judged, whole months at once.

The record of what a month was made from is written in the same transaction as its rows. It is the
one source of what is out of date (`plan.py`); Dagster's events are a picture of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb

from warehouse.contract import Table
from warehouse.errors import TillageError
from warehouse.lake import ensure, home_of, in_transaction, literal, shape_of, snapshot, spill_folder
from warehouse.records import (
    NOTHING,
    Finding,
    Fitted,
    Record,
    insert,
    keep_models,
    read_versions,
    remember,
    with_rows,
    write_refusals,
    write_versions,
)
from warehouse.tables import models

STAGED = "staged"
# In full: of what is not, DuckDB asks the lake first, at 2 ms a statement.
IN_MEMORY = f"memory.main.{STAGED}"
# How DuckDB tells of a line of a CSV that it cannot read: its number, the line, and the problem.
BAD_CELL = re.compile(r"CSV Error on Line: (\d+)\n(?:Original Line: (.*)\n)?(.*)")

# Judges rows staged in the in-memory table, by contract; gives what they fail, by month.
Judge = Callable[[duckdb.DuckDBPyConnection, str, Table], Sequence[Finding]]
# Makes of the rows in one Parquet file the rows in another, and gives the models that they were made with.
Compute = Callable[[Path, Path], Sequence[Fitted]]
Inputs = Callable[[duckdb.DuckDBPyConnection], Mapping[date | None, str]]


@dataclass(frozen=True, slots=True)
class Published:
    """What became of the months that were asked for.

    Attributes:
        records: The months that were published or found unchanged, each with its new record.
        changed: Those of them whose rows are others than before.
        findings: What the judge found, refused months and warnings.
        snapshot: The lake's snapshot after it.
    """

    records: Mapping[date | None, Record]
    changed: frozenset[date | None]
    findings: tuple[Finding, ...]
    snapshot: int

    def followed_by(self, later: "Published") -> "Published":
        """What became of these months and of others that were published after them."""
        return Published(
            {**self.records, **later.records},
            self.changed | later.changed,
            (*self.findings, *later.findings),
            later.snapshot,
        )

    @property
    def refused(self) -> frozenset[date | None]:
        """The months that were not published."""
        return frozenset(finding.month for finding in self.findings if finding.severity == "error")


def publish(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    query: str,
    *,
    months: Sequence[date | None],
    parameters: Mapping[str, object],
    inputs: Inputs,
    code: str,
    judge: Judge,
    compute: Compute | None = None,
    run: str | None = None,
) -> Published:
    """Replace `months` of `table` by the rows of `query`.

    Args:
        connection: The caller's own: staging is not shared with any other publish.
        table: The contract; a query that lacks one of its columns fails here.
        query: A SELECT. Its rows of other months than those asked for are left out.
        months: Every month that is answered for, those that turn out empty included; [None] for a
            table without months.
        parameters: Bound in `query` ($start, $end).
        inputs: Reads, for each month, a fingerprint of the versions that the query reads. It runs in
            the read transaction that stages the rows, so both see one snapshot of the lake.
        code: Fingerprint of what makes the rows.
        judge: Says which months must not be published, and why.
        compute: Makes the rows of the table of those of the query, where SQL alone does not. The models that
            it gives are stored with the months that are published.
        run: Dagster run, for the records.

    Raises:
        TillageError: If the query does not give what the contract promises, or the contract asks for a
            change of shape that only a rebuild of all months can make.
    """
    names = ", ".join(f'"{name}"' for name in table.shape)
    read, seen_at, fitted = _stage(connection, table, query, months, parameters, inputs, compute)
    with connection.cursor() as beside:  # looks nothing up in the lake: each time that takes a snapshot, 2 ms
        beside.execute("USE memory")
        staged = fingerprints(beside, table, STAGED)
    records: dict[date | None, Record] = {}
    for month in months:
        version, rows = staged.get(month, (NOTHING, 0))
        records[month] = Record(version, code, read.get(month, ""), rows)
    findings = tuple(judge(connection, STAGED, table))
    refused = {finding.month for finding in findings if finding.severity == "error"}
    good = {month: record for month, record in records.items() if month not in refused}
    of_good = [model for model in fitted if model.month in good]
    stored = keep_models(home_of(connection), table.qualified, of_good, good) if of_good else []
    changed: list[date | None] = []

    def swap() -> None:
        nonlocal changed
        before = read_versions(connection, [table.qualified])
        was = {month: record.version for (_, month), record in before.items()}
        shape = shape_of(connection, table)
        # Where all is refused, what reads the table finds it, without rows: it would else fail as if a run was forgotten.
        if good or not shape:
            ensure(connection, table, replaced=with_rows(before, table.qualified) <= set(good))
        changed = [
            month
            for month, record in good.items()
            if was.get(month) != record.version or shape != table.shape
        ]
        if changed:
            _replace(connection, table, changed, there=set(was) & set(changed), names=names)
        if good:
            write_versions(connection, table.qualified, good, run)
        if stored:
            insert(connection, models.REGISTRY, [{**row, "snapshot": seen_at, "run": run} for row in stored])
        write_refusals(connection, table.qualified, records, findings, run)
        connection.execute(
            "CALL lake.set_commit_message('tillage', ?)", [f"{table.qualified} {run or ''}".strip()]
        )

    in_transaction(connection, swap)
    connection.execute(f"DROP TABLE {IN_MEMORY}")
    at = snapshot(connection)
    if not findings:
        remember(connection, table.qualified, good, at)
    return Published(good, frozenset(changed), findings, at)


def take_away(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    months: Sequence[date | None],
    *,
    code: str,
    run: str | None = None,
) -> Published:
    """Leave months of `table` without rows, and without what they stand refused for: nothing is made for them."""
    columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in table.shape.items())
    return publish(
        connection,
        table,
        f"SELECT {columns} WHERE false",
        months=months,
        parameters={},
        inputs=lambda _: {},
        code=code,
        judge=lambda *_: (),
        run=run,
    )


def _stage(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    query: str,
    months: Sequence[date | None],
    parameters: Mapping[str, object],
    inputs: Inputs,
    compute: Compute | None,
) -> tuple[Mapping[date | None, str], int, Sequence[Fitted]]:
    """Put the rows of the months asked for into memory.

    Gives the fingerprints of what they were made from, the snapshot that it was read in, and the models.
    """
    names = ", ".join(f'"{name}"' for name in table.shape)
    shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
    by = table.partition_column
    # Dates and not a bound list: DuckDB prunes files by constants.
    dates = ", ".join(f"DATE '{month}'" for month in months)
    wanted = f"WHERE {by} IN ({dates})" if by else ""
    connection.execute(f"CREATE OR REPLACE TABLE {IN_MEMORY} ({shape})")
    read: Mapping[date | None, str] = {}
    fitted: Sequence[Fitted] = ()
    seen_at = 0
    given = made = Path()
    if compute is not None:
        # Names of their own: DuckDB takes a file of the same name, size and second for the one that it read before.
        folder = spill_folder(connection)
        given, made = (folder / f"{uuid4().hex}.parquet" for _ in range(2))

    def stage() -> None:
        nonlocal read, seen_at
        connection.execute(f"TRUNCATE {IN_MEMORY}")
        read, seen_at = inputs(connection), snapshot(connection) if compute else 0
        used = {name: value for name, value in parameters.items() if f"${name}" in query}
        if compute is None:
            fill(query, used)
        else:
            connection.execute(f"COPY ({query}) TO {literal(given)} (FORMAT parquet)", used)

    def fill(rows: str, used: Mapping[str, object]) -> None:
        connection.execute(f"INSERT INTO {IN_MEMORY} BY NAME SELECT {names} FROM ({rows}) {wanted}", used)

    try:
        in_transaction(connection, stage)
        if compute is not None:
            fitted = compute(given, made)
            fill(f"FROM read_parquet({literal(made)})", {})
            given.unlink()
            made.unlink()
    except duckdb.CatalogException as error:
        raise TillageError(
            f"{table.qualified} cannot be made: its query reads what is not in the warehouse. "
            f"{str(error).splitlines()[0]} Make that table first, with `tillage run`."
        ) from error
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        if table.schema == "seeds" and (place := BAD_CELL.search(str(error))):
            raise TillageError(_bad_seed(table, place, str(error))) from error
        raise TillageError(
            f"{table.qualified}: its query does not give what its contract promises. {error} "
            f"Compare warehouse/sql/{table.schema}/{table.name}.sql with the columns in "
            f"warehouse/tables/{table.schema}.py."
        ) from error

    return read, seen_at, fitted


def _bad_seed(table: Table, place: re.Match[str], said: str) -> str:
    """What a reader needs of the 25 lines in which DuckDB tells of a seed that it cannot read."""
    file = re.search(r"^\s*file = (.*)$", said, re.MULTILINE)
    cell = re.search(
        r'converting column "(.*?)"\. Could not convert string "(.*?)" to \'(.*?)\'', said, re.DOTALL
    )
    problem = (
        f'column {cell[1]} holds "{cell[2]}", where {cell[3]} was expected'
        if cell
        else f"{place[3].strip()}; the columns are {', '.join(table.shape)}"
    )
    return (
        f"The seed {file[1] if file else table.name}, line {place[1]} ({(place[2] or '').strip()}): {problem}. Mend that line, "
        f"or remove the file so that the {table.qualified} of Tillage holds."
    )


def fingerprints(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: str
) -> dict[date | None, tuple[str, int]]:
    """Give version and number of the rows of each month of the relation `rows`, whatever their order."""
    by = table.partition_column
    names = ", ".join(f'"{name}"' for name in table.shape)
    found = connection.execute(
        f"SELECT {by or 'CAST(NULL AS DATE)'}, count(*) || '-' || sum(hash(s)::HUGEINT), count(*) "
        f"FROM (SELECT {names} FROM {rows}) AS s GROUP BY {by or 'ALL'} HAVING count(*) > 0"
    ).fetchall()
    return {month: (version, count) for month, version, count in found}


def _replace(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    changed: Sequence[date | None],
    *,
    there: set[date | None],
    names: str,
) -> None:
    """Put the staged rows of the changed months in the place of those that are there."""
    by = table.partition_column
    if there:
        where = f"WHERE {by} IN (SELECT unnest(?))" if by else ""
        connection.execute(f"DELETE FROM {table.qualified} {where}", [list(there)] if by else [])
    where = f"WHERE {by} IN (SELECT unnest(?)) ORDER BY {by}" if by else ""
    connection.execute(
        f"INSERT INTO {table.qualified} BY NAME SELECT {names} FROM {IN_MEMORY} {where}",
        [list(changed)] if by else [],
    )
