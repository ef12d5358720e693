"""What is bought together, how sure that is, and what may be made of it.

An item is a product or a category (`level`); a basket is a sale invoice with goods. Counts by month and
stratum add up, so those of any window are their sums.
"""

from warehouse.contract import Column, Table

MONTH = Column("month", "DATE", "First day of the month.")
AS_OF = Column("as_of", "DATE", "First day of the month that the window ends with.")
LEVEL = Column("level", "VARCHAR", "What the items are.", values=("product", "category"))
STRATUM = Column(
    "stratum",
    "SMALLINT",
    "Stratum of basket size: j has more than 3 (j - 1)^2 and at most 3 j^2 goods; 0 is above the basket cap "
    "(seeds.rule_thresholds).",
    minimum=0,
)
BASKETS = Column("baskets", "BIGINT", "Baskets with it.", unit="baskets", minimum=1)
WINDOW_BASKETS = Column(
    "baskets", "BIGINT", "Baskets of the window, up to the cap.", unit="baskets", minimum=1
)
COUNT = Column("count", "BIGINT", "Baskets of the window with all of them.", unit="baskets", minimum=0)
CUSTOMERS = Column(
    "customers", "BIGINT", "Different known customers behind count.", unit="customers", minimum=0
)

BASKET_TABLE = Table(
    schema="rules",
    name="baskets",
    description="Every sale invoice with goods as a basket: which goods lie in it, each once.",
    grain="one row per sale invoice and month; an invoice whose lines lie in two months is a basket in each",
    columns=(
        MONTH,
        Column("invoice_id", "VARCHAR", "Number of the invoice."),
        Column("sold_at", "TIMESTAMP", "Moment of its first line of goods in the month."),
        Column(
            "customer_id",
            "VARCHAR",
            "Customer, the lowest if its lines name several; null for a guest.",
            nullable=True,
            personal=True,
        ),
        Column("goods", "VARCHAR[]", "Codes of the goods, in order."),
        Column("categories", "VARCHAR[]", "Their categories, in order."),
        Column("size", "INTEGER", "Different goods.", unit="goods", minimum=1),
        STRATUM,
    ),
    primary_key=("month", "invoice_id"),
    partition_column="month",
)

ITEM_MONTHS = Table(
    schema="rules",
    name="item_months",
    description="In how many baskets of a month and stratum each item lies, those above the cap as stratum 0.",
    grain="one row per month, level, item and stratum",
    columns=(MONTH, LEVEL, Column("item", "VARCHAR", "Product code or category."), STRATUM, BASKETS),
    primary_key=("month", "level", "item", "stratum"),
    partition_column="month",
)

PAIR_MONTHS = Table(
    schema="rules",
    name="pair_months",
    description=(
        "In how many baskets of a month and stratum each pair of items lies. Baskets above the cap are left out "
        "(rules.summary tells how many)."
    ),
    grain="one row per month, level, pair of items and stratum",
    columns=(
        MONTH,
        LEVEL,
        Column("item", "VARCHAR", "The item that comes first in order."),
        Column("other", "VARCHAR", "The other one."),
        STRATUM,
        BASKETS,
    ),
    primary_key=("month", "level", "item", "other", "stratum"),
    partition_column="month",
)

ITEMSETS = Table(
    schema="rules",
    name="itemsets",
    description=(
        "The frequent itemsets: the sets of goods that lie in at least ceil(support x baskets) of the window's "
        "baskets, and in as many as a rule must have customers; those above the cap left out. Of any length, unless "
        "longest says otherwise."
    ),
    grain="one row per as_of month and set of goods",
    columns=(
        AS_OF,
        Column("items", "VARCHAR[]", "Codes of the goods, in order."),
        Column("length", "INTEGER", "How many they are.", unit="goods", minimum=1),
        COUNT,
        Column("support", "DOUBLE", "count by the baskets of the window.", minimum=0),
        Column(
            "longest",
            "INTEGER",
            "Longer sets were not looked at, for there are millions; null where all were.",
            nullable=True,
            unit="goods",
            minimum=2,
        ),
    ),
    primary_key=("as_of", "items"),
    partition_column="as_of",
)

