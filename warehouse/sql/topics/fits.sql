-- What the chosen model is fitted to, and the model that it goes on from.
WITH learned AS (
    SELECT drawn.place, words.words
    FROM topics.learned AS drawn
    INNER JOIN topics.words AS words ON drawn.month = words.month AND drawn.review_id = words.review_id
    WHERE drawn.as_of >= $start AND drawn.as_of < $end AND words.month < $end
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
