"""Smoothing, Theta and the like, against plain loops, statsforecast, and least squares by search."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from statsforecast import models as peers

from assets.forecasts import smoothing
from assets.forecasts.smoothing import Grid
from bench.series import business_series, smape

GRID = Grid.of((0.1, 0.5), ((0.2, 0.9),), (0.0, 0.3))
EVERY = [
    (period, at) for period in (1, 4) for at in range(len(GRID.alpha)) if period > 1 or GRID.gamma[at] == 0
]


@pytest.fixture(scope="module")
def shops():
    """Business series of 60 months and the 18 that follow."""
    whole = [one for one in business_series(60, seed=3) if len(one) >= 78]
    return np.stack([one[-78:] for one in whole])


def loop(values, season, at, level, trend, steps):
    """One candidate over one series, as the textbook has it."""
    season, total = list(season), 0.0
    alpha, beta, phi, gamma = (float(each[at]) for each in (GRID.alpha, GRID.beta, GRID.phi, GRID.gamma))
    for time, value in enumerate(values):
        place = time % len(season)
        error = value - level - phi * trend - season[place]
        level, trend = level + phi * trend + alpha * error, phi * trend + alpha * beta * error
        season[place] += gamma * (1 - alpha) * error
        total += error**2
    path = [
        level
        + sum(phi**k for k in range(1, step + 1)) * trend
        + season[(len(values) + step - 1) % len(season)]
        for step in range(1, steps + 1)
    ]
    return total, path


@pytest.mark.parametrize(("period", "at"), EVERY)
def test_smoothing_agrees_with_a_loop_begun_where_a_search_finds_it_best(period, at):
    rng = np.random.default_rng(at)
    values = np.cumsum(rng.normal(0, 1, (3, 30)), axis=1) + 50
    season = smoothing.season_of(values, period) if period > 1 else np.zeros((3, 1))
    found = smoothing.smooth(values, season, GRID, 6)
    for row in range(3):

        def cost(start, row=row):
            return loop(values[row], season[row], at, start[0], start[1] * GRID.has_trend[at], 1)[0]

        best = minimize(
            cost, [values[row, 0], 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10}
        )
        total, path = loop(values[row], season[row], at, best.x[0], best.x[1] * GRID.has_trend[at], 6)
        assert found.sse[row, at] == pytest.approx(total, rel=1e-5)
        assert found.mean[row, at] == pytest.approx(path, rel=1e-3)


def test_deviations_grow_as_errors_that_are_simulated_do():
    rng = np.random.default_rng(1)
    grid = Grid.of((0.4,), ((0.5, 0.9),), with_level=False)
    found = smoothing.smooth(np.zeros((1, 20)), np.zeros((1, 1)), grid, 8)
    shocks = rng.normal(0, 1, (200_000, 8))
    level, trend, errors = np.zeros(200_000), np.zeros(200_000), []
    for step in range(8):
        error = shocks[:, step]
        errors.append(level + 0.9 * trend + error)
        level, trend = level + 0.9 * trend + 0.4 * error, 0.9 * trend + 0.2 * error
    assert found.spread[0] == pytest.approx([each.std() for each in errors], rel=0.01)


def test_theta_is_the_standard_one(shops):
    """The peer searches alpha and the level's beginning, this one takes alpha of a grid of fifty."""
    found = smoothing.theta(shops[:, :60], 12, 18, is_positive=True)
    other = np.stack([peers.Theta(season_length=12).forecast(y=row, h=18)["mean"] for row in shops[:, :60]])
    assert np.median(np.abs(found / other - 1)) < 0.01
    assert smape(shops[:, 60:], found) == pytest.approx(smape(shops[:, 60:], other), rel=0.02)


def test_exponential_smoothing_errs_no_more_than_that_which_searches(shops):
    past, came = shops[:30, :60], shops[:30, 60:]
    found = smoothing.exponential(past, 12, 18, is_positive=True).mean
    other = np.stack([peers.AutoETS(season_length=12).forecast(y=row, h=18)["mean"] for row in past])
    errors = [np.median([smape(*row) for row in zip(came, each, strict=True)]) for each in (found, other)]
    assert errors[0] < 1.02 * errors[1]


