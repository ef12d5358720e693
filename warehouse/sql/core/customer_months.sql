-- One row per known customer and month of activity: the state that every later analytic reads.
WITH lines AS (
    SELECT month, customer_id, invoice_id, line, sold_at, quantity, amount, country, kind
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND customer_id IS NOT NULL AND kind IN ('sale', 'return')
),

-- What an invoice holds of a day: twenty lines are one of these, so days and hours are counted for little.
invoice_days AS (
    SELECT
        month,
        customer_id,
        kind,
        invoice_id,
        CAST(sold_at AS DATE) AS day,
        min(sold_at) AS first_sold_at,
        max(sold_at) AS last_sold_at,
        arg_max(line, (sold_at, line)) AS last_line,
        arg_max(country, (sold_at, line)) AS country,
        count(line) AS lines,
        sum(quantity) AS quantity,
        sum(amount) AS amount
    FROM lines
    GROUP BY month, customer_id, kind, invoice_id, CAST(sold_at AS DATE)
),

-- An invoice is counted once, in the hour of its first line.
invoices AS (
    SELECT
        month,
        customer_id,
        kind,
        invoice_id,
        day,
        first_sold_at,
        last_sold_at,
        last_line,
        country,
        lines,
        quantity,
        amount,
        CASE
            WHEN first_sold_at = min(first_sold_at) OVER (PARTITION BY month, customer_id, kind, invoice_id)
                THEN hour(first_sold_at)
        END AS hour
    FROM invoice_days
),

months AS (
    SELECT
        month,
        customer_id,
        arg_max(country, (last_sold_at, invoice_id, last_line)) AS country,
        count(hour) FILTER (kind = 'sale') AS orders,
        coalesce(sum(quantity) FILTER (kind = 'sale'), 0) AS units,
        coalesce(sum(amount) FILTER (kind = 'sale'), 0) AS amount,
        coalesce(sum(lines) FILTER (kind = 'return'), 0) AS return_lines,
        coalesce(-sum(quantity) FILTER (kind = 'return'), 0) AS returned_units,
        coalesce(-sum(amount) FILTER (kind = 'return'), 0) AS returned_amount,
        min(first_sold_at) FILTER (kind = 'sale') AS first_sold_at,
        max(last_sold_at) FILTER (kind = 'sale') AS last_sold_at,
        coalesce(list_sort(list(DISTINCT day) FILTER (kind = 'sale')), []) AS days,
        count(hour) FILTER (kind = 'sale' AND hour < 6) AS night_orders,
        count(hour) FILTER (kind = 'sale' AND hour >= 6 AND hour < 12) AS morning_orders,
        count(hour) FILTER (kind = 'sale' AND hour >= 12 AND hour < 18) AS afternoon_orders,
        count(hour) FILTER (kind = 'sale' AND hour >= 18) AS evening_orders
    FROM invoices
    GROUP BY month, customer_id
)

SELECT
    month,
    customer_id,
    country,
    orders,
    units,
    amount,
    return_lines,
    returned_units,
    returned_amount,
    first_sold_at,
    last_sold_at,
    len(days) AS order_days,
    coalesce(CAST(last_sold_at AS DATE) - CAST(first_sold_at AS DATE), 0) AS gap_days_sum,
    coalesce(
        list_sum(list_transform(
            list_transform(range(2, len(days) + 1), lambda place: days[place] - days[place - 1]),
            lambda gap: gap * gap
        )), 0
    ) AS gap_days_square_sum,
    len(list_filter(days, lambda day: isodow(day) = 1)) AS monday_days,
    len(list_filter(days, lambda day: isodow(day) = 2)) AS tuesday_days,
    len(list_filter(days, lambda day: isodow(day) = 3)) AS wednesday_days,
    len(list_filter(days, lambda day: isodow(day) = 4)) AS thursday_days,
    len(list_filter(days, lambda day: isodow(day) = 5)) AS friday_days,
    len(list_filter(days, lambda day: isodow(day) = 6)) AS saturday_days,
    len(list_filter(days, lambda day: isodow(day) = 7)) AS sunday_days,
    night_orders,
    morning_orders,
    afternoon_orders,
    evening_orders
FROM months
