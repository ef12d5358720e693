-- Each topic of an as_of: what it is called, how much is written of it, how well it holds.
WITH fits AS (
    SELECT
        as_of,
        topic_id,
        state,
        name,
        c_v,
        fresh_c_v,
        fresh_overlap,
        updated_from
    FROM topics.fits
    WHERE as_of >= $start AND as_of < $end
),

documents AS (
    SELECT as_of, month, review_id, topic_id, CAST(share AS DECIMAL(9, 4)) AS share, is_leading
    FROM topics.documents
    WHERE as_of >= $start AND as_of < $end AND topic_id <> 'None'
),

reviews AS (
    SELECT month, review_id, rating
    FROM core.reviews
    WHERE month < $end
),

-- The words themselves would be carried with every topic of every review.
lengths AS (
    SELECT month, review_id, len(words) AS words, md5_number(array_to_string(words, ' ')) AS same
    FROM topics.words
    WHERE month < $end
),

told AS (
    SELECT
        documents.as_of,
        documents.topic_id,
        documents.month,
        documents.review_id,
        documents.share,
        documents.is_leading,
        reviews.rating,
        lengths.words,
        lengths.same
    FROM documents
    INNER JOIN reviews ON documents.month = reviews.month AND documents.review_id = reviews.review_id
    INNER JOIN lengths ON documents.month = lengths.month AND documents.review_id = lengths.review_id
),

shops AS (
    SELECT as_of, CAST(sum(share) AS DOUBLE) AS reviews
    FROM documents
    GROUP BY as_of
),

sizes AS (
    SELECT
        as_of,
        topic_id,
        CAST(sum(share) AS DOUBLE) AS reviews,
        count(*) FILTER (is_leading) AS led_reviews,
        CAST(sum(share * rating) AS DOUBLE) AS stars
    FROM told
    GROUP BY as_of, topic_id
),

-- Copies of a review stand for it once.
different AS (
    SELECT as_of, topic_id, month, review_id, share, words
    FROM told
    QUALIFY row_number() OVER (PARTITION BY as_of, topic_id, same ORDER BY month, review_id) = 1
),

-- Neither a word or two nor a treatise stands for a topic.
standing AS (
    SELECT
        as_of,
        topic_id,
        review_id,
        row_number() OVER (
            PARTITION BY as_of, topic_id
            ORDER BY words BETWEEN 10 AND 80 DESC, round(share, 2) DESC, words DESC, month, review_id
        ) AS place
    FROM different
),

three AS (
    SELECT as_of, topic_id, list(review_id ORDER BY place) AS review_ids
    FROM standing
    WHERE place <= 3
    GROUP BY as_of, topic_id
)

SELECT
    fits.as_of,
    fits.topic_id,
    fits.state,
    fits.name,
    coalesce(round(sizes.reviews / shops.reviews, 6), 0) AS share,
    coalesce(sizes.led_reviews, 0) AS led_reviews,
    round(sizes.stars / sizes.reviews, 4) AS mean_rating,
    fits.c_v,
    fits.fresh_c_v,
    fits.fresh_overlap,
    fits.updated_from,
    coalesce(three.review_ids, []) AS review_ids
FROM fits
LEFT JOIN shops USING (as_of)
LEFT JOIN sizes USING (as_of, topic_id)
LEFT JOIN three USING (as_of, topic_id)
