-- What was paid for goods below the wholesale quantity, by day.
WITH sales AS (
    SELECT
        month,
        CAST(sold_at AS DATE) AS day,
        product_id,
        unit_price,
        quantity,
        is_goods,
        sum(quantity) OVER (PARTITION BY month, invoice_id) AS invoice_units
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND kind = 'sale'
)

SELECT
    month,
    day,
    product_id,
    unit_price,
    count(quantity) AS lines,
    count(quantity) FILTER (invoice_units < (SELECT wholesale_quantity FROM seeds.thresholds)) AS small_lines,
    sum(quantity) AS units
FROM sales
WHERE is_goods AND quantity < (SELECT wholesale_quantity FROM seeds.thresholds)
GROUP BY month, day, product_id, unit_price
