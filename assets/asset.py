"""Tables of the warehouse as Dagster assets: one function makes them all.

A step asks the lake what is out of date, makes that and passes over the rest. Dagster's events are a
picture of what was made: a materialization for each month that was, none for those passed over.
"""

import base64
import json
import time
import warnings
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from pydantic import PrivateAttr

from assets.computed import module_of
from assets.graph import Graph, graph
from assets.make import Made, make, read_plan
from assets.pictures import PICTURES
from expectations.rules import Rule, rules
from resources.lake import LakeResource
from warehouse.contract import Sees, Table
from warehouse.errors import TillageError
from warehouse.lineage import column_lineage
from warehouse.plan import Plan, is_seen, month_before
from warehouse.records import NOTHING, Record, Refusal, read_refusals
from warehouse.tables import TABLES
from warehouse.words import counted

# Dagster would log a materialization for every month of the range that a run was asked for, made or
# not, all with one version. An output with this key logs none: the months that were made are logged here.
SILENT = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
# A run with this tag makes what is current, too.
FORCE = "tillage/force"
# Dagster's own tag of the runs of a backfill.
BACKFILL = "dagster/backfill"
# How many months a location may run on after it was loaded before "every month up to it" falls short.
MONTHS_AHEAD = 120
# The UI says beside each that it is non-blocking, by which it means what follows, and not the months that fail.
OF_ERRORS = (
    " A month that fails is not published: the rows that it had stay. The months that pass are, and what follows is made "
    "from those, so the check is non-blocking in Dagster's sense."
)
OF_WARNINGS = " A warning: a month that fails is published all the same."
# How a chain sees itself.
OF_ITSELF = frozenset({Sees.BEFORE, Sees.LAST})


