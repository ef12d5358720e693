-- Every known customer as known at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- A customer cannot be told from one who was there before until so many months of the data have passed.
known AS (
    SELECT
        CAST(min(days.month) + to_months(any_value(thresholds.left_truncated_months)) AS DATE) AS known_from
    FROM core.sales_days AS days
    CROSS JOIN seeds.thresholds
    WHERE days.month < $end
),

-- How things stand from a month of activity to the customer's next: so every customer is joined once an
-- as_of, however long the history.
states AS (
    SELECT
        month,
        customer_id,
        country,
        lead(month) OVER customer AS next_month,
        first_value(month) OVER customer AS first_month,
        first_value(orders) OVER customer AS first_orders
    FROM core.customer_months
    WHERE month < $end
    WINDOW customer AS (PARTITION BY customer_id ORDER BY month)
)

SELECT
    as_ofs.as_of,
    states.customer_id,
    states.country,
    states.first_month,
    states.month AS last_month,
    states.first_month < known.known_from OR states.first_orders = 0 AS is_left_truncated
FROM as_ofs
CROSS JOIN known
INNER JOIN states
    ON
        states.month <= as_ofs.as_of
        AND as_ofs.as_of < coalesce(states.next_month, $end)
