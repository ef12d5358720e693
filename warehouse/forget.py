"""Forget one customer: on request, for good, and with a proof.

Sales stay in the books, as those of a guest. What names the customer goes: from every row of every table, from the
files below them, from every snapshot, pinned or not, and from what files will bring in time to come.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from warehouse.catalog import vacuum
from warehouse.contract import Table
from warehouse.errors import TillageError
from warehouse.files import stored_files
from warehouse.intake import SOURCES, write_landed
from warehouse.intake.reader import FORGOTTEN as SAID
from warehouse.intake.reader import WORDS
from warehouse.intake.source import Source
from warehouse.lake import (
    CATALOG,
    CATALOG_TABLES,
    alone,
    data_of,
    home_of,
    in_transaction,
    literal,
    one_file,
    shape_of,
    snapshot,
)
from warehouse.publish import fingerprints
from warehouse.records import MODELS, NOTHING, Record, insert, read_versions, write_versions
from warehouse.tables import TABLES, landing, meta


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done.

    Attributes:
        rows: How many rows of each table named the customer.
        models: How many models were fitted to the customer.
        snapshots: How many snapshots can be asked no longer.
        files: Paths below landing/ that brought the customer. They are people's own, and stay as they are.
    """

    rows: Mapping[str, int]
    models: int
    snapshots: int
    files: Sequence[str]


def is_known(connection: duckdb.DuckDBPyConnection, customer: str) -> bool:
    """Whether the customer was forgotten already."""
    return bool(
        connection.execute(
            "SELECT 1 FROM meta.forgotten WHERE sha256(salt || ?) = customer_hash", [customer]
        ).fetchall()
    )


def expect(connection: duckdb.DuckDBPyConnection, customer: str) -> None:
    """See that a row names the customer, or that they were forgotten already.

    Raises:
        TillageError: If neither is so.
    """
    if not is_known(connection, customer) and not _is_named(connection, customer):
        raise TillageError(
            f"No row names a customer {customer!r}; numbers are written as in customer_id, letter by letter."
        )


def forget(connection: duckdb.DuckDBPyConnection, customer: str, now: datetime) -> Forgotten:
    """Forget a customer. What was made of their rows with others is out of date after it, and made anew by a run.

    Args:
        connection: A connection that may write.
        customer: The number, as in customer_id.
        now: This moment, with its zone.

    Raises:
        TillageError: If no row names the customer, so that a slip of the hand is told.
    """
    rows: dict[str, int] = {}
    fitted = 0
    with alone(connection, "take_in"):
        expect(connection, customer)
        files = _paths(connection, customer)

        def write() -> None:
            nonlocal fitted
            rows.clear()
            fitted = _mark_models(connection, customer, now)
            for source in SOURCES:
                rows[source.table.qualified] = _of_landing(connection, source, customer)
            rows[landing.QUARANTINE.qualified] = _of_quarantine(connection, customer)
            rows[meta.REFUSALS.qualified] = _of_refusals(connection, customer)
            # Words are found by who wrote the review, so before that is gone.
            for table in sorted(TABLES.values(), key=lambda table: "customer_id" in table.shape):
                whose = _whose(table, shape_of(connection, table))
                if whose and table.is_made:
                    rows[table.qualified] = _of_made(connection, table, whose, customer)
            if not is_known(connection, customer):
                salt = secrets.token_hex(16)
                row = {"salt": salt, "forgotten_at": now.astimezone(UTC).replace(tzinfo=None)}
                found = connection.execute("SELECT sha256(? || ?)", [salt, customer]).fetchone()
                insert(connection, meta.FORGOTTEN, [{**row, "customer_hash": found[0] if found else ""}])
            connection.execute("CALL lake.set_commit_message('tillage', 'forget a customer')")

        in_transaction(connection, write)
        _rewrite(connection)
        expired = _expire(connection, customer)
        catalog = home_of(connection) / "lake" / CATALOG
        if catalog.exists():  # PostgreSQL does so by itself
            vacuum(catalog)
    return Forgotten({name: count for name, count in rows.items() if count}, fitted, expired, files)


