"""The lake's own records: what each month of each table was made from, and which months stand refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb

from warehouse.contract import Table, fingerprint
from warehouse.lake import CATALOG_TABLES, REMEMBERED, ensure, has_files, in_transaction, shape_of, snapshot
from warehouse.tables import landing, meta, models

NOTHING = "0"  # the version of a month without rows
MODELS = "models"  # folder of the home


@dataclass(frozen=True, slots=True)
class Record:
    """The newest row of meta.versions for a month of a table."""

    version: str
    code: str
    inputs: str
    rows: int = 0
    snapshot: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a month fails: how many rows, and some of them as JSON."""

    month: date | None
    rule: str
    severity: str
    count: int
    sample: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A finding that stands, with what the judged rows were made from."""

    finding: Finding
    code: str
    inputs: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was fitted for a month: the content of its file, its parameters and metrics as JSON."""

    month: date
    content: bytes
    parameters: str
    metrics: str


Records = Mapping[tuple[str, date | None], Record]
Refusals = Mapping[str, tuple[Refusal, ...]]


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the landing and meta tables of a new lake; nothing is written to one that has them."""
    tables = (
        landing.FILES,
        landing.FILE_MONTHS,
        landing.ORDERS,
        landing.REVIEWS,
        landing.QUARANTINE,
        meta.VERSIONS,
        meta.REFUSALS,
        meta.FORGOTTEN,
        models.REGISTRY,
    )

    def create() -> None:
        for table in tables:
            ensure(connection, table)

    connection.begin()  # each statement alone would look for the newest snapshot
    try:
        is_prepared = all(shape_of(connection, table) == table.shape for table in tables)
    finally:
        connection.rollback()
    if not is_prepared:
        in_transaction(connection, create)


def read_versions(connection: duckdb.DuckDBPyConnection, tables: Iterable[str] | None = None) -> Records:
    """Give the newest record of every month of `tables` (default: of all), as they are committed.

    Each publication asks several times, and each leaves a file: what a connection has read is remembered, and only
    what came since is read.
    """
    at = snapshot(connection)
    known: Records
    memory = REMEMBERED.setdefault(connection, {})
    since, known = memory.get("versions", (0, {}))
    if since != at:
        # A snapshot that was let go cannot be asked from; a transaction would not outlive the try.
        is_there = f"SELECT 1 FROM {CATALOG_TABLES}.ducklake_snapshot WHERE snapshot_id = {since + 1}"
        if 0 < since < at and connection.execute(is_there).fetchall():
            added = f"ducklake_table_insertions('lake', 'meta', 'versions', {since + 1}, {at})"
            known = {**known, **_newest(connection, added)}
        else:  # of what was added nobody has to ask whether there is any
            known = _newest(connection, "meta.versions") if has_files(connection, meta.VERSIONS) else {}
        memory["versions"] = at, known
    if tables is None:
        return known
    wanted = set(tables)
    return {key: record for key, record in known.items() if key[0] in wanted}


def with_rows(records: Records, table: str) -> set[date | None]:
    """The months of which a table has rows."""
    return {month for (name, month), record in records.items() if name == table and record.version != NOTHING}


def _newest(connection: duckdb.DuckDBPyConnection, rows: str) -> Records:
    """The newest record of every month in some rows of meta.versions; without those that are not committed."""
    found = connection.execute(
        'SELECT "table", month, arg_max(struct_pack(version, code, inputs, "rows"), snapshot_id), '
        f'max(snapshot_id) FROM {rows} WHERE snapshot_id IS NOT NULL GROUP BY "table", month'
    ).fetchall()
    return {
        (table, month): Record(at["version"], at["code"], at["inputs"], at["rows"], number)
        for table, month, at, number in found
    }


def read_refusals(connection: duckdb.DuckDBPyConnection) -> Refusals:
    """Give what stands refused or warned about, by table, in order of month and rule, as it is committed."""
    known: Refusals
    at, memory = snapshot(connection), REMEMBERED.setdefault(connection, {})
    since, known = memory.get("refusals", (0, {}))
    if since != at:
        known = _standing(connection)
        memory["refusals"] = at, known
    return known


def remember(
    connection: duckdb.DuckDBPyConnection, table: str, records: Mapping[date | None, Record], at: int
) -> None:
    """Know what was written of a table without reading it, if nothing else was since, and nothing of it stands refused.

    Args:
        connection: Through which it was written, by a transaction that read versions and refusals.
        table: The table, nothing of which was found to fail.
        records: What was written of it.
        at: The newest snapshot.
    """
    memory = REMEMBERED[connection]
    (seen, versions), (_, refusals) = memory["versions"], memory["refusals"]
    if seen + 1 == at and table not in refusals:
        written = {(table, month): replace(record, snapshot=at) for month, record in records.items()}
        memory.update(versions=(at, {**versions, **written}), refusals=(at, refusals))


def _standing(connection: duckdb.DuckDBPyConnection) -> Refusals:
    if not has_files(connection, meta.REFUSALS):
        return {}
    rows = connection.execute(
        'SELECT "table", month, rule, severity, "count", sample, code, inputs FROM meta.refusals '
        'ORDER BY "table", month, rule'
    ).fetchall()
    found: dict[str, tuple[Refusal, ...]] = {}
    for table, month, rule, severity, count, sample, code, inputs in rows:
        refusal = Refusal(Finding(month, rule, severity, count, sample), code, inputs)
        found[table] = (*found.get(table, ()), refusal)
    return found


def write_versions(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    records: Mapping[date | None, Record],
    run: str | None,
) -> None:
    """Add a record for each month, inside the caller's transaction."""
    rows = [
        {"table": table, "month": month, "version": at.version, "rows": at.rows}
        | {"code": at.code, "inputs": at.inputs, "run": run}
        for month, at in records.items()
    ]
    insert(connection, meta.VERSIONS, rows)


