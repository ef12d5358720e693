"""The SQLite file of the catalog, handled from a process of its own.

DuckDB has a SQLite of its own. A second one in the same process would, when it closes the file, let go the locks that
DuckDB's holds (POSIX locks are a process's, not a file descriptor's), and a third process could then take the
write-ahead log away under it.
"""

import json
import subprocess
import sys
from pathlib import Path

from warehouse.errors import TillageError

COPY = """
source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
target = sqlite3.connect(sys.argv[2])
source.backup(target)
target.close()
said = []
"""
INTEGRITY = """
catalog = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
said = [row[0] for row in catalog.execute("PRAGMA integrity_check") if row[0] != "ok"]
"""
VACUUM = """
catalog = sqlite3.connect(path, timeout=20, isolation_level=None)
catalog.execute("VACUUM")
said = ["others were reading"] if catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] else []
"""


def copy(catalog: Path, target: Path) -> None:
    """Copy the catalog in one snapshot of it, while others write; the copy is one plain file."""
    target.unlink(missing_ok=True)
    _run(COPY, catalog, target)


def damages(catalog: Path) -> list[str]:
    """Give what SQLite finds wrong with the file."""
    return _run(INTEGRITY, catalog)


def vacuum(catalog: Path) -> None:
    """Write the file anew: what was deleted from it stands in its free pages till then."""
    if said := _run(VACUUM, catalog):
        raise TillageError(
            f"The catalog {catalog} could not be written anew: {said[0]} all the time. Try it again."
        )


def _run(code: str, *arguments: Path) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [
            sys.executable,
            "-c",
            f"import json, sqlite3, sys; from pathlib import Path; path = Path(sys.argv[1])\n{code}\nprint(json.dumps(said))",
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TillageError(f"The catalog {arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    return [str(one) for one in json.loads(done.stdout)]
