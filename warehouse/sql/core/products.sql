-- Every product as known at the end of each as_of month, from the monthly state alone.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

months AS (
    SELECT month, product_id, is_goods, usual_price, first_sold_at, last_sold_at
    FROM core.product_months
    WHERE month < $end
),

names AS (
    SELECT
        month,
        product_id,
        spelling,
        rtrim(regexp_replace(trim(spelling), '\s+', ' ', 'g'), ' .,') AS name,
        sale_lines,
        lines
    FROM core.product_names
    WHERE month < $end
),

products AS (
    SELECT
        as_ofs.as_of,
        months.product_id,
        arg_max(months.is_goods, months.month) AS is_goods,
        arg_max(months.usual_price, months.month) AS usual_price,
        min(months.first_sold_at) AS first_sold_at,
        max(months.last_sold_at) AS last_sold_at
    FROM as_ofs
    INNER JOIN months ON months.month <= as_ofs.as_of
    GROUP BY as_ofs.as_of, months.product_id
),

spellings AS (
    SELECT
        as_ofs.as_of,
        names.product_id,
        names.spelling,
        names.name,
        sum(names.sale_lines) AS sale_lines,
        sum(names.lines) AS lines
    FROM as_ofs
    INNER JOIN names ON names.month <= as_ofs.as_of
    GROUP BY as_ofs.as_of, names.product_id, names.spelling, names.name
),

-- Notes on adjustments (damaged, check) are no names of what was sold.
told AS (
    SELECT as_of, product_id, spelling, name, CASE WHEN is_sold THEN sale_lines ELSE lines END AS lines
    FROM (
        SELECT
            as_of,
            product_id,
            spelling,
            name,
            sale_lines,
            lines,
            max(sale_lines) OVER (PARTITION BY as_of, product_id) > 0 AS is_sold
        FROM spellings
    ) AS seen
    WHERE sale_lines > 0 OR NOT is_sold
),

written AS (
    SELECT
        as_of,
        product_id,
        name,
        list(spelling) AS spellings,
        sum(lines) AS lines,
        sum(sum(lines)) OVER (PARTITION BY as_of, product_id, upper(name)) AS lines_in_any_case
    FROM told
    GROUP BY as_of, product_id, name
),

named AS (
    SELECT
        as_of,
        product_id,
        arg_min(name, (-lines_in_any_case, -lines, name)) FILTER (name <> '') AS name,
        list_sort(flatten(list(spellings))) AS spellings
    FROM written
    GROUP BY as_of, product_id
)

SELECT
    products.as_of,
    products.product_id,
    named.name,
    coalesce(named.spellings, []) AS spellings,
    products.is_goods,
    products.first_sold_at,
    products.last_sold_at,
    products.usual_price
FROM products
LEFT JOIN named USING (as_of, product_id)
