"""What will be sold, how sure that is, how good such answers were, and which days were unlike what was foretold."""

from dataclasses import replace

from warehouse.contract import Column, Sees, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end sales are seen.")
GRAIN = Column("grain", "VARCHAR", "How long a step is.", values=("day", "week", "month"))
MEASURE = Column(
    "measure",
    "VARCHAR",
    "amount: of the sale lines, in currency; orders: sale invoices, in total and by country alone, for those of products "
    "do not add up. What was put right on the day of its sale (core.returns: is_correction) is in neither.",
    values=("amount", "orders"),
)
LEVEL = Column(
    "level",
    "VARCHAR",
    "What the series is one of. Days are known by country; weeks and months by category and product, too.",
    values=("total", "country", "category", "product"),
)
SERIES = Column(
    "series",
    "VARCHAR",
    "All, the country, the category (the first that a product had), or the product: one of those that make up 80 % of the "
    'last year\'s amount, or "Rest of" its category.',
)
STARTS_ON = Column("starts_on", "DATE", "First day of the step; weeks begin on Monday.")
LIBRARY = ("AutoETS", "AutoARIMA", "AutoTheta", "MSTL", "Prophet")
STEP = Column("step", "INTEGER", "How many steps ahead, 1 the first that was not whole.", minimum=1)


SERIES_TABLE = Table(
    schema="forecasts",
    name="series",
    description=(
        "What forecasts are made from and held against: sales of days by country, and of weeks and months by product, less what "
        "was put right on the day of its sale. That was never wanted, and a giant order cancelled within minutes would be "
        "foretold for months; what came back later was wanted, and is in here. amount and corrected_amount come to what core has."
    ),
    grain="one row per month, grain, first day of the step, and country or product",
    columns=(
        Column("month", "DATE", "First day of the month; a week that lies in two has a row in each."),
        GRAIN,
        STARTS_ON,
        Column("name", "VARCHAR", "Country, of a day; product, of a week or month."),
        Column("category", "VARCHAR", "Its category, of a month.", nullable=True),
        Column(
            "orders",
            "BIGINT",
            "Sale invoices, of a day; without those of which nothing is left.",
            nullable=True,
            unit="invoices",
            minimum=0,
        ),
        Column(
            "amount",
            "DECIMAL(18,4)",
            "Amount of the sale lines, without the units that a return of the same day reverses.",
            unit="currency",
            minimum=0,
        ),
        Column(
            "corrected_orders",
            "BIGINT",
            "Sale invoices that returns of the same day reverse whole, of a day.",
            nullable=True,
            unit="invoices",
            minimum=0,
        ),
        Column(
            "corrected_amount",
            "DECIMAL(18,4)",
            "Amount of the units that a return of the same day reverses, at the price of their sale.",
            unit="currency",
            minimum=0,
        ),
    ),
    primary_key=("month", "grain", "starts_on", "name"),
    partition_column="month",
)

RIVALS = Table(
    schema="forecasts",
    name="rivals",
    description=(
        "What models of statsforecast and Prophet say of the total and the largest countries, as of each month alone: they "
        "compete in forecasts.backtest and may be champions. Which ones are asked stands in seeds.forecasting."
    ),
    grain="one row per as_of month, grain, measure, series of twelve steps and more, model and step",
    columns=(
        AS_OF,
        GRAIN,
        MEASURE,
        Column("level", "VARCHAR", "What the series is one of.", values=("total", "country")),
        Column("series", "VARCHAR", "All, or the country."),
        Column("model", "VARCHAR", "The model.", values=LIBRARY),
        STARTS_ON,
        STEP,
        Column(
            "mean",
            "DECIMAL(18,4)",
            "What it expects; 0 on days on which the shop will be closed; null where it failed.",
            nullable=True,
            unit="that of measure",
            minimum=0,
        ),
        Column("reason", "VARCHAR", "Why it failed, in its own words; nothing stands in.", nullable=True),
    ),
    primary_key=("as_of", "grain", "measure", "level", "series", "model", "step"),
    partition_column="as_of",
)


