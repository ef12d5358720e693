"""Models are stored with the months they were fitted for, and read back only if nothing in them is strange."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from resources.models import Model, load, packed
from warehouse.check import check
from warehouse.contract import Column, Table
from warehouse.errors import TillageError
from warehouse.publish import publish
from warehouse.records import Finding, Fitted
from warehouse.tables import TABLES

Rows = Callable[..., list[tuple[Any, ...]]]
JANUARY, FEBRUARY = date(2011, 1, 1), date(2011, 2, 1)
LEVELS = Table(
    schema="shop",
    name="levels",
    description="",
    grain="",
    columns=(Column("as_of", "DATE", ""), Column("level", "DOUBLE", "")),
    primary_key=("as_of",),
    partition_column="as_of",
)
QUERY = "SELECT CAST(unnest(['2011-01-01', '2011-02-01']) AS DATE) AS as_of, 1.5 AS level"


def fitted(month: date, slope: float = 2.0) -> Fitted:
    line = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, slope]))
    return packed(month, Model(line, {"features": ["x"]}, {"error": 0.0}))


@pytest.fixture
def put(lake: duckdb.DuckDBPyConnection) -> Callable[..., None]:
    """Publish two months, each with a model."""

    def run(code: str = "code", findings: Sequence[Finding] = (), slope: float = 2.0) -> None:
        def compute(given: Path, made: Path) -> list[Fitted]:
            made.write_bytes(given.read_bytes())
            return [fitted(month, slope) for month in (JANUARY, FEBRUARY)]

        publish(
            lake,
            LEVELS,
            QUERY,
            months=[JANUARY, FEBRUARY],
            parameters={},
            inputs=lambda _: {JANUARY: "a", FEBRUARY: "b"},
            code=code,
            judge=lambda *_: findings,
            compute=compute,
            run="run",
        )

    return run


def files(home: Path) -> list[str]:
    return sorted(
        file.relative_to(home).as_posix() for file in (home / "models").rglob("*") if file.is_file()
    )


def test_a_model_comes_back_as_it_was_published(put: Any, home: Path, rows_of: Rows) -> None:
    put()
    found = load(home, "shop.levels", date(2011, 2, 28))
    assert found.estimator.predict([[3.0]]) == pytest.approx([6.0])
    assert (found.parameters, found.metrics) == ({"features": ["x"]}, {"error": 0.0})
    record = "SELECT name, as_of, code_version, data_version, path, run FROM models.registry ORDER BY as_of"
    assert rows_of(record) == [
        ("shop.levels", JANUARY, "code", "a", files(home)[0], "run"),
        ("shop.levels", FEBRUARY, "code", "b", files(home)[1], "run"),
    ]
    versions = "SELECT min(snapshot_id) FROM meta.versions WHERE \"table\" = 'shop.levels'"
    assert rows_of("SELECT DISTINCT snapshot + 1 FROM models.registry") == rows_of(versions)


def test_the_newest_model_of_a_month_counts(put: Any, home: Path) -> None:
    put()
    put("other", slope=5.0)
    assert load(home, "shop.levels", JANUARY).estimator.predict([[1.0]]) == pytest.approx([5.0])
    assert len(files(home)) == 4, "a snapshot before still has the model that it names"
    put("other", slope=7.0)
    assert len(files(home)) == 4, "the same code and inputs have one model"


def test_a_refused_month_stores_no_model(put: Any, home: Path, rows_of: Rows) -> None:
    """The segments that stay are those of the model before."""
    put(findings=[Finding(JANUARY, "rule", "error", 1, "[]")])
    assert rows_of("SELECT as_of FROM models.registry") == [(FEBRUARY,)]
    assert len(files(home)) == 1
    with pytest.raises(TillageError, match=r"no model of shop\.levels as of 2011-01\. .*2011-02"):
        load(home, "shop.levels", JANUARY)


def test_a_file_that_holds_anything_else_is_not_read(put: Any, home: Path) -> None:
    """A stranger's file could run whatever it says."""
    put()
    (home / files(home)[0]).write_bytes(skops.io.dumps({"run": os.getenv}))
    with pytest.raises(TillageError, match=r"holds .*getenv.*it is not read"):
        load(home, "shop.levels", JANUARY)


def test_check_tells_of_models_that_are_gone_or_that_nothing_names(
    put: Any, home: Path, lake: duckdb.DuckDBPyConnection
) -> None:
    put()
    assert [one for one in check(lake, home / "lake", TABLES, time.time()) if "model" in one] == []
    gone = home / files(home)[0]
    left = gone.with_name("2011-01-01-feed.skops.8a0c")
    gone.rename(left)
    told = [one for one in check(lake, home / "lake", TABLES, time.time()) if "model" in one]
    assert [one.split(". ")[0] for one in told] == [f"The model {gone} is missing"]
    told = list(check(lake, home / "lake", TABLES, time.time() + 90_000))
    assert any(f"The file {left} belongs to no snapshot" in one for one in told)
    with pytest.raises(TillageError, match="is not there"):
        load(home, "shop.levels", JANUARY)
