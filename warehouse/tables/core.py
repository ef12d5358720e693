"""Clean order lines, the monthly state that every analytic reads, and who and what they are about.

Guests have no customer: tables by customer leave them out, all others count them.
"""

from dataclasses import replace

from warehouse.contract import Column, Sees, Table

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

RETURNED_UNITS = Column(
    "returned_units", "BIGINT", "Units of the return lines, as a positive number.", unit="units", minimum=0
)
AS_OF = Column("as_of", "DATE", "First day of the month at whose end this is how things stand.")
PRODUCT = Column("product_id", "VARCHAR", "Code of the product, in upper case.")
IS_GOODS = Column("is_goods", "BOOLEAN", "Whether the product is goods, by its code (seeds.not_goods).")
CATEGORY = Column(
    "category",
    "VARCHAR",
    "Category of the goods by the first pattern of seeds.categories that fits code or description; Other where none "
    "does, Not goods where is_goods is false.",
)
RETAIL_UNITS = Column(
    "retail_units",
    "BIGINT",
    "Units of the sale lines below the wholesale quantity (seeds.thresholds).",
    unit="units",
    minimum=0,
)
RETAIL_AMOUNT = Column(
    "retail_amount",
    "DECIMAL(18,4)",
    "Amount of the sale lines below the wholesale quantity; by retail_units, the average price of one.",
    unit="currency",
    minimum=0,
)
FIRST_SOLD_AT = Column(
    "first_sold_at", "TIMESTAMP", "First sale of the month; null without one.", nullable=True
)
LAST_SOLD_AT = Column("last_sold_at", "TIMESTAMP", "Last sale of the month; null without one.", nullable=True)
ORDER_DAYS = Column("order_days", "BIGINT", "Days with a sale.", unit="days", minimum=0)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BANDS = {
    "night": "from 0 to 6",
    "morning": "from 6 to 12",
    "afternoon": "from 12 to 18",
    "evening": "from 18 to 24",
}
USUAL_PRICE = Column(
    "usual_price",
    "DECIMAL(18,4)",
    "Price of one unit on most of the month's sale lines below the wholesale quantity "
    "(seeds.thresholds), the lowest of equals; null without such a line.",
    nullable=True,
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
        Column("customer_id", "VARCHAR", "Customer; null for a guest.", nullable=True, personal=True),
        PRODUCT,
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
        IS_GOODS,
        CATEGORY,
    ),
    primary_key=("month", "invoice_id", "line"),
    partition_column="month",
)

INVOICES = Table(
    schema="core",
    name="invoices",
    description=(
        "Every invoice, with what its lines come to. lines, products, units and amount are those of the lines "
        "of its own kind, so that its sale lines add up to the sales; what else stands on it, a line without a "
        "price or a discount, is counted apart."
    ),
    grain="one row per invoice and month; an invoice whose lines lie in two months is a row in each",
    columns=(
        MONTH,
        Column("invoice_id", "VARCHAR", "Number of the invoice; of a return it begins with C."),
        Column("sold_at", "TIMESTAMP", "Moment of its first line in the month."),
        Column(
            "customer_id",
            "VARCHAR",
            "Customer, the lowest if its lines name several; null for a guest.",
            nullable=True,
            personal=True,
        ),
        Column("country", "VARCHAR", "Country of the customer, the lowest if its lines name several."),
        Column("lines", "BIGINT", "Lines of its kind.", unit="lines", minimum=1),
        Column("products", "BIGINT", "Different products on them.", unit="products", minimum=1),
        Column("units", "BIGINT", "Units of them; negative in a return.", unit="units"),
        Column("amount", "DECIMAL(18,4)", "Amount of them; negative in a return.", unit="currency"),
        Column("goods_lines", "BIGINT", "Those of them that are goods.", unit="lines", minimum=0),
        Column("goods_amount", "DECIMAL(18,4)", "Amount of those; negative in a return.", unit="currency"),
        Column(
            "other_lines",
            "BIGINT",
            "Adjustment lines on an invoice that is none itself.",
            unit="lines",
            minimum=0,
        ),
        Column("other_units", "BIGINT", "Units of those.", unit="units"),
        Column("other_amount", "DECIMAL(18,4)", "Amount of those.", unit="currency"),
        Column(
            "kind",
            "VARCHAR",
            "sale: it has a sale line; return: it has a return line (its number begins with C, so it has no sale "
            "line); adjustment: it has neither.",
            values=("sale", "return", "adjustment"),
        ),
    ),
    primary_key=("month", "invoice_id"),
    partition_column="month",
)