def test_simple_models_agree_with_those_of_statsforecast(shops):
    past = shops[:5, :60]
    for found, peer in (
        (smoothing.last_season(past, 12, 18), peers.SeasonalNaive(season_length=12)),
        (
            smoothing.last_season(past, 12, 18, seasons=3),
            peers.SeasonalWindowAverage(season_length=12, window_size=3),
        ),
        (smoothing.rolling_mean(past, 12, 18), peers.WindowAverage(window_size=12)),
    ):
        assert found == pytest.approx(np.stack([peer.forecast(y=row, h=18)["mean"] for row in past]))


@given(st.lists(st.sampled_from([0, 0, 0, 2, 5]), min_size=4, max_size=40).filter(any))
def test_croston_agrees_with_that_of_statsforecast(demand):
    values = np.array([demand], dtype=float)
    other = peers.CrostonSBA().forecast(y=values[0], h=3)["mean"]
    assert smoothing.croston(values, 3)[0] == pytest.approx(other)


@given(st.integers(2, 12), st.integers(0, 9))
def test_a_season_and_a_line_are_found_again(period, seed):
    rng = np.random.default_rng(seed)
    season = rng.normal(0, 5, period)
    season -= season.mean()
    times = np.arange(5 * period + 3 + 2 * period)
    values = (season[times % period] + 3 + 0.5 * times)[None, :]
    past, ahead = values[:, : -2 * period], values[:, -2 * period :]
    assert smoothing.season_of(past, period)[0] == pytest.approx(season)
    assert smoothing.line_with_season(past, period, 2 * period) == pytest.approx(ahead)


def test_a_season_made_by_chance_is_shrunk_and_a_real_one_is_kept():
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, (200, 60))
    real = 10 * np.sin(2 * np.pi * np.arange(60) / 12) + noise
    kept = [
        (smoothing.shrunk_season(values, 12) ** 2).sum() / (smoothing.season_of(values, 12) ** 2).sum()
        for values in (noise, real)
    ]
    assert kept[0] < 0.15
    assert kept[1] > 0.98
    assert smoothing.is_seasonal(real, 12).all()
    assert smoothing.is_seasonal(noise, 12).mean() < 0.2


@pytest.mark.parametrize(
    "model", [smoothing.theta, smoothing.damped_theta, smoothing.autoregression, smoothing.aggregated]
)
def test_a_line_goes_on_at_most_as_it_was(model):
    values = 100 + 2.0 * np.arange(48)[None, :]
    found = model(values, 12, 12, is_positive=True)[0]
    assert (np.diff(found) >= -1e-6).all()
    assert values[0, -1] * 0.98 < found[-1] < values[0, -1] + 2 * 12 * 1.4


def test_made_together_or_alone_a_series_has_the_same_forecast(shops):
    for model in (smoothing.theta, smoothing.damped_theta, smoothing.autoregression, smoothing.aggregated):
        together = model(shops[:, :60], 12, 6, is_positive=True)
        assert model(shops[7:8, :60], 12, 6, is_positive=True) == pytest.approx(together[7:8])
    together = smoothing.exponential(shops[:, :60], 12, 6, is_positive=True)
    alone = smoothing.exponential(shops[7:8, :60], 12, 6, is_positive=True)
    assert alone.mean == pytest.approx(together.mean[7:8])
    assert alone.sigma == pytest.approx(together.sigma[7:8])


def test_a_day_far_from_those_of_its_weekday_is_drawn_in_and_others_stay():
    """One order of 80,000 paper birds would lift all that is foretold for weeks."""
    rng = np.random.default_rng(3)
    values = 100 + 20 * np.sin(2 * np.pi * np.arange(70) / 7) + rng.normal(0, 5, (2, 70))
    spoiled = values.copy()
    spoiled[0, 40] = 900
    found = smoothing.without_outliers(spoiled, 7)
    assert abs(found[0, 40] - values[0, 40]) < 40
    assert found[1] == pytest.approx(values[1])
    assert np.delete(found[0], 40) == pytest.approx(np.delete(values[0], 40))
    sparse = np.zeros((1, 30))
    sparse[0, ::9] = 50
    assert (smoothing.without_outliers(sparse, 7) == sparse).all()


