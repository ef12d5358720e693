"""How customers who began in the same month go on.

A cohort are the known customers whose first sale is in one month; its age counts the months since. A
customer is active in a month with a sale; a return makes nobody active.
"""

from dataclasses import replace

from warehouse.contract import Column, Table
from warehouse.tables.core import AMOUNT, AS_OF, RETURNED

COHORT = Column("cohort", "DATE", "First day of the month of the customers' first sale.")
AGE = Column(
    "age", "INTEGER", "Months from that of the cohort to that of the figures.", unit="months", minimum=0
)
COHORT_CUSTOMERS = Column(
    "cohort_customers", "BIGINT", "Customers of the cohort.", unit="customers", minimum=1
)
CUSTOMERS = Column(
    "customers", "BIGINT", "Those of them with a sale in the month of that age.", unit="customers", minimum=0
)
IS_LEFT_TRUNCATED = Column(
    "is_left_truncated",
    "BOOLEAN",
    "Whether the cohort lies in the first months of the data (seeds.thresholds): most of its customers were there "
    "before, and curves leave it out.",
)
IS_WHOLE_MONTH = Column(
    "is_whole_month",
    "BOOLEAN",
    "Whether the month of that age is whole, seen from as_of: a later line is there, or one of its last three days "
    "has one. If not, more of it is still to come.",
)

RETENTION = Table(
    schema="cohorts",
    name="retention",
    description=(
        "How many customers of each cohort buy, month by month. Ages that as_of has not seen yet have no row; one "
        "that it has, and in which nobody bought, has a row with 0. The ages of a cohort add up to the months in "
        "which its customers were active."
    ),
    grain="one row per as_of month, cohort with a customer up to it, and age up to it",
    columns=(
        AS_OF,
        COHORT,
        AGE,
        CUSTOMERS,
        COHORT_CUSTOMERS,
        Column("share", "DOUBLE", "customers by cohort_customers, to six digits.", minimum=0),
        IS_LEFT_TRUNCATED,
        IS_WHOLE_MONTH,
    ),
    primary_key=("as_of", "cohort", "age"),
    partition_column="as_of",
)

REVENUE_RETENTION = Table(
    schema="cohorts",
    name="revenue_retention",
    description=(
        "What each cohort brings, month by month, in all, by country and by first category. A return is booked to the month of the sale "
        "that it reverses where core.returns knows it, else to its own, and from the as_of on that has seen it: so "
        "net amounts of old months may still fall. Returns before a customer's first sale, and of customers without "
        "one, are of no cohort."
    ),
    grain="one row per as_of month, country or first category, cohort with a customer up to it of that, and age up to it",
    columns=(
        AS_OF,
        Column(
            "country",
            "VARCHAR",
            "Country of the customers in the month of their first sale; All for all of them. The countries add up to "
            "All.",
        ),
        Column(
            "first_category",
            "VARCHAR",
            "Category of the goods on which the customers spent most in that month, the first by name of equals (Not "
            "goods where they bought none); All for all of them. Told for all countries together; the categories add "
            "up to All.",
        ),
        COHORT,
        AGE,
        COHORT_CUSTOMERS,
        CUSTOMERS,
        replace(AMOUNT, description="Amount of their sales in the month of that age."),
        replace(RETURNED, description="Amount of the returns booked to it so far, as a positive number."),
        Column("net_amount", "DECIMAL(18,4)", "amount less returned_amount.", unit="currency"),
        Column(
            "amount_share",
            "DOUBLE",
            "amount by that of age 0, to six digits; null where that is 0.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "net_amount_share",
            "DOUBLE",
            "net_amount by that of age 0, to six digits; null where that is not above 0.",
            nullable=True,
        ),
        Column(
            "cumulative_amount", "DECIMAL(18,4)", "amount of all ages so far.", unit="currency", minimum=0
        ),
        Column("cumulative_net_amount", "DECIMAL(18,4)", "net_amount of all ages so far.", unit="currency"),
        Column(
            "value_per_customer",
            "DECIMAL(18,4)",
            "cumulative_net_amount by cohort_customers: what a customer has brought by that age.",
            unit="currency",
        ),
        IS_LEFT_TRUNCATED,
        IS_WHOLE_MONTH,
    ),
    primary_key=("as_of", "country", "first_category", "cohort", "age"),
    partition_column="as_of",
)

SURVIVAL = Table(
    schema="cohorts",
    name="survival",
    description=(
        "How long until customers order again, and how long until they lapse: Kaplan-Meier curves of those whose "
        "beginning is known (core.customers), with all that is not over yet censored. Between two rows a curve stays as "
        "it is. Two invoices of one day are one order."
    ),
    grain="one row per as_of month, event, year of beginning, and day with such an event, and day 0",
    columns=(
        AS_OF,
        Column(
            "event",
            "VARCHAR",
            "second order: censored at the end of as_of; lapse: so many days without an order (seeds.survival) after "
            "the last order there is, censored where not reached.",
            values=("second order", "lapse"),
        ),
        Column("began_in", "VARCHAR", "Year of the first order; All for all customers."),
        Column("day", "INTEGER", "Days since the first order.", unit="days", minimum=0),
        Column(
            "at_risk",
            "BIGINT",
            "Customers to whom it had not happened before that day, and who were still seen on it.",
            unit="customers",
            minimum=1,
        ),
        Column("events", "BIGINT", "Those to whom it happened on that day.", unit="customers", minimum=0),
        Column("customers", "BIGINT", "All customers of the curve.", unit="customers", minimum=1),
        Column("survival", "DOUBLE", "Share to whom it has not happened by the end of that day.", minimum=0),
        Column(
            "survival_low",
            "DOUBLE",
            "Lower end of its 95 % interval; null where survival is 0 or 1.",
            nullable=True,
            minimum=0,
        ),
        Column("survival_high", "DOUBLE", "Upper end of it.", nullable=True, minimum=0),
    ),
    primary_key=("as_of", "event", "began_in", "day"),
    partition_column="as_of",
)
