"""Features, moves of the amount and cohorts show the figures of Online Retail.

The figures stand in the README of the data beside the repository, or are what one table must say because
another does.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

LAST = date(2011, 12, 1)
KNOWN = Decimal("8887208.894")


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def differs(connection: duckdb.DuckDBPyConnection, query: str, other: str) -> int:
    """Count the rows that only one of two queries gives; none at all is no agreement."""
    rows = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0]
    assert rows
    [(found,)] = connection.execute(
        f"SELECT (SELECT count(*) FROM (({query}) EXCEPT ALL ({other}))) + "
        f"(SELECT count(*) FROM (({other}) EXCEPT ALL ({query})))"
    ).fetchall()
    return int(found)


def test_order_days_and_hours_are_those_of_the_lines(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        "SELECT customer_id, sum(order_days), sum(monday_days), sum(thursday_days), sum(saturday_days) "
        "FROM core.customer_months WHERE orders > 0 GROUP BY customer_id",
        "SELECT customer_id, count(day), count(day) FILTER (isodow(day) = 1), "
        "count(day) FILTER (isodow(day) = 4), count(day) FILTER (isodow(day) = 6) FROM "
        "(SELECT DISTINCT customer_id, sold_at::DATE AS day FROM core.order_lines "
        "WHERE kind = 'sale' AND customer_id IS NOT NULL) GROUP BY customer_id",
    ) == 0  # fmt: skip
    assert one(
        retail,
        "SELECT sum(orders), sum(night_orders + morning_orders + afternoon_orders + evening_orders), "
        "sum(saturday_days), sum(return_lines) FROM core.customer_months",
    ) == one(
        retail,
        "SELECT count(*) FILTER (kind = 'sale'), count(*) FILTER (kind = 'sale'), 0, "
        "sum(lines) FILTER (kind = 'return') FROM core.invoices WHERE customer_id IS NOT NULL",
    )


def test_features_agree_with_rfm(retail: duckdb.DuckDBPyConnection) -> None:
    columns = "as_of, customer_id, recency_days, frequency, monetary"
    assert differs(
        retail,
        f"SELECT {columns}, monetary - returned_amount FROM segments.customer_features",
        f"SELECT {columns}, net_monetary FROM segments.rfm",
    ) == 0  # fmt: skip


def test_gaps_are_those_of_the_order_days(retail: duckdb.DuckDBPyConnection) -> None:
    """The gaps across months are put together from the state: the lines must tell the same."""
    assert one(
        retail,
        f"""
        WITH days AS (
            SELECT DISTINCT customer_id, sold_at::DATE AS day FROM core.order_lines
            WHERE kind = 'sale' AND customer_id IS NOT NULL
        ),
        gaps AS (
            SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap FROM days
        ),
        customers AS (
            SELECT customer_id, avg(gap) AS mean, stddev_samp(gap) / avg(gap) AS variation
            FROM gaps GROUP BY customer_id
        )
        SELECT
            count(*), count(gap_mean_days), count(gap_variation),
            count(*) FILTER ((mean IS NULL) <> (gap_mean_days IS NULL)),
            count(*) FILTER ((variation IS NULL) <> (gap_variation IS NULL)),
            count(*) FILTER (abs(mean - gap_mean_days) > 0.000001),
            count(*) FILTER (abs(variation - gap_variation) > 0.000001)
        FROM segments.customer_features INNER JOIN customers USING (customer_id) WHERE as_of = DATE '{LAST}'
        """,
    ) == (4_338, 2_790, 1_916, 0, 0, 0, 0)


def test_products_are_those_of_the_lines(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        f"SELECT customer_id, products FROM segments.customer_features WHERE as_of = DATE '{LAST}'",
        "SELECT customer_id, count(DISTINCT product_id) FILTER (is_goods) FROM core.order_lines "
        "WHERE kind = 'sale' AND customer_id IS NOT NULL GROUP BY customer_id",
    ) == 0  # fmt: skip


def test_a_tenth_of_the_customers_brings_three_fifths(retail: duckdb.DuckDBPyConnection) -> None:
    assert retail.execute(
        f"SELECT top_share, customers, amount_share FROM segments.concentration WHERE as_of = DATE '{LAST}' "
        "ORDER BY top_share"
    ).fetchall() == [(0.01, 44, 0.320626), (0.1, 434, 0.614521), (0.2, 868, 0.746837)]
    assert one(
        retail,
        "SELECT sum(monetary) FROM (SELECT monetary FROM segments.rfm "
        f"WHERE as_of = DATE '{LAST}' ORDER BY monetary DESC LIMIT 434)",
    ) == one(
        retail,
        f"SELECT amount FROM segments.concentration WHERE as_of = DATE '{LAST}' AND top_share = 0.1",
    )


def test_moves_come_to_the_change_of_each_month(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        "SELECT as_of, sum(amount), sum(amount_before), sum(amount_change) FROM segments.amount_moves "
        "GROUP BY as_of",
        "SELECT month, amount, coalesce(lag(amount) OVER months, 0), amount - coalesce(lag(amount) OVER months, 0) "
        "FROM (SELECT month, sum(amount) AS amount FROM core.customer_months GROUP BY month) "
        "WINDOW months AS (ORDER BY month)",
    ) == 0  # fmt: skip
    assert differs(
        retail,
        "SELECT as_of, customers FROM segments.amount_moves WHERE move = 'new'",
        "SELECT cohort, customers FROM cohorts.retention "
        f"WHERE age = 0 AND as_of = DATE '{LAST}'",
    ) == 0  # fmt: skip


def test_the_first_and_the_last_month_are_not_whole_when_they_end(retail: duckdb.DuckDBPyConnection) -> None:
    """2010-12 ends on the 23rd, which only January can tell; 2011-12 stops on the 9th."""
    assert retail.execute(
        "SELECT DISTINCT as_of FROM segments.amount_moves WHERE NOT is_whole_month ORDER BY as_of"
    ).fetchall() == [(date(2010, 12, 1),), (LAST,)]
    assert retail.execute(
        "SELECT DISTINCT as_of, CAST(cohort + to_months(age) AS DATE) FROM cohorts.retention "
        "WHERE NOT is_whole_month ORDER BY as_of"
    ).fetchall() == [(date(2010, 12, 1), date(2010, 12, 1)), (LAST, LAST)]


def test_the_cohort_of_december_came_back_as_published(retail: duckdb.DuckDBPyConnection) -> None:
    found = retail.execute(
        "SELECT as_of, age, customers, cohort_customers, share, is_left_truncated, is_whole_month "
        "FROM cohorts.retention WHERE cohort = '2010-12-01' AND age < 2 AND as_of < '2011-03-01' ORDER BY ALL"
    ).fetchall()
    december, january, february = (date(2010, 12, 1), date(2011, 1, 1), date(2011, 2, 1))
    assert found == [
        (december, 0, 885, 885, 1.0, True, False),
        (january, 0, 885, 885, 1.0, True, True), (january, 1, 324, 885, 0.366102, True, True),
        (february, 0, 885, 885, 1.0, True, True), (february, 1, 324, 885, 0.366102, True, True),
    ]  # fmt: skip


def test_ages_add_up_to_the_active_months(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        f"SELECT cohort, sum(customers) FROM cohorts.retention WHERE as_of = DATE '{LAST}' GROUP BY cohort",
        "SELECT cohort, count(*) FROM (SELECT min(month) OVER (PARTITION BY customer_id) AS cohort "
        "FROM core.customer_months WHERE orders > 0) GROUP BY cohort",
    ) == 0  # fmt: skip
    assert one(
        retail,
        "SELECT sum(customers) FILTER (age = 0), count(*) FILTER (NOT is_left_truncated AND age = 0), count(*) "
        f"FROM cohorts.retention WHERE as_of = DATE '{LAST}'",
    ) == (4_338, 7, 91)  # fmt: skip


def test_cohorts_bring_the_amount_of_all_known_customers(retail: duckdb.DuckDBPyConnection) -> None:
    """All of the returns but those before a customer's first sale, and of customers without one."""
    assert one(
        retail,
        "SELECT sum(amount), sum(customers), sum(returned_amount) FROM cohorts.revenue_retention "
        f"WHERE as_of = DATE '{LAST}' AND country = 'All' AND first_category = 'All'",
    ) == one(
        retail,
        """
        WITH beginnings AS (
            SELECT customer_id, min(month) AS cohort FROM core.customer_months WHERE orders > 0 GROUP BY customer_id
        )
        SELECT
            (SELECT sum(amount) FROM core.customer_months),
            (SELECT count(*) FROM core.customer_months WHERE orders > 0),
            sum(returned_amount)
        FROM core.returns
        INNER JOIN beginnings USING (customer_id)
        WHERE sold_at IS NOT NULL OR month >= cohort
        """,
    ) == (KNOWN, 13_054, Decimal("594467.370"))  # fmt: skip


