"""Who is leaving, why that may be, and how good such answers were."""

from warehouse.contract import Column, Sees, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end the customers are seen.")


def _reason(at: str, number: int) -> tuple[Column, Column]:
    return (
        Column(
            f"reason_{number}",
            "VARCHAR",
            f"What goes most with this probability, {at}: an association, not a cause. Null where none is shown.",
            nullable=True,
        ),
        Column(
            f"effect_{number}",
            "DOUBLE",
            f"Log odds that reason_{number} adds against the mean customer; above 0 it goes with staying away.",
            nullable=True,
        ),
    )


RISK = Table(
    schema="churn",
    name="risk",
    description=(
        "How likely each customer is not to buy within the horizon (seeds.churn: 90 days). Learned from windows of as many "
        "days that had ended by then: logistic regression or gradient boosting, whichever foretold the newest of them better."
    ),
    grain="one row per as_of month and customer with an order day within the 365 days before its end",
    columns=(
        AS_OF,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        Column(
            "probability",
            "DOUBLE",
            "Calibrated probability of no order within the horizon; null where missing_reason says why.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "plain_probability",
            "DOUBLE",
            "The same by recency, frequency and amount alone, to compare with.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "next_order_on",
            "DATE",
            "Day on which the next order is or was expected: the last one plus the customer's own rhythm, drawn to "
            "that of all where there are few orders; null where nobody has a rhythm yet.",
            nullable=True,
        ),
        Column("is_overdue", "BOOLEAN", "Whether next_order_on has passed.", nullable=True),
        *_reason("the strongest", 1),
        *_reason("the second", 2),
        *_reason("the third", 3),
        Column("missing_reason", "VARCHAR", "Why there is no probability.", nullable=True),
        Column(
            "model",
            "VARCHAR",
            "What answered, for all customers of an as_of the same; null without a probability.",
            nullable=True,
            values=("logistic", "boosting"),
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

BACKTEST = Table(
    schema="churn",
    name="backtest",
    description=(
        "How good churn.risk was: each as_of judges the newest forecast whose horizon had passed, for all customers, "
        "repeaters and one-timers."
    ),
    grain="one row per as_of month and group of customers",
    columns=(
        AS_OF,
        Column("origin", "DATE", "The as_of month whose forecast is judged."),
        Column("model", "VARCHAR", "What answered then.", values=("logistic", "boosting")),
        Column("customers_of", "VARCHAR", "Which customers.", values=("all", "repeaters", "one-timers")),
        Column("customers", "BIGINT", "How many there were.", unit="customers", minimum=1),
        Column("lost_share", "DOUBLE", "Share of them without an order within the horizon.", minimum=0),
        Column("mean_probability", "DOUBLE", "Mean of the probabilities given.", minimum=0),
        Column("calibration", "DOUBLE", "mean_probability minus lost_share: calibration in the large."),
        Column(
            "slope",
            "DOUBLE",
            "Slope of the outcome on the log odds: 1 is right, below it too bold; null with one outcome only.",
            nullable=True,
        ),
        Column("auc", "DOUBLE", "ROC AUC; null with one outcome only.", nullable=True, minimum=0),
        Column("brier", "DOUBLE", "Brier score; lower is better.", minimum=0),
        Column(
            "decile_lift",
            "DOUBLE",
            "Share of lost among the tenth most at risk, by that of all; null below ten customers.",
            nullable=True,
            minimum=0,
        ),
        Column("plain_auc", "DOUBLE", "ROC AUC of the plain model.", nullable=True, minimum=0),
        Column("auc_gain", "DOUBLE", "auc minus plain_auc.", nullable=True),
        Column("auc_gain_low", "DOUBLE", "Lower end of its 95 % interval (paired bootstrap).", nullable=True),
        Column("auc_gain_high", "DOUBLE", "Upper end of its 95 % interval.", nullable=True),
    ),
    primary_key=("as_of", "customers_of"),
    partition_column="as_of",
    sees={"churn.risk": Sees.UP_TO},
)
