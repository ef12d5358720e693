-- What was written in each month and the one before, by whom and when.
SELECT
    month,
    review_id,
    product_id,
    customer_id,
    rating,
    reviewed_at,
    left(coalesce(text, ''), 10000) AS written
FROM core.reviews
WHERE month >= CAST($start AS DATE) - INTERVAL 1 MONTH AND month < $end
