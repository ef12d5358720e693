"""The contracts of all tables, a module a schema."""

from warehouse.contract import Table
from warehouse.tables import (
    churn,
    cohorts,
    core,
    forecasts,
    landing,
    meta,
    models,
    overview,
    price,
    recommendations,
    rules,
    seeds,
    segments,
    topics,
    value,
)

TABLES: dict[str, Table] = {
    table.qualified: table
    for schema in (
        seeds,
        landing,
        core,
        overview,
        segments,
        cohorts,
        value,
        churn,
        rules,
        recommendations,
        forecasts,
        price,
        topics,
        models,
        meta,
    )
    for table in vars(schema).values()
    if isinstance(table, Table)
}
