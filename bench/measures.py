"""What is measured. Every function works in an empty folder and gives its measurements.

A process's peak memory counts what its parent held when it was started, so the parent stays small: what is
large is imported where it is used, and measured last.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    import polars as pl

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
HISTORY = date(2011, 1, 1)


@dataclass(frozen=True)
class Measurement:
    """Ours and the other's figure of one thing, in one unit."""

    name: str
    ours: float
    other: float
    unit: str
    rows: int
    against: str

    @property
    def ratio(self) -> float:
        """Ours over the other's: below 1 is better."""
        return self.ours / self.other if self.other else float("nan")


def landing(folder: Path) -> list[Measurement]:
    """Taking in a CSV of millions of lines, against a bare DuckDB copy of it to Parquet."""
    lines = int(os.environ.get("BENCH_LINES", "5000000"))
    memory = os.environ.get("BENCH_MEMORY", "4GB")
    home = folder / "home"
    file = home / "landing" / "orders" / "orders.csv"
    file.parent.mkdir(parents=True)
    rows = _repeated(_online_retail(folder / "once.csv"), file, lines)
    copied = _python(
        f"""
        import duckdb
        connection = duckdb.connect(config={{"memory_limit": {memory!r}, "temp_directory": {str(folder)!r}}})
        connection.execute("COPY (FROM read_csv('{file}', all_varchar = true)) TO '{folder}/copy.parquet'")
        """
    )
    taken = _python(
        f"""
        from datetime import date, datetime
        from pathlib import Path
        from warehouse.intake import take_in
        from warehouse.intake.headers import header_sets
        from warehouse.intake.layout import Reading
        from warehouse.lake import open_lake
        from warehouse.records import prepare
        home = Path({str(home)!r})
        with open_lake(home / "lake", memory={memory!r}) as connection:
            prepare(connection)
            reading = Reading(header_sets(), None, date(1990, 1, 1), datetime(2012, 1, 1))
            taken = take_in(connection, home / "landing", reading)
            assert taken.arrivals[0].rows_accepted == {rows}, taken.arrivals
        """
    )
    return [
        Measurement(
            "landing, time", taken.seconds, copied.seconds, "s", rows, f"bare CSV -> Parquet, {memory}"
        ),
        Measurement("landing, memory", taken.megabytes, copied.megabytes, "MB", rows, f"the same, {memory}"),
    ]


def online_retail(folder: Path) -> list[Measurement]:
    """`tillage run` on Online Retail from nothing, against a pandas script that computes the same tables."""
    home = folder / "home"
    file = home / "landing" / "orders" / "online_retail.csv"
    file.parent.mkdir(parents=True)
    _online_retail(file)
    ours = _command([sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home), "run"])
    again = _command([sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home), "run"])
    other = _command([sys.executable, str(ROOT / "bench" / "notebook.py"), str(file)])
    rows = 541_909
    return [
        Measurement("Online Retail, time", ours.seconds, other.seconds, "s", rows, "pandas notebook"),
        Measurement("Online Retail, memory", ours.megabytes, other.megabytes, "MB", rows, "pandas notebook"),
        Measurement("Online Retail again, time", again.seconds, other.seconds, "s", rows, "pandas notebook"),
    ]


def new_month(folder: Path) -> list[Measurement]:
    """One new month on a history of 120 months, against one on a history of 12: files, core, overview and RFM."""
    from simulator import write

    costs, rows = {}, 0
    for months in (12, 120):
        home = folder / f"history-{months}"
        written = write(home, months=121, customers=3_000, seed=1, first_month=HISTORY)
        files = sorted(written.files)
        # The last months of one shop, so that the new month is the same one.
        for file in files[: len(files) - months - 1]:
            file.unlink()
        aside = home / files[-1].name
        files[-1].rename(aside)
        tillage = [sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home), "run"]
        # What is fitted looks at more the more there is to see; what these make of a month is that month.
        tillage += ["--select", "group:landing or group:overview or +key:segments/rfm_moves or +group:core"]
        _command(tillage)
        rows = sum(1 for _ in aside.open("rb"))
        aside.rename(files[-1])
        costs[months] = _command(tillage)
    return [
        Measurement(
            "new month, time", costs[120].seconds, costs[12].seconds, "s", rows, "120 months of history, 12"
        ),
        Measurement("new month, memory", costs[120].megabytes, costs[12].megabytes, "MB", rows, "the same"),
    ]


