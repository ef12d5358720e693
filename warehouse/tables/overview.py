"""What people look at first: when, what and where is sold, from all months up to an as_of.

Everything here adds up to core. What a single month brought is the difference of two as_of months.
"""

from warehouse.contract import Column, Table
from warehouse.tables.core import AMOUNT, AS_OF, ORDERS, PRODUCT, RETURNED, UNITS

WEEKDAY = Column("weekday", "TINYINT", "ISO day of the week: 1 Monday to 7 Sunday.", minimum=1)

HOURS = Table(
    schema="overview",
    name="hours",
    description="When people buy: sales by weekday and hour.",
    grain="one row per as_of month, weekday and hour with a sale up to its end",
    columns=(
        AS_OF,
        WEEKDAY,
        Column("hour", "TINYINT", "Hour of the day, 0 to 23, in the shop's time.", minimum=0),
        ORDERS,
        UNITS,
        AMOUNT,
    ),
    primary_key=("as_of", "weekday", "hour"),
    partition_column="as_of",
)

WEEKDAYS = Table(
    schema="overview",
    name="weekdays",
    description="On which days people buy: sales by weekday.",
    grain="one row per as_of month and weekday with a sale up to its end",
    columns=(
        AS_OF,
        WEEKDAY,
        Column("days", "BIGINT", "Days of that weekday with a sale.", unit="days", minimum=1),
        ORDERS,
        UNITS,
        AMOUNT,
        Column("orders_per_day", "DOUBLE", "orders by days, to two digits.", unit="invoices", minimum=0),
    ),
    primary_key=("as_of", "weekday"),
    partition_column="as_of",
)

TOP_GOODS = Table(
    schema="overview",
    name="top_goods",
    description="The hundred goods that brought most.",
    grain="one row per as_of month and rank",
    columns=(
        AS_OF,
        Column("rank", "INTEGER", "1 brought the highest amount; of equals the lower code.", minimum=1),
        PRODUCT,
        Column("name", "VARCHAR", "Name, as in core.products of the month.", nullable=True),
        ORDERS,
        UNITS,
        AMOUNT,
        RETURNED,
        Column("amount_share", "DOUBLE", "amount by that of all goods, to six digits.", minimum=0),
    ),
    primary_key=("as_of", "rank"),
    partition_column="as_of",
)

COUNTRIES = Table(
    schema="overview",
    name="countries",
    description="Where it is sold: sales and returns by country, guests included.",
    grain="one row per as_of month and country with a sale or return line up to its end",
    columns=(
        AS_OF,
        Column("country", "VARCHAR", "Country of the customers."),
        Column(
            "customers",
            "BIGINT",
            "Known customers whose country this is at the end of the month (core.customers).",
            unit="customers",
            minimum=0,
        ),
        ORDERS,
        UNITS,
        AMOUNT,
        RETURNED,
        Column("amount_share", "DOUBLE", "amount by that of all countries, to six digits.", minimum=0),
    ),
    primary_key=("as_of", "country"),
    partition_column="as_of",
)

_FIGURES = ("amount", "orders", "returned_amount", "units")

CORRELATIONS = Table(
    schema="overview",
    name="correlations",
    description="How the figures of a day go together.",
    grain="one row per as_of month and pair of figures",
    columns=(
        AS_OF,
        Column("figure", "VARCHAR", "The one figure of a day.", values=_FIGURES),
        Column("other_figure", "VARCHAR", "The other; each pair is there once, in order.", values=_FIGURES),
        Column(
            "days",
            "BIGINT",
            "Days with a sale or return; others are no days of trade.",
            unit="days",
            minimum=1,
        ),
        Column(
            "correlation",
            "DOUBLE",
            "Pearson's, over those days, to six digits; null where a figure never changes.",
            nullable=True,
            minimum=-1,
        ),
    ),
    primary_key=("as_of", "figure", "other_figure"),
    partition_column="as_of",
)
