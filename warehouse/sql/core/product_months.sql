-- What was sold, returned and adjusted of each product in a month.
WITH lines AS (
    SELECT
        month,
        product_id,
        invoice_id,
        customer_id,
        sold_at,
        quantity,
        unit_price,
        amount,
        kind,
        is_goods,
        category,
        kind = 'sale' AND quantity < (SELECT wholesale_quantity FROM seeds.thresholds) AS is_retail
    FROM core.order_lines
    WHERE month >= $start AND month < $end
),

prices AS (
    SELECT month, product_id, unit_price, count(*) AS lines
    FROM lines
    WHERE is_retail
    GROUP BY month, product_id, unit_price
),

usual_prices AS (
    SELECT month, product_id, arg_max(unit_price, (lines, -unit_price)) AS usual_price
    FROM prices
    GROUP BY month, product_id
),

categories AS (
    SELECT
        month,
        product_id,
        category,
        count(*) FILTER (kind = 'sale') AS sale_lines,
        count(*) AS lines
    FROM lines
    GROUP BY month, product_id, category
),

main_categories AS (
    SELECT month, product_id, arg_max(category, (sale_lines, lines, category)) AS category
    FROM categories
    GROUP BY month, product_id
),

months AS (
    SELECT
        month,
        product_id,
        bool_and(is_goods) AS is_goods,
        count(DISTINCT invoice_id) FILTER (kind = 'sale') AS orders,
        count(DISTINCT customer_id) FILTER (kind = 'sale') AS customers,
        coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
        coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
        coalesce(sum(quantity) FILTER (is_retail), 0) AS retail_units,
        coalesce(sum(amount) FILTER (is_retail), 0) AS retail_amount,
        coalesce(-sum(quantity) FILTER (kind = 'return'), 0) AS returned_units,
        coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount,
        coalesce(sum(quantity) FILTER (kind = 'adjustment'), 0) AS adjusted_units,
        coalesce(sum(amount) FILTER (kind = 'adjustment'), 0) AS adjusted_amount,
        min(sold_at) FILTER (kind = 'sale') AS first_sold_at,
        max(sold_at) FILTER (kind = 'sale') AS last_sold_at
    FROM lines
    GROUP BY month, product_id
)

SELECT
    months.month,
    months.product_id,
    months.is_goods,
    main_categories.category,
    months.orders,
    months.customers,
    months.units,
    months.amount,
    months.retail_units,
    months.retail_amount,
    usual_prices.usual_price,
    months.returned_units,
    months.returned_amount,
    months.adjusted_units,
    months.adjusted_amount,
    months.first_sold_at,
    months.last_sold_at
FROM months
INNER JOIN main_categories USING (month, product_id)
LEFT JOIN usual_prices USING (month, product_id)
