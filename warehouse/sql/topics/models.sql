-- What topics are sought in, what was chosen last, and how many are wanted.
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

last AS (
    SELECT *
    FROM topics.models
    WHERE as_of = (SELECT max(as_of) FROM topics.models WHERE as_of < $start)
),

-- Months that are asked for one by one, as a chain is.
shop AS (
    SELECT least_reviews, least_topics, most_topics, search_months, count(words.review_id) AS reviews
    FROM seeds.topics
    LEFT JOIN topics.words AS words ON words.month < $end
    GROUP BY ALL
)

SELECT CAST($start AS DATE) AS as_of, 'shop' AS kind, *
FROM shop
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'review' AS kind, *
FROM learned
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'before' AS kind, * EXCLUDE (as_of)
FROM last
