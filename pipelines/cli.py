"""The command line: a thin face on Dagster and the lake."""

import csv
import json
import math
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.table import Table as Grid

from pipelines import collect_seldom
from pipelines.overlooked import overlooked
from pipelines.run import Outcome, Progress, Todo, Wanted, lake_if_any, todo
from pipelines.run import run as run_all
from pipelines.settings import Settings, export_environment, load, strange_variables
from warehouse.backup import Copied
from warehouse.backup import backup as backup_home
from warehouse.backup import restore as restore_home
from warehouse.check import check as check_lake
from warehouse.errors import TillageError
from warehouse.export import chosen
from warehouse.export import export as export_tables
from warehouse.forget import expect as expect_customer
from warehouse.forget import forget as forget_customer
from warehouse.forget import is_known as is_forgotten
from warehouse.forget import traces
from warehouse.intake import SOURCES, disagreements
from warehouse.intake import forget_file as take_back
from warehouse.lake import is_interrupted
from warehouse.lake import select as select_only
from warehouse.maintenance import maintain as maintain_lake
from warehouse.plan import next_month
from warehouse.records import Refusals, prepare, read_refusals, read_versions
from warehouse.tables import TABLES
from warehouse.words import counted, few, span

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From the receipts of a shop's till to a validated warehouse and every retail analytic.",
    epilog="--home, --quiet and --debug may stand before or after the command's name.",
)
SHOWN_ROWS = 1_000
SHOWN_LINES = 10
EVERYWHERE = {"--home": True, "--quiet": False, "--debug": False}  # whether a value follows


@dataclass
class _State:
    home: Path | None = None
    is_quiet: bool = False
    is_debug: bool = False


STATE = _State()
# Without a terminal a table keeps its lines whole, for grep and for mail.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 1_000)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Format(Enum):
    """How `query` prints rows."""

    table = "table"
    csv = "csv"
    json = "json"


class ExportFormat(Enum):
    """What `export` writes."""

    parquet = "parquet"
    csv = "csv"
    duckdb = "duckdb"


class Preset(Enum):
    """Which shop `sample` makes."""

    default = "default"
    easy = "easy"
    null = "null"
    endogenous = "endogenous"
    bgnbd = "bgnbd"


def main() -> None:
    """Run the command line; told errors are one paragraph and exit code 1."""
    collect_seldom()
    try:
        app(_hoisted(sys.argv[1:]), prog_name="tillage")
    except TillageError as error:
        _fail(str(error))
    except BrokenPipeError:
        # `tillage query ... | head` closes the pipe: that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if is_interrupted(error):
            sys.exit(130)  # as a shell tells of one that a signal ended
        if STATE.is_debug:
            raise
        _fail(f"{type(error).__name__}: {error} (--debug shows where)")


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"tillage {installed('tillage')}")
        raise typer.Exit


