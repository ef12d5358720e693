"""A machine that dies costs a retry: whatever moment a run is killed at, the next one goes on to the same end."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SELECT = "+key:core/customer_months or key:landing/files"


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 200])
def test_a_run_killed_at_any_moment_ends_as_one_that_was_not(
    tmp_path: Path, small_shop: dict[date, str], empty_history: Path, kills: int
) -> None:
    """Nothing is lost, nothing doubled, and no file or folder stays once maintenance was there."""
    template = tmp_path / "template"
    (template / "landing" / "orders").mkdir(parents=True)
    shutil.copytree(empty_history, template / "dagster")
    for month, text in list(small_shop.items())[:2]:
        (template / "landing" / "orders" / f"till_{month:%Y-%m}.csv").write_text(text, encoding="latin-1")
    program = [sys.executable, str(ROOT / "tests" / "integration" / "killed_runs.py"), template, tmp_path]
    process = subprocess.run(
        [*program, str(kills), str(kills), SELECT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TILLAGE_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    sound, *killed = map(json.loads, process.stdout.splitlines())
    assert len(killed) == kills
    assert sum(one["was_killed"] for one in killed) >= kills // 3, "most were killed before they ended"
    assert sound["rows"]["core.customer_months"][0] > 0
    for one in killed:
        for what in ("rows", "versions", "files"):
            assert one[what] == sound[what], (one["after"], what)
        assert (one["wrong"], one["spills"]) == ([], 1), one["after"]
