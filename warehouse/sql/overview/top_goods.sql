-- The hundred goods that brought most, over all months up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

months AS (
    SELECT month, product_id, orders, units, amount, returned_amount
    FROM core.product_months
    WHERE month < $end AND is_goods
),

goods AS (
    SELECT
        as_ofs.as_of,
        months.product_id,
        sum(months.orders) AS orders,
        sum(months.units) AS units,
        sum(months.amount) AS amount,
        sum(months.returned_amount) AS returned_amount
    FROM as_ofs
    INNER JOIN months ON months.month <= as_ofs.as_of
    GROUP BY as_ofs.as_of, months.product_id
),

ranked AS (
    SELECT
        as_of,
        row_number() OVER (PARTITION BY as_of ORDER BY amount DESC, product_id) AS rank,
        product_id,
        orders,
        units,
        amount,
        returned_amount,
        round(amount / sum(amount) OVER (PARTITION BY as_of), 6) AS amount_share
    FROM goods
    WHERE orders > 0
    QUALIFY rank <= 100
)

SELECT
    ranked.as_of,
    ranked.rank,
    ranked.product_id,
    products.name,
    ranked.orders,
    ranked.units,
    ranked.amount,
    ranked.returned_amount,
    ranked.amount_share
FROM ranked
LEFT JOIN core.products AS products
    ON ranked.as_of = products.as_of AND ranked.product_id = products.product_id
