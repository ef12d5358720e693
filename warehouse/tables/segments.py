"""Who the customers are."""

from warehouse.contract import Column, Sees, Table


def _score(name: str, of: str) -> Column:
    return Column(name, "TINYINT", f"Score of {of}, 1 to 5; 5 is best.", minimum=1)


RFM = Table(
    schema="segments",
    name="rfm",
    description="Recency, frequency and monetary value of each customer with a sale, scores and segment.",
    grain="one row per as_of month and customer with a sale up to its end",
    columns=(
        Column("as_of", "DATE", "First day of the month at whose end the customer is seen."),
        Column("customer_id", "VARCHAR", "Customer."),
        Column(
            "recency_days",
            "INTEGER",
            "Days from the customer's last sale to the day after the last sale of anyone.",
            unit="days",
            minimum=1,
        ),
        Column("frequency", "BIGINT", "Sale invoices so far.", unit="invoices", minimum=1),
        Column("monetary", "DECIMAL(18,4)", "Amount of all sales so far.", unit="currency", minimum=0),
        Column("net_monetary", "DECIMAL(18,4)", "Monetary minus all returns so far.", unit="currency"),
        _score("r", "recency"),
        _score("f", "frequency"),
        _score("m", "monetary value"),
        Column("segment", "VARCHAR", "Segment by r and the mean of f and m (seeds.rfm_segments)."),
        Column(
            "tier",
            "VARCHAR",
            "High from r + f + m = 12, Medium from 8, else Low.",
            values=("High", "Medium", "Low"),
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

RFM_MOVES = Table(
    schema="segments",
    name="rfm_moves",
    description=(
        "How customers moved between the segments of segments.rfm since the month before, those who stayed "
        "included. By to_segment it adds up to rfm of the month, by from_segment to rfm of the month before."
    ),
    grain="one row per as_of month, segment of the month before and segment",
    columns=(
        Column("as_of", "DATE", "First day of the month at whose end the customers are seen."),
        Column(
            "from_segment",
            "VARCHAR",
            "Segment at the end of the month before; None for customers who had not bought by then.",
        ),
        Column(
            "to_segment",
            "VARCHAR",
            "Segment at the end of the month; None for customers who are in none any more, which only a "
            "corrected file brings about.",
        ),
        Column("customers", "BIGINT", "Customers who moved so.", unit="customers", minimum=1),
        Column(
            "amount",
            "DECIMAL(18,4)",
            "Amount of all their sales so far (monetary at the end of the month).",
            unit="currency",
            minimum=0,
        ),
        Column(
            "month_amount",
            "DECIMAL(18,4)",
            "Amount of their sales since the month before (the growth of their monetary).",
            unit="currency",
        ),
    ),
    primary_key=("as_of", "from_segment", "to_segment"),
    partition_column="as_of",
    sees={"segments.rfm": Sees.PREVIOUS},
)
