"""What must be true of each table, as data: importing this costs nothing.

A rule is judged by Great Expectations (`audit.py`) before a month is published. One that fails with
severity error refuses the month, a warning is published and shown. Rules about one column follow from
the contract; what is about several columns, or about the business, stands in `BUSINESS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from warehouse.contract import Column, Table
from warehouse.lake import literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation, shown as one check in the Dagster UI.

    Attributes:
        name: Of the check.
        description: What must be true.
        failing: A SELECT of the rows that fail, the partition column among them; {batch} is the table.
        severity: `error` refuses the month, `warning` does not.
    """

    name: str
    description: str
    failing: str
    severity: str = "error"

    @property
    def identity(self) -> str:
        """What makes this rule: another identity judges the rows anew."""
        return f"{self.name} {self.severity} {self.failing}"


def rules(table: Table) -> tuple[Rule, ...]:
    """Give every rule of the table: those of its contract, then those of the business."""
    return (*_contract(table), *BUSINESS.get(table.qualified, ()))


def _contract(table: Table) -> Iterator[Rule]:
    """One rule for each thing that contracts say: a rule and a check a column cost a fifth of a first run."""
    required = [column for column in table.columns if not column.nullable]
    if required:
        yield _of_columns(
            "required_columns_are_given",
            f"Never null: {', '.join(column.name for column in required)}.",
            {column.name: f'"{column.name}" IS NULL' for column in required},
        )
    ranges = {column.name: tests for column in table.columns if (tests := dict(_range(column)))}
    if ranges:
        yield _of_columns(
            "columns_are_in_range",
            ", ".join(f"{name} is {' and '.join(tests)}" for name, tests in ranges.items()) + ".",
            {name: " OR ".join(tests.values()) for name, tests in ranges.items()},
        )
    known = {column.name: column.values for column in table.columns if column.values is not None}
    if known:
        yield _of_columns(
            "columns_are_known",
            "; ".join(f"{name} is one of {', '.join(values)}" for name, values in known.items()) + ".",
            {name: f'"{name}" NOT IN ({", ".join(map(literal, of))})' for name, of in known.items()},
        )
    if table.primary_key:
        by = table.partition_column
        keys = [by, *table.primary_key] if by and by not in table.primary_key else table.primary_key
        names = ", ".join(f'"{key}"' for key in keys)
        yield Rule(
            "key_is_unique",
            f"No two rows share {', '.join(table.primary_key)}.",
            f"SELECT {names}, count(*) AS times FROM {{batch}} GROUP BY {names} HAVING count(*) > 1",
        )


def _range(column: Column) -> Iterator[tuple[str, str]]:
    """What a number must be, and the SQL of what is not. NaN is greater than any bound to DuckDB, and infinity, too."""
    if column.type == "DOUBLE":
        yield "finite", f'NOT isfinite("{column.name}")'
    if column.minimum is not None:
        yield f"at least {column.minimum:g}", f'"{column.name}" < {column.minimum}'


def _of_columns(name: str, description: str, tests: Mapping[str, str]) -> Rule:
    """A rule about single columns; its failing rows name those that fail as `columns`."""
    failing = ", ".join(f"CASE WHEN {test} THEN {literal(column)} END" for column, test in tests.items())
    return Rule(
        name,
        description,
        f"SELECT list_filter([{failing}], x -> x IS NOT NULL) AS columns, * "
        f"FROM {{batch}} WHERE {' OR '.join(tests.values())}",
    )


# Rules of several tables.

SALES_HAVE_A_DATE = Rule(
    "sales_have_a_date",
    "first_sold_at and last_sold_at are given where there are orders, in order and in the month.",
    "SELECT * FROM {batch} "
    "WHERE (orders > 0) <> (first_sold_at IS NOT NULL AND last_sold_at IS NOT NULL) "
    "OR first_sold_at > last_sold_at OR date_trunc('month', first_sold_at) <> month "
    "OR date_trunc('month', last_sold_at) <> month",
)
ORDERS_HAVE_AN_AMOUNT = Rule(
    "orders_have_an_amount",
    "A row with orders has units and an amount, one without has neither.",
    "SELECT * FROM {batch} WHERE (orders > 0) <> (amount > 0) OR (orders > 0) <> (units > 0)",
)
RETAIL_IS_PART_OF_IT = Rule(
    "retail_is_part_of_it",
    "Units and amount of retail are at most those of all sales, and there are both or none.",
    "SELECT * FROM {batch} WHERE retail_units > units OR retail_amount > amount "
    "OR (retail_units > 0) <> (retail_amount > 0)",
)
DAY_IS_IN_THE_MONTH = Rule(
    "day_is_in_the_month",
    "day lies in month.",
    "SELECT * FROM {batch} WHERE date_trunc('month', day) <> month",
)
HOUR_IS_OF_THE_DAY = Rule(
    "hour_is_of_the_day",
    "hour is at most 23.",
    "SELECT * FROM {batch} WHERE hour > 23",
)
WEEKDAY_IS_OF_THE_WEEK = Rule(
    "weekday_is_of_the_week",
    "weekday is at most 7.",
    "SELECT * FROM {batch} WHERE weekday > 7",
)


def _ranks_have_no_gaps(*by: str) -> Rule:
    """Of a table whose lists are told apart by these columns."""
    names = ", ".join(("as_of", *by))
    return Rule(
        "ranks_have_no_gaps",
        "Ranks of a list go from 1 to the number of its rows.",
        f"SELECT {names}, count(*) AS goods, max(rank) AS rank FROM {{batch}} GROUP BY {names} "
        "HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*)",
    )


A_TOPIC_IS_NAMED_ONCE = Rule(
    "a_name_is_that_of_one_topic",
    "No two topics of an as_of that have not ended share a name.",
    "SELECT as_of, name, count(*) AS topics FROM {batch} WHERE state <> 'ended' GROUP BY as_of, name HAVING count(*) > 1",
)
AN_ENDED_TOPIC_HAS_NOTHING = Rule(
    "an_ended_topic_has_nothing",
    "A topic that has ended has no c_v, and one that has not has one of at most 1; so has its match.",
    "SELECT as_of, topic_id, state, c_v, fresh_c_v FROM {batch} WHERE (state = 'ended') <> (c_v IS NULL) "
    "OR abs(c_v) > 1.0001 OR abs(fresh_c_v) > 1.0001 OR fresh_overlap > 1",
)
ONE_ROW = Rule(
    "there_is_one_row",
    "A shop has one set of them.",
    "SELECT count(*) AS sets FROM {batch} HAVING count(*) <> 1",
)


SERVICE_IS_BELOW_ONE = Rule(
    "service_level_is_below_one",
    "service_level is below 1: no stock is enough for all that may come.",
    "SELECT * FROM {batch} WHERE service_level >= 1",
)


def _of_cohorts(by: str) -> tuple[Rule, ...]:
    """Rules of a table whose cohorts are told apart by these columns."""
    return (
        Rule(
            "every_seen_age_is_there",
            "A cohort has a row for each age from 0 to that of as_of, and no other.",
            f"SELECT as_of, {by}, count(*) AS ages, max(age) AS age FROM {{batch}} GROUP BY as_of, {by} "
            "HAVING max(age) <> date_diff('month', cohort, as_of) OR count(*) <> max(age) + 1",
        ),
        Rule(
            "a_cohort_begins_whole",
            "All customers of a cohort are active at age 0, no more later, and the cohort stays as large.",
            f"SELECT as_of, {by}, max(customers) AS customers, min(cohort_customers) AS cohort_customers "
            f"FROM {{batch}} GROUP BY as_of, {by} HAVING max(customers) > min(cohort_customers) "
            "OR min(cohort_customers) < max(cohort_customers) "
            "OR min(customers) FILTER (age = 0) < min(cohort_customers)",
        ),
    )


