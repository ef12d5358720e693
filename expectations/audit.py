"""Judge staged rows with Great Expectations inside DuckDB, on the process's own connection.

Great Expectations 1.24 has no DuckDB support of its own: it reads a result after it has closed the
connection that made it, and DuckDB drops a result at the next commit or rollback. A connection whose
transaction calls do nothing keeps the result, and a cursor of the caller's connection sees its
in-memory tables. Importing it takes seconds, so only the audit does, when there are rows to judge.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Any

import duckdb

from expectations.rules import Rule, rules
from warehouse.contract import Table
from warehouse.records import Finding

SAMPLE_ROWS = 5
# The connection that is read, and the lock of who reads.
_FROM: list[duckdb.DuckDBPyConnection] = []
_READING = Lock()


def audit(connection: duckdb.DuckDBPyConnection, staged: str, table: Table) -> list[Finding]:
    """Judge the in-memory table `staged` by every rule of `table`.

    Returns:
        A finding for each month and rule that fails, with the number of failing rows and some of them.
    """
    judged = rules(table)
    if not judged or not connection.execute(f"SELECT 1 FROM memory.main.{staged} LIMIT 1").fetchall():
        return []
    verdict = _validate(connection, staged, judged)
    findings = []
    for rule in judged:
        if not verdict[rule.name]:
            found = list(_findings(connection, staged, table, rule))
            if not found:
                raise RuntimeError(
                    f"{table.qualified} fails {rule.name}, but no row of it does: {rule.failing}"
                )
            findings += found
    return findings


def load() -> None:
    """Import Great Expectations: a run does it while DuckDB reads files, and waits for neither."""
    # Read when the library is imported: no word of what is judged here leaves the machine.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import duckdb_sqlalchemy
    import great_expectations
    import great_expectations.expectations.core

    del duckdb_sqlalchemy, great_expectations


def _validate(connection: duckdb.DuckDBPyConnection, table: str, judged: Sequence[Rule]) -> dict[str, bool]:
    """Say of each rule whether all rows pass it."""
    load()
    import great_expectations as gx

    expectation = _no_rows()
    suite = gx.ExpectationSuite(
        name=table,
        expectations=[
            expectation(unexpected_rows_query=rule.failing, meta={"rule": rule.name}) for rule in judged
        ],
    )
    with _READING:
        _FROM[:] = [connection]
        batch = _batch(table)
        try:
            verdict = batch.validate(suite, result_format="BASIC")
        finally:
            batch.data.execution_engine.engine.dispose()  # lets the caller's connection go
            _FROM.clear()
    if broken := _broken(verdict):
        raise RuntimeError(f"Great Expectations could not judge {table}: {broken}")
    return {result.expectation_config.meta["rule"]: result.success for result in verdict.results}


@cache  # the class needs the import
def _no_rows() -> Any:
    """The expectation that a query gives no rows.

    Great Expectations' own runs the query twice, for the rows and for their number: here they are counted, and those of
    a rule that fails are read by `_findings`. One about a column would look up the columns anew, and take twice as long.
    """
    from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

    class NoRowsExpectation(UnexpectedRowsExpectation):
        """Fails if the query gives rows, and reads none of them."""

        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
            count = metrics["unexpected_rows_query.row_count"]
            return {"success": count == 0, "result": {"observed_value": count}}

    return NoRowsExpectation


@cache  # to make one takes as long as to judge by three rules
def _batch(table: str) -> Any:
    """What Great Expectations knows of the in-memory table: its name, and that it is on the connection `_FROM`."""
    import great_expectations as gx
    from duckdb_sqlalchemy import ConnectionWrapper
    from sqlalchemy.pool import StaticPool

    class ReadConnection(ConnectionWrapper):
        """A connection for reading alone: it never opens or ends a transaction."""

        def begin(self) -> None: ...
        def commit(self) -> None: ...
        def rollback(self) -> None: ...

    def reader() -> ReadConnection:
        cursor = _FROM[0].cursor()
        cursor.execute("USE memory")
        return ReadConnection(cursor)

    context: Any = gx.get_context(mode="ephemeral")  # its stubs know no `kwargs` of add_sql
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        "staged",
        connection_string="duckdb:///:memory:",
        create_temp_table=False,
        kwargs={"creator": reader, "poolclass": StaticPool, "pool_reset_on_return": None},
    )
    asset = source.add_table_asset(table, table_name=table)
    return asset.add_batch_definition_whole_table("all").get_batch()


def _broken(verdict: Any) -> str:
    """An expectation that raised is no verdict on the rows: give what it raised."""
    for result in verdict.results:
        if (result.exception_info or {}).get("raised_exception"):
            return str(result.exception_info.get("exception_message"))
        for info in (result.exception_info or {}).values():
            if isinstance(info, dict) and info.get("raised_exception"):
                return str(info.get("exception_message"))
    return ""


def _findings(
    connection: duckdb.DuckDBPyConnection, staged: str, table: Table, rule: Rule
) -> Iterator[Finding]:
    """Attribute the rows that fail to their months."""
    by = table.partition_column or "CAST(NULL AS DATE)"
    failing = rule.failing.format(batch=f"memory.{staged}")
    rows = connection.execute(
        f"SELECT {by}, count(*), to_json(arg_min(failing, hash(failing), {SAMPLE_ROWS})) "
        f"FROM ({failing}) AS failing GROUP BY ALL HAVING count(*) > 0 ORDER BY ALL"
    ).fetchall()
    for month, count, sample in rows:
        yield Finding(month, rule.name, rule.severity, count, sample)