class Making(dg.ConfigurableResource):  # type: ignore[type-arg]  # it gives itself
    """Where the shop's own seeds lie."""

    seeds: str
    _graph: Graph | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Forget the graph of the run before."""
        del context
        self._graph = None

    def graph(self) -> Graph:
        """Read the graph, once a run: a seed that is changed meanwhile is seen by the next."""
        if self._graph is None:
            self._graph = graph(Path(self.seeds))
        return self._graph


@cache  # it counts the months, for every input of every table
def seen_by(sees: Sees, months: dg.PartitionsDefinition | None) -> dg.PartitionMapping | None:
    """Tell Dagster how an input is seen; by the same month is its own way."""
    if months is None or sees not in {Sees.UP_TO, Sees.PREVIOUS, Sees.BEFORE, Sees.LAST}:
        return None
    # Dagster counts the months one by one, for every step: no more of them than there can be.
    back = len(months.get_partition_keys()) + MONTHS_AHEAD if sees in {Sees.UP_TO, Sees.LAST} else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # allow_nonexistent_upstream_partitions
        return dg.TimeWindowPartitionMapping(
            start_offset=-back,
            end_offset=-1 if sees in OF_ITSELF else 0,
            allow_nonexistent_upstream_partitions=True,
        )


def table_spec(
    table: Table,
    nodes: Mapping[str, Mapping[str, Sees]],
    months: dg.PartitionsDefinition | None,
    *,
    is_read: bool = True,
) -> dg.AssetSpec:
    """Describe a table: grain, columns with types, units and meanings, inputs and how they are seen.

    Where nobody reads it (`is_read`), what columns are made from is left out: to find that takes a second in all.
    """
    inputs = nodes.get(table.qualified, {})
    deps = [dg.AssetDep(key(name), partition_mapping=seen_by(sees, months)) for name, sees in inputs.items()]
    return dg.AssetSpec(
        key(table.qualified),
        deps=deps,
        description=f"{table.description}\n\nGrain: {table.grain}.",
        group_name=table.schema,
        kinds={"duckdb", "parquet"}
        | ({"sql"} if inputs else set())
        | ({"python"} if module_of(table) else set()),
        partitions_def=months if table.partition_column else None,
        tags=_tags(table),
        metadata={
            "dagster/column_schema": _column_schema(table, is_made=bool(inputs) and is_read),
            "dagster/table_name": f"lake.{table.qualified}",
            **({"SQL": dg.MetadataValue.md(f"```sql\n{table.query}\n```")} if inputs else {}),
        },
    )


def table_asset(
    table: Table, graph: Graph, months: dg.PartitionsDefinition, *, is_read: bool = True
) -> dg.AssetsDefinition:
    """A table that is made from others, with each of its rules as a check; `is_read` as in `table_spec`."""
    inputs = {name: node.inputs for name, node in graph.nodes.items()}
    spec = table_spec(table, inputs, months, is_read=is_read)

    @dg.multi_asset(
        name=table.qualified.replace(".", "__"),
        specs=[spec.replace_attributes(code_version=graph.nodes[table.qualified].code)],
        check_specs=[_check_spec(table, rule) for rule in rules(table)],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run() if table.partition_column else None,
    )
    def build(
        context: dg.AssetExecutionContext, lake: LakeResource, making: Making
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]  # it carries no value
        with lake.get_connection() as connection:
            if not context.selected_asset_keys:
                yield from _checks(table, read_refusals(connection).get(table.qualified, ()), None)
                return
            now, started = making.graph(), time.perf_counter()
            asked = (
                [date.fromisoformat(at) for at in context.partition_keys] if table.partition_column else None
            )
            try:
                made = make(
                    connection,
                    table.qualified,
                    now,
                    months=asked,
                    force=FORCE in context.run.tags,
                    run=context.run.run_id,
                )
            except TillageError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            if BACKFILL in context.run.tags and asked:
                _log_passed_over(context, table, asked, made, read_plan(connection, now))
            if made.published is None:  # what is current costs one look at the plan, and no event
                yield dg.MaterializeResult(asset_key=spec.key, metadata=SILENT)
                return
            seconds = time.perf_counter() - started
            plan = read_plan(connection, now)
            picture = _picture(connection, table, made)
        _log_months(context, table, made, plan, seconds, picture)
        yield from _checks(table, plan.refusals.get(table.qualified, ()), made)
        if made.reasons and not made.published.records:
            raise dg.Failure(_refusal(table, made), allow_retries=False)
        yield dg.MaterializeResult(asset_key=spec.key, metadata=SILENT)

    return build


def key(name: str) -> dg.AssetKey:
    """The asset of table `schema.name`."""
    return dg.AssetKey(name.split("."))


def _tags(table: Table) -> dict[str, str]:
    """What people filter by: what a table is partitioned by, and whether it is fitted or answers for today alone."""
    return {
        "partitioned_by": table.partition_column or "nothing",
        **({"fitted": ""} if module_of(table) else {}),
        **({"served": ""} if table.is_served else {}),
    }


def _column_schema(table: Table, *, is_made: bool) -> dg.TableSchema:
    """Columns with units and meanings, and what each is made from: the open UI draws no column lineage."""
    sources = _sources(table.qualified) if is_made and not module_of(table) else {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=column.description + _made_from(sources.get(column.name, [])),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.primary_key == (column.name,)
                ),
                tags={"unit": column.unit} if column.unit else {},
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(
            other=[f"key: {', '.join(table.primary_key)}"] if table.primary_key else []
        ),
    )


def _check_spec(table: Table, rule: Rule) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        rule.name,
        asset=key(table.qualified),
        description=rule.description + (OF_ERRORS if rule.severity == "error" else OF_WARNINGS),
        # What follows is made all the same, from the months that pass: Dagster would skip all of it if this were true.
        blocking=False,
        metadata={"failing rows": dg.MetadataValue.md(f"```sql\n{rule.failing}\n```")},
    )


def _checks(table: Table, standing: tuple[Refusal, ...], made: Made | None) -> Iterator[dg.AssetCheckResult]:
    """One result a rule: it passes only if no month of the table stands refused or warned about by it."""
    for rule in rules(table):
        findings = [refusal.finding for refusal in standing if refusal.finding.rule == rule.name]
        metadata: dict[str, dg.MetadataValue | int | str] = {
            "failing rows": sum(finding.count for finding in findings)
        }
        if made is not None:
            metadata["months judged"] = len(made.reasons)
        if findings:
            metadata["months"] = ", ".join(_name(finding.month) for finding in findings)
            metadata["sample"] = dg.MetadataValue.json(
                {_name(finding.month): _shown(table, finding.sample) for finding in findings}
            )
        yield dg.AssetCheckResult(
            asset_key=key(table.qualified),
            check_name=rule.name,
            passed=not findings,
            severity=dg.AssetCheckSeverity.ERROR if rule.severity == "error" else dg.AssetCheckSeverity.WARN,
            metadata=metadata,
        )


def _shown(table: Table, sample: str) -> list[dict[str, Any]]:
    """Rows that fail, without what tells who a customer is: Dagster's log outlives the rows, and `tillage forget`."""
    personal = {column.name for column in table.columns if column.personal}
    rows = json.loads(sample, parse_constant=str)  # DuckDB writes NaN and Infinity, which no browser reads
    return [
        {
            name: "(personal)" if name in personal and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _log_months(
    context: dg.AssetExecutionContext,
    table: Table,
    made: Made,
    plan: Plan,
    seconds: float,
    picture: dg.MetadataValue | None,
) -> None:
    """Log each month that was made, with its own version and provenance."""
    if made.published is None:
        return
    records = made.published.records
    provenance = _Provenance(context.instance, table, plan)
    newest = _newest(records)
    for month, record in records.items():
        lineage = _lineage(table) if month == newest else None
        metadata: dict[str, Any] = {
            **({"picture": picture} if picture and month == newest else {}),
            **({"dagster/column_lineage": lineage} if lineage else {}),
            "why": made.reasons[month],
            "rows changed": month in made.published.changed,
            "seconds": round(seconds / len(records), 4),
            "snapshot": made.published.snapshot,
        }
        context.log_event(_materialization(table, month, record, provenance.tags(month), metadata))


def _log_passed_over(
    context: dg.AssetExecutionContext, table: Table, asked: list[date], made: Made, plan: Plan
) -> None:
    """Log the months that a backfill asked for and that need nothing: it takes one without an event for failed.

    What follows in the backfill would be left out then. A month that stands refused is told by none.
    """
    name = table.qualified
    known = made.published.records if made.published else {}
    refused = {
        refusal.finding.month
        for refusal in plan.refusals.get(name, ())
        if refusal.finding.severity == "error"
    }
    is_made_for, provenance = set(plan.months(name)), _Provenance(context.instance, table, plan)
    for month in asked:
        if month in known or month in refused:
            continue
        record = plan.records.get((name, month), Record(NOTHING, plan.graph[name].code, ""))
        why = "it is as it was made" if month in is_made_for else "no file reaches to it"
        context.log_event(_materialization(table, month, record, provenance.tags(month), {"why": why}))


def unseen(
    instance: dg.DagsterInstance, connection: duckdb.DuckDBPyConnection, graph: Graph, run: str
) -> Iterator[dg.AssetMaterialization]:
    """What a run published and died before it could say so, as it would have said it."""
    entries = instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in entries]
    said = {(event.asset_key, event.partition) for event in events if event is not None}
    made = connection.execute(
        'SELECT "table", month FROM meta.versions GROUP BY "table", month '
        'HAVING arg_max(run, snapshot_id) = ? ORDER BY "table", month',
        [run],
    ).fetchall()
    plan = read_plan(connection, graph)
    for name, month in made:
        partition = None if month is None else str(month)
        if (key(name), partition) not in said:
            record, table = plan.records[name, month], TABLES[name]
            tags = _Provenance(instance, table, plan).tags(month) if name in plan.graph else {}
            why = "made by a run that ended before it could say so"
            yield _materialization(table, month, record, tags, {"why": why, "run": run})


def _materialization(
    table: Table,
    month: date | None,
    record: Record,
    provenance: Mapping[str, str],
    metadata: Mapping[str, Any],  # whatever Dagster shows
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        key(table.qualified),
        partition=None if month is None else str(month),
        metadata={
            "dagster/partition_row_count" if month else "dagster/row_count": record.rows,
            **metadata,
        },
        tags={
            "dagster/data_version": record.version,
            "dagster/code_version": record.code,
            **provenance,
        },
    )


def _picture(
    connection: duckdb.DuckDBPyConnection, table: Table, made: Made
) -> dg.MarkdownMetadataValue | None:
    """Draw the newest month that was made, where there is something to see."""
    picture = PICTURES.get(table.qualified)
    if picture is None or made.published is None or not made.published.records:
        return None
    newest = _newest(made.published.records)
    drawn = picture.svg(connection.execute(picture.query, {"month": newest}).fetchall())
    if drawn is None:
        return None
    encoded = base64.b64encode(drawn.encode()).decode()
    return dg.MetadataValue.md(f"![{picture.title}](data:image/svg+xml;base64,{encoded})")


def _newest(records: Mapping[date | None, Record]) -> date | None:
    """The newest month that has rows, if one has any."""
    return max(records, key=lambda month: (records[month].rows > 0, month or date.min), default=None)


class _Provenance:
    """Tells Dagster what a month was made from, so that its "unsynced" agrees with the lake.

    For an input with months Dagster looks only at whether one of them has an event after the newest
    that is named here, with another version; for one without, at the version.
    """

    def __init__(self, instance: dg.DagsterInstance, table: Table, plan: Plan) -> None:
        self._inputs = plan.graph[table.qualified].inputs
        self._plan = plan
        self._instance = instance
        self._events = {
            name: self._newest_events(instance, name)
            for name, sees in self._inputs.items()
            if sees not in OF_ITSELF
        }

    @staticmethod
    def _newest_events(instance: dg.DagsterInstance, name: str) -> dict[date | None, int]:
        if TABLES[name].partition_column is None:
            event = instance.fetch_materializations(key(name), limit=1).records
            return {None: event[0].storage_id} if event else {}
        found = instance.event_log_storage.get_latest_storage_id_by_partition(
            key(name), dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        return {date.fromisoformat(partition): event for partition, event in found.items()}

    def _event_of(self, name: str, month: date) -> list[int]:
        """The newest event of a month: of a chain, it may just have been logged."""
        wanted = dg.AssetRecordsFilter(key(name), asset_partitions=[str(month)])
        return [
            record.storage_id for record in self._instance.fetch_materializations(wanted, limit=1).records
        ]

    def tags(self, month: date | None) -> dict[str, str]:
        tags = {}
        for name, sees in self._inputs.items():
            at = None if sees is Sees.WHOLE else month
            if sees in OF_ITSELF and month is not None:
                at = month_before(month) if sees is Sees.BEFORE else self._plan.last_before(name, month)
                seen = self._event_of(name, at) if at else []
            else:
                seen = [
                    event for at, event in self._events[name].items() if is_seen(sees, at=at, month=month)
                ]
            record = self._plan.records.get((name, at))
            path = "/".join(key(name).path)
            tags[f"dagster/input_data_version/{path}"] = record.version if record else NOTHING
            tags[f"dagster/input_event_pointer/{path}"] = str(max(seen)) if seen else "NULL"
        return tags


@cache
def _sources(name: str) -> dict[str, list[tuple[str, str]]]:
    return column_lineage(TABLES[name], {other: table.shape for other, table in TABLES.items()})


def _made_from(sources: list[tuple[str, str]]) -> str:
    by_table: dict[str, list[str]] = {}
    for name, column in sources:
        by_table.setdefault(name, []).append(column)
    told = "; ".join(f"{name} ({', '.join(columns)})" for name, columns in by_table.items())
    return f" Made from {told}." if told else ""


def _lineage(table: Table) -> dg.TableColumnLineage | None:
    if table.schema == "seeds" or module_of(table):
        return None
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(key(name), source) for name, source in sources]
            for column, sources in _sources(table.qualified).items()
        }
    )


def _refusal(table: Table, made: Made) -> str:
    findings = made.published.findings if made.published else ()
    told = "; ".join(
        f"{_name(finding.month)}: {finding.rule} ({counted(finding.count, 'row')})"
        for finding in findings
        if finding.severity == "error"
    )
    return (
        f"{table.qualified}: every month that was made is refused by the audit, and the rows it had stay. {told}. "
        "The rows are shown on the checks of the asset; mend them in a new file, or the rule."
    )


def _name(month: date | None) -> str:
    return "all" if month is None else f"{month:%Y-%m}"
