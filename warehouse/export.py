"""Plain files from the lake, for programs that cannot attach it. Each is written aside and renamed.

Who a customer is stays in the lake unless it is asked for: numbers are hashed with a salt drawn for each export, so that
its tables join and nobody is known from one to the next; what customers wrote is left out.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import duckdb

from warehouse.contract import Table
from warehouse.errors import TillageError
from warehouse.lake import literal, shape_of
from warehouse.tables import TABLES

Format = Literal["parquet", "csv", "duckdb"]
DATABASE = "tillage.duckdb"
# A spreadsheet takes a cell that begins so for a formula, and runs it (OWASP, CSV injection).
LEFT_OUT = {"VARCHAR": "'(personal)'", "VARCHAR[]": "['(personal)']"}
FORMULA = r"^[=+\-@\t\r]"


def chosen(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[Table]:
    """Give the tables of these names, each once, or all that people read, as far as the lake has them.

    Raises:
        TillageError: If a name is that of no table.
    """
    known = {name: table for name, table in TABLES.items() if table.schema != "meta"}
    if unknown := [name for name in names if name not in known]:
        raise TillageError(f"There is no table {', '.join(unknown)}. The tables are {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names or known) if shape_of(connection, known[name])]


def export(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    folder: Path,
    how: Format,
    *,
    keep_personal: bool = False,
) -> list[Path]:
    """Write each table to `folder`, as schema.name.parquet or .csv, or all into one tillage.duckdb.

    In CSV a text that a spreadsheet would run as a formula has a ' before it. With `keep_personal` personal columns
    are written as they are.

    Raises:
        TillageError: If the folder or a file cannot be written.
    """
    salt = None if keep_personal else secrets.token_hex(16)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if how == "duckdb":
            return [_database(connection, tables, folder, salt)]
        return [_file(connection, table, folder, how, salt) for table in tables]
    except (OSError, duckdb.IOException) as error:
        raise TillageError(
            f"The export into {folder} cannot be written: {error}. What was there before is as it was."
        ) from error


def _file(
    connection: duckdb.DuckDBPyConnection, table: Table, folder: Path, how: Format, salt: str | None
) -> Path:
    file = folder / f"{table.qualified}.{how}"
    aside = folder / f".{file.name}.part"
    options = "FORMAT parquet" if how == "parquet" else "FORMAT csv, HEADER"
    columns = ", ".join(f'"{name}"' for name in table.shape) if how == "parquet" else _inert(table)
    order = ", ".join(f'"{key}"' for key in table.primary_key)
    try:
        connection.execute(
            f"COPY (SELECT {columns} FROM {_rows(table, salt)} {f'ORDER BY {order}' if order else ''}) "
            f"TO {literal(aside)} ({options})"
        )
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    return file


def _inert(table: Table) -> str:
    """The columns, every text in them disarmed."""
    return ", ".join(
        f'CASE WHEN regexp_matches("{name}", \'{FORMULA}\') THEN \'\'\'\' || "{name}" ELSE "{name}" END AS "{name}"'
        if kind == "VARCHAR"
        else f'"{name}"'
        for name, kind in table.shape.items()
    )


def _rows(table: Table, salt: str | None) -> str:
    """The table, personal columns hashed or left out."""
    personal = [column for column in table.columns if column.personal]
    if salt is None or not personal:
        return table.qualified
    others = ", ".join(
        f"left(sha256('{salt}' || {column.name}), 16) AS {column.name}"
        if column.name == "customer_id"
        else f"CASE WHEN {column.name} IS NOT NULL THEN {LEFT_OUT[column.type]} END AS {column.name}"
        for column in personal
    )
    return f"(SELECT * REPLACE ({others}) FROM {table.qualified}) AS exported_rows"


def _database(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], folder: Path, salt: str | None
) -> Path:
    file, aside = folder / DATABASE, folder / f".{DATABASE}.part"
    aside.unlink(missing_ok=True)
    try:
        connection.execute(f"ATTACH {literal(aside)} AS exported")
        try:
            for schema in sorted({table.schema for table in tables}):
                connection.execute(f"CREATE SCHEMA exported.{schema}")
            for table in tables:
                connection.execute(f"CREATE TABLE exported.{table.qualified} ({table.definition})")
                connection.execute(
                    f"INSERT INTO exported.{table.qualified} BY NAME FROM {_rows(table, salt)}"
                )
        finally:
            connection.execute("DETACH exported")
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
    return file
