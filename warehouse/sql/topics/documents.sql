-- The topics that serve, and the words of every review.
WITH topics AS (
    SELECT fits.as_of, fits.topic_id, fits.prior, fits.terms, fits.weights, fits.idf, wanted.leading_share
    FROM topics.fits AS fits
    CROSS JOIN seeds.topics AS wanted
    WHERE fits.as_of >= $start AND fits.as_of < $end AND fits.state <> 'ended'
),

reviews AS (
    SELECT month, review_id, words, reason
    FROM topics.words
    WHERE month < $end
)

SELECT 'topic' AS kind, *
FROM topics
UNION ALL BY NAME
SELECT 'review' AS kind, *
FROM reviews
