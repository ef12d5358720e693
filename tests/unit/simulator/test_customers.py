from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from simulator import customers, days
from simulator.parameters import DAYS_A_MONTH, PRESETS

DEFAULT = PRESETS["default"]
FIRST = date(2022, 1, 1)
NONE = np.zeros(0, dtype=np.int64)


def near(values, mean, sigmas=5):
    return abs(values.mean() - mean) < sigmas * values.std() / np.sqrt(len(values))


def arrive(parameters, months, asked, closed=NONE):
    found, first = [], 0
    for month in days.months(FIRST, months):
        found.append(
            customers.arrivals(parameters, 1, FIRST, month, first=first, customers=asked, closed=closed)
        )
        first += len(found[-1])
    return found


def test_segments_have_their_shares_rates_and_baskets():
    who = customers.initial(DEFAULT, 1, 200_000)
    assert len(who) == 60_000
    for number, segment in enumerate(DEFAULT.segments):
        of = who.segment == number
        assert near(of, segment.share)
        assert near(who.visits_a_day[of] * DAYS_A_MONTH, segment.orders_a_month)
        assert near(who.dropout_a_day[of] * DAYS_A_MONTH, segment.dropout_a_month)
        assert near(who.basket[of], segment.basket_units)
        assert abs(np.log(who.basket[of]).std() - 0.5) < 0.02
        for category, share in enumerate(segment.taste):
            assert near(who.taste[of, category], share)


def test_tastes_sum_to_one():
    assert np.allclose(customers.initial(DEFAULT, 1, 3000).taste.sum(axis=1), 1)


def test_nine_in_ten_live_at_home():
    assert near(customers.initial(DEFAULT, 1, 100_000).country == 0, 0.9)


def test_rates_within_a_segment_are_gamma_of_shape_two():
    who = customers.initial(DEFAULT, 1, 200_000)
    relative = who.visits_a_day[who.segment == 1] * DAYS_A_MONTH / 0.9
    assert near((relative - 1) ** 2, 0.5)


def test_lifetimes_are_exponential_with_the_customers_own_rate():
    who = customers.initial(DEFAULT, 1, 100_000)
    stay = who.leaves * who.dropout_a_day
    assert near(stay, 1.0)
    assert near(stay > 1, np.exp(-1))


def test_arrivals_fill_up_to_the_number_asked_for_in_27_months():
    found = sum(len(part) for part in arrive(DEFAULT, 27, 20_000))
    # The season's part of 27 months, and holidays, move the mean by a few per cent.
    assert 0.93 < found / 14_000 < 1.03


def test_arrivals_follow_the_season_and_never_fall_on_closed_days():
    closed = np.array([40, 41])
    began = np.concatenate([part.began for part in arrive(DEFAULT, 12, 50_000, closed)])
    counts = np.bincount(began, minlength=365)
    busy = days.busyness(FIRST, 0, 365, DEFAULT)
    assert counts[busy == 0].sum() == 0
    assert counts[closed].sum() == 0
    busy[closed] = 0
    expected = busy * 50_000 * 0.7 / (27 * DAYS_A_MONTH)
    chi_square = ((counts - expected)[busy > 0] ** 2 / expected[busy > 0]).sum()
    freedom = (busy > 0).sum()
    assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


def test_a_month_of_arrivals_does_not_depend_on_how_many_follow():
    short, long = arrive(DEFAULT, 2, 3000), arrive(DEFAULT, 4, 3000)
    for one, other in zip(short, long, strict=False):
        assert np.array_equal(one.began, other.began)
        assert np.array_equal(one.taste, other.taste)


def test_those_from_before_began_before_and_new_ones_return_after_their_first_day():
    who = customers.initial(DEFAULT, 1, 10_000)
    assert (who.began < 0).all()
    assert (who.returns_from == 0).all()
    for part in arrive(DEFAULT, 2, 5000):
        assert (part.returns_from == part.began + 1).all()
        assert (part.leaves > part.began).all()


def test_without_dropout_nobody_leaves():
    assert customers.initial(PRESETS["null"], 1, 1000).leaves.min() > 1e6


def test_the_population_of_bgnbd_has_its_four_parameters():
    who = customers.initial(replace(PRESETS["bgnbd"], share_before=1.0), 1, 200_000)
    model = PRESETS["bgnbd"].buy_till_you_die
    assert near(who.visits_a_day * 7, model.r / model.alpha_weeks)
    # P(no further order after the first two) is the mean of a Beta.
    assert near(who.orders_left == 1, model.a / (model.a + model.b))
    two = model.a * model.b / ((model.a + model.b) * (model.a + model.b + 1))
    assert near(who.orders_left == 2, two)


def test_in_the_easy_shop_any_two_segments_are_three_deviations_apart_in_rate_and_in_basket():
    """And no two are the nearest to each other in both: six deviations lie between them in one of the two."""
    who = customers.initial(replace(PRESETS["easy"], share_before=1.0), 1, 200_000)
    apart = []
    for values in (np.log(who.visits_a_day), np.log(who.basket)):
        means = np.array([values[who.segment == k].mean() for k in range(5)])
        spread = (values - means[who.segment]).std()
        apart.append(np.abs(means[:, None] - means)[np.triu_indices(5, 1)] / spread)
    assert np.min(apart) == pytest.approx(3, abs=0.06)
    assert np.max(apart, axis=0).min() == pytest.approx(6, abs=0.12)
