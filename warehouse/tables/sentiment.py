"""How customers speak of products, how sure that is, and what is amiss in it."""

from warehouse.contract import Column, Sees, Table

LEXICON = Table(
    schema="sentiment",
    name="lexicon",
    description=(
        "What a lexicon that knows negation and intensity (VADER) says of each review. Reviews without words or in another "
        "language are left out; of long ones the first 10,000 characters are read."
    ),
    grain="one row per review with a title or a text, if the text is in English",
    columns=(
        Column("month", "DATE", "First day of the month of the review."),
        Column("review_id", "VARCHAR", "Number of the review."),
        Column("words", "INTEGER", "Words of title and text.", unit="words", minimum=0),
        Column("score", "DOUBLE", "Mean of its sentences, -1 to 1; 0 where no word is known.", minimum=-1),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
)

MODELS = Table(
    schema="sentiment",
    name="models",
    description=(
        "What the shop's own ratings teach about words: logistic regression of 4-5 against 1-2 stars on words and pairs "
        "of words, put together with the lexicon. Learned anew in the months in which the rarer stars have grown by a "
        "factor (seeds.sentiment); it serves the months after, until the next. Used only where it foretells the newest "
        "third of the reviews, which it had not seen, better than the lexicon alone by more than chance."
    ),
    grain="one row per as_of month",
    columns=(
        Column("as_of", "DATE", "First day of the month at whose end it was learned."),
        Column("rated", "BIGINT", "Reviews with words and other than 3 stars.", unit="reviews", minimum=0),
        Column("few_stars", "BIGINT", "Those of 1 and 2 stars among them.", unit="reviews", minimum=0),
        Column("is_used", "BOOLEAN", "Whether later months are scored with it."),
        Column("verdict", "VARCHAR", "Why, or why nothing was learned."),
        Column(
            "lexicon_auc",
            "DOUBLE",
            "Of a review of 4-5 stars and one of 1-2 of the newest third: how often the lexicon orders them rightly.",
            nullable=True,
            minimum=0,
        ),
        Column("auc", "DOUBLE", "How often both together do.", nullable=True, minimum=0),
        Column("gain_sigmas", "DOUBLE", "Their difference in standard errors.", nullable=True),
        Column("intercept", "DOUBLE", "Log odds of praise in a text of unknown words.", nullable=True),
        Column("lexicon_weight", "DOUBLE", "Log odds that a score of 1 by the lexicon adds.", nullable=True),
        Column(
            "words",
            "STRUCT(word VARCHAR, idf DOUBLE, weight DOUBLE)[]",
            "Words and pairs of words: inverse document frequency, and the log odds that each adds by its part of the "
            "text. Null unless it is used.",
            nullable=True,
        ),
    ),
    primary_key=("as_of",),
    partition_column="as_of",
)

REVIEWS = Table(
    schema="sentiment",
    name="reviews",
    description=(
        "How each review speaks: by the lexicon and the newest model that was learned before its month, by the lexicon "
        "alone before there was one."
    ),
    grain="one row per review",
    columns=(
        Column("month", "DATE", "First day of the month of the review."),
        Column("review_id", "VARCHAR", "Number of the review."),
        Column("product_id", "VARCHAR", "Product."),
        Column("rating", "TINYINT", "Stars, 1 to 5.", unit="stars", minimum=1),
        Column("lexicon", "DOUBLE", "Score by the lexicon, -1 to 1.", nullable=True, minimum=-1),
        Column(
            "learned_as_of",
            "DATE",
            "The as_of of sentiment.models that it is scored with; null by the lexicon alone.",
            nullable=True,
        ),
        Column(
            "score",
            "DOUBLE",
            "-1 to 1: twice the probability of praise less 1, praise and blame being equally likely; by the lexicon "
            "alone its score.",
            nullable=True,
            minimum=-1,
        ),
        Column(
            "label",
            "VARCHAR",
            "Positive above 0.05, negative below -0.05; unknown without a score.",
            values=("positive", "neutral", "negative", "unknown"),
        ),
        Column(
            "missing_reason",
            "VARCHAR",
            "Why there is no score.",
            nullable=True,
            values=("no text", "not English"),
        ),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
)

MISMATCHES = Table(
    schema="sentiment",
    name="mismatches",
    description="Reviews whose words say the opposite of their stars.",
    grain="one row per review of 4-5 stars and a score of -0.5 or less, or of 1-2 stars and one of 0.5 or more",
    columns=(
        Column("month", "DATE", "First day of the month of the review."),
        Column("review_id", "VARCHAR", "Number of the review."),
        Column("product_id", "VARCHAR", "Product."),
        Column("rating", "TINYINT", "Stars, 1 to 5.", unit="stars", minimum=1),
        Column("score", "DOUBLE", "How it speaks, -1 to 1.", minimum=-1),
        Column("words_are", "VARCHAR", "Than the stars.", values=("better", "worse")),
        Column("gap", "DOUBLE", "How far the words are from the stars, one star being 0.5.", minimum=0),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
)

ALERTS = Table(
    schema="sentiment",
    name="alerts",
    description=(
        "Whose rating or sentiment fell: the newest months against those before (seeds.review_alerts), by a permutation "
        "test on the number of reviews of each rating, or of each fifth of the scores. All that have reviews enough are "
        "here; an alert is what fell far enough, with a share of false ones among those as unlikely (Benjamini and "
        "Hochberg 1995, over all that are looked at in the month) below the shop's."
    ),
    grain="one row per as_of month, level, subject and measure with reviews enough now and before",
    columns=(
        Column("as_of", "DATE", "First day of the month at whose end it is looked at."),
        Column("level", "VARCHAR", "What fell.", values=("product", "category", "topic", "shop")),
        Column(
            "subject",
            "VARCHAR",
            "Which; 'all' of the shop. A category is that of products whose code tells it (seeds.categories), a topic that "
            "of the reviews it leads (topics.documents, of the newest as_of alone).",
        ),
        Column("measure", "VARCHAR", "Of what.", values=("rating", "sentiment")),
        Column("reviews", "BIGINT", "Reviews in the newest months.", unit="reviews", minimum=1),
        Column("reviews_before", "BIGINT", "Reviews before.", unit="reviews", minimum=1),
        Column("mean", "DOUBLE", "Mean stars, or mean of the middles of the fifths, now.", minimum=-1),
        Column("mean_before", "DOUBLE", "The same before.", minimum=-1),
        Column("fall", "DOUBLE", "By how much it fell; below 0 it rose."),
        Column("chance", "DOUBLE", "Probability of such a fall by chance.", minimum=0),
        Column(
            "false_share", "DOUBLE", "Share of false findings among those as unlikely or more.", minimum=0
        ),
        Column("is_alert", "BOOLEAN", "Whether somebody should look."),
    ),
    primary_key=("as_of", "level", "subject", "measure"),
    partition_column="as_of",
)

HELPFULNESS = Table(
    schema="sentiment",
    name="helpfulness",
    description=(
        "What makes a review helpful to those who vote on it: logistic regression of helpful votes on all features at "
        "once, over all reviews with votes up to then. Associations, not causes."
    ),
    grain="one row per as_of month with votes and feature",
    columns=(
        Column("as_of", "DATE", "First day of the month up to whose end reviews are looked at."),
        Column(
            "feature",
            "VARCHAR",
            "What the review is like.",
            values=("length", "stars", "distance", "sentiment", "strength", "verified", "title"),
        ),
        Column("one_more", "VARCHAR", "The step whose effect is told."),
        Column(
            "odds_ratio",
            "DOUBLE",
            "What one more multiplies the odds of a helpful vote with; null where verdict says why.",
            nullable=True,
            minimum=0,
        ),
        Column("odds_ratio_low", "DOUBLE", "Lower end of its 95 % interval.", nullable=True, minimum=0),
        Column("odds_ratio_high", "DOUBLE", "Upper end.", nullable=True, minimum=0),
        Column(
            "effect",
            "DOUBLE",
            "By how much one more raises the probability of a helpful vote, mean of all votes.",
            nullable=True,
        ),
        Column("reviews", "BIGINT", "Reviews with votes.", unit="reviews", minimum=1),
        Column("votes", "BIGINT", "Votes on them.", unit="votes", minimum=1),
        Column(
            "verdict",
            "VARCHAR",
            "More helpful, less helpful (sure at 5 % of all seven features together), no effect seen; or why nothing is told.",
        ),
    ),
    primary_key=("as_of", "feature"),
    partition_column="as_of",
    is_served=True,
)

REVIEWERS = Table(
    schema="sentiment",
    name="reviewers",
    description=(
        "Reviews that look planted, and who wrote them: nearly the same text (MinHash of runs of three words) by three "
        "people or more, or more reviews of a product within an hour than chance makes likely, with ratings far from the "
        "rest. A month is looked at together with the one before. A reason to look, no proof."
    ),
    grain="one row per review that looks planted",
    columns=(
        Column("month", "DATE", "First day of the month of the review."),
        Column("review_id", "VARCHAR", "Number of the review."),
        Column("product_id", "VARCHAR", "Product."),
        Column("customer_id", "VARCHAR", "Who wrote it.", nullable=True, personal=True),
        Column("rating", "TINYINT", "Stars, 1 to 5.", unit="stars", minimum=1),
        Column("campaign", "VARCHAR", "Number of the first of the reviews that belong together."),
        Column(
            "copies",
            "BIGINT",
            "Reviews with nearly the same text, itself among them; 0 if it is no copy.",
            unit="reviews",
            minimum=0,
        ),
        Column(
            "similarity",
            "DOUBLE",
            "Share of runs of three words that it has in common with the most alike of those; 0 if it is no copy.",
            minimum=0,
        ),
        Column(
            "in_hour",
            "BIGINT",
            "Reviews of the product within its hour (its day, where the source knows days alone); 0 if it is of no burst.",
            unit="reviews",
            minimum=0,
        ),
        Column(
            "hour_chance",
            "DOUBLE",
            "Probability of so many in any hour of the two months, by the product's other reviews.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "rating_chance",
            "DOUBLE",
            "Probability that so many of the product's other reviews (of the shop's, where there are less than 20) would "
            "have ratings as far from the rest.",
            nullable=True,
            minimum=0,
        ),
        Column("reason", "VARCHAR", "Why it is here.", values=("copies", "burst", "copies in a burst")),
    ),
    primary_key=("month", "review_id"),
    partition_column="month",
    sees={"core.reviews": Sees.PREVIOUS},
)

TOPICS = Table(
    schema="sentiment",
    name="topics",
    description=(
        "How customers speak of each product and category and of the shop, month by month, of all topics and of each "
        "(topics.documents). Categories are those of products whose code tells it (seeds.categories)."
    ),
    grain="one row per as_of month, month up to it, level, subject and topic with a scored review",
    columns=(
        Column("as_of", "DATE", "First day of the month at whose end it is seen."),
        Column("month", "DATE", "First day of the month of the reviews."),
        Column("level", "VARCHAR", "Of what.", values=("product", "category", "shop")),
        Column("subject", "VARCHAR", "Which; 'all' of the shop."),
        Column("topic_id", "VARCHAR", "Topic; 'all' for all of them together."),
        Column("reviews", "BIGINT", "Reviews with a score.", unit="reviews", minimum=1),
        Column("weight", "DOUBLE", "Sum of the topic's shares of them.", unit="reviews", minimum=0),
        Column("mean_rating", "DOUBLE", "Mean stars, each review by its share.", unit="stars", minimum=1),
        Column("mean_score", "DOUBLE", "Mean score, -1 to 1, likewise.", minimum=-1),
        Column("positive_share", "DOUBLE", "Share whose label is positive.", minimum=0),
        Column("negative_share", "DOUBLE", "Share whose label is negative.", minimum=0),
        Column(
            "is_learned",
            "BOOLEAN",
            "Whether all were scored with what ratings taught: scores of the lexicon alone have another scale.",
        ),
    ),
    primary_key=("as_of", "month", "level", "subject", "topic_id"),
    partition_column="as_of",
    is_served=True,
)
