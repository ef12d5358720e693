-- What to do for each segment, and what that rests on, as seen at the end of each as_of month.
WITH holdouts AS (
    SELECT as_of, customer_id, segment, is_held_out
    FROM segments.holdouts
    WHERE as_of >= $start AND as_of < $end
),

lifetime AS (
    SELECT lifetime.as_of, lifetime.customer_id, lifetime.expected_amount
    FROM value.lifetime
    INNER JOIN seeds.value AS settings ON lifetime.horizon_days = settings.horizon_days
    WHERE lifetime.as_of >= $start AND lifetime.as_of < $end
),

risk AS (
    SELECT as_of, customer_id, probability
    FROM churn.risk
    WHERE as_of >= $start AND as_of < $end
),

features AS (
    SELECT
        as_of,
        customer_id,
        order_days,
        frequency,
        [
            monday_share, tuesday_share, wednesday_share, thursday_share, friday_share, saturday_share,
            sunday_share
        ] AS weekday_shares,
        [night_share, morning_share, afternoon_share, evening_share] AS band_shares
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
),

customers AS (
    SELECT
        holdouts.as_of,
        holdouts.customer_id,
        holdouts.segment,
        holdouts.is_held_out,
        lifetime.expected_amount,
        risk.probability,
        features.order_days,
        features.frequency,
        features.weekday_shares,
        features.band_shares
    FROM holdouts
    LEFT JOIN lifetime USING (as_of, customer_id)
    LEFT JOIN risk USING (as_of, customer_id)
    LEFT JOIN features USING (as_of, customer_id)
),

totals AS (
    SELECT
        as_of,
        segment,
        count(customer_id) AS customers,
        count(customer_id) FILTER (is_held_out) AS held_out,
        sum(expected_amount) AS expected_amount,
        count(expected_amount * probability) AS customers_at_stake,
        avg(probability) AS mean_probability,
        sum(expected_amount * probability) AS amount_at_stake
    FROM customers
    GROUP BY as_of, segment
),

-- On which weekday, and at which part of the day, most of the segment's orders were.
weekdays AS (
    SELECT as_of, segment, weekday, sum(weekday_shares[weekday] * order_days) AS days
    FROM customers
    CROSS JOIN range(1, 8) AS weekdays (weekday)
    GROUP BY as_of, segment, weekday
),

bands AS (
    SELECT as_of, segment, band, sum(band_shares[band] * frequency) AS orders
    FROM customers
    CROSS JOIN range(1, 5) AS bands (band)
    GROUP BY as_of, segment, band
),

busiest_weekdays AS (
    SELECT
        as_of,
        segment,
        arg_min(weekday, (-round(days, 3), weekday)) AS weekday,
        round(max(days) / sum(days), 6) AS weekday_share
    FROM weekdays
    GROUP BY as_of, segment
),

busiest_bands AS (
    SELECT
        as_of,
        segment,
        arg_min(band, (-round(orders, 3), band)) AS band,
        round(max(orders) / sum(orders), 6) AS part_of_day_share
    FROM bands
    GROUP BY as_of, segment
),

tastes AS (
    SELECT customer_id, category, min(month) AS month
    FROM core.customer_product_months
    WHERE month < $end AND orders > 0 AND is_goods
    GROUP BY customer_id, category
),

bought AS (
    SELECT holdouts.as_of, holdouts.segment, tastes.category, count(holdouts.customer_id) AS customers
    FROM holdouts
    INNER JOIN tastes ON holdouts.customer_id = tastes.customer_id AND holdouts.as_of >= tastes.month
    GROUP BY holdouts.as_of, holdouts.segment, tastes.category
),

-- Share of a category in what the segment's customers ever bought of, by its share in what all did: who buys much
-- buys of everything, and that is no taste.
shares AS (
    SELECT
        as_of,
        segment,
        category,
        customers,
        customers / sum(customers) OVER (PARTITION BY as_of, segment) AS share,
        sum(customers) OVER (PARTITION BY as_of, category) / sum(customers) OVER (PARTITION BY as_of) AS share_of_all
    FROM bought
),

lifts AS (
    SELECT as_of, segment, category, customers, round(share / share_of_all, 6) AS lift
    FROM shares
),

-- Of a handful of customers the lift says nothing.
affinities AS (
    SELECT
        as_of,
        segment,
        list(category ORDER BY lift DESC, category) AS categories,
        list(lift ORDER BY lift DESC, category) AS lifts
    FROM lifts
    WHERE customers >= 10 AND category <> 'Other'
    GROUP BY as_of, segment
)

SELECT
    totals.as_of,
    totals.segment,
    totals.customers,
    totals.held_out,
    round(totals.expected_amount, 4) AS expected_amount,
    totals.customers_at_stake,
    round(totals.mean_probability, 6) AS mean_probability,
    round(totals.amount_at_stake, 4) AS amount_at_stake,
    affinities.categories[1] AS category_1,
    affinities.lifts[1] AS lift_1,
    affinities.categories[2] AS category_2,
    affinities.lifts[2] AS lift_2,
    affinities.categories[3] AS category_3,
    affinities.lifts[3] AS lift_3,
    busiest_weekdays.weekday,
    busiest_weekdays.weekday_share,
    ['night', 'morning', 'afternoon', 'evening'][busiest_bands.band] AS part_of_day,
    busiest_bands.part_of_day_share,
    campaigns.campaign,
    campaigns.reason
FROM totals
LEFT JOIN affinities USING (as_of, segment)
LEFT JOIN busiest_weekdays USING (as_of, segment)
LEFT JOIN busiest_bands USING (as_of, segment)
LEFT JOIN seeds.campaigns USING (segment)
