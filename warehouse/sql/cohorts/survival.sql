-- The days on which customers bought, and those on which anyone did; from when on beginnings are known.
WITH known AS (
    SELECT
        CAST(min(days.month) + to_months(any_value(thresholds.left_truncated_months)) AS DATE) AS known_from,
        any_value(survival.lapse_days) AS lapse_days
    FROM core.sales_days AS days
    CROSS JOIN seeds.thresholds
    CROSS JOIN seeds.survival
    WHERE days.month < $end
),

days AS (
    SELECT customer_id, day, units, amount
    FROM core.customer_days
    WHERE month < $end
    UNION ALL
    SELECT DISTINCT CAST(NULL AS VARCHAR) AS customer_id, day, 0 AS units, 0 AS amount
    FROM core.sales_days
    WHERE month < $end AND orders > 0
)

SELECT days.customer_id, days.day, days.units, days.amount, known.known_from, known.lapse_days
FROM days
CROSS JOIN known
