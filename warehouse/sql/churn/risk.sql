-- The days on which customers bought, and those on which anyone did: a day without known customers is past too.
WITH days AS (
    SELECT customer_id, day, units, amount
    FROM core.customer_days
    WHERE month < $end
    UNION ALL
    SELECT DISTINCT CAST(NULL AS VARCHAR) AS customer_id, day, 0 AS units, 0 AS amount
    FROM core.sales_days
    WHERE month < $end AND orders > 0
)

SELECT days.customer_id, days.day, days.units, days.amount, settings.horizon_days
FROM days
CROSS JOIN seeds.churn AS settings
