"""The rest of core, the overview and the moves between segments show the figures of Online Retail.

The figures stand in the README of the data beside the repository, or are what one table must say because
another does.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

LAST = date(2011, 12, 1)
GOODS, SALES, KNOWN = Decimal("10247219.323"), Decimal("10631048.744"), Decimal("8887208.894")
RETURNED, ADJUSTED = Decimal("893979.730"), Decimal("-11062.060")


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def test_invoices_are_as_many_as_published(retail: duckdb.DuckDBPyConnection) -> None:
    found = retail.execute(
        "SELECT kind, count(*), sum(lines), sum(amount), count(*) FILTER (goods_lines > 0), sum(goods_lines), "
        "sum(goods_amount) FROM core.invoices GROUP BY kind"
    ).fetchall()
    by_kind = {kind: figures for kind, *figures in found}
    assert by_kind["sale"] == [19_959, 524_877, SALES, 19_773, 522_540, GOODS]
    assert by_kind["return"][:3] == [3_836, 9_251, -RETURNED]
    assert by_kind["adjustment"][2] == ADJUSTED
    assert one(
        retail, "SELECT count(*), sum(amount) FROM core.invoices WHERE kind = 'sale' AND customer_id IS NOT NULL"
    ) == (18_532, KNOWN)  # fmt: skip


def test_invoices_come_to_all_lines_of_each_month(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT sum(lines + other_lines) FROM core.invoices") == (536_641,)
    assert differs(
        retail,
        "SELECT month, sum(lines + other_lines), sum(units + other_units), sum(amount + other_amount) "
        "FROM core.invoices GROUP BY month",
        "SELECT month, count(*), sum(quantity), sum(amount) FROM core.order_lines GROUP BY month",
    ) == 0  # fmt: skip


def differs(connection: duckdb.DuckDBPyConnection, query: str, other: str) -> int:
    """Count the rows that only one of two queries gives; none at all is no agreement."""
    rows = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0]
    assert rows
    [(found,)] = connection.execute(
        f"SELECT (SELECT count(*) FROM (({query}) EXCEPT ALL ({other}))) + "
        f"(SELECT count(*) FROM (({other}) EXCEPT ALL ({query})))"
    ).fetchall()
    return int(found)


def test_every_return_line_is_told_of(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(retail, "SELECT count(*), sum(returned_amount) FROM core.returns") == (9_251, RETURNED)
    assert differs(
        retail,
        "SELECT month, invoice_id, line, product_id, -returned_units, -returned_amount FROM core.returns",
        "SELECT month, invoice_id, line, product_id, quantity, amount FROM core.order_lines "
        "WHERE kind = 'return'",
    ) == 0  # fmt: skip


def test_returns_name_sale_lines_of_the_same_customer_and_product(retail: duckdb.DuckDBPyConnection) -> None:
    matched = one(
        retail,
        """
        SELECT
            count(*), count(lines.line), count(*) FILTER (lines.kind <> 'sale'),
            count(*) FILTER (lines.customer_id <> returns.customer_id),
            count(*) FILTER (lines.product_id <> returns.product_id),
            count(*) FILTER (lines.sold_at <> returns.sold_at OR lines.sold_at > returns.returned_at),
            count(*) FILTER (lines.quantity <> returns.sale_units)
        FROM core.returns AS returns
        LEFT JOIN core.order_lines AS lines
            ON
                lines.invoice_id = returns.sale_invoice_id
                AND lines.line = returns.sale_line
                AND lines.month = date_trunc('month', returns.sold_at)
        WHERE returns.unmatched_reason IS NULL
        """,
    )
    assert matched[0] == matched[1] > 7_000
    assert matched[2:] == (0, 0, 0, 0, 0)


def test_no_sale_line_comes_back_more_often_than_it_was_sold(retail: duckdb.DuckDBPyConnection) -> None:
    assert one(
        retail,
        "SELECT count(*) FROM (SELECT sum(returned_units) AS units, min(sale_units) AS sold FROM core.returns "
        "WHERE sale_line IS NOT NULL GROUP BY sold_at, sale_invoice_id, sale_line) WHERE units > sold",
    ) == (0,)  # fmt: skip


def test_the_great_orders_that_were_cancelled_at_once_are_corrections(
    retail: duckdb.DuckDBPyConnection,
) -> None:
    """80,995 of one product and 74,215 of another, taken back within minutes."""
    found = retail.execute(
        "SELECT product_id, returned_units, sale_invoice_id, is_correction FROM core.returns "
        "ORDER BY returned_units DESC LIMIT 2"
    ).fetchall()
    assert found == [("23843", 80_995, "581483", True), ("23166", 74_215, "541431", True)]


def test_why_returns_are_unmatched(retail: duckdb.DuckDBPyConnection) -> None:
    """Every guest's, and those of what was bought before the data begin, most of them in its first months."""
    assert one(
        retail,
        "SELECT count(*) FILTER (customer_id IS NULL), count(*) FILTER (unmatched_reason = 'guest') "
        "FROM core.returns",
    ) == (379, 379)  # fmt: skip
    early, late = (
        one(
            retail,
            "SELECT avg(CAST(unmatched_reason IS NOT DISTINCT FROM 'no earlier sale' AS INTEGER)) FROM core.returns "
            f"WHERE is_goods AND customer_id IS NOT NULL AND month {which}",
        )[0]
        for which in ("<= DATE '2011-01-01'", ">= DATE '2011-09-01'")
    )
    assert early > 2 * late


