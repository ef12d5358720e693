-- The recommender with the best capped recall over the last months, of those that beat the floor in them, and how
-- the one chosen before the newest did in it.
WITH as_ofs AS (
    SELECT CAST(unnest(range($start, $end, INTERVAL 1 MONTH)) AS DATE) AS as_of
),

-- A month is judged by the first as_of that saw it whole, and again, in the same way, until another is.
judgements AS (
    SELECT
        judged,
        list,
        candidate,
        candidate = floor AS is_floor,
        min(as_of) AS judged_by,
        arg_min(customers, as_of) AS customers,
        arg_min(capped_recall_10, as_of) AS capped_recall_10,
        arg_min(gain, as_of) AS gain,
        arg_min(gain_low, as_of) AS gain_low,
        arg_min(gain_high, as_of) AS gain_high
    FROM recommendations.backtest
    WHERE as_of < $end AND customers_of = 'all'
    GROUP BY judged, list, candidate, candidate = floor
),

newest AS (
    SELECT as_ofs.as_of, judgements.list, max(judgements.judged) AS judged
    FROM as_ofs
    INNER JOIN judgements ON judgements.judged_by <= as_ofs.as_of
    GROUP BY as_ofs.as_of, judgements.list
),

-- Six months are chosen by: the newest and those before it, or, for what was chosen earlier, those before alone.
terms AS (
    SELECT as_of, list, judged, judged AS until, FALSE AS is_earlier
    FROM newest
    UNION ALL
    SELECT as_of, list, judged, CAST(judged - INTERVAL 1 MONTH AS DATE) AS until, TRUE AS is_earlier
    FROM newest
),

means AS (
    SELECT
        terms.as_of,
        terms.list,
        terms.judged,
        terms.is_earlier,
        judgements.candidate,
        count(judgements.judged) AS months,
        round(
            sum(judgements.capped_recall_10 * judgements.customers) / sum(judgements.customers), 6
        ) AS capped_recall_10,
        judgements.is_floor,
        sum(judgements.gain * judgements.customers) / sum(judgements.customers) AS lead,
        -- Half the 95 % interval of the lead: those of the months, as if independent, in squares.
        sqrt(sum(((judgements.gain_high - judgements.gain_low) / 2 * judgements.customers) ** 2))
        / sum(judgements.customers) AS half_width
    FROM terms
    INNER JOIN judgements
        ON
            terms.list = judgements.list
            AND judgements.judged <= terms.until
            AND judgements.judged > terms.until - INTERVAL 6 MONTH
    GROUP BY terms.as_of, terms.list, terms.judged, terms.is_earlier, judgements.candidate, judgements.is_floor
),

best AS (
    SELECT
        as_of,
        list,
        judged,
        is_earlier,
        candidate,
        months,
        capped_recall_10,
        round(lead, 6) AS lead,
        round(lead - half_width, 6) AS lead_low
    FROM means
    WHERE is_floor OR round(lead - half_width, 6) > 0
    QUALIFY
        row_number() OVER (
            PARTITION BY as_of, list, is_earlier ORDER BY capped_recall_10 DESC, candidate ASC
        ) = 1
)

SELECT
    best.as_of,
    best.list,
    best.candidate,
    best.months,
    best.capped_recall_10,
    best.lead,
    best.lead_low,
    best.judged,
    earlier.candidate AS earlier_candidate,
    then_judged.capped_recall_10 AS earlier_capped_recall_10,
    floors.capped_recall_10 AS floor_capped_recall_10,
    then_judged.gain,
    then_judged.gain_low,
    then_judged.gain_high
FROM best
INNER JOIN judgements AS floors ON best.judged = floors.judged AND best.list = floors.list AND floors.is_floor
LEFT JOIN best AS earlier
    ON best.as_of = earlier.as_of AND best.list = earlier.list AND earlier.is_earlier
LEFT JOIN judgements AS then_judged
    ON
        best.judged = then_judged.judged
        AND best.list = then_judged.list
        AND earlier.candidate = then_judged.candidate
WHERE NOT best.is_earlier