def bookkeeping(folder: Path) -> list[Measurement]:
    """Dagster's bookkeeping for each asset and month, and for each asset, against Dagster's own event log."""
    found = []
    for name, assets, months in (("an asset and month", 3, 120), ("an asset", 60, 1)):
        ours, other = (
            1000
            * _bookkeeping(folder / f"{name} {kind}", assets, months, is_pooled=kind == "ours")
            / (assets * months)
            for kind in ("ours", "other")
        )
        found.append(
            Measurement(f"bookkeeping, {name}", ours, other, "ms", assets * months, "Dagster's SQLite")
        )
    return found


def _bookkeeping(folder: Path, assets: int, months: int, *, is_pooled: bool) -> float:
    """Seconds of a run over a chain of assets of so many months that do nothing but log what they made."""
    import dagster as dg

    from assets.asset import SILENT

    folder.mkdir()
    os.environ["DAGSTER_HOME"] = str(folder)
    storage = {
        "event_log_storage": {
            "module": "resources.event_log",
            "class": "PooledSqliteEventLogStorage",
            "config": {"home": {"env": "DAGSTER_HOME"}},
        }
    }
    config = {"telemetry": {"enabled": False}, **(storage if is_pooled else {})}
    (folder / "dagster.yaml").write_text(json.dumps(config), encoding="utf-8")
    last = f"{2000 + (months - 1) // 12}-{(months - 1) % 12 + 1:02}-01"
    partitions = dg.MonthlyPartitionsDefinition(
        start_date="2000-01-01", end_date=f"{2000 + months // 12}-{months % 12 + 1:02}-01"
    )

    def table(name: str, upstream: Sequence[str]) -> "dg.AssetsDefinition":
        @dg.asset(
            name=name,
            partitions_def=partitions,
            deps=upstream,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            for month in context.partition_keys:
                tags = {"dagster/data_version": month, "dagster/code_version": "1"}
                metadata = {
                    "dagster/partition_row_count": 1,
                    "why": "never made",
                    "seconds": 0.1,
                    "snapshot": 1,
                }
                context.log_event(
                    dg.AssetMaterialization(context.asset_key, partition=month, metadata=metadata, tags=tags)
                )
            return dg.MaterializeResult(metadata=SILENT)

        return build

    definitions = dg.Definitions(
        [table(f"table_{at}", [f"table_{at - 1}"] if at else []) for at in range(assets)],
        jobs=[dg.define_asset_job("make", "*")],
    )
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        started = time.perf_counter()
        definitions.resolve_job_def("make").execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                "dagster/asset_partition_range_start": "2000-01-01",
                "dagster/asset_partition_range_end": last,
            },
        )
        return time.perf_counter() - started


def definitions(folder: Path) -> list[Measurement]:
    """Loading the definitions of 500 tables over 120 months, first and again, against as many bare assets of Dagster."""
    code = """
        import dataclasses, re, sys, time
        from datetime import date
        from pathlib import Path
        import dagster as dg
        from dagster._core.remote_representation.external_data import RepositorySnap
        from assets.computed import module_of
        from pipelines import collect_seldom
        from pipelines.definitions import build
        from pipelines.settings import load
        from warehouse.plan import month_range
        from warehouse.tables import TABLES
        wanted, seen = 500, month_range(date(2001, 1, 1), date(2010, 12, 1))
        ours = [table for table in TABLES.values() if table.is_made and table.schema != "seeds" and not module_of(table)]
        names = re.compile(r"\\b(" + "|".join(re.escape(table.qualified) for table in ours) + r")\\b")
        for copy in range(1, wanted // len(ours) + 2):
            for table in ours[: wanted - len(TABLES)]:
                other = dataclasses.replace(table, schema=f"{table.schema}_{copy}")
                other.__dict__["query"] = names.sub(
                    lambda found: found[0].replace(".", f"_{copy}."), table.query
                )
                TABLES[other.qualified] = other
        started = time.perf_counter()
        if sys.argv[2] != "other":
            collect_seldom()
            found = build(load(Path(sys.argv[1])), seen=seen)
        else:
            months = dg.MonthlyPartitionsDefinition(str(seen[0]), "2011-01-01")
            found = dg.Definitions(
                [dg.asset(name=f"a{n}", partitions_def=months)(lambda: None) for n in range(len(TABLES))]
            )
        RepositorySnap.from_def(found.get_repository_def())
        print(len(TABLES), "assets", file=sys.stderr)
        Path(sys.argv[3]).write_text(str(time.perf_counter() - started))
        """
    seconds = {}
    (folder / "home" / "dagster").mkdir(parents=True)
    for kind in ("first", "again", "other"):
        _python(code, str(folder / "home"), kind, str(folder / kind))
        seconds[kind] = float((folder / kind).read_text(encoding="utf-8"))
    return [
        Measurement(
            f"definitions, 500 assets, {kind}", seconds[kind], seconds["other"], "s", 500, "bare assets"
        )
        for kind in ("first", "again")
    ]


