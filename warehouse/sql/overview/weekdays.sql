-- Sales by weekday, over all months up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

weekdays AS (
    SELECT
        month,
        isodow(day) AS weekday,
        count(DISTINCT day) AS days,
        sum(orders) AS orders,
        sum(units) AS units,
        sum(amount) AS amount
    FROM core.sales_hours
    WHERE month < $end
    GROUP BY month, isodow(day)
)

SELECT
    as_ofs.as_of,
    weekdays.weekday,
    sum(weekdays.days) AS days,
    sum(weekdays.orders) AS orders,
    sum(weekdays.units) AS units,
    sum(weekdays.amount) AS amount,
    round(sum(weekdays.orders) / sum(weekdays.days), 2) AS orders_per_day
FROM as_ofs
INNER JOIN weekdays ON weekdays.month <= as_ofs.as_of
GROUP BY as_ofs.as_of, weekdays.weekday
