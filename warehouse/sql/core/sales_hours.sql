-- Sales of an hour, each invoice in the hour of its first line.
WITH sales AS (
    SELECT month, invoice_id, CAST(sold_at AS DATE) AS day, hour(sold_at) AS hour, units, amount
    FROM core.invoices
    WHERE month >= $start AND month < $end AND kind = 'sale'
)

SELECT month, day, hour, count(invoice_id) AS orders, sum(units) AS units, sum(amount) AS amount
FROM sales
GROUP BY month, day, hour
