"""A faster home for Dagster's history, on SQLite.

Dagster's SQLite event log makes a new SQLAlchemy engine for every event, so nothing is pooled and no
statement is cached: 16 ms for each partition that is materialized, which is more than our SQL takes
to build one. Keeping the engines brings it under 6 ms; PostgreSQL storage on the same machine took 44 ms
(`make bench` measures it). Each run has a database of its own, which takes 60 ms to lay out: a process
does it once, and copies. What Dagster stores of a run that is to be, an event for each table and each of its
checks, is one transaction of each database, which halves it. It overrides two private methods of dagster 1.13's
SqliteEventLogStorage: look at them at each upgrade.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import Any, Self
from uuid import uuid4
from weakref import WeakSet

import sqlalchemy as db
from dagster import EventLogEntry, StringSource
from dagster._config import UserConfigSchema
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

# The content of a run's database before anything happened.
_EMPTY: list[bytes] = []
# Those that this process has.
_OPEN: WeakSet["PooledSqliteEventLogStorage"] = WeakSet()


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage that keeps one engine a database instead of one an event."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """One field, `home`: the DAGSTER_HOME, named by an environment variable so that it may move."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Keep the history where Dagster's own SQLite storage does."""
        return cls(str(Path(config_value["home"]) / "history" / "runs"), inst_data)

    @cached_property
    def supports_asset_checks(self) -> bool:
        """Whether the history has a table for checks; Dagster's own asks the database for each event."""
        return bool(super().supports_asset_checks)

    def _initdb(self, engine: db.Engine, for_index_shard: bool = False) -> None:
        file = Path(str(engine.url.database))
        if for_index_shard or file.exists():
            super()._initdb(engine, for_index_shard)
            return
        if not _EMPTY:
            with TemporaryDirectory(prefix="tillage-") as folder:
                laid_out = db.create_engine(f"sqlite:///{Path(folder, 'empty.db').as_posix()}")
                db.event.listen(laid_out, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
                super()._initdb(laid_out)
                laid_out.dispose()  # the last connection takes the write-ahead log into the file
                _EMPTY.append(Path(folder, "empty.db").read_bytes())
        aside = file.with_name(f"{file.name}.{uuid4().hex[:8]}")
        aside.write_bytes(_EMPTY[0])
        with suppress(FileExistsError):  # another process was faster
            os.link(aside, file)
        aside.unlink()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all of them or none, in one transaction a database instead of one an event and database."""
        with self._db_lock, ExitStack() as transactions:
            self.__dict__["_batch"] = get_ident(), transactions, {}
            try:
                for event in events:
                    self.store_event(event)
            finally:
                del self.__dict__["_batch"]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        thread, transactions, begun = self.__dict__.get("_batch", (None, None, None))
        if thread == get_ident():
            if shard not in begun:
                begun[shard] = transactions.enter_context(self._begin(shard))
            yield begun[shard]
            return
        with self._db_lock, self._begin(shard) as connection:
            yield connection

    @contextmanager
    def _begin(self, shard: str) -> Iterator[db.Connection]:
        _OPEN.add(self)
        engines: dict[str, db.Engine] = self.__dict__.setdefault("_engines", {})
        if shard not in engines:
            engine = db.create_engine(
                self.conn_string_for_shard(shard),
                connect_args={"timeout": 60, "check_same_thread": False},
            )
            # With a write-ahead log NORMAL is safe against a killed process.
            db.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=NORMAL"))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            engines[shard] = engine
        with engines[shard].connect() as connection, connection.begin():
            yield connection


def _let_go() -> None:
    """Close what is open before this process is forked: SQLite forbids to carry a connection across."""
    for storage in _OPEN:
        with storage._db_lock:
            for engine in storage.__dict__["_engines"].values():
                engine.dispose()


os.register_at_fork(before=_let_go)
