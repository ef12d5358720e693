"""What prices did to what was sold."""

from warehouse.contract import Column, Sees, Table


def _effect(name: str, description: str) -> Column:
    return Column(f"{name}_effect", "DECIMAL(18,4)", description, unit="currency")


VOLUME_MIX = Table(
    schema="price",
    name="volume_mix",
    description=(
        "The change of the amount of sales since the month before, split product by product into price, volume, mix and "
        "discount. The effects of a row add up to its change, and those of all rows to the shop's. A month has rows if the "
        "month before had sales. Of a month that is not whole most is volume."
    ),
    grain="one row per month and product sold in it or in the month before",
    columns=(
        Column("month", "DATE", "First day of the month."),
        Column("product_id", "VARCHAR", "Code of the product, in upper case."),
        Column(
            "category", "VARCHAR", "Its category in the month, or in the one before where it was not sold."
        ),
        Column("units_before", "BIGINT", "Units sold in the month before.", unit="units", minimum=0),
        Column("units", "BIGINT", "Units sold.", unit="units", minimum=0),
        Column(
            "amount_before",
            "DECIMAL(18,4)",
            "Amount of sales in the month before.",
            unit="currency",
            minimum=0,
        ),
        Column("amount", "DECIMAL(18,4)", "Amount of sales.", unit="currency", minimum=0),
        Column("change", "DECIMAL(18,4)", "amount - amount_before.", unit="currency"),
        _effect(
            "price",
            "Units x the change of the usual price (core.product_months; the mean price where there is none). 0 for what "
            "is new or gone.",
        ),
        _effect("volume", "Change of units x the shop's mean usual price in the month before."),
        _effect(
            "mix",
            "Change of units x what the product's usual price was above that mean: dearer or cheaper goods.",
        ),
        _effect(
            "discount",
            "Change of what was charged above (below 0: under) the usual price: wholesale and promotions.",
        ),
    ),
    primary_key=("month", "product_id"),
    partition_column="month",
    sees={"core.product_months": Sees.PREVIOUS},
)

AS_OF = Column("as_of", "DATE", "First day of the month at whose end sales are seen.")
PRODUCT = Column("product_id", "VARCHAR", "Code of the product, in upper case.")
CATEGORY = Column("category", "VARCHAR", "The first category that it had; Other where it has none.")
EVIDENCE = Column(
    "evidence",
    "VARCHAR",
    "observational: prices were set by somebody, not drawn by lot; whoever sets them may know what will sell.",
    values=("observational",),
)


def _price(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "DECIMAL(18,4)", description, nullable=nullable, unit="currency", minimum=0)


DAILY_PRICES = Table(
    schema="price",
    name="daily_prices",
    description=(
        "What was paid for goods on the sale lines below the wholesale quantity (seeds.thresholds): the state from which "
        "regular prices and promotions are read."
    ),
    grain="one row per day, product and unit price",
    columns=(
        Column("month", "DATE", "First day of the month."),
        Column("day", "DATE", "Day, in the shop's time."),
        PRODUCT,
        _price("unit_price", "Price of one unit, as charged."),
        Column("lines", "BIGINT", "Sale lines at it.", unit="lines", minimum=1),
        Column(
            "small_lines",
            "BIGINT",
            "Those on invoices of fewer units in all than the wholesale quantity.",
            unit="lines",
            minimum=0,
        ),
        Column("units", "BIGINT", "Units at it.", unit="units", minimum=1),
    ),
    primary_key=("day", "product_id", "unit_price"),
    partition_column="month",
)


def _elasticities(kind: str, what: str) -> tuple[Column, ...]:
    return (
        Column(
            f"{kind}elasticity",
            "DOUBLE",
            f"Relative change of units for a relative change of {what}, drawn to its category by how sure it is.",
            nullable=True,
        ),
        Column(f"{kind}lo_90", "DOUBLE", "Lower end of its 90 % interval.", nullable=True),
        Column(f"{kind}hi_90", "DOUBLE", "Upper end of its 90 % interval.", nullable=True),
        Column(f"{kind}own_elasticity", "DOUBLE", "The same by the product alone.", nullable=True),
        Column(
            f"{kind}own_deviation", "DOUBLE", "Standard deviation of its error.", nullable=True, minimum=0
        ),
    )


