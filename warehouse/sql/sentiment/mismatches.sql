-- Reviews whose words say the opposite of their stars.
WITH scored AS (
    SELECT month, review_id, product_id, rating, score
    FROM sentiment.reviews
    WHERE month >= $start AND month < $end AND score IS NOT NULL
),

-- Five stars are 1, three are 0, one is -1.
held AS (
    SELECT
        month,
        review_id,
        product_id,
        rating,
        score,
        score - (rating - 3) / 2 AS gap
    FROM scored
)

SELECT
    month,
    review_id,
    product_id,
    rating,
    score,
    CASE WHEN gap > 0 THEN 'better' ELSE 'worse' END AS words_are,
    round(abs(gap), 4) AS gap
FROM held
WHERE (rating >= 4 AND score <= -0.5) OR (rating <= 2 AND score >= 0.5)
