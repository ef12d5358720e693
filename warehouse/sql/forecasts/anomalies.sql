-- Every series so far, with the country whose holidays are looked for; and events. As core has it, what was put right the same
-- day included: who answers for a day that stands out in core's figures wants to be told of it.
SELECT
    series.grain,
    series.starts_on,
    CASE series.grain WHEN 'day' THEN series.name END AS country,
    CASE WHEN series.grain <> 'day' THEN series.name END AS product_id,
    series.category,
    series.orders + series.corrected_orders AS orders,
    series.amount + series.corrected_amount AS amount,
    settings.holiday_country
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
