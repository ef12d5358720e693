-- What every table of forecasts reads: every series so far, with the country whose holidays are looked for and the models that
-- are asked for; and events.
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
    settings.library_countries
FROM forecasts.series AS series
CROSS JOIN seeds.forecasting AS settings
WHERE series.month < $end
UNION ALL BY NAME
SELECT
    'event' AS grain,
    events.first_day AS starts_on,
    events.last_day,
    events.country,
    events.category,
    events.name AS event,
    -- Other and Not goods are what seeds.categories does not name.
    events.category IS NULL OR events.category IN (SELECT category FROM seeds.categories)
    OR events.category IN ('Other', 'Not goods') AS is_known
FROM seeds.events AS events
