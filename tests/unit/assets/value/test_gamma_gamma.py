"""The Gamma-Gamma model against published figures and customers drawn from it."""

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.stats import gamma as gamma_law

from assets.value import gamma_gamma
from assets.value.checks import TooLittleData
from assets.value.gamma_gamma import GammaGamma

CDNOW = GammaGamma(p=6.25, q=3.74, v=15.45, log_likelihood=0.0)


@pytest.fixture(scope="module")
def cdnow(shared_data):
    table = pl.read_csv(shared_data("clv_cdnow_customers_summary_with_transactions.csv"))
    return table["x"].to_numpy(), table["zbar"].to_numpy()


def draw(rng, count, p=6.25, q=3.74, v=15.45):
    frequency = rng.integers(1, 9, count)
    scale = rng.gamma(q, 1 / v, count)
    return frequency, rng.gamma(p * frequency, 1 / (scale * frequency)), p / scale


def test_cdnow_has_the_published_parameters(cdnow):
    model = gamma_gamma.fit(*cdnow)
    assert (round(model.p, 2), round(model.q, 2), round(model.v, 2)) == (6.25, 3.74, 15.45)


@pytest.mark.parametrize("rate", [0.01, 100.0])
def test_the_currency_does_not_matter(cdnow, rate):
    x, amount = cdnow
    pounds, other = gamma_gamma.fit(x, amount), gamma_gamma.fit(x, amount * rate)
    assert (other.p, other.q, other.v / rate) == pytest.approx((pounds.p, pounds.q, pounds.v), rel=1e-4)
    assert other.log_likelihood + (x > 0).sum() * np.log(rate) == pytest.approx(
        pounds.log_likelihood, abs=1e-5
    )


def test_log_likelihood_is_that_of_a_plain_integral(cdnow):
    """The mean of x amounts is Gamma(p x, nu x), whatever nu the customer has."""
    x, amount = (values[:300] for values in cdnow)
    model = gamma_gamma.fit(x, amount)
    naive = [
        np.log(
            quad(
                lambda nu, n=n, z=z: gamma_law.pdf(z, model.p * n, scale=1 / (nu * n))
                * gamma_law.pdf(nu, model.q, scale=1 / model.v),
                0, 5, epsabs=0, epsrel=1e-9, limit=400,
            )[0]
        )
        for n, z in zip(x, amount, strict=True)
        if n > 0
    ]  # fmt: skip
    assert model.log_likelihood == pytest.approx(sum(naive), rel=1e-6)


def test_expected_amount_is_the_mean_of_those_drawn_with_it():
    rng = np.random.default_rng(1)
    frequency, amount, truth = draw(rng, 200_000)
    expected = CDNOW.expected_amount(frequency, amount)
    for some in (frequency == 1, (frequency > 4) & (amount > 50), amount < 15):
        assert truth[some].mean() == pytest.approx(expected[some].mean(), rel=0.02)
    assert CDNOW.expected_amount([0], [0])[0] == pytest.approx(6.25 * 15.45 / 2.74)


def test_parameters_of_drawn_customers_are_recovered():
    frequency, amount, _ = draw(np.random.default_rng(2), 100_000)
    model = gamma_gamma.fit(frequency, amount)
    assert (model.p, model.q, model.v) == pytest.approx((6.25, 3.74, 15.45), rel=0.05)


@pytest.mark.parametrize(
    ("frequency", "monetary", "reason"),
    [
        ([], [], "0 customers with orders for an amount"),
        ([3, 0], [5, 0], "1 customer with orders for an amount"),
        ([3, 2, 4], [0, 0, 0], "0 customers with orders for an amount"),
        ([3, 2, 4], [5, 5, 5], "all customers spend the same"),
        ([1, 1, 1], [5, 6, 7], "no customer has two orders"),
    ],
)
def test_too_little_data_is_said(frequency, monetary, reason):
    with pytest.raises(TooLittleData, match=reason):
        gamma_gamma.fit(frequency, monetary)


@pytest.mark.parametrize(
    ("frequency", "monetary", "message"),
    [
        ([1, 2], [1, np.nan], "monetary must be finite and not below 0, and is nan at position 1"),
        ([1, 2], [-1, 2], "monetary must be finite and not below 0, and is -1.0 at position 0"),
        ([1, 2], [1], "their lengths are"),
    ],
)
def test_bad_input_is_refused(frequency, monetary, message):
    with pytest.raises(ValueError, match=message):
        gamma_gamma.fit(frequency, monetary)


def test_a_mean_without_bound_is_refused():
    """At q <= 1 the formula gives a negative amount."""
    with pytest.raises(ValueError, match="have no mean"):
        GammaGamma(2.0, 0.8, 10.0, 0.0).expected_amount([0, 2], [0, 5])
