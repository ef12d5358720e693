-- How each month's reviews of every product, category and the shop speak, of all topics and of each. Decimals, whose sums have no order.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

scored AS (
    SELECT
        month,
        review_id,
        product_id,
        rating,
        CAST(score AS DECIMAL(9, 4)) AS score,
        learned_as_of IS NOT NULL AS is_learned
    FROM sentiment.reviews
    WHERE month < $end AND score IS NOT NULL
),

-- Reviews do not describe their product: its code must tell the category.
categories AS (
    SELECT products.product_id, arg_min(seed.category, (seed.rank, seed.category)) AS category
    FROM (SELECT DISTINCT product_id FROM scored) AS products
    INNER JOIN seeds.categories AS seed
        ON seed.matches = 'product_id' AND products.product_id GLOB seed.pattern
    GROUP BY products.product_id
),

documents AS (
    SELECT as_of, month, review_id, topic_id, CAST(share AS DECIMAL(9, 6)) AS share
    FROM topics.documents
    WHERE as_of >= $start AND as_of < $end AND reason IS NULL AND share > 0
),

-- What each review is about, and how much of it: of all topics together, the whole.
about AS (
    SELECT as_ofs.as_of, scored.month, scored.review_id, 'all' AS topic_id, CAST(1 AS DECIMAL(9, 6)) AS share
    FROM as_ofs
    INNER JOIN scored ON scored.month <= as_ofs.as_of
    UNION ALL
    SELECT as_of, month, review_id, topic_id, share
    FROM documents
),

told AS (
    SELECT
        about.as_of,
        about.month,
        about.topic_id,
        about.share,
        scored.product_id,
        categories.category,
        scored.rating,
        scored.score,
        scored.is_learned
    FROM about
    INNER JOIN scored ON about.month = scored.month AND about.review_id = scored.review_id
    LEFT JOIN categories ON scored.product_id = categories.product_id
),

levels AS (
    SELECT as_of, month, topic_id, share, rating, score, is_learned, 'product' AS level, product_id AS subject
    FROM told
    UNION ALL
    SELECT as_of, month, topic_id, share, rating, score, is_learned, 'category' AS level, category AS subject
    FROM told
    WHERE category IS NOT NULL
    UNION ALL
    SELECT as_of, month, topic_id, share, rating, score, is_learned, 'shop' AS level, 'all' AS subject
    FROM told
)

SELECT
    as_of,
    month,
    level,
    subject,
    topic_id,
    count(score) AS reviews,
    round(sum(share), 4) AS weight,
    round(sum(share * rating) / sum(share), 4) AS mean_rating,
    round(sum(share * score) / sum(share), 4) AS mean_score,
    round(coalesce(sum(share) FILTER (score > 0.05), 0) / sum(share), 4) AS positive_share,
    round(coalesce(sum(share) FILTER (score < -0.05), 0) / sum(share), 4) AS negative_share,
    bool_and(is_learned) AS is_learned
FROM levels
GROUP BY as_of, month, level, subject, topic_id
