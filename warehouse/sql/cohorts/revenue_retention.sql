-- What each cohort brings, month by month, by country and by first category, as seen at the end of each as_of month.
WITH ages AS (
    SELECT
        as_of,
        cohort,
        age,
        CAST(cohort + to_months(CAST(age AS INTEGER)) AS DATE) AS month,
        is_left_truncated,
        is_whole_month
    FROM cohorts.retention
    WHERE as_of >= $start AND as_of < $end
),

sales AS (
    SELECT customer_id, month, country, amount
    FROM core.customer_months
    WHERE month < $end AND orders > 0
),

-- A customer stays in the country of the first month with a sale: who moves would take the past along.
beginnings AS (
    SELECT customer_id, min(month) AS cohort, arg_min(country, month) AS country
    FROM sales
    GROUP BY customer_id
),

-- What they bought most of in that month; what is no goods counts only where there was nothing else.
first_amounts AS (
    SELECT bought.customer_id, bought.category, sum(bought.amount) AS amount
    FROM core.customer_product_months AS bought
    INNER JOIN beginnings ON bought.customer_id = beginnings.customer_id AND bought.month = beginnings.cohort
    WHERE bought.month < $end AND bought.orders > 0
    GROUP BY bought.customer_id, bought.category
),

first_categories AS (
    SELECT
        customer_id,
        arg_min(category, (category = 'Not goods', -amount, category)) AS first_category
    FROM first_amounts
    GROUP BY customer_id
),

customers AS (
    SELECT beginnings.customer_id, beginnings.cohort, beginnings.country, first_categories.first_category
    FROM beginnings
    INNER JOIN first_categories USING (customer_id)
),

sold AS (
    SELECT
        coalesce(customers.country, 'All') AS country,
        coalesce(customers.first_category, 'All') AS first_category,
        customers.cohort,
        sales.month,
        count(sales.customer_id) AS customers,
        sum(sales.amount) AS amount
    FROM sales
    INNER JOIN customers USING (customer_id)
    GROUP BY
        GROUPING SETS (
            (customers.country, customers.cohort, sales.month),
            (customers.first_category, customers.cohort, sales.month),
            (customers.cohort, sales.month)
        )
),

-- A return belongs to the month of the sale that it reverses, else to its own.
returns AS (
    SELECT
        customer_id,
        month AS returned_in,
        CAST(date_trunc('month', coalesce(sold_at, returned_at)) AS DATE) AS month,
        returned_amount
    FROM core.returns
    WHERE month < $end AND customer_id IS NOT NULL
),

returned AS (
    SELECT
        coalesce(customers.country, 'All') AS country,
        coalesce(customers.first_category, 'All') AS first_category,
        customers.cohort,
        returns.month,
        returns.returned_in,
        sum(returns.returned_amount) AS returned_amount
    FROM returns
    INNER JOIN customers USING (customer_id)
    GROUP BY
        GROUPING SETS (
            (customers.country, customers.cohort, returns.month, returns.returned_in),
            (customers.first_category, customers.cohort, returns.month, returns.returned_in),
            (customers.cohort, returns.month, returns.returned_in)
        )
),

as_ofs AS (
    SELECT DISTINCT as_of
    FROM ages
),

-- As known at the time: what comes back later is not taken off yet.
returned_so_far AS (
    SELECT
        as_ofs.as_of,
        returned.country,
        returned.first_category,
        returned.cohort,
        returned.month,
        sum(returned.returned_amount) AS returned_amount
    FROM as_ofs
    INNER JOIN returned ON as_ofs.as_of >= returned.returned_in
    GROUP BY as_ofs.as_of, returned.country, returned.first_category, returned.cohort, returned.month
),

months AS (
    SELECT
        ages.as_of,
        beginnings.country,
        beginnings.first_category,
        ages.cohort,
        ages.age,
        ages.is_left_truncated,
        ages.is_whole_month,
        beginnings.customers AS cohort_customers,
        coalesce(sold.customers, 0) AS customers,
        coalesce(sold.amount, 0) AS amount,
        coalesce(returned.returned_amount, 0) AS returned_amount,
        coalesce(sold.amount, 0) - coalesce(returned.returned_amount, 0) AS net_amount
    FROM ages
    INNER JOIN sold AS beginnings ON ages.cohort = beginnings.cohort AND ages.cohort = beginnings.month
    LEFT JOIN sold
        ON
            beginnings.country = sold.country
            AND beginnings.first_category = sold.first_category
            AND ages.cohort = sold.cohort
            AND ages.month = sold.month
    LEFT JOIN returned_so_far AS returned
        ON
            ages.as_of = returned.as_of
            AND beginnings.country = returned.country
            AND beginnings.first_category = returned.first_category
            AND ages.cohort = returned.cohort
            AND ages.month = returned.month
),

totals AS (
    SELECT
        as_of,
        country,
        first_category,
        cohort,
        age,
        is_left_truncated,
        is_whole_month,
        cohort_customers,
        customers,
        amount,
        returned_amount,
        net_amount,
        first_value(amount) OVER so_far AS first_amount,
        first_value(net_amount) OVER so_far AS first_net_amount,
        sum(amount) OVER so_far AS cumulative_amount,
        sum(net_amount) OVER so_far AS cumulative_net_amount
    FROM months
    WINDOW so_far AS (PARTITION BY as_of, country, first_category, cohort ORDER BY age ROWS UNBOUNDED PRECEDING)
)

SELECT
    as_of,
    country,
    first_category,
    cohort,
    age,
    cohort_customers,
    customers,
    amount,
    returned_amount,
    net_amount,
    round(amount / nullif(first_amount, 0), 6) AS amount_share,
    CASE WHEN first_net_amount > 0 THEN round(net_amount / first_net_amount, 6) END AS net_amount_share,
    cumulative_amount,
    cumulative_net_amount,
    CAST(cumulative_net_amount / cohort_customers AS DECIMAL(18, 4)) AS value_per_customer,
    is_left_truncated,
    is_whole_month
FROM totals
