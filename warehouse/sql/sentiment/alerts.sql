-- How often each rating and each fifth of the sentiment was given, in the newest months and in those before, of every
-- product, category, topic (of the reviews that it leads) and the shop.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

settings AS (
    SELECT window_months, before_months, least_reviews, false_share, least_fall
    FROM seeds.review_alerts
),

-- What looks planted says nothing of the product.
planted AS (
    SELECT month, review_id
    FROM sentiment.reviewers
    WHERE month < $end
),

scored AS (
    SELECT
        reviews.month,
        reviews.review_id,
        reviews.product_id,
        reviews.rating,
        reviews.score,
        reviews.learned_as_of IS NOT NULL AS is_learned
    FROM sentiment.reviews
    CROSS JOIN settings
    WHERE
        reviews.month >= CAST($start AS DATE) - to_months(settings.window_months + settings.before_months)
        AND reviews.month < $end
        AND NOT EXISTS (
            SELECT 1
            FROM planted
            WHERE planted.month = reviews.month AND planted.review_id = reviews.review_id
        )
),

-- Reviews do not describe their product: its code must tell the category.
categories AS (
    SELECT products.product_id, arg_min(seed.category, (seed.rank, seed.category)) AS category
    FROM (SELECT DISTINCT product_id FROM scored) AS products
    INNER JOIN seeds.categories AS seed
        ON seed.matches = 'product_id' AND products.product_id GLOB seed.pattern
    GROUP BY products.product_id
),

-- What the lexicon alone says has another scale than what ratings taught: the two are never held against each other.
given AS (
    SELECT month, review_id, product_id, 'rating' AS measure, NULL AS is_learned, rating AS step
    FROM scored
    UNION ALL
    SELECT
        month,
        review_id,
        product_id,
        'sentiment' AS measure,
        is_learned,
        least(1 + floor((score + 1) * 2.5), 5) AS step
    FROM scored
    WHERE score IS NOT NULL
),

counted AS (
    SELECT given.month, given.measure, given.is_learned, given.step, given.product_id, categories.category, count(*) AS reviews
    FROM given
    LEFT JOIN categories ON given.product_id = categories.product_id
    GROUP BY given.month, given.measure, given.is_learned, given.step, given.product_id, categories.category
),

-- A review's topic is that of the as_of: others may have been found since.
topics_led AS (
    SELECT documents.as_of, given.month, given.measure, given.is_learned, given.step, documents.topic_id
    FROM topics.documents AS documents
    INNER JOIN given ON documents.month = given.month AND documents.review_id = given.review_id
    WHERE documents.as_of >= $start AND documents.as_of < $end AND documents.is_leading AND documents.reason IS NULL
),

levels AS (
    SELECT NULL AS as_of, month, measure, is_learned, step, reviews, 'product' AS level, product_id AS subject
    FROM counted
    UNION ALL
    SELECT NULL AS as_of, month, measure, is_learned, step, reviews, 'category' AS level, category AS subject
    FROM counted
    WHERE category IS NOT NULL
    UNION ALL
    SELECT NULL AS as_of, month, measure, is_learned, step, reviews, 'shop' AS level, 'all' AS subject
    FROM counted
    UNION ALL
    SELECT as_of, month, measure, is_learned, step, 1 AS reviews, 'topic' AS level, topic_id AS subject
    FROM topics_led
),

monthly AS (
    SELECT as_of, month, measure, is_learned, level, subject, step, sum(reviews) AS reviews
    FROM levels
    GROUP BY as_of, month, measure, is_learned, level, subject, step
),

scales AS (
    SELECT as_ofs.as_of, coalesce(bool_or(scored.is_learned), FALSE) AS is_learned
    FROM as_ofs
    CROSS JOIN settings
    LEFT JOIN scored
        ON scored.month <= as_ofs.as_of AND scored.month > as_ofs.as_of - to_months(settings.window_months)
    GROUP BY as_ofs.as_of
),

windows AS (
    SELECT
        as_ofs.as_of,
        monthly.measure,
        monthly.level,
        monthly.subject,
        monthly.step,
        coalesce(sum(monthly.reviews) FILTER (
            monthly.month > as_ofs.as_of - to_months(settings.window_months)
        ), 0) AS now,
        coalesce(sum(monthly.reviews) FILTER (
            monthly.month <= as_ofs.as_of - to_months(settings.window_months)
        ), 0) AS before
    FROM as_ofs
    CROSS JOIN settings
    INNER JOIN monthly
        ON
            coalesce(monthly.as_of, as_ofs.as_of) = as_ofs.as_of
            AND monthly.month <= as_ofs.as_of
            AND monthly.month > as_ofs.as_of - to_months(settings.window_months + settings.before_months)
    INNER JOIN scales
        ON scales.as_of = as_ofs.as_of AND scales.is_learned = coalesce(monthly.is_learned, scales.is_learned)
    GROUP BY as_ofs.as_of, monthly.measure, monthly.level, monthly.subject, monthly.step
),

histograms AS (
    SELECT
        as_of,
        measure,
        level,
        subject,
        sum(now) AS now,
        sum(before) AS before,
        coalesce(sum(now) FILTER (step = 1), 0) AS now_1,
        coalesce(sum(now) FILTER (step = 2), 0) AS now_2,
        coalesce(sum(now) FILTER (step = 3), 0) AS now_3,
        coalesce(sum(now) FILTER (step = 4), 0) AS now_4,
        coalesce(sum(now) FILTER (step = 5), 0) AS now_5,
        coalesce(sum(before) FILTER (step = 1), 0) AS before_1,
        coalesce(sum(before) FILTER (step = 2), 0) AS before_2,
        coalesce(sum(before) FILTER (step = 3), 0) AS before_3,
        coalesce(sum(before) FILTER (step = 4), 0) AS before_4,
        coalesce(sum(before) FILTER (step = 5), 0) AS before_5
    FROM windows
    GROUP BY as_of, measure, level, subject
)

SELECT
    histograms.as_of,
    histograms.measure,
    histograms.level,
    histograms.subject,
    CAST(histograms.now_1 AS BIGINT) AS now_1,
    CAST(histograms.now_2 AS BIGINT) AS now_2,
    CAST(histograms.now_3 AS BIGINT) AS now_3,
    CAST(histograms.now_4 AS BIGINT) AS now_4,
    CAST(histograms.now_5 AS BIGINT) AS now_5,
    CAST(histograms.before_1 AS BIGINT) AS before_1,
    CAST(histograms.before_2 AS BIGINT) AS before_2,
    CAST(histograms.before_3 AS BIGINT) AS before_3,
    CAST(histograms.before_4 AS BIGINT) AS before_4,
    CAST(histograms.before_5 AS BIGINT) AS before_5,
    settings.false_share,
    settings.least_fall
FROM histograms
CROSS JOIN settings
WHERE histograms.now >= settings.least_reviews AND histograms.before >= settings.least_reviews
