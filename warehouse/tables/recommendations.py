"""What to show each customer next, what goes together, what is due, and how good that was."""

from warehouse.contract import Column, Sees, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end this is what was known.")
LISTS = ("all", "new")
CANDIDATES = (
    "own orders",
    "popular",
    "cosine",
    "tfidf",
    "bm25",
    "ease",
    "als",
    "bm25 blend",
    "ease blend",
    "als blend",
    "ease and als blend",
    "popular blend",
    "popular, ease and bm25 blend",
)
LIST = Column("list", "VARCHAR", "all: of all goods; new: of those the customer never bought.", values=LISTS)
CUSTOMER = Column("customer_id", "VARCHAR", "Customer.", personal=True)
PRODUCT = Column("product_id", "VARCHAR", "Product code.")


def _share(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "DOUBLE", description, nullable=nullable, minimum=0)


def _measures(k: int) -> tuple[Column, ...]:
    return (
        _share(
            f"capped_recall_{k}",
            f"Hits among the first {k}, by the smaller of {k} and the goods bought; mean of the customers.",
        ),
        _share(f"recall_{k}", f"Hits among the first {k}, by the goods bought; mean of the customers."),
        _share(
            f"ndcg_{k}",
            f"Hits among the first {k}, one at rank r for 1 / log2(r + 1), by the most that could be had.",
        ),
    )


SIMILAR_PRODUCTS = Table(
    schema="recommendations",
    name="similar_products",
    description="Goods that the same customers buy: the twenty most alike of each, of at least three common customers.",
    grain="one row per as_of month, product and rank",
    columns=(
        AS_OF,
        PRODUCT,
        Column("rank", "INTEGER", "1 is the most alike.", minimum=1),
        Column("similar_product_id", "VARCHAR", "Code of the product like it."),
        Column("measure", "VARCHAR", "What ranks them.", values=("cosine", "tfidf", "bm25")),
        Column("similarity", "DOUBLE", "How alike by that measure; to compare within a product."),
        _share("cosine", "Cosine of the two goods' orders by customer, 0 to 1."),
        Column("customers", "BIGINT", "Customers who bought both.", unit="customers", minimum=3),
    ),
    primary_key=("as_of", "product_id", "rank"),
    partition_column="as_of",
    is_served=True,
    query_of=("backtest",),
)

BACKTEST = Table(
    schema="recommendations",
    name="backtest",
    description=(
        "How good each recommender's lists were: made of what was known at the end of a month, judged by the goods that "
        "its customers bought in the next. Each as_of judges the newest month that is whole by then. Goods that "
        "nobody had bought before count as missed."
    ),
    grain="one row per as_of month, list, recommender and group of customers",
    columns=(
        AS_OF,
        Column("origin", "DATE", "Month at whose end the lists were made."),
        Column("judged", "DATE", "Month whose purchases judge them: the one after origin."),
        LIST,
        Column("candidate", "VARCHAR", "Recommender.", values=CANDIDATES),
        Column(
            "customers_of",
            "VARCHAR",
            "Which customers, by the months in which they had bought goods before.",
            values=("all", "one month", "two or three months", "four months or more"),
        ),
        Column(
            "customers",
            "BIGINT",
            "Known customers who came back; for the list of new goods those who bought one.",
            unit="customers",
            minimum=1,
        ),
        *_measures(5),
        *_measures(10),
        _share("coverage", "Share of the goods known at origin that stand in anyone's first ten."),
        _share(
            "novelty",
            "Mean over the first tens of -log2 of the share of customers who have the good.",
            nullable=True,
        ),
        _share(
            "reorder_share",
            "Share of the first tens that the customer had bought before; null where all lists are empty.",
            nullable=True,
        ),
        _share("bought_reorder_share", "Share of the goods bought that the customer had bought before."),
        Column(
            "floor",
            "VARCHAR",
            "The recommender that must be beaten.",
            values=("own orders", "popular"),
        ),
        Column("gain", "DOUBLE", "capped_recall_10 less the floor's; null for the floor.", nullable=True),
        Column(
            "gain_low",
            "DOUBLE",
            "Lower end of its 95 % interval (paired bootstrap of the customers).",
            nullable=True,
        ),
        Column("gain_high", "DOUBLE", "Upper end of its 95 % interval.", nullable=True),
    ),
    primary_key=("as_of", "list", "candidate", "customers_of"),
    partition_column="as_of",
)

