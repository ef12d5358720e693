"""The regression of many products agrees with one that has a column for each of its numbers."""

import numpy as np
import pytest
from scipy.optimize import minimize

from assets.price import poisson
from assets.price.poisson import fitted


def panel(products, periods, seed, *, shock=0.0, groups=2, level=20.0, slopes=None):
    """Units with planted slopes of two regressors, a season of each group, and shocks of whole months of four periods."""
    rng = np.random.default_rng(seed)
    group = np.arange(products) % groups
    month = np.arange(periods) // 4
    steps = np.cumsum(
        rng.normal(0, 0.05, (products, periods)) * (rng.random((products, periods)) < 0.15), axis=1
    )
    promoted = np.where(
        rng.random((products, periods)) < 0.15, -rng.uniform(0.1, 0.3, (products, periods)), 0.0
    )
    true = (
        np.column_stack([rng.normal(-1.5, 0.5, products), rng.normal(-2, 0.5, products)])
        if slopes is None
        else slopes
    )
    season = rng.normal(0, 0.3, (groups, periods))[group]
    effect = rng.normal(0, 1, products)[:, None]
    months = rng.normal(0, 1, (products, month.max() + 1))[:, month] * shock - shock**2 / 2
    exposure = np.where(
        rng.random((products, periods)) < 0.1, 0.0, rng.choice([0.5, 1.0], (products, periods))
    )
    power = effect + season + months + steps * true[:, [0]] + promoted * true[:, [1]]
    units = rng.poisson(exposure * level * np.exp(power)).astype(float)
    return units, exposure, np.stack([steps, promoted]), group, month, true


def test_slopes_agree_with_a_regression_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six products, two seasons of 30 periods: 6 + 60 + 12 numbers found by a general minimizer."""
    units, exposure, x, group, month, _ = panel(6, 30, 1, level=200.0)
    as_used = fitted(units, exposure, x, group, month, is_weighted=False)
    monkeypatch.setattr(poisson, "_PRIOR", 1e-6)
    found = fitted(units, exposure, x, group, month, is_weighted=False)

    def loss(numbers):
        product, period, slope = numbers[:6], numbers[6:66].reshape(2, 30), numbers[66:].reshape(6, 2)
        power = product[:, None] + period[group] + x[0] * slope[:, [0]] + x[1] * slope[:, [1]]
        mean = exposure * np.exp(power)
        rest = np.where(exposure > 0, mean - units, 0.0)
        gradient = np.concatenate(
            [rest.sum(1), np.stack([rest[group == g].sum(0) for g in (0, 1)]).ravel(),
             np.column_stack([(rest * x[0]).sum(1), (rest * x[1]).sum(1)]).ravel()]
        )  # fmt: skip
        return (mean - np.where(exposure > 0, units * power, 0.0)).sum(), gradient

    start = np.concatenate([np.full(6, np.log(200.0)), np.zeros(60), np.full(12, -1.0)])
    best = minimize(loss, start, jac=True, method="BFGS", options={"maxiter": 5000}).x[66:].reshape(6, 2)
    assert found.slope == pytest.approx(best, abs=1e-3)
    assert (np.abs(as_used.slope - best) < 0.2 * as_used.deviation).all()


@pytest.mark.parametrize("shock", [0.0, 0.3])
def test_deviations_are_those_of_the_errors(shock: float) -> None:
    """Months in which everything of a product sells more are no response to a price, however many weeks they have."""
    ratios = []
    for seed in range(3):
        units, exposure, x, group, month, true = panel(150, 80, seed, shock=shock, groups=3)
        found = fitted(units, exposure, x, group, month)
        assert found.heterogeneity**0.5 == pytest.approx(shock, abs=0.06)
        ratios.append((found.slope - true) / found.deviation)
    held = np.abs(np.concatenate(ratios)) < 1.645
    assert held.mean(axis=0) == pytest.approx([0.9, 0.9], abs=0.04)


def test_units_that_come_in_dozens_are_less_sure() -> None:
    """Poisson errors of what is sold by the dozen would be a third of the true ones."""
    units, exposure, x, group, month, true = panel(150, 80, 5, groups=3)
    found = fitted(12 * units, exposure, x, group, month)
    assert np.median(found.dispersion) == pytest.approx(12, rel=0.2)
    assert (np.abs(found.slope - true) < 1.645 * found.deviation).mean() == pytest.approx(0.9, abs=0.05)


def test_what_cannot_be_told_is_not_told() -> None:
    """No variation, no sale, no other product: no number, and never one that is none."""
    units, exposure, x, group, month, _ = panel(6, 30, 2)
    x[0, 0], units[1] = 0.7, 0.0
    group = np.array([0, 0, 0, 0, 0, 1])
    found = fitted(units, exposure, x, group, month)
    assert np.isinf(found.deviation[0, 0])
    assert np.isfinite(found.deviation[0, 1])
    assert np.isinf(found.deviation[[1, 5]]).all()
    assert np.isfinite(found.slope).all()


def test_regressors_that_move_together_tell_neither() -> None:
    """A promotion at every step of the price: half of the response each, and sure of it, would be an invention."""
    units, exposure, x, group, month, _ = panel(6, 30, 3)
    x[1, 0] = 2 * x[0, 0]
    found = fitted(units, exposure, x, group, month)
    assert np.isinf(found.deviation[0]).all()
    assert np.isfinite(found.deviation[1:]).all()
    assert not np.isnan(found.slope).any()


def test_the_answer_is_the_same_however_long_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Months that differ as wholes weigh little, and full steps throw such products back and forth for ever."""
    units, exposure, x, group, month, _ = panel(30, 24, 3, shock=1.0, level=200.0)
    found = fitted(units, exposure, x, group, month)
    monkeypatch.setattr(poisson, "_ROUNDS", poisson._ROUNDS - 1)
    again = fitted(units, exposure, x, group, month)
    plain = fitted(units, exposure, x, group, month, is_weighted=False)
    assert (np.isfinite(found.deviation) == np.isfinite(plain.deviation)).all()
    assert again.slope == pytest.approx(found.slope, abs=1e-6)


def test_a_slope_that_does_not_settle_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    units, exposure, x, group, month, _ = panel(30, 24, 3, shock=1.0, level=200.0)
    told = np.isfinite(fitted(units, exposure, x, group, month).deviation)
    monkeypatch.setattr(poisson, "_ROUNDS", 2)
    found = fitted(units, exposure, x, group, month)
    assert (~np.isfinite(found.deviation)).sum() > (~told).sum()
    assert (found.slope[np.isinf(found.deviation)] == 0).all()
