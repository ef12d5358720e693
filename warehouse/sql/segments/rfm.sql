-- Each customer as seen at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- The day from which recency counts: the one after the last sale of anyone up to as_of.
reference AS (
    SELECT as_ofs.as_of, max(days.day) + 1 AS reference_day
    FROM as_ofs
    INNER JOIN core.sales_days AS days ON days.month <= as_ofs.as_of
    WHERE days.month < $end AND days.orders > 0
    GROUP BY as_ofs.as_of
),

-- Running totals, each valid until the customer's next month of activity: so every customer is joined
-- once an as_of, however long the history.
states AS (
    SELECT
        month,
        customer_id,
        lead(month) OVER customer AS next_month,
        max(last_sold_at) OVER so_far AS last_sold_at,
        sum(orders) OVER so_far AS frequency,
        sum(amount) OVER so_far AS monetary,
        sum(amount - returned_amount) OVER so_far AS net_monetary
    FROM core.customer_months
    WHERE month < $end
    WINDOW
        customer AS (PARTITION BY customer_id ORDER BY month),
        so_far AS (PARTITION BY customer_id ORDER BY month ROWS UNBOUNDED PRECEDING)
),

customers AS (
    SELECT
        reference.as_of,
        states.customer_id,
        reference.reference_day - CAST(states.last_sold_at AS DATE) AS recency_days,
        states.frequency,
        states.monetary,
        states.net_monetary
    FROM reference
    INNER JOIN states
        ON
            states.month <= reference.as_of
            AND reference.as_of < coalesce(states.next_month, $end)
    WHERE states.frequency > 0
),

scored AS (
    SELECT
        as_of,
        customer_id,
        recency_days,
        frequency,
        monetary,
        net_monetary,
        least(5, 1 + floor(5 * percent_rank() OVER (PARTITION BY as_of ORDER BY recency_days DESC))) AS r,
        least(5, 1 + floor(5 * percent_rank() OVER (PARTITION BY as_of ORDER BY frequency))) AS f,
        least(5, 1 + floor(5 * percent_rank() OVER (PARTITION BY as_of ORDER BY monetary))) AS m
    FROM customers
)

SELECT
    scored.as_of,
    scored.customer_id,
    scored.recency_days,
    scored.frequency,
    scored.monetary,
    scored.net_monetary,
    scored.r,
    scored.f,
    scored.m,
    segments.segment,
    CASE
        WHEN scored.r + scored.f + scored.m >= 12 THEN 'High'
        WHEN scored.r + scored.f + scored.m >= 8 THEN 'Medium'
        ELSE 'Low'
    END AS tier
FROM scored
LEFT JOIN seeds.rfm_segments AS segments
    ON segments.r = scored.r AND segments.fm = floor((scored.f + scored.m + 1) / 2)
