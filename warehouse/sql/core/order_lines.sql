-- Every order line once, however often and in whichever files it came.
WITH landed AS (
    SELECT DISTINCT
        month, invoice_id, product_id, description, quantity, sold_at, unit_price, customer_id, country
    FROM landing.orders
    WHERE month >= $start AND month < $end
),

-- Numbered by content, so that any packaging of the same rows gives the same numbers.
numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY month, invoice_id
            ORDER BY sold_at, product_id, description, quantity, unit_price, customer_id, country
        ) AS line
    FROM landed
),

-- Few codes against fewer patterns: a join of the lines themselves would try each against each.
not_goods AS (
    SELECT codes.product_id
    FROM (SELECT DISTINCT upper(product_id) AS product_id FROM landed) AS codes
    WHERE EXISTS (SELECT 1 FROM seeds.not_goods AS seed WHERE codes.product_id GLOB seed.pattern)
)

SELECT
    numbered.month,
    numbered.invoice_id,
    numbered.line,
    numbered.sold_at,
    numbered.customer_id,
    upper(numbered.product_id) AS product_id,
    numbered.description,
    numbered.quantity,
    numbered.unit_price,
    numbered.quantity * numbered.unit_price AS amount,
    coalesce(numbered.country, 'Unspecified') AS country,
    CASE
        WHEN
            numbered.invoice_id[1] NOT IN ('C', 'c', 'A', 'a')
            AND numbered.quantity > 0 AND numbered.unit_price > 0
            THEN 'sale'
        WHEN
            numbered.invoice_id[1] IN ('C', 'c') AND numbered.quantity < 0 AND numbered.unit_price > 0
            THEN 'return'
        ELSE 'adjustment'
    END AS kind,
    not_goods.product_id IS NULL AS is_goods
FROM numbered
LEFT JOIN not_goods ON upper(numbered.product_id) = not_goods.product_id
