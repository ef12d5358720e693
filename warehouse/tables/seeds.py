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

EVENTS = Table(
    schema="seeds",
    name="events",
    description=(
        "Days that are known to be unlike others, past and to come: launches, fairs, sales, a strike. What an event did "
        "each time before is foretold of it when it comes again; the first time it is only kept out of what is learned."
    ),
    grain="one row per time that an event took or takes place, country and category",
    columns=(
        Column("name", "VARCHAR", "What it is called: events of one name do alike."),
        Column("first_day", "DATE", "Its first day."),
        Column("last_day", "DATE", "Its last day."),
        Column("country", "VARCHAR", "Country where it takes place; All for everywhere."),
        Column(
            "category",
            "VARCHAR",
            "Category whose series, and whose products', it moves, and no others; empty for the whole shop.",
            nullable=True,
        ),
    ),
    primary_key=(),  # category may be empty, and a key may not
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
        Column(
            "library",
            "VARCHAR",
            "Models of statsforecast and Prophet that speak for the total and the largest countries beside our own, with a "
            "semicolon between: AutoETS, AutoTheta, MSTL, Prophet, AutoARIMA (a second a series and month); empty for none.",
            nullable=True,
        ),
        Column(
            "library_countries",
            "INTEGER",
            "For how many countries they do, by the amount of the last year.",
            unit="countries",
            minimum=0,
        ),
    ),
    primary_key=(),
)

RECOMMENDATIONS = Table(
    schema="seeds",
    name="recommendations",
    description="What counts as newly launched and as due, in recommendations.",
    grain="one row per shop",
    columns=(
        Column(
            "launched_days",
            "INTEGER",
            "A product first sold within so many days is newly launched; 0 keeps no slot for such.",
            unit="days",
            minimum=0,
        ),
        Column(
            "due_days",
            "INTEGER",
            "A product expected to be ordered again within so many days is due.",
            unit="days",
            minimum=1,
        ),
    ),
    primary_key=(),
)

RULE_THRESHOLDS = Table(
    schema="seeds",
    name="rule_thresholds",
    description="What this shop calls frequent, strong and sure among the things that are bought together.",
    grain="one row per shop",
    columns=(
        Column(
            "support",
            "DOUBLE",
            "An item, a set or a rule is frequent from this share of the window's baskets on.",
            minimum=0,
        ),
        Column("confidence", "DOUBLE", "Least confidence of a rule.", minimum=0),
        Column(
            "lift",
            "DOUBLE",
            "Least adjusted lift of a rule; in the later months, too, for it to be held.",
            minimum=1,
        ),
        Column(
            "least_customers",
            "INTEGER",
            "So many different customers must have bought both: one who repeats an order is no rule.",
            unit="customers",
            minimum=0,
        ),
        Column(
            "false_discovery_rate",
            "DOUBLE",
            "Of the associations told, the share that may be chance (Benjamini and Hochberg).",
            minimum=0,
        ),
        Column("strongest", "INTEGER", "So many of the strongest rules are marked.", unit="rules", minimum=0),
        Column(
            "window_months",
            "INTEGER",
            "Months that are looked back on, that of as_of included.",
            unit="months",
            minimum=1,
        ),
        Column(
            "later_months",
            "INTEGER",
            "The last of them, in which a rule must hold.",
            unit="months",
            minimum=1,
        ),
        Column(
            "basket_cap",
            "INTEGER",
            "Baskets of more goods are left out of pairs, itemsets and rules: 500 goods make 125,000 pairs.",
            unit="goods",
            minimum=2,
        ),
    ),
    primary_key=(),
)

CLUSTERING = Table(
    schema="seeds",
    name="clustering",
    description="How this shop's customers are parted into clusters.",
    grain="one row per shop",
    columns=(
        Column(
            "least_order_days",
            "INTEGER",
            "Clusters are learned from customers with so many order days or more.",
            unit="days",
            minimum=1,
        ),
        Column("most_clusters", "INTEGER", "So many clusters are tried at most.", unit="clusters", minimum=2),
        Column("is_dbscan_tried", "BOOLEAN", "Whether DBSCAN is tried, too."),
    ),
    primary_key=(),
)

CLUSTER_NAMES = Table(
    schema="seeds",
    name="cluster_names",
    description=(
        "What a cluster is called: the first name whose ratios it reaches. Each is the cluster's figure by that of all "
        "customers; one that is not given is always reached, and the last name should ask for none."
    ),
    grain="one row per name",
    columns=(
        Column("rank", "INTEGER", "Names of lower rank come first.", minimum=1),
        Column("name", "VARCHAR", "Name."),
        *(
            Column(
                f"{figure}_ratio", "DOUBLE", f"At least so many times the {told}.", nullable=True, minimum=0
            )
            for figure, told in (
                ("monetary", "median amount of all sales"),
                ("orders", "median of order days a month"),
                ("season", "mean share of order days in the high season"),
                ("recency", "median of days since the last sale"),
            )
        ),
    ),
    primary_key=("rank",),
)

