"""Forecasts of what customers are worth: season, interval, judging, and what too little data gives."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from assets.value import lifetime
from assets.value.lifetime import Allowance, Season

REFERENCE = date(2024, 1, 1)
FLAT = Season((1.0,) * 12, 2)
SCHEMA = {
    "customer_id": pl.String,
    "frequency": pl.Int64,
    "recency_days": pl.Int64,
    "T_days": pl.Int64,
    "monetary": pl.Float64,
}


def histories(days, reference=REFERENCE):
    """What `lifetime` is given, from order days."""
    return (
        days.filter(pl.col("day") < reference)
        .group_by("customer_id")
        .agg(
            frequency=pl.len().cast(pl.Int64) - 1,
            recency_days=(pl.col("day").max() - pl.col("day").min()).dt.total_days(),
            T_days=(pl.lit(reference) - pl.col("day").min()).dt.total_days(),
            monetary=pl.col("amount").mean(),
        )
    )


def window(days, reference=REFERENCE, length=90):
    """What came before and after, for `backtest`."""
    before, after = reference - timedelta(days=length), reference + timedelta(days=length)
    is_recent = pl.col("day") >= before
    past = (
        days.filter(pl.col("day") < reference)
        .group_by("customer_id")
        .agg(order_days=pl.len(), orders=is_recent.sum(), amount=pl.col("amount").filter(is_recent).sum())
    )
    truth = (
        days.filter(pl.col("day") >= reference, pl.col("day") < after)
        .group_by("customer_id")
        .agg(orders=pl.len(), amount=pl.col("amount").sum())
    )
    return past, truth


@pytest.fixture(scope="module")
def days_of(order_days_of_shop):
    """Order days of a simulated shop of 27 months, 24 of them before REFERENCE."""

    def read(preset, seed=0):
        invoices = order_days_of_shop(preset, seed=seed, customers=3000, months=27)
        return invoices.group_by("customer_id", pl.col("at").dt.date().alias("day")).agg(
            pl.col("amount").sum()
        )

    return read


def months_of(days):
    return days.group_by(month=pl.col("day").dt.truncate("1mo")).agg(orders=pl.len())


def table(*rows):
    return pl.DataFrame(rows, SCHEMA, orient="row")


@pytest.fixture
def customers():
    rng = np.random.default_rng(1)
    frequency = rng.poisson(rng.gamma(0.7, 3, 400))
    age = rng.integers(30, 500, 400)
    recency = np.where(frequency > 0, np.ceil(age * rng.beta(frequency + 1, 1)), 0).astype(int)
    return pl.DataFrame(
        {
            "customer_id": [f"{k:04}" for k in range(400)],
            "frequency": frequency,
            "recency_days": recency,
            "T_days": age,
            "monetary": rng.gamma(4, 10, 400),
        }
    )


@given(st.dates(date(2020, 1, 1), date(2024, 12, 31)), st.integers(-900, 900))
def test_busy_days_are_those_of_a_plain_loop(origin, days):
    index = tuple(0.4 + 0.1 * month for month in range(12))
    step = 1 if days > 0 else -1
    passed = [origin + timedelta(days=k if days > 0 else -k - 1) for k in range(abs(days))]
    found = Season(index, 1).elapsed(origin, [days])[0]
    assert found == pytest.approx(step * sum(index[day.month - 1] for day in passed))


def test_the_season_of_a_simulated_shop_is_found(days_of):
    """The default shop swings by 35 % around the year, with its top at the end of November."""
    days = days_of("default")
    found = lifetime.season(months_of(days), histories(days), reference=REFERENCE)
    assert found.years == 2
    assert np.mean(found.index) == pytest.approx(1)
    truth = [1 + 0.35 * math.cos(2 * math.pi * (month - 10.5) / 12) for month in range(12)]
    assert np.corrcoef(found.index, truth)[0, 1] > 0.9


def test_a_shop_without_season_shows_none_however_it_grows(days_of):
    """Against the mean of the year, January of a shop that opened then would be at a third."""
    days = days_of("bgnbd")
    growth = months_of(days).sort("month")["orders"].to_numpy()
    found = lifetime.season(months_of(days), histories(days), reference=REFERENCE)
    assert growth[20:24].sum() > 2 * growth[:4].sum()
    assert np.max(np.abs(np.array(found.index) - 1)) < 0.25


def test_a_season_takes_twelve_whole_months_in_a_row(days_of):
    days = days_of("default").filter(pl.col("day") < date(2023, 1, 1))
    months, known = months_of(days), histories(days, date(2023, 1, 1))

    def years(months, reference):
        found = lifetime.season(months, known, reference=reference)
        return found and found.years

    assert years(months, date(2023, 1, 1)) == 1
    assert years(months, date(2022, 12, 31)) is None
    assert years(months.filter(pl.col("month") != date(2022, 6, 1)), date(2023, 1, 1)) is None
    assert lifetime.season(months, known.head(1), reference=date(2023, 1, 1)) is None


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_simulated_shops_order_what_is_expected(days_of, seed):
    days = days_of("default", seed)
    known = histories(days)
    year = lifetime.season(months_of(days), known, reference=REFERENCE)
    found = lifetime.lifetime(known, reference=REFERENCE, known_season=year, horizons_days=(90,))
    judged = lifetime.backtest(found.customers, *window(days)).filter(forecaster="model")
    assert judged["is_held"].to_list() == [True, True]
    assert abs(judged["bias"][0]) < 0.15
    assert judged["spearman"].min() > 0.6


@pytest.mark.slow
def test_over_many_simulated_shops_the_bias_is_within_10_percent(days_of):
    biases = []
    for seed in range(20):
        days = days_of("default", seed)
        known = histories(days)
        year = lifetime.season(months_of(days), known, reference=REFERENCE)
        found = lifetime.lifetime(known, reference=REFERENCE, known_season=year, horizons_days=(90,))
        biases.append(lifetime.backtest(found.customers, *window(days)).filter(forecaster="model")["bias"])
    assert (np.abs(biases).mean(axis=0) < 0.10).all()


def test_a_busy_window_brings_more(customers):
    """A shop whose winter is twice its summer sells twice as much in the window that lies in it."""
    index = tuple(4 / 3 if month in {12, 1, 2, 3, 4, 5} else 2 / 3 for month in range(1, 13))
    busy = lifetime.lifetime(
        customers, reference=date(2024, 1, 1), known_season=Season(index, 2), horizons_days=(90,)
    )
    quiet = lifetime.lifetime(
        customers, reference=date(2024, 7, 1), known_season=Season(index, 2), horizons_days=(90,)
    )
    assert busy.customers["season_factor"].unique().to_list() == [1.333333]
    assert quiet.customers["season_factor"].unique().to_list() == [0.666667]
    ratio = busy.customers["expected_orders"].sum() / quiet.customers["expected_orders"].sum()
    assert 1.6 < ratio < 2.6
    assert busy.customers["is_season_known"].all()


def test_without_a_season_the_table_says_so(customers):
    plain = lifetime.lifetime(customers, reference=REFERENCE).customers
    flat = lifetime.lifetime(customers, reference=REFERENCE, known_season=FLAT).customers
    assert not plain["is_season_known"].any()
    assert (plain["season_factor"] == 1).all()
    assert plain["expected_orders"].to_list() == pytest.approx(flat["expected_orders"].to_list(), rel=1e-4)
    assert (plain["orders_high"] > flat["orders_high"]).filter(plain["expected_orders"] > 0.01).all()


def test_bounds_of_customers_add_up_to_those_of_the_sum(customers):
    """A lower bound of the shop that is another than that of its customers together could not be explained."""
    found = lifetime.lifetime(customers, reference=REFERENCE)
    for _, part in found.customers.group_by("horizon_days"):
        for name in ("orders", "amount"):
            low, mid, high = (
                part[column].sum() for column in (f"{name}_low", f"expected_{name}", f"{name}_high")
            )
            assert low < mid < high
            assert high / mid == pytest.approx(mid / low, rel=1e-4)
    assert found.customers.height == 2 * customers.height
    assert found.customers.select("customer_id", "horizon_days").is_sorted


def test_errors_of_the_past_widen_the_interval(customers):
    narrow, wide = (lifetime.error_allowance([error] * 6, known_season=FLAT) for error in (0.01, 0.5))
    sums = [
        lifetime.lifetime(customers, reference=REFERENCE, orders_allowance=allowance)
        .customers["orders_high"]
        .sum()
        for allowance in (narrow, wide)
    ]
    assert sums[0] < 0.8 * sums[1]


def test_allowance_pools_past_errors_with_the_prior():
    assert lifetime.error_allowance([], None) == Allowance(0.25, 4.0)
    found = lifetime.error_allowance([0.3, -0.3, 0.3], FLAT)
    assert found.degrees == 5
    assert found.spread == pytest.approx(math.sqrt((4 * 0.1**2 + 0.3**2) / 5))


def test_an_error_without_bound_is_refused():
    with pytest.raises(ValueError, match="leave out those without orders"):
        lifetime.error_allowance([math.inf], None)


def test_discounting_lessens_what_comes_late(customers):
    plain = lifetime.lifetime(customers, reference=REFERENCE).customers
    dear = lifetime.lifetime(customers, reference=REFERENCE, discount_a_year=0.2).customers
    share = (
        plain.join(dear, on=["customer_id", "horizon_days"])
        .group_by("horizon_days")
        .agg(pl.col("expected_amount_right").sum() / pl.col("expected_amount").sum())
        .sort("horizon_days")["expected_amount_right"]
    )
    # Orders come evenly within 90 days; within a year somewhat earlier than evenly.
    assert share[0] == pytest.approx(1.2 ** (-45 / 365.25), abs=1e-3)
    assert 1.2 ** (-182.5 / 365.25) - 0.001 < share[1] < 0.96
    assert dear["expected_orders"].equals(plain["expected_orders"])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", 2, 10, 20, 5.0)], "1 customer"),
        ([("a", 0, 0, 20, 5.0), ("b", 0, 0, 9, 5.0)], "no customer has ordered again"),
    ],
)
def test_too_few_customers_have_rows_that_say_why_there_is_no_number(rows, reason):
    found = lifetime.lifetime(table(*rows), reference=REFERENCE)
    assert found.orders is None
    assert found.customers["customer_id"].to_list() == [row[0] for row in rows for _ in (90, 365)]
    assert found.customers["expected_orders"].null_count() == found.customers.height
    assert all(reason in text for text in found.customers["reason"])


def test_no_customers_give_no_rows():
    found = lifetime.lifetime(table(), reference=REFERENCE)
    full = lifetime.lifetime(table(("a", 2, 10, 20, 5.0)), reference=REFERENCE)
    assert found.customers.is_empty()
    assert found.customers.schema == full.customers.schema
    assert lifetime.backtest(
        found.customers,
        *window(pl.DataFrame(schema={"customer_id": pl.String, "day": pl.Date, "amount": pl.Float64})),
    ).is_empty()


@pytest.mark.parametrize("monetary", [0.0, 5.0])
def test_customers_who_all_spend_the_same_have_orders_and_no_amount(customers, monetary):
    found = lifetime.lifetime(
        customers.with_columns(monetary=pl.lit(monetary)), reference=REFERENCE
    ).customers
    assert found["expected_amount"].null_count() == found.height
    assert found["expected_orders"].null_count() == 0
    assert found["reason"].str.contains("no amounts: ").all()


def test_amounts_that_have_no_mean_are_not_foretold(customers):
    """Gamma-Gamma would give a negative amount."""
    rng = np.random.default_rng(2)
    wild = customers.with_columns(monetary=pl.Series(np.exp(rng.normal(0, 12, customers.height))))
    found = lifetime.lifetime(wild, reference=REFERENCE).customers
    assert found["expected_amount"].null_count() == found.height
    assert found["reason"].str.contains("no amounts: they differ so much that they have no mean").all()


def test_no_number_is_nan(customers):
    for some in (
        customers,
        customers.head(2),
        customers.with_columns(T_days=500, recency_days=0, frequency=0),
    ):
        found = lifetime.lifetime(some, reference=REFERENCE).customers
        assert not found.select(pl.col(pl.Float64).is_nan().any()).row(0).count(True)


def test_input_is_not_changed(customers):
    before = customers.clone()
    lifetime.lifetime(customers, reference=REFERENCE)
    assert customers.equals(before)


def naive_gini(expected, actual):
    """Area between the diagonal and the share brought by the best so far, ties averaged over all orders."""

    def area(key):
        order = sorted(range(len(actual)), key=lambda k: -key[k])
        groups, total = {}, 0.0
        for k in order:
            groups.setdefault(key[k], []).append(actual[k])
        reached, place = 0.0, 0
        for group in groups.values():
            for _ in group:
                reached += sum(group) / len(group)
                place += 1
                total += reached / sum(actual) - place / len(actual)
        return total

    return area(expected) / area(actual)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=10, max_size=40))
def test_judgement_agrees_with_plain_loops(pairs):
    expected, actual = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    ids = [f"{k:03}" for k in range(len(pairs))]
    forecast = pl.DataFrame(
        {
            "customer_id": ids,
            "expected_orders": expected,
            "orders_low": expected / 2,
            "orders_high": expected * 2,
        }
    ).with_columns(expected_amount=pl.lit(None, pl.Float64))
    before = pl.DataFrame({"customer_id": ids, "order_days": actual, "orders": actual, "amount": actual})
    truth = pl.DataFrame({"customer_id": ids, "orders": actual, "amount": actual})
    found = lifetime.backtest(forecast, before, truth)
    assert found.rows_by_key("quantity").keys() == {"orders"}
    model, count, same = found.iter_rows(named=True)
    assert (model["forecaster"], count["forecaster"], same["forecaster"]) == (
        "model", "order_count", "same_as_before"
    )  # fmt: skip
    if actual.sum() == 0:
        assert model["bias"] is None
        assert model["spearman"] is None
        assert model["normalized_gini"] is None
        return
    assert same["bias"] == 0
    assert count["bias"] is None
    assert model["bias"] == pytest.approx(expected.sum() / actual.sum() - 1, abs=1e-6)
    assert model["is_held"] == (expected.sum() / 2 <= actual.sum() <= expected.sum() * 2)
    if np.ptp(expected) and np.ptp(actual):
        assert model["spearman"] == pytest.approx(spearmanr(expected, actual)[0], abs=1e-6)
    if np.ptp(actual):
        assert same["normalized_gini"] == pytest.approx(1)
        assert model["normalized_gini"] == pytest.approx(naive_gini(list(expected), list(actual)), abs=1e-6)
    best = [sorted(range(len(ids)), key=lambda k: (-v[k], k))[: len(ids) // 10] for v in (expected, actual)]
    assert model["top_decile_share"] == pytest.approx(
        len(set(best[0]) & set(best[1])) / len(best[0]), abs=1e-6
    )


def test_who_did_not_come_counts_as_nothing():
    """Left out, those who lapse would make every forecast look good."""
    forecast = pl.DataFrame(
        {"customer_id": ["a", "b"], "expected_orders": [1.0, 1.0], "orders_low": 0.5, "orders_high": 2.0}
    ).with_columns(expected_amount=pl.lit(None, pl.Float64))
    before = pl.DataFrame({"customer_id": ["a"], "order_days": [3], "orders": [1], "amount": [5.0]})
    truth = pl.DataFrame({"customer_id": ["b", "new"], "orders": [1, 7], "amount": [5.0, 9.0]})
    model = lifetime.backtest(forecast, before, truth).row(0, named=True)
    assert (model["customers"], model["actual"], model["bias"]) == (2, 1.0, 1.0)
