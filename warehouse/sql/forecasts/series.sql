-- Sales of days by country, and of weeks and months by product: what forecasts are made from.
SELECT
    month,
    'day' AS grain,
    day AS starts_on,
    country AS name,
    CAST(NULL AS VARCHAR) AS category,
    orders,
    amount
FROM core.sales_days
WHERE month >= $start AND month < $end
UNION ALL
SELECT
    month,
    'week' AS grain,
    week AS starts_on,
    product_id AS name,
    NULL AS category,
    NULL AS orders,
    amount
FROM core.product_weeks
WHERE month >= $start AND month < $end
UNION ALL
SELECT
    month,
    'month' AS grain,
    month AS starts_on,
    product_id AS name,
    category,
    NULL AS orders,
    amount
FROM core.product_months
WHERE month >= $start AND month < $end
