"""A backup brings back what was there, whatever happened to the home and whatever went on while it was made."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.make import read_plan
from warehouse import backup as module
from warehouse.backup import backup, restore
from warehouse.check import check
from warehouse.errors import TillageError
from warehouse.intake import new_files, take_in
from warehouse.lake import in_transaction, open_lake, snapshot
from warehouse.records import Record, insert, prepare, write_versions
from warehouse.tables import TABLES, models

ROOT = Path(__file__).parents[2]
# Of the seeds those that core is made of: each table takes its time in every backup, and all are treated alike.
MADE = ("seeds.not_goods", "seeds.categories", "core.order_lines", "core.customer_months")
LOOKED_AT = {name: table for name, table in TABLES.items() if name in MADE or not table.is_made}
MODEL = "models/segments.clusters/2011-01-01-a.skops"


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
    make_all: Callable[..., Any],
    csv_text: Callable[..., str],
    order_row: Callable[..., Any],
    reading: Any,
) -> Path:
    """Two months of core, a seed of the shop's own, a setting and a model; not to be written."""
    home = tmp_path_factory.mktemp("made") / "home"
    (home / "landing" / "orders").mkdir(parents=True)
    rows = [order_row(f"5363{n}", sold_at=f"{1 + n % 2}/4/2011 9:00") for n in range(60)]
    (home / "landing" / "orders" / "till.csv").write_text(csv_text([*rows, order_row(quantity="x")]))
    (home / "tillage.toml").write_text('timezone = "Europe/London"\n')
    (home / "seeds").mkdir()
    (home / "seeds" / "own.csv").write_text("a\n1\n")
    (home / MODEL).parent.mkdir(parents=True)
    (home / MODEL).write_bytes(b"a model")
    with open_lake(home / "lake") as lake:
        prepare(lake)
        take_in(lake, home / "landing", reading)
        make_all(lake, MADE)
        row = {"name": "segments.clusters", "as_of": "2011-01-01", "code_version": "c", "data_version": "d"}
        row |= {"snapshot": snapshot(lake), "parameters": "{}", "metrics": "{}", "path": MODEL}
        insert(lake, models.REGISTRY, [row])
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A home of the same."""
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def shop(lake: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Its lake."""
    return lake


