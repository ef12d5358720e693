-- Every invoice of a month, with what its lines come to.
WITH lines AS (
    SELECT month, invoice_id, sold_at, customer_id, product_id, quantity, amount, country, kind, is_goods
    FROM core.order_lines
    WHERE month >= $start AND month < $end
),

-- No invoice has lines of more than two kinds: its number says that it has no sales, or no returns.
kinds AS (
    SELECT
        month,
        invoice_id,
        kind,
        kind <> 'adjustment' AS is_trade,
        min(sold_at) AS sold_at,
        min(customer_id) AS customer_id,
        min(country) AS country,
        count(*) AS lines,
        count(DISTINCT product_id) AS products,
        sum(quantity) AS units,
        sum(amount) AS amount,
        count(*) FILTER (is_goods) AS goods_lines,
        coalesce(sum(amount) FILTER (is_goods), 0) AS goods_amount
    FROM lines
    GROUP BY month, invoice_id, kind
)

SELECT
    month,
    invoice_id,
    min(sold_at) AS sold_at,
    min(customer_id) AS customer_id,
    min(country) AS country,
    arg_max(lines, is_trade) AS lines,
    arg_max(products, is_trade) AS products,
    arg_max(units, is_trade) AS units,
    arg_max(amount, is_trade) AS amount,
    arg_max(goods_lines, is_trade) AS goods_lines,
    arg_max(goods_amount, is_trade) AS goods_amount,
    sum(lines) - arg_max(lines, is_trade) AS other_lines,
    sum(units) - arg_max(units, is_trade) AS other_units,
    sum(amount) - arg_max(amount, is_trade) AS other_amount,
    arg_max(kind, is_trade) AS kind
FROM kinds
GROUP BY month, invoice_id