@app.callback()
def everywhere(
    home: Annotated[
        Path | None, typer.Option(help="Folder that holds the shop (TILLAGE_HOME; ./data).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only results and troubles.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take in the options that every command has."""
    del version
    STATE.home, STATE.is_quiet, STATE.is_debug = home, quiet, debug


@app.command()
def sample(
    months: Annotated[int, typer.Option(help="Months of history.")] = 27,
    customers: Annotated[int, typer.Option(help="Customers.")] = 5_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same shop.")] = 1,
    first_month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Default: so many months before the current one.")
    ] = None,
    preset: Annotated[
        Preset,
        typer.Option(
            help="Which shop: easy has segments far apart, null nothing to be found, endogenous promotions led by demand, "
            "bgnbd customers who buy till they die."
        ),
    ] = Preset.default,
    reviews: Annotated[
        float, typer.Option(help="Share of the lines of known customers that are written of: 0.02, say.")
    ] = 0.0,
) -> None:
    """Write a sample shop: CSV files into landing/, and the truth they were drawn from into truth/."""
    settings = _settings()
    now = settings.reading().now.date()
    first = _month(first_month) or _months_before(now, months)
    from simulator import write

    with _bar() as progress:
        progress.begin(months)

        def tell(done: int, total: int) -> None:
            progress.step(f"month {done} of {total}")
            progress.done()

        try:
            written = write(
                settings.root,
                months=months,
                customers=customers,
                seed=seed,
                first_month=first,
                preset=preset.value,
                reviews=reviews,
                progress=tell,
            )
        except ValueError as error:
            raise TillageError(f"No sample shop was written: {error}") from error
    if written.reviews:
        out.print(f"{counted(len(written.reviews), 'file')} of reviews, {settings.landing / 'reviews'}.")
    out.print(
        f"{counted(written.rows, 'row')} in {counted(len(written.files), 'file')}, {settings.landing / 'orders'}. "
        "`tillage run` takes them in."
    )


@app.command()
def run(
    select: Annotated[
        str | None, typer.Option(help="Dagster's asset selection, e.g. 'key:segments/rfm'.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM", help="First month.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM", help="Last month.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make what is current, too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with its reasons, do nothing.")
    ] = False,
) -> None:
    """Take in what lies in landing/ and make what is out of date."""
    settings = _settings()
    wanted = Wanted(select, _month(first), _month(last), force)
    if wanted.first and wanted.last and wanted.first > wanted.last:
        raise TillageError(
            f"There is no month from {first} to {last}: --from is the first month and --to the last. "
            "Write them the other way round."
        )
    if dry_run:
        if found := todo(settings, wanted):
            _print_plan(found)
        else:
            out.print(escape(_nothing(settings, wanted)))
        return
    try:
        (settings.landing / "orders").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TillageError(
            f"The folder {settings.landing / 'orders'} cannot be made ({error.strerror}). Make {settings.root} writable, "
            "or name another home with --home or TILLAGE_HOME."
        ) from error
    export_environment(settings)
    with _bar() as progress:
        outcome = run_all(settings, wanted, progress)
    if outcome.tables or outcome.troubles:
        _print_outcome(outcome)
    else:
        out.print(escape(_nothing(settings, wanted)))
    _print_overlooked(settings)
    if outcome.troubles:
        for trouble in outcome.troubles:
            err.print(f"[bold red]Refused or failed[/] {escape(trouble)}")
        raise typer.Exit(1)


@app.command()
def status() -> None:
    """Tell what is fresh, stale (and why), refused, quarantined: a line an asset."""
    settings = _settings()
    with settings.open_lake(read_only=True) as lake:
        versions, refusals = read_versions(lake), read_refusals(lake)
        files = lake.execute(
            "SELECT state, count(*), sum(rows_quarantined) FROM (SELECT state, rows_quarantined "
            "FROM landing.files QUALIFY arrival = max(arrival) OVER (PARTITION BY path)) GROUP BY state"
        ).fetchall()
        refused = lake.execute(
            "SELECT path, reason FROM landing.files "
            "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND state = 'refused' ORDER BY path"
        ).fetchall()
        remarks = lake.execute(
            "SELECT path, remark FROM landing.files "
            "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND remark IS NOT NULL ORDER BY path"
        ).fetchall()
        disagreeing = disagreements(lake)
    waiting = todo(settings, Wanted())
    grid = _grid("table", "rows", "months", "state", right=("rows",))
    names = list(dict.fromkeys([*waiting.graph, *(name for name, _ in versions)]))
    for name in names:
        records = {month: at for (table, month), at in versions.items() if table == name}
        dated = [month for month, at in records.items() if month is not None and at.rows]
        span = f"{min(dated):%Y-%m} to {max(dated):%Y-%m}" if dated else ""
        provisional = waiting.provisional.get(name, ())
        state = _state(waiting.outlook.get(name, {}), provisional, refusals.get(name, ()), bool(records))
        grid.add_row(name, f"{sum(at.rows for at in records.values()):,}", span, state)
    out.print(grid)
    told = {state: (count, quarantined) for state, count, quarantined in files}
    taken, quarantined = told.get("accepted", (0, 0))
    out.print(
        f"\nfiles: {taken} accepted, {told.get('refused', (0, 0))[0]} refused, {len(waiting.files)} waiting; "
        f"rows in quarantine: {quarantined or 0}"
    )
    for path, reason in refused:
        out.print(f"refused: {escape(path)}: {escape(reason)}")
    _print_few([f"{escape(path)}: {escape(remark)}" for path, remark in remarks])
    _print_disagreements(disagreeing)
    for path in (found.path for found in waiting.files):
        out.print(f"waiting: {escape(path)}")
    _print_overlooked(settings)
    if chains := {name: months for name, months in waiting.provisional.items() if months}:
        select = " or ".join(f"key:{name.replace('.', '/')}" for name in chains)
        out.print(
            "provisional months stay as they were made, until you make them, and those after them, anew: "
            f'tillage run --select "{select}" --force --from {min(map(min, chains.values())):%Y-%m}'
        )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT.")],
    how: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    as_of: Annotated[
        int | None, typer.Option(metavar="SNAPSHOT", help="As the lake was at that snapshot.")
    ] = None,
) -> None:
    """Ask the warehouse one SELECT: read-only, and no file outside the lake."""
    settings = _settings()
    with settings.open_lake(read_only=True, as_of=as_of) as lake:
        result = select_only(lake, sql)
        names = [column[0] for column in result.description or []]
        if how is Format.csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            while rows := result.fetchmany(SHOWN_ROWS):
                writer.writerows(rows)
        elif how is Format.json:
            if len({*names}) < len(names):
                double = sorted({name for name in names if names.count(name) > 1})
                raise TillageError(
                    f"Several columns are called {', '.join(double)}, and an object of JSON holds one of a name. "
                    "Name each on its own (AS ...), or ask with --format csv."
                )
            told = [dict(zip(names, _finite(row), strict=True)) for row in result.fetchall()]
            json.dump(told, sys.stdout, default=_plain, indent=1, allow_nan=False)
            sys.stdout.write("\n")
        else:
            _print_rows(names, result.fetchmany(SHOWN_ROWS + 1))


@app.command()
def export(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="TABLE", help="As schema.name, one or several; all without one."),
    ] = None,
    how: Annotated[ExportFormat, typer.Option("--format", help="Kind of file.")] = ExportFormat.parquet,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="Customers' numbers and words as they are; else hashed, left out."),
    ] = False,
) -> None:
    """Write tables as plain files into exports/: a file a table, or one ordinary DuckDB database."""
    settings = _settings()
    with settings.open_lake(read_only=True, reach=[settings.exports]) as lake:
        wanted = chosen(lake, tables or [])
        for file in export_tables(lake, wanted, settings.exports, how.value, keep_personal=personal):
            out.print(escape(str(file)))


