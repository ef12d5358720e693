"""The BG/NBD model against published figures, numerical truth and customers drawn from it."""

import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1
from scipy.stats import beta as beta_law

from assets.value import bgnbd
from assets.value.bgnbd import BetaGeo
from assets.value.checks import TooLittleData

CDNOW = BetaGeo(r=0.243, alpha=4.414, a=0.793, b=2.426, log_likelihood=-9582.43, covariance=np.zeros((4, 4)))


@pytest.fixture(scope="module")
def cdnow(shared_data):
    table = pl.read_csv(shared_data("clv_cdnow_customers_summary.csv"))
    return table["frequency"].to_numpy(), table["recency"].to_numpy(), table["T"].to_numpy()


def draw(rng, age, r=0.243, alpha=4.414, a=0.793, b=2.426, ahead=0.0):
    """Customers of the model, by the story it tells: histories up to `age`, and orders in the `ahead` after."""
    count = len(age)
    rate = rng.gamma(r, 1 / alpha, count)
    leave = rng.beta(a, b, count) if a > 0 else np.zeros(count)
    x, last, later = np.zeros(count), np.zeros(count), np.zeros(count)
    clock, who = np.zeros(count), np.arange(count)
    while len(who):
        clock[who] += rng.exponential(1 / np.maximum(rate[who], 1e-300))
        who = who[clock[who] <= age[who] + ahead]
        seen = clock[who] <= age[who]
        x[who[seen]] += 1
        last[who[seen]] = clock[who[seen]]
        later[who[~seen]] += 1
        who = who[rng.random(len(who)) >= leave[who]]
    return x, last, later


def naive_log_likelihood(x, last, age, r, alpha, a, b):
    """Equation 6, one customer after the other, by integrating what a customer of known p would do."""

    def given_p(p):
        gamma = np.exp(gammaln(r + x) - gammaln(r)) * alpha**r
        stays = (1 - p) ** x * gamma / (alpha + age) ** (r + x)
        gone = p * (1 - p) ** (x - 1) * gamma / (alpha + last) ** (r + x) if x else 0
        return (stays + gone) * beta_law.pdf(p, a, b)

    return np.log(quad(given_p, 0, 1, epsabs=0, epsrel=1e-10)[0])


def test_cdnow_has_the_published_parameters(cdnow):
    model = bgnbd.fit(*cdnow)
    assert (round(model.r, 3), round(model.alpha, 3), round(model.a, 3), round(model.b, 3)) == (
        0.243, 4.414, 0.793, 2.426
    )  # fmt: skip
    assert model.log_likelihood == pytest.approx(-9582.43, abs=0.006)
    assert model.no_dropout_reason is None


@pytest.mark.parametrize("scale", [7, 7 * 24 * 60, 1 / 52])
def test_the_unit_of_time_does_not_matter(cdnow, scale):
    """A fit that is good in weeks alone gives other answers to a shop that counts days."""
    x, last, age = cdnow
    weeks, other = bgnbd.fit(x, last, age), bgnbd.fit(x, last * scale, age * scale)
    assert (other.r, other.alpha / scale, other.a, other.b) == pytest.approx(
        (weeks.r, weeks.alpha, weeks.a, weeks.b), rel=1e-4
    )
    assert other.log_likelihood + x.sum() * np.log(scale) == pytest.approx(weeks.log_likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("t", "history", "orders"),
    [
        (39, (2, 30.43, 38.86), 1.226),  # Fader and Hardie's spreadsheet
        (52, (26, 30.86, 31), 25.76),  # BTYD's vignette (Dziurzynski, Wadsworth, McCarthy), customer 1516
    ],
)
def test_expected_purchases_of_cdnow_customers_are_the_published_ones(t, history, orders):
    found = CDNOW.expected_purchases(t, *([value] for value in history))
    assert found[0] == pytest.approx(orders, abs=0.006)


def test_probability_alive_of_a_cdnow_customer_is_the_published_one():
    """BTYD's vignette: 0.7266 for the first customer, 0.9688 for customer 1516."""
    found = CDNOW.probability_alive([2, 26, 0], [30.43, 30.86, 0], [38.86, 31, 38.86])
    assert found == pytest.approx([0.7266, 0.9688, 1], abs=2e-4)


