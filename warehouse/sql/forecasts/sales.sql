-- Every series so far, with the country whose holidays are looked for; what models said; events.
SELECT
    series.grain,
    series.starts_on,
    CASE series.grain WHEN 'day' THEN series.name END AS country,
    CASE WHEN series.grain <> 'day' THEN series.name END AS product_id,
    series.category,
    series.orders,
    series.amount,
    settings.holiday_country
FROM forecasts.series AS series
CROSS JOIN seeds.forecasting AS settings
WHERE series.month < $end
UNION ALL BY NAME
SELECT
    rivals.as_of,
    rivals.grain,
    rivals.measure,
    rivals.level,
    rivals.series,
    rivals.model,
    rivals.starts_on,
    rivals.step,
    rivals.mean
FROM forecasts.rivals AS rivals
WHERE rivals.as_of < $end AND rivals.mean IS NOT NULL
UNION ALL BY NAME
SELECT
    said.as_of,
    said.digest,
    said.means,
    said.sigma
FROM forecasts.said AS said
-- Two years of origins, and three months before one that is judged.
WHERE said.as_of < $end AND said.as_of >= $start - INTERVAL 27 MONTH
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
