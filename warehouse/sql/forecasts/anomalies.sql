-- Every series so far, with the country whose holidays are looked for.
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