@app.command()
def report(
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="The month; the newest that files brought if not told."),
    ] = None,
) -> None:
    """Write how a month went as a page in exports/reports/: sales, customers, what stands out, what is expected."""
    settings = _settings()
    brought = todo(settings, Wanted()).brought
    if not brought:
        raise TillageError(
            "There is no month to report on: no file has brought any. `tillage run` takes files in."
        )
    first = _month(month) or brought[-1]
    if not brought[0] <= first <= brought[-1]:
        raise TillageError(
            f"There is nothing to report of {first:%Y-%m}: files brought {brought[0]:%Y-%m} to {brought[-1]:%Y-%m}. "
            "Choose a month of these, or take in what lacks with `tillage run`."
        )
    from pipelines.report import write_period

    out.print(escape(str(write_period(settings, first, next_month(first) - timedelta(days=1)))))


@app.command()
def check() -> None:
    """Hold the lake against what it promises: catalog, files, contracts, keys, and its rows' versions."""
    settings = _settings()
    with settings.open_lake(read_only=True) as lake:
        problems = list(check_lake(lake, settings.lake, TABLES, time.time()))
    for problem in problems:
        err.print(f"[bold red]Wrong[/] {escape(problem)}")
    if problems:
        raise typer.Exit(1)
    out.print(
        "The lake is as it promises: catalog, files, contracts, keys, and the rows that were published."
    )


@app.command()
def maintain() -> None:
    """Merge small files, expire old snapshots, delete what nothing names any more; others may read and write."""
    settings = _settings()
    with _opened(settings) as lake:
        done = maintain_lake(lake, keep=timedelta(days=settings.keep_days), now=datetime.now(UTC))
    for name, (before, after) in done.merged.items():
        out.print(f"{name}: {counted(before, 'small file')} became {after:,}")
    out.print(
        f"{counted(len(done.expired), 'snapshot')} expired, {len(done.pinned):,} older than "
        f"{counted(settings.keep_days, 'day')} kept as a model or a reader names them; "
        f"{counted(done.deleted, 'file')} deleted of those let go, {done.orphans:,} of killed runs"
    )
    if done.is_held_back:
        out.print("Files let go since then are kept: a connection to the lake is open for longer than a day.")