def rows_of(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Every row of every table, as a sum of hashes."""
    names = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
    ).fetchall()
    return {
        f"{schema}.{name}": connection.execute(
            f"SELECT count(*), sum(hash(s)::HUGEINT) FROM lake.{schema}.{name} AS s"
        ).fetchone()
        for schema, name in names
    }


def problems(home: Path) -> list[str]:
    with open_lake(home / "lake", read_only=True) as lake:
        return list(check(lake, home / "lake", LOOKED_AT, time.time()))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "weekly"


def test_what_is_restored_is_what_was_backed_up_and_nothing_is_to_be_done(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path, reading: Any, shop_graph: Any
) -> None:
    backup(shop, there)
    again = tmp_path / "elsewhere" / "home"
    restore(there, again)
    for path in ("tillage.toml", "seeds/own.csv", MODEL, "landing/orders/till.csv"):
        assert (again / path).read_bytes() == (home / path).read_bytes()
    assert problems(again) == []
    with open_lake(again / "lake") as restored:
        assert rows_of(restored) == rows_of(shop)
        assert snapshot(restored) == snapshot(shop)
        assert new_files(restored, again / "landing", reading) == []
        stale, was = (read_plan(lake, shop_graph).stale("core.order_lines") for lake in (restored, shop))
        assert stale == was == {}
        restored.execute("DELETE FROM core.order_lines")
    assert not list(again.glob(".*"))


def test_again_it_copies_what_is_new_and_drops_what_is_gone(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, orders: Path, tmp_path: Path
) -> None:
    first = backup(shop, there)
    again = backup(shop, there)
    assert (again.files, again.unchanged) == (0, first.files)
    (orders / "till.csv").unlink()
    (orders / "next.csv").write_text("later\n")
    (home / "tillage.toml").write_text('timezone = "Europe/Paris"\n')
    record = {None: Record("1", "", "")}
    in_transaction(shop, lambda: write_versions(shop, "core.x", record, None))
    assert backup(shop, there).files == 3
    restore(there, tmp_path / "again")
    assert [file.name for file in (tmp_path / "again" / "landing" / "orders").iterdir()] == ["next.csv"]
    assert (tmp_path / "again" / "tillage.toml").read_text() == 'timezone = "Europe/Paris"\n'
    with open_lake(tmp_path / "again" / "lake", read_only=True) as restored:
        assert rows_of(restored) == rows_of(shop)


def test_it_is_whole_while_runs_go_on(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path
) -> None:
    """Two tables are written by one transaction each time: a backup that tore them would hold unequal numbers."""
    code = (
        "import sys; from pathlib import Path; from warehouse.lake import open_lake, in_transaction\n"
        "from warehouse.records import Record, write_versions\n"
        "with open_lake(Path(sys.argv[1])) as c:\n"
        "    n = 0\n"
        "    while True:\n"
        "        n += 1\n"
        "        def both():\n"
        "            write_versions(c, 'a', {None: Record(str(n), '', '', n)}, None)\n"
        "            c.execute('INSERT INTO landing.quarantine VALUES (?, ?, ?, [])', ['a', n, ''])\n"
        "        in_transaction(c, both)\n"
        "        print(n, flush=True)\n"
    )
    command = [sys.executable, "-c", code, home / "lake"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for number in range(3):
                process.stdout.readline()
                backup(shop, there)
                again = tmp_path / f"again{number}"
                restore(there, again)
                with open_lake(again / "lake", read_only=True) as restored:
                    (written,) = restored.execute(
                        'SELECT max("rows") FROM meta.versions WHERE "table" = \'a\''
                    ).fetchone() or (0,)
                    noted = restored.execute(
                        "SELECT max(row), count(*) FROM landing.quarantine WHERE file_id = 'a'"
                    )
                    assert noted.fetchone() == (written, written)
                    assert written > 0
        finally:
            process.kill()  # it ends by nothing else: a test that fails would wait for it


def flip(file: Path) -> None:
    """Damage a file in its place, its size and times as they were."""
    was = file.stat()
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(byte ^ 0xFF for byte in content[4 : len(content) // 2])
    file.write_bytes(content)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def spoil_catalog(home: Path) -> None:
    for log in (home / "lake").glob("catalog.sqlite-*"):
        log.unlink()
    catalog = home / "lake" / "catalog.sqlite"
    content = catalog.read_bytes()
    catalog.write_bytes(content[:4096] + b"\xff" * 16384 + content[20480:])


DAMAGE: dict[str, Callable[[Path], None]] = {
    "lines flipped": lambda home: flip(next((home / "lake/data/core/order_lines").rglob("*.parquet"))),
    "landing flipped": lambda home: flip(next((home / "lake/data/landing/orders").rglob("*.parquet"))),
    "landing missing": lambda home: next((home / "lake/data/landing/orders").rglob("*.parquet")).unlink(),
    "files flipped": lambda home: flip(next((home / "lake/data/landing/files").rglob("*.parquet"))),
    "quarantine missing": lambda home: next((home / "lake/data/landing/quarantine").rglob("*.parquet")).unlink(),
    "records flipped": lambda home: flip(next((home / "lake/data/meta/versions").rglob("*.parquet"))),
    "model missing": lambda home: (home / MODEL).unlink(),
    "catalog": spoil_catalog,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_the_backup_has_none_of_it(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path, damage: str
) -> None:
    """A backup whose files were links to those of the home would be damaged with it."""
    before = rows_of(shop)
    broken = tmp_path / "broken"
    shutil.copytree(home, broken, ignore=shutil.ignore_patterns("tmp", "extensions"))
    with open_lake(broken / "lake") as lake:
        backup(lake, there)
    DAMAGE[damage](broken)
    with open_lake(there / "lake", read_only=True) as copied:
        assert rows_of(copied) == before
    try:
        found = problems(broken)
    except TillageError as error:
        found = [str(error)]
    assert found, "nothing was found"
    assert "tillage restore" in found[0]
    broken.rename(tmp_path / "moved away")
    restore(there, broken)
    assert problems(broken) == []


def test_a_damaged_lake_is_not_backed_up_over_a_good_one(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path
) -> None:
    backup(shop, there)
    record = {None: Record("1", "", "")}
    in_transaction(shop, lambda: write_versions(shop, "core.x", record, None))
    files = (home / "lake" / "data" / "meta" / "versions").rglob("*.parquet")
    with max(files, key=lambda file: file.stat().st_mtime_ns).open("ab") as file:
        file.write(b"x")
    with pytest.raises(TillageError, match=r"is damaged: it has \d+ bytes and was written with"):
        backup(shop, there)
    restore(there, tmp_path / "again")
    assert problems(tmp_path / "again") == []


@pytest.mark.parametrize("after", [0, 2, 6])
def test_a_kill_leaves_the_backup_before_and_a_restore_goes_on(
    shop: duckdb.DuckDBPyConnection, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    backup(shop, there)
    before = rows_of(shop)
    for number in range(8):
        record = {None: Record(str(number), "", "")}
        in_transaction(shop, lambda record=record: write_versions(shop, "core.x", record, None))
    left = [after]
    copy = shutil.copy2

    def die(source: Path, target: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copy2", die)
        with pytest.raises(KeyboardInterrupt):
            backup(shop, there)
    again = tmp_path / "again"
    left[0] = after
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copy2", die)
        with pytest.raises(KeyboardInterrupt):
            restore(there, again)
    assert not (again / "lake" / "catalog.sqlite").exists(), "a home half restored is no home yet"
    restore(there, again)
    with open_lake(again / "lake", read_only=True) as restored:
        assert rows_of(restored) == before
    backup(shop, there)
    assert len(list((there / "lake" / "data" / "meta").rglob("*.parquet"))) > 8


def test_a_landing_file_that_goes_away_meanwhile_is_left_out(
    shop: duckdb.DuckDBPyConnection, orders: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (orders / "zz.csv").write_text("a\n")
    copy = shutil.copy2

    def go_away(source: Path, target: Path) -> None:
        if source.name == "till.csv":
            source.unlink()
        copy(source, target)

    monkeypatch.setattr(module.shutil, "copy2", go_away)
    backup(shop, there)
    assert [file.name for file in (there / "landing" / "orders").iterdir()] == ["zz.csv"]


def test_folders_that_will_not_do_are_told(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path
) -> None:
    with pytest.raises(TillageError, match="lies in the home"):
        backup(shop, home / "backup")
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "mine.txt").write_text("mine")
    with pytest.raises(TillageError, match="holds other files, and is no backup"):
        backup(shop, strange)
    with pytest.raises(TillageError, match="is no backup"):
        restore(strange, tmp_path / "again")
    backup(shop, there)
    with pytest.raises(TillageError, match="is not empty, and nothing in it is overwritten"):
        restore(there, home)
    assert (strange / "mine.txt").read_text() == "mine"
    next((there / "lake" / "data" / "core").rglob("*.parquet")).unlink()
    with pytest.raises(TillageError, match=r"could not be restored from .* No such file"):
        restore(there, tmp_path / "again")


def test_a_disk_that_is_full_is_told_and_the_backup_before_stays(
    shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path
) -> None:
    """No file may grow beyond 64 kB, as if that were all the room."""
    backup(shop, there)
    (home / "landing" / "orders" / "large.csv").write_bytes(b"x" * 200_000)
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from warehouse.lake import open_lake; from warehouse.backup import backup\n"
        "with open_lake(Path(sys.argv[1]), read_only=True) as connection:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    try: backup(connection, Path(sys.argv[2]))\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    (home / "landing" / "orders" / "larger.csv").write_bytes(b"x" * 400_000)
    done = subprocess.run(
        [sys.executable, "-c", code, home / "lake", there],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"TillageError The backup into {there} failed: ")
    restore(there, tmp_path / "again")
    assert problems(tmp_path / "again") == []


def test_the_commands(
    tillage: Callable[..., Any], shop: duckdb.DuckDBPyConnection, home: Path, there: Path, tmp_path: Path
) -> None:
    assert "There is no warehouse" in tillage("backup", str(there), at=tmp_path / "none").err
    assert "There is no warehouse" in tillage("maintain", at=tmp_path / "none").err
    said = tillage("maintain")
    assert (said.code, "snapshots expired" in said.out) == (0, True), said.err
    said = tillage("backup", str(there))
    assert said.code == 0, said.err
    assert f"the lake as of snapshot {snapshot(shop)}" in said.out
    again = tmp_path / "again"
    said = tillage("restore", str(there), at=again)
    assert said.code == 0, said.err
    assert "The lake is as it promises" in tillage("check", at=again).out
    assert "is not empty" in tillage("restore", str(there), at=again).err
    assert sorted(file.suffix for file in (again / "dagster").rglob("*.db")), (
        "the history of runs comes with it"
    )
