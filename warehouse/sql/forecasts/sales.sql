-- What models said, beside the rows of rivals.
SELECT
    rivals.as_of,
    rivals.grain,
    rivals.measure,
    rivals.level,
    rivals.series,
    rivals.model,
    rivals.starts_on,
    rivals.step,
    rivals.mean
FROM forecasts.rivals AS rivals
WHERE rivals.as_of < $end AND rivals.mean IS NOT NULL
UNION ALL BY NAME
SELECT
    said.as_of,
    said.digest,
    said.means,
    said.sigma
FROM forecasts.said AS said
-- Two years of origins, and three months before one that is judged.
WHERE said.as_of < $end AND said.as_of >= $start - INTERVAL 27 MONTH