@app.command()
def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or the backup to bring up to date.")
    ],
) -> None:
    """Copy the home, while runs go on: lake, landing/, models, seeds, settings and Dagster's history."""
    settings = _settings()
    with _opened(settings) as lake:
        _print_copied(folder, backup_home(lake, folder))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `tillage backup` wrote.")],
) -> None:
    """Make a home of a backup; the home must be empty: move a damaged one away first."""
    settings = _settings()
    _print_copied(settings.root, restore_home(folder, settings.root))
    out.print("`tillage check` looks at it, `tillage run` takes in what was dropped since.")


@app.command()
def forget(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The number, as in customer_id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a customer from every table, file and snapshot, for good; again, prove that nothing is left."""
    settings = _settings()
    with _opened(settings) as lake:
        was_known = is_forgotten(lake, customer)
        expect_customer(lake, customer)
        if not (was_known or yes):
            typer.confirm(
                "Their sales become those of a guest, and no older snapshot can be asked. Go on?", abort=True
            )
        done = forget_customer(lake, customer, datetime.now(UTC))
        for name, count in done.rows.items():
            out.print(f"{name}: {counted(count, 'row')}")
        left = list(traces(lake, customer)) if was_known else []
    for one in left:
        err.print(f"[bold red]Left[/] {escape(one)}")
    if left:
        raise typer.Exit(1)
    if was_known and not done.rows:
        out.print("Nothing is left of them.")
        return
    out.print(
        f"{counted(done.models, 'model')} marked, {counted(done.snapshots, 'snapshot')} expired. `tillage run` makes anew what was made of "
        "their rows; `tillage maintain` deletes the files in a day or two; `tillage forget` once more proves it then."
    )
    if done.files:
        out.print(
            f"What people dropped still names them, and is yours to mend: {escape(', '.join(done.files))}"
        )


@app.command(name="forget-file")
def forget_file(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Below landing/, e.g. orders/till.csv.")],
) -> None:
    """Take back what a file brought, once it lies in landing/ no more; `tillage run` makes anew what follows."""
    settings = _settings()
    with _opened(settings) as lake:
        changed = take_back(lake, settings.landing, path.removeprefix("landing/"))
    told = "; ".join(f"{name} {span(months)}" for name, months in changed.items() if months)
    out.print(
        f"{escape(path)} is forgotten: {told or 'no row of it was in use'}. `tillage run` makes what follows."
    )


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI on the home (webserver and daemon)."""
    settings = _settings()
    from pipelines.instance import prepare_instance

    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise TillageError(
            f"The UI cannot listen on {host}:{port} ({str(error.strerror).split(' (')[0]}). Another one may be up there already; end it, or "
            "name another port with --port."
        ) from error
    (settings.landing / "orders").mkdir(parents=True, exist_ok=True)
    prepare_instance(settings)
    # A script that starts it in the background has it ignore interrupts, and Dagster ends by none other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    out.print(f"Dagster UI of {settings.root}: http://{host}:{port}")
    program = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "pipelines.definitions",
        "-h",
        host,
        "-p",
        str(port),
    ]
    os.execv(sys.executable, program)  # noqa: S606 - our own interpreter, no shell


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the lake of a home for writing, if there is one."""
    with settings.open_lake(create=False) as lake:
        prepare(lake)
        yield lake


def _hoisted(arguments: Sequence[str]) -> list[str]:
    """Move the options that every command has to the front, where they are read."""
    moved, kept = [], []
    rest = iter(arguments)
    for argument in rest:
        name = argument.split("=")[0]
        if argument == "--":
            kept += [argument, *rest]
        elif name in EVERYWHERE and (EVERYWHERE[name] or argument == name):
            moved.append(argument)
            if EVERYWHERE[name] and argument == name:
                moved += [value for value in [next(rest, None)] if value is not None]
        else:
            kept.append(argument)
    return [*moved, *kept]


def _settings() -> Settings:
    for line in strange_variables():
        err.print(f"[yellow]{escape(line)}[/]")
    return load(STATE.home)


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise TillageError(f"{text!r} is no month; months are written as 2011-03.") from None


def _months_before(now: date, months: int) -> date:
    index = now.year * 12 + now.month - 1 - max(months, 1)
    return date(index // 12, index % 12 + 1, 1)


def _fail(text: str) -> None:
    err.print(f"[bold red]Error[/] {escape(text)}")
    sys.exit(1)


def _finite(value: Any) -> Any:
    """A value, also a nested one, in which null stands for what is no number or infinite: JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name if isinstance(name, str) else str(name): _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show progress: a bar in a terminal, plain lines without one, nothing with --quiet."""
    if STATE.is_quiet:
        yield Progress()
    elif err.is_terminal:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Bar(*columns, console=err, transient=True) as bar:
            yield _BarProgress(bar)
    else:
        yield _PlainProgress()


class _BarProgress(Progress):
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("looking", total=None)

    def begin(self, steps: int) -> None:
        self._bar.reset(self._task, total=steps)

    def step(self, name: str) -> None:
        self._bar.update(self._task, description=escape(name))

    def say(self, text: str) -> None:
        self._bar.update(self._task, description=escape(text))

    def done(self) -> None:
        self._bar.advance(self._task)


class _PlainProgress(Progress):
    def step(self, name: str) -> None:
        err.print(escape(name))

    def say(self, text: str) -> None:
        err.print(f"  {escape(text)}")


def _print_copied(folder: Path, copied: Copied) -> None:
    out.print(
        f"{escape(str(folder))}: {counted(copied.files, 'file')} copied ({copied.size / 1e6:,.1f} MB), {copied.unchanged:,} there "
        f"already; the lake as of snapshot {copied.snapshot}"
    )


def _print_plan(found: Todo) -> None:
    for path in (file.path for file in found.files):
        out.print(f"take in {escape(path)}")
    for name, months in found.outlook.items():
        by_reason: dict[str, list[date | None]] = {}
        for month, reason in months.items():
            by_reason.setdefault(reason, []).append(month)
        for reason, of in by_reason.items():
            out.print(f"{name}: {span(of)}: {escape(reason)}")
    if found.files:
        out.print("New files may bring more months.")


def _nothing(settings: Settings, wanted: Wanted) -> str:
    """Why there is nothing to do, and what is left all the same: what was not asked for, what stands refused."""
    left = todo(settings, Wanted())
    folders = [settings.landing / source.name for source in SOURCES]
    if not left.brought and not any(any(folder.iterdir()) for folder in folders if folder.is_dir()):
        return (
            f"Nothing to do: {folders[0]} is empty. Put order files there, or write a sample "
            "shop with `tillage sample`."
        )
    files: list[tuple[str]] = []
    refusals: Refusals = {}
    with lake_if_any(settings) as lake:
        if lake is not None:
            files = lake.execute(
                "SELECT path FROM landing.files "
                "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND state = 'refused'"
            ).fetchall()
            refusals = read_refusals(lake)
    months = {
        (name, refusal.finding.month)
        for name, of in refusals.items()
        for refusal in of
        if refusal.finding.severity == "error"
    }
    refused = _counted({"file": len(files), "month": len(months)})
    if left.brought and not any(map(wanted.covers, left.brought)):
        brought = span(list(left.brought))
        told = f"Nothing to do: files brought {brought}, and no month of that was asked for"
        told += f". Refused: {refused}" if refused else ""
    elif outside := _counted({"new file": len(left.files), "table": len(left.outlook)}):
        told = f"Nothing to do in what was asked for; outside of it wait {outside}: `tillage run` alone sees to all"
        told += f". Refused: {refused}" if refused else ""
    else:
        told = "Nothing to do: no new file, and everything is current"
        told += f" but what stands refused: {refused}" if refused else ""
    return f"{told}. `tillage status` names them, with the reasons." if refused else f"{told}."


def _counted(counts: Mapping[str, int]) -> str:
    """As in "1 file and 2 months"; empty if there is none."""
    return " and ".join(counted(count, name) for name, count in counts.items() if count)


def _print_outcome(outcome: Outcome) -> None:
    titles = ("table", "rows", "months", "changed", "checks", "seconds")
    grid = _grid(*titles, right=titles[1:])
    for name, made in outcome.tables.items():
        checks = f"{made.passed}/{made.checks}" if made.checks else ""
        seconds = f"{made.seconds:.1f}" if made.seconds else ""
        months = f"{made.months}" if made.months else ""
        grid.add_row(name, f"{made.rows:,}", months, f"{made.changed}" if months else "", checks, seconds)
    out.print(grid)
    if outcome.files:
        read = sum(int(row["rows_read"]) for row in outcome.files)
        out.print(
            f"{counted(len(outcome.files), 'file')}, {counted(read, 'row')} read, {outcome.quarantined:,} of them in "
            "quarantine"
        )
    told = [(str(row["path"]), str(row["remark"])) for row in outcome.files if row["remark"]]
    _print_few([f"{escape(path)}: {escape(remark)}" for path, remark in told])
    _print_disagreements(outcome.disagreements)
    for warning in outcome.warnings:
        out.print(f"[yellow]warning[/] {escape(warning)}")
    for page in outcome.pages:
        out.print(f"what it did, and why: {escape(str(page))}")
    home = "" if STATE.home is None else f" --home {shlex.quote(str(STATE.home))}"
    out.print(
        f"\nNext: tillage status{home} · tillage ui{home} · tillage query{home} "
        '"SELECT segment, count(*) AS customers, sum(monetary) AS amount FROM segments.rfm '
        'WHERE as_of = (SELECT max(as_of) FROM segments.rfm) GROUP BY segment ORDER BY amount DESC"',
        markup=False,
    )


def _print_disagreements(told: Sequence[str]) -> None:
    if not told:
        return
    out.print(
        f"[yellow]{counted(len(told), 'invoice')} {'stands' if len(told) == 1 else 'stand'} in several files with "
        "different lines; all are kept, and count.[/] "
        "Take the file that is wrong out with `tillage forget-file`, once it lies in landing/ no more."
    )
    _print_few([escape(line) for line in told], "  ")


def _print_few(lines: Sequence[str], indent: str = "") -> None:
    for line in few(SHOWN_LINES, lines):
        out.print(f"{indent}{line}")


def _print_overlooked(settings: Settings) -> None:
    _print_few([f"[yellow]{escape(line)}[/]" for line in overlooked(settings)])


def _grid(*titles: str, right: Sequence[str] = ()) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for title in titles:
        grid.add_column(escape(title), justify="right" if title in right else "left")
    return grid


def _print_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    numbers = [
        name
        for index, name in enumerate(names)
        if all(isinstance(row[index], int | float | Decimal | None) for row in rows)
    ]
    grid = _grid(*names, right=numbers)
    for row in rows[:SHOWN_ROWS]:
        grid.add_row(*("" if value is None else escape(str(value)) for value in row))
    out.print(grid)
    if len(rows) > SHOWN_ROWS:
        out.print(f"(the first {SHOWN_ROWS:,} rows; --format csv gives all)")


def _state(outlook: Any, provisional: Sequence[date], refusals: Sequence[Any], was_made: bool) -> str:
    told = [f"[yellow]provisional[/] {span(provisional)}"] if provisional else []
    by_reason: dict[str, list[date | None]] = {}
    for month, reason in outlook.items():
        by_reason.setdefault(reason, []).append(month)
    told += [f"[yellow]stale[/] {span(months)}: {escape(reason)}" for reason, months in by_reason.items()]
    for severity, style in (("error", "red"), ("warning", "yellow")):
        rules: dict[str, list[date | None]] = {}
        for refusal in refusals:
            if refusal.finding.severity == severity:
                rules.setdefault(refusal.finding.rule, []).append(refusal.finding.month)
        word = "refused" if severity == "error" else "warning"
        told += [f"[{style}]{word}[/] {span(months)}: {rule}" for rule, months in rules.items()]
    return "; ".join(told) if told else "[green]current[/]" if was_made else "never made"


if __name__ == "__main__":
    main()
