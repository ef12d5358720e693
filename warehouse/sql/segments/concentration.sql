-- How much of the amount the best customers bring.
WITH customers AS (
    SELECT as_of, monetary, row_number() OVER (PARTITION BY as_of ORDER BY monetary DESC) AS place
    FROM segments.rfm
    WHERE as_of >= $start AND as_of < $end
),

totals AS (
    SELECT as_of, count(place) AS customers, sum(monetary) AS amount
    FROM customers
    GROUP BY as_of
),

-- In whole numbers: in floats 0.01 x 700 is a little above 7, and would be eight customers.
tops AS (
    SELECT as_of, amount, percent, (customers * percent + 99) // 100 AS customers
    FROM totals
    CROSS JOIN (VALUES (1), (10), (20)) AS percents (percent)
)

SELECT
    tops.as_of,
    tops.percent / 100 AS top_share,
    tops.customers,
    sum(customers.monetary) AS amount,
    round(sum(customers.monetary) / nullif(tops.amount, 0), 6) AS amount_share
FROM tops
INNER JOIN customers ON tops.as_of = customers.as_of AND tops.customers >= customers.place
GROUP BY tops.as_of, tops.percent, tops.customers, tops.amount
