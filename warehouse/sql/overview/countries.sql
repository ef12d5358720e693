-- Sales, returns and customers by country, over all months up to as_of.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

months AS (
    SELECT
        month,
        country,
        sum(orders) AS orders,
        sum(units) AS units,
        sum(amount) AS amount,
        sum(returned_amount) AS returned_amount
    FROM core.sales_days
    WHERE month < $end
    GROUP BY month, country
),

customers AS (
    SELECT as_of, country, count(customer_id) AS customers
    FROM core.customers
    WHERE as_of >= $start AND as_of < $end
    GROUP BY as_of, country
),

countries AS (
    SELECT
        as_ofs.as_of,
        months.country,
        sum(months.orders) AS orders,
        sum(months.units) AS units,
        sum(months.amount) AS amount,
        sum(months.returned_amount) AS returned_amount
    FROM as_ofs
    INNER JOIN months ON months.month <= as_ofs.as_of
    GROUP BY as_ofs.as_of, months.country
)

SELECT
    countries.as_of,
    countries.country,
    coalesce(customers.customers, 0) AS customers,
    countries.orders,
    countries.units,
    countries.amount,
    countries.returned_amount,
    coalesce(
        round(countries.amount / nullif(sum(countries.amount) OVER (PARTITION BY countries.as_of), 0), 6), 0
    ) AS amount_share
FROM countries
LEFT JOIN customers USING (as_of, country)