@given(
    st.floats(0.05, 4), st.floats(0.2, 30), st.floats(0.05, 5), st.floats(0.2, 20),
    st.integers(0, 40), st.floats(0.01, 1), st.floats(1, 80), st.floats(0.1, 200),
)  # fmt: skip
def test_expected_purchases_are_those_of_the_papers_formula(r, alpha, a, b, x, part, age, t):
    last = part * age if x else 0.0
    if min(abs(a - 1), abs(a + b + x - 1)) < 0.02 or (x == 0 and a + b < 1):
        return  # where the formula itself is 0 / 0
    z = t / (alpha + age + t)
    series = hyp2f1(r + x, b + x, a + b + x - 1, z)
    gone = a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x) if x else 0
    formula = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (r + x) * series) / (1 + gone)
    model = BetaGeo(r, alpha, a, b, 0.0, np.zeros((4, 4)))
    assert model.expected_purchases(t, [x], [last], [age])[0] == pytest.approx(formula, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("a", [1e-6, 0.05, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("reach", [0.1, 5, 100, 1000])
def test_expected_purchases_are_those_of_a_plain_integral(a, reach):
    """A new customer and a year ahead are far apart: 1000 x (alpha + T) and 200 orders must not lose digits."""
    model = BetaGeo(0.5, 2.0, a, 2.0, 0.0, np.zeros((4, 4)))
    for x, age in ((0, 0.0), (1, 3.0), (40, 3.0), (200, 3.0)):
        shape, t = 0.5 + x, reach * (2.0 + age)

        log_p = np.linspace(-60, 0, 1_000_000, endpoint=False) + 3e-5
        p = np.exp(log_p)
        there = np.exp(a * log_p + (1 + x) * np.log1p(-p) - betaln(a, 2 + x))
        found = (there * -np.expm1(-shape * np.log1p(p * reach)) / p).sum() * 6e-5
        # Below, the curve is flat.
        found += shape * reach * np.exp(a * -60 - betaln(a, 2 + x)) / a
        gone = a / (1 + x) if x else 0  # the last order was just now
        last = [age if x else 0.0]
        assert model.expected_purchases(t, [x], last, [age])[0] == pytest.approx(found / (1 + gone), rel=1e-6)


def test_expected_purchases_of_customers_who_all_leave_alike_are_those_of_one_probability():
    """A fit may end with a and b in the thousands: the mass is then a needle, which a grid can miss."""
    model = BetaGeo(0.5, 2.0, 5000.0, 10000.0, 0.0, np.zeros((4, 4)))
    found = model.expected_purchases(20, [0, 3], [0, 0.5], [0, 3])
    gone = 5000 / 10002 * (5 / 2.5) ** 3.5
    alike = [3 * (1 - (1 + reach / 3) ** -shape) for reach, shape in ((10, 0.5), (4, 3.5))]
    assert found == pytest.approx([alike[0], alike[1] / (1 + gone)], rel=1e-3)


@pytest.mark.parametrize("a", [1.0, 1e-6])
def test_expected_purchases_hold_where_the_papers_formula_breaks(a):
    """At a = 1 it divides by 0; without dropout it must be the Poisson-Gamma answer."""
    model = BetaGeo(0.5, 3.0, a, 2.0, 0.0, np.zeros((4, 4)))
    near = BetaGeo(0.5, 3.0, a + 1e-7, 2.0, 0.0, np.zeros((4, 4)))
    found = model.expected_purchases(13, [0, 4], [0, 9], [20, 20])
    assert found == pytest.approx(near.expected_purchases(13, [0, 4], [0, 9], [20, 20]), rel=1e-5)
    if a < 0.1:
        assert found == pytest.approx([0.5 * 13 / 23, 4.5 * 13 / 23], rel=1e-4)


def test_answers_agree_with_customers_drawn_at_random():
    """Those of the drawn who show a history buy on, and are there, as often as the model says of it."""
    count = 400_000
    x, last, later = draw(np.random.default_rng(1), np.full(count, 39.0), ahead=26.0)
    expected = CDNOW.expected_purchases(26, x, last, np.full(count, 39.0))
    for some in (x == 0, x == 1, (x >= 2) & (last < 20), (x >= 2) & (last >= 30)):
        error = later[some].std() / np.sqrt(some.sum())
        assert abs(later[some].mean() - expected[some].mean()) < 4 * error


def test_likelihood_is_that_of_a_plain_integral():
    rng = np.random.default_rng(2)
    age = rng.uniform(5, 40, 40)
    x, last, _ = draw(rng, age)
    data = bgnbd._Grouped.of(x, last, age)
    cost, _ = data.cost(np.log([0.3, 4.0, 0.9, 2.0]))
    naive = [naive_log_likelihood(*one, 0.3, 4.0, 0.9, 2.0) for one in zip(x, last, age, strict=True)]
    assert -cost * 40 == pytest.approx(sum(naive), rel=1e-8)


@pytest.mark.parametrize("logs", [[-1.0, 1.0, 0.2, 0.7], [0.5, -2.0]])
def test_gradient_is_that_of_the_likelihood(logs):
    rng = np.random.default_rng(3)
    age = rng.uniform(5, 40, 500)
    x, last, _ = draw(rng, age)
    data, logs = bgnbd._Grouped.of(x, last, age), np.array(logs)
    steps = np.eye(len(logs)) * 1e-6
    numeric = [(data.cost(logs + s)[0] - data.cost(logs - s)[0]) / 2e-6 for s in steps]
    assert data.cost(logs)[1] == pytest.approx(numeric, rel=1e-5, abs=1e-8)


def test_standard_errors_are_those_of_repeated_draws():
    """An interval of too sure a model would be a promise nobody keeps."""
    rng = np.random.default_rng(4)
    age = rng.uniform(20, 60, 3000)
    fits = [bgnbd.fit(x, last, age) for x, last, _ in (draw(rng, age) for _ in range(40))]
    spread = np.std([[np.log(m.r), np.log(m.alpha), np.log(m.a), np.log(m.b)] for m in fits], axis=0)
    claimed = np.sqrt(np.mean([np.diag(m.covariance) for m in fits], axis=0))
    assert (spread / claimed > 0.7).all()
    assert (spread / claimed < 1.4).all()


def test_without_dropout_nobody_is_called_alive():
    """A probability of 1 for every customer would look like a finding."""
    rng = np.random.default_rng(5)
    age = rng.uniform(20, 60, 5000)
    x, last, _ = draw(rng, age, r=1.0, a=0)
    model = bgnbd.fit(x, last, age)
    assert model.probability_alive(x, last, age) is None
    assert "dropout cannot be told from its absence" in model.no_dropout_reason
    assert model.expected_purchases(10, x, last, age) == pytest.approx(
        (model.r + x) * 10 / (model.alpha + age), rel=0.01
    )


def test_customers_all_alike_give_numbers():
    model = bgnbd.fit([2] * 50, [10] * 50, [20] * 50)
    values = [model.r, model.alpha, model.a, model.b, model.log_likelihood]
    assert np.isfinite(values).all()
    assert np.isfinite(model.covariance).all()
    assert np.isfinite(model.expected_purchases(5, [0, 2], [0, 10], [20, 20])).all()


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (([], [], []), "0 customers"),
        (([1], [2], [3]), "1 customer"),
        (([0, 0, 0], [0, 0, 0], [3, 4, 0]), "no customer has ordered again"),
    ],
)
def test_too_little_data_is_said(history, reason):
    with pytest.raises(TooLittleData, match=reason):
        bgnbd.fit(*history)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (([1, 2], [1, 2], [3, np.nan]), "T must be finite and not below 0, and is nan at position 1"),
        (([1, -2], [1, 2], [3, 3]), "frequency must be finite and not below 0, and is -2.0 at position 1"),
        (
            ([1, 2], [1, 4], [3, 3]),
            r"position 1 has a recency above T \(1 such\): frequency 2, recency 4, T 3",
        ),
        (([1, 0], [1, 2], [3, 3]), "a recency above 0 without a repeat order"),
        (([1.5, 0], [1, 0], [3, 3]), "a frequency that is no whole number"),
        (([1, 0], [0, 0], [0, 3]), "repeat orders with T = 0"),
        (([1, 2], [1, 2, 3], [3, 3]), "lengths are {'frequency': 2, 'recency': 3, 'T': 2}"),
        (([[1]], [[1]], [[3]]), r"has the shape \(1, 1\)"),
    ],
)
def test_histories_that_cannot_be_are_refused(history, message):
    with pytest.raises(ValueError, match=message):
        bgnbd.fit(*history)
    with pytest.raises(ValueError, match=message):
        CDNOW.expected_purchases(1, *history)
    with pytest.raises(ValueError, match=message):
        CDNOW.probability_alive(*history)


