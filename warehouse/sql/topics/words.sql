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

-- By their first letter: a word is looked for among a dozen of them, and reviews go through one by one.
letters AS (
    SELECT ascii(word) AS letter, list(word ORDER BY word) AS words
    FROM seeds.stop_words
    GROUP BY ascii(word)
),

stopped AS (
    SELECT list(coalesce(letters.words, []) ORDER BY alphabet.letter) AS by_letter
    FROM (SELECT unnest(range(ascii('a'), ascii('z') + 1)) AS letter) AS alphabet
    LEFT JOIN letters ON alphabet.letter = letters.letter
),

-- What owns is the word itself: "amp's" is amp.
bare AS (
    SELECT
        read.month,
        read.review_id,
        stopped.by_letter,
        list_transform(
            list_filter(
                read.words, word -> NOT list_contains(stopped.by_letter[ascii(word) - ascii('a') + 1], word)
            ),
            word -> CASE WHEN ends_with(word, '''s') THEN left(word, -2) ELSE word END
        ) AS words
    FROM read
    CROSS JOIN stopped
),

told AS (
    SELECT
        month,
        review_id,
        list_slice(
            list_transform(
                list_filter(
                    words,
                    word ->
                        length(word) BETWEEN 3 AND 30
                        AND NOT list_contains(by_letter[ascii(word) - ascii('a') + 1], word)
                ),
                word -> replace(word, '''', '')
            ), 1, 500
        ) AS words
    FROM bare
)

SELECT
    reviews.month,
    reviews.review_id,
    CASE WHEN len(told.words) > 0 THEN told.words END AS words,
    CASE
        WHEN len(told.words) > 0 THEN NULL
        WHEN reviews.written IS NULL THEN 'no text'
        WHEN reviews.is_english IS NOT DISTINCT FROM false THEN 'not English'
        ELSE 'no word but stop words'
    END AS reason
FROM reviews
LEFT JOIN told ON reviews.month = told.month AND reviews.review_id = told.review_id
