-- Sales of days by country, and of weeks and months by product, less what was put right on the day of its sale.
WITH corrections AS (
    SELECT month, sale_invoice_id AS invoice_id, sale_line AS line, sum(returned_units) AS units
    FROM core.returns
    WHERE month >= $start AND month < $end AND is_correction
    GROUP BY month, sale_invoice_id, sale_line
),

-- All sale lines of the invoices on which something was put right, with how much of each; at the price of the sale.
lines AS (
    SELECT
        lines.month,
        CAST(lines.sold_at AS DATE) AS day,
        lines.country,
        lines.product_id,
        lines.invoice_id,
        lines.quantity - coalesce(corrections.units, 0) AS units_left,
        coalesce(corrections.units, 0) * lines.unit_price AS amount
    FROM core.order_lines AS lines
    SEMI JOIN corrections AS touched ON lines.month = touched.month AND lines.invoice_id = touched.invoice_id
    LEFT JOIN corrections
        ON
            lines.month = corrections.month
            AND lines.invoice_id = corrections.invoice_id
            AND lines.line = corrections.line
    WHERE lines.month >= $start AND lines.month < $end AND lines.kind = 'sale'
),

-- An order of which anything is left is one.
invoices AS (
    SELECT month, day, country, sum(amount) AS amount, CAST(bool_and(units_left = 0) AS BIGINT) AS orders
    FROM lines
    GROUP BY month, day, country, invoice_id
),

corrected AS (
    SELECT month, 'day' AS grain, day AS starts_on, country AS name, sum(orders) AS orders, sum(amount) AS amount
    FROM invoices
    GROUP BY month, day, country
    UNION ALL
    SELECT
        month,
        'week' AS grain,
        CAST(date_trunc('week', day) AS DATE) AS starts_on,
        product_id AS name,
        NULL AS orders,
        sum(amount) AS amount
    FROM lines
    GROUP BY month, date_trunc('week', day), product_id
    UNION ALL
    SELECT month, 'month' AS grain, month AS starts_on, product_id AS name, NULL AS orders, sum(amount) AS amount
    FROM lines
    GROUP BY month, product_id
),

sold AS (
    SELECT
        month,
        'day' AS grain,
        day AS starts_on,
        country AS name,
        CAST(NULL AS VARCHAR) AS category,
        orders,
        amount
    FROM core.sales_days
    WHERE month >= $start AND month < $end
    UNION ALL
    SELECT
        month,
        'week' AS grain,
        week AS starts_on,
        product_id AS name,
        NULL AS category,
        NULL AS orders,
        amount
    FROM core.product_weeks
    WHERE month >= $start AND month < $end
    UNION ALL
    SELECT
        month,
        'month' AS grain,
        month AS starts_on,
        product_id AS name,
        category,
        NULL AS orders,
        amount
    FROM core.product_months
    WHERE month >= $start AND month < $end
)

SELECT
    sold.month,
    sold.grain,
    sold.starts_on,
    sold.name,
    sold.category,
    sold.orders - CASE sold.grain WHEN 'day' THEN coalesce(corrected.orders, 0) END AS orders,
    sold.amount - coalesce(corrected.amount, 0) AS amount,
    CASE sold.grain WHEN 'day' THEN coalesce(corrected.orders, 0) END AS corrected_orders,
    coalesce(corrected.amount, 0) AS corrected_amount
FROM sold
LEFT JOIN corrected USING (month, grain, starts_on, name)
