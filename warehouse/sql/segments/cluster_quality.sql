-- The customers to be parted, beside what was chosen a month before.
WITH habits AS (
    SELECT as_of, customer_id, order_days, orders_a_month, order_value, season_days, season_expected_share
    FROM segments.habits
    WHERE as_of >= $start AND as_of < $end
),

-- A date and no timestamp: files are pruned by it.
before AS (
    SELECT method, clusters
    FROM segments.cluster_quality
    WHERE as_of = CAST(CAST($start AS DATE) - INTERVAL 1 MONTH AS DATE) AND is_chosen
),

wanted AS (
    SELECT least_order_days, most_clusters, is_dbscan_tried
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
    wanted.least_order_days,
    wanted.most_clusters,
    wanted.is_dbscan_tried,
    before.method AS method_before,
    before.clusters AS clusters_before
FROM habits
CROSS JOIN wanted
LEFT JOIN before ON TRUE
