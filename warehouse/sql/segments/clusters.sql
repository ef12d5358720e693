-- The customers to be parted, how, and which cluster each was in a month before.
WITH habits AS (
    SELECT as_of, customer_id, order_days, orders_a_month, order_value, season_days, season_expected_share
    FROM segments.habits
    WHERE as_of >= $start AND as_of < $end
),

features AS (
    SELECT as_of, customer_id, recency_days, frequency, monetary
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
),

chosen AS (
    SELECT as_of, method, clusters
    FROM segments.cluster_quality
    WHERE as_of >= $start AND as_of < $end AND is_chosen
),

-- A date and no timestamp: files are pruned by it.
before AS (
    SELECT customer_id, cluster_id
    FROM segments.clusters
    WHERE as_of = CAST(CAST($start AS DATE) - INTERVAL 1 MONTH AS DATE)
),

wanted AS (
    SELECT least_order_days, most_clusters
    FROM seeds.clustering
)

SELECT
    habits.as_of,
    habits.customer_id,
    md5(habits.customer_id) AS lot,
    habits.order_days,
    habits.orders_a_month,
    CAST(habits.order_value AS DOUBLE) AS order_value,
    habits.season_days,
    habits.season_expected_share,
    features.recency_days,
    features.frequency,
    CAST(features.monetary AS DOUBLE) AS monetary,
    wanted.least_order_days,
    wanted.most_clusters,
    chosen.method,
    chosen.clusters,
    before.cluster_id AS cluster_id_before
FROM habits
CROSS JOIN wanted
INNER JOIN features USING (as_of, customer_id)
LEFT JOIN chosen USING (as_of)
LEFT JOIN before USING (customer_id)
