"""The rules of the house that a reader relies on."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from assets.graph import graph
from expectations.rules import BUSINESS
from pipelines.docs import DOCS, pages
from warehouse.contract import SQL_DIR
from warehouse.tables import TABLES

ROOT = Path(__file__).parents[2]
# Each may import those before it.
ORDER = ("warehouse", "resources", "expectations", "assets", "pipelines")
SOURCES = [file for package in (*ORDER, "simulator") for file in sorted((ROOT / package).rglob("*.py"))]


def imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""


def test_imports_go_one_way():
    for file in SOURCES:
        package = file.relative_to(ROOT).parts[0]
        allowed = ORDER[: ORDER.index(package) + 1] if package in ORDER else (package,)
        allowed = (*allowed, "simulator") if package == "pipelines" else allowed
        for name in imported(file):
            top = name.split(".")[0]
            assert top in allowed or top not in (*ORDER, "simulator"), f"{file} imports {name}"


def test_only_the_glue_knows_dagster():
    for file in SOURCES:
        path = file.relative_to(ROOT)
        is_glue = path.name == "asset.py" or path.parts[0] in {"resources", "pipelines"}
        if not is_glue:
            assert not any(name.split(".")[0].startswith("dagster") for name in imported(file)), file


def test_only_settings_reads_the_environment():
    readers = {file.relative_to(ROOT).as_posix() for file in SOURCES if "os.environ" in file.read_text()}
    # The audit sets a switch that its library reads when it is imported.
    assert readers == {"pipelines/settings.py", "expectations/audit.py"}


def test_table_contract_and_sql_bear_one_name(tmp_path):
    queries = {file.relative_to(SQL_DIR).with_suffix("").as_posix() for file in SQL_DIR.rglob("*.sql")}
    made = graph(tmp_path).nodes
    asked = (TABLES[name] for name in made if not name.startswith("seeds."))
    assert queries == {
        f"{table.schema}/{name}" for table in asked for name in table.query_of or (table.name,)
    }
    for name, table in TABLES.items():
        assert name == f"{table.schema}.{table.name}"
        assert set(table.primary_key) <= set(table.shape), name
    assert set(BUSINESS) <= set(made)


def test_generated_pages_are_up_to_date():
    """Else the dictionary tells of columns that are no more; `make docs` writes them."""
    for name, text in pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name}: run `make docs`"


def test_every_package_is_listed_in_the_distribution():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    there = {".".join(file.parent.relative_to(ROOT).parts) for file in SOURCES if file.name == "__init__.py"}
    assert set(settings["packages"]) == there


def test_the_wheel_ships_what_is_no_python(tmp_path):
    """An installed Tillage without its SQL would fail at its first table."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            ROOT,
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    kinds = {".sql", ".csv", ".toml"}
    wanted = {
        file.relative_to(ROOT).as_posix() for file in (ROOT / "warehouse").rglob("*") if file.suffix in kinds
    }
    assert wanted
    assert wanted <= shipped


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_no_address(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    # No option stands in it: one might name where packages come from.
    assert not re.findall(r"^\s*-(?!-hash=sha256:).*", text, re.MULTILINE)
    pinned = re.findall(
        r"^[a-z0-9][\w.\[\],-]*==\S+.*$(?:\n    --hash=sha256:\w{64}.*$)*", text, re.MULTILINE
    )
    assert len(pinned) > 80
    assert all("--hash=sha256:" in one for one in pinned)
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for requirement in direct:
        name = re.split(r"[\[<>=]", requirement)[0].lower()
        assert re.search(rf"^{name}(\[.*\])?==", text, re.MULTILINE), requirement