def test_means_move_as_they_did_a_year_before_where_there_was_one():
    season = np.where(np.arange(130) % 52 >= 40, 300.0, 100.0)[None, :]
    past, ahead = season[:, :88], season[:, 88:101]
    mean = np.full((1, 13), 100.0)
    found = smoothing.last_years(past, mean, 52, 4)
    assert np.abs(found - ahead).mean() < 0.2 * np.abs(mean - ahead).mean()
    assert smoothing.last_years(past[:, -54:], mean, 52, 4) is mean
    nothing = np.concatenate([np.zeros((1, 40)), past[:, 40:]], axis=1)
    assert np.isfinite(smoothing.last_years(nothing, mean, 52, 4)).all()


def years(length, *, noise=0.1, growth=0.2, seed=2, period=6):
    """Days of a shop that is open six days a week: weekday, a cosine of the year, growth; and its means 90 days on."""
    year = 365.2425 / 7 * period
    at = np.arange(length + 90)
    week = np.array([0.1, -0.1, 0.2, 0.0, -0.1, -0.1])[at % period]
    means = 1000 * np.exp(week + 0.4 * np.cos(2 * np.pi * at / year) + growth * at / year)
    came = means * np.exp(np.random.default_rng(seed).normal(0, noise, len(at)))
    return came[None, :length], means[None, length:], year


@pytest.mark.parametrize("length", [340, 430, 900])
@pytest.mark.parametrize("is_positive", [True, False])
def test_regression_on_the_year_finds_the_planted_season_where_the_year_before_is_noise(length, is_positive):
    values, truth, year = years(length)
    flat = np.full((1, 90), values[0, -48:].mean())
    found = smoothing.harmonic(values, 90, 6, year, 24, is_positive=is_positive)
    moved = smoothing.last_years(values, smoothing.last_season(values, 6, 90, 8), 312, 24)

    def error(mean):
        return float(np.abs(mean / truth - 1).mean())

    assert error(found) < (0.08 if is_positive else 0.12)
    assert error(found) < error(flat) / 2
    if is_positive:
        assert error(found) < error(moved) + 0.02


def test_regression_on_the_year_is_bayesian_least_squares():
    """With one candidate the mean is that of the posterior, worked out from the covariance of what is seen."""
    values, _, year = years(330)
    waves, kinds = smoothing._waves(330, 90, 6, year, 24)
    prior = {"level": 1e6, "week": 3.0, "year": 0.3, "drift": 1e-3, "trend": 0.3}
    variance = np.array([prior[kind] for kind in kinds])
    covariance = (waves * variance) @ waves.T
    seen = covariance[:330, :330] + np.eye(330)
    wanted = covariance[330:, :330] @ np.linalg.solve(seen, np.log(values[0]))
    with pytest.MonkeyPatch.context() as patch:
        for name, one in (("_DRIFTS", 1e-3), ("_SEASONS", 0.3), ("_SLOPES", 0.3)):
            patch.setattr(smoothing, name, (one,))
        found = smoothing.harmonic(values, 90, 6, year, 24, is_positive=True)
    assert np.log(found[0]) == pytest.approx(wanted, rel=1e-4)


def test_a_season_of_chance_alone_is_hardly_foretold():
    values, _, year = years(400, growth=0.0)
    noise = 1000 * np.exp(np.random.default_rng(7).normal(0, 0.1, values.shape))
    found = smoothing.harmonic(noise, 90, 6, year, 24, is_positive=True)
    assert np.abs(found / 1000 - 1).mean() < 0.04


def calendar(length):
    """Months of the steps that `years` has, from the first of January on, and of 90 ahead."""
    days = date(2021, 1, 1) + np.arange(2 * (length + 90)) * timedelta(days=1)
    return np.array([day.month for day in days if day.weekday() != 5][: length + 90])


