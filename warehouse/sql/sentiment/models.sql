-- Which as_of months learn anew, and the ratings and texts that they learn from.
WITH settings AS (
    SELECT least_of_each, growth, most_learned
    FROM seeds.sentiment
),

-- Three stars say neither. Texts are joined to those that are learned from alone: the others are sorted without.
rated AS (
    SELECT
        reviews.month,
        reviews.review_id,
        reviews.rating,
        lexicon.score AS lexicon,
        row_number() OVER (ORDER BY reviews.reviewed_at, reviews.review_id) AS place
    FROM core.reviews
    INNER JOIN sentiment.lexicon ON reviews.month = lexicon.month AND reviews.review_id = lexicon.review_id
    WHERE reviews.month < $end AND lexicon.month < $end AND reviews.rating <> 3
),

monthly AS (
    SELECT
        month,
        count(*) AS rated,
        count(*) FILTER (rating < 3) AS few_stars
    FROM rated
    GROUP BY month
),

known AS (
    SELECT
        as_of,
        coalesce(sum(monthly.rated), 0) AS rated,
        coalesce(sum(monthly.few_stars), 0) AS few_stars,
        coalesce(sum(monthly.rated) FILTER (monthly.month < as_of), 0) AS rated_before,
        coalesce(sum(monthly.few_stars) FILTER (monthly.month < as_of), 0) AS few_stars_before
    FROM (SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of) AS as_ofs
    LEFT JOIN monthly ON monthly.month <= as_of
    GROUP BY as_of
),

-- How often the rarer side has grown by `growth` since there was enough of it: a step up is a reason to learn.
steps AS (
    SELECT
        known.as_of,
        known.rated,
        known.few_stars,
        floor(ln(greatest(least(known.few_stars, known.rated - known.few_stars) / settings.least_of_each, 0.5))
            / ln(settings.growth)) AS step,
        floor(ln(greatest(
            least(known.few_stars_before, known.rated_before - known.few_stars_before) / settings.least_of_each, 0.5
        )) / ln(settings.growth)) AS step_before,
        settings.least_of_each,
        settings.most_learned
    FROM known
    CROSS JOIN settings
),

asked AS (
    SELECT
        as_of,
        CAST(rated AS BIGINT) AS rated,
        CAST(few_stars AS BIGINT) AS few_stars,
        step >= 0 AND step > step_before AS is_learned,
        least_of_each,
        most_learned
    FROM steps
),

needed AS (
    SELECT DISTINCT rated.month, rated.review_id, rated.place, rated.rating, rated.lexicon
    FROM rated
    INNER JOIN asked ON rated.place > asked.rated - asked.most_learned AND rated.place <= asked.rated
    WHERE asked.is_learned
)

SELECT
    as_of,
    rated,
    few_stars,
    is_learned,
    least_of_each,
    most_learned,
    NULL AS place,
    NULL AS rating,
    NULL AS lexicon,
    NULL AS written
FROM asked
UNION ALL
SELECT
    NULL AS as_of,
    NULL AS rated,
    NULL AS few_stars,
    NULL AS is_learned,
    NULL AS least_of_each,
    NULL AS most_learned,
    needed.place,
    needed.rating,
    needed.lexicon,
    left(concat_ws('. ', reviews.title, reviews.text), 10000) AS written
FROM needed
INNER JOIN core.reviews AS reviews ON needed.month = reviews.month AND needed.review_id = reviews.review_id
WHERE reviews.month < $end
