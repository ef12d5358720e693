-- What the chosen model is fitted to, and the model that it goes on from.
WITH known AS (
    SELECT month, review_id, words, md5(review_id) AS lot
    FROM topics.words
    WHERE month < $end AND len(words) >= 3
),

-- Twice as many as are wanted: copies are left out of them.
drawn AS (
    SELECT month, review_id, words, lot
    FROM known
    QUALIFY
        row_number() OVER (ORDER BY lot, month, review_id)
        <= (SELECT 2 * max(learned_reviews) FROM seeds.topics)
),

different AS (
    SELECT words, lot
    FROM drawn
    QUALIFY row_number() OVER (PARTITION BY words ORDER BY lot, month, review_id) = 1
),

learned AS (
    SELECT words, lot
    FROM different
    QUALIFY row_number() OVER (ORDER BY lot) <= (SELECT max(learned_reviews) FROM seeds.topics)
),

chosen AS (
    SELECT method, counted, has_phrases, topics
    FROM topics.models
    WHERE as_of >= $start AND as_of < $end AND is_chosen AND method <> 'none'
),

last AS (
    SELECT *
    FROM topics.fits
    WHERE as_of = (SELECT max(as_of) FROM topics.fits WHERE as_of < $start) AND state <> 'ended'
)

SELECT CAST($start AS DATE) AS as_of, 'chosen' AS kind, *
FROM chosen
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'review' AS kind, *
FROM learned
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'before' AS kind, as_of AS made_as_of, * EXCLUDE (as_of)
FROM last