def forecasts(folder: Path) -> list[Measurement]:
    """forecast() on 1,000 business series, against standard Theta of statsforecast on the same."""
    code = """
        import json, sys, time
        import numpy as np
        import polars as pl
        from bench.series import PERIOD, STEPS, business_series, smape
        whole = business_series(1000)
        came = np.stack([one[-STEPS:] for one in whole])
        if sys.argv[1] == "ours":
            from assets.forecasts.models import forecast
            history = pl.concat(
                pl.DataFrame({"series": at, "ds": np.arange(len(one) - STEPS), "y": one[:-STEPS]})
                for at, one in enumerate(whole)
            )
            found = forecast(history, horizon=STEPS, season_length=PERIOD)
            mean = found["mean"].to_numpy().reshape(came.shape)
            low, high = (found[name].to_numpy().reshape(came.shape) for name in ("lo_80", "hi_80"))
            held = float(((low <= came) & (came <= high)).mean())
        else:
            from statsforecast.models import Theta
            mean = np.stack([Theta(season_length=PERIOD).forecast(y=one[:-STEPS], h=STEPS)["mean"] for one in whole])
            held = 0.8
        open(sys.argv[2], "w").write(json.dumps([smape(came, mean), held]))
        """
    costs, found = {}, {}
    for name in ("ours", "theta"):
        costs[name] = _python(code, name, str(folder / name))
        found[name] = json.loads((folder / name).read_text(encoding="utf-8"))
    ours, theta = costs["ours"], costs["theta"]
    against = "standard Theta of statsforecast"
    return [
        Measurement("forecasts, sMAPE", found["ours"][0], found["theta"][0], "%", 1000, against),
        Measurement("forecasts, 80 % held", found["ours"][1], found["theta"][1], "", 1000, "80 %"),
        Measurement("forecasts, time", ours.seconds, theta.seconds, "s", 1000, against),
        Measurement("forecasts, memory", ours.megabytes, theta.megabytes, "MB", 1000, against),
    ]


