-- Each customer in numbers, beside the cluster they are in.
WITH clusters AS (
    SELECT as_of, customer_id, cluster_id
    FROM segments.clusters
    WHERE as_of >= $start AND as_of < $end
),

habits AS (
    SELECT as_of, customer_id, orders_a_month, season_share
    FROM segments.habits
    WHERE as_of >= $start AND as_of < $end
),

features AS (
    SELECT
        as_of,
        customer_id,
        recency_days,
        tenure_days,
        frequency,
        monetary,
        order_value,
        returned_amount,
        returned_share,
        products,
        gap_mean_days,
        gap_variation,
        saturday_share,
        sunday_share,
        evening_share
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
)

SELECT
    clusters.as_of,
    clusters.customer_id,
    clusters.cluster_id,
    habits.orders_a_month,
    habits.season_share,
    features.recency_days,
    features.tenure_days,
    features.frequency,
    CAST(features.monetary AS DOUBLE) AS monetary,
    CAST(features.order_value AS DOUBLE) AS order_value,
    features.returned_share,
    features.returned_amount > 0 AS has_returned,
    features.products,
    features.gap_mean_days,
    features.gap_variation,
    features.saturday_share + features.sunday_share AS weekend_share,
    features.evening_share
FROM clusters
INNER JOIN habits USING (as_of, customer_id)
INNER JOIN features USING (as_of, customer_id)
