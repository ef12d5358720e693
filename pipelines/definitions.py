"""The code location: every asset, job and resource of a home.

Read when Dagster loads it: the bounds of the months come from what the lake has seen, so reload it
after files brought a month before the first or after the last.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from assets.asset import Making, table_asset
from assets.graph import graph
from assets.landing.asset import landing_assets
from pipelines.settings import Settings, load
from resources.lake import LakeResource
from warehouse.intake import SOURCES
from warehouse.lake import open_lake
from warehouse.plan import month_range, next_month
from warehouse.records import read_versions
from warehouse.tables import TABLES

# A shop whose last sale lies further back than this trades no more: its last month ends the range.
TRADING_MONTHS = 3

EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and workspace.yaml load."""
    return build(load())


def build(
    settings: Settings,
    *,
    seen: Sequence[date] | None = None,
    force: bool = False,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
    is_read: bool = True,
) -> dg.Definitions:
    """Build the definitions of a home.

    Args:
        settings: Of the home.
        seen: Months that files brought; None to ask the lake.
        force: Make what is current, too.
        loggers: In the place of Dagster's own.
        is_read: Whether anybody reads the descriptions; a run of its own shows none.
    """
    months = months_of(settings, months_seen(settings) if seen is None else seen)
    made = graph(settings.seeds)
    tables = [table_asset(TABLES[name], made, months, is_read=is_read) for name in made.nodes]
    taking_in, rows = landing_assets(settings.landing, settings.reading(), months)
    return dg.Definitions(
        assets=[taking_in, *rows, *tables],
        jobs=[
            dg.define_asset_job(
                "take_in",
                dg.AssetSelection.assets(taking_in),
                description="Take in the files of landing/ that are new or changed.",
            ),
            dg.define_asset_job(
                "make",
                dg.AssetSelection.assets(*tables),
                description="Make what is out of date, in the months asked for, and pass over what is current.",
            ),
        ],
        resources={
            "lake": LakeResource(
                database=str(settings.lake), memory=settings.memory, threads=settings.threads
            ),
            "making": Making(seeds=str(settings.seeds), force=force),
        },
        executor=EXECUTORS[settings.executor],
        loggers=loggers,
    )


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
    if not (settings.lake / "catalog.sqlite").exists():
        return []
    with open_lake(settings.lake, memory=settings.memory, read_only=True) as connection:
        versions = read_versions(connection, [source.table.qualified for source in SOURCES])
    return [month for _, month in versions if month is not None]
