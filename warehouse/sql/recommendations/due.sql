-- Goods that customers are due to buy again as seen at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- The first day of the future: the one after the last sale of anyone up to as_of.
reference AS (
    SELECT
        as_ofs.as_of,
        max(days.day) + 1 AS reference_day,
        any_value(settings.due_days) AS due_days
    FROM as_ofs
    INNER JOIN core.sales_days AS days ON days.month <= as_ofs.as_of
    CROSS JOIN seeds.recommendations AS settings
    WHERE days.month < $end AND days.orders > 0
    GROUP BY as_ofs.as_of
),

-- What lies before the first as_of asked for is one row: running totals over it would be for nothing.
periods AS (
    SELECT
        customer_id,
        product_id,
        greatest(month, CAST($start AS DATE)) AS month,
        sum(orders) AS orders,
        CAST(min(first_sold_at) AS DATE) AS first_day,
        CAST(max(last_sold_at) AS DATE) AS last_day
    FROM core.customer_product_months
    WHERE month < $end AND orders > 0 AND is_goods
    GROUP BY customer_id, product_id, greatest(month, CAST($start AS DATE))
),

-- Running totals, each valid until the next month with an order: so every pair is joined once an as_of.
states AS (
    SELECT
        customer_id,
        product_id,
        month,
        lead(month) OVER pair AS next_month,
        sum(orders) OVER so_far AS orders,
        min(first_day) OVER so_far AS first_day,
        max(last_day) OVER so_far AS last_day
    FROM periods
    WINDOW
        pair AS (PARTITION BY customer_id, product_id ORDER BY month),
        so_far AS (PARTITION BY customer_id, product_id ORDER BY month ROWS UNBOUNDED PRECEDING)
),

pairs AS (
    SELECT
        reference.as_of,
        reference.reference_day,
        reference.due_days,
        states.customer_id,
        states.product_id,
        states.orders,
        states.last_day,
        states.orders - 1 AS gaps,
        states.last_day - states.first_day AS days
    FROM reference
    INNER JOIN states
        ON
            states.month <= reference.as_of
            AND reference.as_of < coalesce(states.next_month, $end)
    WHERE states.orders > 1
),

-- The mean gap of all who bought the product again stands for two gaps more: few of one's own say little.
rhythms AS (
    SELECT
        as_of,
        reference_day,
        due_days,
        customer_id,
        product_id,
        orders,
        last_day,
        gaps,
        2 * (sum(days) OVER product / sum(gaps) OVER product) + days AS seen_days,
        reference_day - last_day AS silent_days
    FROM pairs
    WINDOW product AS (PARTITION BY as_of, product_id)
)

SELECT
    as_of,
    customer_id,
    product_id,
    orders,
    last_day AS last_ordered_on,
    round(seen_days / (gaps + 2), 6) AS gap_days,
    last_day + CAST(ceil(round(seen_days / (gaps + 2), 6)) AS INTEGER) AS due_on,
    round(
        1 - power((seen_days + silent_days) / (seen_days + silent_days + due_days), gaps + 2), 6
    ) AS probability
FROM rhythms
WHERE
    orders > 2
    AND last_day + CAST(ceil(round(seen_days / (gaps + 2), 6)) AS INTEGER) < reference_day + due_days
    AND silent_days <= 2 * round(seen_days / (gaps + 2), 6)
