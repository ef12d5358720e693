-- Who brought the change of the amount since the month before.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- A month is whole once a line lies in its last three days.
wholes AS (
    SELECT
        as_ofs.as_of,
        coalesce(max(days.day) >= as_ofs.as_of + INTERVAL 1 MONTH - INTERVAL 3 DAY, FALSE) AS is_whole_month
    FROM as_ofs
    LEFT JOIN core.sales_days AS days ON as_ofs.as_of = days.month
    GROUP BY as_ofs.as_of
),

beginnings AS (
    SELECT customer_id, min(month) AS first_month
    FROM core.customer_months
    WHERE month < $end AND orders > 0
    GROUP BY customer_id
),

sales AS (
    SELECT month, customer_id, amount
    FROM core.customer_months
    WHERE month >= CAST(CAST($start AS DATE) - INTERVAL 1 MONTH AS DATE) AND month < $end AND orders > 0
),

before AS (
    SELECT CAST(month + INTERVAL 1 MONTH AS DATE) AS as_of, customer_id, amount
    FROM sales
    WHERE month < CAST($end AS DATE) - INTERVAL 1 MONTH
),

after AS (
    SELECT month AS as_of, customer_id, amount
    FROM sales
    WHERE month >= $start
),

customers AS (
    SELECT as_of, customer_id, before.amount AS amount_before, after.amount AS amount
    FROM before
    FULL JOIN after USING (as_of, customer_id)
),

moves AS (
    SELECT
        customers.as_of,
        coalesce(customers.amount_before, 0) AS amount_before,
        coalesce(customers.amount, 0) AS amount,
        CASE
            WHEN customers.amount IS NULL THEN 'lapsed'
            WHEN beginnings.first_month = customers.as_of THEN 'new'
            WHEN customers.amount_before IS NULL THEN 'reactivated'
            WHEN customers.amount > customers.amount_before THEN 'expanded'
            WHEN customers.amount < customers.amount_before THEN 'contracted'
            ELSE 'retained'
        END AS move
    FROM customers
    INNER JOIN beginnings USING (customer_id)
)

SELECT
    moves.as_of,
    moves.move,
    count(moves.amount) AS customers,
    sum(moves.amount_before) AS amount_before,
    sum(moves.amount) AS amount,
    sum(moves.amount - moves.amount_before) AS amount_change,
    wholes.is_whole_month
FROM moves
INNER JOIN wholes USING (as_of)
GROUP BY moves.as_of, moves.move, wholes.is_whole_month
