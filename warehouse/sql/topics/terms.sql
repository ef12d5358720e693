-- The terms that tell most of each topic.
WITH fits AS (
    SELECT as_of, topic_id, share, terms, weights
    FROM topics.fits
    WHERE as_of >= $start AND as_of < $end AND state <> 'ended'
),

weighed AS (
    SELECT as_of, topic_id, share, unnest(terms) AS term, unnest(weights) AS weight
    FROM fits
),

-- How much of all topics together: to eight digits, so that the order of the sum changes nothing.
overall AS (
    SELECT
        as_of,
        topic_id,
        term,
        weight,
        CAST(sum(CAST(share * weight AS DECIMAL(18, 10))) OVER (PARTITION BY as_of, term) AS DOUBLE) AS shop_weight
    FROM weighed
),

told AS (
    SELECT
        as_of,
        topic_id,
        term,
        weight,
        shop_weight,
        -- Relevance of Sievert and Shirley (2014), lambda 0.6.
        round(0.6 * ln(weight) + 0.4 * ln(weight / shop_weight), 6) AS relevance
    FROM overall
    WHERE weight > 0 AND shop_weight > 0
),

ranked AS (
    SELECT
        as_of,
        topic_id,
        term,
        weight,
        shop_weight,
        relevance,
        row_number() OVER (PARTITION BY as_of, topic_id ORDER BY relevance DESC, weight DESC, term) AS rank
    FROM told
)

SELECT
    as_of,
    topic_id,
    rank,
    term,
    round(weight, 6) AS weight,
    round(weight / shop_weight, 4) AS lift,
    relevance
FROM ranked
WHERE rank <= 20
