-- What known customers bought, month by month, what was sold to anyone, and the recommender of each list.
SELECT
    months.month,
    months.customer_id,
    months.product_id,
    months.is_goods,
    months.orders,
    CAST(months.first_sold_at AS DATE) AS first_on,
    CAST(months.last_sold_at AS DATE) AS last_on,
    settings.launched_days,
    CAST(NULL AS VARCHAR) AS list,
    CAST(NULL AS VARCHAR) AS candidate
FROM core.customer_product_months AS months
CROSS JOIN seeds.recommendations AS settings
WHERE months.month < $end AND months.orders > 0
UNION ALL
SELECT
    months.month,
    CAST(NULL AS VARCHAR) AS customer_id,
    months.product_id,
    months.is_goods,
    months.orders,
    CAST(months.first_sold_at AS DATE) AS first_on,
    CAST(months.last_sold_at AS DATE) AS last_on,
    settings.launched_days,
    CAST(NULL AS VARCHAR) AS list,
    CAST(NULL AS VARCHAR) AS candidate
FROM core.product_months AS months
CROSS JOIN seeds.recommendations AS settings
WHERE months.month < $end AND months.orders > 0
UNION ALL
SELECT
    as_of AS month,
    CAST(NULL AS VARCHAR) AS customer_id,
    CAST(NULL AS VARCHAR) AS product_id,
    CAST(NULL AS BOOLEAN) AS is_goods,
    CAST(NULL AS BIGINT) AS orders,
    CAST(NULL AS DATE) AS first_on,
    CAST(NULL AS DATE) AS last_on,
    CAST(NULL AS INTEGER) AS launched_days,
    list,
    candidate
FROM recommendations.champions
WHERE as_of >= $start AND as_of < $end
