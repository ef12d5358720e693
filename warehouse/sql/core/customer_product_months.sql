-- What each known customer bought and returned of a product in a month.
WITH lines AS (
    SELECT month, customer_id, product_id, invoice_id, sold_at, quantity, amount, kind, is_goods, category
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND customer_id IS NOT NULL AND kind IN ('sale', 'return')
)

SELECT
    month,
    customer_id,
    product_id,
    bool_and(is_goods) AS is_goods,
    coalesce(min(category) FILTER (kind = 'sale'), min(category)) AS category,
    count(DISTINCT invoice_id) FILTER (kind = 'sale') AS orders,
    coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
    coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
    coalesce(-sum(quantity) FILTER (kind = 'return'), 0) AS returned_units,
    coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount,
    min(sold_at) FILTER (kind = 'sale') AS first_sold_at,
    max(sold_at) FILTER (kind = 'sale') AS last_sold_at
FROM lines
GROUP BY month, customer_id, product_id
