"""The contracts of all tables, a module a schema."""

from warehouse.contract import Table
from warehouse.tables import (
    churn,
    cohorts,
    core,
    demand,
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
    sentiment,
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
        demand,
        price,
        sentiment,
        topics,
        models,
        meta,
    )
    for table in vars(schema).values()
    if isinstance(table, Table)
}
