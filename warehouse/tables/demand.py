"""How much of each product will be wanted, and when to order how much of it."""

from warehouse.contract import Column, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end sales are seen.")
PRODUCT = Column("product_id", "VARCHAR", "Code of the product, in upper case.")


def _units(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "DOUBLE", description, nullable=nullable, unit="units", minimum=0)


def _share(name: str, description: str) -> Column:
    return Column(name, "DOUBLE", description, nullable=True, minimum=0)


PRODUCTS = Table(
    schema="demand",
    name="products",
    description=(
        "Units of each product that will be wanted in the next three months, how much it matters and how regular it is. "
        "Wanted is what was sold less what came back; months of which a product was out of stock (seeds.stockouts) stand "
        "for their other days, and where it was out for half of one or more that month is bridged, not learned. What stock "
        "comes to is told of products whose count is in seeds.stock."
    ),
    grain="one row per as_of month and goods sold up to its end",
    columns=(
        AS_OF,
        PRODUCT,
        Column("category", "VARCHAR", "The first category that it had; Other where it has none."),
        Column(
            "amount",
            "DOUBLE",
            "Amount of sales less returns in the last twelve whole months and since; 0 where more came back than was sold.",
            unit="currency",
            minimum=0,
        ),
        Column(
            "abc",
            "VARCHAR",
            "A for the products of the largest amounts that make up 80 % of all, B for those up to 95 %, C for the rest "
            "(Dickie 1951).",
            values=("A", "B", "C"),
        ),
        Column("months", "BIGINT", "Whole months since its first sale.", unit="months", minimum=0),
        _share(
            "variation",
            "Standard deviation of the units of the last twelve whole months by their mean; null below six months or without "
            "units.",
        ),
        Column(
            "xyz",
            "VARCHAR",
            "X for a variation up to 0.5, Y up to 1, Z above (Scholz-Reiter et al. 2012); null without one.",
            nullable=True,
            values=("X", "Y", "Z"),
        ),
        _share(
            "trend_strength",
            "1 - variance of the rest by that of trend and rest, 0 to 1 (Wang, Smith, Hyndman 2006); null below twelve months.",
        ),
        _share("season_strength", "The same of the season of the year; null below 36 months."),
        Column("missing_reason", "VARCHAR", "Why some of these are not told; else null.", nullable=True),
        Column(
            "out_of_stock_days",
            "BIGINT",
            "Days out of stock in the last twelve whole months.",
            unit="days",
            minimum=0,
        ),
        Column(
            "bridged_months", "BIGINT", "Months that were bridged, not learned.", unit="months", minimum=0
        ),
        Column("first_month", "DATE", "First of the months ahead: the first that is not whole."),
        *(
            column
            for step in (1, 2, 3)
            for column in (
                _units(f"units_{step}", f"Units expected in month {step} ahead."),
                _units(f"lo_80_{step}", "Lower end of its 80 % interval."),
                _units(f"hi_80_{step}", "Upper end of its 80 % interval."),
            )
        ),
        _units("units", "units_1 + units_2 + units_3."),
        Column("model", "VARCHAR", "The model that ran; none where 0 is foretold without one."),
        Column(
            "reason",
            "VARCHAR",
            "Why another model than the median of five ran, or what was mended; else null.",
            nullable=True,
        ),
        Column(
            "counted_on",
            "DATE",
            "Day of the last count of its stock; null where there is none.",
            nullable=True,
        ),
        _units("on_hand", "Stock as counted then.", nullable=True),
        Column(
            "cover_months",
            "DOUBLE",
            "Months that the stock lasts at what is expected; null where nothing is.",
            nullable=True,
            unit="months",
            minimum=0,
        ),
        _units(
            "overstock_units",
            "Stock above the upper ends of the three months; null without a count.",
            nullable=True,
        ),
        Column(
            "is_dead_stock",
            "BOOLEAN",
            "Whether there is stock of what was not sold for long (seeds.ordering) and is not expected to be; null without "
            "a count.",
            nullable=True,
        ),
    ),
    primary_key=("as_of", "product_id"),
    partition_column="as_of",
    is_served=True,
)

REORDER_POINTS = Table(
    schema="demand",
    name="reorder_points",
    description=(
        "When to order how much: stock is looked at once a week, and an order is placed when what is there and on its way "
        "is at or below the reorder point. It covers the demand of the lead time and a week; its safety stock is a quantile "
        "of the errors of past forecasts of that whole span. The replay tells what points and quantities of what was known then, "
        "made anew every four weeks, would have done in the last 13; what is not on the shelf is lost."
    ),
    grain="one row per as_of month and goods sold up to its end",
    columns=(
        AS_OF,
        PRODUCT,
        Column(
            "lead_days",
            "BIGINT",
            "Days from an order to its goods (seeds.supply, else seeds.ordering).",
            unit="days",
            minimum=0,
        ),
        Column(
            "service_level",
            "DOUBLE",
            "Probability with which the goods come before the stock ends (seeds.supply, else seeds.ordering).",
            minimum=0,
        ),
        Column("covered_weeks", "BIGINT", "The lead time in begun weeks, and one.", unit="weeks", minimum=1),
        Column("model", "VARCHAR", "The model whose forecasts of so many weeks erred least.", nullable=True),
        _units("weekly_units", "Units expected a week.", nullable=True),
        _units(
            "error_deviation", "Root of the mean square of its errors over the covered weeks.", nullable=True
        ),
        Column("errors", "BIGINT", "Forecasts that could be judged.", unit="errors", minimum=0),
        _units("safety_stock", "Units beyond what is expected.", nullable=True),
        _units("reorder_point", "covered_weeks x weekly_units + safety_stock, rounded up.", nullable=True),
        _units(
            "order_quantity",
            "The economic one (Harris 1913) where seeds.costs and seeds.ordering tell all costs, else what lasts "
            "seeds.ordering.cover_days; whole and at least 1.",
            nullable=True,
        ),
        Column("is_economic", "BOOLEAN", "Whether it is the economic one.", nullable=True),
        Column(
            "held_out_weeks", "BIGINT", "Weeks that were replayed.", nullable=True, unit="weeks", minimum=1
        ),
        _units("held_out_units", "Units wanted in them.", nullable=True),
        _share("fill_rate", "Share of them that would have been there; null where nothing was wanted."),
        Column(
            "stockout_weeks",
            "BIGINT",
            "Weeks in which some would have been missing.",
            nullable=True,
            unit="weeks",
            minimum=0,
        ),
        _units("mean_stock", "Mean stock at the ends of the weeks.", nullable=True),
        Column(
            "orders", "BIGINT", "Orders that would have been placed.", nullable=True, unit="orders", minimum=0
        ),
        Column("reason", "VARCHAR", "Why some of it is not told; else null.", nullable=True),
    ),
    primary_key=("as_of", "product_id"),
    partition_column="as_of",
    is_served=True,
)
