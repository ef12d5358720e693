-- Who is left out of campaigns, by chance and for good: the hash of a customer is the same in every month.
WITH drawn AS (
    SELECT
        rfm.as_of,
        rfm.customer_id,
        rfm.segment,
        -- The first eight digits of a hash that every version of DuckDB computes alike, as a number below 1.
        CAST('0x' || left(md5(settings.salt || ':' || rfm.customer_id), 8) AS UBIGINT) / 4294967296 AS chance,
        settings.share
    FROM segments.rfm
    CROSS JOIN seeds.holdouts AS settings
    WHERE rfm.as_of >= $start AND rfm.as_of < $end
)

SELECT as_of, customer_id, segment, chance < share AS is_held_out
FROM drawn
