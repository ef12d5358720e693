-- Every series so far, with the country whose holidays are looked for and the models that are asked for; and events.
SELECT
    series.grain,
    series.starts_on,
    CASE series.grain WHEN 'day' THEN series.name END AS country,
    CASE WHEN series.grain <> 'day' THEN series.name END AS product_id,
    series.category,
    series.orders,
    series.amount,
    settings.holiday_country,
    settings.library,
    settings.library_countries,
    CAST(NULL AS VARCHAR) AS event,
    CAST(NULL AS DATE) AS last_day
FROM forecasts.series AS series
CROSS JOIN seeds.forecasting AS settings
WHERE series.month < $end
UNION ALL
SELECT
    'event' AS grain,
    events.first_day AS starts_on,
    events.country,
    NULL AS product_id,
    NULL AS category,
    NULL AS orders,
    NULL AS amount,
    NULL AS holiday_country,
    NULL AS library,
    NULL AS library_countries,
    events.name AS event,
    events.last_day
FROM seeds.events AS events