def traces(connection: duckdb.DuckDBPyConnection, customer: str) -> Iterator[str]:
    """Look for a customer in everything under the home but the files of people; give what is left, a sentence each.

    Every Parquet file is read, those too that no snapshot names any more: they go a day or two after they were let
    go, with `tillage maintain`.
    """
    home, data = home_of(connection), data_of(connection)
    for path in sorted(stored_files(connection)):
        stored = f"{data}{path}"
        kinds = {
            name: kind
            for name, kind, *_ in connection.execute(
                f"DESCRIBE SELECT * FROM read_parquet({one_file(stored)}, hive_partitioning = false)"
            ).fetchall()
        }
        tests = [
            _names(f'CAST("{name}" AS VARCHAR)', customer)
            if name != "customer_id"
            else f'"{name}" = {literal(customer)}'
            for name, kind in kinds.items()
            if name in PERSONAL and "VARCHAR" in kind
        ]
        if (
            tests
            and connection.execute(
                f"SELECT 1 FROM read_parquet({one_file(stored)}, hive_partitioning = false) WHERE {' OR '.join(tests)} LIMIT 1"
            ).fetchall()
        ):
            yield f"{stored} holds rows that name the customer: let go, and deleted by `tillage maintain` in a day or two."
    for table in STATISTICS:
        found = connection.execute(
            f"SELECT 1 FROM {table} WHERE {_in_statistics(customer)} LIMIT 1"
        ).fetchall()
        if found:
            yield f"The catalog names the customer in {table.split('.')[1]}: do it once more."
    pattern = re.compile(rb"(?<![\w.@+-])" + re.escape(customer.encode()) + rb"(?![\w.@+-])")
    for folder in (MODELS, "exports", "dagster"):
        for file in sorted((home / folder).rglob("*")):
            if file.is_file() and pattern.search(file.read_bytes()):
                yield f"{file} holds the customer's number, or one that is written so: make it anew, or delete it."


# The lowest and highest value of a column: of a file they go with it, of a table they stay.
STATISTICS = tuple(f"{CATALOG_TABLES}.ducklake_{of}_column_stats" for of in ("file", "table"))
# Columns that tell who somebody is.
PERSONAL = {column.name for table in TABLES.values() for column in table.columns if column.personal}


def _names(text: str, customer: str) -> str:
    """SQL: whether the number is one of the words of a text."""
    return f"list_contains({WORDS.replace('(raw,', f'({text},')}, {literal(customer)})"


def _in_statistics(customer: str) -> str:
    return f"{_names('min_value', customer)} OR {_names('max_value', customer)}"


def _is_named(connection: duckdb.DuckDBPyConnection, customer: str) -> bool:
    tests = [
        f"SELECT 1 FROM {source.table.qualified} WHERE customer_id = {literal(customer)}"
        for source in SOURCES
    ]
    tests.append(f"SELECT 1 FROM landing.quarantine WHERE {_names('raw', customer)}")
    return any(connection.execute(f"{test} LIMIT 1").fetchall() for test in tests)


def _paths(connection: duckdb.DuckDBPyConnection, customer: str) -> list[str]:
    """The paths whose contents name the customer."""
    unions = " UNION ".join(
        f"SELECT file_id FROM {source.table.qualified} WHERE customer_id = {literal(customer)}"
        for source in SOURCES
    )
    rows = connection.execute(
        f"SELECT DISTINCT path FROM landing.files WHERE file_id IN ({unions} UNION "
        f"SELECT file_id FROM landing.quarantine WHERE {_names('raw', customer)}) ORDER BY path"
    ).fetchall()
    return [path for (path,) in rows]


def _mark_models(connection: duckdb.DuckDBPyConnection, customer: str, now: datetime) -> int:
    """Mark the models of the months from the customer's first on: each may have been fitted to them."""
    firsts = [
        row[0]
        for source in SOURCES
        for row in connection.execute(
            f"SELECT min(month) FROM {source.table.qualified} WHERE customer_id = ?", [customer]
        ).fetchall()
        if row[0] is not None
    ]
    if not firsts:
        return 0
    where = "as_of >= ? AND remark IS NULL"
    found = connection.execute(
        f"SELECT count(*) FROM models.registry WHERE {where}", [min(firsts)]
    ).fetchone()
    if found and found[0]:
        connection.execute(
            f"UPDATE models.registry SET remark = ? WHERE {where}",
            [f"fitted before a customer of then was forgotten on {now:%Y-%m-%d}", min(firsts)],
        )
    return int(found[0]) if found else 0


