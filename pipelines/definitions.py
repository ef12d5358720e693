"""The code location: every asset, job, sensor, schedule and resource of a home.

Read when Dagster loads it: the bounds of the months come from what the lake has seen, so it is loaded anew after
files brought a month before the first or after the last; the sensor that makes months has that done.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import dagster as dg

from assets.asset import Making, table_asset, table_spec
from assets.graph import graph
from assets.landing.asset import landing_assets
from pipelines import collect_seldom
from pipelines.executor import side_by_side_executor
from pipelines.instance import prepare_instance
from pipelines.jobs import jobs
from pipelines.schedules import schedules
from pipelines.sensors import sensors
from pipelines.settings import Settings, load, strange_variables
from resources.lake import LakeResource
from warehouse.errors import NoLakeError
from warehouse.intake import SOURCES
from warehouse.lineage import remembered
from warehouse.plan import month_range, next_month
from warehouse.records import read_versions
from warehouse.tables import TABLES

# A shop whose last sale lies further back than this trades no more: its last month ends the range.
TRADING_MONTHS = 3

EXECUTORS = {
    "side_by_side": side_by_side_executor,
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
}


@dg.definitions
@cache  # a process loads them once, and Dagster asks twice: a server to check them, a run for all of it and for its part
def defs() -> dg.Definitions:
    """What `dagster dev` and workspace.yaml load."""
    collect_seldom()
    settings = load()
    for line in strange_variables():
        dg.get_dagster_logger("tillage").warning(line)
    prepare_instance(settings)  # for webserver and daemon, where they are started one by one
    return build(settings)


def build(
    settings: Settings,
    *,
    seen: Sequence[date] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
    made: Collection[str] | None = None,
) -> dg.Definitions:
    """Build the definitions of a home.

    Args:
        settings: Of the home.
        seen: Months that files brought; None to ask the lake.
        loggers: In the place of Dagster's own.
        made: Tables of a run of its own, of which nobody reads the descriptions; None for the location's all. That the
            others are there is told, and how they follow from each other: to tell how they are made takes ten times as long.
    """
    months = months_of(settings, months_seen(settings) if seen is None else seen)
    shop, is_read = graph(settings.seeds), made is None
    inputs = {name: node.inputs for name, node in shop.nodes.items()}
    names = [name for name in shop.nodes if made is None or name in made]
    with remembered(settings.dagster / "lineage.json"):
        tables = [table_asset(TABLES[name], shop, months, is_read=is_read) for name in names]
    specs = [table_spec(TABLES[name], inputs, months, is_read=False) for name in inputs.keys() - names]
    # Dagster takes all of them for one asset, which sees each input in one way, and itself only at other months.
    others = [
        spec.replace_attributes(deps=[dep.asset_key for dep in spec.deps if dep.asset_key != spec.key])
        for spec in specs
    ]
    taking_in, rows = landing_assets(settings.landing, settings.reading(), months)
    freshness = fresh_by(settings, months)

    def kept(spec: dg.AssetSpec) -> dg.AssetSpec:
        owned = spec.replace_attributes(owners=[settings.owner])
        is_awaited = freshness is not None and spec.partitions_def is not None
        return owned.replace_attributes(freshness_policy=freshness) if is_awaited else owned

    return dg.Definitions(
        assets=dg.map_asset_specs(kept, [taking_in, *rows, *tables, *others]),
        jobs=jobs(settings, taking_in, tables),
        sensors=sensors(settings, months),
        schedules=schedules(settings),
        resources={
            "lake": LakeResource(
                database=str(settings.lake),
                memory=settings.memory,
                threads=settings.threads,
                postgres=settings.postgres,
                s3=settings.s3,
                s3_endpoint=settings.s3_endpoint,
                s3_region=settings.s3_region,
            ),
            "making": Making(seeds=str(settings.seeds)),
        },
        executor=EXECUTORS[settings.executor],
        loggers=loggers,
    )


def fresh_by(settings: Settings, months: dg.MonthlyPartitionsDefinition) -> dg.FreshnessPolicy | None:
    """How old what is made for a month may be, in a shop that trades; nobody waits for one that does not."""
    if months.end is not None:
        return None
    days = timedelta(days=settings.fresh_days)
    return dg.FreshnessPolicy.time_window(fail_window=days, warn_window=days * 4 / 5)


def months_of(settings: Settings, seen: Sequence[date]) -> dg.MonthlyPartitionsDefinition:
    """The months from the first to the last of `seen`, open at the end for a shop that trades."""
    now = settings.reading().now.date().replace(day=1)
    first, last = min(seen, default=now), max(seen, default=now)
    trades = len(month_range(last, now)) <= TRADING_MONTHS + 1
    bounds: dict[str, Any] = (
        {"end_offset": max(1, len(month_range(now, last)))} if trades else {"end_date": str(next_month(last))}
    )
    return dg.MonthlyPartitionsDefinition(start_date=str(first), timezone=settings.timezone, **bounds)


def months_seen(settings: Settings) -> list[date]:
    """The months that files brought, as the lake records them."""
    try:
        with settings.open_lake(read_only=True) as connection:
            versions = read_versions(connection, [source.table.qualified for source in SOURCES])
    except NoLakeError:
        return []
    return [month for _, month in versions if month is not None]