RESPONSE = Table(
    schema="price",
    name="response",
    description=(
        "How units responded to the regular price and to promotions: Poisson regression with product and category-by-period "
        "effects, zeros kept, days out of stock (seeds.stockouts) left out, variance above the mean measured, hierarchical "
        "over categories with the variances between averaged over. Observational: see evidence and placebo."
    ),
    grain="one row per as_of month and goods sold below the wholesale quantity in the three years up to its end",
    columns=(
        AS_OF,
        PRODUCT,
        CATEGORY,
        Column(
            "periods", "BIGINT", "Weeks, or parts of one in a month, that count.", unit="periods", minimum=0
        ),
        Column(
            "units", "BIGINT", "Units sold in them below the wholesale quantity.", unit="units", minimum=0
        ),
        _price(
            "regular_price",
            "The last regular price: the one on most lines of the quarter around; null where none lasted.",
            nullable=True,
        ),
        _price("lowest_price", "Lowest regular price.", nullable=True),
        _price("highest_price", "Highest regular price.", nullable=True),
        Column("prices", "BIGINT", "Different regular prices.", unit="prices", minimum=0),
        *_elasticities("", "the regular price"),
        *_elasticities("promotion_", "what promotions leave of it"),
        Column("dispersion", "DOUBLE", "Variance of units by their mean, within months.", minimum=0),
        Column(
            "month_deviation",
            "DOUBLE",
            "Deviation of a month's demand around what is expected, by it; of all products.",
            minimum=0,
        ),
        Column(
            "placebo",
            "DOUBLE",
            "Response of today's units to the price of two weeks later, that of today taken into account; should be 0.",
            nullable=True,
        ),
        Column("placebo_probability", "DOUBLE", "How often chance finds as much.", nullable=True, minimum=0),
        Column(
            "shop_placebo_probability", "DOUBLE", "How often chance finds as much in all products.", minimum=0
        ),
        Column(
            "shop_placebo_share",
            "DOUBLE",
            "Size of that by the response to today's price, at most 1.",
            minimum=0,
        ),
        EVIDENCE,
        Column("reason", "VARCHAR", "Why there is no elasticity; null where there is.", nullable=True),
    ),
    primary_key=("as_of", "product_id"),
    partition_column="as_of",
    is_served=True,
)

SUGGESTIONS = Table(
    schema="price",
    name="suggestions",
    description=(
        "Of each product the regular price that would have earned most at its elasticity, within those it had and near the "
        "last (seeds.pricing); or why none is said. Margin where seeds.costs has its cost, else revenue. A price is told only if it would have earned more at both "
        "ends of the elasticity's interval, and no placebo finds anything. Try it before you believe it."
    ),
    grain="one row per as_of month and product of price.response",
    columns=(
        AS_OF,
        PRODUCT,
        CATEGORY,
        Column("goal", "VARCHAR", "What is to be the most.", values=("margin", "revenue")),
        _price("regular_price", "The last regular price.", nullable=True),
        _price("lowest_price", "Lowest regular price it had.", nullable=True),
        _price("highest_price", "Highest regular price it had.", nullable=True),
        _price("unit_cost", "What one costs (seeds.costs); null where it is not known.", nullable=True),
        _price("suggested_price", "The price to try; null with a reason.", nullable=True),
        Column("gain", "DOUBLE", "Relative change of the goal expected of it.", nullable=True),
        Column(
            "least_gain", "DOUBLE", "The same at the worse end of the interval.", nullable=True, minimum=0
        ),
        Column("elasticity", "DOUBLE", "That of price.response.", nullable=True),
        Column("lo_90", "DOUBLE", "Lower end of its 90 % interval.", nullable=True),
        Column("hi_90", "DOUBLE", "Upper end of its 90 % interval.", nullable=True),
        EVIDENCE,
        Column("reason", "VARCHAR", "Why no price is suggested; null where one is.", nullable=True),
    ),
    primary_key=("as_of", "product_id"),
    partition_column="as_of",
    is_served=True,
)
