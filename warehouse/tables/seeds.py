"""Small tables that a shop may change: `seeds/<name>.csv` in its home stands in for the one shipped."""

from warehouse.contract import Column, Table

NOT_GOODS = Table(
    schema="seeds",
    name="not_goods",
    description="Product codes that are no goods: carriage, fees, vouchers, corrections.",
    grain="one row per pattern of product codes",
    columns=(
        Column("pattern", "VARCHAR", "Product code in upper case; * stands for any characters, ? for one."),
        Column("meaning", "VARCHAR", "What the code stands for."),
    ),
    primary_key=("pattern",),
)

CATEGORIES = Table(
    schema="seeds",
    name="categories",
    description=(
        "Which category goods are of, told by their code or the words of their description. Of the patterns that a line "
        "fits, the one with the lowest rank decides. A pattern without wildcards is a code or a description whole: a list "
        "of every product and its category is as good as rules."
    ),
    grain="one row per pattern of codes or descriptions",
    columns=(
        Column("rank", "INTEGER", "Lower ranks decide first, categories of one rank in order of name."),
        Column(
            "matches", "VARCHAR", "What the pattern is held against.", values=("product_id", "description")
        ),
        Column(
            "pattern",
            "VARCHAR",
            "Code or description in upper case; * stands for any characters, ? for one, [AB] for one of these.",
        ),
        Column("category", "VARCHAR", "Category of what fits."),
    ),
    primary_key=("matches", "pattern"),
)

RFM_SEGMENTS = Table(
    schema="seeds",
    name="rfm_segments",
    description="Which segment a customer's scores stand for.",
    grain="one row per recency score and rounded mean of the frequency and monetary scores",
    columns=(
        Column("r", "TINYINT", "Recency score, 5 the most recent.", minimum=1),
        Column("fm", "TINYINT", "Mean of the frequency and monetary scores, halves rounded up.", minimum=1),
        Column("segment", "VARCHAR", "Segment."),
    ),
    primary_key=("r", "fm"),
)

THRESHOLDS = Table(
    schema="seeds",
    name="thresholds",
    description="Where this shop draws its lines.",
    grain="one row per shop",
    columns=(
        Column(
            "wholesale_quantity",
            "INTEGER",
            "A line of so many units or more is wholesale: its price is no shelf price.",
            unit="units",
            minimum=1,
        ),
        Column(
            "left_truncated_months",
            "INTEGER",
            "In so many first months of the data a new customer cannot be told from one who was there before.",
            unit="months",
            minimum=0,
        ),
    ),
    primary_key=(),
)

FORECASTING = Table(
    schema="seeds",
    name="forecasting",
    description="What forecasts are told about this shop.",
    grain="one row per shop",
    columns=(
        Column(
            "holiday_country",
            "VARCHAR",
            "Country, or part of one, as ISO 3166 has it (GB-ENG, DE, US), on whose holidays the shop may be closed; empty "
            "for none. Whether it is closed on them is learned.",
            nullable=True,
        ),
    ),
    primary_key=(),
)
