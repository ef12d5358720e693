-- The reviews that topics are learned from: drawn by a hash of their ids, all different.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- Ids alone are sorted: the words of a million reviews would be carried through it.
known AS (
    SELECT month, review_id, md5(review_id) AS lot
    FROM topics.words
    WHERE month < $end AND len(words) >= 3
),

-- Twice as many as are wanted: copies are left out of them.
drawn AS (
    SELECT as_ofs.as_of, known.month, known.review_id, known.lot
    FROM as_ofs
    INNER JOIN known ON known.month <= as_ofs.as_of
    QUALIFY
        row_number() OVER (PARTITION BY as_ofs.as_of ORDER BY known.lot, known.month, known.review_id)
        <= (SELECT 2 * max(learned_reviews) FROM seeds.topics)
),

different AS (
    SELECT drawn.as_of, drawn.month, drawn.review_id, drawn.lot
    FROM drawn
    INNER JOIN topics.words AS words ON drawn.month = words.month AND drawn.review_id = words.review_id
    WHERE words.month < $end
    QUALIFY
        row_number() OVER (
            PARTITION BY drawn.as_of, words.words ORDER BY drawn.lot, drawn.month, drawn.review_id
        ) = 1
),

numbered AS (
    SELECT
        as_of,
        month,
        review_id,
        row_number() OVER (PARTITION BY as_of ORDER BY lot, month, review_id) AS place
    FROM different
)

SELECT as_of, month, review_id, place
FROM numbered
WHERE place <= (SELECT max(learned_reviews) FROM seeds.topics)
