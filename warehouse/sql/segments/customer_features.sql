-- Each customer in numbers as seen at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- The day from which recency and tenure count: the one after the last sale of anyone up to as_of.
reference AS (
    SELECT as_ofs.as_of, max(days.day) + 1 AS reference_day
    FROM as_ofs
    INNER JOIN core.sales_days AS days ON days.month <= as_ofs.as_of
    WHERE days.month < $end AND days.orders > 0
    GROUP BY as_ofs.as_of
),

first_bought AS (
    SELECT customer_id, product_id, min(month) AS month
    FROM core.customer_product_months
    WHERE month < $end AND orders > 0 AND is_goods
    GROUP BY customer_id, product_id
),

-- What was bought of each category so far, valid until more of it is bought.
categories AS (
    SELECT
        customer_id,
        category,
        month,
        lead(month) OVER category AS next_month,
        sum(amount) OVER so_far AS amount
    FROM (
        SELECT customer_id, category, greatest(month, CAST($start AS DATE)) AS month, sum(amount) AS amount
        FROM core.customer_product_months
        WHERE month < $end AND orders > 0 AND is_goods
        GROUP BY customer_id, category, greatest(month, CAST($start AS DATE))
    ) AS bought
    WINDOW
        category AS (PARTITION BY customer_id, category ORDER BY month),
        so_far AS (PARTITION BY customer_id, category ORDER BY month ROWS UNBOUNDED PRECEDING)
),

tastes AS (
    SELECT
        reference.as_of,
        categories.customer_id,
        count(categories.category) AS categories,
        arg_min(categories.category, (-categories.amount, categories.category)) AS favourite_category,
        round(max(categories.amount) / sum(categories.amount), 6) AS favourite_share
    FROM reference
    INNER JOIN categories
        ON
            categories.month <= reference.as_of
            AND reference.as_of < coalesce(categories.next_month, $end)
    GROUP BY reference.as_of, categories.customer_id
),

new_products AS (
    SELECT customer_id, month, count(product_id) AS products
    FROM first_bought
    GROUP BY customer_id, month
),

