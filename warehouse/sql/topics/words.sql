-- The words of each review that may tell what it is about, in their order.
WITH reviews AS (
    SELECT month, review_id, is_english, nullif(concat_ws(' . ', title, text), '') AS written
    FROM core.reviews
    WHERE month >= $start AND month < $end
),

-- Of an endless text the beginning is enough; a word has two letters and more, and no digit.
read AS (
    SELECT
        month,
        review_id,
        list_slice(
            regexp_extract_all(
                replace(lower(strip_accents(left(written, 100000))), '’', ''''), '[a-z]+(?:''[a-z]+)*'
            ), 1, 2000
        ) AS words
    FROM reviews
    WHERE written IS NOT NULL AND is_english IS DISTINCT FROM false
),

places AS (
    SELECT
        month,
        review_id,
        unnest(words) AS word,
        generate_subscripts(words, 1) AS place
    FROM read
),

-- What owns is the word itself: "amp's" is amp.
bare AS (
    SELECT places.month, places.review_id, places.place, regexp_replace(places.word, '''s$', '') AS word
    FROM places
    ANTI JOIN seeds.stop_words AS stopped ON places.word = stopped.word
),

kept AS (
    SELECT bare.month, bare.review_id, bare.place, replace(bare.word, '''', '') AS word
    FROM bare
    ANTI JOIN seeds.stop_words AS stopped ON bare.word = stopped.word
    WHERE length(bare.word) BETWEEN 3 AND 30
),

told AS (
    SELECT month, review_id, list_slice(list(word ORDER BY place), 1, 500) AS words
    FROM kept
    GROUP BY month, review_id
)

SELECT
    reviews.month,
    reviews.review_id,
    told.words,
    CASE
        WHEN told.words IS NOT NULL THEN NULL
        WHEN reviews.written IS NULL THEN 'no text'
        WHEN reviews.is_english IS NOT DISTINCT FROM false THEN 'not English'
        ELSE 'no word but stop words'
    END AS reason
FROM reviews
LEFT JOIN told ON reviews.month = told.month AND reviews.review_id = told.review_id
