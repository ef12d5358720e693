-- Every product as known at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- All that lies before the first month asked for is one month, so that a new one costs no more on a long
-- history than on a short one.
months AS (
    SELECT
        greatest(month, $start) AS month,
        product_id,
        arg_max(is_goods, month) AS is_goods,
        arg_max(category, month) AS category,
        arg_max(category, month) FILTER (orders > 0) AS sold_category,
        arg_max(usual_price, month) AS usual_price,
        min(first_sold_at) AS first_sold_at,
        max(last_sold_at) AS last_sold_at
    FROM core.product_months
    WHERE month < $end
    GROUP BY greatest(month, $start), product_id
),

names AS (
    SELECT
        greatest(month, $start) AS month,
        product_id,
        spelling,
        rtrim(regexp_replace(trim(spelling), '\s+', ' ', 'g'), ' .,') AS name,
        sum(sale_lines) AS sale_lines,
        sum(lines) AS lines
    FROM core.product_names
    WHERE month < $end
    GROUP BY greatest(month, $start), product_id, spelling
),

-- How things stand from a month to the next that changes them: so each is joined once an as_of.
product_states AS (
    SELECT
        month,
        product_id,
        is_goods,
        coalesce(last_value(sold_category IGNORE NULLS) OVER so_far, category) AS category,
        last_value(usual_price IGNORE NULLS) OVER so_far AS usual_price,
        min(first_sold_at) OVER so_far AS first_sold_at,
        max(last_sold_at) OVER so_far AS last_sold_at,
        lead(month) OVER product AS next_month
    FROM months
    WINDOW
        product AS (PARTITION BY product_id ORDER BY month),
        so_far AS (PARTITION BY product_id ORDER BY month ROWS UNBOUNDED PRECEDING)
),

name_states AS (
    SELECT
        month,
        product_id,
        spelling,
        name,
        sum(sale_lines) OVER so_far AS sale_lines,
        sum(lines) OVER so_far AS lines,
        lead(month) OVER spelled AS next_month
    FROM names
    WINDOW
        spelled AS (PARTITION BY product_id, spelling ORDER BY month),
        so_far AS (PARTITION BY product_id, spelling ORDER BY month ROWS UNBOUNDED PRECEDING)
),

products AS (
    SELECT
        as_ofs.as_of,
        states.product_id,
        states.is_goods,
        states.category,
        states.usual_price,
        states.first_sold_at,
        states.last_sold_at
    FROM as_ofs
    INNER JOIN product_states AS states
        ON states.month <= as_ofs.as_of AND as_ofs.as_of < coalesce(states.next_month, $end)
),

spellings AS (
    SELECT
        as_ofs.as_of,
        states.product_id,
        states.spelling,
        states.name,
        states.sale_lines,
        states.lines,
        max(states.sale_lines) OVER (PARTITION BY as_ofs.as_of, states.product_id) > 0 AS is_sold
    FROM as_ofs
    INNER JOIN name_states AS states
        ON states.month <= as_ofs.as_of AND as_ofs.as_of < coalesce(states.next_month, $end)
),

-- Notes on adjustments (damaged, check) are no names of what was sold.
written AS (
    SELECT
        as_of,
        product_id,
        name,
        upper(name) AS name_in_any_case,
        list(spelling) AS spellings,
        sum(CASE WHEN is_sold THEN sale_lines ELSE lines END) AS lines
    FROM spellings
    WHERE sale_lines > 0 OR NOT is_sold
    GROUP BY as_of, product_id, name
),

weighed AS (
    SELECT
        as_of,
        product_id,
        name,
        spellings,
        lines,
        sum(lines) OVER (PARTITION BY as_of, product_id, name_in_any_case) AS lines_in_any_case
    FROM written
),

named AS (
    SELECT
        as_of,
        product_id,
        arg_min(name, (-lines_in_any_case, -lines, name)) FILTER (name <> '') AS name,
        list_sort(flatten(list(spellings))) AS spellings
    FROM weighed
    GROUP BY as_of, product_id
)

SELECT
    products.as_of,
    products.product_id,
    named.name,
    coalesce(named.spellings, []) AS spellings,
    products.is_goods,
    products.category,
    products.first_sold_at,
    products.last_sold_at,
    products.usual_price
FROM products
LEFT JOIN named USING (as_of, product_id)
