-- How many return lines each segment will bring in the month after as_of, by what it brought in the last twelve.
-- A month counts half as much as one three months later: what a segment is changes most while the data is young.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

seen AS (
    SELECT as_ofs.as_of, max(days.day) AS last_day
    FROM as_ofs
    INNER JOIN core.sales_days AS days ON days.month <= as_ofs.as_of
    WHERE days.month < $end
    GROUP BY as_ofs.as_of
),

rfm AS (
    SELECT as_of, customer_id, segment
    FROM segments.rfm
    WHERE as_of >= CAST($start AS DATE) - INTERVAL 12 MONTH AND as_of < $end
),

returned AS (
    SELECT CAST(month - INTERVAL 1 MONTH AS DATE) AS as_of, customer_id, return_lines
    FROM core.customer_months
    WHERE month < $end AND return_lines > 0
),

-- How large a segment was, and what came back from it in the month after.
months AS (
    SELECT
        rfm.as_of,
        rfm.segment,
        count(rfm.customer_id) AS customers,
        coalesce(sum(returned.return_lines), 0) AS return_lines
    FROM rfm
    LEFT JOIN returned USING (as_of, customer_id)
    GROUP BY rfm.as_of, rfm.segment
),

-- Months whose following month had passed whole by as_of.
passed AS (
    SELECT
        seen.as_of,
        months.segment,
        months.customers,
        months.return_lines,
        pow(0.5, date_diff('month', months.as_of, seen.as_of) / 3) AS weight
    FROM seen
    INNER JOIN months
        ON
            seen.as_of > months.as_of
            AND months.as_of >= seen.as_of - INTERVAL 12 MONTH
            AND seen.last_day >= months.as_of + INTERVAL 2 MONTH - INTERVAL 3 DAY
),

learned AS (
    SELECT
        as_of,
        segment,
        count(customers) AS months,
        sum(weight * customers) AS customers,
        sum(weight * return_lines) AS return_lines,
        -- Of so many months all but one can differ from their rate.
        sum(weight) - sum(weight * weight) / sum(weight) AS freedom
    FROM passed
    GROUP BY as_of, segment
),

-- How much more than by chance (Poisson) the months differ from the rate of their segment; 1 at least.
squares AS (
    SELECT
        learned.as_of,
        learned.segment,
        learned.freedom,
        sum(
            passed.weight
            * pow(passed.return_lines - passed.customers * learned.return_lines / learned.customers, 2)
            / (passed.customers * learned.return_lines / learned.customers)
        ) AS square
    FROM learned
    INNER JOIN passed USING (as_of, segment)
    WHERE learned.return_lines > 0
    GROUP BY learned.as_of, learned.segment, learned.freedom
),

spreads AS (
    SELECT as_of, greatest(1, CASE WHEN sum(freedom) > 0.000001 THEN sum(square) / sum(freedom) END) AS spread
    FROM squares
    GROUP BY as_of
),

expected AS (
    SELECT
        now.as_of,
        now.segment,
        now.customers,
        coalesce(learned.months, 0) AS months,
        CASE WHEN learned.months >= 3 THEN now.customers * learned.return_lines / learned.customers END AS return_lines,
        -- Months without a return are no proof that there are none: half a line is taken for them.
        sqrt(
            coalesce(spreads.spread, 1)
            * now.customers * greatest(learned.return_lines, 0.5) / learned.customers
            * (1 + now.customers / learned.customers)
        ) AS error
    FROM months AS now
    LEFT JOIN learned USING (as_of, segment)
    LEFT JOIN spreads USING (as_of)
    WHERE now.as_of >= $start
)

SELECT
    as_of,
    segment,
    customers,
    months AS learned_months,
    round(return_lines, 4) AS expected_return_lines,
    CASE WHEN return_lines < 1.96 * error THEN 0 ELSE round(return_lines - 1.96 * error, 4) END AS return_lines_low,
    round(return_lines + 1.96 * error, 4) AS return_lines_high,
    CASE
        WHEN return_lines IS NULL
            THEN 'the segment must have had customers in 3 months whose following month has passed'
    END AS reason
FROM expected
