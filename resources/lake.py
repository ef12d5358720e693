"""The lake as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from resources.alive import alive
from warehouse.lake import WORK, Store, is_interrupted, open_lake
from warehouse.records import prepare


class LakeResource(DuckDBResource):
    """The lake in the folder `database`, opened once a process and closed at the end of it.

    dagster-duckdb's own connection holds a database file that lets no second process in, is left open
    by an error, and waits 100 s for a lock.
    """

    memory: str
    threads: int | None = None
    postgres: str | None = None
    s3: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    _connection: duckdb.DuckDBPyConnection | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakeResource"]:
        """Open the lake for as long as Dagster holds the resource: a run in process, else a step."""
        lake = Path(self.database)
        store = None if self.s3 is None else Store(self.s3, self.s3_endpoint, self.s3_region)
        with (
            alive(lake / WORK, context.run.run_id if context.run else "none"),
            open_lake(
                lake, memory=self.memory, threads=self.threads, postgres=self.postgres, store=store
            ) as connection,
        ):
            prepare(connection)
            self._connection = connection
            try:
                yield self
            finally:
                self._connection = None

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the connection; steps of a run in one process take turns with it.

        Raises:
            DagsterExecutionInterruptedError: If the run is cancelled in the midst of a query. DuckDB makes an error of
                its own of that, which would fail the step and let the run go on with the next.
        """
        if self._connection is None:
            raise RuntimeError("the lake is open only while Dagster executes a run")
        try:
            yield self._connection
        except Exception as error:
            if is_interrupted(error):
                raise dg.DagsterExecutionInterruptedError from error
            raise