BUSINESS: dict[str, tuple[Rule, ...]] = {
    "seeds.not_goods": (
        Rule(
            "pattern_is_upper_case",
            "pattern is in upper case, as product_id is: another would match nothing.",
            "SELECT * FROM {batch} WHERE pattern <> upper(pattern)",
        ),
    ),
    "seeds.categories": (
        Rule(
            "pattern_is_upper_case",
            "pattern is in upper case, as what it is held against: another would match nothing.",
            "SELECT * FROM {batch} WHERE pattern <> upper(pattern)",
        ),
        Rule(
            "category_is_a_name",
            "category is filled, and none of All and Not goods, which stand for something else.",
            "SELECT * FROM {batch} WHERE trim(category) = '' OR category IN ('All', 'Not goods')",
        ),
    ),
    "core.order_lines": (
        Rule(
            "category_is_that_of_goods",
            "Lines that are no goods have the category Not goods, and no others.",
            "SELECT * FROM {batch} WHERE is_goods = (category = 'Not goods')",
        ),
        Rule(
            "month_is_that_of_the_sale",
            "month is the month of sold_at.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', sold_at)",
        ),
        Rule(
            "amount_is_quantity_times_price",
            "amount is quantity x unit_price to the last digit.",
            "SELECT * FROM {batch} WHERE amount <> quantity * unit_price",
        ),
        Rule(
            "sign_follows_kind",
            "A sale has an amount above 0 and a return one below 0.",
            "SELECT * FROM {batch} "
            "WHERE (kind = 'sale' AND amount <= 0) OR (kind = 'return' AND amount >= 0)",
        ),
        Rule(
            "amount_is_plausible",
            "No line is above a million: such a line is a slip of the hand until a person has looked at it.",
            "SELECT * FROM {batch} WHERE abs(amount) > 1000000",
        ),
        Rule(
            "invoice_has_one_customer",
            "The lines of an invoice name one customer, or none.",
            "SELECT month, invoice_id, count(DISTINCT customer_id) AS customers FROM {batch} "
            "GROUP BY month, invoice_id HAVING count(DISTINCT customer_id) > 1",
            severity="warning",
        ),
        Rule(
            "most_lines_are_sales",
            "At least three lines in four are sales.",
            "SELECT month, count(*) AS lines, count(*) FILTER (kind = 'sale') AS sales FROM {batch} "
            "GROUP BY month HAVING count(*) FILTER (kind = 'sale') < 0.75 * count(*)",
            severity="warning",
        ),
    ),
    "core.invoices": (
        Rule(
            "month_is_that_of_the_sale",
            "month is the month of sold_at.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', sold_at)",
        ),
        Rule(
            "sign_follows_kind",
            "A sale has units and an amount above 0, a return both below 0.",
            "SELECT * FROM {batch} WHERE (kind = 'sale' AND least(units, amount) <= 0) "
            "OR (kind = 'return' AND greatest(units, amount) >= 0)",
        ),
        Rule(
            "parts_are_no_more_than_the_whole",
            "No invoice has more goods lines or products than lines, and an adjustment has no other lines.",
            "SELECT * FROM {batch} WHERE goods_lines > lines OR products > lines "
            "OR (kind = 'adjustment' AND other_lines > 0)",
        ),
    ),
    "core.returns": (
        Rule(
            "month_is_that_of_the_return",
            "month is the month of returned_at.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', returned_at)",
        ),
        Rule(
            "a_match_is_whole",
            "A return names the invoice, line and moment of a sale, or says why it does not.",
            "SELECT * FROM {batch} WHERE (sale_invoice_id IS NULL) <> (unmatched_reason IS NOT NULL) "
            "OR (sale_line IS NULL) <> (sale_invoice_id IS NULL) OR (sold_at IS NULL) <> (sale_invoice_id IS NULL) "
            "OR (sale_units IS NULL) <> (sale_invoice_id IS NULL)",
        ),
        Rule(
            "guests_are_not_matched",
            "A return of a guest is unmatched for that reason, and no other is.",
            "SELECT * FROM {batch} WHERE (customer_id IS NULL) <> coalesce(unmatched_reason = 'guest', FALSE)",
        ),
        Rule(
            "a_sale_comes_before_its_return",
            "sold_at is not after returned_at, and a correction is on the same day.",
            "SELECT * FROM {batch} WHERE sold_at > returned_at "
            "OR is_correction <> coalesce(date_trunc('day', sold_at) = date_trunc('day', returned_at), FALSE)",
        ),
        Rule(
            "no_more_comes_back_than_was_sold",
            "The returns of a sale line in a month have at most its units.",
            "SELECT month, sale_invoice_id, sale_line, sold_at, sum(returned_units) AS returned_units "
            "FROM {batch} GROUP BY month, sale_invoice_id, sale_line, sold_at "
            "HAVING sum(returned_units) > min(sale_units)",
        ),
    ),
    "core.customer_months": (
        SALES_HAVE_A_DATE,
        ORDERS_HAVE_AN_AMOUNT,
        Rule(
            "a_row_has_a_reason",
            "A row has orders or return lines, and units and an amount come back with the lines alone.",
            "SELECT * FROM {batch} WHERE (orders = 0 AND return_lines = 0) "
            "OR (return_lines > 0) <> (returned_units > 0) OR (return_lines > 0) <> (returned_amount > 0)",
        ),
        Rule(
            "days_and_hours_add_up",
            "The days by weekday come to order_days, the orders by part of the day to orders; with orders there "
            "are days.",
            "SELECT * FROM {batch} WHERE order_days <> monday_days + tuesday_days + wednesday_days "
            "+ thursday_days + friday_days + saturday_days + sunday_days "
            "OR orders <> night_orders + morning_orders + afternoon_orders + evening_orders "
            "OR (orders > 0) <> (order_days > 0)",
        ),
        Rule(
            "gaps_reach_from_the_first_day_to_the_last",
            "gap_days_sum is the days from the first sale to the last, and no gap is below a day: the sum of squares "
            "lies between the sum and its square.",
            "SELECT * FROM {batch} WHERE gap_days_sum <> "
            "coalesce(CAST(last_sold_at AS DATE) - CAST(first_sold_at AS DATE), 0) "
            "OR gap_days_sum < order_days - 1 OR (order_days < 2 AND gap_days_sum > 0) "
            "OR gap_days_square_sum NOT BETWEEN gap_days_sum AND gap_days_sum * gap_days_sum",
        ),
    ),
    "core.customer_product_months": (
        SALES_HAVE_A_DATE,
        ORDERS_HAVE_AN_AMOUNT,
        Rule(
            "a_row_has_a_reason",
            "A row has orders or returned units.",
            "SELECT * FROM {batch} WHERE orders = 0 AND returned_units = 0",
        ),
    ),
    "core.product_months": (
        SALES_HAVE_A_DATE,
        ORDERS_HAVE_AN_AMOUNT,
        RETAIL_IS_PART_OF_IT,
        Rule(
            "a_usual_price_is_one_of_retail",
            "usual_price is given where a line was below the wholesale quantity, and there alone.",
            "SELECT * FROM {batch} WHERE (usual_price IS NULL) <> (retail_units = 0)",
        ),
        Rule(
            "customers_have_orders",
            "There are no more customers than orders.",
            "SELECT * FROM {batch} WHERE customers > orders",
            severity="warning",
        ),
    ),
    "core.product_weeks": (
        ORDERS_HAVE_AN_AMOUNT,
        RETAIL_IS_PART_OF_IT,
        Rule(
            "week_lies_in_the_month",
            "week is a Monday, and days of its seven lie in month.",
            "SELECT * FROM {batch} WHERE isodow(week) <> 1 "
            "OR days <> least(week + 7, CAST(month + INTERVAL 1 MONTH AS DATE)) - greatest(week, month)",
        ),
    ),
    "core.product_names": (
        Rule(
            "sale_lines_are_lines",
            "There are no more sale lines than lines.",
            "SELECT * FROM {batch} WHERE sale_lines > lines",
        ),
    ),
    "core.sales_days": (DAY_IS_IN_THE_MONTH,),
    "core.customer_days": (DAY_IS_IN_THE_MONTH, ORDERS_HAVE_AN_AMOUNT),
    "core.sales_hours": (DAY_IS_IN_THE_MONTH, HOUR_IS_OF_THE_DAY, ORDERS_HAVE_AN_AMOUNT),
    "core.reviews": (
        Rule(
            "rating_is_of_five_stars",
            "No review has more than five stars.",
            "SELECT * FROM {batch} WHERE rating > 5",
        ),
        Rule(
            "reviewed_in_the_month",
            "reviewed_at lies in month.",
            "SELECT * FROM {batch} WHERE date_trunc('month', reviewed_at) <> month",
        ),
        Rule(
            "what_has_a_text_has_a_language",
            "Whether it is English is known of a review with a text, and of no other.",
            "SELECT * FROM {batch} WHERE (text IS NULL) <> (is_english IS NULL)",
        ),
    ),
    "core.products": (
        Rule(
            "nothing_later_is_seen",
            "first_sold_at and last_sold_at come in order, and not after the end of as_of.",
            "SELECT * FROM {batch} WHERE (first_sold_at IS NULL) <> (last_sold_at IS NULL) "
            "OR first_sold_at > last_sold_at OR last_sold_at >= as_of + INTERVAL 1 MONTH",
        ),
        Rule(
            "a_name_was_spelled",
            "A product with a name has a spelling.",
            "SELECT * FROM {batch} WHERE name IS NOT NULL AND len(spellings) = 0",
        ),
    ),
    "core.customers": (
        Rule(
            "nothing_later_is_seen",
            "first_month and last_month come in order, and not after as_of.",
            "SELECT * FROM {batch} WHERE first_month > last_month OR last_month > as_of",
        ),
    ),
    "overview.hours": (WEEKDAY_IS_OF_THE_WEEK, HOUR_IS_OF_THE_DAY, ORDERS_HAVE_AN_AMOUNT),
    "overview.weekdays": (
        WEEKDAY_IS_OF_THE_WEEK,
        ORDERS_HAVE_AN_AMOUNT,
        Rule(
            "every_day_has_an_order",
            "There are no more days than orders.",
            "SELECT * FROM {batch} WHERE days > orders",
        ),
    ),
    "overview.top_goods": (
        Rule(
            "rank_follows_amount",
            "Nothing has a higher amount than what is ranked before it, and no rank is left out.",
            "SELECT as_of, rank, product_id, amount FROM {batch} "
            "WINDOW ranks AS (PARTITION BY as_of ORDER BY rank) "
            "QUALIFY amount > lag(amount) OVER ranks OR rank <> row_number() OVER ranks",
        ),
        Rule(
            "shares_are_of_one_whole",
            "The shares of an as_of come to at most 1.",
            "SELECT as_of, sum(amount_share) AS shares FROM {batch} "
            "GROUP BY as_of HAVING sum(amount_share) > 1.001",
        ),
    ),
    "overview.countries": (
        Rule(
            "shares_add_up",
            "The shares of an as_of come to 1, rounding aside, or to 0 before the first sale.",
            "SELECT as_of, sum(amount_share) AS shares FROM {batch} GROUP BY as_of "
            "HAVING abs(sum(amount_share) - CASE WHEN sum(amount) > 0 THEN 1 ELSE 0 END) > 0.001",
        ),
    ),
    "overview.correlations": (
        Rule(
            "correlation_is_at_most_one",
            "correlation is at most 1.",
            "SELECT * FROM {batch} WHERE correlation > 1",
        ),
        Rule(
            "a_pair_is_there_once",
            "figure comes before other_figure.",
            "SELECT * FROM {batch} WHERE figure >= other_figure",
        ),
    ),
    "segments.cluster_quality": (
        Rule(
            "one_way_is_chosen",
            "Of each as_of one row is chosen, and it alone has a verdict.",
            "SELECT as_of, count(*) FILTER (is_chosen) AS chosen FROM {batch} GROUP BY as_of "
            "HAVING count(*) FILTER (is_chosen) <> 1 OR count(verdict) <> 1 "
            "OR count(*) FILTER (is_chosen AND verdict IS NULL) > 0",
        ),
        Rule(
            "a_silhouette_is_at_most_one",
            "silhouette lies between -1 and 1, and gain is what it has more than null_silhouette.",
            "SELECT * FROM {batch} WHERE abs(silhouette) > 1 OR abs(gain - (silhouette - null_silhouette)) > 0.0002",
        ),
    ),
    "segments.clusters": (
        Rule(
            "the_next_cluster_is_another",
            "next_cluster_id is another than cluster_id.",
            "SELECT * FROM {batch} WHERE next_cluster_id = cluster_id",
        ),
    ),
    "segments.cluster_names": (
        Rule(
            "a_name_is_that_of_one_cluster",
            "No two clusters of an as_of have one name.",
            "SELECT as_of, name, count(*) AS clusters FROM {batch} GROUP BY as_of, name HAVING count(*) > 1",
        ),
        Rule(
            "shares_add_up",
            "The shares of the customers come to 1, rounding aside.",
            "SELECT as_of, sum(customer_share) AS shares FROM {batch} GROUP BY as_of "
            "HAVING abs(sum(customer_share) - 1) > 0.001",
        ),
    ),
    "segments.cluster_moves": (
        Rule(
            "a_move_has_an_end",
            "No customer comes from no cluster and goes to none.",
            "SELECT * FROM {batch} WHERE from_cluster_id = 'None' AND to_cluster_id = 'None'",
        ),
    ),
    "segments.cluster_profiles": (
        Rule(
            "what_makes_clusters_has_no_p_value",
            "p_value is at most 1, and null where makes_clusters.",
            "SELECT * FROM {batch} WHERE p_value > 1 OR (makes_clusters AND p_value IS NOT NULL)",
        ),
    ),
    "segments.rfm": (
        Rule(
            "scores_end_at_five",
            "r, f and m are at most 5.",
            "SELECT * FROM {batch} WHERE greatest(r, f, m) > 5",
        ),
        Rule(
            "equal_values_score_equally",
            "Customers of an as_of with the same recency have the same r, and so for f and m.",
            "SELECT as_of, 'r' AS score, recency_days AS value FROM {batch} "
            "GROUP BY as_of, recency_days HAVING min(r) <> max(r) UNION ALL "
            "SELECT as_of, 'f', frequency FROM {batch} "
            "GROUP BY as_of, frequency HAVING min(f) <> max(f) UNION ALL "
            "SELECT as_of, 'm', monetary FROM {batch} "
            "GROUP BY as_of, monetary HAVING min(m) <> max(m)",
        ),
        Rule(
            "returns_stay_below_sales",
            "At most one customer in twenty has returned more than they bought (goods sold before the data "
            "begins can come back in it).",
            "SELECT as_of, count(*) AS customers, count(*) FILTER (net_monetary < 0) AS returned_more "
            "FROM {batch} GROUP BY as_of HAVING count(*) FILTER (net_monetary < 0) > 0.05 * count(*)",
            severity="warning",
        ),
    ),
    "segments.rfm_moves": (
        Rule(
            "moves_follow_on",
            "As many customers leave a segment as had come to it or stayed in it the month before.",
            "SELECT as_of, segment, before, leaving FROM ("
            "SELECT as_of, from_segment AS segment, sum(customers) AS leaving FROM {batch} "
            "WHERE from_segment <> 'None' GROUP BY as_of, from_segment) AS moves "
            "INNER JOIN ("
            "SELECT CAST(as_of + INTERVAL 1 MONTH AS DATE) AS as_of, to_segment AS segment, "
            "sum(customers) AS before FROM {batch} GROUP BY as_of, to_segment) AS stood "
            "USING (as_of, segment) WHERE before <> leaving",
        ),
        Rule(
            "a_move_has_an_end",
            "Nobody moves from None to None.",
            "SELECT * FROM {batch} WHERE from_segment = 'None' AND to_segment = 'None'",
        ),
    ),
    "value.lifetime": (
        Rule(
            "bounds_hold_what_is_expected",
            "What is expected lies between its bounds, and a number or the reason why there is none is given.",
            "SELECT * FROM {batch} WHERE expected_orders NOT BETWEEN orders_low AND orders_high "
            "OR expected_amount NOT BETWEEN amount_low AND amount_high "
            "OR (reason IS NULL AND (expected_orders IS NULL OR expected_amount IS NULL))",
        ),
        Rule(
            "probability_is_at_most_1",
            "No customer is there with a probability above 1.",
            "SELECT * FROM {batch} WHERE probability_alive > 1",
        ),
    ),
    "value.backtest": (
        Rule(
            "the_past_is_judged",
            "What is judged was foretold before, and bounds hold or do not hold what came.",
            "SELECT * FROM {batch} WHERE origin >= as_of OR is_held <> (bias_low <= 0 AND bias_high >= 0)",
        ),
        Rule(
            "the_interval_holds",
            "The interval held what came: one as_of in twenty may fail it.",
            "SELECT * FROM {batch} WHERE NOT is_held",
            severity="warning",
        ),
    ),
    "churn.risk": (
        Rule(
            "a_probability_is_one",
            "Probabilities are at most 1, and one or the reason why there is none is given.",
            "SELECT * FROM {batch} WHERE greatest(probability, plain_probability) > 1 "
            "OR (probability IS NULL) <> (missing_reason IS NOT NULL) OR (probability IS NULL) <> (model IS NULL)",
        ),
        Rule(
            "reasons_come_in_order",
            "The strongest reason comes first, and each has an effect.",
            "SELECT * FROM {batch} WHERE abs(effect_1) < abs(effect_2) OR abs(effect_2) < abs(effect_3) "
            "OR (reason_1 IS NULL) <> (effect_1 IS NULL)",
        ),
    ),
    "churn.backtest": (
        Rule(
            "the_past_is_judged",
            "What is judged was foretold before, and shares are at most 1.",
            "SELECT * FROM {batch} WHERE origin >= as_of OR greatest(lost_share, mean_probability, auc, brier) > 1",
        ),
        Rule(
            "no_leak",
            "No AUC is above 0.95: features that know so much know the future.",
            "SELECT * FROM {batch} WHERE customers >= 100 AND auc > 0.95",
            severity="warning",
        ),
    ),
    "forecasts.sales": (
        Rule(
            "intervals_hold_the_mean_and_each_other",
            "95 % reaches at least as far as 80 %, and both hold the mean.",
            "SELECT * FROM {batch} WHERE mean NOT BETWEEN lo_80 AND hi_80 OR lo_95 > lo_80 OR hi_80 > hi_95",
        ),
        Rule(
            "parts_add_up_to_wholes",
            "The means of countries come to the total's, those of categories to it, those of products to their category's, "
            "to the last digit.",
            "WITH wholes AS (SELECT as_of, grain, measure, starts_on, series AS parent, mean FROM {batch} "
            "WHERE level IN ('total', 'category')), parts AS (SELECT as_of, grain, measure, level, starts_on, parent, "
            "sum(mean) AS mean FROM {batch} WHERE parent IS NOT NULL GROUP BY as_of, grain, measure, level, starts_on, "
            "parent) SELECT parts.as_of, parts.grain, parts.measure, parts.level, parts.starts_on, parts.parent, "
            "parts.mean AS parts, wholes.mean AS whole FROM parts LEFT JOIN wholes USING (as_of, grain, measure, "
            "starts_on, parent) WHERE wholes.mean IS DISTINCT FROM parts.mean",
        ),
        Rule(
            "a_whole_has_parts",
            "A total of which something is expected has countries, and such a category products: without any, nothing would "
            "be held against it.",
            "WITH parts AS (SELECT DISTINCT as_of, grain, measure, level, starts_on, parent FROM {batch} "
            "WHERE parent IS NOT NULL) SELECT wholes.* FROM {batch} AS wholes ANTI JOIN parts "
            "ON parts.as_of = wholes.as_of AND parts.grain = wholes.grain AND parts.measure = wholes.measure "
            "AND parts.starts_on = wholes.starts_on AND parts.parent = wholes.series "
            "AND parts.level = CASE wholes.level WHEN 'total' THEN 'country' ELSE 'product' END "
            "WHERE wholes.level IN ('total', 'category') AND wholes.mean > 0",
        ),
        Rule(
            "few_stand_ins",
            "At most one series in a hundred has a stand-in because its model failed.",
            "SELECT as_of, grain, count(DISTINCT (measure, level, series)) AS series, "
            "count(DISTINCT (measure, level, series)) FILTER (reason LIKE '%failed%') AS stand_ins "
            "FROM {batch} GROUP BY as_of, grain HAVING count(DISTINCT (measure, level, series)) "
            "FILTER (reason LIKE '%failed%') > 0.01 * count(DISTINCT (measure, level, series))",
            severity="warning",
        ),
    ),
    "forecasts.backtest": (
        Rule(
            "the_past_is_judged",
            "What is judged was foretold before, and shares are at most 1.",
            "SELECT * FROM {batch} WHERE origin >= as_of OR greatest(coverage_80, coverage_95) > 1",
        ),
    ),
    "forecasts.accuracy": (
        Rule(
            "the_past_is_judged",
            "What is judged was foretold before, and error is the mean less what came.",
            "SELECT * FROM {batch} WHERE origin >= as_of OR error <> mean - actual",
        ),
    ),
    "forecasts.anomalies": (
        Rule(
            "the_unlikeliest_are_marked",
            "Probabilities are at most 1, and nothing less likely than what is marked is not.",
            "SELECT * FROM (SELECT *, max(tail_probability) FILTER (is_anomaly) OVER (PARTITION BY as_of, grain, level) AS "
            "least FROM {batch}) WHERE tail_probability > 1 "
            "OR (NOT is_anomaly AND tail_probability < least)",
        ),
        Rule(
            "anomalies_are_few",
            "Of the total, at most three and a tenth of the steps of a month are marked: more are no exceptions, but another "
            "shop.",
            "SELECT as_of, count(*) AS steps, count(*) FILTER (is_anomaly) AS anomalies FROM {batch} "
            "WHERE level = 'total' GROUP BY as_of HAVING count(*) FILTER (is_anomaly) > 3 + 0.1 * count(*)",
            severity="warning",
        ),
    ),
    "price.volume_mix": (
        Rule(
            "effects_add_up",
            "Price, volume, mix and discount come to the change of the amount, to the last digit.",
            "SELECT * FROM {batch} WHERE change <> amount - amount_before "
            "OR change <> price_effect + volume_effect + mix_effect + discount_effect",
        ),
        Rule(
            "what_is_new_or_gone_has_no_price_effect",
            "A product without a price before or now has none that changed.",
            "SELECT * FROM {batch} WHERE (units = 0 OR units_before = 0) AND price_effect <> 0",
        ),
    ),
    "forecasts.series": (
        Rule(
            "a_step_is_of_its_month",
            "Days and months lie in month, and weeks end in it or begin there.",
            "SELECT * FROM {batch} WHERE CASE grain WHEN 'month' THEN starts_on <> month WHEN 'day' "
            "THEN date_trunc('month', starts_on) <> month "
            "ELSE month NOT IN (date_trunc('month', starts_on), date_trunc('month', starts_on + 6)) END",
        ),
        Rule(
            "a_step_is_of_one_kind",
            "Days alone have orders, and months alone a category.",
            "SELECT * FROM {batch} WHERE (grain = 'day') <> (orders IS NOT NULL) "
            "OR (orders IS NULL) <> (corrected_orders IS NULL) "
            "OR (grain = 'month') <> (category IS NOT NULL)",
        ),
    ),
    "forecasts.said": (
        Rule(
            "each_model_spoke_of_each_step",
            "There are as many means as models times steps, and a deviation of each step.",
            "SELECT as_of, digest, len(means) AS means, len(sigma) AS sigma FROM {batch} "
            "WHERE len(sigma) = 0 OR len(means) = 0 OR len(means) % len(sigma) > 0",
        ),
    ),
    "forecasts.rivals": (
        Rule(
            "a_model_spoke_or_says_why",
            "A step has a mean, or the reason why there is none, and not both.",
            "SELECT * FROM {batch} WHERE (mean IS NULL) <> (reason IS NOT NULL)",
        ),
        Rule(
            "few_failed",
            "At most one in a hundred of the models' answers failed.",
            "SELECT as_of, count(*) AS steps, count(reason) AS failed FROM {batch} GROUP BY as_of "
            "HAVING count(reason) > 0.01 * count(*)",
            severity="warning",
        ),
    ),
    "seeds.events": (
        Rule(
            "it_ends_after_it_begins",
            "last_day is not before first_day, and an event has a name.",
            "SELECT * FROM {batch} WHERE last_day < first_day OR trim(name) = ''",
        ),
        Rule(
            "an_event_is_given_once",
            "No two rows share name, first_day, country and category.",
            "SELECT name, first_day, country, category, count(*) AS times FROM {batch} "
            "GROUP BY name, first_day, country, category HAVING count(*) > 1",
        ),
        Rule(
            "an_event_of_a_category_is_everywhere",
            "country is All where there is a category: sales of categories are not told apart by country.",
            "SELECT * FROM {batch} WHERE category IS NOT NULL AND country <> 'All'",
        ),
    ),
    "seeds.forecasting": (
        ONE_ROW,
        Rule(
            "holiday_country_is_a_code",
            "holiday_country is a code as ISO 3166 has it (GB-ENG, DE, US): of another no holidays are known, and the shop is "
            "taken to be open on them.",
            "SELECT * FROM {batch} WHERE NOT regexp_full_match(holiday_country, '[A-Z]{{2}}(-[A-Z0-9]{{1,3}})?')",
            severity="warning",
        ),
        Rule(
            "models_are_known",
            "library names models of AutoETS, AutoTheta, MSTL, Prophet and AutoARIMA, with a semicolon between.",
            "SELECT * FROM {batch} WHERE len(list_filter(string_split(library, ';'), name -> trim(name) NOT IN "
            "('AutoETS', 'AutoTheta', 'MSTL', 'Prophet', 'AutoARIMA'))) > 0",
        ),
    ),
    "seeds.english_words": (
        Rule(
            "word_is_lower_case",
            "word is in lower case and without blanks, as the words of a text are: another would match nothing.",
            "SELECT * FROM {batch} WHERE word <> lower(trim(word))",
        ),
    ),
    "demand.products": (
        Rule(
            "months_add_up",
            "units is the sum of the three months to the last digit, and each interval holds its month.",
            "SELECT * FROM {batch} WHERE abs(units - units_1 - units_2 - units_3) > 0.0002 "
            "OR units_1 NOT BETWEEN lo_80_1 - 0.0001 AND hi_80_1 + 0.0001 "
            "OR units_2 NOT BETWEEN lo_80_2 - 0.0001 AND hi_80_2 + 0.0001 "
            "OR units_3 NOT BETWEEN lo_80_3 - 0.0001 AND hi_80_3 + 0.0001",
        ),
        Rule(
            "classes_follow_amounts",
            "No product of a later class has a larger amount than one of a class before.",
            "SELECT * EXCLUDE (most_of_b, most_of_c) FROM (SELECT *, max(CASE abc WHEN 'B' THEN amount END) OVER shop "
            "AS most_of_b, max(CASE abc WHEN 'C' THEN amount END) OVER shop AS most_of_c FROM {batch} "
            "WINDOW shop AS (PARTITION BY as_of)) "
            "WHERE (abc = 'A' AND amount < greatest(most_of_b, most_of_c)) OR (abc = 'B' AND amount < most_of_c)",
        ),
        Rule(
            "what_is_told_is_possible",
            "There is a class of regularity where there is a variation, strengths are at most 1, and what is not told has a "
            "reason.",
            "SELECT * FROM {batch} WHERE (variation IS NULL) <> (xyz IS NULL) "
            "OR greatest(trend_strength, season_strength) > 1 OR (variation IS NULL AND missing_reason IS NULL)",
        ),
        Rule(
            "stock_is_told_where_it_was_counted",
            "Of stock all is told that follows from a count, and nothing without one.",
            "SELECT * FROM {batch} WHERE (on_hand IS NULL) <> (counted_on IS NULL) "
            "OR (on_hand IS NULL) <> (overstock_units IS NULL) OR (on_hand IS NULL) <> (is_dead_stock IS NULL) "
            "OR overstock_units > on_hand",
        ),
    ),
    "demand.reorder_points": (
        Rule(
            "a_point_covers_what_is_expected",
            "The reorder point is what is expected of the covered weeks and the safety stock, rounded up.",
            "SELECT * FROM {batch} WHERE reorder_point - covered_weeks * weekly_units - safety_stock "
            "NOT BETWEEN -0.01 AND 1.01",
        ),
        Rule(
            "what_is_not_told_has_a_reason",
            "There is a reorder point and a replay, or a reason.",
            "SELECT * FROM {batch} WHERE (reorder_point IS NULL OR held_out_weeks IS NULL) <> (reason IS NOT NULL)",
        ),
        Rule(
            "shares_are_at_most_one",
            "A fill rate is at most 1, a service level below.",
            "SELECT * FROM {batch} WHERE fill_rate > 1 OR service_level >= 1",
        ),
    ),
    "price.daily_prices": (
        Rule(
            "lines_have_units",
            "Every line has a unit at least, and lines of small invoices are among them.",
            "SELECT * FROM {batch} WHERE units < lines OR small_lines > lines",
        ),
        Rule(
            "day_is_in_its_month",
            "month is that of the day.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', day)",
        ),
    ),
    "price.response": (
        Rule(
            "intervals_hold_what_is_told",
            "An elasticity lies within its interval.",
            "SELECT * FROM {batch} WHERE elasticity NOT BETWEEN lo_90 AND hi_90 "
            "OR promotion_elasticity NOT BETWEEN promotion_lo_90 AND promotion_hi_90",
        ),
        Rule(
            "what_is_not_told_has_a_reason",
            "There is an elasticity or a reason, and never both.",
            "SELECT * FROM {batch} WHERE (elasticity IS NULL) <> (reason IS NOT NULL)",
        ),
        Rule(
            "a_price_is_one_of_those_seen",
            "The regular price is neither below the lowest nor above the highest, and probabilities are at most 1.",
            "SELECT * FROM {batch} WHERE regular_price NOT BETWEEN lowest_price AND highest_price "
            "OR greatest(placebo_probability, shop_placebo_probability, shop_placebo_share) > 1",
        ),
    ),
    "price.suggestions": (
        Rule(
            "what_is_not_told_has_a_reason",
            "There is a price to try or a reason, and never both.",
            "SELECT * FROM {batch} WHERE (suggested_price IS NULL) <> (reason IS NOT NULL)",
        ),
        Rule(
            "a_suggestion_is_within_the_prices_seen",
            "It is no lower than the lowest regular price and no higher than the highest, and not the one there is.",
            "SELECT * FROM {batch} WHERE suggested_price NOT BETWEEN lowest_price AND highest_price "
            "OR suggested_price = regular_price",
        ),
        Rule(
            "a_suggestion_gains",
            "It gains at both ends of the interval, no less than the least.",
            "SELECT * FROM {batch} WHERE suggested_price IS NOT NULL AND NOT (least_gain >= 0 AND gain >= least_gain)",
        ),
        Rule(
            "margin_needs_a_cost",
            "The goal is margin where the cost is known, and there alone.",
            "SELECT * FROM {batch} WHERE (goal = 'margin') <> (unit_cost IS NOT NULL)",
        ),
    ),
    "seeds.pricing": (ONE_ROW,),
    "seeds.ordering": (ONE_ROW, SERVICE_IS_BELOW_ONE),
    "seeds.supply": (SERVICE_IS_BELOW_ONE,),
    "seeds.stockouts": (
        Rule(
            "a_stockout_ends_after_it_begins",
            "last_day is not before first_day.",
            "SELECT * FROM {batch} WHERE last_day < first_day",
        ),
    ),
    "rules.baskets": (
        Rule(
            "size_is_that_of_the_goods",
            "size is the number of goods, each there once and in order, and there is a category.",
            "SELECT * FROM {batch} WHERE size <> len(goods) OR goods <> list_sort(list_distinct(goods)) "
            "OR len(categories) NOT BETWEEN 1 AND size",
        ),
        Rule(
            "month_is_that_of_the_sale",
            "month is the month of sold_at.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', sold_at)",
        ),
        Rule(
            "stratum_is_that_of_the_size",
            "size is above 3 (stratum - 1)^2 and at most 3 stratum^2, or the basket is above the cap.",
            "SELECT * FROM {batch} WHERE stratum > 0 "
            "AND (size > 3 * CAST(stratum AS BIGINT) * stratum OR size <= 3 * (CAST(stratum AS BIGINT) - 1) * (stratum - 1))",
        ),
    ),
    "rules.pair_months": (
        Rule(
            "items_are_in_order",
            "item comes before other, and their basket is one up to the cap.",
            "SELECT * FROM {batch} WHERE item >= other OR stratum = 0",
        ),
    ),
    "rules.itemsets": (
        Rule(
            "length_is_that_of_the_items",
            "length is the number of items, each there once and in order.",
            "SELECT * FROM {batch} WHERE length <> len(items) OR items <> list_sort(list_distinct(items))",
        ),
        Rule(
            "support_is_a_share_of_one_whole",
            "support is at most 1, and the same for the same count.",
            "SELECT as_of, count, min(support) AS low, max(support) AS high FROM {batch} GROUP BY as_of, count "
            "HAVING max(support) > 1 OR max(support) > min(support)",
        ),
    ),
    "rules.rules": (
        Rule(
            "no_pair_is_more_frequent_than_its_items",
            "count is at most antecedent_count and consequent_count, those at most baskets, and no more customers "
            "than baskets stand behind it.",
            "SELECT * FROM {batch} WHERE count > least(antecedent_count, consequent_count) "
            "OR greatest(antecedent_count, consequent_count) > baskets OR customers > count OR later_count > count",
        ),
        Rule(
            "ratios_follow_from_counts",
            "support is count by baskets, confidence count by antecedent_count, adjusted_lift count by "
            "expected_count, leverage support less what both shares come to: to six digits.",
            "SELECT * FROM {batch} WHERE abs(support * baskets - count) > 0.00001 * count "
            "OR abs(leverage * baskets * baskets - count * baskets + antecedent_count * consequent_count) "
            "> 0.00001 * greatest(count * baskets, antecedent_count * consequent_count) "
            "OR abs(confidence * antecedent_count - count) > 0.00001 * count "
            "OR abs(lift * antecedent_count * consequent_count - count * baskets) > 0.00001 * count * baskets "
            "OR abs(adjusted_lift * expected_count - count) > 0.00001 * count",
        ),
        Rule(
            "the_later_months_are_a_part",
            "What is counted and expected later is no more than in the whole window, later_adjusted_lift one by the other, "
            "and all of them are given or none; is_held is told where it can be.",
            "SELECT * FROM {batch} WHERE later_expected_count > expected_count * 1.00001 "
            "OR (later_count IS NULL) <> (later_expected_count IS NULL) "
            "OR (later_adjusted_lift IS NULL) <> (coalesce(later_expected_count, 0) = 0) "
            "OR (is_held IS NULL) <> (later_adjusted_lift IS NULL) "
            "OR abs(later_adjusted_lift * later_expected_count - later_count) > 0.00001 * later_count",
        ),
        Rule(
            "probabilities_are_probabilities",
            "p_value and q_value are at most 1, and q_value is not the smaller.",
            "SELECT * FROM {batch} WHERE q_value > 1 OR p_value > q_value",
        ),
        Rule(
            "an_association_is_what_it_is_called",
            "A complement has an adjusted lift above 1, a substitute one below; only complements are rules, and "
            "only rules that are held have a rank.",
            "SELECT * FROM {batch} WHERE (association = 'complement') <> (count > expected_count) "
            "OR (is_rule AND association <> 'complement') "
            "OR (strength_rank IS NOT NULL AND NOT coalesce(is_rule AND is_held, FALSE))",
        ),
        Rule(
            "a_pair_is_told_from_both_sides",
            "An association of two items stands there in both directions, with one count and one expectation.",
            "SELECT as_of, level, count(*) AS directions FROM {batch} WHERE len(antecedent) = 1 "
            "GROUP BY as_of, level, least(antecedent[1], consequent), greatest(antecedent[1], consequent) "
            "HAVING count(*) <> 2 OR min(count) < max(count) OR min(expected_count) < max(expected_count)",
        ),
        Rule(
            "ranks_follow_the_adjusted_lift",
            "No rank is left out, and a stronger rule comes first.",
            "SELECT as_of, level, strength_rank, adjusted_lift FROM {batch} WHERE strength_rank IS NOT NULL "
            "WINDOW ranks AS (PARTITION BY as_of, level ORDER BY strength_rank) "
            "QUALIFY strength_rank <> row_number() OVER ranks OR adjusted_lift > lag(adjusted_lift) OVER ranks",
        ),
    ),
    "rules.summary": (
        Rule(
            "no_rule_has_a_reason",
            "Where there is no rule there is a reason, and only there; rules are complements, held ones are rules.",
            "SELECT * FROM {batch} WHERE (rules = 0) <> (reason IS NOT NULL) OR rules > complements "
            "OR held_rules > rules OR complements + substitutes > 2 * candidate_pairs + frequent_items ** 3",
        ),
        Rule(
            "counts_are_of_one_whole",
            "capped_share is at most 1 and given where there are baskets, least_count is at most the baskets, and each two "
            "frequent items are a candidate.",
            "SELECT * FROM {batch} WHERE capped_share > 1 OR (capped_share IS NULL) <> (baskets + capped_baskets = 0) "
            "OR least_count > baskets OR candidate_pairs <> frequent_items * (frequent_items - 1) // 2",
        ),
        Rule(
            "the_cap_leaves_most_in",
            "At most a tenth of the baskets are above the cap: more, and rules are those of small baskets alone.",
            "SELECT * FROM {batch} WHERE capped_baskets > 0.1 * (baskets + capped_baskets)",
            severity="warning",
        ),
    ),
    "rules.bundles": (
        Rule(
            "the_bound_follows_from_its_parts",
            "extra_amount_upper_bound is open_baskets x consequent_amount, and goods are antecedent and consequent.",
            "SELECT * FROM {batch} WHERE extra_amount_upper_bound <> open_baskets * consequent_amount "
            "OR goods <> list_sort(list_append(antecedent, consequent))",
        ),
        Rule(
            "a_bundle_is_a_strong_rule",
            "Its goods are bought together more often than by chance, each stands there once, and no more customers than "
            "baskets stand behind them.",
            "SELECT * FROM {batch} WHERE adjusted_lift <= 1 OR customers > count "
            "OR len(list_distinct(goods)) <> len(antecedent) + 1",
        ),
    ),
    "rules.category_flows": (
        Rule(
            "shares_add_up",
            "The shares of a step come to 1, rounding aside.",
            "SELECT as_of, step, sum(share) AS share FROM {batch} GROUP BY as_of, step "
            "HAVING abs(sum(share) - 1) > 0.000001 * count(*)",
        ),
        Rule(
            "a_basket_is_linked_once",
            "Within a basket from_category is the first in order.",
            "SELECT * FROM {batch} WHERE step = 'same basket' AND from_category >= to_category",
        ),
    ),
    "seeds.rule_thresholds": (
        ONE_ROW,
        Rule(
            "thresholds_are_possible",
            "support and false_discovery_rate are above 0; they and confidence are at most 1 (0.01 is a hundredth).",
            "SELECT * FROM {batch} WHERE support NOT BETWEEN 0.0000001 AND 1 OR confidence > 1 "
            "OR false_discovery_rate NOT BETWEEN 0.0000001 AND 1",
        ),
        Rule(
            "the_window_has_earlier_months",
            "later_months is below window_months: what is chosen on the earlier ones is held against the later.",
            "SELECT * FROM {batch} WHERE later_months >= window_months",
        ),
    ),
    "segments.customer_features": (
        Rule(
            "shares_add_up",
            "The shares by weekday come to 1, rounding aside, and so do those by part of the day.",
            "SELECT * FROM {batch} WHERE abs(monday_share + tuesday_share + wednesday_share + thursday_share "
            "+ friday_share + saturday_share + sunday_share - 1) > 0.00001 "
            "OR abs(night_share + morning_share + afternoon_share + evening_share - 1) > 0.00001",
        ),
        Rule(
            "a_favourite_is_one_of_several",
            "There are no more categories than products; with one there is a favourite, whose share is no less than "
            "an equal part.",
            "SELECT * FROM {batch} WHERE categories > products OR (categories = 0) <> (products = 0) "
            "OR (categories = 0) <> (favourite_category IS NULL) "
            "OR favourite_share NOT BETWEEN 1 / categories - 0.000001 AND 1",
        ),
        Rule(
            "averages_follow_from_sums",
            "order_value is monetary by frequency, and returned_share returned_amount by monetary.",
            "SELECT * FROM {batch} WHERE abs(order_value * frequency - monetary) > 0.0001 * frequency "
            "OR abs(returned_share * monetary - returned_amount) > 0.000001 * monetary "
            "OR (returned_share IS NULL) <> (monetary = 0)",
        ),
        Rule(
            "gaps_reach_from_the_first_day_to_the_last",
            "The gaps come to the days from the first sale to the last; they are told from two order days on, "
            "their variation from three.",
            "SELECT * FROM {batch} WHERE (gap_mean_days IS NULL) <> (order_days = 1) "
            "OR abs(coalesce(gap_mean_days, 0) * (order_days - 1) - (tenure_days - recency_days)) "
            "> 0.000001 * order_days OR (gap_variation IS NULL) <> (order_days < 3) "
            "OR gap_variation > sqrt(order_days - 1) + 0.000001",
        ),
    ),
    "segments.concentration": (
        Rule(
            "the_tops_lie_in_each_other",
            "Of an as_of there are all three shares, and a larger one has at least as many customers and as much "
            "of the amount.",
            "SELECT as_of, top_share, customers, amount, amount_share FROM {batch} "
            "WINDOW tops AS (PARTITION BY as_of ORDER BY top_share) "
            "QUALIFY customers < lag(customers) OVER tops OR amount < lag(amount) OVER tops "
            "OR amount_share < lag(amount_share) OVER tops OR count(*) OVER (PARTITION BY as_of) <> 3",
        ),
        Rule(
            "shares_are_of_one_whole",
            "No share of the amount is above 1, nor below that of its customers: they are the best.",
            "SELECT * FROM {batch} WHERE amount_share > 1 OR amount_share < top_share - 0.000001",
        ),
    ),
    "segments.amount_moves": (
        Rule(
            "a_move_is_what_it_is_called",
            "amount and amount_before are those of such a move, and amount_change is their difference.",
            "SELECT * FROM {batch} WHERE amount_change <> amount - amount_before "
            "OR (move IN ('new', 'reactivated') AND amount_before <> 0) OR (move = 'lapsed' AND amount <> 0) "
            "OR (move = 'expanded' AND amount_change <= 0) OR (move = 'contracted' AND amount_change >= 0) "
            "OR (move = 'retained' AND amount_change <> 0)",
        ),
        Rule(
            "months_follow_on",
            "What a month's moves set out from is what those of the month before came to: they add up to the "
            "change of the total.",
            "SELECT as_of, amount_before, amount_then FROM ("
            "SELECT as_of, sum(amount_before) AS amount_before FROM {batch} GROUP BY as_of) AS moves "
            "INNER JOIN ("
            "SELECT CAST(as_of + INTERVAL 1 MONTH AS DATE) AS as_of, sum(amount) AS amount_then "
            "FROM {batch} GROUP BY as_of) AS stood USING (as_of) WHERE amount_before <> amount_then",
        ),
    ),
    "cohorts.retention": (
        *_of_cohorts("cohort"),
        Rule(
            "share_is_of_the_cohort",
            "share is customers by cohort_customers.",
            "SELECT * FROM {batch} WHERE abs(share - customers / cohort_customers) > 0.000001",
        ),
    ),
    "cohorts.revenue_retention": (
        *_of_cohorts("country, first_category, cohort"),
        Rule(
            "customers_have_an_amount",
            "An age with active customers has an amount, one without has none.",
            "SELECT * FROM {batch} WHERE (customers > 0) <> (amount > 0)",
        ),
        Rule(
            "groups_add_up",
            "Customers and amounts of the countries come to those of All, and so do those of the first categories.",
            "SELECT as_of, cohort, age FROM {batch} GROUP BY as_of, cohort, age HAVING "
            + " OR ".join(
                f"sum({column}) FILTER ({group} <> 'All') IS DISTINCT FROM "
                f"sum({column}) FILTER (country = 'All' AND first_category = 'All')"
                for group in ("country", "first_category")
                for column in ("cohort_customers", "customers", "amount", "returned_amount")
            ),
        ),
        Rule(
            "groups_are_of_one_kind",
            "Nobody is told by country and first category at once.",
            "SELECT * FROM {batch} WHERE country <> 'All' AND first_category <> 'All'",
        ),
        Rule(
            "ages_add_up",
            "net_amount is amount less returned_amount, and what is cumulative is the sum of the ages so far.",
            "SELECT as_of, country, first_category, cohort, age, amount, net_amount, cumulative_amount, cumulative_net_amount "
            "FROM {batch} WINDOW so_far AS (PARTITION BY as_of, country, first_category, cohort ORDER BY age) "
            "QUALIFY net_amount <> amount - returned_amount OR cumulative_amount <> sum(amount) OVER so_far "
            "OR cumulative_net_amount <> sum(net_amount) OVER so_far",
        ),
        Rule(
            "averages_follow_from_sums",
            "value_per_customer is cumulative_net_amount by cohort_customers; age 0 is the whole that shares are "
            "of.",
            "SELECT * FROM {batch} WHERE "
            "abs(value_per_customer * cohort_customers - cumulative_net_amount) > 0.0001 * cohort_customers "
            "OR (age = 0 AND (amount_share <> 1 OR net_amount_share <> 1))",
        ),
    ),
    "recommendations.also_bought": (
        _ranks_have_no_gaps("product_ids"),
        Rule(
            "company_is_another",
            "No product is bought with itself, the more frequent company comes first, and confidence is at most 1.",
            "SELECT * FROM {batch} WINDOW ranks AS (PARTITION BY as_of, product_ids ORDER BY rank) "
            "QUALIFY list_contains(product_ids, also_bought) OR confidence > 1 "
            "OR confidence > lag(confidence) OVER ranks",
        ),
    ),
    "recommendations.similar_products": (
        _ranks_have_no_gaps("product_id"),
        Rule(
            "alike_are_two",
            "No product is like itself, the more alike comes first, and no cosine is above 1.",
            "SELECT * FROM {batch} WINDOW ranks AS (PARTITION BY as_of, product_id ORDER BY rank) "
            "QUALIFY product_id = similar_product_id OR cosine > 1 OR similarity > lag(similarity) OVER ranks",
        ),
        Rule(
            "a_good_stands_once",
            "No product is twice like another.",
            "SELECT as_of, product_id, similar_product_id FROM {batch} "
            "GROUP BY as_of, product_id, similar_product_id HAVING count(*) > 1",
        ),
    ),
    "recommendations.for_customers": (
        _ranks_have_no_gaps("customer_id", "list"),
        Rule(
            "a_good_stands_once",
            "No product is twice in a list.",
            "SELECT as_of, customer_id, list, product_id FROM {batch} "
            "GROUP BY as_of, customer_id, list, product_id HAVING count(*) > 1",
        ),
        Rule(
            "new_is_new",
            "The list of new goods has none that the customer bought before, and what own orders gave was.",
            "SELECT * FROM {batch} WHERE (list = 'new' AND orders > 0) OR (source = 'own orders' AND orders = 0)",
        ),
        Rule(
            "the_better_comes_first",
            "Scores do not rise within a list, the slot for launched goods aside.",
            "SELECT * FROM {batch} WHERE source <> 'launched' "
            "WINDOW ranks AS (PARTITION BY as_of, customer_id, list ORDER BY rank) "
            "QUALIFY score > lag(score) OVER ranks",
        ),
    ),
    "recommendations.due": (
        Rule(
            "what_is_due_was_ordered",
            "It is due after its last order, and a probability is at most 1.",
            "SELECT * FROM {batch} WHERE due_on < last_ordered_on OR probability > 1",
        ),
    ),
    "recommendations.backtest": (
        Rule(
            "the_past_is_judged",
            "Lists were made of the months before the one that judges them, which is not after as_of.",
            "SELECT * FROM {batch} WHERE judged <> origin + INTERVAL 1 MONTH OR judged > as_of",
        ),
        Rule(
            "shares_are_at_most_1",
            "Recall, NDCG, coverage and shares of reorders are at most 1, and recall is at most capped recall.",
            "SELECT * FROM {batch} WHERE recall_5 > capped_recall_5 OR recall_10 > capped_recall_10 "
            "OR greatest(capped_recall_5, capped_recall_10, ndcg_5, ndcg_10, coverage, reorder_share, "
            "bought_reorder_share) > 1",
        ),
        Rule(
            "new_is_new",
            "Lists of new goods have no reorders.",
            "SELECT * FROM {batch} WHERE list = 'new' AND reorder_share > 0",
        ),
        Rule(
            "all_but_the_floor_have_a_gain",
            "A gain lies in its interval, and every recommender but the floor has one.",
            "SELECT * FROM {batch} WHERE (candidate = floor) <> (gain IS NULL) "
            "OR gain < gain_low - 0.000001 OR gain > gain_high + 0.000001",
        ),
        Rule(
            "no_leak",
            "No capped recall is above 0.95: lists that know so much know the future.",
            "SELECT * FROM {batch} WHERE customers >= 100 AND capped_recall_10 > 0.95",
            severity="warning",
        ),
    ),
    "recommendations.champions": (
        Rule(
            "a_champion_was_judged",
            "What is chosen by is not after as_of, and recall is at most 1.",
            "SELECT * FROM {batch} WHERE judged > as_of "
            "OR greatest(capped_recall_10, earlier_capped_recall_10, floor_capped_recall_10) > 1",
        ),
        Rule(
            "what_is_served_beat_the_floor",
            "A champion that is not the floor led by more than chance over the months that it was chosen by.",
            "SELECT * FROM {batch} WHERE candidate <> CASE list WHEN 'all' THEN 'own orders' ELSE 'popular' END "
            "AND (lead_low IS NULL OR lead_low <= 0 OR lead < lead_low)",
        ),
        Rule(
            "the_champion_beats_the_floor",
            "What the champion of the months before gained in the newest is above 0, chance aside.",
            "SELECT * FROM {batch} WHERE gain_high < 0",
            severity="warning",
        ),
    ),
    "seeds.recommendations": (ONE_ROW,),
    "cohorts.survival": (
        Rule(
            "a_curve_falls",
            "A curve begins on day 0 and never rises, and those at risk grow no more.",
            "SELECT as_of, event, began_in, day, survival, at_risk FROM {batch} "
            "WINDOW days AS (PARTITION BY as_of, event, began_in ORDER BY day) "
            "QUALIFY survival > coalesce(lag(survival) OVER days, 1) OR at_risk > coalesce(lag(at_risk) OVER days, "
            "customers) OR (row_number() OVER days = 1 AND day > 0)",
        ),
        Rule(
            "bounds_hold_the_curve",
            "survival lies between its bounds, and events among those at risk.",
            "SELECT * FROM {batch} WHERE survival NOT BETWEEN survival_low AND survival_high OR survival_high > 1 "
            "OR events > at_risk OR (survival_low IS NULL) <> (survival IN (0, 1))",
        ),
    ),
    "segments.actions": (
        Rule(
            "parts_are_no_more_than_the_whole",
            "No more are held out or at stake than there are, no more amount is at stake than is expected, and no share "
            "is above 1.",
            "SELECT * FROM {batch} WHERE greatest(held_out, customers_at_stake) > customers "
            "OR amount_at_stake > expected_amount + 0.001 "
            "OR greatest(mean_probability, weekday_share, part_of_day_share) > 1",
        ),
        Rule(
            "affinities_come_in_order",
            "The category liked most comes first, and each has a lift.",
            "SELECT * FROM {batch} WHERE lift_1 < lift_2 OR lift_2 < lift_3 OR weekday > 7 "
            "OR (category_1 IS NULL) <> (lift_1 IS NULL)",
        ),
    ),
    "segments.service_demand": (
        Rule(
            "bounds_hold_what_is_expected",
            "What is expected lies between its bounds, and a number or the reason why there is none is given.",
            "SELECT * FROM {batch} WHERE expected_return_lines NOT BETWEEN return_lines_low AND return_lines_high "
            "OR (expected_return_lines IS NULL) <> (reason IS NOT NULL) "
            "OR (expected_return_lines IS NULL) <> (return_lines_low IS NULL)",
        ),
    ),
    "sentiment.lexicon": (
        Rule("a_score_is_at_most_1", "No score is above 1.", "SELECT * FROM {batch} WHERE NOT score <= 1"),
    ),
    "sentiment.models": (
        Rule(
            "what_is_used_was_judged",
            "A model that is used has words and orders reviews better than the lexicon; no area is above 1.",
            "SELECT * FROM {batch} WHERE is_used AND NOT coalesce(len(words) > 0 AND auc > lexicon_auc, FALSE) "
            "OR greatest(auc, lexicon_auc) > 1 OR few_stars > rated",
        ),
    ),
    "sentiment.reviews": (
        Rule(
            "a_label_follows_the_score",
            "Scores are at most 1; a label says what the score says, and where there is none there is a reason.",
            "SELECT * FROM {batch} WHERE NOT coalesce(score, 0) <= 1 "
            "OR (score IS NULL) <> (missing_reason IS NOT NULL) OR label <> CASE WHEN score IS NULL THEN 'unknown' "
            "WHEN score > 0.05 THEN 'positive' WHEN score < -0.05 THEN 'negative' ELSE 'neutral' END",
        ),
        Rule(
            "the_past_alone_is_learned_from",
            "The model was learned before the month of the review.",
            "SELECT * FROM {batch} WHERE learned_as_of >= month",
        ),
        Rule(
            "most_reviews_have_a_score",
            "Half of the month's reviews and more have a score.",
            "SELECT *, count(*) OVER of_month AS reviews FROM {batch} "
            "WINDOW of_month AS (PARTITION BY month) QUALIFY score IS NULL AND 2 * count(score) OVER of_month < reviews",
            severity="warning",
        ),
    ),
    "sentiment.mismatches": (
        Rule(
            "words_and_stars_disagree",
            "Words are worse than four or five stars, or better than one or two, and at most 1.",
            "SELECT * FROM {batch} WHERE words_are <> CASE WHEN rating > 3 THEN 'worse' ELSE 'better' END "
            "OR rating = 3 OR abs(score) < 0.5 OR (score > 0) = (rating > 3) OR score > 1",
        ),
    ),
    "sentiment.alerts": (
        Rule(
            "an_alert_fell",
            "What is an alert fell, and chances and shares are at most 1, the share no less than the chance.",
            "SELECT * FROM {batch} WHERE is_alert AND NOT fall > 0 OR greatest(chance, false_share) > 1 "
            "OR false_share < chance OR abs(mean_before - mean - fall) > 0.001",
        ),
    ),
    "sentiment.topics": (
        Rule(
            "parts_are_no_more_than_the_whole",
            "A topic has at most the whole of each review; shares add up to 1 at most, means stay on their scales.",
            "SELECT * FROM {batch} WHERE weight > reviews + 0.001 OR positive_share + negative_share > 1.0002 "
            "OR mean_rating > 5 OR mean_score > 1",
        ),
        Rule(
            "nothing_later_is_seen",
            "month is not after as_of.",
            "SELECT * FROM {batch} WHERE month > as_of",
        ),
        Rule(
            "products_add_up_to_the_shop",
            "Reviews of all products, month by month, are those of the shop.",
            "SELECT as_of, month, sum(reviews) FILTER (level = 'product') AS of_products, "
            "sum(reviews) FILTER (level = 'shop') AS of_shop FROM {batch} WHERE topic_id = 'all' "
            "GROUP BY as_of, month HAVING of_products IS DISTINCT FROM of_shop",
        ),
    ),
    "sentiment.helpfulness": (
        Rule(
            "the_interval_holds_the_ratio",
            "An odds ratio lies within its interval, and all of them are given or none.",
            "SELECT * FROM {batch} WHERE odds_ratio NOT BETWEEN odds_ratio_low AND odds_ratio_high "
            "OR (odds_ratio IS NULL) <> (coalesce(odds_ratio_low, odds_ratio_high, effect) IS NULL) "
            "OR odds_ratio + odds_ratio_low + odds_ratio_high + effect IS NULL AND odds_ratio IS NOT NULL "
            "OR reviews > votes",
        ),
    ),
    "sentiment.reviewers": (
        Rule(
            "a_reason_is_given",
            "Copies are three and more and like each other; a burst has five reviews and more, and its chances.",
            "SELECT * FROM {batch} WHERE contains(reason, 'copies') <> (copies >= 3 AND similarity > 0) "
            "OR contains(reason, 'burst') <> (in_hour >= 5) "
            "OR (in_hour > 0) <> (hour_chance IS NOT NULL AND rating_chance IS NOT NULL) "
            "OR similarity > 1 OR greatest(hour_chance, rating_chance) > 0.01",
        ),
    ),
    "seeds.sentiment": (ONE_ROW,),
    "seeds.review_alerts": (
        ONE_ROW,
        Rule(
            "shares_are_below_one",
            "false_share and least_fall are below 1.",
            "SELECT * FROM {batch} WHERE greatest(false_share, least_fall) >= 1",
        ),
    ),
    "seeds.holdouts": (
        ONE_ROW,
        Rule("share_is_below_one", "share is below 1.", "SELECT * FROM {batch} WHERE share >= 1"),
    ),
    "topics.words": (
        Rule(
            "words_or_a_reason",
            "A review has words, or a reason why it has none.",
            "SELECT * FROM {batch} WHERE (words IS NULL) = (reason IS NULL) OR len(words) = 0",
        ),
    ),
    "topics.learned": (
        Rule(
            "places_have_no_gaps",
            "Places of an as_of go from 1 to the number of its rows; nothing is later than as_of.",
            "SELECT as_of, count(*) AS reviews, max(place) AS place FROM {batch} GROUP BY as_of "
            "HAVING max(place) <> count(*) OR count(DISTINCT place) <> count(*) OR max(month) > as_of",
        ),
    ),
    "topics.models": (
        Rule(
            "one_way_is_chosen",
            "Of each as_of one row is chosen, and where nothing could be tried it is the only one.",
            "SELECT as_of, count(*) FILTER (is_chosen) AS chosen FROM {batch} GROUP BY as_of "
            "HAVING count(*) FILTER (is_chosen) <> 1 OR (bool_or(method = 'none') AND count(*) > 1)",
        ),
        Rule(
            "figures_are_of_what_was_tried",
            "A way has a c_v of at most 1, a diversity and a stability of at most 1; only LDA has a perplexity, and what was "
            "not tried has nothing.",
            "SELECT * FROM {batch} WHERE (method = 'none') <> (c_v IS NULL) OR abs(c_v) > 1.0001 OR u_mass > 0.0001 "
            "OR diversity > 1 OR stability > 1 OR (method <> 'lda' AND perplexity IS NOT NULL) "
            "OR (method = 'none') <> (topics = 0) OR searched_as_of > as_of",
        ),
    ),
    "topics.fits": (
        A_TOPIC_IS_NAMED_ONCE,
        AN_ENDED_TOPIC_HAS_NOTHING,
        Rule(
            "weights_add_up",
            "A topic's terms have a weight and an idf each, in falling order, which come to 1, rounding aside; one that "
            "ended has none.",
            "SELECT as_of, topic_id, state, len(terms) AS terms FROM {batch} WHERE len(terms) <> len(weights) "
            "OR len(terms) <> len(idf) OR (state = 'ended') <> (len(terms) = 0) "
            "OR (state <> 'ended' AND abs(list_sum(weights) - 1) > 0.01) "
            "OR list_reverse_sort(weights) <> weights OR list_min(weights) < 0",
        ),
        Rule(
            "a_model_is_of_one_kind",
            "prior is given for LDA alone, updated_from lies before as_of, and topics of an as_of were fitted at once.",
            "SELECT as_of, count(*) AS topics FROM {batch} GROUP BY as_of HAVING count(DISTINCT (method, counted, "
            "has_phrases, learned_reviews)) > 1 "
            "OR bool_or(state <> 'ended' AND (method = 'lda') <> (prior IS NOT NULL)) OR bool_or(updated_from >= as_of) "
            "OR count(DISTINCT coalesce(updated_from, DATE '0001-01-01')) FILTER (state <> 'ended') > 1",
        ),
    ),
    "topics.terms": (
        Rule(
            "ranks_have_no_gaps",
            "Ranks of a topic go from 1 to the number of its rows, by falling relevance.",
            "SELECT as_of, topic_id, count(*) AS terms, max(rank) AS rank FROM {batch} GROUP BY as_of, topic_id "
            "HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*) "
            "OR list(relevance ORDER BY rank) <> list(relevance ORDER BY relevance DESC)",
        ),
        Rule(
            "relevance_is_by_its_formula",
            "relevance is 0.6 ln(weight) + 0.4 ln(lift), rounding aside; weight is at most 1.",
            "SELECT * FROM {batch} WHERE weight > 1 "
            "OR abs(relevance - (0.6 * ln(greatest(weight, 1e-9)) + 0.4 * ln(greatest(lift, 1e-9)))) "
            "> 0.0005 + 0.000001 / greatest(weight, 1e-9)",
        ),
    ),
    "topics.documents": (
        Rule(
            "shares_add_up",
            "The shares of a review come to 1, and at most one topic leads it.",
            "SELECT as_of, month, review_id, sum(share) AS shares FROM {batch} GROUP BY as_of, month, review_id "
            "HAVING abs(sum(share) - 1) > 0.0001 OR count(*) FILTER (is_leading) > 1",
        ),
        Rule(
            "no_topic_has_a_reason",
            "A reason is given where topic_id is None and nowhere else; that row is alone of its review, and leads nothing.",
            "SELECT * FROM {batch} WHERE (topic_id = 'None') <> (reason IS NOT NULL) "
            "OR (topic_id = 'None' AND (share <> 1 OR is_leading))",
        ),
        Rule(
            "nothing_is_later",
            "No review was written after as_of.",
            "SELECT * FROM {batch} WHERE month > as_of",
        ),
    ),
    "topics.topics": (
        A_TOPIC_IS_NAMED_ONCE,
        AN_ENDED_TOPIC_HAS_NOTHING,
        Rule(
            "shares_add_up",
            "The shares of the topics come to 1, rounding aside, where there is any.",
            "SELECT as_of, sum(share) AS shares FROM {batch} GROUP BY as_of "
            "HAVING sum(share) > 0 AND abs(sum(share) - 1) > 0.001",
        ),
        Rule(
            "stars_are_five_at_most",
            "mean_rating is at most 5, and given where there is a share.",
            "SELECT * FROM {batch} WHERE mean_rating > 5 OR (share > 0.000001 AND mean_rating IS NULL) "
            "OR len(review_ids) > 3",
        ),
    ),
    "topics.products": (
        Rule(
            "shares_add_up",
            "The shares of a product come to 1, rounding aside, and its topics lead at most as many reviews as it has.",
            "SELECT as_of, product_id, sum(share) AS shares FROM {batch} GROUP BY as_of, product_id "
            "HAVING abs(sum(share) - 1) > 0.001 OR sum(led_reviews) > max(reviews)",
        ),
        Rule(
            "stars_are_five_at_most",
            "mean_rating is at most 5.",
            "SELECT * FROM {batch} WHERE mean_rating > 5",
        ),
    ),
    "topics.trend": (
        Rule(
            "shares_add_up",
            "The shares of a month come to 1, rounding aside, and its topics lead at most as many reviews as it has.",
            "SELECT as_of, month, sum(share) AS shares FROM {batch} GROUP BY as_of, month "
            "HAVING abs(sum(share) - 1) > 0.001 OR sum(led_reviews) > max(reviews)",
        ),
        Rule(
            "intervals_hold_their_means",
            "share and mean_rating lie between the ends of their intervals, those between 0 and 1 and between 1 and 5.",
            "SELECT * FROM {batch} WHERE share NOT BETWEEN share_low - 0.00001 AND share_high + 0.00001 OR share_high > 1 "
            "OR mean_rating NOT BETWEEN rating_low - 0.001 AND rating_high + 0.001 OR rating_high > 5 "
            "OR (mean_rating IS NULL) <> (rating_low IS NULL) OR (mean_rating IS NULL) <> (rating_high IS NULL)",
        ),
        Rule(
            "a_jump_is_a_change",
            "Where is_jump is set the share changed by 0.05 and more; p_value is at most 1; nothing is later than as_of.",
            "SELECT * FROM {batch} WHERE (is_jump AND (change IS NULL OR abs(change) < 0.0499)) OR p_value > 1 "
            "OR (change IS NULL) <> (p_value IS NULL) OR month > as_of",
        ),
    ),
    "topics.map": (
        Rule(
            "points_are_of_their_time_and_scale",
            "Stars are five at most, scores one; nothing is later than as_of.",
            "SELECT * FROM {batch} WHERE rating > 5 OR NOT coalesce(score, 0) <= 1 OR month > as_of",
        ),
    ),
    "seeds.topics": (
        ONE_ROW,
        Rule(
            "settings_make_sense",
            "least_topics is at most most_topics, that at most 100; leading_share at most 1, mapped_reviews at most 5,000, "
            "and there are reviews enough to learn from.",
            "SELECT * FROM {batch} WHERE least_topics > most_topics OR most_topics > 100 OR leading_share > 1 "
            "OR mapped_reviews > 5000 OR learned_reviews < least_reviews",
        ),
    ),
    "seeds.churn": (ONE_ROW,),
    "seeds.value": (ONE_ROW,),
    "seeds.survival": (ONE_ROW,),
    "seeds.thresholds": (ONE_ROW,),
    "seeds.clustering": (ONE_ROW,),
}
