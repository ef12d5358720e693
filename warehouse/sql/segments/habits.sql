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
    SELECT
        month,
        customer_id,
        order_days,
        min(month) OVER (PARTITION BY customer_id) AS first_month,
        lead(month) OVER (PARTITION BY customer_id ORDER BY month) AS next_month
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

-- The usual order days of all months so far, and of those in the season, for the months between two of them.
running AS (
    SELECT
        usual.as_of,
        calendar.month,
        usual.order_days,
        sum(usual.order_days) OVER so_far AS order_days_so_far,
        CASE WHEN season_months.as_of IS NULL THEN 0 ELSE usual.order_days END AS season_days,
        sum(CASE WHEN season_months.as_of IS NULL THEN 0 ELSE usual.order_days END) OVER so_far
            AS season_days_so_far
    FROM usual
    INNER JOIN high_seasons ON high_seasons.as_of = usual.as_of
    INNER JOIN calendar ON month(calendar.month) = usual.calendar_month AND calendar.month <= usual.as_of
    LEFT JOIN season_months
        ON season_months.as_of = usual.as_of AND season_months.calendar_month = usual.calendar_month
    WINDOW so_far AS (PARTITION BY usual.as_of ORDER BY calendar.month)
),

-- Of whom only the season was seen, nobody can say that they come in it alone.
expected AS (
    SELECT
        customers.as_of,
        customers.customer_id,
        round(
            (latest.season_days_so_far - earliest.season_days_so_far + earliest.season_days)
            / (latest.order_days_so_far - earliest.order_days_so_far + earliest.order_days),
            6
        ) AS season_share
    FROM customers
    INNER JOIN months
        ON
            months.customer_id = customers.customer_id
            AND months.month <= customers.as_of
            AND customers.as_of < coalesce(months.next_month, $end)
    INNER JOIN running AS earliest
        ON earliest.as_of = customers.as_of AND earliest.month = months.first_month
    INNER JOIN running AS latest ON latest.as_of = customers.as_of AND latest.month = months.month
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
    END AS season_share,
    CASE WHEN high_seasons.as_of IS NOT NULL THEN coalesce(in_season.order_days, 0) END AS season_days,
    expected.season_share AS season_expected_share
FROM customers
INNER JOIN shops USING (as_of)
LEFT JOIN high_seasons USING (as_of)
LEFT JOIN in_season USING (as_of, customer_id)
LEFT JOIN expected USING (as_of, customer_id)
