-- What to sell together, with an upper bound of what that may bring.
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

rules AS (
    SELECT
        as_of,
        list_sort(list_append(antecedent, consequent)) AS goods,
        antecedent,
        consequent,
        strength_rank,
        adjusted_lift,
        count,
        customers,
        antecedent_count - count AS open_baskets
    FROM rules.rules
    WHERE as_of >= $start AND as_of < $end AND level = 'product' AND strength_rank IS NOT NULL
),

amounts AS (
    SELECT
        windows.as_of,
        products.product_id,
        CAST(sum(products.amount) / sum(products.orders) AS DECIMAL(18, 4)) AS consequent_amount
    FROM windows
    INNER JOIN core.product_months AS products USING (month)
    WHERE products.month < $end AND products.orders > 0
    GROUP BY windows.as_of, products.product_id
)

SELECT
    rules.as_of,
    rules.goods,
    rules.antecedent,
    rules.consequent,
    rules.strength_rank,
    rules.adjusted_lift,
    rules.count,
    rules.customers,
    rules.open_baskets,
    amounts.consequent_amount,
    rules.open_baskets * amounts.consequent_amount AS extra_amount_upper_bound
FROM rules
INNER JOIN amounts ON rules.as_of = amounts.as_of AND rules.consequent = amounts.product_id
QUALIFY
    row_number() OVER (
        PARTITION BY rules.as_of, rules.goods
        ORDER BY rules.open_baskets * amounts.consequent_amount DESC, rules.strength_rank
    ) = 1
