"""Who the customers are."""

from dataclasses import replace
from typing import Any

from warehouse.contract import Column, Sees, Table
from warehouse.tables.core import BANDS, RETURNED, WEEKDAYS

AS_OF = Column("as_of", "DATE", "First day of the month at whose end the customers are seen.")
CUSTOMER = Column("customer_id", "VARCHAR", "Customer.", personal=True)
RECENCY = Column(
    "recency_days",
    "INTEGER",
    "Days from the customer's last sale to the day after the last sale of anyone.",
    unit="days",
    minimum=1,
)
FREQUENCY = Column("frequency", "BIGINT", "Sale invoices so far.", unit="invoices", minimum=1)
MONETARY = Column("monetary", "DECIMAL(18,4)", "Amount of all sales so far.", unit="currency", minimum=0)
MOVES = ("new", "retained", "expanded", "contracted", "reactivated", "lapsed")


def _score(name: str, of: str) -> Column:
    return Column(name, "TINYINT", f"Score of {of}, 1 to 5; 5 is best.", minimum=1)


RFM = Table(
    schema="segments",
    name="rfm",
    description="Recency, frequency and monetary value of each customer with a sale, scores and segment.",
    grain="one row per as_of month and customer with a sale up to its end",
    columns=(
        AS_OF,
        CUSTOMER,
        RECENCY,
        FREQUENCY,
        MONETARY,
        Column("net_monetary", "DECIMAL(18,4)", "Monetary minus all returns so far.", unit="currency"),
        _score("r", "recency"),
        _score("f", "frequency"),
        _score("m", "monetary value"),
        Column("segment", "VARCHAR", "Segment by r and the mean of f and m (seeds.rfm_segments)."),
        Column(
            "tier",
            "VARCHAR",
            "High from r + f + m = 12, Medium from 8, else Low.",
            values=("High", "Medium", "Low"),
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

RFM_MOVES = Table(
    schema="segments",
    name="rfm_moves",
    description=(
        "How customers moved between the segments of segments.rfm since the month before, those who stayed "
        "included. By to_segment it adds up to rfm of the month, by from_segment to rfm of the month before."
    ),
    grain="one row per as_of month, segment of the month before and segment",
    columns=(
        AS_OF,
        Column(
            "from_segment",
            "VARCHAR",
            "Segment at the end of the month before; None for customers who had not bought by then.",
        ),
        Column(
            "to_segment",
            "VARCHAR",
            "Segment at the end of the month; None for customers who are in none any more, which only a "
            "corrected file brings about.",
        ),
        Column("customers", "BIGINT", "Customers who moved so.", unit="customers", minimum=1),
        Column(
            "amount",
            "DECIMAL(18,4)",
            "Amount of all their sales so far (monetary at the end of the month).",
            unit="currency",
            minimum=0,
        ),
        Column(
            "month_amount",
            "DECIMAL(18,4)",
            "Amount of their sales since the month before (the growth of their monetary).",
            unit="currency",
        ),
    ),
    primary_key=("as_of", "from_segment", "to_segment"),
    partition_column="as_of",
    sees={"segments.rfm": Sees.PREVIOUS},
)

CUSTOMER_FEATURES = Table(
    schema="segments",
    name="customer_features",
    description=(
        "Each customer with a sale in numbers, from all sales and returns so far. An order day is a day with a "
        "sale; shares lie between 0 and 1 and have six digits."
    ),
    grain="one row per as_of month and customer with a sale up to its end",
    columns=(
        AS_OF,
        CUSTOMER,
        RECENCY,
        Column(
            "tenure_days",
            "INTEGER",
            "Days from the customer's first sale to the day after the last sale of anyone. Who was there before the "
            "data begins (is_left_truncated in core.customers) has been so for longer.",
            unit="days",
            minimum=1,
        ),
        FREQUENCY,
        Column("order_days", "BIGINT", "Days with a sale so far.", unit="days", minimum=1),
        MONETARY,
        Column(
            "order_value",
            "DECIMAL(18,4)",
            "monetary by frequency: the average of a sale invoice.",
            unit="currency",
            minimum=0,
        ),
        replace(RETURNED, description="Amount of the return lines so far, as a positive number."),
        Column(
            "returned_share",
            "DOUBLE",
            "returned_amount by monetary, to six digits: above 1 where more came back than was sold (before the data "
            "begins, perhaps); null where monetary is 0.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "products",
            "BIGINT",
            "Different products bought so far; what is no goods does not count.",
            unit="products",
            minimum=0,
        ),
        Column(
            "categories",
            "BIGINT",
            "Different categories (core.customer_product_months) of the goods bought so far.",
            unit="categories",
            minimum=0,
        ),
        Column(
            "favourite_category",
            "VARCHAR",
            "The one of the highest amount, the first by name of equals; null where no goods were bought.",
            nullable=True,
        ),
        Column(
            "favourite_share",
            "DOUBLE",
            "Its share of the amount of the goods; null where no goods were bought.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "gap_mean_days",
            "DOUBLE",
            "Mean of the days from one order day to the next, to six digits; null with a single order day.",
            nullable=True,
            unit="days",
            minimum=1,
        ),
        Column(
            "gap_variation",
            "DOUBLE",
            "Coefficient of variation of those gaps, to six digits: their standard deviation (by one gap less than "
            "there are) by their mean, 0 for a clock and about 1 for chance; null below three order days, when "
            "there are no two gaps to differ.",
            nullable=True,
            minimum=0,
        ),
        *(
            Column(f"{day}_share", "DOUBLE", f"Share of the order days that are a {day.title()}.", minimum=0)
            for day in WEEKDAYS
        ),
        *(
            Column(
                f"{band}_share",
                "DOUBLE",
                f"Share of the sale invoices whose first line is {hours} o'clock, the end left out.",
                minimum=0,
            )
            for band, hours in BANDS.items()
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

CONCENTRATION = Table(
    schema="segments",
    name="concentration",
    description="How much of the amount the best customers bring. Guests are left out, of the whole too.",
    grain="one row per as_of month with a customer, and share of the customers",
    columns=(
        AS_OF,
        Column(
            "top_share",
            "DOUBLE",
            "Share of the customers with the highest monetary: 0.01, 0.1 or 0.2.",
            minimum=0.01,
        ),
        Column("customers", "BIGINT", "So many they are, rounded up.", unit="customers", minimum=1),
        Column("amount", "DECIMAL(18,4)", "Their monetary in all.", unit="currency", minimum=0),
        Column(
            "amount_share",
            "DOUBLE",
            "amount by that of all customers, to six digits; null where that is 0.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=("as_of", "top_share"),
    partition_column="as_of",
)

AMOUNT_MOVES = Table(
    schema="segments",
    name="amount_moves",
    description=(
        "Who brought the change of the amount since the month before: amounts here are those of the sales of a "
        "single month, of known customers. By move, amount adds up to the month of as_of, amount_before to the "
        "month before it and amount_change to the change between them."
    ),
    grain="one row per as_of month and move with a customer",
    columns=(
        AS_OF,
        Column(
            "move",
            "VARCHAR",
            "new: the first sale is in the month (in the first months of the data, seeds.thresholds, most of them "
            "were there before); reactivated: a sale in the month, none in the month before, one earlier; "
            "lapsed: a sale in the month before, none in the month; expanded, contracted, retained: sales in both, "
            "of a higher, a lower, the same amount.",
            values=MOVES,
        ),
        Column("customers", "BIGINT", "Customers who moved so.", unit="customers", minimum=1),
        Column(
            "amount_before",
            "DECIMAL(18,4)",
            "Amount of their sales in the month before.",
            unit="currency",
            minimum=0,
        ),
        Column("amount", "DECIMAL(18,4)", "Amount of their sales in the month.", unit="currency", minimum=0),
        Column("amount_change", "DECIMAL(18,4)", "amount less amount_before.", unit="currency"),
        Column(
            "is_whole_month",
            "BOOLEAN",
            "Whether one of the last three days of the month has a line. If not, the month is not over "
            "yet, and much of what seems to lapse and contract is still to come.",
        ),
    ),
    primary_key=("as_of", "move"),
    partition_column="as_of",
)

HOLDOUTS = Table(
    schema="segments",
    name="holdouts",
    description=(
        "Who gets no campaign, so that what campaigns bring can be told: a share of the customers (seeds.holdouts), by "
        "chance and the same in every month, whatever their segment."
    ),
    grain="one row per as_of month and customer with a sale up to its end",
    columns=(
        AS_OF,
        CUSTOMER,
        Column("segment", "VARCHAR", "Segment (segments.rfm)."),
        Column(
            "is_held_out",
            "BOOLEAN",
            "Whether to leave the customer out. Uplift is what the others bring, less what those held out do.",
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)


def _category(at: str, number: int) -> tuple[Column, Column]:
    return (
        Column(
            f"category_{number}",
            "VARCHAR",
            f"Category that its customers like {at} more than all do; null without ten customers who bought of one.",
            nullable=True,
        ),
        Column(
            f"lift_{number}",
            "DOUBLE",
            f"Share of category_{number} in what its customers ever bought of (a customer and category counted once), "
            "by that of all customers.",
            nullable=True,
            minimum=0,
        ),
    )


ACTIONS = Table(
    schema="segments",
    name="actions",
    description="What to do for each segment of segments.rfm, for whom it is worth most, with what and when.",
    grain="one row per as_of month and segment with a customer",
    columns=(
        AS_OF,
        Column("segment", "VARCHAR", "Segment."),
        Column("customers", "BIGINT", "Its customers.", unit="customers", minimum=1),
        Column(
            "held_out",
            "BIGINT",
            "Those of them to leave out (segments.holdouts).",
            unit="customers",
            minimum=0,
        ),
        Column(
            "expected_amount",
            "DOUBLE",
            "Amount expected of them within the nearer horizon (value.lifetime); null where none can be told.",
            nullable=True,
            unit="currency",
            minimum=0,
        ),
        Column(
            "customers_at_stake",
            "BIGINT",
            "Those of them with an expected amount and a churn risk.",
            unit="customers",
            minimum=0,
        ),
        Column(
            "mean_probability",
            "DOUBLE",
            "Mean churn risk (churn.risk) of those who have one; null where none has.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "amount_at_stake",
            "DOUBLE",
            "Expected amount times churn risk, summed: what staying away would cost; null where none can be told.",
            nullable=True,
            unit="currency",
            minimum=0,
        ),
        *_category("most", 1),
        *_category("second", 2),
        *_category("third", 3),
        Column(
            "weekday",
            "TINYINT",
            "Day of the week with most of their order days, 1 for Monday.",
            nullable=True,
            minimum=1,
        ),
        Column("weekday_share", "DOUBLE", "Share of their order days on it.", nullable=True, minimum=0),
        Column(
            "part_of_day",
            "VARCHAR",
            "Part of the day with most of their sale invoices.",
            nullable=True,
            values=tuple(BANDS),
        ),
        Column("part_of_day_share", "DOUBLE", "Share of the invoices in it.", nullable=True, minimum=0),
        Column(
            "campaign",
            "VARCHAR",
            "Suggested campaign (seeds.campaigns); null for a segment that it does not name.",
            nullable=True,
        ),
        Column("reason", "VARCHAR", "Why that one.", nullable=True),
    ),
    primary_key=("as_of", "segment"),
    partition_column="as_of",
)

SERVICE_DEMAND = Table(
    schema="segments",
    name="service_demand",
    description=(
        "Return lines that each segment is expected to bring in the month after as_of: its customers times what one of "
        "that segment brought in the month after, over the last twelve months, a month counting half as much as one three months "
        "later. The interval knows the chance of such "
        "counts, how much more than that the months differed, and how little was seen; a season it does not know."
    ),
    grain="one row per as_of month and segment with a customer",
    columns=(
        AS_OF,
        Column("segment", "VARCHAR", "Segment (segments.rfm)."),
        Column("customers", "BIGINT", "Its customers.", unit="customers", minimum=1),
        Column(
            "learned_months",
            "BIGINT",
            "Months learned from: those of the last twelve in which the segment had a customer, and whose following "
            "month is over.",
            unit="months",
            minimum=0,
        ),
        Column(
            "expected_return_lines",
            "DOUBLE",
            "Return lines expected in the month after; null where reason says why.",
            nullable=True,
            unit="lines",
            minimum=0,
        ),
        Column(
            "return_lines_low",
            "DOUBLE",
            "Lower end of their 95 % interval.",
            nullable=True,
            unit="lines",
            minimum=0,
        ),
        Column(
            "return_lines_high",
            "DOUBLE",
            "Upper end of their 95 % interval.",
            nullable=True,
            unit="lines",
            minimum=0,
        ),
        Column("reason", "VARCHAR", "Why there is no number.", nullable=True),
    ),
    primary_key=("as_of", "segment"),
    partition_column="as_of",
    sees={"segments.rfm": Sees.UP_TO},
)


def _figure(name: str, description: str, **more: Any) -> Column:
    return Column(name, "DOUBLE", f"{description} Four digits.", nullable=True, **more)


CLUSTER = Column(
    "cluster_id",
    "VARCHAR",
    "Cluster: the month in which it was first seen, and a number. It keeps its id while it shares enough customers "
    "with itself a month before.",
)

HABITS = Table(
    schema="segments",
    name="habits",
    description=(
        "What each customer does when they come, whatever day they came first: the ground of the clusters. The "
        "high season is the two months of the calendar in a row that usually have the most order days, known when "
        "all twelve were seen."
    ),
    grain="one row per as_of month and customer with a sale up to its end",
    columns=(
        AS_OF,
        CUSTOMER,
        Column("order_days", "BIGINT", "Days with a sale so far.", unit="days", minimum=1),
        Column(
            "orders_a_month",
            "DOUBLE",
            "order_days less a half, by the days from the first sale to the last and 30 more, times 30.4375: how often "
            "the customer comes while they come.",
            unit="days a month",
            minimum=0,
        ),
        Column(
            "order_value",
            "DECIMAL(18,4)",
            "Amount of all sales by sale invoices.",
            unit="currency",
            minimum=0,
        ),
        Column(
            "season_share",
            "DOUBLE",
            "Share of the order days in the high season, as if each customer had come on four more days, in the season "
            "as often as all do; null before a high season is known.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "season_days",
            "BIGINT",
            "Order days in the high season; null before one is known.",
            nullable=True,
            unit="days",
            minimum=0,
        ),
        Column(
            "season_expected_share",
            "DOUBLE",
            "Share of order days in the high season of who comes as the shop's usual months go, from the month of the "
            "customer's first sale to that of the last: 1 of whom only the season was seen. Null before a high season "
            "is known. Six digits.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

CLUSTER_QUALITY = Table(
    schema="segments",
    name="cluster_quality",
    description=(
        "Every way that was tried to part the customers by their habits, how good it is, and which is chosen. Judged "
        "on up to 1,500 fixed customers with enough order days to have habits."
    ),
    grain="one row per as_of month with a customer, method and number of clusters",
    columns=(
        AS_OF,
        Column(
            "method",
            "VARCHAR",
            "none: the customers cannot be parted, and why says why.",
            values=("k-means", "agglomerative", "gaussian mixture", "dbscan", "none"),
        ),
        Column("clusters", "BIGINT", "Number of clusters (k).", unit="clusters", minimum=1),
        _figure(
            "silhouette",
            "Mean silhouette: how much nearer customers are to their own cluster than to the next, from -1 to 1.",
        ),
        _figure(
            "null_silhouette",
            "What k-means comes to with as many clusters in one Gaussian of the same covariance, where there are none.",
        ),
        _figure("gain", "silhouette less null_silhouette."),
        _figure("inertia", "Sum of squared distances to the centres of the clusters.", minimum=0),
        _figure(
            "elbow",
            "How far inertia lies below the line from the smallest number of clusters to the largest, by the height "
            "of that line: the elbow is where it is highest. Null for dbscan.",
        ),
        _figure("davies_bouldin", "Davies-Bouldin index: lower is better.", minimum=0),
        _figure("calinski_harabasz", "Calinski-Harabasz index: higher is better.", minimum=0),
        _figure("smallest_share", "Share of the customers in the smallest cluster.", minimum=0),
        _figure(
            "stability",
            "Mean adjusted Rand index with 20 fits to bootstrap resamples, of the finalists: 1 is the same every time.",
        ),
        Column("is_chosen", "BOOLEAN", "Whether the customers are parted so; one way a month is."),
        Column(
            "verdict",
            "VARCHAR",
            "Of what is chosen: whether there are segments, or none that one Gaussian would not have.",
            nullable=True,
            values=("segments", "a continuum, divided for use", "none"),
        ),
        Column("why", "VARCHAR", "Why it was chosen, or was not."),
    ),
    primary_key=("as_of", "method", "clusters"),
    partition_column="as_of",
)

CLUSTERS = Table(
    schema="segments",
    name="clusters",
    description=(
        "Which cluster each customer is in, as segments.cluster_quality chose. What a cluster is called stands in "
        "segments.cluster_names. Distances and places are in the space of the logs of orders_a_month and order_value "
        "and of the season's share of the order days beyond what is expected, each scaled by its spread and weighed by "
        "how much of that is not chance."
    ),
    grain="one row per as_of month whose customers could be parted, and customer with a sale up to its end",
    columns=(
        AS_OF,
        CUSTOMER,
        CLUSTER,
        Column("own_distance", "DOUBLE", "Distance to the centre of the cluster. Four digits.", minimum=0),
        Column("next_cluster_id", "VARCHAR", "The cluster with the nearest other centre."),
        Column("next_distance", "DOUBLE", "Distance to that centre. Four digits.", minimum=0),
        Column("x", "DOUBLE", "Place along the direction in which customers differ most (PCA). Four digits."),
        Column("y", "DOUBLE", "Place along the second such direction. Four digits."),
        Column("is_outlier", "BOOLEAN", "Whether the customer lies apart from all others (HDBSCAN)."),
        Column(
            "is_learned_from",
            "BOOLEAN",
            "Whether the customer is one of those whom the clusters were fitted to; the others are put where they fit.",
        ),
    ),
    primary_key=("as_of", "customer_id"),
    partition_column="as_of",
)

CLUSTER_NAMES = Table(
    schema="segments",
    name="cluster_names",
    description=(
        "Each cluster with a plain name and its size. It is called by the first name of seeds.cluster_names whose "
        "ratios it reaches; of several with one name the one with more amount has it, and the next is numbered."
    ),
    grain="one row per as_of month and cluster",
    columns=(
        AS_OF,
        CLUSTER,
        Column("name", "VARCHAR", "Plain name, unique within the month; the id lasts, the name may change."),
        Column("customers", "BIGINT", "Customers in it.", unit="customers", minimum=1),
        Column("customer_share", "DOUBLE", "Share of all customers. Six digits.", minimum=0),
        Column("amount", "DECIMAL(18,4)", "Their monetary in all.", unit="currency", minimum=0),
        Column(
            "amount_share",
            "DOUBLE",
            "amount by that of all customers, to six digits; null where that is 0.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "monetary_ratio",
            "DOUBLE",
            "Median monetary by that of all customers, to six digits; null where that is 0.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "orders_ratio",
            "DOUBLE",
            "Median of orders_a_month by that of all customers. Six digits.",
            minimum=0,
        ),
        Column(
            "season_ratio",
            "DOUBLE",
            "Mean season_share by that of all customers, to six digits; null before a high season is known.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "recency_ratio",
            "DOUBLE",
            "Median of recency_days by that of all customers. Six digits.",
            minimum=0,
        ),
    ),
    primary_key=("as_of", "cluster_id"),
    partition_column="as_of",
)

CLUSTER_MOVES = Table(
    schema="segments",
    name="cluster_moves",
    description=(
        "How customers moved between clusters since the month before, those who stayed included: births, deaths and "
        "splits of clusters are seen here. By to_cluster_id it adds up to segments.clusters of the month, by "
        "from_cluster_id to that of the month before."
    ),
    grain="one row per as_of month, cluster of the month before and cluster",
    columns=(
        AS_OF,
        Column(
            "from_cluster_id",
            "VARCHAR",
            "Cluster at the end of the month before; None for customers who were in none.",
        ),
        Column(
            "to_cluster_id",
            "VARCHAR",
            "Cluster at the end of the month; None for customers who are in none any more.",
        ),
        Column("customers", "BIGINT", "Customers who moved so.", unit="customers", minimum=1),
        Column("from_share", "DOUBLE", "Of the customers of from_cluster_id. Six digits.", minimum=0),
        Column(
            "to_share",
            "DOUBLE",
            "Of the customers of to_cluster_id who were in a cluster before, to six digits; null from None.",
            nullable=True,
            minimum=0,
        ),
        Column("is_birth", "BOOLEAN", "Whether to_cluster_id was not there in the month before."),
        Column("is_death", "BOOLEAN", "Whether from_cluster_id is there no more."),
        Column(
            "move",
            "VARCHAR",
            "stayed: the same cluster; new, gone: from None, to None; split: a birth, most of which comes from a "
            "cluster that is still there; merged: a death, most of which goes to a cluster that was there; replaced: a "
            "birth and a death with most of each other; else moved.",
            values=("stayed", "new", "gone", "split", "merged", "replaced", "moved"),
        ),
    ),
    primary_key=("as_of", "from_cluster_id", "to_cluster_id"),
    partition_column="as_of",
    sees={"segments.clusters": Sees.PREVIOUS},
)

CLUSTER_PROFILES = Table(
    schema="segments",
    name="cluster_profiles",
    description=(
        "The numbers of each cluster against all customers. p values are given only for what did not make the "
        "clusters: of the rest they would say that customers were parted by what they were parted by."
    ),
    grain="one row per as_of month, cluster and figure",
    columns=(
        AS_OF,
        CLUSTER,
        Column(
            "figure", "VARCHAR", "Column of segments.customer_features or segments.habits, or has_returned."
        ),
        Column("customers", "BIGINT", "Customers of whom it is known.", unit="customers", minimum=0),
        _figure("mean", "Mean; of has_returned, the share."),
        _figure("median", "Median."),
        _figure("mean_of_all", "Mean of all customers."),
        _figure("median_of_all", "Median of all customers."),
        _figure(
            "effect_size",
            "Mean less that of the other customers, by the standard deviation within (Cohen 1988): 0.2 is small, 0.8 "
            "large. Null where nothing varies or nobody else is there.",
        ),
        _figure(
            "explained_share",
            "Share of the variance of all customers that lies between clusters; of has_returned, Cramer's V squared.",
            minimum=0,
        ),
        Column(
            "makes_clusters", "BOOLEAN", "Whether the clusters were made from it, or it follows from that."
        ),
        Column(
            "p_value",
            "DOUBLE",
            "Chance of so large a difference between all clusters if there were none: analysis of variance, of "
            "has_returned chi-square; adjusted for the number of figures (Benjamini and Hochberg 1995). Null for what "
            "makes the clusters. Six digits.",
            nullable=True,
            minimum=0,
        ),
    ),
    primary_key=("as_of", "cluster_id", "figure"),
    partition_column="as_of",
)

CLUSTER_DRIVERS = Table(
    schema="segments",
    name="cluster_drivers",
    description=(
        "What tells a cluster from the others, by the SHAP values of a forest that tells them apart (Lundberg and Lee "
        "2017). A month whose verdict is not segments has none: there is nothing to drive."
    ),
    grain="one row per as_of month with segments, cluster and figure",
    columns=(
        AS_OF,
        CLUSTER,
        Column("figure", "VARCHAR", "Column of segments.customer_features or segments.habits."),
        Column(
            "importance",
            "DOUBLE",
            "Mean of the absolute SHAP values: by how much the figure moves the probability of the cluster. Four digits.",
            minimum=0,
        ),
        Column("rank", "BIGINT", "1 for the figure that matters most to the cluster.", minimum=1),
        Column(
            "accuracy", "DOUBLE", "Share of the customers whom the forest puts where they are. Four digits."
        ),
    ),
    primary_key=("as_of", "cluster_id", "figure"),
    partition_column="as_of",
)
