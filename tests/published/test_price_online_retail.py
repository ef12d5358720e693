"""Where the change of Online Retail's amount from month to month comes from."""


def test_effects_come_to_the_change_of_the_shop(retail):
    rows = retail.execute(
        """
        WITH days AS (SELECT month, sum(amount) AS amount FROM core.sales_days GROUP BY month)
        SELECT
            mix.month,
            sum(mix.price_effect + mix.volume_effect + mix.mix_effect + mix.discount_effect) = sum(mix.change),
            sum(mix.change) = any_value(days.amount) - any_value(before.amount)
        FROM price.volume_mix AS mix
        INNER JOIN days USING (month)
        INNER JOIN days AS before ON before.month = mix.month - INTERVAL 1 MONTH
        GROUP BY mix.month
        """
    ).fetchall()
    assert len(rows) == 12
    assert all(adds_up and is_the_shops for _, adds_up, is_the_shops in rows)
