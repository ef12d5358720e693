-- One row per known customer and month of activity: the state that every later analytic reads.
WITH lines AS (
    SELECT month, customer_id, invoice_id, line, sold_at, quantity, amount, country, kind
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND customer_id IS NOT NULL AND kind IN ('sale', 'return')
)

SELECT
    month,
    customer_id,
    arg_max(country, (sold_at, invoice_id, line)) AS country,
    count(DISTINCT invoice_id) FILTER (kind = 'sale') AS orders,
    coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
    coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
    coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount,
    min(sold_at) FILTER (kind = 'sale') AS first_sold_at,
    max(sold_at) FILTER (kind = 'sale') AS last_sold_at
FROM lines
GROUP BY month, customer_id
