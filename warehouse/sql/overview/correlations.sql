-- Pearson's correlation of each pair of daily figures, over all days of trade up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

days AS (
    SELECT
        month,
        day,
        CAST(sum(orders) AS DOUBLE) AS orders,
        CAST(sum(units) AS DOUBLE) AS units,
        CAST(sum(amount) AS DOUBLE) AS amount,
        CAST(sum(returned_amount) AS DOUBLE) AS returned_amount
    FROM core.sales_days
    WHERE month < $end
    GROUP BY month, day
),

figures AS (
    SELECT month, day, 'orders' AS figure, orders AS value FROM days
    UNION ALL
    SELECT month, day, 'units' AS figure, units AS value FROM days
    UNION ALL
    SELECT month, day, 'amount' AS figure, amount AS value FROM days
    UNION ALL
    SELECT month, day, 'returned_amount' AS figure, returned_amount AS value FROM days
),

pairs AS (
    SELECT
        one.month,
        one.day,
        one.figure,
        other.figure AS other_figure,
        one.value,
        other.value AS other_value
    FROM figures AS one
    INNER JOIN figures AS other ON one.day = other.day AND one.figure < other.figure
)

SELECT
    as_ofs.as_of,
    pairs.figure,
    pairs.other_figure,
    count(pairs.day) AS days,
    -- A figure that never changes has no correlation, and 0 / 0 is told as NaN.
    CASE
        WHEN min(pairs.value) < max(pairs.value) AND min(pairs.other_value) < max(pairs.other_value)
            THEN round(corr(pairs.other_value, pairs.value), 6)
    END AS correlation
FROM as_ofs
INNER JOIN pairs ON pairs.month <= as_ofs.as_of
GROUP BY as_ofs.as_of, pairs.figure, pairs.other_figure
