-- How customers moved between clusters since the month before.
-- A date and no timestamp is compared: files are pruned by it.
WITH clusters AS (
    SELECT as_of, customer_id, cluster_id
    FROM segments.clusters
    WHERE as_of >= CAST(CAST($start AS DATE) - INTERVAL 1 MONTH AS DATE) AND as_of < $end
),

-- Without clusters of its own a month has no moves.
as_ofs AS (
    SELECT DISTINCT as_of
    FROM clusters
    WHERE as_of >= $start
),

before AS (
    SELECT as_ofs.as_of, clusters.customer_id, clusters.cluster_id
    FROM as_ofs
    INNER JOIN clusters ON clusters.as_of = as_ofs.as_of - INTERVAL 1 MONTH
),

after AS (
    SELECT as_of, customer_id, cluster_id
    FROM clusters
    WHERE as_of >= $start
),

pairs AS (
    SELECT
        as_of,
        coalesce(before.cluster_id, 'None') AS from_cluster_id,
        coalesce(after.cluster_id, 'None') AS to_cluster_id,
        count(customer_id) AS customers
    FROM before
    FULL JOIN after USING (as_of, customer_id)
    GROUP BY as_of, coalesce(before.cluster_id, 'None'), coalesce(after.cluster_id, 'None')
),

counted AS (
    SELECT
        pairs.as_of,
        pairs.from_cluster_id,
        pairs.to_cluster_id,
        pairs.customers,
        pairs.customers / sum(pairs.customers) OVER (
            PARTITION BY pairs.as_of, pairs.from_cluster_id
        ) AS from_share,
        CASE
            WHEN pairs.from_cluster_id <> 'None'
                THEN pairs.customers / sum(pairs.customers) FILTER (pairs.from_cluster_id <> 'None') OVER (
                    PARTITION BY pairs.as_of, pairs.to_cluster_id
                )
        END AS to_share,
        pairs.to_cluster_id <> 'None'
        AND (pairs.as_of, pairs.to_cluster_id) NOT IN (SELECT (as_of, cluster_id) FROM before) AS is_birth,
        pairs.from_cluster_id <> 'None'
        AND (pairs.as_of, pairs.from_cluster_id) NOT IN (SELECT (as_of, cluster_id) FROM after) AS is_death
    FROM pairs
)

SELECT
    as_of,
    from_cluster_id,
    to_cluster_id,
    customers,
    round(from_share, 6) AS from_share,
    round(to_share, 6) AS to_share,
    is_birth,
    is_death,
    CASE
        WHEN from_cluster_id = 'None' THEN 'new'
        WHEN to_cluster_id = 'None' THEN 'gone'
        WHEN from_cluster_id = to_cluster_id THEN 'stayed'
        WHEN is_birth AND is_death AND to_share > 0.5 AND from_share > 0.5 THEN 'replaced'
        WHEN is_birth AND NOT is_death AND to_share > 0.5 THEN 'split'
        WHEN is_death AND NOT is_birth AND from_share > 0.5 THEN 'merged'
        ELSE 'moved'
    END AS move
FROM counted
