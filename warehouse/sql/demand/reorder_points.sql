-- Days with a sale, units by product and part of a week, stock-outs, and what is known of the supply.
WITH rows_of AS (
    SELECT
        'day' AS what,
        day,
        CAST(NULL AS DATE) AS last_day,
        CAST(NULL AS DATE) AS month,
        CAST(NULL AS DATE) AS week,
        CAST(NULL AS VARCHAR) AS product_id,
        CAST(NULL AS BIGINT) AS units,
        CAST(NULL AS BIGINT) AS returned_units,
        CAST(NULL AS BIGINT) AS lead_days,
        CAST(NULL AS DOUBLE) AS service_level,
        CAST(NULL AS DOUBLE) AS unit_cost
    FROM core.sales_days
    WHERE month < $end AND orders > 0
    GROUP BY day
    UNION ALL
    SELECT
        'sold' AS what, NULL AS day, NULL AS last_day, month, week, product_id, units, returned_units,
        NULL AS lead_days, NULL AS service_level, NULL AS unit_cost
    FROM core.product_weeks
    WHERE month < $end AND is_goods
    UNION ALL
    SELECT
        'out' AS what, first_day AS day, last_day, NULL AS month, NULL AS week, upper(product_id) AS product_id,
        NULL AS units, NULL AS returned_units, NULL AS lead_days, NULL AS service_level, NULL AS unit_cost
    FROM seeds.stockouts
    WHERE first_day < $end
    UNION ALL
    SELECT
        'supply' AS what, NULL AS day, NULL AS last_day, NULL AS month, NULL AS week,
        upper(coalesce(supply.product_id, costs.product_id)) AS product_id, NULL AS units, NULL AS returned_units,
        supply.lead_days, supply.service_level, CAST(costs.unit_cost AS DOUBLE) AS unit_cost
    FROM seeds.supply AS supply
    FULL JOIN seeds.costs AS costs ON upper(supply.product_id) = upper(costs.product_id)
)

SELECT
    rows_of.what,
    rows_of.day,
    rows_of.last_day,
    rows_of.month,
    rows_of.week,
    rows_of.product_id,
    rows_of.units,
    rows_of.returned_units,
    rows_of.lead_days,
    rows_of.service_level,
    rows_of.unit_cost,
    CAST(settings.lead_days AS BIGINT) AS default_lead_days,
    settings.service_level AS default_service_level,
    settings.cover_days,
    settings.dead_days,
    CAST(settings.order_cost AS DOUBLE) AS order_cost,
    CAST(settings.holding_a_year AS DOUBLE) AS holding_a_year
FROM rows_of
CROSS JOIN seeds.ordering AS settings
