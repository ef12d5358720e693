-- The change of each product's amount since the month before, by what it comes from; all effects are exact and add up.
WITH sold AS (
    SELECT
        month,
        product_id,
        category,
        units,
        amount,
        coalesce(usual_price, CAST(round(amount / units, 4) AS DECIMAL(18, 4))) AS price
    FROM core.product_months
    WHERE month >= CAST($start AS DATE) - INTERVAL 1 MONTH AND month < $end AND units > 0
),

totals AS (
    SELECT month, CAST(round(sum(units * price) / sum(units), 4) AS DECIMAL(18, 4)) AS mean_price
    FROM sold
    GROUP BY month
),

pairs AS (
    SELECT month, product_id
    FROM sold
    UNION
    SELECT CAST(month + INTERVAL 1 MONTH AS DATE) AS month, product_id
    FROM sold
),

-- Where a product was not sold its price is that of the other month: it did not change.
compared AS (
    SELECT
        pairs.month,
        pairs.product_id,
        coalesce(present.category, past.category) AS category,
        coalesce(past.units, 0) AS units_before,
        coalesce(present.units, 0) AS units,
        coalesce(past.amount, 0) AS amount_before,
        coalesce(present.amount, 0) AS amount,
        coalesce(past.price, present.price) AS price_before,
        coalesce(present.price, past.price) AS price,
        totals.mean_price
    FROM pairs
    INNER JOIN totals ON totals.month = CAST(pairs.month - INTERVAL 1 MONTH AS DATE)
    LEFT JOIN sold AS present ON pairs.month = present.month AND pairs.product_id = present.product_id
    LEFT JOIN sold AS past ON totals.month = past.month AND pairs.product_id = past.product_id
    WHERE pairs.month >= $start AND pairs.month < $end AND pairs.month IN (SELECT totals.month FROM totals)
)

SELECT
    month,
    product_id,
    category,
    units_before,
    units,
    amount_before,
    amount,
    amount - amount_before AS change,
    units * (price - price_before) AS price_effect,
    (units - units_before) * mean_price AS volume_effect,
    (units - units_before) * (price_before - mean_price) AS mix_effect,
    (amount - units * price) - (amount_before - units_before * price_before) AS discount_effect
FROM compared
