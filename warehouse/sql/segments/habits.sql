-- What each customer does when they come, whenever they came first: the ground of the clusters.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

customers AS (
    SELECT as_of, customer_id, order_days, order_value, tenure_days, recency_days
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
),

months AS (
    SELECT month, customer_id, order_days
    FROM core.customer_months
    WHERE month < $end AND order_days > 0
),

calendar AS (
    SELECT month, sum(order_days) AS order_days
    FROM months
    GROUP BY month
),

-- What a month of the calendar usually brings, seen from each as_of.
usual AS (
    SELECT as_ofs.as_of, month(calendar.month) AS calendar_month, avg(calendar.order_days) AS order_days
    FROM as_ofs
    INNER JOIN calendar ON calendar.month <= as_ofs.as_of
    GROUP BY as_ofs.as_of, month(calendar.month)
),

-- Two months of the calendar in a row; none before all twelve were seen.
high_seasons AS (
    SELECT usual.as_of, usual.calendar_month AS first_month, following.calendar_month AS second_month
    FROM usual
    INNER JOIN usual AS following
        ON
            following.as_of = usual.as_of
            AND following.calendar_month = usual.calendar_month % 12 + 1
    QUALIFY
        count(*) OVER (PARTITION BY usual.as_of) = 12
        AND row_number() OVER (
            PARTITION BY usual.as_of
            ORDER BY usual.order_days + following.order_days DESC, usual.calendar_month
        ) = 1
),

season_months AS (
    SELECT as_of, unnest([first_month, second_month]) AS calendar_month
    FROM high_seasons
),

in_season AS (
    SELECT season_months.as_of, months.customer_id, sum(months.order_days) AS order_days
    FROM season_months
    INNER JOIN months
        ON
            month(months.month) = season_months.calendar_month
            AND months.month <= season_months.as_of
    GROUP BY season_months.as_of, months.customer_id
),

-- By customers and not by calendar: of those alone the share is taken.
shops AS (
    SELECT customers.as_of, coalesce(sum(in_season.order_days), 0) / sum(customers.order_days) AS season_share
    FROM customers
    LEFT JOIN in_season USING (as_of, customer_id)
    GROUP BY customers.as_of
)

SELECT
    customers.as_of,
    customers.customer_id,
    customers.order_days,
    round(
        (customers.order_days - 0.5) * 30.4375 / (customers.tenure_days - customers.recency_days + 30), 6
    ) AS orders_a_month,
    customers.order_value,
    -- As if each had come on four more days, in the season as often as all do: of one day a share says nothing.
    CASE
        WHEN high_seasons.as_of IS NOT NULL
            THEN round(
                (coalesce(in_season.order_days, 0) + 4 * shops.season_share) / (customers.order_days + 4), 6
            )
    END AS season_share
FROM customers
INNER JOIN shops USING (as_of)
LEFT JOIN high_seasons USING (as_of)
LEFT JOIN in_season USING (as_of, customer_id)