def test_revenue_has_the_customers_and_flags_of_retention(retail: duckdb.DuckDBPyConnection) -> None:
    columns = "as_of, cohort, age, customers, cohort_customers, is_left_truncated, is_whole_month"
    assert differs(
        retail,
        f"SELECT {columns} FROM cohorts.revenue_retention WHERE country = 'All' AND first_category = 'All'",
        f"SELECT {columns} FROM cohorts.retention",
    ) == 0  # fmt: skip


def test_first_categories_have_all_customers(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        "SELECT sum(cohort_customers), count(DISTINCT first_category) FROM cohorts.revenue_retention "
        f"WHERE as_of = DATE '{LAST}' AND age = 0 AND first_category <> 'All'",
    ) == (4_338, 16)  # fmt: skip


def test_half_of_the_newcomers_order_again_within_104_days(retail: duckdb.DuckDBPyConnection) -> None:
    """1,620 customers began when the first six months of the data had passed."""
    assert retail.execute(
        "SELECT DISTINCT customers FROM cohorts.survival WHERE as_of = ? AND began_in = 'All'", [LAST]
    ).fetchall() == [(1_620,)]
    (again,) = one(
        retail,
        "SELECT min(day) FROM cohorts.survival "
        f"WHERE as_of = DATE '{LAST}' AND event = 'second order' AND began_in = 'All' AND survival <= 0.5",
    )
    assert again == 104