ENGLISH_WORDS = Table(
    schema="seeds",
    name="english_words",
    description="The words that hold English sentences together: they tell English reviews from others.",
    grain="one row per word",
    columns=(Column("word", "VARCHAR", "Word, in small letters."),),
    primary_key=("word",),
)

SENTIMENT = Table(
    schema="seeds",
    name="sentiment",
    description="When this shop's ratings teach what its words mean (sentiment.models).",
    grain="one row per shop",
    columns=(
        Column(
            "least_of_each",
            "INTEGER",
            "So many reviews of 1-2 and of 4-5 stars there must be.",
            unit="reviews",
            minimum=2,
        ),
        Column(
            "growth",
            "DOUBLE",
            "It is learned anew when the rarer of the two has grown by this factor; above 1.",
            minimum=1.01,
        ),
        Column(
            "most_learned", "INTEGER", "The newest so many are learned from.", unit="reviews", minimum=100
        ),
    ),
    primary_key=(),
)

REVIEW_ALERTS = Table(
    schema="seeds",
    name="review_alerts",
    description="When this shop is told that a rating or the sentiment fell (sentiment.alerts).",
    grain="one row per shop",
    columns=(
        Column(
            "window_months", "INTEGER", "The newest so many months are looked at.", unit="months", minimum=1
        ),
        Column(
            "before_months", "INTEGER", "They are held against so many before them.", unit="months", minimum=1
        ),
        Column(
            "least_reviews", "INTEGER", "Of each, so many reviews there must be.", unit="reviews", minimum=2
        ),
        Column(
            "false_share",
            "DOUBLE",
            "Share of false alerts among those of a month that is allowed (Benjamini and Hochberg 1995).",
            minimum=0,
        ),
        Column("least_fall", "DOUBLE", "A fall by less of the whole scale is none to tell of.", minimum=0),
    ),
    primary_key=(),
)

SURVIVAL = Table(
    schema="seeds",
    name="survival",
    description="When a customer of this shop counts as lapsed (cohorts.survival).",
    grain="one row per shop",
    columns=(
        Column("lapse_days", "INTEGER", "So many days without an order are a lapse.", unit="days", minimum=1),
    ),
    primary_key=(),
)

CHURN = Table(
    schema="seeds",
    name="churn",
    description="What this shop asks of its customers (churn.risk).",
    grain="one row per shop",
    columns=(
        Column(
            "horizon_days", "INTEGER", "Who does not buy for so many days stays away.", unit="days", minimum=1
        ),
    ),
    primary_key=(),
)

VALUE = Table(
    schema="seeds",
    name="value",
    description="How far this shop looks ahead for the value of its customers (value.lifetime).",
    grain="one row per shop",
    columns=(
        Column(
            "horizon_days",
            "INTEGER",
            "How far ahead; forecasts this far are judged when it has passed.",
            unit="days",
            minimum=1,
        ),
        Column("long_horizon_days", "INTEGER", "How far ahead at most.", unit="days", minimum=1),
        Column(
            "discount_a_year",
            "DOUBLE",
            "Rate by which a year's delay lessens an amount: 0.1 for a tenth, 0 for not at all.",
            minimum=0,
        ),
    ),
    primary_key=(),
)

HOLDOUTS = Table(
    schema="seeds",
    name="holdouts",
    description="How many customers campaigns leave out (segments.holdouts).",
    grain="one row per shop",
    columns=(
        Column("share", "DOUBLE", "Share of the customers.", minimum=0),
        Column("salt", "VARCHAR", "Any text: another draws others."),
    ),
    primary_key=(),
)

CAMPAIGNS = Table(
    schema="seeds",
    name="campaigns",
    description="What to do for the customers of a segment (segments.actions).",
    grain="one row per segment",
    columns=(
        Column("segment", "VARCHAR", "Segment, as seeds.rfm_segments names it."),
        Column("campaign", "VARCHAR", "What to do."),
        Column("reason", "VARCHAR", "Why."),
    ),
    primary_key=("segment",),
)

PRICING = Table(
    schema="seeds",
    name="pricing",
    description="When this shop is told a price to try (price.suggestions).",
    grain="one row per shop",
    columns=(
        Column(
            "chance",
            "DOUBLE",
            "A placebo that chance finds less often than this has found something.",
            minimum=0,
        ),
        Column(
            "placebo_share",
            "DOUBLE",
            "That of all products must besides be so much of the response to today's price: prices are read off receipts, "
            "and a little of today's seeps into it.",
            minimum=0,
        ),
        Column(
            "least_prices",
            "INTEGER",
            "A product must have had so many regular prices.",
            unit="prices",
            minimum=2,
        ),
        Column("quiet_days", "INTEGER", "What was not sold for so long is gone.", unit="days", minimum=1),
        Column(
            "most_change",
            "DOUBLE",
            "A price to try differs from the regular one by this share of it at most.",
            minimum=0,
        ),
    ),
    primary_key=(),
)

