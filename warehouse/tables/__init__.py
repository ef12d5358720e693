"""The contracts of all tables, a module a schema."""

from warehouse.contract import Table
from warehouse.tables import (
    churn,
    cohorts,
    core,
    landing,
    meta,
    models,
    overview,
    rules,
    seeds,
    segments,
    value,
)

TABLES: dict[str, Table] = {
    table.qualified: table
    for schema in (seeds, landing, core, overview, segments, cohorts, value, churn, rules, models, meta)
    for table in vars(schema).values()
    if isinstance(table, Table)
}
