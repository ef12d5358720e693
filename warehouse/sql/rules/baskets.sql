-- One row per sale invoice with goods: what lay together in a basket.
WITH lines AS (
    SELECT month, invoice_id, customer_id, sold_at, product_id, category
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND kind = 'sale' AND is_goods
),

baskets AS (
    SELECT
        month,
        invoice_id,
        min(sold_at) AS sold_at,
        min(customer_id) AS customer_id,
        list_sort(list(DISTINCT product_id)) AS goods,
        list_sort(list(DISTINCT category)) AS categories
    FROM lines
    GROUP BY month, invoice_id
)

-- A stratum j holds sizes above 3 (j - 1)^2 up to 3 j^2. Spread evenly they vary there as much as their mean
-- is, as baskets of independent goods do: so baskets of a stratum show no association of their own.
SELECT
    baskets.month,
    baskets.invoice_id,
    baskets.sold_at,
    baskets.customer_id,
    baskets.goods,
    baskets.categories,
    len(baskets.goods) AS size,
    CASE
        WHEN len(baskets.goods) <= thresholds.basket_cap THEN ceil(sqrt(len(baskets.goods) / 3))
        ELSE 0
    END AS stratum
FROM baskets
CROSS JOIN seeds.rule_thresholds AS thresholds
