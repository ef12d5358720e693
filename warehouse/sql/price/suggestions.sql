-- Of each product the price that would have earned most, near today's and within those seen, or why none is said.
WITH products AS (
    SELECT
        response.as_of,
        response.product_id,
        response.category,
        response.regular_price,
        greatest(response.lowest_price, (1 - settings.most_change) * response.regular_price) AS lowest,
        least(response.highest_price, (1 + settings.most_change) * response.regular_price) AS highest,
        response.lowest_price,
        response.highest_price,
        response.prices,
        response.elasticity,
        response.lo_90,
        response.hi_90,
        response.evidence,
        response.reason AS missing_reason,
        response.placebo_probability < settings.chance AS has_placebo,
        response.shop_placebo_probability < settings.chance AND response.shop_placebo_share > settings.placebo_share
            AS has_shop_placebo,
        costs.unit_cost,
        CASE WHEN costs.unit_cost IS NULL THEN 'revenue' ELSE 'margin' END AS goal,
        settings.least_prices,
        states.last_sold_at < last_day(response.as_of) - settings.quiet_days AS is_gone
    FROM price.response AS response
    CROSS JOIN seeds.pricing AS settings
    LEFT JOIN seeds.costs AS costs ON response.product_id = upper(costs.product_id)
    LEFT JOIN core.products AS states
        ON response.as_of = states.as_of AND response.product_id = states.product_id
    WHERE response.as_of >= $start AND response.as_of < $end
),

-- The best price at a constant elasticity e: cost x e / (1 + e), or one end of what was seen.
best AS (
    SELECT
        *,
        CASE
            WHEN elasticity >= -1 THEN highest
            WHEN unit_cost IS NULL THEN lowest
            ELSE greatest(lowest, least(highest, unit_cost * elasticity / (1 + elasticity)))
        END AS price
    FROM products
),

rounded AS (
    SELECT *, CAST(round(price, 2) AS DECIMAL(18, 4)) AS tried
    FROM best
),

-- What a unit at the regular price earns, and what the tried price earns by it: at the elasticity and at both ends.
weighed AS (
    SELECT
        *,
        regular_price - coalesce(unit_cost, 0) AS earned,
        greatest(least(tried, highest_price), lowest_price) AS suggested
    FROM rounded
),

gains AS (
    SELECT
        *,
        CASE WHEN earned > 0 THEN (suggested - coalesce(unit_cost, 0)) / earned END AS a_unit,
        CAST(suggested AS DOUBLE) / CAST(regular_price AS DOUBLE) AS ratio
    FROM weighed
),

judged AS (
    SELECT
        *,
        a_unit * power(ratio, elasticity) - 1 AS gain,
        least(a_unit * power(ratio, lo_90), a_unit * power(ratio, hi_90)) - 1 AS least_gain
    FROM gains
),

reasoned AS (
    SELECT
        *,
        CASE
            WHEN missing_reason IS NOT NULL THEN missing_reason
            WHEN is_gone THEN 'it is no longer sold'
            WHEN prices < least_prices THEN format('it had {} regular prices, and {} are needed', prices, least_prices)
            WHEN has_shop_placebo THEN 'the placebo finds that prices of the shop follow demand'
            WHEN has_placebo THEN 'the placebo finds that its price follows demand'
            WHEN hi_90 >= 0 THEN 'no response to its price was found'
            WHEN earned <= 0 THEN 'its regular price is below its cost'
            WHEN suggested = regular_price THEN 'no price seen would have earned more'
            WHEN least_gain <= 0 THEN 'how much it responds is not sure enough to tell'
        END AS reason
    FROM judged
)

SELECT
    as_of,
    product_id,
    category,
    goal,
    regular_price,
    lowest_price,
    highest_price,
    unit_cost,
    CASE WHEN reason IS NULL THEN suggested END AS suggested_price,
    CASE WHEN reason IS NULL THEN CAST(round(gain, 4) AS DOUBLE) END AS gain,
    CASE WHEN reason IS NULL THEN CAST(round(least_gain, 4) AS DOUBLE) END AS least_gain,
    elasticity,
    lo_90,
    hi_90,
    evidence,
    reason
FROM reasoned