def test_the_state_by_product_comes_to_the_lines(retail: duckdb.DuckDBPyConnection) -> None:
    lines = """
        SELECT
            month, product_id,
            coalesce(sum(quantity) FILTER (kind = 'sale'), 0), coalesce(sum(amount) FILTER (kind = 'sale'), 0),
            coalesce(-sum(amount) FILTER (kind = 'return'), 0),
            coalesce(sum(amount) FILTER (kind = 'adjustment'), 0)
        FROM core.order_lines GROUP BY month, product_id
    """
    query = (
        "SELECT month, product_id, units, amount, returned_amount, adjusted_amount FROM core.product_months"
    )
    assert differs(retail, query, lines) == 0
    assert one(
        retail,
        "SELECT sum(amount) FILTER (is_goods), sum(amount), sum(returned_amount), sum(adjusted_amount) "
        "FROM core.product_months",
    ) == (GOODS, SALES, RETURNED, ADJUSTED)  # fmt: skip


FIGURES = "sum(units), sum(amount), sum(returned_units), sum(returned_amount)"


def test_weeks_come_to_months(retail: duckdb.DuckDBPyConnection) -> None:
    figures = f"{FIGURES}, sum(orders), sum(retail_units), sum(retail_amount)"
    assert differs(
        retail,
        f"SELECT month, product_id, {figures} FROM core.product_weeks GROUP BY month, product_id",
        f"SELECT month, product_id, {figures} FROM core.product_months WHERE orders + returned_units > 0 "
        "GROUP BY month, product_id",
    ) == 0  # fmt: skip
    assert one(retail, "SELECT count(DISTINCT week), min(week), max(week) FROM core.product_weeks") == (
        53, date(2010, 11, 29), date(2011, 12, 5)
    )  # fmt: skip


def test_products_of_customers_come_to_the_customers(retail: duckdb.DuckDBPyConnection) -> None:
    figures = "month, customer_id, sum(units), sum(amount), sum(returned_amount)"
    assert differs(
        retail,
        f"SELECT {figures} FROM core.customer_product_months GROUP BY month, customer_id",
        f"SELECT {figures} FROM core.customer_months GROUP BY month, customer_id",
    ) == 0  # fmt: skip
    assert one(retail, "SELECT sum(amount) FROM core.customer_product_months") == (KNOWN,)


def test_products_are_all_that_lines_name(retail: duckdb.DuckDBPyConnection) -> None:
    found = one(
        retail,
        "SELECT count(*), count(first_sold_at), count(*) FILTER (first_sold_at IS NOT NULL AND name IS NULL), "
        f"max(last_sold_at) FROM core.products WHERE as_of = DATE '{LAST}'",
    )
    sold, last = one(
        retail, "SELECT count(DISTINCT product_id), max(sold_at) FROM core.order_lines WHERE kind = 'sale'"
    )
    assert found == (3_958, sold, 0, last)


@pytest.mark.parametrize(
    ("product", "name", "spellings"),
    [
        ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 2),
        ("20727", "LUNCH BAG BLACK SKULL", 1),
        ("23203", "JUMBO BAG VINTAGE DOILY", 3),
        ("21875", "KINGS CHOICE MUG", 1),
    ],
    ids=["the usual spelling", "blanks and marks", "renamed", "plain"],
)
def test_products_bear_the_name_they_were_sold_by(
    retail: duckdb.DuckDBPyConnection, product: str, name: str, spellings: int
) -> None:
    assert one(
        retail,
        f"SELECT name, len(spellings) FROM core.products WHERE as_of = DATE '{LAST}' "
        f"AND product_id = '{product}'",
    ) == (name, spellings)  # fmt: skip


