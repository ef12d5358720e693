-- Sums over the reviews of each month, for every topic of the as_of.
WITH topics AS (
    SELECT as_of, topic_id
    FROM topics.fits
    WHERE as_of >= $start AND as_of < $end AND state <> 'ended'
),

documents AS (
    SELECT as_of, month, review_id, topic_id, CAST(share AS DECIMAL(9, 4)) AS share, is_leading
    FROM topics.documents
    WHERE as_of >= $start AND as_of < $end AND topic_id <> 'None'
),

reviews AS (
    SELECT month, review_id, rating
    FROM core.reviews
    WHERE month < $end
),

months AS (
    SELECT as_of, month, count(DISTINCT review_id) AS reviews
    FROM documents
    GROUP BY as_of, month
),

parts AS (
    SELECT
        documents.as_of,
        documents.month,
        documents.topic_id,
        count(*) FILTER (documents.is_leading) AS led_reviews,
        sum(documents.share) AS shares,
        sum(documents.share * documents.share) AS square_shares,
        sum(documents.share * reviews.rating) AS stars
    FROM documents
    INNER JOIN reviews ON documents.month = reviews.month AND documents.review_id = reviews.review_id
    GROUP BY documents.as_of, documents.month, documents.topic_id
)

SELECT
    topics.as_of,
    months.month,
    topics.topic_id,
    months.reviews,
    coalesce(parts.led_reviews, 0) AS led_reviews,
    coalesce(parts.shares, 0) AS shares,
    coalesce(parts.square_shares, 0) AS square_shares,
    coalesce(parts.stars, 0) AS stars
FROM topics
INNER JOIN months USING (as_of)
LEFT JOIN parts
    ON topics.as_of = parts.as_of AND topics.topic_id = parts.topic_id AND months.month = parts.month