COSTS = Table(
    schema="seeds",
    name="costs",
    description="What products cost the shop. Empty as shipped.",
    grain="one row per product",
    columns=(
        Column("product_id", "VARCHAR", "Code of the product."),
        Column("unit_cost", "DECIMAL(18,4)", "What one unit costs.", unit="currency", minimum=0),
    ),
    primary_key=("product_id",),
)

STOCKOUTS = Table(
    schema="seeds",
    name="stockouts",
    description="When products were out of stock: what was not sold then was not unwanted. Empty as shipped.",
    grain="one row per product and time without stock",
    columns=(
        Column("product_id", "VARCHAR", "Code of the product."),
        Column("first_day", "DATE", "First day without stock."),
        Column("last_day", "DATE", "Last day without stock."),
    ),
    primary_key=("product_id", "first_day"),
)

STOCK = Table(
    schema="seeds",
    name="stock",
    description="Counts of the stock; of each product the last one up to the end of a month is used. Empty as shipped.",
    grain="one row per product and count",
    columns=(
        Column("product_id", "VARCHAR", "Code of the product."),
        Column("counted_on", "DATE", "Day of the count."),
        Column("on_hand", "BIGINT", "Units that were there.", unit="units", minimum=0),
    ),
    primary_key=("product_id", "counted_on"),
)

SUPPLY = Table(
    schema="seeds",
    name="supply",
    description="Products whose lead time or service level is not that of seeds.ordering. Empty as shipped.",
    grain="one row per product",
    columns=(
        Column("product_id", "VARCHAR", "Code of the product."),
        Column(
            "lead_days",
            "INTEGER",
            "Days from an order to its goods; empty for the usual.",
            nullable=True,
            unit="days",
            minimum=0,
        ),
        Column(
            "service_level",
            "DOUBLE",
            "Probability with which goods come before the stock ends; empty for the usual.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=("product_id",),
)

ORDERING = Table(
    schema="seeds",
    name="ordering",
    description="How this shop orders its goods (demand.reorder_points), and when stock is dead (demand.products).",
    grain="one row per shop",
    columns=(
        Column("lead_days", "INTEGER", "Days from an order to its goods.", unit="days", minimum=0),
        Column(
            "service_level",
            "DOUBLE",
            "Probability with which goods come before the stock ends, below 1.",
            minimum=0,
        ),
        Column(
            "cover_days",
            "INTEGER",
            "So long an order lasts where its costs are not known.",
            unit="days",
            minimum=1,
        ),
        Column(
            "dead_days",
            "INTEGER",
            "What was not sold for so long is not expected to be.",
            unit="days",
            minimum=1,
        ),
        Column(
            "order_cost",
            "DECIMAL(18,4)",
            "What an order costs, whatever its size; may be empty.",
            nullable=True,
            unit="currency",
            minimum=0,
        ),
        Column(
            "holding_a_year",
            "DOUBLE",
            "What it costs to hold a unit for a year, as a share of its cost; may be empty.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=(),
)

STOP_WORDS = Table(
    schema="seeds",
    name="stop_words",
    description="Words that tell nothing of what a review is about (topics.words).",
    grain="one row per word",
    columns=(Column("word", "VARCHAR", "Word, in small letters."),),
    primary_key=("word",),
)

TOPICS = Table(
    schema="seeds",
    name="topics",
    description="How topics of reviews are found (topics.models and what follows).",
    grain="one row per shop",
    columns=(
        Column(
            "least_reviews",
            "INTEGER",
            "So many different reviews are needed to find topics.",
            unit="reviews",
            minimum=50,
        ),
        Column("least_topics", "INTEGER", "Fewest topics that are tried.", unit="topics", minimum=2),
        Column("most_topics", "INTEGER", "Most topics that are tried.", unit="topics", minimum=2),
        Column(
            "learned_reviews",
            "INTEGER",
            "Reviews that a model is fitted to at most; all are mixed by it.",
            unit="reviews",
            minimum=200,
        ),
        Column(
            "search_months",
            "INTEGER",
            "After so many months ways to find topics are tried anew.",
            unit="months",
            minimum=1,
        ),
        Column("leading_share", "DOUBLE", "A topic leads a review of which it has such a share.", minimum=0),
        Column(
            "mapped_reviews",
            "INTEGER",
            "Points of the map, 5,000 at most: 1,500 take 6 s of one core.",
            unit="reviews",
            minimum=50,
        ),
    ),
    primary_key=(),
)
