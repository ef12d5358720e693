-- How customers moved between segments since the month before.
-- A date and no timestamp is compared: files are pruned by it.
WITH rfm AS (
    SELECT as_of, customer_id, segment, monetary
    FROM segments.rfm
    WHERE as_of >= CAST(CAST($start AS DATE) - INTERVAL 1 MONTH AS DATE) AND as_of < $end
),

-- Without segments of its own (it stands refused, or had no sale yet) a month has no moves.
as_ofs AS (
    SELECT DISTINCT as_of
    FROM rfm
    WHERE as_of >= $start
),

before AS (
    SELECT as_ofs.as_of, rfm.customer_id, rfm.segment, rfm.monetary
    FROM as_ofs
    INNER JOIN rfm ON rfm.as_of = as_ofs.as_of - INTERVAL 1 MONTH
),

after AS (
    SELECT as_of, customer_id, segment, monetary
    FROM rfm
    WHERE as_of >= $start
),

moves AS (
    SELECT
        as_of,
        customer_id,
        coalesce(before.segment, 'None') AS from_segment,
        coalesce(after.segment, 'None') AS to_segment,
        coalesce(before.monetary, 0) AS monetary_before,
        coalesce(after.monetary, 0) AS monetary
    FROM before
    FULL JOIN after USING (as_of, customer_id)
)

SELECT
    as_of,
    from_segment,
    to_segment,
    count(customer_id) AS customers,
    sum(monetary) AS amount,
    sum(monetary) - sum(monetary_before) AS month_amount
FROM moves
GROUP BY as_of, from_segment, to_segment
