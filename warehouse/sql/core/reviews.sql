-- Every review once, however often and in whichever files it came, its texts without markup.
WITH landed AS (
    SELECT
        month,
        -- What the writer wrote names a review that has no number: votes that came later make it no other.
        coalesce(
            review_id,
            md5(concat_ws(
                chr(31),
                coalesce(customer_id, ''),
                upper(product_id),
                reviewed_at,
                rating,
                coalesce(title, ''),
                coalesce(text, '')
            ))
        ) AS review_id,
        upper(product_id) AS product_id,
        customer_id,
        rating,
        title,
        text,
        reviewed_at,
        helpful_votes,
        total_votes,
        is_verified
    FROM landing.reviews
    WHERE month >= $start AND month < $end
),

told AS (
    SELECT
        *,
        count(review_id) OVER review AS copies,
        row_number() OVER (
            PARTITION BY month, review_id
            ORDER BY
                reviewed_at DESC,
                total_votes DESC NULLS LAST,
                helpful_votes DESC NULLS LAST,
                product_id,
                customer_id,
                rating,
                title,
                text,
                is_verified
        ) AS place
    FROM landed
    WINDOW review AS (PARTITION BY month, review_id)
),

newest AS (
    SELECT * EXCLUDE (place)
    FROM told
    WHERE place = 1
),

-- Title and text in one column, so that what cleans them stands once.
texts AS (
    SELECT month, review_id, 'title' AS part, title AS written
    FROM newest
    WHERE title IS NOT NULL
    UNION ALL
    SELECT month, review_id, 'text' AS part, text AS written
    FROM newest
    WHERE text IS NOT NULL
),

-- A tag has a name right behind its bracket: "<3" and "a < b" are none.
without_tags AS (
    SELECT month, review_id, part, regexp_replace(written, '</?[a-zA-Z][^<>]{0,500}>', ' ', 'g') AS written
    FROM texts
),

-- Entities of HTML: those in numbers one after the other, the few that are common by name.
decoded AS (
    SELECT
        month,
        review_id,
        part,
        CASE
            WHEN NOT contains(written, '&') THEN written
            ELSE
                list_reduce(
                    list_prepend(
                        written,
                        list_sort(list_distinct(regexp_extract_all(written, '&#[1-9][0-9]{0,4};')))
                    ),
                    (text, entity) ->
                        replace(text, entity, chr(CAST(regexp_extract(entity, '[0-9]+') AS INTEGER)))
                )
        END AS written
    FROM without_tags
),

plain AS (
    SELECT
        month,
        review_id,
        part,
        nullif(trim(regexp_replace(
            replace(replace(replace(replace(replace(replace(replace(written,
                '&nbsp;', ' '), '&quot;', '"'), '&apos;', ''''), '&#x27;', ''''), '&lt;', '<'), '&gt;', '>'), '&amp;', '&'),
            '[\s\x{00A0}]+', ' ', 'g'
        )), '') AS written
    FROM decoded
),

cleaned AS (
    SELECT
        month,
        review_id,
        any_value(written) FILTER (part = 'title') AS title,
        any_value(written) FILTER (part = 'text') AS text
    FROM plain
    GROUP BY month, review_id
),

-- The words that hold English together are two fifths of most English texts, a sixth of the tersest, and rare in
-- any other language.
words AS (
    SELECT month, review_id, regexp_extract_all(lower(text), '[\p{L}'']+') AS words
    FROM cleaned
    WHERE text IS NOT NULL
),

languages AS (
    SELECT
        words.month,
        words.review_id,
        CASE
            WHEN len(words.words) >= 5
                THEN len(list_filter(words.words, word -> list_contains(english.words, word))) >= 0.125 * len(words.words)
            ELSE NOT regexp_matches(array_to_string(words.words, ' '), '[^\x00-\x7F]')
        END AS is_english
    FROM words
    CROSS JOIN (SELECT list(word) AS words FROM seeds.english_words) AS english
)

SELECT
    newest.month,
    newest.review_id,
    newest.product_id,
    newest.customer_id,
    newest.rating,
    cleaned.title,
    cleaned.text,
    newest.reviewed_at,
    newest.helpful_votes,
    newest.total_votes,
    newest.is_verified,
    languages.is_english,
    newest.copies
FROM newest
LEFT JOIN cleaned ON newest.month = cleaned.month AND newest.review_id = cleaned.review_id
LEFT JOIN languages ON newest.month = languages.month AND newest.review_id = languages.review_id