months AS (
    SELECT
        month,
        customer_id,
        orders,
        order_days,
        amount,
        returned_amount,
        first_sold_at,
        last_sold_at,
        gap_days_square_sum,
        monday_days,
        tuesday_days,
        wednesday_days,
        thursday_days,
        friday_days,
        saturday_days,
        sunday_days,
        night_orders,
        morning_orders,
        afternoon_orders,
        evening_orders,
        -- The gap since the last order day of an earlier month; null without one.
        CAST(first_sold_at AS DATE) - CAST(max(last_sold_at) OVER before AS DATE) AS gap_before_days
    FROM core.customer_months
    WHERE month < $end
    WINDOW before AS (
        PARTITION BY customer_id ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),

-- What lies before the first as_of asked for is one row: running totals over it would be for nothing.
periods AS (
    SELECT
        months.customer_id,
        greatest(months.month, CAST($start AS DATE)) AS month,
        min(months.first_sold_at) AS first_sold_at,
        max(months.last_sold_at) AS last_sold_at,
        sum(months.orders) AS orders,
        sum(months.order_days) AS order_days,
        sum(months.amount) AS amount,
        sum(months.returned_amount) AS returned_amount,
        sum(new_products.products) AS products,
        sum(months.gap_days_square_sum + coalesce(months.gap_before_days * months.gap_before_days, 0))
            AS gap_days_square_sum,
        sum(months.monday_days) AS monday_days,
        sum(months.tuesday_days) AS tuesday_days,
        sum(months.wednesday_days) AS wednesday_days,
        sum(months.thursday_days) AS thursday_days,
        sum(months.friday_days) AS friday_days,
        sum(months.saturday_days) AS saturday_days,
        sum(months.sunday_days) AS sunday_days,
        sum(months.night_orders) AS night_orders,
        sum(months.morning_orders) AS morning_orders,
        sum(months.afternoon_orders) AS afternoon_orders,
        sum(months.evening_orders) AS evening_orders
    FROM months
    LEFT JOIN new_products USING (customer_id, month)
    GROUP BY months.customer_id, greatest(months.month, CAST($start AS DATE))
),

-- Running totals, each valid until the customer's next month of activity: so every customer is joined
-- once an as_of, however long the history.
states AS (
    SELECT
        month,
        customer_id,
        lead(month) OVER customer AS next_month,
        CAST(min(first_sold_at) OVER so_far AS DATE) AS first_day,
        CAST(max(last_sold_at) OVER so_far AS DATE) AS last_day,
        sum(orders) OVER so_far AS frequency,
        sum(order_days) OVER so_far AS order_days,
        sum(amount) OVER so_far AS monetary,
        sum(returned_amount) OVER so_far AS returned_amount,
        sum(products) OVER so_far AS products,
        sum(gap_days_square_sum) OVER so_far AS gap_days_square_sum,
        sum(monday_days) OVER so_far AS monday_days,
        sum(tuesday_days) OVER so_far AS tuesday_days,
        sum(wednesday_days) OVER so_far AS wednesday_days,
        sum(thursday_days) OVER so_far AS thursday_days,
        sum(friday_days) OVER so_far AS friday_days,
        sum(saturday_days) OVER so_far AS saturday_days,
        sum(sunday_days) OVER so_far AS sunday_days,
        sum(night_orders) OVER so_far AS night_orders,
        sum(morning_orders) OVER so_far AS morning_orders,
        sum(afternoon_orders) OVER so_far AS afternoon_orders,
        sum(evening_orders) OVER so_far AS evening_orders
    FROM periods
    WINDOW
        customer AS (PARTITION BY customer_id ORDER BY month),
        so_far AS (PARTITION BY customer_id ORDER BY month ROWS UNBOUNDED PRECEDING)
)

SELECT
    reference.as_of,
    states.customer_id,
    reference.reference_day - states.last_day AS recency_days,
    reference.reference_day - states.first_day AS tenure_days,
    states.frequency,
    states.order_days,
    states.monetary,
    CAST(states.monetary / states.frequency AS DECIMAL(18, 4)) AS order_value,
    states.returned_amount,
    round(states.returned_amount / nullif(states.monetary, 0), 6) AS returned_share,
    coalesce(states.products, 0) AS products,
    coalesce(tastes.categories, 0) AS categories,
    tastes.favourite_category,
    tastes.favourite_share,
    round((states.last_day - states.first_day) / nullif(states.order_days - 1, 0), 6) AS gap_mean_days,
    -- With n gaps of sum s and sum of squares q: sqrt((q - s * s / n) / (n - 1)) / (s / n), in whole numbers
    -- up to the root, so that equal gaps have a variation of 0.
    CASE
        WHEN states.order_days > 2
            THEN round(
                sqrt(
                    (states.order_days - 1)
                    * (
                        (states.order_days - 1) * states.gap_days_square_sum
                        - (states.last_day - states.first_day) * (states.last_day - states.first_day)
                    )
                    / (states.order_days - 2)
                ) / (states.last_day - states.first_day),
                6
            )
    END AS gap_variation,
    round(states.monday_days / states.order_days, 6) AS monday_share,
    round(states.tuesday_days / states.order_days, 6) AS tuesday_share,
    round(states.wednesday_days / states.order_days, 6) AS wednesday_share,
    round(states.thursday_days / states.order_days, 6) AS thursday_share,
    round(states.friday_days / states.order_days, 6) AS friday_share,
    round(states.saturday_days / states.order_days, 6) AS saturday_share,
    round(states.sunday_days / states.order_days, 6) AS sunday_share,
    round(states.night_orders / states.frequency, 6) AS night_share,
    round(states.morning_orders / states.frequency, 6) AS morning_share,
    round(states.afternoon_orders / states.frequency, 6) AS afternoon_share,
    round(states.evening_orders / states.frequency, 6) AS evening_share
FROM reference
INNER JOIN states
    ON
        states.month <= reference.as_of
        AND reference.as_of < coalesce(states.next_month, $end)
LEFT JOIN tastes ON reference.as_of = tastes.as_of AND states.customer_id = tastes.customer_id
WHERE states.frequency > 0
