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
    SELECT baskets.month, 'product' AS level, baskets.stratum, baskets.customer_id, baskets.sold_at, baskets.goods AS items
    FROM months
    INNER JOIN rules.baskets AS baskets USING (month)
    WHERE baskets.month < $end AND baskets.stratum > 0
    UNION ALL
    SELECT
        baskets.month, 'category' AS level, baskets.stratum, baskets.customer_id, baskets.sold_at, baskets.categories AS items
    FROM months
    INNER JOIN rules.baskets AS baskets USING (month)
    WHERE baskets.month < $end AND baskets.stratum > 0
),

items AS (
    SELECT items.month, items.level, items.item, items.stratum, items.baskets
    FROM months
    INNER JOIN rules.item_months AS items USING (month)
    WHERE items.month < $end AND items.stratum > 0
),

dealt AS (
    SELECT month, level, stratum, count(*) AS baskets, sum(len(items) * (len(items) - 1)) AS pairs
    FROM baskets
    GROUP BY month, level, stratum
),

-- Sums over all pairs of items (each twice) of items x items / baskets, and of the product of the variances.
by_chance AS (
    SELECT
        items.month,
        items.level,
        items.stratum,
        (sum(items.baskets) ** 2 - sum(items.baskets ** 2)) / any_value(dealt.baskets) AS pairs,
        (
            sum(items.baskets * (dealt.baskets - items.baskets) / dealt.baskets) ** 2
            - sum((items.baskets * (dealt.baskets - items.baskets) / dealt.baskets) ** 2)
        ) / any_value(dealt.baskets) AS variances
    FROM items
    INNER JOIN dealt USING (month, level, stratum)
    GROUP BY items.month, items.level, items.stratum
),

totals AS (
    SELECT
        dealt.month,
        dealt.level,
        dealt.stratum,
        dealt.baskets,
        CASE
            WHEN by_chance.variances > 0.000001
                THEN round(greatest(-1, least(1, (dealt.pairs - by_chance.pairs) / by_chance.variances)), 9)
            ELSE 0
        END AS dependence
    FROM dealt
    INNER JOIN by_chance USING (month, level, stratum)
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
        SELECT windows.as_of, totals.level, sum(totals.baskets) AS baskets
        FROM windows
        INNER JOIN totals USING (month)
        GROUP BY windows.as_of, totals.level
    ) AS wholes USING (as_of, level)
    CROSS JOIN seeds.rule_thresholds AS thresholds
    WHERE items.baskets > thresholds.support * wholes.baskets - 1
),

pairs AS (
    SELECT pairs.month, pairs.level, pairs.stratum, pairs.item, pairs.other, pairs.baskets
    FROM months
    INNER JOIN rules.pair_months AS pairs USING (month)
    WHERE
        pairs.month < $end
        AND pairs.item IN (SELECT frequent.item FROM frequent)
        AND pairs.other IN (SELECT frequent.item FROM frequent)
)

SELECT
    'total' AS kind,
    totals.month,
    totals.level,
    totals.stratum,
    totals.baskets,
    totals.dependence,
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
SELECT 'basket' AS kind, month, level, customer_id, sold_at, items
FROM baskets
UNION ALL BY NAME
SELECT 'itemset' AS kind, as_of AS month, 'product' AS level, items
FROM rules.itemsets
WHERE as_of >= $start AND as_of < $end AND length = 3
