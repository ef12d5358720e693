"""`python -m bench [NAME ...]`: measure, print a table, write bench/results.json."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from bench.measures import MEASURES, Measurement

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure what was named, or all."""
    wanted = sys.argv[1:] or list(MEASURES)
    if unknown := set(wanted) - set(MEASURES):
        sys.exit(f"There is no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}.")
    found: list[Measurement] = []
    for name in wanted:
        print(f"{name}: {MEASURES[name].__doc__}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="tillage-bench-") as folder:
            found += MEASURES[name](Path(folder))
    grid = Grid(box=None, pad_edge=False)
    for title in ("name", "ours", "other", "ratio", "unit", "rows", "compared with"):
        grid.add_column(title, justify="left" if title in {"name", "unit", "compared with"} else "right")
    for one in found:
        grid.add_row(
            one.name,
            f"{one.ours:,.2f}",
            f"{one.other:,.2f}",
            f"{one.ratio:.2f}",
            one.unit,
            f"{one.rows:,}",
            one.against,
        )
    Console(width=160).print(grid)
    RESULTS.write_text(
        json.dumps([{**asdict(one), "ratio": round(one.ratio, 4)} for one in found], indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
