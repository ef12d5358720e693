-- What to show beside a product, or beside two in one basket: what is bought with them more often than chance has it.
WITH associations AS (
    SELECT
        as_of,
        antecedent,
        consequent,
        count,
        customers,
        confidence,
        adjusted_lift,
        is_rule,
        row_number() OVER (
            PARTITION BY as_of, antecedent
            ORDER BY confidence DESC, adjusted_lift DESC, consequent
        ) AS rank
    FROM rules.rules
    WHERE as_of >= $start AND as_of < $end AND level = 'product' AND association = 'complement'
)

SELECT
    as_of,
    antecedent AS product_ids,
    rank,
    consequent AS also_bought,
    count AS baskets,
    customers,
    confidence,
    adjusted_lift,
    is_rule
FROM associations
WHERE rank <= 20
