-- One row per known customer and day with a sale: two invoices of one day are one decision to buy.
SELECT
    month,
    customer_id,
    CAST(sold_at AS DATE) AS day,
    count(invoice_id) AS orders,
    sum(units) AS units,
    sum(amount) AS amount
FROM core.invoices
WHERE month >= $start AND month < $end AND customer_id IS NOT NULL AND kind = 'sale'
GROUP BY month, customer_id, CAST(sold_at AS DATE)
