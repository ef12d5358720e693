-- Days with a sale, units by product and part of a week, stock-outs, counts of the stock, and categories.
WITH settings AS (
    SELECT max(dead_days) AS dead_days
    FROM seeds.ordering
),

rows_of AS (
    SELECT
        'day' AS what,
        day,
        CAST(NULL AS DATE) AS last_day,
        CAST(NULL AS DATE) AS month,
        CAST(NULL AS DATE) AS week,
        CAST(NULL AS VARCHAR) AS product_id,
        CAST(NULL AS VARCHAR) AS category,
        CAST(NULL AS DOUBLE) AS units,
        CAST(NULL AS BIGINT) AS returned_units,
        CAST(NULL AS DECIMAL(18, 4)) AS amount
    FROM core.sales_days
    WHERE month < $end AND orders > 0
    GROUP BY day
    UNION ALL
    SELECT
        'sold' AS what, NULL AS day, NULL AS last_day, month, week, product_id, NULL AS category,
        CAST(units AS DOUBLE) AS units, CAST(returned_units AS BIGINT) AS returned_units,
        amount - returned_amount AS amount
    FROM core.product_weeks
    WHERE month < $end AND is_goods
    UNION ALL
    SELECT
        'out' AS what, first_day AS day, last_day, NULL AS month, NULL AS week, upper(product_id) AS product_id,
        NULL AS category, NULL AS units, NULL AS returned_units, NULL AS amount
    FROM seeds.stockouts
    WHERE first_day < $end
    UNION ALL
    SELECT
        'stock' AS what, counted_on AS day, NULL AS last_day, NULL AS month, NULL AS week, upper(product_id) AS product_id,
        NULL AS category, CAST(on_hand AS DOUBLE) AS units, NULL AS returned_units, NULL AS amount
    FROM seeds.stock
    WHERE counted_on < $end
    UNION ALL
    SELECT
        'category' AS what, NULL AS day, NULL AS last_day, month, NULL AS week, product_id, category,
        NULL AS units, NULL AS returned_units, NULL AS amount
    FROM core.product_months
    WHERE month < $end AND amount > 0
)

SELECT
    rows_of.what,
    rows_of.day,
    rows_of.last_day,
    rows_of.month,
    rows_of.week,
    rows_of.product_id,
    rows_of.category,
    rows_of.units,
    rows_of.returned_units,
    rows_of.amount,
    settings.dead_days
FROM rows_of
CROSS JOIN settings
