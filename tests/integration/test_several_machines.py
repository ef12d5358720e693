"""Several machines, by settings alone: catalog and history in PostgreSQL, files in an object store; the same rows."""

import csv
import io
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from pipelines.settings import load
from warehouse.errors import NoLakeError, TillageError
from warehouse.files import data_files, stored_files
from warehouse.maintenance import maintain

WALK = ("--select", "+key:core/customer_months or key:landing/files")
ROWS = "SELECT month, customer_id, orders, amount FROM core.customer_months ORDER BY ALL"


@pytest.fixture
def on_postgres(environment: None, postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The setting, in the environment; the password there, too."""
    monkeypatch.setenv("TILLAGE_POSTGRES", postgres)
    return postgres


@pytest.mark.slow  # the same commands are run on PostgreSQL and an object store below
@pytest.mark.usefixtures("unjudged")
def test_a_home_on_postgresql_is_used_as_any_other(
    tillage: Callable[..., Any],
    small_shop: dict[date, str],
    tmp_path: Path,
    on_postgres: str,
    lake: duckdb.DuckDBPyConnection,
    make_all: Callable[..., Any],
    intake: Callable[..., Any],
    orders: Path,
) -> None:
    """Nothing of it is in a SQLite file, and the password nowhere."""
    home = tmp_path / "on postgres"
    (home / "landing" / "orders").mkdir(parents=True)
    texts = list(small_shop.items())[:2]
    for month, text in texts:
        for folder in (home / "landing" / "orders", orders):
            (folder / f"{month}.csv").write_text(text, encoding="latin-1")
    for command in (("status",), ("query", "SELECT 1"), ("maintain",)):
        assert "There is no warehouse" in tillage(*command, at=home).err
    said = tillage("run", *WALK, at=home)
    assert said.code == 0, said.err
    found = tillage("query", "--format", "csv", ROWS, at=home)
    intake()
    make_all(lake, ("seeds.not_goods", "seeds.categories", "core.order_lines", "core.customer_months"))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        [["month", "customer_id", "orders", "amount"], *lake.execute(ROWS).fetchall()]
    )
    assert found.out == text.getvalue()
    assert len(found.out.splitlines()) > 10
    again = tillage("run", *WALK, at=home)
    assert again.code == 0
    assert again.out.startswith("Nothing to do in what was asked for; outside of it wait "), again.out
    assert "current" in tillage("status", at=home).out
    assert tillage("maintain", at=home).code == 0
    assert "The lake is as it promises" in tillage("check", at=home).out
    assert "`pg_dump` of that database" in tillage("backup", str(tmp_path / "backup"), at=home).err
    names = {file.name for file in home.rglob("*") if file.is_file()}
    assert not {name for name in names if name.endswith((".sqlite", ".db"))}
    assert not list((home / "lake").glob("catalog*"))
    for file in home.rglob("*"):
        assert not file.is_file() or b"geheim" not in file.read_bytes(), file


@pytest.mark.slow
@pytest.mark.usefixtures("unjudged")
def test_a_dump_and_a_copy_made_after_it_are_a_backup(
    tillage: Callable[..., Any],
    small_shop: dict[date, str],
    tmp_path: Path,
    on_postgres: str,
    postgres_programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As docs/how-to-go-on.md has it: files that were let go between the two are still there, and so is the history."""
    home, copy = tmp_path / "on postgres", tmp_path / "copy"
    (home / "landing" / "orders").mkdir(parents=True)
    (january, text), (february, more), *_ = small_shop.items()
    (home / "landing" / "orders" / f"{january}.csv").write_text(text, encoding="latin-1")
    assert tillage("run", *WALK, at=home).code == 0
    rows = tillage("query", "--format", "csv", ROWS, at=home).out
    dump = tmp_path / "catalog.dump"
    programs = {name: str(postgres_programs / name) for name in ("pg_dump", "createdb", "pg_restore")}
    subprocess.run([programs["pg_dump"], "-Fc", "-f", dump, on_postgres], check=True)

    # Between the dump and the copy runs go on, and files are merged.
    (home / "landing" / "orders" / f"{february}.csv").write_text(more, encoding="latin-1")
    assert tillage("run", *WALK, at=home).code == 0
    assert tillage("maintain", at=home).code == 0
    shutil.copytree(home, copy)
    other = f"{on_postgres}_again"
    subprocess.run([programs["createdb"], "--maintenance-db", on_postgres, Path(other).name], check=True)
    subprocess.run([programs["pg_restore"], "-d", other, dump], check=True)
    monkeypatch.setenv("TILLAGE_POSTGRES", other)
    assert tillage("query", "--format", "csv", ROWS, at=copy).out == rows
    assert "The lake is as it promises" in tillage("check", at=copy).out
    # What was dropped since lies in landing/, and is taken in again.
    assert tillage("run", *WALK, at=copy).code == 0
    again = tillage("query", "--format", "csv", ROWS, at=copy).out
    monkeypatch.setenv("TILLAGE_POSTGRES", on_postgres)
    assert again == tillage("query", "--format", "csv", ROWS, at=home).out != rows


def test_old_snapshots_and_files_go_there_too(tmp_path: Path, on_postgres: str) -> None:
    from warehouse.lake import in_transaction
    from warehouse.records import Record, prepare, read_versions, write_versions

    settings = load(tmp_path / "home")
    for _ in range(2):  # to look makes none
        with pytest.raises(NoLakeError), settings.open_lake(create=False):
            pass
    with settings.open_lake() as connection:
        prepare(connection)
        for number in range(6):
            record = {None: Record(str(number), "", "", number)}
            in_transaction(connection, lambda record=record: write_versions(connection, "a", record, None))
    with settings.open_lake(create=False) as connection:
        now = datetime.now(UTC)
        done = maintain(connection, keep=timedelta(days=30), now=now)
        assert (done.merged, done.deleted) == ({"meta.versions": (6, 1)}, 0)
    with settings.open_lake() as connection:
        done = maintain(connection, keep=timedelta(days=30), now=now + timedelta(days=40))
        assert len(done.expired) >= 6
        assert done.deleted == 6
        assert read_versions(connection)["a", None].version == "5"


@pytest.mark.usefixtures("unjudged", "on_postgres")
def test_a_lake_whose_files_are_in_an_object_store_is_used_as_any_other(
    tillage: Callable[..., Any],
    small_shop: dict[date, str],
    tmp_path: Path,
    s3: str,
    object_store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No row lies in the home, what is let go is deleted there, too, and who may use it is told nowhere."""
    home = tmp_path / "in an object store"
    (home / "landing" / "orders").mkdir(parents=True)
    (home / "tillage.toml").write_text(
        f's3 = "{s3}"\ns3_endpoint = "{object_store}"\ns3_region = "us-east-1"\n'
    )
    month, text = next(iter(small_shop.items()))
    (home / "landing" / "orders" / f"{month}.csv").write_text(text, encoding="latin-1")
    said = tillage("run", *WALK, at=home)
    assert said.code == 0, said.err
    assert not list(home.rglob("*.parquet"))

    # Cages hold: it reads the lake, and no other file.
    rows = tillage("query", "--format", "csv", ROWS, at=home)
    assert len(rows.out.splitlines()) > 10
    outside = tillage("query", f"SELECT * FROM read_csv('{home}/landing/orders/{month}.csv')", at=home)
    assert outside.code == 1
    assert "disabled by configuration" in outside.err
    customer = rows.out.splitlines()[1].split(",")[1]
    assert "The lake is as it promises" in tillage("check", at=home).out

    # What nobody names is deleted, and what was lost is told.
    settings = load(home)
    with settings.open_lake() as connection:
        there = {path: file.size for path, file in stored_files(connection).items()}
        assert data_files(connection) == there
        connection.execute(f"COPY (SELECT 1 AS a) TO '{s3}/landing/orphan.parquet'")
        now = datetime.now(UTC)
        assert maintain(connection, keep=timedelta(days=30), now=now).orphans == 0
        done = maintain(connection, keep=timedelta(days=30), now=now + timedelta(days=40))
        assert (done.orphans, done.deleted > 0) == (1, True)
        assert stored_files(connection).keys() == data_files(connection).keys()
    assert tillage("query", "--format", "csv", ROWS, at=home).out == rows.out
    assert tillage("forget", "--yes", customer, at=home).code == 0
    assert f",{customer}," not in tillage("query", "--format", "csv", ROWS, at=home).out
    assert f"{home} and {s3}/" in " ".join(tillage("backup", str(tmp_path / "copy"), at=home).err.split())
    with settings.open_lake() as connection:
        lost = next(iter(data_files(connection)))
    _client(object_store).delete_object(Bucket=s3.split("/")[2], Key=f"warehouse/{lost}")
    assert f"{s3}/{lost} is missing" in tillage("check", at=home).err.replace("\n", "")
    for file in home.rglob("*"):
        assert not file.is_file() or b"geheim" not in file.read_bytes(), file


@pytest.mark.slow
@pytest.mark.usefixtures("unjudged", "on_postgres")
@pytest.mark.parametrize("is_stored", [False, True])
def test_months_that_files_take_back_go_from_there_and_come_again_as_they_were(
    tillage: Callable[..., Any],
    small_shop: dict[date, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    is_stored: bool,
) -> None:
    """One in the middle, and the last: whole months are let go there as on a disk."""
    home = tmp_path / "elsewhere"
    (home / "landing" / "orders").mkdir(parents=True)
    if is_stored:
        s3, endpoint = request.getfixturevalue("s3"), request.getfixturevalue("object_store")
        (home / "tillage.toml").write_text(
            f's3 = "{s3}"\ns3_endpoint = "{endpoint}"\ns3_region = "us-east-1"\n'
        )
    january, february, march = list(small_shop)[:3]
    lines_of = "SELECT month, count(*), sum(amount) FROM core.order_lines GROUP BY month ORDER BY month"

    def rows(*files: date) -> list[str]:
        for month in (january, february, march):
            text = small_shop[month] if month in files else small_shop[month].splitlines(keepends=True)[0]
            (home / "landing" / "orders" / f"{month}.csv").write_text(text, encoding="latin-1")
        said = tillage("run", *WALK, at=home)
        assert said.code == 0, said.err
        assert tillage("run", *WALK, at=home).out.startswith("Nothing to do in what was asked for"), (
            "it settles"
        )
        assert tillage("check", at=home).code == 0
        return [tillage("query", "--format", "csv", asked, at=home).out for asked in (lines_of, ROWS)]

    whole = rows(january, february, march)
    for left in ((january, march), (january, february), (january,)):
        few = rows(*left)
        for told, of in zip(few, whole, strict=True):
            header, *lines = of.splitlines(keepends=True)
            kept = [line for line in lines if date.fromisoformat(line[:10]) in left]
            assert 0 < len(kept) < len(lines)
            assert told == "".join([header, *kept])
    assert rows(january, february, march) == whole


def _client(object_store: str) -> Any:
    return boto3.client("s3", endpoint_url=object_store, region_name="us-east-1")


@pytest.mark.usefixtures("on_postgres")
def test_a_store_that_nobody_may_use_is_told(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TILLAGE_S3", s3)
    settings = load(tmp_path / "home")
    with pytest.raises(TillageError, match="Nothing says who may use s3://shop-"), settings.open_lake():
        pass


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('s3 = "s3://shop/lake"', "`postgres` was expected beside it"),
        ('postgres = "postgresql://t@db/shop"\ns3 = "shop/lake"', "s3://bucket/folder was expected"),
        (
            'postgres = "postgresql://t@db/shop"\ns3 = "s3://key:geheim@shop/lake"',
            "s3://bucket/folder was expected",
        ),
        ('s3_endpoint = "http://key:geheim@store:9000"', "a URL such as http://store:9000 was expected"),
    ],
)
def test_a_store_that_is_none_is_refused(tmp_path: Path, environment: None, text: str, said: str) -> None:
    (tmp_path / "tillage.toml").write_text(text)
    with pytest.raises(TillageError) as told:
        load(tmp_path)
    assert said in str(told.value)
    assert "geheim" not in str(told.value)


def test_a_server_that_does_not_answer_is_told_without_the_password(
    tmp_path: Path, on_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong-geheim")
    settings = load(tmp_path / "home")
    with pytest.raises(TillageError, match=r"cannot be reached: .*PGPASSWORD") as told, settings.open_lake():
        pass
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://tillage:geheim@db/shop", "a password was found in it"),
        ("postgresql://tillage@db/shop?password=geheim", "a password was found in it"),
        ("mysql://tillage@db/shop?x=geheim", "a URL such as postgresql://user@host"),
        ("geheim", "a URL such as postgresql://user@host"),
    ],
)
def test_a_password_in_a_setting_is_refused_and_not_repeated(
    tmp_path: Path, environment: None, url: str, said: str
) -> None:
    """What stands in a file is copied into backups, tickets and logs."""
    (tmp_path / "tillage.toml").write_text(f'postgres = "{url}"\n')
    with pytest.raises(TillageError, match="A setting is wrong: postgres: ") as told:
        load(tmp_path)
    assert said in str(told.value)
    assert "geheim" not in str(told.value)
