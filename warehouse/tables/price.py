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