RETURNS = Table(
    schema="core",
    name="returns",
    description=(
        "Every return line with the sale line it reverses: of the same customer and product the latest one not "
        "after it that has enough units left when all earlier returns (by time, then invoice and line) have "
        "taken theirs. One return line reverses one sale line or none. A sale of the same moment is not after "
        "it: files without a time of day have no other moment for it."
    ),
    grain="one row per return line",
    columns=(
        MONTH,
        Column("invoice_id", "VARCHAR", "Number of the return invoice."),
        Column("line", "INTEGER", "Number of the line within invoice and month.", minimum=1),
        Column("returned_at", "TIMESTAMP", "Moment of the return in the shop's time."),
        Column("customer_id", "VARCHAR", "Customer; null for a guest.", nullable=True, personal=True),
        PRODUCT,
        IS_GOODS,
        RETURNED_UNITS,
        RETURNED,
        Column(
            "sale_invoice_id",
            "VARCHAR",
            "Invoice of the sale that is reversed; null if unmatched.",
            nullable=True,
        ),
        Column("sale_line", "INTEGER", "Its line; null if unmatched.", nullable=True, minimum=1),
        Column(
            "sale_units",
            "BIGINT",
            "Units of that line, before any return; null if unmatched.",
            nullable=True,
            unit="units",
            minimum=1,
        ),
        Column(
            "sold_at",
            "TIMESTAMP",
            "Moment of that sale, in whose month its line is numbered; null if unmatched.",
            nullable=True,
        ),
        Column(
            "days_since_sale",
            "INTEGER",
            "Days from the day of the sale to that of the return; null if unmatched.",
            nullable=True,
            unit="days",
            minimum=0,
        ),
        Column(
            "is_correction",
            "BOOLEAN",
            "Whether it was booked on the day of the sale that it reverses: a slip put right, no goods come back.",
        ),
        Column(
            "unmatched_reason",
            "VARCHAR",
            "guest: nobody knows whose it was; no earlier sale: the customer had not bought the product "
            "(before the data begins, perhaps); not enough left: no sale had that many units left; null if "
            "matched.",
            nullable=True,
            values=("guest", "no earlier sale", "not enough left"),
        ),
    ),
    primary_key=("month", "invoice_id", "line"),
    partition_column="month",
    sees={"core.order_lines": Sees.UP_TO},
)

CUSTOMER_MONTHS = Table(
    schema="core",
    name="customer_months",
    description=(
        "What each known customer bought and returned in a month, and when: everything adds up over months. Only "
        "the gap between the last order day of a month and the first of the customer's next month with a sale is "
        "in neither; a reader adds it to the sum, and its square to the other, from last_sold_at and "
        "first_sold_at. Over any months, order_days less one is the number of gaps."
    ),
    grain="one row per known customer and month with a sale or return line",
    columns=(
        MONTH,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        Column("country", "VARCHAR", "Country on the newest of these lines."),
        ORDERS,
        UNITS,
        AMOUNT,
        Column("return_lines", "BIGINT", "Return lines.", unit="lines", minimum=0),
        RETURNED_UNITS,
        RETURNED,
        FIRST_SOLD_AT,
        LAST_SOLD_AT,
        ORDER_DAYS,
        Column(
            "gap_days_sum",
            "BIGINT",
            "Days between one order day and the next within the month, summed.",
            unit="days",
            minimum=0,
        ),
        Column(
            "gap_days_square_sum", "BIGINT", "The squares of those, summed.", unit="square days", minimum=0
        ),
        *(
            Column(f"{day}_days", "BIGINT", f"Order days on a {day.title()}.", unit="days", minimum=0)
            for day in WEEKDAYS
        ),
        *(
            Column(
                f"{band}_orders",
                "BIGINT",
                f"Sale invoices whose first line in the month is {hours} o'clock, the end left out.",
                unit="invoices",
                minimum=0,
            )
            for band, hours in BANDS.items()
        ),
    ),
    primary_key=("month", "customer_id"),
    partition_column="month",
)

