"""Take in what lies in landing/: content by content, every row accepted or in quarantine.

A content is known by its SHA-256. Its rows live while it is the newest accepted content of any path ever
seen: the same content under two names is taken in once, a file changed under its name gives up its old
content, a file that disappears changes nothing, and one that is refused leaves what its path gave before.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from warehouse.contract import fingerprint
from warehouse.errors import TillageError
from warehouse.intake import orders, reviews
from warehouse.intake.files import JSON_LINES, TEXTS, Content, Found, read_content, scan
from warehouse.intake.layout import Reading
from warehouse.intake.reader import (
    PASSING,
    QUARANTINED,
    STAGED,
    Staged,
    create_staging,
    stage,
    unstage,
)
from warehouse.intake.source import Source
from warehouse.lake import alone, has_files, in_transaction
from warehouse.records import NOTHING, Record, insert, read_versions, write_versions
from warehouse.tables.landing import FILE_MONTHS, FILES, QUARANTINE
from warehouse.words import counted

SOURCES = (orders.SOURCE, reviews.SOURCE)
# Files are staged in memory and committed together up to this size: a transaction of its own, and data
# files of its own, cost more than a small file. A larger one goes into the lake as it is read.
BATCH_BYTES = 32 << 20
# Packed and columnar files hold about so many times their size in text.
TEXT_PER_BYTE = 8
# A file written so shortly before it was looked at may have changed since, within one tick of its clock.
TICK_NS = 2_000_000_000

# Files of which a look at their content, longer than a tick after they changed, told that they are as they were taken
# in: a sensor that looks every few seconds need not read them again.
_SAME: set[tuple[Found, str]] = set()

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a content at a path: a row of landing.files."""

    file_id: str
    path: str
    state: str
    reason: str | None
    header: str | None
    reading: str
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    first_month: date | None
    last_month: date | None
    currency: str | None
    basis: str | None
    remark: str | None
    size: int
    modified_ns: int
    seen_at: datetime
    source: str
    arrival: int = 0


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of the files that were new or changed.

    Attributes:
        arrivals: Contents that are new at their paths.
        left: Paths left for the next time, with the reason: still growing, or not readable.
        months: The months whose rows are others than before, with their new records, by the source's table.
    """

    arrivals: tuple[Arrival, ...]
    left: Mapping[str, str]
    months: Mapping[str, Mapping[date, Record]]


def new_files(connection: duckdb.DuckDBPyConnection | None, landing: Path, reading: Reading) -> list[Found]:
    """Give the files that are new or changed since they were last taken in, as far as a look can tell.

    Without a lake all are.
    """
    known = [] if connection is None else _known(connection)
    return [found for source in SOURCES for found in _new_files(known, landing, reading, source)]


def _new_files(known: Iterable[Arrival], landing: Path, reading: Reading, source: Source) -> list[Found]:
    newest = _newest(known)
    return [
        found
        for found in scan(landing, source.name, source.kinds)
        if _is_new(found, newest.get(found.path), reading)
    ]


def take_in(
    connection: duckdb.DuckDBPyConnection,
    landing: Path,
    reading: Reading,
    *,
    run: str | None = None,
    progress: Progress | None = None,
) -> TakenIn:
    """Take in every file of landing/ that is new or changed.

    Args:
        connection: A connection that may write; its lake has been prepared.
        landing: The folder landing/.
        reading: How files are read.
        run: Dagster run, for the records.
        progress: Called before each file with its path, the files done, and all of them.
    """
    with alone(connection, "take_in"):
        known = _known(connection)
        todo = {source: _new_files(known, landing, reading, source) for source in SOURCES}
        batches, done, total = [], 0, sum(len(files) for files in todo.values())
        for source, files in todo.items():
            if not files:
                continue
            batch = _Batch(connection, source, reading, run, known)
            batches.append(batch)
            for found in files:
                if progress:
                    progress(found.path, done, total)
                batch.add(found)
                done += 1
            batch.commit()
            known = batch.known
    return TakenIn(
        tuple(arrival for batch in batches for arrival in batch.arrivals),
        {path: why for batch in batches for path, why in batch.left.items()},
        {batch.source.table.qualified: batch.months for batch in batches if batch.months},
    )


def reading_name(reading: Reading) -> str:
    """Name the way of reading: a file refused by one is tried again by another."""
    return fingerprint(repr([getattr(reading, each.name) for each in fields(reading) if each.name != "now"]))


def _known(connection: duckdb.DuckDBPyConnection) -> list[Arrival]:
    if not has_files(connection, FILES):
        return []
    names = list(Arrival.__dataclass_fields__)
    rows = connection.execute(f"SELECT {', '.join(names)} FROM landing.files").fetchall()
    return [Arrival(**dict(zip(names, row, strict=True))) for row in rows]


def _newest(known: Iterable[Arrival]) -> dict[str, Arrival]:
    """The newest content of each path."""
    return {row.path: row for row in sorted(known, key=lambda row: row.arrival)}


def _live(known: Iterable[Arrival]) -> set[str]:
    """The contents whose rows live."""
    return {row.file_id for row in _newest(row for row in known if row.state == "accepted").values()}


def _is_new(found: Found, known: Arrival | None, reading: Reading) -> bool:
    if known is None or (known.size, known.modified_ns) != (found.size, found.modified_ns):
        return True
    if known.state == "refused" and known.reading != reading_name(reading):
        return True
    seen_ns = int(known.seen_at.replace(tzinfo=UTC).timestamp() * 1e9)
    if seen_ns - known.modified_ns >= TICK_NS:
        return False
    if (found, known.file_id) in _SAME:
        return False
    looked_at_ns = time.time_ns()
    try:
        is_same = read_content(found.file).file_id == known.file_id
    except OSError:
        return True  # taking it in says why it cannot be read
    if is_same and looked_at_ns - found.modified_ns >= TICK_NS:
        _SAME.add((found, known.file_id))
    return not is_same


class _NothingStagedError(Exception):
    """Rolls the transaction of a large file back that gave no rows."""


@dataclass
class _Batch:
    """Files staged so far, what became of those committed, and all that landing.files knows."""

    connection: duckdb.DuckDBPyConnection
    source: Source
    reading: Reading
    run: str | None
    known: list[Arrival]
    arrivals: list[Arrival] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    months: dict[date, Record] = field(default_factory=dict)
    _pending: list[Arrival] = field(default_factory=list)
    _seen_again: list[Arrival] = field(default_factory=list)
    _staged: dict[str, Staged] = field(default_factory=dict)
    _staged_bytes: int = 0
    _changed: dict[date, Record] = field(default_factory=dict)
    _written: list[Arrival] = field(default_factory=list)

    def __post_init__(self) -> None:
        create_staging(self.connection, self.source)

    def add(self, found: Found) -> None:
        """Stage the file's content, or put it into the lake, unless its rows live already."""
        is_plain = found.path.lower().endswith((*TEXTS, *JSON_LINES))
        text_bytes = found.size * (1 if is_plain else TEXT_PER_BYTE)
        is_large = text_bytes > BATCH_BYTES
        if is_large:
            self.commit()
        try:
            if is_large:
                in_transaction(self.connection, lambda: self._write_large(found))
                self._end()
            else:
                self._add(found, STAGED)
                self._staged_bytes += text_bytes
        except OSError as error:
            self.left[found.path] = f"it cannot be read: {error.strerror}"
        except PASSING as error:
            self.left[found.path] = f"it could not be taken in this time: {str(error).splitlines()[0]}"
            if is_large:  # what was noted of it is rolled back with its rows
                self._begin()
        except _NothingStagedError:
            pass  # what is known of it waits for the next transaction
        if self._staged_bytes > BATCH_BYTES:
            self.commit()

    def _write_large(self, found: Found) -> None:
        for staged in self._staged.values():  # by an attempt that another process was faster than
            for file in staged.files:
                file.unlink(missing_ok=True)
        self._begin()
        self._add(found, self.source.table.qualified)
        if not self._staged:  # rows of a file that is refused or left may stand in the transaction
            raise _NothingStagedError
        self._write()

    def _add(self, found: Found, into: str) -> None:
        try:
            str(found.file).encode()
        except UnicodeEncodeError:
            self.left[found.path] = "its name is not UTF-8, which DuckDB needs; rename it"
            return
        content = read_content(found.file)
        before = _newest(self.known).get(found.path)
        is_same = before is not None and before.file_id == content.file_id
        if (
            is_same
            and before is not None
            and (before.state == "accepted" or before.reading == reading_name(self.reading))
        ):
            self._seen_again.append(self._arrival(found, before))
            return
        was_staged = content.file_id in self._staged
        arrival = self._judge(found, content, into)
        told = found.file.stat()
        if (told.st_size, told.st_mtime_ns) != (found.size, found.modified_ns):
            if not was_staged and content.file_id in self._staged:
                del self._staged[content.file_id]
                unstage(self.connection, content.file_id, into)
            self.left[found.path] = "it changed while it was read"
            return
        self._pending.append(arrival)

    def _judge(self, found: Found, content: Content, into: str) -> Arrival:
        """Say what becomes of the content; stage its rows if they are not in the lake or staged yet."""
        live = _live(self.known)
        blank = Arrival(
            content.file_id, found.path, "accepted", None, None, reading_name(self.reading),
            0, 0, 0, None, None, None, None, None, found.size, found.modified_ns, datetime.now(UTC).replace(tzinfo=None),
            self.source.name,
        )  # fmt: skip
        for row in [*self._pending, *self.known]:
            if row.file_id == content.file_id and row.state == "accepted":
                if row not in self._pending and row.file_id not in live:
                    break
                if row.source != self.source.name:
                    return replace(blank, state="refused", reason=_of_another_source(row))
                return self._arrival(found, row)
        try:
            staged = stage(self.connection, self.source, found.file, content, self.reading, into)
        except TillageError as error:
            return replace(blank, state="refused", reason=str(error).replace("\0", "\u2400"))
        self._staged[content.file_id], layout = staged, staged.layout
        empty = [] if staged.rows_accepted + staged.rows_quarantined else ["it holds no row under its header"]
        return replace(
            blank,
            header=layout.match.follows.name if layout.match.follows else None,
            rows_read=staged.rows_accepted + staged.rows_quarantined,
            rows_accepted=staged.rows_accepted,
            rows_quarantined=staged.rows_quarantined,
            first_month=min(staged.months, default=None),
            last_month=max(staged.months, default=None),
            currency=layout.currency,
            basis=layout.basis,
            remark="; ".join([*([layout.remark] if layout.remark else []), *empty]) or None,
        )

    @staticmethod
    def _arrival(found: Found, like: Arrival) -> Arrival:
        now = datetime.now(UTC).replace(tzinfo=None)
        return replace(like, path=found.path, size=found.size, modified_ns=found.modified_ns, seen_at=now)

    def commit(self) -> None:
        """Put what is staged into the lake, by one transaction."""
        if not (self._pending or self._seen_again):
            return
        try:
            in_transaction(self.connection, self._write)
            self._end()
        except PASSING as error:  # a disk that is full
            for row in self._pending:
                self.left[row.path] = f"it could not be taken in this time: {str(error).splitlines()[0]}"
            self._begin()

    def _begin(self) -> None:
        self._pending, self._seen_again, self._staged, self._staged_bytes = [], [], {}, 0
        create_staging(self.connection, self.source)

    def _end(self) -> None:
        self.months |= self._changed
        self.arrivals += self._pending
        self.known = self._written
        self._begin()

    def _write(self) -> None:
        run = self.connection.execute
        known = _known(self.connection)  # another process may have been faster
        last = max((row.arrival for row in known), default=0)
        pending = [replace(row, arrival=last + at) for at, row in enumerate(self._pending, 1)]
        rows = [*self._seen_again, *pending]
        places = [f"{row.file_id} {row.path}" for row in rows]
        run("DELETE FROM landing.files WHERE list_contains(?, file_id || ' ' || path)", [places])
        insert(self.connection, FILES, [{name: getattr(row, name) for name in FILES.shape} for row in rows])

        kept = [row for row in known if f"{row.file_id} {row.path}" not in set(places)]
        self._written = [*kept, *rows]
        before, after = _live(known), _live(self._written)
        dead, fresh = sorted(before - after), sorted(after - before)
        if missing := set(fresh) - set(self._staged):
            raise TillageError(
                f"The warehouse changed while files were taken in ({counted(len(missing), 'content')} left it). "
                "Nothing was written; start `tillage run` again."
            )
        touched = _months(self.connection, dead)
        if dead:
            for table in (self.source.table, QUARANTINE, FILE_MONTHS):
                run(f"DELETE FROM {table.qualified} WHERE file_id IN (SELECT unnest(?))", [dead])
        if fresh:
            self._insert(fresh)
        touched |= _months(self.connection, fresh)
        self._changed = write_landed(self.connection, self.source, touched, self.run)
        run("CALL lake.set_commit_message('tillage', ?)", [f"take in {self.run or ''}".strip()])

    def _insert(self, fresh: list[str]) -> None:
        """Put the rows of staged contents into the lake; those of a large one are there already."""
        months = [
            {"file_id": file_id, "month": month, "rows": rows, "rows_hash": rows_hash}
            for file_id in fresh
            for month, (rows, rows_hash) in self._staged[file_id].months.items()
        ]
        insert(self.connection, FILE_MONTHS, months)
        chosen = "WHERE file_id IN (SELECT unnest(?))"
        for table, columns, staged, order in (
            (
                self.source.table,
                f"month, file_id, row, {', '.join(self.source.parsed)}",
                STAGED,
                "ORDER BY month",
            ),
            (QUARANTINE, "file_id, row, raw, reasons", QUARANTINED, ""),
        ):
            if self.connection.execute(f"SELECT 1 FROM {staged} {chosen} LIMIT 1", [fresh]).fetchall():
                self.connection.execute(
                    f"INSERT INTO {table.qualified} BY NAME SELECT {columns} FROM {staged} {chosen} {order}",
                    [fresh],
                )