SAID = Table(
    schema="forecasts",
    name="said",
    description=(
        "What our own models say of every series as of each month, under a digest of the series: forecasts.sales and "
        "forecasts.backtest judge them by two dozen months and ask each month's series once. For them alone; what is "
        "served is in forecasts.sales."
    ),
    grain="one row per as_of month and series that differs from the others",
    columns=(
        AS_OF,
        Column(
            "digest",
            "VARCHAR",
            "Of the series as models see it: blake2b of its values, with grain, season and, of days, the first one ahead.",
        ),
        Column(
            "means",
            "DOUBLE[]",
            "What each model expects of each step, one model after the other.",
            unit="that of measure",
        ),
        Column(
            "sigma", "DOUBLE[]", "Deviation of each step, by exponential smoothing.", unit="that of measure"
        ),
    ),
    primary_key=("as_of", "digest"),
    partition_column="as_of",
    query_of=("rivals",),
)


def _bound(level: int, end: str, side: str) -> Column:
    return Column(
        f"{end}_{level}",
        "DECIMAL(18,4)",
        f"{side} end of the {level} % interval.",
        unit="that of measure",
        minimum=0,
    )


SALES = Table(
    schema="forecasts",
    name="sales",
    description=(
        "What will be sold in the next 90 days, 13 weeks and 3 months. For each series the model speaks that erred least at "
        "the twelve origins before, none that was not seen to beat seasonal naive, and the median of a diverse few until "
        "anything had come; of days, once a year is known, a regression on it together with that median, unless another erred "
        "less by a fifth. Means of parts are made to add up to wholes. Intervals are conformal: the errors of "
        "what was served at those origins, by level and steps ahead; of less than nine forecasts no narrower than the model's own. Quantiles do not add up, and are not forced to."
    ),
    grain="one row per as_of month, grain, measure, series and step",
    columns=(
        AS_OF,
        GRAIN,
        MEASURE,
        LEVEL,
        SERIES,
        Column("is_rest", "BOOLEAN", "Whether it is what is left of a category."),
        Column("parent", "VARCHAR", "Series that it is part of; null for the total.", nullable=True),
        STARTS_ON,
        STEP,
        Column("model", "VARCHAR", "The model that ran."),
        Column(
            "mean",
            "DECIMAL(18,4)",
            "What is expected; 0 on days on which the shop will be closed.",
            unit="that of measure",
            minimum=0,
        ),
        *(_bound(level, end, side) for level in (80, 95) for end, side in (("lo", "Lower"), ("hi", "Upper"))),
        Column(
            "calibration_n", "BIGINT", "Errors that the intervals were measured on.", unit="errors", minimum=0
        ),
        *(
            Column(
                f"is_measured_{level}",
                "BOOLEAN",
                f"Whether the {level} % interval was measured on those; else it is the model's own: they were fewer than {least}, or of "
                "fewer than nine forecasts and would have made it narrower. It is never narrower than that of a step before.",
            )
            for level, least in ((80, 9), (95, 39))
        ),
        Column(
            "reason",
            "VARCHAR",
            "Why a simpler model stood in for the one that is named; null where it ran.",
            nullable=True,
        ),
    ),
    primary_key=("as_of", "grain", "measure", "level", "series", "starts_on"),
    partition_column="as_of",
    sees={"forecasts.rivals": Sees.UP_TO, "forecasts.said": Sees.UP_TO},
    query_of=("rivals", "sales"),
)

