-- Each customer in numbers, beside the cluster they are in, of the months with segments.
WITH verdicts AS (
    SELECT as_of
    FROM segments.cluster_quality
    WHERE as_of >= $start AND as_of < $end AND verdict = 'segments'
),

clusters AS (
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
    SELECT as_of, customer_id, recency_days, tenure_days, order_value, returned_share, products, gap_variation
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
)

SELECT
    verdicts.as_of,
    clusters.customer_id,
    md5(clusters.customer_id) AS lot,
    clusters.cluster_id,
    habits.orders_a_month,
    habits.season_share,
    features.recency_days,
    features.tenure_days,
    CAST(features.order_value AS DOUBLE) AS order_value,
    features.returned_share,
    features.products,
    features.gap_variation
FROM verdicts
INNER JOIN clusters USING (as_of)
INNER JOIN habits USING (as_of, customer_id)
INNER JOIN features USING (as_of, customer_id)