RULES = Table(
    schema="rules",
    name="rules",
    description=(
        "What is bought together more often than chance has it (complement), or less often (substitute), among "
        "the frequent items of a window. Chance is judged within months and strata of basket size, and by the "
        "false discovery rate over all pairs of frequent items; a complement has the least number of customers "
        "behind it. is_rule marks those that pass the thresholds for acting on them."
    ),
    grain="one row per as_of month, level, antecedent and consequent",
    columns=(
        AS_OF,
        LEVEL,
        Column(
            "antecedent",
            "VARCHAR[]",
            "What is bought: one item, or two where each of them adds to what the other tells, and by more than "
            "chance; other rules of two are redundant and left out.",
        ),
        Column("consequent", "VARCHAR", "What is bought with it, or instead of it."),
        Column(
            "association",
            "VARCHAR",
            "complement: adjusted lift above 1; substitute: at most 1 by the lift asked for.",
            values=("complement", "substitute"),
        ),
        WINDOW_BASKETS,
        Column("antecedent_count", "BIGINT", "Baskets with the antecedent.", unit="baskets", minimum=1),
        Column("consequent_count", "BIGINT", "Baskets with the consequent.", unit="baskets", minimum=1),
        COUNT,
        CUSTOMERS,
        Column("support", "DOUBLE", "count by baskets.", minimum=0),
        Column("confidence", "DOUBLE", "count by antecedent_count.", minimum=0),
        Column(
            "lift",
            "DOUBLE",
            "confidence by the consequent's share of baskets: big baskets alone raise it.",
            minimum=0,
        ),
        Column("leverage", "DOUBLE", "support less the product of the shares of antecedent and consequent."),
        Column(
            "expected_count",
            "DOUBLE",
            "count by chance: over months and strata, antecedent x consequent / baskets, added up. With the "
            "dependence that basket sizes alone make: of all pairs of a stratum together as many are expected as met.",
            unit="baskets",
            minimum=0,
        ),
        Column("adjusted_lift", "DOUBLE", "count by expected_count.", minimum=0),
        Column(
            "p_value",
            "DOUBLE",
            "Probability of a count at least so far from expected_count by chance (Mantel and Haenszel, Poisson "
            "below 20 expected); of two items, the largest of the three tests that the rule must pass.",
            minimum=0,
        ),
        Column(
            "q_value",
            "DOUBLE",
            "False discovery rate at which it would be told (Benjamini and Hochberg), over all pairs of frequent "
            "items; of two items, over all frequent pairs with each third item.",
            minimum=0,
        ),
        Column(
            "is_rule",
            "BOOLEAN",
            "Whether it is a complement with the least support, confidence and adjusted lift (seeds.rule_thresholds).",
        ),
        Column(
            "later_count",
            "BIGINT",
            "count in the later months of the window; null where no month is earlier.",
            nullable=True,
            unit="baskets",
            minimum=0,
        ),
        Column(
            "later_expected_count",
            "DOUBLE",
            "expected_count of the later months.",
            nullable=True,
            unit="baskets",
            minimum=0,
        ),
        Column(
            "later_adjusted_lift",
            "DOUBLE",
            "adjusted_lift of the later months; null where nothing is expected in them.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "is_held",
            "BOOLEAN",
            "Whether later_adjusted_lift alone is at least the lift asked for (of a substitute, at most 1 by it); "
            "null where it cannot be told.",
            nullable=True,
        ),
        Column(
            "strength_rank",
            "INTEGER",
            "Place by adjusted_lift among the rules of its level that are held; null beyond the strongest.",
            nullable=True,
            minimum=1,
        ),
        Column(
            "antecedent_first_customers",
            "BIGINT",
            "Customers whose first order of the antecedent in the window came before that of the consequent; 0 "
            "for an antecedent of two items.",
            unit="customers",
            minimum=0,
        ),
        Column(
            "consequent_first_customers",
            "BIGINT",
            "Customers with whom it was the other way round.",
            unit="customers",
            minimum=0,
        ),
        Column(
            "comes_first",
            "VARCHAR",
            "Which comes first across orders, by more than chance (sign test at the false discovery rate); null "
            "where that cannot be told. What is sold earlier in the year comes first, too.",
            nullable=True,
            values=("antecedent", "consequent"),
        ),
    ),
    primary_key=("as_of", "level", "antecedent", "consequent"),
    partition_column="as_of",
)

