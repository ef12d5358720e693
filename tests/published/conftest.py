"""The warehouse of Online Retail, whose figures are published."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from warehouse.lake import open_lake


@pytest.fixture
def retail(online_retail: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads the warehouse of Online Retail."""
    with open_lake(online_retail, read_only=True) as connection:
        yield connection
