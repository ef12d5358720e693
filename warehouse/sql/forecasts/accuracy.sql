-- Each forecast whose step came to its end since the as_of before, beside what came.
-- Where what is known of an as_of ends is where its own forecasts begin.
WITH ends AS (
    SELECT as_of, min(starts_on) AS first_ahead
    FROM forecasts.sales
    WHERE as_of < $end AND grain = 'day' AND step = 1
    GROUP BY as_of
),

spans AS (
    SELECT
        as_of,
        first_ahead,
        coalesce(
            max(first_ahead) OVER (ORDER BY as_of ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), DATE '0001-01-01'
        ) AS first_ahead_before
    FROM ends
),

foretold AS (
    SELECT
        spans.as_of,
        sales.as_of AS origin,
        sales.grain,
        sales.measure,
        sales.level,
        sales.series,
        sales.starts_on,
        sales.step,
        sales.model,
        sales.mean,
        sales.lo_80,
        sales.hi_80,
        sales.lo_95,
        sales.hi_95
    FROM forecasts.sales AS sales
    INNER JOIN spans
        ON
            sales.as_of < spans.as_of
            AND CASE sales.grain
                WHEN 'day' THEN sales.starts_on
                WHEN 'week' THEN sales.starts_on + 6
                ELSE last_day(sales.starts_on)
            END BETWEEN spans.first_ahead_before AND spans.first_ahead - 1
    WHERE spans.as_of >= $start AND spans.as_of < $end AND sales.as_of < $end AND NOT sales.is_rest
),

series AS (
    SELECT grain, starts_on, name, orders, amount
    FROM forecasts.series
    WHERE month < $end
),

-- The first that a product had.
categories AS (
    SELECT name, arg_min(category, month) AS category
    FROM forecasts.series
    WHERE month < $end AND grain = 'month'
    GROUP BY name
),

days AS (
    SELECT 'day' AS grain, starts_on, name AS country, orders, amount
    FROM series
    WHERE grain = 'day'
    UNION ALL
    SELECT 'week' AS grain, CAST(date_trunc('week', starts_on) AS DATE) AS starts_on, name AS country, orders, amount
    FROM series
    WHERE grain = 'day'
    UNION ALL
    SELECT 'month' AS grain, CAST(date_trunc('month', starts_on) AS DATE) AS starts_on, name AS country, orders, amount
    FROM series
    WHERE grain = 'day'
),

products AS (
    SELECT series.grain, series.starts_on, series.name AS product_id, categories.category, series.amount
    FROM series
    INNER JOIN categories USING (name)
    WHERE series.grain <> 'day'
),

parts AS (
    SELECT grain, starts_on, 'amount' AS measure, 'country' AS level, country AS series, amount AS value
    FROM days
    UNION ALL
    SELECT grain, starts_on, 'amount' AS measure, 'total' AS level, 'All' AS series, amount AS value
    FROM days
    UNION ALL
    SELECT grain, starts_on, 'orders' AS measure, 'country' AS level, country AS series, orders AS value
    FROM days
    UNION ALL
    SELECT grain, starts_on, 'orders' AS measure, 'total' AS level, 'All' AS series, orders AS value
    FROM days
    UNION ALL
    SELECT grain, starts_on, 'amount' AS measure, 'product' AS level, product_id AS series, amount AS value
    FROM products
    UNION ALL
    SELECT grain, starts_on, 'amount' AS measure, 'category' AS level, category AS series, amount AS value
    FROM products
),

actual AS (
    SELECT grain, starts_on, measure, level, series, sum(value) AS value
    FROM parts
    GROUP BY grain, starts_on, measure, level, series
)

SELECT
    foretold.as_of,
    foretold.origin,
    foretold.grain,
    foretold.measure,
    foretold.level,
    foretold.series,
    foretold.starts_on,
    foretold.step,
    foretold.model,
    foretold.mean,
    coalesce(actual.value, 0) AS actual,
    foretold.mean - coalesce(actual.value, 0) AS error,
    coalesce(actual.value, 0) BETWEEN foretold.lo_80 AND foretold.hi_80 AS is_held_80,
    coalesce(actual.value, 0) BETWEEN foretold.lo_95 AND foretold.hi_95 AS is_held_95
FROM foretold
LEFT JOIN actual USING (grain, measure, level, series, starts_on)