CUSTOMER_PRODUCT_MONTHS = Table(
    schema="core",
    name="customer_product_months",
    description="What each known customer bought and returned of a product in a month. Guests are left out.",
    grain="one row per known customer, product and month with a sale or return line",
    columns=(
        MONTH,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        PRODUCT,
        IS_GOODS,
        replace(
            CATEGORY,
            description="Category of these sale lines (of the returns where there are none), the first by name of several.",
        ),
        ORDERS,
        UNITS,
        AMOUNT,
        RETURNED_UNITS,
        RETURNED,
        FIRST_SOLD_AT,
        LAST_SOLD_AT,
    ),
    primary_key=("month", "customer_id", "product_id"),
    partition_column="month",
)

PRODUCT_MONTHS = Table(
    schema="core",
    name="product_months",
    description="What was sold, returned and adjusted of each product in a month, guests included.",
    grain="one row per product and month with a line",
    columns=(
        MONTH,
        PRODUCT,
        IS_GOODS,
        replace(
            CATEGORY,
            description="Category of most of the month's sale lines (of any lines where none was sold).",
        ),
        ORDERS,
        Column("customers", "BIGINT", "Known customers with a sale line.", unit="customers", minimum=0),
        UNITS,
        AMOUNT,
        RETAIL_UNITS,
        RETAIL_AMOUNT,
        USUAL_PRICE,
        RETURNED_UNITS,
        RETURNED,
        Column(
            "adjusted_units", "BIGINT", "Units of the adjustment lines; negative where lost.", unit="units"
        ),
        Column("adjusted_amount", "DECIMAL(18,4)", "Amount of the adjustment lines.", unit="currency"),
        FIRST_SOLD_AT,
        LAST_SOLD_AT,
    ),
    primary_key=("month", "product_id"),
    partition_column="month",
)

PRODUCT_WEEKS = Table(
    schema="core",
    name="product_weeks",
    description=(
        "What was sold and returned of each product in an ISO week, guests included. A week that lies in two "
        "months has a row in each, for its days there: rows add up to the months by month and to whole weeks "
        "by week. Customers are not counted, for they would not add up."
    ),
    grain="one row per product and part of a week in a month, with a sale or return line",
    columns=(
        MONTH,
        Column("week", "DATE", "Monday of the ISO week; in the month before where it begins there."),
        PRODUCT,
        IS_GOODS,
        Column("days", "INTEGER", "Days of the week that lie in the month, 1 to 7.", unit="days", minimum=1),
        ORDERS,
        UNITS,
        AMOUNT,
        RETAIL_UNITS,
        RETAIL_AMOUNT,
        RETURNED_UNITS,
        RETURNED,
    ),
    primary_key=("month", "week", "product_id"),
    partition_column="month",
)

PRODUCT_NAMES = Table(
    schema="core",
    name="product_names",
    description=(
        "How each product was spelled in a month: the state from which core.products takes its name. Names of "
        "adjustment lines are kept apart, for they are often notes (damaged, check)."
    ),
    grain="one row per product, month and spelling",
    columns=(
        MONTH,
        PRODUCT,
        Column("spelling", "VARCHAR", "Name as the lines have it, trimmed."),
        Column("sale_lines", "BIGINT", "Sale lines with it.", unit="lines", minimum=0),
        Column("lines", "BIGINT", "Lines with it, of any kind.", unit="lines", minimum=1),
    ),
    primary_key=("month", "product_id", "spelling"),
    partition_column="month",
)

