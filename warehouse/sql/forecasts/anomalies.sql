-- Every series so far, with the country whose holidays are looked for.
SELECT
    series.grain,
    series.starts_on,
    series.country,
    series.product_id,
    series.category,
    series.orders,
    series.amount,
    settings.holiday_country
FROM forecasts.series AS series
CROSS JOIN seeds.forecasting AS settings
WHERE series.month < $end
