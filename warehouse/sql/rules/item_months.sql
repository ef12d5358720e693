-- In how many baskets of a month and stratum each item occurs.
WITH items AS (
    SELECT month, stratum, 'product' AS level, unnest(goods) AS item
    FROM rules.baskets
    WHERE month >= $start AND month < $end
    UNION ALL
    SELECT month, stratum, 'category' AS level, unnest(categories) AS item
    FROM rules.baskets
    WHERE month >= $start AND month < $end
)

SELECT month, level, item, stratum, count(item) AS baskets
FROM items
GROUP BY month, level, item, stratum