BACKTEST = Table(
    schema="forecasts",
    name="backtest",
    description=(
        "How good each model was, and what was served: each as_of judges the forecasts of three months before, made anew "
        "of what was known then, by what came since."
    ),
    grain="one row per as_of month, grain, measure, series, model and range of steps",
    columns=(
        AS_OF,
        Column("origin", "DATE", "The as_of month whose forecasts are judged."),
        GRAIN,
        MEASURE,
        LEVEL,
        SERIES,
        Column("model", "VARCHAR", 'The model, or "as served": the champions, reconciled.'),
        Column("first_step", "INTEGER", "First step of the range.", minimum=1),
        Column("last_step", "INTEGER", "Last step of the range.", minimum=1),
        Column("steps", "INTEGER", "How many of them had come.", unit="steps", minimum=1),
        Column("is_champion", "BOOLEAN", "Whether it was the one chosen then."),
        Column(
            "mase",
            "DOUBLE",
            "Mean error without sign by that of seasonal naive in the past (of naive where there is less than a season).",
            minimum=0,
        ),
        Column("smape", "DOUBLE", "Symmetric mean error, 0 to 200.", unit="%", minimum=0),
        Column(
            "bias", "DOUBLE", "Sum of errors by the sum that came; null where nothing came.", nullable=True
        ),
        Column(
            "pinball",
            "DOUBLE",
            "Mean pinball loss of the ends of both intervals, scaled as mase.",
            minimum=0,
        ),
        *(
            Column(
                f"coverage_{level}",
                "DOUBLE",
                f"Share of steps that the {level} % interval held, of those of which something was expected or came; null "
                "where there is none.",
                nullable=True,
                minimum=0,
            )
            for level in (80, 95)
        ),
        Column(
            "value_added",
            "DOUBLE",
            "1 - mase by that of seasonal naive at the same steps; null where that made no error.",
            nullable=True,
        ),
    ),
    primary_key=("as_of", "grain", "measure", "level", "series", "model", "first_step"),
    partition_column="as_of",
    sees={"forecasts.rivals": Sees.UP_TO, "forecasts.said": Sees.UP_TO},
    query_of=("rivals", "sales"),
)

ACCURACY = Table(
    schema="forecasts",
    name="accuracy",
    description=(
        "Each forecast of forecasts.sales beside what came, in the as_of in which it came. Rests are left out: what they "
        "are the rest of changes."
    ),
    grain="one row per as_of month, origin, grain, measure, series and step that came to its end since the as_of before",
    columns=(
        AS_OF,
        Column("origin", "DATE", "The as_of month of the forecast."),
        GRAIN,
        MEASURE,
        LEVEL,
        SERIES,
        STARTS_ON,
        STEP,
        Column("model", "VARCHAR", "The model that ran."),
        Column("mean", "DECIMAL(18,4)", "What was expected.", unit="that of measure", minimum=0),
        Column("actual", "DECIMAL(18,4)", "What came.", unit="that of measure", minimum=0),
        Column("error", "DECIMAL(18,4)", "mean - actual.", unit="that of measure"),
        Column("is_held_80", "BOOLEAN", "Whether the 80 % interval held it."),
        Column("is_held_95", "BOOLEAN", "Whether the 95 % interval held it."),
    ),
    primary_key=("as_of", "origin", "grain", "measure", "level", "series", "starts_on"),
    partition_column="as_of",
    sees={"forecasts.sales": Sees.UP_TO},
)

ANOMALIES = Table(
    schema="forecasts",
    name="anomalies",
    description=(
        "Days (total and countries) and weeks (categories and products, as shares of the week) unlike those around them, as "
        "known at the end of the month. Of all that end in a month on a level, at most one in twenty of those marked is "
        "expected to be nothing (Benjamini, Hochberg 1995)."
    ),
    grain="one row per as_of month, grain, measure, series and step that ended in it; days on which the shop is closed as a "
    "rule or for a holiday, and series that are 0 more than a tenth of the time, are left out",
    columns=(
        AS_OF,
        GRAIN,
        replace(
            MEASURE,
            description="amount: of the sale lines, in currency; orders: sale invoices. As core has them, what was put right on "
            "the day of its sale included.",
        ),
        LEVEL,
        SERIES,
        STARTS_ON,
        Column("actual", "DECIMAL(18,4)", "What came.", unit="that of measure", minimum=0),
        Column(
            "expected",
            "DECIMAL(18,4)",
            "Median of the steps around it, its weekday (or the whole of the week) taken into account.",
            unit="that of measure",
            minimum=0,
        ),
        Column(
            "deviations",
            "DOUBLE",
            "By how many deviations it lies above (or, below 0, under) what was expected.",
        ),
        Column(
            "tail_probability",
            "DOUBLE",
            "How often chance alone would do as much, to either side.",
            minimum=0,
        ),
        Column("is_anomaly", "BOOLEAN", "Whether it is marked."),
    ),
    primary_key=("as_of", "grain", "measure", "level", "series", "starts_on"),
    partition_column="as_of",
    query_of=("rivals", "anomalies"),
)
