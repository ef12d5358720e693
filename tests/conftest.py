"""What tests share: a home, a lake in it, ways to write files, and the real data beside the repository."""

import csv
import io
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings

from assets.graph import Graph, graph
from assets.make import make
from warehouse.intake import TakenIn, take_in
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading
from warehouse.lake import attach, open_lake
from warehouse.records import prepare

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
HEADER = [
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"
]  # fmt: skip

# A deadline would make a test fail for what else the machine does.
SLOW_FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile("here", deadline=None, max_examples=50, suppress_health_check=SLOW_FIXTURES)
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection with the extensions, whose loading takes longer than most tests, and an empty lake."""
    root = tmp_path_factory.mktemp("engine") / "lake"
    with open_lake(root) as connection:
        prepare(connection)
    with open_lake(root) as connection:
        # Of so few rows threads only wait for each other, and other tests run beside.
        connection.execute("SET threads = 1")
        connection.execute("USE memory")
        connection.execute("DETACH lake")
        yield connection, root


@pytest.fixture
def home(tmp_path: Path, engine: tuple[duckdb.DuckDBPyConnection, Path]) -> Path:
    """A shop without files, its lake prepared."""
    home, (_, empty) = tmp_path / "home", engine
    (home / "landing" / "orders").mkdir(parents=True)
    shutil.copytree(empty, home / "lake", ignore=shutil.ignore_patterns("tmp", "extensions"))
    (home / "lake" / "extensions").symlink_to(empty / "extensions")
    return home


@pytest.fixture
def orders(home: Path) -> Path:
    """The folder that files are dropped into."""
    return home / "landing" / "orders"


@pytest.fixture
def lake(home: Path, engine: tuple[duckdb.DuckDBPyConnection, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the lake of `home`."""
    connection, _ = engine
    attach(connection, home / "lake")
    yield connection
    with suppress(duckdb.Error):  # a test that failed may have left a transaction open
        connection.rollback()
    connection.execute("USE memory")
    connection.execute("DETACH lake")
    for database, name in connection.execute(
        "SELECT database_name, table_name FROM duckdb_tables()"
    ).fetchall():
        connection.execute(f'DROP TABLE {database}."{name}"')


@pytest.fixture(scope="session")
def reading() -> Reading:
    """How files are read where a test says nothing else."""
    return Reading(header_sets(), None, date(1990, 1, 1), datetime(2012, 1, 1))


@pytest.fixture
def intake(lake: duckdb.DuckDBPyConnection, home: Path, reading: Reading) -> Callable[..., TakenIn]:
    """Take in what lies in landing/."""

    def run(reading: Reading = reading) -> TakenIn:
        return take_in(lake, home / "landing", reading)

    return run


@pytest.fixture
def rows_of(lake: duckdb.DuckDBPyConnection) -> Callable[..., list[tuple[Any, ...]]]:
    """Ask the lake."""

    def ask(sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return lake.execute(sql, list(values)).fetchall()

    return ask


@pytest.fixture(scope="session")
def shop_graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The graph with the seeds that Tillage ships."""
    return graph(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="session")
def make_all(shop_graph: Graph) -> Callable[..., dict[str, list[Any]]]:
    """Make what is out of date of every table (or those named), unjudged; gives the months made, by table."""

    def run(
        connection: duckdb.DuckDBPyConnection, names: Iterable[str] = tuple(shop_graph.nodes), **options: Any
    ) -> dict[str, list[Any]]:
        options = {"judge": lambda *_: [], **options}
        made = {name: make(connection, name, shop_graph, **options) for name in names}
        return {name: list(at.reasons) for name, at in made.items() if at.published is not None}

    return run


@pytest.fixture(scope="session")
def make_up_to(shop_graph: Graph, make_all: Callable[..., Any]) -> Callable[..., dict[str, list[Any]]]:
    """Make a table and all that it is made from."""

    def run(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[Any]]:
        wanted = {table}
        for name in reversed(shop_graph.nodes):
            if name in wanted:
                wanted |= shop_graph.nodes[name].inputs.keys()
        made: dict[str, list[Any]] = make_all(
            connection, [name for name in shop_graph.nodes if name in wanted]
        )
        return made

    return run


@pytest.fixture(scope="session")
def csv_text() -> Callable[..., str]:
    """Write rows as the text of a CSV with Online Retail's header."""

    def write(rows: Iterable[Sequence[object]], header: Sequence[str] = HEADER, **dialect: Any) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text, **{"lineterminator": "\n", **dialect})
        writer.writerow(header)
        writer.writerows(rows)
        return text.getvalue()

    return write


@pytest.fixture(scope="session")
def order_row() -> Callable[..., list[object]]:
    """One good row of an orders file, other than usual where told."""

    def row(
        invoice: object = "536365",
        product: object = "85123A",
        description: object = "WHITE HANGING HEART",
        quantity: object = 6,
        sold_at: object = "12/1/2010 8:26",
        price: object = "2.55",
        customer: object = "17850",
        country: object = "United Kingdom",
    ) -> list[object]:
        return [invoice, product, description, quantity, sold_at, price, customer, country]

    return row


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Give a file of the real data, which is not part of the repository."""

    def find(name: str) -> Path:
        file = SHARED_DATA / name
        if not file.exists():
            message = f"{file} is not there: the data beside the repository is needed for this test"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        return file

    return find


@contextmanager
def _once(marker: Path) -> Iterator[bool]:
    """Let one of the processes that test at the same time do something, and the others wait for it."""
    try:
        marker.mkdir()
    except FileExistsError:
        while not (marker / "done").exists():
            if (marker / "failed").exists():
                pytest.fail(f"another test process failed to make {marker}")
            time.sleep(0.1)
        yield False
        return
    try:
        yield True
    except BaseException:
        (marker / "failed").touch()
        raise
    (marker / "done").touch()


@pytest.fixture(scope="session")
def online_retail(
    shared_data: Callable[[str], Path],
    reading: Reading,
    make_all: Callable[..., dict[str, list[Any]]],
    shop_graph: Graph,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The lake of a home that was made from the Parquet of Online Retail, once for all; not to be written.

    Without the recommendations, whose models are fitted for every month: a minute of work for tests that look at one.
    """
    source = shared_data("online_retail.parquet")
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = base / "online_retail"
    with _once(base / "online_retail.once") as is_mine:
        if is_mine:
            (home / "landing" / "orders").mkdir(parents=True)
            (home / "landing" / "orders" / source.name).write_bytes(source.read_bytes())
            with open_lake(home / "lake", threads=1) as connection:
                prepare(connection)
                take_in(connection, home / "landing", reading)
                make_all(
                    connection, [name for name in shop_graph.nodes if not name.startswith("recommendations.")]
                )
    return home / "lake"
