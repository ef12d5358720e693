-- Sales of days by country, and of weeks and months by product, with the country whose holidays are looked for.
WITH settings AS (
    SELECT max(holiday_country) AS holiday_country
    FROM seeds.forecasting
),

series AS (
    SELECT
        'day' AS grain,
        day AS starts_on,
        country,
        CAST(NULL AS VARCHAR) AS product_id,
        CAST(NULL AS VARCHAR) AS category,
        orders,
        amount
    FROM core.sales_days
    WHERE month < $end
    UNION ALL
    SELECT
        'week' AS grain,
        week AS starts_on,
        NULL AS country,
        product_id,
        NULL AS category,
        NULL AS orders,
        amount
    FROM core.product_weeks
    WHERE month < $end AND amount > 0
    UNION ALL
    SELECT
        'month' AS grain,
        month AS starts_on,
        NULL AS country,
        product_id,
        category,
        NULL AS orders,
        amount
    FROM core.product_months
    WHERE month < $end AND amount > 0
)

SELECT
    series.grain,
    series.starts_on,
    series.country,
    series.product_id,
    series.category,
    series.orders,
    series.amount,
    settings.holiday_country
FROM series
CROSS JOIN settings
