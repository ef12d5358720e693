-- What the reviews of each product are about.
WITH documents AS (
    SELECT as_of, month, review_id, topic_id, CAST(share AS DECIMAL(9, 4)) AS share, is_leading
    FROM topics.documents
    WHERE as_of >= $start AND as_of < $end AND topic_id <> 'None'
),

reviews AS (
    SELECT month, review_id, product_id, rating
    FROM core.reviews
    WHERE month < $end
),

told AS (
    SELECT
        documents.as_of,
        reviews.product_id,
        documents.topic_id,
        documents.review_id,
        documents.month,
        documents.share,
        documents.is_leading,
        reviews.rating
    FROM documents
    INNER JOIN reviews ON documents.month = reviews.month AND documents.review_id = reviews.review_id
),

products AS (
    SELECT as_of, product_id, count(DISTINCT (month, review_id)) AS reviews
    FROM told
    GROUP BY as_of, product_id
),

parts AS (
    SELECT
        as_of,
        product_id,
        topic_id,
        sum(share) AS share,
        count(*) FILTER (is_leading) AS led_reviews,
        sum(share * rating) AS stars
    FROM told
    GROUP BY as_of, product_id, topic_id
)

SELECT
    parts.as_of,
    parts.product_id,
    parts.topic_id,
    products.reviews,
    parts.led_reviews,
    round(parts.share / products.reviews, 6) AS share,
    round(parts.stars / parts.share, 4) AS mean_rating
FROM parts
INNER JOIN products USING (as_of, product_id)
