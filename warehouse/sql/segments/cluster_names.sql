-- What each cluster is called, by what its customers are beside all customers.
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
    SELECT as_of, customer_id, recency_days, monetary
    FROM segments.customer_features
    WHERE as_of >= $start AND as_of < $end
),

customers AS (
    SELECT
        clusters.as_of,
        clusters.customer_id,
        clusters.cluster_id,
        habits.orders_a_month,
        habits.season_share,
        features.recency_days,
        features.monetary
    FROM clusters
    INNER JOIN habits USING (as_of, customer_id)
    INNER JOIN features USING (as_of, customer_id)
),

-- Sums of decimals: an average of doubles would depend on the order of rows.
shops AS (
    SELECT
        as_of,
        count(customer_id) AS customers,
        sum(monetary) AS amount,
        median(monetary) AS monetary,
        median(orders_a_month) AS orders_a_month,
        sum(CAST(season_share AS DECIMAL(18, 6))) / count(season_share) AS season_share,
        median(recency_days) AS recency_days
    FROM customers
    GROUP BY as_of
),

sizes AS (
    SELECT
        as_of,
        cluster_id,
        count(customer_id) AS customers,
        sum(monetary) AS amount,
        median(monetary) AS monetary,
        median(orders_a_month) AS orders_a_month,
        sum(CAST(season_share AS DECIMAL(18, 6))) / count(season_share) AS season_share,
        median(recency_days) AS recency_days
    FROM customers
    GROUP BY as_of, cluster_id
),

ratios AS (
    SELECT
        sizes.as_of,
        sizes.cluster_id,
        sizes.customers,
        round(sizes.customers / shops.customers, 6) AS customer_share,
        sizes.amount,
        round(sizes.amount / nullif(shops.amount, 0), 6) AS amount_share,
        round(sizes.monetary / nullif(shops.monetary, 0), 6) AS monetary_ratio,
        round(sizes.orders_a_month / shops.orders_a_month, 6) AS orders_ratio,
        round(sizes.season_share / nullif(shops.season_share, 0), 6) AS season_ratio,
        round(sizes.recency_days / shops.recency_days, 6) AS recency_ratio
    FROM sizes
    INNER JOIN shops USING (as_of)
),

named AS (
    SELECT ratios.as_of, ratios.cluster_id, ratios.amount, names.rank, names.name
    FROM ratios
    INNER JOIN seeds.cluster_names AS names
        ON
            coalesce(ratios.monetary_ratio >= names.monetary_ratio, names.monetary_ratio IS NULL)
            AND coalesce(ratios.orders_ratio >= names.orders_ratio, names.orders_ratio IS NULL)
            AND coalesce(ratios.season_ratio >= names.season_ratio, names.season_ratio IS NULL)
            AND coalesce(ratios.recency_ratio >= names.recency_ratio, names.recency_ratio IS NULL)
    QUALIFY row_number() OVER (PARTITION BY ratios.as_of, ratios.cluster_id ORDER BY names.rank) = 1
),

numbered AS (
    SELECT
        as_of,
        cluster_id,
        name,
        row_number() OVER (PARTITION BY as_of, name ORDER BY amount DESC, cluster_id) AS number
    FROM named
)

SELECT
    ratios.as_of,
    ratios.cluster_id,
    -- A cluster that reaches no name of the seed is called by its id.
    CASE
        WHEN numbered.name IS NULL THEN ratios.cluster_id
        WHEN numbered.number = 1 THEN numbered.name
        ELSE numbered.name || ' ' || numbered.number
    END AS name,
    ratios.customers,
    ratios.customer_share,
    ratios.amount,
    ratios.amount_share,
    ratios.monetary_ratio,
    ratios.orders_ratio,
    ratios.season_ratio,
    ratios.recency_ratio
FROM ratios
LEFT JOIN numbered USING (as_of, cluster_id)
