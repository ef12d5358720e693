-- Title and text of each review in English, as far as anybody reads it: the first ten thousand characters.
WITH reviews AS (
    SELECT month, review_id, title, text
    FROM core.reviews
    WHERE
        month >= $start
        AND month < $end
        AND coalesce(is_english, TRUE)
        AND (title IS NOT NULL OR text IS NOT NULL)
)

SELECT month, review_id, left(concat_ws('. ', title, text), 10000) AS written
FROM reviews
