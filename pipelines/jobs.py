"""What a person launches in the UI: taking in, making, making anew. Sensors and schedules launch the same."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from assets.asset import FORCE
from assets.computed import module_of
from pipelines.report import write_period
from pipelines.run import MAKE, REBUILD, TAKE_IN
from pipelines.settings import Settings
from warehouse.errors import TillageError
from warehouse.export import Format, chosen, export
from warehouse.maintenance import maintain
from warehouse.records import prepare
from warehouse.tables import TABLES
from warehouse.words import counted

RETRAIN, REPORT, MAINTAIN = "retrain", "report", "maintain"


class Export(dg.Config):
    """What is written to exports/, and as what."""

    format: Format = Field(
        default="parquet", description="parquet and csv: a file a table; duckdb: all in one database."
    )
    personal: bool = Field(
        default=False, description="Write personal columns as they are, and not hashed or left out."
    )
    tables: list[str] = Field(
        default=[], description="As schema.name, such as segments.rfm; empty for all there are."
    )


class Maintenance(dg.Config):
    """What stays of the lake's past."""

    keep_days: int | None = Field(
        default=None, ge=1, description="Days for which every snapshot can be asked; the setting if not told."
    )


class Period(dg.Config):
    """The days that are reported on, both included, as 2011-11-30."""

    first: str = Field(description="First day, such as 2011-11-01.")
    last: str = Field(description="Last day, such as 2011-11-30.")


def report_config(first: date, last: date) -> dict[str, Any]:
    """What job `report` is told of a period."""
    return {"ops": {"write_report": {"config": {"first": str(first), "last": str(last)}}}}


def jobs(
    settings: Settings, taking_in: dg.AssetsDefinition, tables: Sequence[dg.AssetsDefinition]
) -> list[Any]:  # Dagster exports no name for what define_asset_job gives
    """Give every job of a home, over the asset that takes in files and those that make tables."""
    computed = [asset for asset in tables if module_of(TABLES[".".join(asset.key.path)])]

    @dg.op
    def write_files(context: dg.OpExecutionContext, config: Export) -> None:
        try:
            with settings.open_lake(read_only=True, reach=[settings.exports]) as lake:
                for file in export(
                    lake,
                    chosen(lake, config.tables),
                    settings.exports,
                    config.format,
                    keep_personal=config.personal,
                ):
                    context.log.info(str(file))
        except TillageError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    @dg.job(
        name="export",
        description="Write tables as plain files into exports/, for programs that cannot attach the lake.",
    )
    def exporting() -> None:
        write_files()

    @dg.op
    def keep_small(context: dg.OpExecutionContext, config: Maintenance) -> None:
        try:
            with settings.open_lake() as lake:
                prepare(lake)
                keep = timedelta(days=config.keep_days or settings.keep_days)
                done = maintain(lake, keep=keep, now=datetime.now(UTC))
        except TillageError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        merged = [
            f"{counted(before, 'file')} of {name} became {after}"
            for name, (before, after) in done.merged.items()
        ]
        context.log.info("; ".join(merged) or "no table had small files to merge")
        context.log.info(
            f"{counted(len(done.expired), 'snapshot')} expired, {len(done.pinned)} older kept as a model or a reader names "
            f"them; {counted(done.deleted, 'file')} deleted of those let go, {done.orphans} of killed runs"
        )

    @dg.job(
        name=MAINTAIN,
        description="Merge small files of the lake, expire old snapshots, delete what nothing names any more.",
    )
    def maintaining() -> None:
        keep_small()

    @dg.op
    def write_report(context: dg.OpExecutionContext, config: Period) -> None:
        try:
            first, last = (date.fromisoformat(day) for day in (config.first, config.last))
        except ValueError as error:
            raise dg.Failure(
                f"{error}: a day such as 2011-11-30 was expected.", allow_retries=False
            ) from error
        try:
            context.log.info(str(write_period(settings, first, last)))
        except TillageError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    @dg.job(
        name=REPORT, description="Write how a week, a month or any days went, as a page in exports/reports/."
    )
    def reporting() -> None:
        write_report()

    return [
        dg.define_asset_job(
            TAKE_IN,
            dg.AssetSelection.assets(taking_in),
            description="Take in the files of landing/ that are new or changed.",
        ),
        dg.define_asset_job(
            MAKE,
            dg.AssetSelection.assets(*tables),
            description="Make what is out of date in the months asked for, and pass over what is current.",
        ),
        dg.define_asset_job(
            REBUILD,
            dg.AssetSelection.assets(*tables),
            tags={FORCE: "true"},
            description="Make everything anew in the months asked for, current or not; all months rebuild all.",
        ),
        dg.define_asset_job(
            RETRAIN,
            dg.AssetSelection.assets(*computed),
            tags={FORCE: "true"},
            description="Fit anew what is fitted (clusters, values, churn, rules, forecasts, recommendations) in the "
            "months asked for, current or not.",
        ),
        exporting,
        reporting,
        maintaining,
    ]