CHAMPIONS = Table(
    schema="recommendations",
    name="champions",
    description=(
        "Which recommender makes the lists: the one with the best capped recall at ten over the last six months judged "
        "by then, of those that beat the floor in them beyond chance; where none does, the floor. Beside it what choosing in this way was worth: the champion of the months before the newest "
        "judged one, and how it did in that month."
    ),
    grain="one row per as_of month and list, once a month has been judged",
    columns=(
        AS_OF,
        LIST,
        Column("candidate", "VARCHAR", "The champion.", values=CANDIDATES),
        Column("months", "BIGINT", "Months it was chosen by.", unit="months", minimum=1),
        _share("capped_recall_10", "Its capped recall at ten over them, by customers."),
        Column(
            "lead",
            "DOUBLE",
            "What it was better than the floor by; null where it is the floor.",
            nullable=True,
        ),
        _share("lead_low", "Lower end of its 95 % interval, the months taken as independent.", nullable=True),
        Column("judged", "DATE", "The newest month judged."),
        Column(
            "earlier_candidate",
            "VARCHAR",
            "The champion of the six months before that one; null where it is the first.",
            nullable=True,
            values=CANDIDATES,
        ),
        _share("earlier_capped_recall_10", "How that one did in the newest month.", nullable=True),
        _share("floor_capped_recall_10", "How the floor did in the newest month."),
        Column(
            "gain", "DOUBLE", "What it was better by; null where it is the floor, or none.", nullable=True
        ),
        Column("gain_low", "DOUBLE", "Lower end of its 95 % interval.", nullable=True),
        Column("gain_high", "DOUBLE", "Upper end of its 95 % interval.", nullable=True),
    ),
    primary_key=("as_of", "list"),
    partition_column="as_of",
    sees={"recommendations.backtest": Sees.UP_TO},
)

FOR_CUSTOMERS = Table(
    schema="recommendations",
    name="for_customers",
    description=(
        "What to show each customer next: the best twenty of all goods, and of those new to the customer. Rank 10 of "
        "the new ones is kept for a newly launched good (seeds.recommendations) where none stands higher."
    ),
    grain="one row per as_of month, customer who bought goods within the 365 days before its end, list and rank",
    columns=(
        AS_OF,
        CUSTOMER,
        LIST,
        Column(
            "rank", "INTEGER", "1 is the best; shorter lists end where no more goods are sold.", minimum=1
        ),
        PRODUCT,
        Column(
            "score", "DOUBLE", "What ranks it; to compare within a list only, the newly launched one apart."
        ),
        Column("orders", "BIGINT", "The customer's invoices with it so far.", unit="invoices", minimum=0),
        Column(
            "source",
            "VARCHAR",
            "What gave it: own orders or the model of the recommender, whichever is more of the score; popular: it has "
            "no score, and sells of late; launched: the slot for new goods.",
            values=("own orders", "model", "popular", "launched"),
        ),
        Column("candidate", "VARCHAR", "Recommender (recommendations.champions).", values=CANDIDATES),
    ),
    primary_key=("as_of", "customer_id", "list", "rank"),
    partition_column="as_of",
    is_served=True,
)

DUE = Table(
    schema="recommendations",
    name="due",
    description=(
        "Goods that a customer is due to buy again, by the rhythm of the customer with that good: ordered three times "
        "and more, the next order expected within so many days (seeds.recommendations), and not silent for more than "
        "two of its gaps."
    ),
    grain="one row per as_of month, customer and product that is due",
    columns=(
        AS_OF,
        CUSTOMER,
        PRODUCT,
        Column("orders", "BIGINT", "Invoices with it so far.", unit="invoices", minimum=3),
        Column("last_ordered_on", "DATE", "Day of the last one."),
        Column(
            "gap_days",
            "DOUBLE",
            "Expected days from order to order: its own gaps, and two of the mean gap of all who bought it again.",
            unit="days",
            minimum=0,
        ),
        Column("due_on", "DATE", "Day on which the next order is or was expected."),
        _share(
            "probability",
            "Of an order within so many days, if the customer keeps its rhythm: orders are Poisson, rates Gamma.",
        ),
    ),
    primary_key=("as_of", "customer_id", "product_id"),
    partition_column="as_of",
    is_served=True,
)

ALSO_BOUGHT = Table(
    schema="recommendations",
    name="also_bought",
    description=(
        "What customers who put a product, or two, into a basket put in besides, more often than chance has it: up to "
        "twenty, from the associations of rules.rules. Who has no such company is not there."
    ),
    grain="one row per as_of month, product or two products, and rank",
    columns=(
        AS_OF,
        Column("product_ids", "VARCHAR[]", "Code of the product, or the codes of two, in order."),
        Column("rank", "INTEGER", "1 is what most of those baskets hold.", minimum=1),
        Column("also_bought", "VARCHAR", "Code of the product that is bought with them."),
        Column("baskets", "BIGINT", "Baskets of the window with all of them.", unit="baskets", minimum=1),
        Column("customers", "BIGINT", "Customers behind those baskets.", unit="customers", minimum=1),
        _share("confidence", "Share of the baskets with product_ids that hold also_bought, 0 to 1."),
        Column("adjusted_lift", "DOUBLE", "Those baskets by how many chance would have.", minimum=1),
        Column("is_rule", "BOOLEAN", "Whether it passes the thresholds of seeds.rule_thresholds."),
    ),
    primary_key=("as_of", "product_ids", "rank"),
    partition_column="as_of",
    is_served=True,
)
