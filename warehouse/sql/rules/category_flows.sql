-- From category to category, within a basket and to the next order.
WITH months AS (
    SELECT CAST(unnest(range($start - to_months(window_months - 1), $end, INTERVAL 1 MONTH)) AS DATE) AS month
    FROM seeds.rule_thresholds
),

as_ofs AS (
    SELECT
        CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of,
        window_months
    FROM seeds.rule_thresholds
),

together AS (
    SELECT
        'same basket' AS step,
        pairs.month AS from_month,
        pairs.month AS to_month,
        pairs.item AS from_category,
        pairs.other AS to_category,
        pairs.baskets AS count
    FROM months
    INNER JOIN rules.pair_months AS pairs USING (month)
    WHERE pairs.month < $end AND pairs.level = 'category'
),

-- The next order of all that is known: it counts for a window that reaches to its month.
orders AS (
    SELECT
        baskets.month AS from_month,
        baskets.categories AS from_categories,
        lead(baskets.month) OVER customer AS to_month,
        lead(baskets.categories) OVER customer AS to_categories
    FROM months
    INNER JOIN rules.baskets AS baskets USING (month)
    WHERE baskets.month < $end AND baskets.customer_id IS NOT NULL
    WINDOW customer AS (PARTITION BY baskets.customer_id ORDER BY baskets.sold_at, baskets.invoice_id, baskets.month)
),

begins AS (
    SELECT from_month, to_month, unnest(from_categories) AS from_category, to_categories
    FROM orders
    WHERE to_month IS NOT NULL
),

nexts AS (
    SELECT 'next order' AS step, from_month, to_month, from_category, unnest(to_categories) AS to_category
    FROM begins
),

links AS (
    SELECT step, from_month, to_month, from_category, to_category, count
    FROM together
    UNION ALL
    SELECT step, from_month, to_month, from_category, to_category, count(*) AS count
    FROM nexts
    GROUP BY step, from_month, to_month, from_category, to_category
),

flows AS (
    SELECT as_ofs.as_of, links.step, links.from_category, links.to_category, sum(links.count) AS count
    FROM as_ofs
    INNER JOIN links
        ON
            links.to_month <= as_ofs.as_of
            AND links.from_month > as_ofs.as_of - to_months(as_ofs.window_months)
    GROUP BY as_ofs.as_of, links.step, links.from_category, links.to_category
)

SELECT
    as_of,
    step,
    from_category,
    to_category,
    count,
    round(count / sum(count) OVER (PARTITION BY as_of, step), 6) AS share
FROM flows