def test_actions_are_for_all_customers_and_no_more_is_at_stake_than_expected(
    retail: duckdb.DuckDBPyConnection,
) -> None:
    assert differs(
        retail,
        "SELECT as_of, segment, customers FROM segments.actions",
        "SELECT as_of, segment, count(*) FROM segments.rfm GROUP BY ALL",
    ) == 0  # fmt: skip
    expected, summed, held = one(
        retail,
        f"SELECT (SELECT sum(expected_amount) FROM value.lifetime WHERE as_of = DATE '{LAST}' AND horizon_days = 90), "
        "sum(expected_amount), sum(held_out) / sum(customers) FROM segments.actions "
        f"WHERE as_of = DATE '{LAST}'",
    )
    assert abs(summed - expected) < 0.01
    assert abs(held - 0.1) < 0.015


def test_the_returns_of_the_next_month_were_foretold(retail: duckdb.DuckDBPyConnection) -> None:
    """Each month with a whole one after it, of all segments: bounds that hold nothing help nobody plan."""
    judged = retail.execute(
        """
        WITH came AS (
            SELECT CAST(month - INTERVAL 1 MONTH AS DATE) AS as_of, customer_id, return_lines FROM core.customer_months
        ),
        actual AS (
            SELECT rfm.as_of, rfm.segment, coalesce(sum(came.return_lines), 0) AS lines
            FROM segments.rfm LEFT JOIN came USING (as_of, customer_id) GROUP BY ALL
        )
        SELECT
            count(*), count(*) FILTER (lines BETWEEN return_lines_low AND return_lines_high) / count(*),
            sum(expected_return_lines) / sum(lines)
        FROM segments.service_demand INNER JOIN actual USING (as_of, segment)
        WHERE expected_return_lines IS NOT NULL AND as_of < DATE '2011-11-01'
        """
    ).fetchall()
    [(count, held, ratio)] = judged
    assert count == 88
    assert held >= 0.9
    assert 0.9 < ratio < 1.15