CUSTOMER_DAYS = Table(
    schema="core",
    name="customer_days",
    description="On which days each known customer bought: two invoices of one day are one decision to buy.",
    grain="one row per known customer and day with a sale",
    columns=(
        MONTH,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        Column("day", "DATE", "Day of the sales."),
        Column("orders", "BIGINT", "Sale invoices.", unit="invoices", minimum=1),
        UNITS,
        AMOUNT,
    ),
    primary_key=("customer_id", "day"),
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

SALES_HOURS = Table(
    schema="core",
    name="sales_hours",
    description="Sales of an hour, guests included. An invoice counts in the hour of its first line.",
    grain="one row per hour of a day with a sale invoice",
    columns=(
        MONTH,
        Column("day", "DATE", "Day, in the shop's time."),
        Column("hour", "TINYINT", "Hour of the day, 0 to 23, in the shop's time.", minimum=0),
        ORDERS,
        UNITS,
        AMOUNT,
    ),
    primary_key=("day", "hour"),
    partition_column="month",
)

PRODUCTS = Table(
    schema="core",
    name="products",
    description="Every product that a line has named, as known at the end of a month.",
    grain="one row per as_of month and product with a line up to its end",
    columns=(
        AS_OF,
        PRODUCT,
        Column(
            "name",
            "VARCHAR",
            "The name of most of its sale lines so far (of any lines where none was sold): blanks made one, dots "
            "and commas at the end taken off, upper and lower case counted together and shown as most often "
            "written. Null where no line names it.",
            nullable=True,
        ),
        Column(
            "spellings",
            "VARCHAR[]",
            "Every spelling of its sale lines so far (of any lines where none was sold), in order.",
        ),
        IS_GOODS,
        replace(
            CATEGORY,
            description="Category (core.product_months) of the newest month with a sale; of the newest at all without one.",
        ),
        Column("first_sold_at", "TIMESTAMP", "First sale so far; null without one.", nullable=True),
        Column("last_sold_at", "TIMESTAMP", "Last sale so far; null without one.", nullable=True),
        Column(
            "usual_price",
            "DECIMAL(18,4)",
            "Usual price (core.product_months) of the newest month that has one; null without.",
            nullable=True,
            unit="currency",
            minimum=0,
        ),
    ),
    primary_key=("as_of", "product_id"),
    partition_column="as_of",
)

CUSTOMERS = Table(
    schema="core",
    name="customers",
    description="Every known customer, as known at the end of a month. Guests are left out.",
    grain="one row per as_of month and known customer with a sale or return line up to its end",
    columns=(
        AS_OF,
        Column("customer_id", "VARCHAR", "Customer.", personal=True),
        Column("country", "VARCHAR", "Country on the newest sale or return line."),
        Column("first_month", "DATE", "First month with a sale or return line."),
        Column("last_month", "DATE", "Newest month with a sale or return line."),
        Column(
            "is_left_truncated",
            "BOOLEAN",
            "Whether the first month cannot be taken for the customer's beginning: it lies in the first months of "
            "the data (seeds.thresholds), when most customers were there before, or it has returns and no sale.",
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

REVIEWS = Table(
    schema="core",
    name="reviews",
    description=(
        "What customers wrote of products, and the stars they gave, each review once. Of several rows with one number "
        "the newest, and of those the one of most votes, stands for them."
    ),
    grain="one row per review",
    columns=(
        Column("month", "DATE", "First day of the month of reviewed_at."),
        Column(
            "review_id",
            "VARCHAR",
            "Number of the review; where the file gives none, a hash of what was written.",
        ),
        Column("product_id", "VARCHAR", "Product, in upper case."),
        Column("customer_id", "VARCHAR", "Who wrote it.", nullable=True, personal=True),
        Column("rating", "TINYINT", "Stars, 1 to 5.", unit="stars", minimum=1),
        Column("title", "VARCHAR", "Heading, without markup and entities.", nullable=True, personal=True),
        Column(
            "text", "VARCHAR", "What was written, without markup and entities.", nullable=True, personal=True
        ),
        Column("reviewed_at", "TIMESTAMP", "When it was written, in the shop's time."),
        Column(
            "helpful_votes", "BIGINT", "How many found it helpful.", nullable=True, unit="votes", minimum=0
        ),
        Column(
            "total_votes", "BIGINT", "How many said whether it was.", nullable=True, unit="votes", minimum=0
        ),
        Column("is_verified", "BOOLEAN", "Whether the writer bought it, by the source.", nullable=True),
        Column(
            "is_english",
            "BOOLEAN",
            "Whether one word in eight or more is of seeds.english_words; of less than five words, whether all "
            "are in plain letters. Null without a text.",
            nullable=True,
        ),
        Column("copies", "BIGINT", "Rows of landing.reviews that it stands for.", unit="rows", minimum=1),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
)