def noise_floor(folder: Path) -> list[Measurement]:
    """Error of the daily total amount in simulated shops, 28 days ahead, against what chance alone makes of it.

    Forecasts as served at the ends of months 12 to 23, 24 to 35, and of both years, without days that a planted anomaly moves, which
    nobody foretells, the day whose rows are missing, and the holidays of England that follow no rule (a jubilee in June of the
    second year, and the holiday that it moved), on which simulated shops are open and others are not. BENCH_SEEDS says which
    shops.
    """
    import polars as pl

    from assets.forecasts import sales
    from assets.forecasts.origins import holidays_of
    from simulator import oracles, write

    months = [date(HISTORY.year + at // 12, at % 12 + 1, 1) for at in range(37)]
    free = sorted(holidays_of("GB-ENG", tuple({month.year for month in months})))
    parts = []
    for preset in ("default", "null"):
        for seed in map(int, os.environ.get("BENCH_SEEDS", "101,102,103,104").split(",")):
            home = folder / f"{preset}-{seed}"
            written = write(home, months=38, customers=5_000, seed=seed, first_month=HISTORY, preset=preset)
            rows = _days_of(written.files)
            foretold = sales.compute(rows, months[11:36]).filter(
                (pl.col("grain") == "day") & (pl.col("level") == "total") & (pl.col("measure") == "amount"),
                pl.col("step") <= 28,
            )
            truth = pl.read_parquet(next(file for file in written.truth if file.stem == "days"))
            usual = (pl.col("expected_amount") / pl.col("usual_amount") - 1).abs() < 0.15
            floor = oracles.noise_floor(truth["amount_deviation"].to_numpy())
            came = rows.group_by(day="starts_on").agg(came=pl.col("amount").sum())
            days = truth.with_columns(floor=floor).filter(
                pl.col("is_open") & ~pl.col("is_missing") & ~pl.col("day").is_in(free) & usual
            )
            judged = (
                foretold.join(days, left_on="starts_on", right_on="day")
                .join(came, left_on="starts_on", right_on="day", how="left")
                .with_columns(error=(pl.col("mean") - pl.col("came").fill_null(0)).abs())
            )
            parts.append(
                judged.select("error", "floor", "as_of", preset=pl.lit(preset), shop=pl.lit(home.name))
            )
    every = pl.concat(parts)
    by_year = (
        pl.when(pl.col("as_of") < months[23]).then(pl.lit("second year")).otherwise(pl.lit("third year"))
    )
    years = pl.concat([every.with_columns(year=by_year), every.with_columns(year=pl.lit("both years"))])
    found = []
    for kind in (pl.lit("all shops"), pl.col("preset"), pl.col("shop")):
        table = years.group_by("year", name=kind).agg(pl.col("error", "floor").mean(), rows=pl.len())
        for year, name, ours, other, count in table.sort("name", "year").iter_rows():
            found.append(
                Measurement(
                    f"{name}, {year}", ours, other, "currency", count, "chance alone (the noise floor)"
                )
            )
    return found


def _days_of(files: Sequence[Path]) -> "pl.DataFrame":
    """Sales of days by country as `forecasts.sales` takes them, from the files of a simulated shop."""
    found = duckdb.execute(
        """
        WITH lines AS (
            -- A line that is written twice is a duplicate, and giant orders are cancelled.
            SELECT DISTINCT
                InvoiceNo AS invoice_id, StockCode AS stock_code, Country AS country,
                CAST(try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS DATE) AS day,
                try_cast(Quantity AS BIGINT) AS quantity, try_cast(UnitPrice AS DOUBLE) AS unit_price
            FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
            WHERE InvoiceNo NOT LIKE 'C%' AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999
        )
        SELECT
            'day' AS grain, day AS starts_on, country, CAST(NULL AS VARCHAR) AS product_id,
            CAST(NULL AS VARCHAR) AS category, count(DISTINCT invoice_id) AS orders,
            round(sum(quantity * unit_price), 4) AS amount, 'GB-ENG' AS holiday_country
        FROM lines
        WHERE unit_price > 0 AND day < DATE '2030-01-01'
        GROUP BY day, country
        """,
        {"files": [str(file) for file in files]},
    )
    return found.pl()


def rules(folder: Path) -> list[Measurement]:
    """Frequent itemsets of Online Retail at 1 %, against mlxtend's Apriori; a million baskets' pairs, within 4 GB."""
    source = DATA / "online_retail.parquet"
    lines = folder / "lines.parquet"
    duckdb.execute(
        f"COPY (SELECT DISTINCT InvoiceNo AS basket, trim(Description) AS item FROM '{source}' "
        f"WHERE InvoiceNo[1] NOT IN ('C', 'A') AND Quantity > 0 AND UnitPrice > 0 AND NOT isnan(CustomerID)) TO '{lines}'"
    )
    ours = _python(
        f"""
        import polars as pl
        from assets.rules.itemsets import frequent_itemsets
        assert frequent_itemsets(pl.read_parquet({str(lines)!r}), min_support=0.01).height == 973
        """
    )
    other = _python(
        f"""
        import pandas as pd
        import polars as pl
        from mlxtend.frequent_patterns import apriori
        rows = pl.read_parquet({str(lines)!r})
        table = pd.crosstab(rows["basket"].to_numpy(), rows["item"].to_numpy()).astype(bool)
        assert len(apriori(table, min_support=0.01)) == 973
        """
    )
    baskets = 1_000_000
    pairs = _python(
        f"""
        import duckdb
        from warehouse.tables import TABLES
        with duckdb.connect(config={{"memory_limit": "3GB", "temp_directory": {str(folder)!r}}}) as connection:
            connection.execute("CREATE SCHEMA rules")
            connection.execute(
                "CREATE TABLE rules.baskets AS SELECT DATE '2024-01-01' AS month, 2 AS stratum, "
                "list_sort(list_distinct([format('{{:05}}', CAST(9999 * random() * random() AS INTEGER)) "
                "for x in range(10)])) AS goods, [CAST(basket % 8 AS VARCHAR)] AS categories "
                "FROM range({baskets}) AS made (basket)"
            )
            bounds = {{"start": "2024-01-01", "end": "2024-02-01"}}
            connection.execute("CREATE TABLE pairs AS " + TABLES["rules.pair_months"].query, bounds)
        """
    )
    rows = 392_692
    return [
        Measurement("itemsets, time", ours.seconds, other.seconds, "s", rows, "mlxtend's Apriori, 1 %"),
        Measurement("itemsets, memory", ours.megabytes, other.megabytes, "MB", rows, "the same"),
        Measurement("pairs of a million baskets, time", pairs.seconds, 0, "s", baskets, "nothing"),
        Measurement(
            "pairs of a million baskets, memory", pairs.megabytes, 4096, "MB", baskets, "what is wanted"
        ),
    ]


def customer_months(folder: Path) -> list[Measurement]:
    """Features, RFM and cohorts of the newest as_of on millions of customer-months, at 6 GB: time and memory a row."""
    code = """
        import json, sys, time
        from datetime import date
        import duckdb
        from assets.graph import SEEDS_DIR
        from warehouse.tables import TABLES
        folder, rows = sys.argv[1], int(sys.argv[2])
        connection = duckdb.connect(config={"memory_limit": "6GB", "temp_directory": folder, "threads": 2})
        for table in TABLES.values():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
            shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
            file = f"{folder}/{table.qualified}.parquet"
            if table.qualified in {"core.customer_months", "core.customer_product_months"}:
                connection.execute(f"CREATE VIEW {table.qualified} AS FROM read_parquet('{file}')")
                continue
            connection.execute(f"CREATE TABLE {table.qualified} ({shape})")
            if table.schema == "seeds":
                connection.execute(f"COPY {table.qualified} FROM '{SEEDS_DIR / table.name}.csv' (HEADER)")
        connection.execute(
            "INSERT INTO core.sales_days (month, day, country, orders) "
            "SELECT DISTINCT month, CAST(last_sold_at AS DATE), 'EIRE', 1 FROM core.customer_months"
        )
        bounds = {"start": date(2012, 12, 1), "end": date(2013, 1, 1)}
        seconds = {}
        for name in ("segments.customer_features", "segments.rfm", "cohorts.retention", "cohorts.revenue_retention"):
            started = time.perf_counter()
            query = TABLES[name].query
            used = {key: value for key, value in bounds.items() if f"${key}" in query}
            connection.execute(f"COPY ({query}) TO '{folder}/{name}.parquet'", used)
            seconds[name] = time.perf_counter() - started
            if name == "cohorts.retention":
                connection.execute(f"INSERT INTO {name} BY NAME FROM read_parquet('{folder}/{name}.parquet')")
        open(sys.argv[3], "w").write(json.dumps(seconds))
        """
    found, costs = {}, {}
    sizes = (2_500_000, 5_000_000, 10_000_000)
    for rows in sizes:
        here = folder / f"{rows}"
        here.mkdir()
        _write_customer_months(here, rows)
        costs[rows] = _python(code, str(here), str(rows), str(here / "seconds"))
        found[rows] = json.loads((here / "seconds").read_text(encoding="utf-8"))
    least = sizes[0]
    times = [
        Measurement(
            f"{name}, time a row",
            1e6 * found[rows][name] / rows,
            1e6 * found[least][name] / least,
            "us",
            rows,
            f"{least:,} customer-months",
        )
        for name in found[least]
        for rows in sizes[1:]
    ]
    memory = Measurement(
        "customer-months, memory", costs[sizes[-1]].megabytes, 6_000, "MB", sizes[-1], "the 6 GB allowed"
    )
    return [*times, memory]


def clusters(folder: Path) -> list[Measurement]:
    """Clusters of simulated shops against the true segments (adjusted Rand index), beside the most probable segments."""
    from simulator import PRESETS, oracles, write
    from warehouse.lake import open_lake

    first, end = date(2022, 1, 1), date(2024, 1, 1)
    shops = {}
    for preset in ("easy", "default"):
        for seed in range(3):
            home = folder / f"{preset}, seed {seed}"
            written = write(home, months=24, customers=2_000, seed=seed, first_month=first, preset=preset)
            run = [sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home), "run"]
            _command([*run, "--select", "+key:segments/clusters"])
            shops[home] = preset, {file.stem: file for file in written.truth}

    import polars as pl
    from sklearn.metrics import adjusted_rand_score

    found = []
    for home, (preset, truth) in shops.items():
        with open_lake(home / "lake", read_only=True) as lake:
            orders = lake.execute(
                "SELECT customer_id, CAST(min(sold_at) AS DATE) AS ordered_on, CAST(sum(quantity) AS BIGINT) AS units "
                "FROM core.order_lines WHERE kind = 'sale' AND is_goods AND customer_id IS NOT NULL "
                "GROUP BY customer_id, invoice_id"
            ).pl()
            ours = lake.execute(
                "SELECT customer_id, cluster_id FROM segments.clusters WHERE as_of = ?", [date(2023, 12, 1)]
            ).pl()
        weights = pl.read_parquet(truth["demand"]).group_by("month").agg(pl.col("weight").sum() / 8)
        best = oracles.customers(
            orders, parameters=PRESETS[preset], first_day=first, as_of=end, weights=weights
        )
        judged = (
            pl.read_parquet(truth["customers"])
            .select(pl.col("customer_id").cast(pl.String), truth="segment")
            .join(best.select("customer_id", "segment"), on="customer_id")
            .join(ours, on="customer_id")
            .join(orders.group_by("customer_id").len().filter(pl.col("len") >= 5), on="customer_id")
        )
        score, highest = (
            adjusted_rand_score(judged["truth"], judged[name]) for name in ("cluster_id", "segment")
        )
        against = "the oracle, five orders and more"
        found.append(Measurement(f"clusters of {home.name}", score, highest, "ARI", judged.height, against))
    return found


def flow(folder: Path) -> list[Measurement]:
    """A month dropped onto a year of Online Retail under `tillage ui`: from its tick to all that follows made."""
    year = folder / "year"
    landing = year / "landing" / "orders"
    landing.mkdir(parents=True)
    subprocess.run(
        [sys.executable, str(DATA / "write_csv.py"), str(landing), "--monthly"],
        check=True,
        capture_output=True,
    )
    *_, newest = sorted(landing.iterdir())
    aside = newest.rename(folder / newest.name)
    rows = sum(1 for _ in aside.open("rb")) - 1
    _command([sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(year), "run"])
    (_, alone), (seconds, make) = (
        _flow(shutil.copytree(year, folder / executor, symlinks=True), aside, executor)
        for executor in ("in_process", "side_by_side")
    )
    return [
        Measurement("flow of a new month", seconds, 40, "s", rows, "what is wanted"),
        Measurement("of it the run that makes", make, 40, "s", rows, "what is wanted of all"),
        Measurement("the run in two processes", make, alone, "s", rows, "in one, otherwise the same"),
    ]


def _flow(home: Path, dropped: Path, executor: str) -> tuple[float, float]:
    """Seconds from the tick that sees the file to the end, and those of the run that makes."""
    code = """
        import json, os, shutil, signal, socket, subprocess, sys, time
        from pathlib import Path
        from pipelines.instance import open_instance
        from pipelines.settings import load
        home, dropped = map(Path, sys.argv[1:3])
        settings = load(home)
        os.environ["TILLAGE_EXECUTOR"] = sys.argv[3]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with open_instance(settings) as instance, open(home / "ui.log", "w") as log:
            before = instance.get_runs_count()
            command = [sys.executable, "-m", "pipelines.cli", "--home", str(home), "ui", "--port", str(port)]
            ui = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                time.sleep(60)  # it has loaded the code, and ticked without a reason
                assert instance.get_runs_count() == before
                aside = Path(shutil.copy(dropped, home))
                os.utime(aside, (time.time() - 60,) * 2)
                aside.rename(home / "landing" / "orders" / dropped.name)
                until, ended = time.time() + 900, []
                while len(ended) < 2 and time.time() < until:
                    time.sleep(0.5)
                    runs = instance.get_run_records(limit=instance.get_runs_count() - before or 1)
                    ended = [run for run in runs if run.end_time and run.dagster_run.is_success]
                assert [run.dagster_run.job_name for run in ended] == ["make", "take_in"], (home / "ui.log").read_text()
            finally:
                ui.send_signal(signal.SIGINT)
                ui.wait(60)
            tick = ended[-1].create_timestamp.timestamp()
            make = ended[0].end_time - ended[0].start_time
            Path(sys.argv[4]).write_text(json.dumps([ended[0].end_time - tick, make]))
        """
    told = home / "seconds.json"
    _python(code, str(home), str(dropped), executor, str(told))
    seconds, make = json.loads(told.read_text(encoding="utf-8"))
    return seconds, make


def backfill(folder: Path) -> list[Measurement]:
    """All 24 months of the sample shop made anew in one run, against making them at first."""
    home = folder / "home"
    tillage = [sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home)]
    _command([*tillage, "sample", "--months", "24"])
    full = _command([*tillage, "run"])
    again = _command([*tillage, "run", "--force", "--from", "2000-01"])
    rows = sum(sum(1 for _ in file.open("rb")) - 1 for file in (home / "landing" / "orders").iterdir())
    return [
        Measurement("backfill of 24 months, time", again.seconds, full.seconds, "s", rows, "a full build"),
        Measurement("backfill of 24 months, memory", again.megabytes, full.megabytes, "MB", rows, "the same"),
    ]


