"""Taking in files, as Dagster assets: the files, what was quarantined, and the months they touched."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.asset import SILENT, key, table_spec
from resources.lake import LakeResource
from warehouse.errors import TillageError
from warehouse.intake import SOURCES, TakenIn, take_in
from warehouse.intake.files import passed_over
from warehouse.intake.layout import Reading
from warehouse.intake.orders import DISAGREEING
from warehouse.lake import snapshot
from warehouse.tables.landing import FILE_MONTHS, FILES, QUARANTINE
from warehouse.words import few

CHECKS = {
    "rows_add_up": (
        "For every file, the rows read are those accepted and those in quarantine, in its record and in the lake.",
        dg.AssetCheckSeverity.ERROR,
        """
        WITH newest AS (
            SELECT DISTINCT file_id, path, rows_read, rows_accepted, rows_quarantined
            FROM landing.files WHERE state = 'accepted'
            QUALIFY arrival = max(arrival) OVER (PARTITION BY path)
        ),
        accepted AS (
            SELECT file_id, count(*) AS n FROM landing.orders GROUP BY file_id
            UNION ALL
            SELECT file_id, count(*) AS n FROM landing.reviews GROUP BY file_id
        ),
        quarantined AS (SELECT file_id, count(*) AS n FROM landing.quarantine GROUP BY file_id)
        SELECT newest.path, newest.rows_read, accepted.n AS accepted, quarantined.n AS quarantined
        FROM newest
        LEFT JOIN accepted USING (file_id)
        LEFT JOIN quarantined USING (file_id)
        WHERE
            newest.rows_read <> newest.rows_accepted + newest.rows_quarantined
            OR newest.rows_accepted <> coalesce(accepted.n, 0)
            OR newest.rows_quarantined <> coalesce(quarantined.n, 0)
        """,
    ),
    "no_file_is_refused": (
        "No path holds a content that was refused whole.",
        dg.AssetCheckSeverity.ERROR,
        """
        SELECT path, reason FROM landing.files
        QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND state = 'refused'
        """,
    ),
    "few_rows_are_quarantined": (
        "Of no file is more than one row in a hundred in quarantine.",
        dg.AssetCheckSeverity.WARN,
        """
        SELECT path, rows_read, rows_quarantined FROM landing.files
        QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND rows_quarantined > 0.01 * rows_read
        """,
    ),
    "files_agree_on_invoices": (
        "No two files hold different lines of a product of the same invoice. All of those lines are kept.",
        dg.AssetCheckSeverity.WARN,
        DISAGREEING,
    ),
}
SAMPLE_ROWS = 10
SHOWN_FILES = 10
LEFT = "left for the next time: "  # by it the page of a run knows the lines of the log that tell of files


def landing_assets(
    landing: Path, reading: Reading, months: dg.PartitionsDefinition
) -> tuple[dg.AssetsDefinition, list[dg.AssetSpec]]:
    """The asset that takes in files, and the tables of their rows, whose months it logs as they change."""
    tables = (FILES, FILE_MONTHS, QUARANTINE)
    specs = [table_spec(table, {}, None) for table in tables]
    rows = [
        table_spec(source.table, {}, months).replace_attributes(deps=[key(FILES.qualified)])
        for source in SOURCES
    ]

    @dg.multi_asset(
        name="landing__files",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(name, asset=key(FILES.qualified), description=told)
            for name, (told, _, _) in CHECKS.items()
        ],
    )
    def build(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]  # it carries no value
        with lake.get_connection() as connection:
            try:
                taken = take_in(
                    connection,
                    landing,
                    reading,
                    run=context.run.run_id,
                    progress=lambda path, done, total: context.log.info(f"{path} ({done + 1} of {total})"),
                )
            except TillageError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            for line in few(SHOWN_FILES, [f"{path}: {why}" for path, why in taken.left.items()]):
                context.log.warning(f"{LEFT}{line}")
            landed = passed_over(landing, {source.name: source.kinds for source in SOURCES})
            for line in few(SHOWN_FILES, [f"{path} is passed over: {why}" for path, why in landed]):
                context.log.warning(line)
            at = snapshot(connection)
            counts = {}
            for table in tables:
                counted = connection.execute(f"SELECT count(*) FROM {table.qualified}").fetchone()
                counts[table.qualified] = counted[0] if counted else 0
            results = []
            for name, (_, severity, failing) in CHECKS.items():
                found = connection.execute(f"SELECT CAST(to_json(bad) AS VARCHAR) FROM ({failing}) AS bad")
                sample = [json.loads(row) for (row,) in found.fetchmany(SAMPLE_ROWS)]
                results.append(
                    dg.AssetCheckResult(
                        asset_key=key(FILES.qualified),
                        check_name=name,
                        passed=not sample,
                        severity=severity,
                        metadata={"sample": dg.MetadataValue.json(sample)} if sample else {},
                    )
                )
        _log_months(context, taken, at)
        for table in tables:
            told = _told(taken, at, counts[table.qualified])
            yield dg.MaterializeResult(
                asset_key=key(table.qualified), metadata=told if taken.arrivals else SILENT
            )
        yield from results

    return build, rows


def _told(taken: TakenIn, at: int, rows: int) -> dict[str, dg.TableMetadataValue | int]:
    """What became of each file; a table and no markdown, for a file's name is a stranger's text."""
    columns = ("path", "state", "rows_read", "rows_accepted", "rows_quarantined", "reason", "remark")
    # Every record has every field: a file that was taken in has no reason, one that was refused may have no rows.
    records = [dg.TableRecord({name: getattr(row, name) for name in columns}) for row in taken.arrivals]
    kinds = {name: "int" if name.startswith("rows") else "string" for name in columns}
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in kinds.items()])
    return {
        "dagster/row_count": rows,
        "files": dg.MetadataValue.table(records, schema),
        "months changed": sum(len(months) for months in taken.months.values()),
        "snapshot": at,
    }


def _log_months(context: dg.AssetExecutionContext, taken: TakenIn, at: int) -> None:
    for name, months in taken.months.items():
        for month, record in months.items():
            context.log_event(
                dg.AssetMaterialization(
                    key(name),
                    partition=str(month),
                    metadata={
                        "dagster/partition_row_count": record.rows,
                        "rows changed": True,
                        "snapshot": at,
                    },
                    tags={"dagster/data_version": record.version},
                )
            )