def test_seasons_of_whole_months_are_averaged_as_models_of_one_column_more():
    """Each posterior and each evidence worked out from the covariance of what is seen."""
    length = 560
    values, _, year = years(length)
    months = calendar(length)
    values = values * np.where(np.isin(months[:length], (11, 12)), 1.06, 1.0)
    waves, kinds = smoothing._waves(length, 90, 6, year, 24)
    prior = {"level": 1e6, "week": 3.0, "year": 0.3, "drift": 1e-3, "trend": 0.3}
    variance = np.array([prior[kind] for kind in kinds])
    runs = [
        np.isin(months, pair).astype(float) for pair in zip(range(1, 13), [*range(2, 13), 1], strict=True)
    ]
    # After 21 months each of them was seen whole.
    plain = (waves * variance) @ waves.T
    logs, evidence, means = np.log(values[0]), [], []
    # Christmas is twice as likely as none, and all others together as likely.
    likely = [2.0 if at == 10 else 1 / 11 for at in range(12)]
    columns = [3.0 * np.outer(run, run) for run in runs]
    for chance, added in ((1.0, 0.0), *zip(likely, columns, strict=True)):
        covariance = plain + added
        seen = covariance[:length, :length] + np.eye(length)
        solved = np.linalg.solve(seen, logs)
        evidence.append(np.log(chance) - length / 2 * np.log(logs @ solved) - np.linalg.slogdet(seen)[1] / 2)
        means.append(covariance[length:, :length] @ solved)
    share = np.exp(np.array(evidence) - max(evidence))
    with pytest.MonkeyPatch.context() as patch:
        for name, one in (("_DRIFTS", 1e-3), ("_SEASONS", 0.3), ("_SLOPES", 0.3), ("_MONTHS", 2)):
            patch.setattr(smoothing, name, (one,))
        found = smoothing.harmonic(values, 90, 6, year, 24, is_positive=True, months=months)
    assert 0.01 < share[0] / share.sum() < 0.99
    assert np.log(found[0]) == pytest.approx(share @ np.array(means) / share.sum(), rel=1e-4)


def test_a_season_that_begins_with_a_month_is_foretold_from_its_first_day_on():
    """Waves round it off: two weeks before it are foretold too high, and two weeks of it too low."""
    for seed in range(3):
        values, truth, year = years(560, seed=seed)
        months = calendar(560)
        step = np.where(np.isin(months, (11, 12)), 1.35, 1.0)
        values, truth = values * step[:560], truth * step[560:]
        begins = int((months[560:] == 11).argmax())
        assert 12 < begins < 78
        found, rounded = (
            smoothing.harmonic(values, 90, 6, year, 24, is_positive=True, months=given)[0] / truth[0] - 1
            for given in (months, None)
        )
        near = slice(begins - 6, begins + 12)
        assert np.abs(found[near]).mean() < 0.6 * np.abs(rounded[near]).mean()


def test_what_has_not_ended_is_a_level_and_no_season():
    """After a first year nobody can tell growth in its last months from a season that will end with it."""
    values, _, year = years(312, growth=0.0)
    months = (calendar(312) + 5) % 12 + 1
    grown = values * np.where(np.isin(months[:312], (5, 6)), 1.5, 1.0)
    found, plain = (
        smoothing.harmonic(grown, 90, 6, year, 24, is_positive=True, months=given) for given in (months, None)
    )
    assert found == pytest.approx(plain, rel=0.05)


def test_christmas_ends_before_any_was_seen_to():
    """Foretold as a level, the first January of a shop was three and a half times the noise."""
    months = calendar(312)
    january = months[312:] == 1
    for seed in range(3):
        values, truth, _ = years(312, growth=0.2, seed=seed)
        risen = values * np.where(np.isin(months[:312], (11, 12)), 1.5, 1.0)
        found, level = (
            smoothing.harmonic(risen, 90, 6, 313, 24, is_positive=True, months=given)[0] / truth[0] - 1
            for given in (months, None)
        )
        assert np.abs(found[january]).mean() < 0.6 * np.abs(level[january]).mean()


def test_a_year_of_growth_is_not_taken_for_christmas():
    """Where growth has to be slow, the January after it is foretold to fall by a fifth."""
    months = calendar(312)
    january = months[312:] == 1
    for seed in range(3):
        values, truth, _ = years(312, growth=0.6, seed=seed)
        found = smoothing.harmonic(values, 90, 6, 313, 24, is_positive=True, months=months)
        assert abs((found[0] / truth[0])[january].mean() - 1) < 0.15


def test_a_season_of_months_by_chance_alone_is_hardly_foretold():
    noise = 1000 * np.exp(np.random.default_rng(7).normal(0, 0.1, (20, 700)))
    found, plain = (
        smoothing.harmonic(noise, 90, 6, 365.2425 / 7 * 6, 24, is_positive=True, months=given)
        for given in (calendar(700), None)
    )
    assert np.abs(found / 1000 - 1).mean() < np.abs(plain / 1000 - 1).mean() + 0.003


def test_nothing_sold_in_a_year_goes_on_as_nothing():
    found = smoothing.harmonic(np.zeros((1, 400)), 90, 6, 313, 24, is_positive=False)
    assert found == pytest.approx(np.zeros((1, 90)))