def test_a_horizon_below_0_is_refused():
    with pytest.raises(ValueError, match="t must be finite and not below 0"):
        CDNOW.expected_purchases(-1, [0], [0], [3])


def test_input_is_not_changed(cdnow):
    before = [values.copy() for values in cdnow]
    model = bgnbd.fit(*cdnow)
    model.expected_purchases(10, *cdnow)
    assert all((one == other).all() for one, other in zip(before, cdnow, strict=True))


def test_a_million_customers_fit_within_20_seconds():
    rng = np.random.default_rng(6)
    age = np.floor(rng.uniform(30, 800, 1_000_000))
    x, last, _ = draw(rng, age, alpha=4.414 * 7)
    begin = time.perf_counter()
    model = bgnbd.fit(x, np.ceil(last), age)
    assert time.perf_counter() - begin < 20
    assert (model.r, model.alpha, model.a / (model.a + model.b)) == pytest.approx(
        (0.243, 4.414 * 7, 0.793 / 3.219), rel=0.03
    )


def test_parameters_of_a_simulated_shop_are_recovered(order_days_of_shop):
    """50,000 customers of the preset `bgnbd`, from the files it writes."""
    days = order_days_of_shop("bgnbd", customers=50_000, months=27)
    end = days["at"].max()
    history = days.group_by("customer_id").agg(
        x=pl.len() - 1,
        last=(pl.col("at").max() - pl.col("at").min()).dt.total_minutes() / (7 * 24 * 60),
        age=(pl.lit(end) - pl.col("at").min()).dt.total_minutes() / (7 * 24 * 60),
    ).filter(pl.col("age") > 0)  # fmt: skip
    model = bgnbd.fit(history["x"], history["last"], history["age"])
    assert (model.r, model.alpha, model.a / (model.a + model.b)) == pytest.approx(
        (0.243, 4.414, 0.793 / 3.219), rel=0.1
    )
