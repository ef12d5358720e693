-- What was put right on the day of its sale, beside the rows of rivals: both come to what core has. Who answers for a day that
-- stands out in core's figures wants to be told of it.
SELECT
    series.grain,
    series.starts_on,
    CASE series.grain WHEN 'day' THEN series.name END AS country,
    CASE WHEN series.grain <> 'day' THEN series.name END AS product_id,
    series.corrected_orders AS orders,
    series.corrected_amount AS amount
FROM forecasts.series AS series
WHERE series.month < $end AND (series.corrected_orders > 0 OR series.corrected_amount > 0)
