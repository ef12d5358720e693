"""cohorts.survival: against a plain loop over the customers at risk."""

import math
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.cohorts import survival

FIRST = date(2021, 1, 1)
JANUARY, MARCH = date(2021, 1, 1), date(2021, 3, 1)
KNOWN = {"known_from": FIRST, "lapse_days": 20}

times = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=30)
shops = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 80)), min_size=1, max_size=25)


def naive(observed: list[tuple[int, bool]]) -> list[tuple[int, int, int, float, float | None, float | None]]:
    """Kaplan and Meier as in the textbook, bounds by Greenwood's variance of log(-log(survival))."""
    found = []
    share, greenwood = 1.0, 0.0
    for day in sorted({0, *(at for at, happened in observed if happened)}):
        at_risk = sum(at >= day for at, _ in observed)
        events = sum(at == day and happened for at, happened in observed)
        share *= 1 - events / at_risk
        low = high = None
        if 0 < share < 1:
            greenwood += events / (at_risk * (at_risk - events))
            spread = 1.959964 * math.sqrt(greenwood) / math.log(share)
            low, high = sorted((share ** math.exp(spread), share ** math.exp(-spread)))
        found.append((day, at_risk, events, share, low, high))
    return found


def near(value: float | None) -> object:
    return None if value is None else pytest.approx(value, abs=2e-6)


@settings(max_examples=40)
@given(times)
def test_a_curve_is_that_of_the_textbook(observed: list[tuple[int, bool]]) -> None:
    made = survival.curve(*(pl.Series(side) for side in zip(*observed, strict=True)))
    columns = ("day", "at_risk", "events", "survival", "survival_low", "survival_high")
    assert made.select(columns).rows() == [
        (day, at_risk, events, *map(near, shares)) for day, at_risk, events, *shares in naive(observed)
    ]
    assert set(made["customers"]) == {len(observed)}


def orders(*rows: tuple[str, int]) -> pl.DataFrame:
    """Orders of customers, so many days after the first day."""
    return pl.DataFrame(
        [(customer, FIRST + timedelta(days=day)) for customer, day in rows],
        {"customer_id": pl.String, "day": pl.Date},
        orient="row",
    )


@given(shops, st.integers(1, 90))
def test_durations_are_those_of_each_customer_as_known_then(shop: list[tuple[str, int]], until: int) -> None:
    found = survival.durations(orders(*shop), FIRST + timedelta(days=until), 20)
    expected = []
    for who in sorted({who for who, day in shop if day < until}):
        days = sorted({day for other, day in shop if other == who and day < until})
        again = days[1] if len(days) > 1 else None
        lapse = days[-1] + 20
        expected.append(
            (
                who, FIRST + timedelta(days=days[0]),
                (until - 1 if again is None else again) - days[0], again is not None,
                min(lapse, until - 1) - days[0], lapse <= until - 1,
            )
        )  # fmt: skip
    assert found.rows() == expected


def shop(*rows: tuple[str, int], **known: object) -> pl.DataFrame:
    made = orders(*rows)
    anyone = made.with_columns(customer_id=pl.lit(None, pl.String)).unique()
    return pl.concat([made, anyone]).with_columns(
        pl.lit(0).alias("units"), pl.lit(0).alias("amount"),
        *(pl.lit(value).alias(name) for name, value in {**KNOWN, **known}.items()),
    )  # fmt: skip


def test_who_was_there_before_the_data_is_in_no_curve() -> None:
    """They would come back at once: most of a shop's first customers are its best."""
    rows = [("a", 0), ("a", 1), ("b", 40), ("c", 41), ("c", 70)]
    found = survival.compute(shop(*rows, known_from=date(2021, 2, 1)), [JANUARY, MARCH])
    assert set(found["as_of"]) == {MARCH}
    assert set(found["customers"]) == {2}


def test_years_of_beginning_have_curves_of_their_own() -> None:
    found = survival.compute(shop(("a", 0), ("a", 5), ("b", 370), ("c", 371)), [date(2022, 1, 1)])
    started = found.filter(pl.col("day") == 0, pl.col("event") == "second order")
    assert dict(started.select("began_in", "customers").rows()) == {"All": 3, "2021": 1, "2022": 2}


def test_where_nobody_comes_back_nothing_is_known_of_it() -> None:
    found = survival.compute(shop(("a", 0), ("b", 3), ("c", 9)), [JANUARY])
    assert found.filter(pl.col("event") == "second order").select(
        "began_in", "day", "events", "survival", "survival_low"
    ).rows() == [("All", 0, 0, 1.0, None), ("2021", 0, 0, 1.0, None)]


def test_a_customer_alone_has_a_curve_and_no_bounds() -> None:
    found = survival.compute(shop(("a", 0), ("a", 7)), [JANUARY])
    again = found.filter(pl.col("event") == "second order", pl.col("began_in") == "All")
    assert again.select("day", "survival", "survival_low", "survival_high").rows() == [
        (0, 1.0, None, None), (7, 0.0, None, None)
    ]  # fmt: skip
