-- How each product was spelled in a month.
WITH lines AS (
    SELECT month, product_id, description AS spelling, kind
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND description IS NOT NULL
)

SELECT month, product_id, spelling, count(spelling) FILTER (kind = 'sale') AS sale_lines, count(spelling) AS lines
FROM lines
GROUP BY month, product_id, spelling