def write_refusals(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    judged: Mapping[date | None, Record],
    findings: Iterable[Finding],
    run: str | None,
) -> None:
    """Replace what is known of the judged months by `findings`, inside the caller's transaction."""
    rows = [
        {
            "table": table,
            "month": finding.month,
            "rule": finding.rule,
            "severity": finding.severity,
            "count": finding.count,
            "sample": finding.sample,
            "code": judged[finding.month].code,
            "inputs": judged[finding.month].inputs,
            "run": run,
        }
        for finding in findings
    ]
    standing = {refusal.finding.month for refusal in read_refusals(connection).get(table, ())}
    if standing & {None, *judged}:
        connection.execute(
            'DELETE FROM meta.refusals WHERE "table" = ? AND (month IS NULL OR list_contains(?, month))',
            [table, [month for month in judged if month is not None]],
        )
    if rows:
        insert(connection, meta.REFUSALS, rows)


def keep_models(
    home: Path, table: str, fitted: Iterable[Fitted], records: Mapping[date | None, Record]
) -> list[dict[str, object]]:
    """Write the file of each model under the name of what it was made from, and give the rows of their records.

    A kill before the records are written leaves a file that nothing names, and `tillage check` tells.
    """
    rows: list[dict[str, object]] = []
    for model in fitted:
        at = records[model.month]
        made_from = fingerprint(at.code, at.inputs)
        path = Path(MODELS, table, f"{model.month}-{made_from}.skops")
        file = home / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            aside = file.with_name(f"{file.name}.{uuid4().hex[:8]}")
            aside.write_bytes(model.content)
            aside.replace(file)
        rows.append(
            {"name": table, "as_of": model.month, "code_version": at.code, "data_version": at.inputs}
            | {"parameters": model.parameters, "metrics": model.metrics, "path": path.as_posix()}
        )
    return rows


def insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert a few rows by one statement: a statement a row would be a data file a row."""
    fields = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
    connection.execute(
        f"INSERT INTO {table.qualified} BY NAME "
        f"SELECT unnest(CAST(? AS STRUCT({fields})[]), recursive := true)",
        [rows],
    )
