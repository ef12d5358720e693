"""What customers write about: topics that are found in their reviews, and that last."""

from warehouse.contract import Column, Table

AS_OF = Column("as_of", "DATE", "First day of the month at whose end reviews are seen.")
TOPIC = Column(
    "topic_id",
    "VARCHAR",
    "Topic: the month of its birth and a number. It lasts from one as_of to the next that is made.",
)
MONTH = Column("month", "DATE", "First day of the month in which the review was written.")
REVIEW = Column("review_id", "VARCHAR", "Review (core.reviews, with month).")
COUNTED = Column(
    "counted",
    "VARCHAR",
    "How a term counts in a review: counts, ten at most; tf-idf, those times the log of all reviews by those with it.",
    values=("counts", "tf-idf", "none"),
)
HAS_PHRASES = Column("has_phrases", "BOOLEAN", "Whether pairs of words that stand together are terms, too.")
LEARNED = Column(
    "learned_reviews",
    "BIGINT",
    "Different reviews of three words and more that there were to learn from (topics.learned).",
    unit="reviews",
    minimum=0,
)


def _share(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "DOUBLE", description, nullable=nullable, minimum=0)


WORDS = Table(
    schema="topics",
    name="words",
    description=(
        "The words of each review, title and text, that may tell what it is about: in small letters, without accents, stop "
        "words (seeds.stop_words), numbers and words of one or two letters."
    ),
    grain="one row per review",
    columns=(
        MONTH,
        REVIEW,
        Column(
            "words",
            "VARCHAR[]",
            "The first 500, in their order; null where there are none.",
            nullable=True,
            personal=True,
        ),
        Column(
            "reason",
            "VARCHAR",
            "Why there are none; null where there are some.",
            nullable=True,
            values=("no text", "not English", "no word but stop words"),
        ),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
)

LEARNED_FROM = Table(
    schema="topics",
    name="learned",
    description=(
        "The reviews that topics are learned from: of three words and more, all different, as many as the shop wants "
        "(seeds.topics). They are drawn by a hash of their ids, so that most of them stay from month to month."
    ),
    grain="one row per as_of month and review that is learned from",
    columns=(
        AS_OF,
        MONTH,
        REVIEW,
        Column("place", "BIGINT", "Where it comes in the order of its hash, from 1 on.", minimum=1),
    ),
    primary_key=("as_of", "month", "review_id"),
    partition_column="as_of",
    is_served=True,
)

MODELS = Table(
    schema="topics",
    name="models",
    description=(
        "Every way that was tried to find topics, how good it is on the same 4,000 reviews, and which is chosen. A search "
        "is made once in a while (search_months in seeds.topics, or half as many reviews again); between, its rows stand. "
        "A shop with too few reviews has one row that says so."
    ),
    grain="one row per as_of month and way that was tried",
    columns=(
        AS_OF,
        Column("searched_as_of", "DATE", "The as_of month whose reviews the search looked at."),
        LEARNED,
        Column(
            "method",
            "VARCHAR",
            "Latent Dirichlet allocation, or non-negative matrix factorization.",
            values=("lda", "nmf", "none"),
        ),
        COUNTED,
        HAS_PHRASES,
        Column("topics", "BIGINT", "How many.", unit="topics", minimum=0),
        Column(
            "c_v",
            "DOUBLE",
            "Coherence of the 20 weightiest terms, mean of the topics: 1 is best (Roeder et al. 2015).",
            nullable=True,
        ),
        Column(
            "u_mass",
            "DOUBLE",
            "The same by reviews that share terms: 0 is best (Mimno et al. 2011).",
            nullable=True,
        ),
        Column(
            "perplexity",
            "DOUBLE",
            "Of a tenth of the reviews, held out, by the variational bound: less is better. Not for NMF, and not to be "
            "compared between ways that count other terms.",
            nullable=True,
            minimum=1,
        ),
        _share("diversity", "Share of different terms among the 25 weightiest of all topics.", nullable=True),
        _share(
            "stability",
            "Share of its ten weightiest terms that a topic has again from another seed, matched one for one; of the finalists.",
            nullable=True,
        ),
        Column("is_chosen", "BOOLEAN", "Whether topics are found in this way."),
        Column("why", "VARCHAR", "Why it was chosen, or not."),
    ),
    primary_key=("as_of", "method", "counted", "has_phrases", "topics"),
    partition_column="as_of",
    is_served=True,
)

FITS = Table(
    schema="topics",
    name="fits",
    description=(
        "The topics that serve, as they were fitted: what mixes a review, and what the next as_of goes on from. "
        "topics.topics and topics.terms tell of them in words."
    ),
    grain="one row per as_of month and topic, those that ended since the as_of before included",
    columns=(
        AS_OF,
        TOPIC,
        Column(
            "state",
            "VARCHAR",
            "born; kept from the last as_of that was made; or ended, of which nothing else is told.",
            values=("born", "kept", "ended"),
        ),
        Column(
            "name", "VARCHAR", "Its most relevant terms. It stays while most of them are among the first ten."
        ),
        Column("method", "VARCHAR", "As in topics.models.", values=("lda", "nmf")),
        COUNTED,
        HAS_PHRASES,
        LEARNED,
        Column(
            "updated_from",
            "DATE",
            "The as_of month whose model this one goes on from; null where it was fitted from nothing.",
            nullable=True,
        ),
        _share("share", "Of the reviews that are learned from.", nullable=True),
        Column(
            "c_v", "DOUBLE", "Coherence (topics.models) on all reviews that are learned from.", nullable=True
        ),
        Column("fresh_c_v", "DOUBLE", "That of its match in a model fitted from nothing.", nullable=True),
        _share(
            "fresh_overlap",
            "Jaccard index of its 20 weightiest terms with those of its match there: how far it has drifted from what would "
            "be found today.",
            nullable=True,
        ),
        _share("prior", "Of LDA: how many words of it a review is expected to have (alpha).", nullable=True),
        Column(
            "terms", "VARCHAR[]", "Its terms, the weightiest first; of two words where they are a phrase."
        ),
        Column("weights", "DOUBLE[]", "The weight of each, adding up to 1."),
        Column("idf", "DOUBLE[]", "What the counts of each are multiplied by."),
    ),
    primary_key=("as_of", "topic_id"),
    partition_column="as_of",
    is_served=True,
)

TERMS = Table(
    schema="topics",
    name="terms",
    description="The 20 terms that tell most of each topic, by relevance (Sievert and Shirley 2014, lambda 0.6).",
    grain="one row per as_of month, topic and term",
    columns=(
        AS_OF,
        TOPIC,
        Column("rank", "BIGINT", "1 is the most relevant.", minimum=1),
        Column("term", "VARCHAR", "Word or phrase."),
        _share("weight", "Its weight in the topic."),
        _share("lift", "That by its weight in all topics together."),
        Column("relevance", "DOUBLE", "0.6 ln(weight) + 0.4 ln(lift)."),
    ),
    primary_key=("as_of", "topic_id", "term"),
    partition_column="as_of",
    is_served=True,
)

DOCUMENTS = Table(
    schema="topics",
    name="documents",
    description=(
        "What each review is about. Its shares add up to 1; topics with less than a twentieth of it are left out. A review "
        "of which nothing can be told has one row of topic None that says why."
    ),
    grain="one row per as_of month, review up to its end and topic of it",
    columns=(
        AS_OF,
        MONTH,
        REVIEW,
        Column("topic_id", "VARCHAR", "Topic, or None."),
        _share("share", "Of the review."),
        Column(
            "is_leading",
            "BOOLEAN",
            "Whether it has the largest share, and leading_share of it (seeds.topics) or more.",
        ),
        Column("reason", "VARCHAR", "Why nothing can be told; null where something can.", nullable=True),
    ),
    primary_key=("as_of", "month", "review_id", "topic_id"),
    partition_column="as_of",
    is_served=True,
)

TOPICS = Table(
    schema="topics",
    name="topics",
    description="The topics of an as_of: name, size, stars, how clear they are, how they hold, and three reviews of each.",
    grain="one row per as_of month and topic, those that ended since the as_of before included",
    columns=(
        AS_OF,
        TOPIC,
        Column(
            "state",
            "VARCHAR",
            "born, kept or ended, since the last as_of that was made.",
            values=("born", "kept", "ended"),
        ),
        Column("name", "VARCHAR", "Its most relevant terms. No two topics of an as_of share a name."),
        _share("share", "Of all that was written in reviews of which something can be told."),
        Column("led_reviews", "BIGINT", "Reviews that it leads.", unit="reviews", minimum=0),
        Column(
            "mean_rating",
            "DOUBLE",
            "Mean stars of reviews, each by the share that the topic has of it; null where it has none.",
            nullable=True,
            unit="stars",
            minimum=1,
        ),
        Column("c_v", "DOUBLE", "Coherence (topics.models); null of those that ended.", nullable=True),
        Column("fresh_c_v", "DOUBLE", "That of its match in a model fitted from nothing.", nullable=True),
        _share(
            "fresh_overlap",
            "Jaccard index of its terms with those of that match: the less, the more drift.",
            nullable=True,
        ),
        Column(
            "updated_from",
            "DATE",
            "The as_of month whose model it goes on from; null where it was fitted from nothing.",
            nullable=True,
        ),
        Column(
            "review_ids",
            "VARCHAR[]",
            "Up to three reviews that stand for it: of 10 to 80 words, with the largest shares.",
        ),
    ),
    primary_key=("as_of", "topic_id"),
    partition_column="as_of",
    is_served=True,
)

PRODUCTS = Table(
    schema="topics",
    name="products",
    description="What the reviews of each product are about; those of which nothing can be told are left out. Shares of a product add up to 1.",
    grain="one row per as_of month, product and topic of its reviews",
    columns=(
        AS_OF,
        Column("product_id", "VARCHAR", "Product."),
        TOPIC,
        Column("reviews", "BIGINT", "Reviews of the product.", unit="reviews", minimum=1),
        Column("led_reviews", "BIGINT", "Those that the topic leads.", unit="reviews", minimum=0),
        _share("share", "Mean share of the topic."),
        Column(
            "mean_rating",
            "DOUBLE",
            "Mean stars, each review by the share that the topic has of it.",
            unit="stars",
            minimum=1,
        ),
    ),
    primary_key=("as_of", "product_id", "topic_id"),
    partition_column="as_of",
    is_served=True,
)

TREND = Table(
    schema="topics",
    name="trend",
    description=(
        "How much of each topic was written in each month, and with how many stars. Intervals are Wilson's (1927), taken for "
        "a mean between two bounds: they are rather too wide than too narrow. Shares of a month add up to 1."
    ),
    grain="one row per as_of month, month with reviews of which something can be told, and topic",
    columns=(
        AS_OF,
        MONTH,
        TOPIC,
        Column("reviews", "BIGINT", "Reviews of the month.", unit="reviews", minimum=1),
        Column("led_reviews", "BIGINT", "Those that the topic leads.", unit="reviews", minimum=0),
        _share("share", "Mean share of the topic."),
        _share("share_low", "Lower end of its 95 % interval."),
        _share("share_high", "Upper end of it."),
        Column(
            "mean_rating",
            "DOUBLE",
            "Mean stars, each review by the share that the topic has of it; null where it has none.",
            nullable=True,
            unit="stars",
            minimum=1,
        ),
        Column(
            "rating_low", "DOUBLE", "Lower end of its 95 % interval.", nullable=True, unit="stars", minimum=1
        ),
        Column("rating_high", "DOUBLE", "Upper end of it.", nullable=True, unit="stars", minimum=1),
        Column(
            "change",
            "DOUBLE",
            "Mean share in this month and up to two after it, as far as they are known, less that of the three before; null "
            "where either has fewer than 20 reviews.",
            nullable=True,
        ),
        _share("p_value", "Of no change, by Welch's test.", nullable=True),
        Column(
            "is_jump",
            "BOOLEAN",
            "Whether the share jumped in this month: a change of 0.05 and more, beyond chance among all topics and months "
            "(Benjamini and Hochberg 1995, 1 %), and the surest within two months either side.",
        ),
    ),
    primary_key=("as_of", "month", "topic_id"),
    partition_column="as_of",
    is_served=True,
)

MAP = Table(
    schema="topics",
    name="map",
    description=(
        "Reviews as points, those of like words near each other (t-SNE of their TF-IDF, van der Maaten and Hinton 2008): a "
        "sample that is drawn by a hash, so that most of it stays from month to month. Distances between groups mean little."
    ),
    grain="one row per as_of month and review of the sample",
    columns=(
        AS_OF,
        MONTH,
        REVIEW,
        Column("topic_id", "VARCHAR", "The topic that leads; null where none does.", nullable=True),
        Column("rating", "TINYINT", "Stars.", unit="stars", minimum=1),
        Column(
            "score",
            "DOUBLE",
            "How it speaks, -1 to 1 (sentiment.reviews); null where nothing tells.",
            nullable=True,
            minimum=-1,
        ),
        *(
            Column(f"{axis}_{dimensions}d", "DOUBLE", f"Coordinate in {told} dimensions.")
            for dimensions, told, axes in ((2, "two", "xy"), (3, "three", "xyz"))
            for axis in axes
        ),
    ),
    primary_key=("as_of", "month", "review_id"),
    partition_column="as_of",
    is_served=True,
)