def reviews(folder: Path) -> list[Measurement]:
    """Topics and sentiment of BENCH_REVIEWS simulated reviews of two years, against a quarter: processor time a review, memory."""
    from warehouse.lake import open_lake

    wanted = int(os.environ.get("BENCH_REVIEWS", "200000"))
    costs, rows = {}, {}
    for part in (wanted // 4, wanted):
        home = folder / f"{part}"
        tillage = [sys.executable, "-m", "pipelines.cli", "--quiet", "--home", str(home)]
        # Half of the lines are written of: 37 reviews of each customer or so.
        shop = f"--months 24 --first-month {HISTORY:%Y-%m} --customers {part // 37} --reviews 0.5"
        _command([*tillage, "sample", *shop.split()])
        for file in (home / "landing" / "orders").iterdir():
            file.unlink()
        # What is fitted is fitted to so many reviews, however many there are: of its time little is wanted here.
        (home / "seeds" / "topics.csv").write_text(
            "least_reviews,least_topics,most_topics,learned_reviews,search_months,leading_share,mapped_reviews\n"
            "200,10,10,10000,12,0.4,300\n",
            encoding="utf-8",
        )
        costs[part] = _command([*tillage, "run"])
        with open_lake(home / "lake", read_only=True) as lake:
            [(rows[part],)] = lake.execute("SELECT count(*) FROM core.reviews").fetchall()
    (few, quarter), (many, whole) = ((rows[part], costs[part]) for part in costs)
    return [
        Measurement(
            "reviews, processor time a review",
            1000 * whole.processor / many,
            1000 * quarter.processor / few,
            "ms",
            many,
            f"{few:,} reviews",
        ),
        Measurement("reviews, memory", whole.megabytes, 4_096, "MB", many, "the 4 GB allowed"),
    ]


def _write_customer_months(folder: Path, rows: int) -> None:
    """Write two years of customers of whom each buys in ten months or so, two products in each."""
    code = """
        import sys
        import duckdb
        folder, rows = sys.argv[1], int(sys.argv[2])
        connection = duckdb.connect(config={"memory_limit": "6GB", "temp_directory": folder, "threads": 2})
        connection.execute(
            f'''
            COPY (
                SELECT
                    CAST(DATE '2011-01-01' + to_months(CAST(m AS INTEGER)) AS DATE) AS month,
                    CAST(c AS VARCHAR) AS customer_id,
                    CASE WHEN c % 5 = 0 THEN 'France' ELSE 'EIRE' END AS country,
                    1 AS orders, 2 AS units, CAST(5 + c % 90 AS DECIMAL(18, 4)) AS amount,
                    0 AS return_lines, 0 AS returned_units, CAST(0 AS DECIMAL(18, 4)) AS returned_amount,
                    CAST(DATE '2011-01-01' + to_months(CAST(m AS INTEGER)) AS TIMESTAMP)
                        + to_days(CAST(h % 28 AS INTEGER)) AS first_sold_at,
                    first_sold_at AS last_sold_at, 1 AS order_days, 0 AS gap_days_sum, 0 AS gap_days_square_sum,
                    1 AS monday_days, 0 AS tuesday_days, 0 AS wednesday_days, 0 AS thursday_days,
                    0 AS friday_days, 0 AS saturday_days, 0 AS sunday_days,
                    0 AS night_orders, 1 AS morning_orders, 0 AS afternoon_orders, 0 AS evening_orders
                FROM (SELECT c, m, hash(c, m) // 24 AS h FROM range({rows} // 10) AS customers (c)
                    CROSS JOIN range(24) AS months (m) WHERE hash(c, m) % 24 < 10)
                ORDER BY month
            ) TO '{folder}/core.customer_months.parquet'
            '''
        )
        connection.execute(
            f'''
            COPY (
                SELECT
                    month, customer_id, CAST(hash(customer_id, month, p) % 5000 AS VARCHAR) AS product_id,
                    TRUE AS is_goods, CAST(hash(customer_id, month, p) % 12 AS VARCHAR) AS category,
                    1 AS orders, 1 AS units, CAST(amount / 2 AS DECIMAL(18, 4)) AS amount,
                    0 AS returned_units, CAST(0 AS DECIMAL(18, 4)) AS returned_amount, first_sold_at, last_sold_at
                FROM read_parquet('{folder}/core.customer_months.parquet') CROSS JOIN range(2) AS products (p)
            ) TO '{folder}/core.customer_product_months.parquet'
            '''
        )
        """
    _python(code, str(folder), str(rows))


MEASURES: dict[str, Callable[[Path], list[Measurement]]] = {
    "landing": landing,
    "online_retail": online_retail,
    "new_month": new_month,
    "bookkeeping": bookkeeping,
    "definitions": definitions,
    "forecasts": forecasts,
    "noise_floor": noise_floor,
    "rules": rules,
    "customer_months": customer_months,
    "clusters": clusters,
    "flow": flow,
    "backfill": backfill,
    "reviews": reviews,
}


@dataclass(frozen=True)
class Cost:
    """What a process took: wall-clock seconds, those of a processor, and the most memory it held."""

    seconds: float
    processor: float
    megabytes: float


def _python(code: str, *arguments: str) -> Cost:
    lines = [line.removeprefix("        ") for line in code.strip("\n").splitlines()]
    return _command([sys.executable, "-c", "\n".join(lines), *arguments])


def _command(command: Sequence[str]) -> Cost:
    """Run a process and tell its cost; its children are waited for by nobody else, so the figure is its own."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    # Linux tells kilobytes, macOS bytes.
    return Cost(
        seconds,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    )


def _online_retail(file: Path) -> Path:
    """Write the CSV of Online Retail, in UTF-8."""
    source = DATA / "online_retail.parquet"
    if not source.exists():
        sys.exit(f"{source} is not there: this measurement needs the data beside the repository.")
    duckdb.execute(
        f"COPY (SELECT InvoiceNo, StockCode, Description, CAST(Quantity AS BIGINT) AS Quantity, "
        f"strftime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS InvoiceDate, UnitPrice, "
        f"CASE WHEN isnan(CustomerID) THEN NULL ELSE CAST(CustomerID AS BIGINT) END AS CustomerID, Country "
        f"FROM '{source}') TO '{file}' (HEADER)"
    )
    return file


def _repeated(source: Path, file: Path, lines: int) -> int:
    """Write the lines of `source` again and again, `lines` of them or a little more."""
    with source.open("rb") as stream:
        header, body = stream.readline(), stream.read()
    rows = sum(1 for _ in csv.reader(body.decode("utf-8").splitlines()))
    times = -(-lines // rows)
    with file.open("wb") as stream:
        stream.write(header)
        for _ in range(times):
            stream.write(body)
    return rows * times
