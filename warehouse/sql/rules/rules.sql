-- All that is counted in the windows of the as_of months, told apart by kind: baskets by month and stratum,
-- those with an item, those with a pair, the baskets themselves, and frequent itemsets of three.
WITH months AS (
    SELECT CAST(unnest(range($start - to_months(window_months - 1), $end, INTERVAL 1 MONTH)) AS DATE) AS month
    FROM seeds.rule_thresholds
),

windows AS (
    SELECT CAST(as_ofs.as_of AS DATE) AS as_of, months.month
    FROM (SELECT unnest(range($start, $end, INTERVAL 1 MONTH)) AS as_of) AS as_ofs
    CROSS JOIN seeds.rule_thresholds AS thresholds
    INNER JOIN months
        ON months.month <= as_ofs.as_of AND months.month > as_ofs.as_of - to_months(thresholds.window_months)
),

baskets AS (
    SELECT baskets.month, baskets.stratum, baskets.customer_id, baskets.sold_at, baskets.goods, baskets.categories
    FROM months
    INNER JOIN rules.baskets AS baskets USING (month)
    WHERE baskets.month < $end AND baskets.stratum > 0
),

totals AS (
    SELECT month, stratum, count(*) AS baskets
    FROM baskets
    GROUP BY month, stratum
),

items AS (
    SELECT items.month, items.level, items.item, items.stratum, items.baskets
    FROM months
    INNER JOIN rules.item_months AS items USING (month)
    WHERE items.month < $end AND items.stratum > 0
),

-- Pairs of items that are frequent in one window at least: the others cannot be a candidate of any.
frequent AS (
    SELECT DISTINCT items.level, items.item
    FROM (
        SELECT windows.as_of, items.level, items.item, sum(items.baskets) AS baskets
        FROM windows
        INNER JOIN items USING (month)
        GROUP BY windows.as_of, items.level, items.item
    ) AS items
    INNER JOIN (
        SELECT windows.as_of, sum(totals.baskets) AS baskets
        FROM windows
        INNER JOIN totals USING (month)
        GROUP BY windows.as_of
    ) AS wholes USING (as_of)
    CROSS JOIN seeds.rule_thresholds AS thresholds
    WHERE items.baskets > thresholds.support * wholes.baskets - 1
),

pairs AS (
    SELECT pairs.month, pairs.level, pairs.stratum, pairs.item, pairs.other, pairs.baskets
    FROM months
    INNER JOIN rules.pair_months AS pairs USING (month)
    INNER JOIN frequent AS one ON pairs.level = one.level AND pairs.item = one.item
    INNER JOIN frequent AS two ON pairs.level = two.level AND pairs.other = two.item
    WHERE pairs.month < $end
)

SELECT
    'total' AS kind,
    totals.month,
    totals.stratum,
    totals.baskets,
    thresholds.support,
    thresholds.confidence,
    thresholds.lift,
    thresholds.least_customers,
    thresholds.false_discovery_rate,
    thresholds.strongest,
    thresholds.window_months,
    thresholds.later_months
FROM totals
CROSS JOIN seeds.rule_thresholds AS thresholds
UNION ALL BY NAME
SELECT 'item' AS kind, month, level, stratum, item, baskets
FROM items
SEMI JOIN frequent USING (level, item)
UNION ALL BY NAME
SELECT 'pair' AS kind, month, level, stratum, item, list(other) AS items, list(baskets) AS counts
FROM pairs
GROUP BY month, level, stratum, item
UNION ALL BY NAME
SELECT 'basket' AS kind, month, 'product' AS level, customer_id, sold_at, goods AS items
FROM baskets
UNION ALL BY NAME
SELECT 'basket' AS kind, month, 'category' AS level, customer_id, sold_at, categories AS items
FROM baskets
UNION ALL BY NAME
SELECT 'itemset' AS kind, as_of AS month, 'product' AS level, items
FROM rules.itemsets
WHERE as_of >= $start AND as_of < $end AND length = 3
