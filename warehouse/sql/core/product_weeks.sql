-- What was sold and returned of each product in a week, or in the part of it that lies in the month.
WITH lines AS (
    SELECT
        month,
        CAST(date_trunc('week', sold_at) AS DATE) AS week,
        product_id,
        invoice_id,
        quantity,
        amount,
        kind,
        is_goods,
        kind = 'sale' AND quantity < (SELECT wholesale_quantity FROM seeds.thresholds) AS is_retail
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND kind IN ('sale', 'return')
)

SELECT
    month,
    week,
    product_id,
    bool_and(is_goods) AS is_goods,
    least(week + 7, CAST(month + INTERVAL 1 MONTH AS DATE)) - greatest(week, month) AS days,
    count(DISTINCT invoice_id) FILTER (kind = 'sale') AS orders,
    coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
    coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
    coalesce(sum(quantity) FILTER (is_retail), 0) AS retail_units,
    coalesce(sum(amount) FILTER (is_retail), 0) AS retail_amount,
    coalesce(-sum(quantity) FILTER (kind = 'return'), 0) AS returned_units,
    coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount
FROM lines
GROUP BY month, week, product_id
