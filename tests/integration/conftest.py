"""The command line as a person uses it, within the test's process."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from pipelines import cli
from simulator import write


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine reaches a test, and none of a test's reaches the next."""
    for name in [name for name in os.environ if name.startswith(("TILLAGE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tillage(
    home: Path,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Said]:
    """Run `tillage ...` on `home`."""

    def run(*arguments: str, at: Path = home) -> Said:
        monkeypatch.setattr(sys, "argv", ["tillage", "--home", str(at), *arguments])
        monkeypatch.setattr(cli, "STATE", cli._State())
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> dict[date, str]:
    """Four months of a small shop: the text of each month's file."""
    home = tmp_path_factory.mktemp("shop")
    written = write(home, months=4, customers=60, seed=3, first_month=date(2011, 1, 1))
    texts = [file.read_text(encoding="latin-1") for file in sorted(written.files)]
    return {date(2011, month, 1): text for month, text in enumerate(texts, 1)}
