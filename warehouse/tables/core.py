"""Clean order lines, and the monthly state that every analytic reads."""

from warehouse.contract import Column, Table

MONTH = Column("month", "DATE", "First day of the month.")
ORDERS = Column("orders", "BIGINT", "Sale invoices.", unit="invoices", minimum=0)
UNITS = Column("units", "BIGINT", "Units of the sale lines.", unit="units", minimum=0)
AMOUNT = Column("amount", "DECIMAL(18,4)", "Amount of the sale lines.", unit="currency", minimum=0)
RETURNED = Column(
    "returned_amount",
    "DECIMAL(18,4)",
    "Amount of the return lines booked then, as a positive number.",
    unit="currency",
    minimum=0,
)

ORDER_LINES = Table(
    schema="core",
    name="order_lines",
    description="Every order line once: duplicates removed, codes and names tidied, its kind decided.",
    grain="one row per line of an invoice",
    columns=(
        MONTH,
        Column("invoice_id", "VARCHAR", "Number of the invoice; of a return it begins with C."),
        Column("line", "INTEGER", "Number within invoice and month, by content and not by place.", minimum=1),
        Column("sold_at", "TIMESTAMP", "Moment of the sale in the shop's time."),
        Column("customer_id", "VARCHAR", "Customer; null for a guest.", nullable=True),
        Column("product_id", "VARCHAR", "Code of the product, in upper case."),
        Column("description", "VARCHAR", "Name of the product, trimmed.", nullable=True),
        Column("quantity", "BIGINT", "Units; negative in a return.", unit="units"),
        Column("unit_price", "DECIMAL(18,4)", "Price of one unit as charged.", unit="currency"),
        Column("amount", "DECIMAL(18,4)", "quantity x unit_price, exact.", unit="currency"),
        Column("country", "VARCHAR", "Country of the customer; Unspecified where none is given."),
        Column(
            "kind",
            "VARCHAR",
            "sale: invoice begins with neither C nor A, quantity and price above 0; return: invoice begins "
            "with C, quantity below 0, price above 0; adjustment: every other line.",
            values=("sale", "return", "adjustment"),
        ),
        Column("is_goods", "BOOLEAN", "Whether the product is goods, by its code (seeds.not_goods)."),
    ),
    primary_key=("month", "invoice_id", "line"),
    partition_column="month",
)

CUSTOMER_MONTHS = Table(
    schema="core",
    name="customer_months",
    description="What each known customer bought and returned in a month.",
    grain="one row per known customer and month with a sale or return line",
    columns=(
        MONTH,
        Column("customer_id", "VARCHAR", "Customer."),
        ORDERS,
        UNITS,
        AMOUNT,
        RETURNED,
        Column("first_sold_at", "TIMESTAMP", "First sale of the month; null without one.", nullable=True),
        Column("last_sold_at", "TIMESTAMP", "Last sale of the month; null without one.", nullable=True),
    ),
    primary_key=("month", "customer_id"),
    partition_column="month",
)

SALES_DAYS = Table(
    schema="core",
    name="sales_days",
    description="Sales and returns of a day in a country, guests included.",
    grain="one row per day and country with a sale or return line",
    columns=(
        MONTH,
        Column("day", "DATE", "Day, in the shop's time."),
        Column("country", "VARCHAR", "Country of the customers."),
        ORDERS,
        UNITS,
        AMOUNT,
        RETURNED,
    ),
    primary_key=("day", "country"),
    partition_column="month",
)
