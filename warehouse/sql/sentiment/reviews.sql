-- The reviews to be scored, and the models that were learned before them: the newest before the first month, and
-- those between.
WITH reviews AS (
    SELECT month, review_id, product_id, rating, title, text, is_english
    FROM core.reviews
    WHERE month >= $start AND month < $end
),

lexicon AS (
    SELECT month, review_id, score
    FROM sentiment.lexicon
    WHERE month >= $start AND month < $end
),

models AS (
    SELECT as_of, intercept, lexicon_weight, words
    FROM sentiment.models
    WHERE as_of < $end AND is_used
),

first_needed AS (
    SELECT max(as_of) AS as_of
    FROM models
    WHERE as_of < $start
)

SELECT
    reviews.month,
    reviews.review_id,
    reviews.product_id,
    reviews.rating,
    reviews.is_english,
    left(concat_ws('. ', reviews.title, reviews.text), 10000) AS written,
    lexicon.score AS lexicon,
    NULL AS as_of,
    NULL AS intercept,
    NULL AS lexicon_weight,
    NULL AS words
FROM reviews
LEFT JOIN lexicon ON reviews.month = lexicon.month AND reviews.review_id = lexicon.review_id
UNION ALL
SELECT
    NULL AS month,
    NULL AS review_id,
    NULL AS product_id,
    NULL AS rating,
    NULL AS is_english,
    NULL AS written,
    NULL AS lexicon,
    models.as_of,
    models.intercept,
    models.lexicon_weight,
    models.words
FROM models
CROSS JOIN first_needed
WHERE models.as_of >= coalesce(first_needed.as_of, models.as_of)
