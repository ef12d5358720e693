-- Every series so far, with the country whose holidays are looked for; and what models of libraries said of some.
SELECT
    series.grain,
    series.starts_on,
    series.country,
    series.product_id,
    series.category,
    series.orders,
    series.amount,
    settings.holiday_country,
    CAST(NULL AS DATE) AS as_of,
    CAST(NULL AS VARCHAR) AS measure,
    CAST(NULL AS VARCHAR) AS level,
    CAST(NULL AS VARCHAR) AS series,
    CAST(NULL AS VARCHAR) AS model,
    CAST(NULL AS INTEGER) AS step,
    CAST(NULL AS DECIMAL(18, 4)) AS mean
FROM forecasts.series AS series
CROSS JOIN seeds.forecasting AS settings
WHERE series.month < $end
UNION ALL
SELECT
    rivals.grain,
    rivals.starts_on,
    NULL AS country,
    NULL AS product_id,
    NULL AS category,
    NULL AS orders,
    NULL AS amount,
    NULL AS holiday_country,
    rivals.as_of,
    rivals.measure,
    rivals.level,
    rivals.series,
    rivals.model,
    rivals.step,
    rivals.mean
FROM forecasts.rivals AS rivals
WHERE rivals.as_of < $end AND rivals.mean IS NOT NULL
