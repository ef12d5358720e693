"""What many estimates say of each, against draws from the model itself."""

import numpy as np
import pytest

from assets.price.pooling import pooled, two_sided


def draws(rng, group, count):
    """True values of products drawn from the model, count x products, with the deviations between."""
    tau, sigma = np.abs(rng.normal(0, 1, (2, count, 1)))
    shop = rng.normal(0, 2, (count, 1))
    category = shop + sigma * rng.normal(0, 1, (count, group.max() + 1))
    return category[:, group] + tau * rng.normal(0, 1, (count, len(group)))


def test_answers_agree_with_weighted_draws_from_the_model() -> None:
    rng = np.random.default_rng(1)
    group = np.array([0, 0, 0, 1, 1, 2])
    estimate, deviation = (
        np.array([-1.2, -1.6, -0.2, -2.0, -1.0, 0.0]),
        np.array([0.3, 0.5, 0.8, 0.4, 0.6, np.inf]),
    )
    found = pooled(estimate, deviation, group)
    true = draws(rng, group, 1_500_000)
    log_weight = -(((estimate - true) / deviation) ** 2).sum(axis=1) / 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    assert found.mean == pytest.approx(weight @ true, abs=0.03)
    for at in range(len(group)):
        order = np.argsort(true[:, at])
        reached = np.cumsum(weight[order])
        low, high = (true[order[np.searchsorted(reached, tail)], at] for tail in (0.05, 0.95))
        assert (found.low[at], found.high[at]) == (
            pytest.approx(low, abs=0.08),
            pytest.approx(high, abs=0.08),
        )


def test_intervals_hold_nine_in_ten() -> None:
    """Over shops drawn from the model, few products and many."""
    rng, held = np.random.default_rng(2), []
    for shop in range(120):
        group = np.arange(12 if shop % 2 else 40) % 4
        true = draws(rng, group, 1)[0]
        deviation = rng.uniform(0.2, 1.5, len(group))
        found = pooled(true + deviation * rng.normal(0, 1, len(group)), deviation, group)
        held.append(((found.low <= true) & (true <= found.high)).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.025)


def test_a_product_that_tells_nothing_is_as_its_category_and_less_sure() -> None:
    group = np.array([0] * 10 + [1] * 10)
    estimate, deviation = np.array([-1.0] * 10 + [-2.0] * 10), np.full(20, 0.1)
    deviation[0] = np.inf
    found = pooled(estimate, deviation, group)
    assert found.mean[0] == pytest.approx(-1.0, abs=0.1)
    assert (found.high - found.low)[0] > (found.high - found.low)[1]


def test_nothing_known_is_nothing_claimed() -> None:
    found = pooled(np.zeros(3), np.full(3, np.inf), np.zeros(3, dtype=np.int64))
    assert (found.low < -2).all()
    assert (found.high > 2).all()
    assert two_sided(np.array([3.0, 1.96]), np.array([np.inf, 1.0])) == pytest.approx([1.0, 0.05], abs=1e-3)
