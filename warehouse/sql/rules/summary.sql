-- What was looked at in each window and what came of it.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

months AS (
    SELECT CAST(unnest(range($start - to_months(window_months - 1), $end, INTERVAL 1 MONTH)) AS DATE) AS month
    FROM seeds.rule_thresholds
),

windows AS (
    SELECT as_ofs.as_of, months.month
    FROM as_ofs
    CROSS JOIN seeds.rule_thresholds AS thresholds
    INNER JOIN months
        ON months.month <= as_ofs.as_of AND months.month > as_ofs.as_of - to_months(thresholds.window_months)
),

sizes AS (
    SELECT month, stratum > 0 AS is_counted, count(*) AS baskets, sum(size) AS goods
    FROM rules.baskets
    INNER JOIN months USING (month)
    WHERE month < $end
    GROUP BY month, stratum > 0
),

wholes AS (
    SELECT
        windows.as_of,
        levels.level,
        coalesce(sum(sizes.baskets) FILTER (sizes.is_counted), 0) AS baskets,
        coalesce(sum(sizes.baskets) FILTER (NOT sizes.is_counted), 0) AS capped_baskets,
        coalesce(sum(sizes.goods) FILTER (NOT sizes.is_counted), 0) / sum(sizes.goods) AS capped_share
    FROM windows
    CROSS JOIN (VALUES ('product'), ('category')) AS levels (level)
    LEFT JOIN sizes USING (month)
    GROUP BY windows.as_of, levels.level
),

-- In decimals: in floats 0.07 x 100 is a little above 7, and would be 8.
bounds AS (
    SELECT
        wholes.as_of,
        wholes.level,
        wholes.baskets,
        wholes.capped_baskets,
        wholes.capped_share,
        ceil(CAST(thresholds.support AS DECIMAL(18, 12)) * wholes.baskets) AS least_count
    FROM wholes
    CROSS JOIN seeds.rule_thresholds AS thresholds
),

items AS (
    SELECT windows.as_of, items.level, items.item, sum(items.baskets) AS baskets
    FROM windows
    INNER JOIN rules.item_months AS items USING (month)
    WHERE items.month < $end AND items.stratum > 0
    GROUP BY windows.as_of, items.level, items.item
),

frequent AS (
    SELECT bounds.as_of, bounds.level, count(items.item) AS frequent_items
    FROM bounds
    INNER JOIN items ON bounds.as_of = items.as_of AND bounds.level = items.level AND bounds.least_count <= items.baskets
    GROUP BY bounds.as_of, bounds.level
),

found AS (
    SELECT
        as_of,
        level,
        count(*) FILTER (association = 'complement') AS complements,
        count(*) FILTER (association = 'substitute') AS substitutes,
        count(*) FILTER (is_rule) AS rules,
        count(*) FILTER (is_rule AND is_held) AS held_rules
    FROM rules.rules
    WHERE as_of >= $start AND as_of < $end
    GROUP BY as_of, level
)

SELECT
    bounds.as_of,
    bounds.level,
    bounds.baskets,
    bounds.capped_baskets,
    round(bounds.capped_share, 6) AS capped_share,
    bounds.least_count,
    coalesce(frequent.frequent_items, 0) AS frequent_items,
    coalesce(frequent.frequent_items * (frequent.frequent_items - 1) // 2, 0) AS candidate_pairs,
    coalesce(found.complements, 0) AS complements,
    coalesce(found.substitutes, 0) AS substitutes,
    coalesce(found.rules, 0) AS rules,
    coalesce(found.held_rules, 0) AS held_rules,
    CASE
        WHEN found.rules > 0 THEN NULL
        WHEN bounds.baskets = 0 AND bounds.capped_baskets > 0 THEN 'every basket is above the cap'
        WHEN bounds.baskets = 0 THEN 'no basket in the window'
        WHEN coalesce(frequent.frequent_items, 0) < 2 THEN 'no two items are frequent enough: lower the support'
        WHEN coalesce(found.complements, 0) = 0 THEN 'no frequent pair is bought together more often than by chance'
        ELSE 'no association passes the thresholds of support, confidence and lift'
    END AS reason
FROM bounds
LEFT JOIN frequent USING (as_of, level)
LEFT JOIN found USING (as_of, level)
