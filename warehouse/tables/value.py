"""What customers will be worth, how sure that is, and how good such forecasts were."""

from warehouse.contract import Column, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end the customers are seen.")


def _bound(of: str, end: str, what: str, unit: str) -> Column:
    return Column(
        f"{of}_{end}",
        "DOUBLE",
        f"{'Lower' if end == 'low' else 'Upper'} bound of {what}: the shop's sum lies between the sums of the bounds "
        "with 95 %; one customer varies far more.",
        nullable=True,
        unit=unit,
        minimum=0,
    )


LIFETIME = Table(
    schema="value",
    name="lifetime",
    description=(
        "Orders and amount that each customer is expected to bring in the days to come (seeds.value: 90 and 365): BG/NBD (Fader, Hardie, "
        "Lee 2005) and Gamma-Gamma (Fader, Hardie 2013), with the shop's own season where a whole year precedes, and "
        "bounds that know how far earlier forecasts went astray (value.backtest)."
    ),
    grain="one row per as_of month, customer with an order day up to its end, and horizon",
    columns=(
        AS_OF,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        Column("horizon_days", "INTEGER", "How far ahead.", unit="days", minimum=1),
        Column(
            "expected_orders",
            "DOUBLE",
            "Order days expected: two invoices of one day are one. Null where reason says why.",
            nullable=True,
            unit="days",
            minimum=0,
        ),
        _bound("orders", "low", "expected_orders", "days"),
        _bound("orders", "high", "expected_orders", "days"),
        Column(
            "expected_amount",
            "DOUBLE",
            "Amount expected of them, discounted as seeds.value says. Null where reason says why.",
            nullable=True,
            unit="currency",
            minimum=0,
        ),
        _bound("amount", "low", "expected_amount", "currency"),
        _bound("amount", "high", "expected_amount", "currency"),
        Column(
            "probability_alive",
            "DOUBLE",
            "Probability that the customer has not left for good; null where dropout cannot be told.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "season_factor",
            "DOUBLE",
            "How busy the days ahead are against the mean of a year, 1 where no season is known.",
            nullable=True,
            minimum=0,
        ),
        Column("is_season_known", "BOOLEAN", "Whether a whole year precedes.", nullable=True),
        Column("reason", "VARCHAR", "Why a number is missing.", nullable=True),
    ),
    primary_key=("as_of", "customer_id", "horizon_days"),
    partition_column="as_of",
)

BACKTEST = Table(
    schema="value",
    name="backtest",
    description=(
        "How good value.lifetime was: each as_of judges the newest forecast of the nearer horizon that had passed, made anew "
        "of what was known then, beside two floors: the count of orders so far, and the same as in as many days before. Nothing is discounted."
    ),
    grain="one row per as_of month, forecaster and quantity",
    columns=(
        AS_OF,
        Column("origin", "DATE", "The as_of month whose forecast is judged."),
        Column("forecaster", "VARCHAR", "Who foretold.", values=("model", "order_count", "same_as_before")),
        Column("quantity", "VARCHAR", "Of what.", values=("orders", "amount")),
        Column("customers", "BIGINT", "Customers there were at the origin.", unit="customers", minimum=1),
        Column("expected", "DOUBLE", "Sum foretold; null for a mere ranking.", nullable=True, minimum=0),
        Column("actual", "DOUBLE", "Sum that came.", minimum=0),
        Column("bias", "DOUBLE", "expected / actual - 1; null where nothing came.", nullable=True),
        Column("bias_low", "DOUBLE", "The same of the lower bound.", nullable=True),
        Column("bias_high", "DOUBLE", "The same of the upper bound.", nullable=True),
        Column("is_held", "BOOLEAN", "Whether the bounds held what came.", nullable=True),
        Column(
            "spearman", "DOUBLE", "Rank correlation of customers; null where all are equal.", nullable=True
        ),
        Column(
            "normalized_gini",
            "DOUBLE",
            "Gini of what came in the forecast's order; 1 is best.",
            nullable=True,
        ),
        Column(
            "top_decile_share",
            "DOUBLE",
            "Of the tenth who came to most, the share in the forecast's top tenth.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=("as_of", "forecaster", "quantity"),
    partition_column="as_of",
    query_of=("lifetime",),
)
