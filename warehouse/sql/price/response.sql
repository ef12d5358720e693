-- What was paid by day, when products were out of stock, and of which category they are.
SELECT
    'paid' AS what,
    day,
    CAST(NULL AS DATE) AS last_day,
    product_id,
    CAST(NULL AS VARCHAR) AS category,
    unit_price,
    lines,
    small_lines,
    units
FROM price.daily_prices
WHERE month < $end
UNION ALL
SELECT
    'out' AS what,
    first_day AS day,
    last_day,
    upper(product_id) AS product_id,
    NULL AS category,
    NULL AS unit_price,
    NULL AS lines,
    NULL AS small_lines,
    NULL AS units
FROM seeds.stockouts
WHERE first_day < $end
UNION ALL
SELECT
    'category' AS what,
    month AS day,
    NULL AS last_day,
    product_id,
    category,
    NULL AS unit_price,
    NULL AS lines,
    NULL AS small_lines,
    NULL AS units
FROM core.product_months
WHERE month < $end AND amount > 0