def test_customers_are_those_of_the_months(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        f"SELECT customer_id, first_month, last_month FROM core.customers WHERE as_of = DATE '{LAST}'",
        "SELECT customer_id, min(month), max(month) FROM core.customer_months GROUP BY customer_id",
    ) == 0  # fmt: skip
    assert one(
        retail,
        f"SELECT count(*), max(first_month) FROM core.customers WHERE as_of = DATE '{LAST}' "
        "AND is_left_truncated AND first_month < DATE '2011-06-01'",
    ) == one(retail, "SELECT count(*), DATE '2011-05-01' FROM core.customers WHERE as_of = DATE '2011-05-01'")


@pytest.mark.parametrize("name", ["hours", "weekdays", "countries"])
def test_the_overview_comes_to_the_sales_so_far(retail: duckdb.DuckDBPyConnection, name: str) -> None:
    assert one(
        retail, f"SELECT sum(orders), sum(amount) FROM overview.{name} WHERE as_of = DATE '{LAST}'"
    ) == (19_959, SALES)  # fmt: skip
    assert differs(
        retail,
        f"SELECT as_of, sum(orders), sum(units), sum(amount) FROM overview.{name} GROUP BY as_of",
        "SELECT month, sum(sum(orders)) OVER months, sum(sum(units)) OVER months, sum(sum(amount)) OVER months "
        "FROM core.sales_days GROUP BY month WINDOW months AS (ORDER BY month)",
    ) == 0  # fmt: skip


def test_the_shop_is_closed_on_saturdays_and_busiest_on_thursdays_at_noon(
    retail: duckdb.DuckDBPyConnection,
) -> None:
    found = retail.execute(
        f"SELECT weekday, orders FROM overview.weekdays WHERE as_of = DATE '{LAST}' ORDER BY orders DESC"
    ).fetchall()
    assert found[0] == (4, 4_246)
    assert {weekday for weekday, _ in found} == {1, 2, 3, 4, 5, 7}
    assert one(
        retail,
        f"SELECT hour FROM overview.hours WHERE as_of = DATE '{LAST}' GROUP BY hour ORDER BY sum(orders) DESC",
    ) == (12,)  # fmt: skip


def test_countries_and_goods_at_the_top_are_those_of_the_lines(retail: duckdb.DuckDBPyConnection) -> None:
    countries = (
        "SELECT country, count(*) FROM overview.countries WHERE as_of = DATE '2011-12-01' GROUP BY country"
    )
    assert len(retail.execute(countries).fetchall()) == 38
    assert differs(
        retail,
        f"SELECT product_id, amount FROM overview.top_goods WHERE as_of = DATE '{LAST}'",
        "SELECT product_id, sum(amount) FROM core.order_lines WHERE kind = 'sale' AND is_goods "
        "GROUP BY product_id ORDER BY sum(amount) DESC LIMIT 100",
    ) == 0  # fmt: skip
    assert one(
        retail, f"SELECT sum(customers) FROM overview.countries WHERE as_of = DATE '{LAST}'"
    ) == one(retail, f"SELECT count(*) FROM core.customers WHERE as_of = DATE '{LAST}'")  # fmt: skip


def test_correlations_are_those_of_the_days(retail: duckdb.DuckDBPyConnection) -> None:
    expected = one(
        retail,
        "SELECT round(corr(CAST(amount AS DOUBLE), CAST(units AS DOUBLE)), 6), count(*) FROM "
        "(SELECT sum(amount) AS amount, sum(units) AS units FROM core.sales_days GROUP BY day)",
    )
    assert expected[1] == 305
    assert one(
        retail,
        "SELECT correlation, days FROM overview.correlations "
        f"WHERE as_of = DATE '{LAST}' AND figure = 'amount' AND other_figure = 'units'",
    ) == expected  # fmt: skip


def test_moves_come_to_the_segments_of_both_months(retail: duckdb.DuckDBPyConnection) -> None:
    assert differs(
        retail,
        "SELECT as_of, to_segment, sum(customers), sum(amount) FROM segments.rfm_moves GROUP BY as_of, to_segment",
        "SELECT as_of, segment, count(*), sum(monetary) FROM segments.rfm GROUP BY as_of, segment",
    ) == 0  # fmt: skip
    assert differs(
        retail,
        "SELECT as_of, from_segment, sum(customers), sum(amount - month_amount) FROM segments.rfm_moves "
        "WHERE from_segment <> 'None' GROUP BY as_of, from_segment",
        "SELECT CAST(as_of + INTERVAL 1 MONTH AS DATE), segment, count(*), sum(monetary) FROM segments.rfm "
        f"WHERE as_of < DATE '{LAST}' GROUP BY as_of, segment",
    ) == 0  # fmt: skip
    assert one(
        retail, "SELECT sum(customers), count(*) FILTER (to_segment = 'None') FROM segments.rfm_moves "
        "WHERE from_segment = 'None'"
    ) == (4_338, 0)  # fmt: skip
