-- In how many baskets of a month and stratum each pair of items occurs.
WITH baskets AS (
    SELECT month, stratum, 'product' AS level, goods AS items
    FROM rules.baskets
    WHERE month >= $start AND month < $end AND stratum > 0
    UNION ALL
    SELECT month, stratum, 'category' AS level, categories AS items
    FROM rules.baskets
    WHERE month >= $start AND month < $end AND stratum > 0
),

-- Items are sorted, so what follows an item in its basket is greater: each pair comes once.
places AS (
    SELECT month, stratum, level, items, unnest(range(1, len(items))) AS place
    FROM baskets
),

pairs AS (
    SELECT month, stratum, level, items[place] AS item, unnest(items[place + 1:]) AS other
    FROM places
)

SELECT month, level, item, other, stratum, count(item) AS baskets
FROM pairs
GROUP BY month, level, item, other, stratum
