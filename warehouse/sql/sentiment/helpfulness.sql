-- Every review that was voted on, and what it is like.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

voted AS (
    SELECT month, review_id, product_id, rating, helpful_votes, total_votes, is_verified, title
    FROM core.reviews
    WHERE month < $end AND total_votes > 0 AND helpful_votes <= total_votes
),

products AS (
    SELECT as_ofs.as_of, reviews.product_id, avg(reviews.rating) AS mean_rating
    FROM as_ofs
    INNER JOIN core.reviews ON reviews.month <= as_ofs.as_of
    WHERE reviews.month < $end
    GROUP BY as_ofs.as_of, reviews.product_id
),

scored AS (
    SELECT reviews.month, reviews.review_id, reviews.score, lexicon.words
    FROM sentiment.reviews
    INNER JOIN sentiment.lexicon ON reviews.month = lexicon.month AND reviews.review_id = lexicon.review_id
    WHERE reviews.month < $end AND lexicon.month < $end AND lexicon.words > 0
)

SELECT
    as_ofs.as_of,
    voted.month,
    voted.review_id,
    voted.helpful_votes,
    voted.total_votes,
    scored.words,
    CAST(voted.rating AS DOUBLE) AS rating,
    abs(voted.rating - products.mean_rating) AS distance,
    scored.score,
    CAST(voted.is_verified AS DOUBLE) AS is_verified,
    CAST(voted.title IS NOT NULL AS DOUBLE) AS has_title
FROM as_ofs
INNER JOIN voted ON voted.month <= as_ofs.as_of
INNER JOIN products ON as_ofs.as_of = products.as_of AND voted.product_id = products.product_id
INNER JOIN scored ON voted.month = scored.month AND voted.review_id = scored.review_id
