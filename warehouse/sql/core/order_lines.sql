-- Every order line once, however often and in whichever files it came.
WITH landed AS (
    SELECT DISTINCT
        month, invoice_id, product_id, description, quantity, sold_at, unit_price, customer_id, country
    FROM landing.orders
    WHERE month >= $start AND month < $end
),

-- Numbered by content, so that any packaging of the same rows gives the same numbers.
numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY month, invoice_id
            ORDER BY sold_at, product_id, description, quantity, unit_price, customer_id, country
        ) AS line
    FROM landed
),

-- Few names against fewer patterns, joined back: a join of the lines themselves would try each against each.
-- By way of one list, for DuckDB takes what comes of it for few: else it hashes the lines, not the names.
listed AS (
    SELECT unnest(list({'product_id': product_id, 'description': description})) AS name
    FROM (SELECT DISTINCT product_id, description FROM landed) AS names
),

names AS (
    SELECT name.product_id AS product_id, name.description AS description
    FROM listed
),

texts AS (
    SELECT product_id, description, 'product_id' AS matches, upper(product_id) AS text
    FROM names
    UNION ALL
    SELECT product_id, description, 'description' AS matches, upper(description) AS text
    FROM names
    WHERE description IS NOT NULL
),

-- To look for the first letters of a pattern before all of it takes a fifth of the time.
patterns AS (
    SELECT
        rank,
        matches,
        pattern,
        category,
        CASE WHEN contains(pattern, '[') THEN '' ELSE regexp_extract(pattern, '[^*?]+') END AS letters
    FROM seeds.categories
    WHERE regexp_matches(pattern, '[*?[]')
),

-- A shop may name each of its products: those patterns are looked up, not tried.
matched AS (
    SELECT texts.product_id, texts.description, seed.rank, seed.category
    FROM texts
    INNER JOIN seeds.categories AS seed ON texts.matches = seed.matches AND texts.text = seed.pattern
    UNION ALL
    SELECT texts.product_id, texts.description, patterns.rank, patterns.category
    FROM texts
    INNER JOIN patterns
        ON
            texts.matches = patterns.matches
            AND contains(texts.text, patterns.letters)
            AND texts.text GLOB patterns.pattern
),

categories AS (
    SELECT product_id, description, arg_min(category, (rank, category)) AS category
    FROM matched
    GROUP BY product_id, description
),

not_goods AS (
    SELECT codes.product_id
    FROM (SELECT DISTINCT product_id FROM names) AS codes
    WHERE EXISTS (SELECT 1 FROM seeds.not_goods AS seed WHERE upper(codes.product_id) GLOB seed.pattern)
),

kinds AS (
    SELECT
        names.product_id,
        names.description,
        not_goods.product_id IS NULL AS is_goods,
        CASE
            WHEN not_goods.product_id IS NOT NULL THEN 'Not goods'
            ELSE coalesce(categories.category, 'Other')
        END AS category
    FROM names
    LEFT JOIN not_goods ON names.product_id = not_goods.product_id
    LEFT JOIN categories
        ON
            names.product_id = categories.product_id
            AND names.description IS NOT DISTINCT FROM categories.description
)

SELECT
    numbered.month,
    numbered.invoice_id,
    numbered.line,
    numbered.sold_at,
    numbered.customer_id,
    upper(numbered.product_id) AS product_id,
    numbered.description,
    numbered.quantity,
    numbered.unit_price,
    numbered.quantity * numbered.unit_price AS amount,
    coalesce(numbered.country, 'Unspecified') AS country,
    CASE
        WHEN
            numbered.invoice_id[1] NOT IN ('C', 'c', 'A', 'a')
            AND numbered.quantity > 0 AND numbered.unit_price > 0
            THEN 'sale'
        WHEN
            numbered.invoice_id[1] IN ('C', 'c') AND numbered.quantity < 0 AND numbered.unit_price > 0
            THEN 'return'
        ELSE 'adjustment'
    END AS kind,
    kinds.is_goods,
    kinds.category
FROM numbered
LEFT JOIN kinds
    ON numbered.product_id = kinds.product_id AND numbered.description IS NOT DISTINCT FROM kinds.description
