"""The analysis of an A/B test: who is in which arm, what was the difference, and could it have been found."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from assets.recommendations import experiment
from assets.recommendations.experiment import analyse, assign, customers_needed, power

SHOWN = datetime(2024, 3, 1, 12)
ORDERS = {"customer_id": pl.String, "ordered_at": pl.Datetime("us"), "amount": pl.Float64}


def log(number, salt="test", share=0.5):
    ids = pl.Series("customer_id", [f"{at}" for at in range(number)])
    return pl.DataFrame(
        {"customer_id": ids, "variant": assign(ids, salt=salt, share=share), "shown_at": SHOWN}
    )


def shop(number, seed, effect=0.0, base=0.1):
    """Exposures, and orders of customers who buy with probability base, of the treatment effect more."""
    rng = np.random.default_rng(seed)
    exposures = log(number, salt=f"{seed}")
    chance = base + effect * (exposures["variant"] == "treatment").to_numpy()
    buys = rng.random(number) < chance
    amount = rng.gamma(2, 15, number)
    at = [SHOWN + timedelta(hours=int(hour)) for hour in rng.integers(0, 24 * 14, number)]
    orders = pl.DataFrame({"customer_id": exposures["customer_id"], "ordered_at": at, "amount": amount})
    return exposures, orders.filter(pl.Series(buys))


def test_a_customer_stays_in_its_arm_whoever_else_is_asked_about():
    ids = pl.Series([f"{at}" for at in range(1000)] + ["Ä-7", "a longer id than the others"])
    whole = assign(ids, salt="lists")
    shuffled = ids.sample(fraction=1, shuffle=True, seed=1)
    again = dict(zip(shuffled, assign(shuffled, salt="lists"), strict=True))
    assert [again[each] for each in ids] == whole.to_list()
    assert assign(ids[:1], salt="lists")[0] == whole[0]


def test_the_hash_is_fnv_1a_mixed():
    """An arm that changes with a library's version would mix the arms of a running test."""
    value = 0xCBF29CE484222325
    for octet in "s\x1fÄ1".encode():
        value = ((value ^ octet) * 0x100000001B3) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    assert experiment._hash(pl.Series(["Ä1", "longer"]), "s")[0] == value ^ (value >> 31)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_arms_have_their_share_and_tests_do_not_hang_together(share):
    ids = pl.Series([f"{at}" for at in range(40_000)])
    one, other = (assign(ids, salt=salt, share=share) == "treatment" for salt in ("one", "other"))
    assert one.mean() == pytest.approx(share, abs=0.01)
    assert (one & other).mean() == pytest.approx(share**2, abs=0.01)


def test_difference_interval_and_p_are_those_of_welch():
    exposures, orders = shop(3000, 1, effect=0.05)
    found = analyse(exposures, orders)
    amount = exposures.join(orders, on="customer_id", how="left")
    arms = [
        amount.filter(pl.col("variant") == name)["amount"].fill_null(0) for name in ("treatment", "control")
    ]
    test = stats.ttest_ind(*arms, equal_var=False)
    row = found.metrics.row(1, named=True)
    interval = test.confidence_interval()
    assert [row["difference"], row["low"], row["high"], row["p_value"]] == pytest.approx(
        [arms[0].mean() - arms[1].mean(), interval.low, interval.high, test.pvalue], abs=1e-5
    )
    converted = found.metrics.row(0, named=True)
    assert converted["treatment"] == pytest.approx((arms[0] > 0).mean(), abs=1e-6)


def test_intervals_hold_a_known_effect_nineteen_times_in_twenty_and_power_is_as_said():
    effect, number = 0.04, 1500
    rows = [analyse(*shop(number, seed, effect)).metrics.row(0, named=True) for seed in range(300)]
    held = np.mean([row["low"] <= effect <= row["high"] for row in rows])
    found = np.mean([row["p_value"] < 0.05 for row in rows])
    assert 0.92 <= held <= 0.98
    said = power(effect, np.sqrt((0.1 * 0.9 + 0.14 * 0.86) / 2), number)
    assert found == pytest.approx(said, abs=0.08)


def test_without_an_effect_one_test_in_twenty_finds_one():
    rows = [analyse(*shop(800, 1000 + seed)).metrics.row(1, named=True) for seed in range(300)]
    assert 0.02 <= np.mean([row["p_value"] < 0.05 for row in rows]) <= 0.09


def test_as_many_customers_as_needed_give_the_power_wanted():
    number = customers_needed(0.02, 0.3, wanted=0.9, share=0.2)
    assert power(0.02, 0.3, number, share=0.2) == pytest.approx(0.9, abs=0.001)
    assert power(0.0, 0.3, number) == pytest.approx(0.05)


def test_an_uneven_split_is_told():
    """A recommender that fails to answer loses its customers from the log, the worst ones first."""
    exposures, orders = shop(4000, 3)
    assert analyse(exposures, orders).is_ratio_sound
    lost = exposures.filter(
        ~((pl.col("variant") == "treatment") & pl.col("customer_id").str.contains("[78]$"))
    )
    found = analyse(lost, orders)
    assert not found.is_ratio_sound
    assert found.ratio_p == pytest.approx(stats.chisquare(list(found.customers.values())).pvalue)


def test_customers_who_saw_both_are_left_out_and_counted():
    exposures, orders = shop(200, 4)
    other = {"control": "treatment", "treatment": "control"}
    both = exposures.head(5).with_columns(pl.col("variant").replace_strict(other))
    found = analyse(pl.concat([exposures, both]), orders)
    assert found.in_both == 5
    assert sum(found.customers.values()) == 195


def test_orders_before_the_first_exposure_or_after_the_horizon_do_not_count():
    exposures = log(40)
    first = exposures["customer_id"][0]
    again = exposures.with_columns(shown_at=SHOWN + timedelta(days=5))
    orders = pl.DataFrame(
        [
            (first, SHOWN - timedelta(seconds=1), 5.0),
            (first, SHOWN, 7.0),
            (first, SHOWN + timedelta(days=13), 11.0),
            (first, SHOWN + timedelta(days=14), 13.0),
            ("nobody", SHOWN, 17.0),
        ],
        ORDERS,
        orient="row",
    )
    found = analyse(pl.concat([exposures, again]), orders)
    row = found.metrics.row(1, named=True)
    sums = sum(row[name] * found.customers[name] for name in ("control", "treatment"))
    assert sums == pytest.approx(18, abs=1e-4)


def test_without_orders_or_with_one_customer_an_arm_nothing_is_claimed():
    nobody = pl.DataFrame(schema=ORDERS)
    for exposures in (log(50), pl.DataFrame({"customer_id": ["1", "2"], "variant": ["control", "treatment"], "shown_at": [SHOWN] * 2})):  # fmt: skip
        found = analyse(exposures, nobody).metrics
        assert found["difference"].to_list() == [0, 0]
        assert found.select("low", "high", "p_value", "detectable").null_count().sum_horizontal()[0] == 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assign(pl.Series(["1"]), salt=""), "needs a salt of its own"),
        (lambda: assign(pl.Series(["1"]), salt="s", share=1.0), "between 0 and 1, and is 1.0"),
        (lambda: assign(pl.Series(["1", None]), salt="s"), "1 customers have no id"),
        (lambda: analyse(log(9).with_columns(variant=pl.lit("B")), pl.DataFrame(schema=ORDERS)), r"\['B'\] were found"),
        (lambda: analyse(log(9).with_columns(variant=pl.lit("control")), pl.DataFrame(schema=ORDERS)), "'treatment': 0"),
        (lambda: customers_needed(0, 1), "difference of 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
