-- The days on which customers bought, and those on which anyone did; and what churn.risk foretold.
WITH days AS (
    SELECT customer_id, day
    FROM core.customer_days
    WHERE month < $end
    UNION ALL
    SELECT DISTINCT CAST(NULL AS VARCHAR) AS customer_id, day
    FROM core.sales_days
    WHERE month < $end AND orders > 0
),

-- No forecast is judged that is older than the one whose horizon had passed by the first as_of asked for.
oldest AS (
    SELECT CAST(date_trunc('month', max(days.day) - any_value(settings.horizon_days)) - INTERVAL 1 MONTH AS DATE) AS origin
    FROM core.sales_days AS days
    CROSS JOIN seeds.churn AS settings
    WHERE days.month <= $start AND days.orders > 0
),

answers AS (
    SELECT risk.as_of AS origin, risk.customer_id, risk.probability, risk.plain_probability, risk.model
    FROM churn.risk
    CROSS JOIN oldest
    WHERE risk.as_of < $end AND risk.as_of >= oldest.origin AND risk.model IS NOT NULL
),

given AS (
    SELECT
        customer_id,
        day,
        CAST(NULL AS DATE) AS origin,
        CAST(NULL AS DOUBLE) AS probability,
        CAST(NULL AS DOUBLE) AS plain_probability,
        CAST(NULL AS VARCHAR) AS model
    FROM days
    UNION ALL
    SELECT customer_id, CAST(NULL AS DATE) AS day, origin, probability, plain_probability, model
    FROM answers
)

SELECT
    given.customer_id,
    given.day,
    given.origin,
    given.probability,
    given.plain_probability,
    given.model,
    settings.horizon_days
FROM given
CROSS JOIN seeds.churn AS settings
