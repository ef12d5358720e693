"""Forecasts of Online Retail, whose autumn no honest trend predicts."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assets.value import lifetime

AS_OF = date(2011, 9, 1)  # the first day of the future: what is known ends with August


@pytest.fixture
def days(retail):
    """Customer and day with a sale: orders and amount."""
    rows = retail.execute(
        "SELECT customer_id, CAST(sold_at AS DATE), count(*), CAST(sum(amount) AS DOUBLE) FROM core.invoices "
        "WHERE kind = 'sale' AND customer_id IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return pl.DataFrame(rows, ["customer_id", "day", "orders", "amount"], orient="row")


def forecast(days, reference, errors=((), ())):
    """The forecast of what is known on `reference`, and its judgement."""
    known = days.filter(pl.col("day") < reference)
    is_recent = pl.col("day") >= reference - timedelta(days=90)
    state = known.group_by("customer_id").agg(
        frequency=pl.len().cast(pl.Int64) - 1,
        recency_days=(pl.col("day").max() - pl.col("day").min()).dt.total_days(),
        T_days=(pl.lit(reference) - pl.col("day").min()).dt.total_days(),
        monetary=pl.col("amount").mean(),
    )
    before = known.group_by("customer_id").agg(
        order_days=pl.len(), orders=is_recent.sum(), amount=pl.col("amount").filter(is_recent).sum()
    )
    ahead = days.filter(pl.col("day") >= reference, pl.col("day") < reference + timedelta(days=90))
    truth = ahead.group_by("customer_id").agg(orders=pl.len(), amount=pl.col("amount").sum())
    months = known.group_by(month=pl.col("day").dt.truncate("1mo")).agg(orders=pl.len())
    season = lifetime.season(months, state, reference=reference)
    orders, amount = (lifetime.error_allowance(list(one), season) for one in errors)
    found = lifetime.lifetime(
        state,
        reference=reference,
        known_season=season,
        orders_allowance=orders,
        amount_allowance=amount,
        horizons_days=(90,),
    )
    return found, lifetime.backtest(found.customers, before, truth)


def test_the_interval_holds_the_autumn_that_the_model_does_not_foresee(days):
    """As of August, with the backtests whose 90 days had passed by then."""
    errors = []
    for month in (3, 4, 5, 6):
        _, judged = forecast(days, date(2011, month, 1))
        model = judged.filter(forecaster="model")
        errors.append(np.log(model["actual"] / model["expected"]))
    found, judged = forecast(days, AS_OF, np.array(errors).T)
    model = judged.filter(forecaster="model")
    assert model["bias"][0] == pytest.approx(-0.23, abs=0.03)
    assert model["bias"][1] == pytest.approx(-0.38, abs=0.03)
    assert model["is_held"].to_list() == [True, True]
    assert model["spearman"].min() >= 0.48
    same = judged.filter(forecaster="same_as_before")
    assert same["bias"][1] == pytest.approx(-0.27, abs=0.01)
    assert not found.customers["is_season_known"].any()


def test_nobody_is_called_alive_where_dropout_cannot_be_told(days):
    found, _ = forecast(days, AS_OF)
    assert found.orders.a < 1e-3
    assert found.customers["probability_alive"].null_count() == found.customers.height
    assert found.customers["reason"].str.contains("dropout cannot be told").all()
