"""What tests of taking in share: take in one file and count its rows, and look into quarantine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from warehouse.intake import TakenIn

Rows = Callable[..., list[tuple[Any, ...]]]
Intake = Callable[..., TakenIn]


class Taken(NamedTuple):
    """What became of one of many files: its row of landing.files, the rows accepted, and those in quarantine."""

    arrival: Any
    rows: list[tuple[Any, ...]]
    quarantine: dict[int, tuple[str, list[str]]]


@pytest.fixture
def size() -> str:
    """How files are taken in: staged with others, as small ones are, or one by one, as large ones are."""
    return "small"


@pytest.fixture
def taken(
    size: str, monkeypatch: pytest.MonkeyPatch, orders: Path, intake: Intake, rows_of: Rows
) -> Callable[..., Any]:
    """Take in one file; gives its row of landing.files, having counted its rows."""
    if size == "large":
        monkeypatch.setattr("warehouse.intake.BATCH_BYTES", 0)

    def run(content: str | bytes, name: str = "a.csv", **how: Any) -> Any:
        file = orders / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = intake(**how)
        assert not result.left
        [arrival] = result.arrivals
        found = rows_of(
            "SELECT (SELECT count(*) FROM landing.orders), (SELECT count(*) FROM landing.quarantine), "
            "(SELECT list(row ORDER BY row) FROM "
            "(SELECT row FROM landing.orders UNION ALL SELECT row FROM landing.quarantine))"
        )
        [(accepted, quarantined, numbers)] = found
        assert (arrival.rows_accepted, arrival.rows_quarantined) == (accepted, quarantined)
        assert arrival.rows_read == accepted + quarantined
        assert (numbers or []) == list(range(1, arrival.rows_read + 1)), "rows are numbered without a gap"
        return arrival

    return run


@pytest.fixture
def taken_each(
    size: str, monkeypatch: pytest.MonkeyPatch, home: Path, intake: Intake, rows_of: Rows
) -> Callable[..., dict[Any, Taken]]:
    """Take in many files at once, by what each is a case of; gives what became of each, having counted its rows.

    An intake takes about as long for a hundred small files as for one. Contents must differ: of equal ones, the rows
    are there once.
    """
    if size == "large":
        monkeypatch.setattr("warehouse.intake.BATCH_BYTES", 0)

    def run(
        contents: Mapping[Any, str | bytes], columns: str = "*", *, name: str = "orders/a.csv", **how: Any
    ) -> dict[Any, Taken]:
        folder, _, file = name.partition("/")
        for number, content in enumerate(contents.values()):
            to = home / "landing" / folder / f"{number:03}{file}"
            to.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = intake(**how)
        assert not result.left
        assert [arrival.path for arrival in result.arrivals] == [
            f"{folder}/{number:03}{file}" for number in range(len(contents))
        ]
        assert len({arrival.file_id for arrival in result.arrivals}) == len(contents), "contents differ"
        found = {
            arrival.file_id: Taken(arrival, [], {})
            for arrival in sorted(result.arrivals, key=lambda arrival: arrival.path)
        }
        numbers: dict[str, list[int]] = {file_id: [] for file_id in found}
        for file_id, row, *values in rows_of(
            f"SELECT file_id, row, {columns} FROM landing.{folder} ORDER BY file_id, row"
        ):
            numbers[file_id].append(row)
            found[file_id].rows.append(tuple(values))
        for file_id, row, raw, reasons in rows_of(
            "SELECT file_id, row, raw, reasons FROM landing.quarantine ORDER BY file_id, row"
        ):
            numbers[file_id].append(row)
            found[file_id].quarantine[row] = (raw, reasons)
        for case, (file_id, one) in zip(contents, found.items(), strict=True):
            accepted, quarantined = len(one.rows), len(one.quarantine)
            assert (one.arrival.rows_accepted, one.arrival.rows_quarantined) == (accepted, quarantined), case
            assert one.arrival.rows_read == accepted + quarantined, case
            assert sorted(numbers[file_id]) == list(range(1, one.arrival.rows_read + 1)), case
        return dict(zip(contents, found.values(), strict=True))

    return run


@pytest.fixture
def quarantine(rows_of: Rows) -> Callable[[], dict[int, tuple[str, list[str]]]]:
    """Give what lies in quarantine, by row."""
    return lambda: {
        row: (raw, reasons)
        for row, raw, reasons in rows_of("SELECT row, raw, reasons FROM landing.quarantine ORDER BY row")
    }