SUMMARY = Table(
    schema="rules",
    name="summary",
    description=(
        "What was looked at in each window and what came of it; why, where nothing did; and what the cap on "
        "basket size leaves out."
    ),
    grain="one row per as_of month and level",
    columns=(
        AS_OF,
        LEVEL,
        Column("baskets", "BIGINT", "Baskets of the window, up to the cap.", unit="baskets", minimum=0),
        Column("capped_baskets", "BIGINT", "Baskets above it, left out.", unit="baskets", minimum=0),
        Column(
            "capped_share",
            "DOUBLE",
            "Share of all goods in baskets, a good once a basket, that lie in those; null without baskets.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "least_count", "BIGINT", "Baskets that a frequent item has at least.", unit="baskets", minimum=0
        ),
        Column("frequent_items", "BIGINT", "Items that have as many.", unit="items", minimum=0),
        Column("candidate_pairs", "BIGINT", "Pairs of them: each is a test.", unit="pairs", minimum=0),
        Column("complements", "BIGINT", "Rows of rules.rules that are complements.", minimum=0),
        Column("substitutes", "BIGINT", "Rows of it that are substitutes.", minimum=0),
        Column("rules", "BIGINT", "Complements that pass the thresholds.", minimum=0),
        Column("held_rules", "BIGINT", "Those of them that hold in the later months.", minimum=0),
        Column("reason", "VARCHAR", "Why there is no rule; null where there is one.", nullable=True),
    ),
    primary_key=("as_of", "level"),
    partition_column="as_of",
)

BUNDLES = Table(
    schema="rules",
    name="bundles",
    description=(
        "What to sell together: the goods of the strongest rules, each set once, with an upper bound of the extra "
        "amount. It is what would come if every basket with the antecedent alone took the consequent, too, at the "
        "amount that a basket spends on it; an offer brings a part of that."
    ),
    grain="one row per as_of month and set of goods",
    columns=(
        AS_OF,
        Column("goods", "VARCHAR[]", "Codes of the goods, in order."),
        Column("antecedent", "VARCHAR[]", "What is bought already, of the direction with the higher bound."),
        Column("consequent", "VARCHAR", "What to offer with it."),
        Column("strength_rank", "INTEGER", "That of the rule.", minimum=1),
        Column("adjusted_lift", "DOUBLE", "That of the rule.", minimum=0),
        COUNT,
        CUSTOMERS,
        Column(
            "open_baskets",
            "BIGINT",
            "Baskets with the antecedent and without the consequent.",
            unit="baskets",
            minimum=0,
        ),
        Column(
            "consequent_amount",
            "DECIMAL(18,4)",
            "Mean amount that an order with the consequent spends on it, in the window.",
            unit="currency",
            minimum=0,
        ),
        Column(
            "extra_amount_upper_bound",
            "DECIMAL(18,4)",
            "open_baskets x consequent_amount: no offer brings more, most bring far less.",
            unit="currency",
            minimum=0,
        ),
    ),
    primary_key=("as_of", "goods"),
    partition_column="as_of",
)

CATEGORY_FLOWS = Table(
    schema="rules",
    name="category_flows",
    description=(
        "From category to category: within a basket (baskets above the cap left out), and from a known "
        "customer's order to the next. The links of a Sankey diagram."
    ),
    grain="one row per as_of month, step and pair of categories",
    columns=(
        AS_OF,
        Column(
            "step",
            "VARCHAR",
            "same basket: both lie in it, from_category the first in order; next order: from_category in an "
            "order, to_category in the customer's next one.",
            values=("same basket", "next order"),
        ),
        Column("from_category", "VARCHAR", "Category where the link begins."),
        Column("to_category", "VARCHAR", "Category where it ends."),
        Column("count", "BIGINT", "Baskets, or orders that another followed, within the window.", minimum=1),
        Column("share", "DOUBLE", "count by that of all links of the step.", minimum=0),
    ),
    primary_key=("as_of", "step", "from_category", "to_category"),
    partition_column="as_of",
)