def _of_landing(connection: duckdb.DuckDBPyConnection, source: Source, customer: str) -> int:
    """Make the rows those of a guest, and record the months as changed."""
    table = source.table.qualified
    held = connection.execute(
        f"SELECT file_id, month, count(*) FROM {table} WHERE customer_id = ? GROUP BY ALL", [customer]
    ).fetchall()
    if not held:
        return 0
    connection.execute(
        f"UPDATE {table} SET {', '.join(f'{name} = NULL' for name in source.personal)} WHERE customer_id = ?",
        [customer],
    )
    places = [f"{file_id} {month}" for file_id, month, _ in held]
    anew = connection.execute(
        f"SELECT file_id, month, count(*), sum(hash({', '.join(source.parsed)})::HUGEINT) FROM {table} "
        "WHERE list_contains(?, file_id || ' ' || month::VARCHAR) GROUP BY ALL",
        [places],
    ).fetchall()
    connection.execute(
        "DELETE FROM landing.file_months WHERE list_contains(?, file_id || ' ' || month::VARCHAR)", [places]
    )
    names = ("file_id", "month", "rows", "rows_hash")
    insert(connection, landing.FILE_MONTHS, [dict(zip(names, row, strict=True)) for row in anew])
    write_landed(connection, source, [month for _, month, _ in held], None)
    return sum(count for *_, count in held)


def _of_quarantine(connection: duckdb.DuckDBPyConnection, customer: str) -> int:
    named = _names("raw", customer)
    found = connection.execute(f"SELECT count(*) FROM landing.quarantine WHERE {named}").fetchone()
    if found and found[0]:
        connection.execute(
            f"UPDATE landing.quarantine SET raw = {literal(SAID)}, reasons = [{literal(SAID)}] WHERE {named}"
        )
    return int(found[0]) if found else 0


def _of_refusals(connection: duckdb.DuckDBPyConnection, customer: str) -> int:
    named = _names("sample", customer)
    found = connection.execute(f"SELECT count(*) FROM meta.refusals WHERE {named}").fetchone()
    if found and found[0]:
        connection.execute(f"UPDATE meta.refusals SET sample = '[]' WHERE {named}")
    return int(found[0]) if found else 0


def _whose(table: Table, shape: Mapping[str, str]) -> str | None:
    """SQL: which rows of a table in the shape that it has are the customer's, or what they wrote; None where none are."""
    if "customer_id" in shape:
        return "customer_id = ?"
    if "review_id" in shape and any(column.personal for column in table.columns):
        return "(month, review_id) IN (SELECT (month, review_id) FROM core.reviews WHERE customer_id = ?)"
    return None


def _of_made(connection: duckdb.DuckDBPyConnection, table: Table, whose: str, customer: str) -> int:
    """Delete the rows, and record what their months are now; of what they were made they keep the record."""
    by = table.partition_column
    held = connection.execute(
        f"SELECT {by or 'CAST(NULL AS DATE)'}, count(*) FROM {table.qualified} WHERE {whose} GROUP BY ALL",
        [customer],
    ).fetchall()
    if not held:
        return 0
    connection.execute(f"DELETE FROM {table.qualified} WHERE {whose}", [customer])
    is_as_promised = shape_of(connection, table) == table.shape
    now = fingerprints(connection, table, table.qualified) if is_as_promised else {}
    before = read_versions(connection, [table.qualified])
    records: dict[date | None, Record] = {}
    for month, _ in held:
        was = before.get((table.qualified, month))
        if was is not None:
            version, count = now.get(month, (NOTHING, 0))
            records[month] = Record(version, was.code, was.inputs, count)
    if records:
        write_versions(connection, table.qualified, records, None)
    return sum(count for _, count in held)


def _rewrite(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the files anew whose deleted rows are still in them."""
    tables = connection.execute(
        f"""
        SELECT DISTINCT s.schema_name, t.table_name
        FROM {CATALOG_TABLES}.ducklake_delete_file AS f
        INNER JOIN {CATALOG_TABLES}.ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
        INNER JOIN {CATALOG_TABLES}.ducklake_schema AS s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
        WHERE f.end_snapshot IS NULL
        ORDER BY ALL
        """
    ).fetchall()
    for schema, name in tables:

        def rewrite(schema: str = schema, name: str = name) -> None:
            connection.execute(
                "CALL ducklake_rewrite_data_files('lake', ?, schema => ?, delete_threshold => 0.0)",
                [name, schema],
            )

        in_transaction(connection, rewrite)


def _expire(connection: duckdb.DuckDBPyConnection, customer: str) -> int:
    """Expire every snapshot but the newest, for the customer may be in any, and drop the statistics that name them."""
    count = 0

    def expire() -> None:
        nonlocal count
        newest = snapshot(connection)
        old = [
            number
            for (number,) in connection.execute(
                "SELECT snapshot_id FROM ducklake_snapshots('lake')"
            ).fetchall()
            if number != newest
        ]
        count = len(old)
        if old:
            connection.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [old])

    def unknow() -> None:
        connection.execute(
            f"UPDATE {STATISTICS[1]} SET min_value = NULL, max_value = NULL WHERE {_in_statistics(customer)}"
        )

    in_transaction(connection, unknow)
    in_transaction(connection, expire)
    return count