def write_landed(
    connection: duckdb.DuckDBPyConnection, source: Source, touched: Iterable[date], run: str | None
) -> dict[date, Record]:
    """Record those of the touched months whose rows are others than before, within the caller's transaction.

    Versions add up over contents.
    """
    months = sorted(set(touched))
    now = {
        month: Record(f"{rows}-{rows_hash}", "", "", rows)
        for month, rows, rows_hash in connection.execute(
            "SELECT month, sum(rows), sum(rows_hash) FROM landing.file_months "
            "WHERE month IN (SELECT unnest($months)) AND file_id IN "
            "(SELECT file_id FROM landing.files WHERE source = $source AND state = 'accepted') GROUP BY month",
            {"months": months, "source": source.name},
        ).fetchall()
    }
    name = source.table.qualified
    before = read_versions(connection, [name])
    changed = {}
    for month in months:
        record = now.get(month, Record(NOTHING, "", ""))
        was = before.get((name, month))
        if was is None or was.version != record.version:
            changed[month] = record
    if changed:
        write_versions(connection, name, dict(changed.items()), run)
    return changed


def forget_file(connection: duckdb.DuckDBPyConnection, landing: Path, path: str) -> dict[str, list[date]]:
    """Take back what a path of landing/ ever brought; content that lies at another path, too, stays.

    Args:
        connection: A connection that may write.
        landing: The folder landing/, in which the file must not lie any more.
        path: Path below it, as landing.files has it.

    Returns:
        The months whose rows are others than before, by the source's table.

    Raises:
        TillageError: If no such file was ever taken in, or it would be taken in again.
    """
    with alone(connection, "take_in"):
        known = _known(connection)
        mine = [row for row in known if row.path == path]
        if not mine:
            raise TillageError(
                f'No file {path} was ever taken in. `tillage query "SELECT path FROM landing.files"` lists them all.'
            )
        if (landing / path).exists():
            raise TillageError(
                f"{landing / path} still lies there, and the next run would take it in again. Move it away first."
            )
        rest = [row for row in known if row.path != path]
        dead = sorted(_live(known) - _live(rest))
        changed: dict[str, list[date]] = {}

        def write() -> None:
            touched = _months(connection, dead)
            connection.execute("DELETE FROM landing.files WHERE path = ?", [path])
            for source in SOURCES:
                if source.name != mine[0].source or not dead:
                    continue
                for table in (source.table, QUARANTINE, FILE_MONTHS):
                    connection.execute(
                        f"DELETE FROM {table.qualified} WHERE file_id IN (SELECT unnest(?))", [dead]
                    )
                changed[source.table.qualified] = list(write_landed(connection, source, touched, None))
            connection.execute("CALL lake.set_commit_message('tillage', ?)", [f"forget file {path}"])

        in_transaction(connection, write)
    return changed


def disagreements(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Say of which invoices living files hold different lines; all of those lines are kept."""
    rows = connection.execute(orders.DISAGREEING).fetchall()
    return [
        f"invoice {invoice} of {month:%Y-%m}: {', '.join(paths)} hold different lines of {', '.join(products[:3])}"
        + (f" and {len(products) - 3} more" if len(products) > 3 else "")
        for month, invoice, products, paths in rows
    ]


def _of_another_source(row: Arrival) -> str:
    return (
        f"the same content lies at {row.path} and was taken in as {row.source}. A content is of one source: remove it "
        "here; if it holds rows of both, write those of each into a file of its own."
    )


def _months(connection: duckdb.DuckDBPyConnection, file_ids: list[str]) -> set[date]:
    """The months that the contents hold rows of."""
    rows = connection.execute(
        "SELECT DISTINCT month FROM landing.file_months WHERE file_id IN (SELECT unnest(?))", [file_ids]
    ).fetchall()
    return {month for (month,) in rows}
