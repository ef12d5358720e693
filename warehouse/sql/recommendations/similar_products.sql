-- What known customers bought, month by month, and what was sold to anyone: launches and whole months are seen there.
SELECT
    month,
    customer_id,
    product_id,
    is_goods,
    orders,
    CAST(first_sold_at AS DATE) AS first_on,
    CAST(last_sold_at AS DATE) AS last_on
FROM core.customer_product_months
WHERE month < $end AND orders > 0
UNION ALL
SELECT
    month,
    CAST(NULL AS VARCHAR) AS customer_id,
    product_id,
    is_goods,
    orders,
    CAST(first_sold_at AS DATE) AS first_on,
    CAST(last_sold_at AS DATE) AS last_on
FROM core.product_months
WHERE month < $end AND orders > 0
