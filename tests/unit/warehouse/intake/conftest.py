"""What tests of taking in share: take in one file and count its rows, and look into quarantine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warehouse.intake import TakenIn

Rows = Callable[..., list[tuple[Any, ...]]]
Intake = Callable[..., TakenIn]


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
def quarantine(rows_of: Rows) -> Callable[[], dict[int, tuple[str, list[str]]]]:
    """Give what lies in quarantine, by row."""
    return lambda: {
        row: (raw, reasons)
        for row, raw, reasons in rows_of("SELECT row, raw, reasons FROM landing.quarantine ORDER BY row")
    }
