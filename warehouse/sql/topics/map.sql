-- The reviews of which something can be told, drawn by a hash of their ids.
WITH documents AS (
    SELECT
        as_of,
        month,
        review_id,
        max(topic_id) FILTER (is_leading) AS topic_id
    FROM topics.documents
    WHERE as_of >= $start AND as_of < $end AND topic_id <> 'None'
    GROUP BY as_of, month, review_id
),

drawn AS (
    SELECT
        documents.as_of,
        documents.month,
        documents.review_id,
        documents.topic_id,
        md5(documents.review_id) AS lot,
        wanted.mapped_reviews
    FROM documents
    CROSS JOIN seeds.topics AS wanted
    QUALIFY
        row_number() OVER (PARTITION BY documents.as_of ORDER BY lot, documents.month, documents.review_id)
        <= least(wanted.mapped_reviews, 5000)
),

reviews AS (
    SELECT month, review_id, rating
    FROM core.reviews
    WHERE month < $end
),

words AS (
    SELECT month, review_id, words
    FROM topics.words
    WHERE month < $end
),

spoken AS (
    SELECT month, review_id, score
    FROM sentiment.reviews
    WHERE month < $end
)

SELECT
    drawn.as_of,
    drawn.month,
    drawn.review_id,
    drawn.topic_id,
    drawn.lot,
    drawn.mapped_reviews,
    reviews.rating,
    spoken.score,
    words.words
FROM drawn
INNER JOIN reviews ON drawn.month = reviews.month AND drawn.review_id = reviews.review_id
INNER JOIN words ON drawn.month = words.month AND drawn.review_id = words.review_id
LEFT JOIN spoken ON drawn.month = spoken.month AND drawn.review_id = spoken.review_id
