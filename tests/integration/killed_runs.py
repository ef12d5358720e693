"""Kill runs of a home at random moments, let each go on, and tell what came of it: a line of JSON a kill.

A process of its own, that loads every library once and forks: so a kill costs the run alone.
"""

import faulthandler
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pipelines.definitions
import pipelines.instance  # noqa: F401 - loaded once, before the forks
from expectations.audit import load as load_audit
from pipelines.run import Progress, Wanted, run
from pipelines.settings import load
from warehouse.check import check
from warehouse.lake import open_lake
from warehouse.maintenance import maintain
from warehouse.records import read_versions
from warehouse.tables import TABLES

# Of landing.files what does not tell when it was.
FILES = (
    "SELECT path, file_id, state, rows_read, rows_accepted, rows_quarantined FROM landing.files ORDER BY ALL"
)


def make(home: Path, select: str) -> None:
    """Run, to the end."""
    outcome = run(load(home), Wanted(select), Progress())
    if outcome.troubles:
        raise RuntimeError(" ".join(outcome.troubles))


def look(home: Path) -> dict[str, Any]:
    """Every row of the home as sums of hashes, and what is wrong once maintenance was there three days later."""
    with open_lake(home / "lake") as lake:
        later = datetime.now(UTC) + timedelta(days=3)
        done = maintain(lake, keep=timedelta(days=30), now=later)
        records = read_versions(lake)
        names = {"landing.orders", "landing.quarantine", *(name for name, _ in records)}
        rows = {
            name: lake.execute(
                f"SELECT count(*), CAST(sum(hash({', '.join(TABLES[name].shape)})::HUGEINT) AS VARCHAR) FROM {name}"
            ).fetchone()
            for name in sorted(names)
        }
        versions = sorted((str(key), at.version, at.inputs) for key, at in records.items())
        return {
            "rows": rows,
            "versions": versions,
            "files": lake.execute(FILES).fetchall(),
            "orphans": done.orphans,
            "wrong": list(check(lake, home / "lake", TABLES, later.timestamp())),
            "spills": len(list((home / "lake" / "tmp").glob("*-*/"))),
        }


def forked(work: Callable[[], Any], into: Path) -> int:
    """Start work in a process of its own, which leaves what it gives in a file."""
    into.unlink(missing_ok=True)
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        into.write_text(json.dumps(work()))
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent tells
        into.write_text(json.dumps(f"{type(error).__name__}: {error}"))
    finally:
        os._exit(code)


def ended(child: int, into: Path) -> Any:
    """Wait for it."""
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"it ended with {status}: {into.read_text() if into.exists() else 'nothing said'}")
    return json.loads(into.read_text())


def tell(what: dict[str, Any]) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(template: Path, folder: Path, kills: int, seed: int, select: str) -> None:
    """Kill so many runs of copies of a home; the first line tells of one that was not killed."""
    faulthandler.enable()
    load_audit()
    told = folder / "told.json"
    sound = folder / "sound"
    shutil.copytree(template, sound)
    begun = time.monotonic()
    ended(forked(lambda: make(sound, select), told), told)
    took = time.monotonic() - begun
    tell({"took": took, **ended(forked(lambda: look(sound), told), told)})
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(kills):
        home = folder / f"killed-{number}"
        shutil.copytree(template, home)
        child = forked(lambda home=home: make(home, select), told)
        after = chance.uniform(0, took)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        ended(forked(lambda home=home: make(home, select), told), told)
        seen = ended(forked(lambda home=home: look(home), told), told)
        tell({"after": after, "was_killed": os.WIFSIGNALED(status), **seen})
        shutil.rmtree(home)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
