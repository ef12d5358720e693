-- The baskets of all windows, with what a frequent itemset is.
WITH months AS (
    SELECT CAST(unnest(range($start - to_months(window_months - 1), $end, INTERVAL 1 MONTH)) AS DATE) AS month
    FROM seeds.rule_thresholds
)

SELECT
    baskets.month,
    baskets.goods,
    thresholds.support,
    thresholds.window_months,
    thresholds.least_customers
FROM months
INNER JOIN rules.baskets AS baskets USING (month)
CROSS JOIN seeds.rule_thresholds AS thresholds
WHERE baskets.month < $end AND baskets.stratum > 0
