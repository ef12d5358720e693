"""Demand and prices of Online Retail, held against core and against what is known of them."""


def test_lines_below_the_wholesale_quantity_are_those_of_core(retail):
    assert retail.execute(
        """
        WITH daily AS (
            SELECT month, product_id, sum(units) AS units, sum(units * unit_price) AS amount FROM price.daily_prices GROUP BY ALL
        )
        SELECT count(*) FROM core.product_months AS core FULL JOIN daily USING (month, product_id)
        WHERE core.is_goods AND (core.retail_units, core.retail_amount) IS DISTINCT FROM
            (coalesce(daily.units, 0), coalesce(daily.amount, 0))
        """
    ).fetchone() == (0,)


def test_the_pooled_elasticity_of_the_regular_price_is_far_from_that_of_unit_values(retail):
    """-0.8 by the price on most lines; by unit values, quantity discounts among them, -2.1."""
    found = retail.execute(
        "SELECT sum(own_elasticity / own_deviation ** 2) / sum(1 / own_deviation ** 2), count(*) FROM price.response "
        "WHERE elasticity IS NOT NULL"
    ).fetchone()
    assert -1.1 < found[0] < -0.5
    assert found[1] > 1000


def test_every_product_has_an_answer_or_a_reason(retail):
    for table, answer in (
        ("price.response", "elasticity"), ("price.suggestions", "suggested_price"), ("demand.reorder_points", "reorder_point")
    ):  # fmt: skip
        rows, bare = retail.execute(
            f"SELECT count(*), count(*) FILTER ({answer} IS NULL AND reason IS NULL) FROM {table}"
        ).fetchone()
        assert rows > 3000
        assert bare == 0


def test_amounts_of_classes_come_to_those_of_the_year(retail):
    """The last twelve whole months, and the days since."""
    found = dict(retail.execute("SELECT abc, sum(amount) FROM demand.products GROUP BY abc").fetchall())
    whole = retail.execute(
        "SELECT sum(greatest(kept, 0)) FROM (SELECT sum(amount - returned_amount) AS kept FROM core.product_weeks "
        "WHERE is_goods GROUP BY product_id HAVING sum(units) > 0)"
    ).fetchone()[0]
    assert abs(sum(found.values()) - float(whole)) < 0.01
    assert 0.79 < found["A"] / sum(found.values()) < 0.81


def test_the_paper_birds_are_not_expected_again(retail):
    """80,995 were sold and cancelled on the last day."""
    units, amount, kind = retail.execute(
        "SELECT units, amount, abc FROM demand.products WHERE product_id = '23843'"
    ).fetchone()
    assert units < 100
    assert (amount, kind) == (0, "C")


def test_only_the_newest_month_is_answered(retail):
    for table in ("demand.products", "demand.reorder_points", "price.response", "price.suggestions"):
        assert retail.execute(
            f"SELECT count(DISTINCT as_of), max(as_of)::VARCHAR FROM {table}"
        ).fetchone() == (1, "2011-12-01")
