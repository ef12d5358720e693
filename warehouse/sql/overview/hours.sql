-- Sales by weekday and hour, over all months up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

hours AS (
    SELECT
        month,
        isodow(day) AS weekday,
        hour,
        sum(orders) AS orders,
        sum(units) AS units,
        sum(amount) AS amount
    FROM core.sales_hours
    WHERE month < $end
    GROUP BY month, isodow(day), hour
)

SELECT
    as_ofs.as_of,
    hours.weekday,
    hours.hour,
    sum(hours.orders) AS orders,
    sum(hours.units) AS units,
    sum(hours.amount) AS amount
FROM as_ofs
INNER JOIN hours ON hours.month <= as_ofs.as_of
GROUP BY as_ofs.as_of, hours.weekday, hours.hour
