-- The hundred goods that brought most, over all months up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- All that lies before the first month asked for is one month, so that a new one costs no more on a long
-- history than on a short one.
months AS (
    SELECT
        greatest(month, $start) AS month,
        product_id,
        sum(orders) AS orders,
        sum(units) AS units,
        sum(amount) AS amount,
        sum(returned_amount) AS returned_amount
    FROM core.product_months
    WHERE month < $end AND is_goods
    GROUP BY greatest(month, $start), product_id
),

-- Running totals, each valid until the next month of the product.
states AS (
    SELECT
        month,
        product_id,
        sum(orders) OVER so_far AS orders,
        sum(units) OVER so_far AS units,
        sum(amount) OVER so_far AS amount,
        sum(returned_amount) OVER so_far AS returned_amount,
        lead(month) OVER product AS next_month
    FROM months
    WINDOW
        product AS (PARTITION BY product_id ORDER BY month),
        so_far AS (PARTITION BY product_id ORDER BY month ROWS UNBOUNDED PRECEDING)
),

goods AS (
    SELECT
        as_ofs.as_of,
        states.product_id,
        states.orders,
        states.units,
        states.amount,
        states.returned_amount
    FROM as_ofs
    INNER JOIN states ON states.month <= as_ofs.as_of AND as_ofs.as_of < coalesce(states.next_month, $end)
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
