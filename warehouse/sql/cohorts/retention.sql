-- How many customers of each cohort buy, month by month, as seen at the end of each as_of month.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- The newest line up to as_of tells which months are whole; a customer of the first months of the data
-- cannot be told from one who was there before.
seen AS (
    SELECT
        as_ofs.as_of,
        max(days.day) AS last_day,
        min(days.month) + to_months(any_value(thresholds.left_truncated_months)) AS known_from
    FROM as_ofs
    INNER JOIN core.sales_days AS days ON days.month <= as_ofs.as_of
    CROSS JOIN seeds.thresholds
    WHERE days.month < $end
    GROUP BY as_ofs.as_of
),

active AS (
    SELECT customer_id, month
    FROM core.customer_months
    WHERE month < $end AND orders > 0
),

beginnings AS (
    SELECT customer_id, min(month) AS cohort
    FROM active
    GROUP BY customer_id
),

-- The same for every as_of: so an as_of costs its own rows, and the history is counted once.
counts AS (
    SELECT beginnings.cohort, active.month, count(active.customer_id) AS customers
    FROM active
    INNER JOIN beginnings USING (customer_id)
    GROUP BY beginnings.cohort, active.month
),

-- Every age that as_of has seen, whether anyone bought or not.
ages AS (
    SELECT
        seen.as_of,
        seen.last_day,
        counts.cohort,
        counts.customers AS cohort_customers,
        counts.cohort < seen.known_from AS is_left_truncated,
        unnest(range(date_diff('month', counts.cohort, seen.as_of) + 1)) AS age
    FROM seen
    INNER JOIN counts ON seen.as_of >= counts.cohort
    WHERE counts.month = counts.cohort
),

months AS (
    SELECT
        as_of,
        cohort,
        age,
        CAST(cohort + to_months(CAST(age AS INTEGER)) AS DATE) AS month,
        cohort_customers,
        is_left_truncated,
        last_day
    FROM ages
)

SELECT
    months.as_of,
    months.cohort,
    months.age,
    coalesce(counts.customers, 0) AS customers,
    months.cohort_customers,
    round(coalesce(counts.customers, 0) / months.cohort_customers, 6) AS share,
    months.is_left_truncated,
    months.last_day >= months.month + INTERVAL 1 MONTH - INTERVAL 3 DAY AS is_whole_month
FROM months
LEFT JOIN counts USING (cohort, month)
