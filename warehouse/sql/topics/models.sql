-- What topics are sought in, what was chosen last, and how many are wanted.
WITH learned AS (
    SELECT drawn.place, words.words
    FROM topics.learned AS drawn
    INNER JOIN topics.words AS words ON drawn.month = words.month AND drawn.review_id = words.review_id
    WHERE drawn.as_of >= $start AND drawn.as_of < $end AND words.month < $end
),

last AS (
    SELECT *
    FROM topics.models
    WHERE as_of = (SELECT max(as_of) FROM topics.models WHERE as_of < $start)
),

-- Months that are asked for one by one, as a chain is.
shop AS (
    SELECT
        least_reviews,
        least_topics,
        most_topics,
        search_months,
        (SELECT count(*) FROM topics.words WHERE month < $end) AS reviews
    FROM seeds.topics
)

SELECT CAST($start AS DATE) AS as_of, 'shop' AS kind, *
FROM shop
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'review' AS kind, *
FROM learned
UNION ALL BY NAME
SELECT CAST($start AS DATE) AS as_of, 'before' AS kind, * EXCLUDE (as_of)
FROM last
