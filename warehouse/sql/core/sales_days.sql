-- Sales and returns of a day in a country, guests included.
WITH lines AS (
    SELECT month, CAST(sold_at AS DATE) AS day, country, invoice_id, quantity, amount, kind
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND kind IN ('sale', 'return')
)

SELECT
    month,
    day,
    country,
    count(DISTINCT invoice_id) FILTER (kind = 'sale') AS orders,
    coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
    coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
    coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount
FROM lines
GROUP BY month, day, country
