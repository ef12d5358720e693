-- Each return line of a month with the sale line it reverses.
--
-- Returns of one product by one customer draw on the same sales, so they are replayed in order from the
-- first; those of other customers or products have no part in it, so all are replayed side by side.
WITH RECURSIVE returned AS (
    SELECT month, invoice_id, line, sold_at AS returned_at, customer_id, product_id, quantity, amount, is_goods
    FROM core.order_lines
    WHERE month >= $start AND month < $end AND kind = 'return'
),

wanted AS (
    SELECT DISTINCT customer_id, product_id
    FROM returned
    WHERE customer_id IS NOT NULL
),

-- Which of its customer's and product's sales, in order, a sale is, and how many a return may look at.
-- Adjustments are in here and count for nothing: filtered out, DuckDB takes the lines for the smaller side
-- of the join and hashes them all (over 130 months 1.4 s and 850 MB instead of 0.4 s and 350 MB).
events AS (
    SELECT
        lines.customer_id,
        lines.product_id,
        lines.month,
        lines.invoice_id,
        lines.line,
        lines.sold_at,
        lines.kind,
        abs(lines.quantity) AS units,
        count(*) FILTER (lines.kind = 'sale') OVER (
            PARTITION BY lines.customer_id, lines.product_id
            ORDER BY lines.sold_at, lines.kind = 'return', lines.invoice_id, lines.line
            ROWS UNBOUNDED PRECEDING
        ) AS sales
    FROM core.order_lines AS lines
    SEMI JOIN wanted ON lines.customer_id = wanted.customer_id AND lines.product_id = wanted.product_id
    WHERE lines.month < $end
),

histories AS (
    SELECT
        customer_id,
        product_id,
        list(units ORDER BY sales) FILTER (kind = 'sale') AS units_left,
        list({'month': month, 'invoice_id': invoice_id, 'line': line, 'units': units, 'sales': sales}
            ORDER BY sold_at, invoice_id, line) FILTER (kind = 'return') AS returns
    FROM events
    GROUP BY customer_id, product_id
),

-- Step n has settled the n-th return: `sale` is the place of the sale that it took, and units_left what
-- that leaves for the next.
replay AS (
    SELECT customer_id, product_id, returns, units_left, 0 AS n, CAST(NULL AS BIGINT) AS sale
    FROM histories
    WHERE units_left IS NOT NULL
    UNION ALL
    SELECT
        customer_id,
        product_id,
        returns,
        list_transform(
            units_left,
            lambda units, place: units - CASE WHEN place = sale THEN returns[n].units ELSE 0 END
        ) AS units_left,
        n,
        sale
    FROM (
        SELECT
            customer_id,
            product_id,
            returns,
            units_left,
            n + 1 AS n,
            list_max(
                list_filter(
                    range(1, returns[n + 1].sales + 1),
                    lambda place: units_left[place] >= returns[n + 1].units
                )
            ) AS sale
        FROM replay
        WHERE n < len(returns)
    ) AS step
),

matches AS (
    SELECT
        replay.returns[replay.n].month AS month,
        replay.returns[replay.n].invoice_id AS invoice_id,
        replay.returns[replay.n].line AS line,
        replay.returns[replay.n].sales > 0 AS has_earlier_sale,
        sold.invoice_id AS sale_invoice_id,
        sold.line AS sale_line,
        sold.units AS sale_units,
        sold.sold_at
    FROM replay
    LEFT JOIN events AS sold
        ON
            sold.kind = 'sale'
            AND replay.customer_id = sold.customer_id
            AND replay.product_id = sold.product_id
            AND replay.sale = sold.sales
    WHERE replay.n > 0
)

SELECT
    returned.month,
    returned.invoice_id,
    returned.line,
    returned.returned_at,
    returned.customer_id,
    returned.product_id,
    returned.is_goods,
    -returned.quantity AS returned_units,
    -returned.amount AS returned_amount,
    matches.sale_invoice_id,
    matches.sale_line,
    matches.sale_units,
    matches.sold_at,
    CAST(returned.returned_at AS DATE) - CAST(matches.sold_at AS DATE) AS days_since_sale,
    coalesce(CAST(returned.returned_at AS DATE) = CAST(matches.sold_at AS DATE), FALSE) AS is_correction,
    CASE
        WHEN returned.customer_id IS NULL THEN 'guest'
        WHEN NOT coalesce(matches.has_earlier_sale, FALSE) THEN 'no earlier sale'
        WHEN matches.sale_invoice_id IS NULL THEN 'not enough left'
    END AS unmatched_reason
FROM returned
LEFT JOIN matches
    ON
        returned.month = matches.month
        AND returned.invoice_id = matches.invoice_id
        AND returned.line = matches.line
