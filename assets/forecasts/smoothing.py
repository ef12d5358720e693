"""Exponential smoothing, Theta and autoregression of many series at once, in NumPy.

A matrix holds series of one length, one a row, without holes. Loops go over time and never over series. What a
series needs before (gaps, too few observations, negative values) and which model speaks is in
`assets.forecasts.models`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SEASONAL_TEST = (
    1.645  # standard errors of the autocorrelation at the season's lag (Assimakopoulos, Nikolopoulos 2000)
)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a model says of the steps ahead: mean and standard deviation, each series x steps."""

    mean: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True)
class Grid:
    """Parameters of exponential smoothing with additive errors, one element a candidate.

    Attributes:
        alpha: Of the level.
        beta: Of the trend, as a share of alpha.
        phi: By which the trend is damped each step.
        gamma: Of the season.
        has_trend: Whether there is a trend at all.
    """

    alpha: Floats
    beta: Floats
    phi: Floats
    gamma: Floats
    has_trend: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        alphas: tuple[float, ...],
        trends: tuple[tuple[float, float], ...] = (),
        gammas: tuple[float, ...] = (0.0,),
        *,
        with_level: bool = True,
    ) -> "Grid":
        """Every alpha with every gamma, without a trend (if `with_level`) and with each (beta, phi)."""
        kinds = [(0.0, 0.0, False)] * with_level + [(beta, phi, True) for beta, phi in trends]
        rows = [(a, beta, phi, g, has) for a in alphas for beta, phi, has in kinds for g in gammas]
        alpha, beta, phi, gamma, has = (np.array(column) for column in zip(*rows, strict=True))
        return cls(alpha, beta, phi, gamma, has.astype(np.bool_))

    @property
    def parameters(self) -> Floats:
        """How many numbers each candidate has been fitted with: alpha, level, sigma; the trend's three; gamma."""
        return np.asarray(3.0 + 3.0 * self.has_trend + (self.gamma > 0))


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Candidates run over series.

    Attributes:
        sse: Sum of squared errors one step ahead, series x candidates.
        mean: Series x candidates x steps ahead.
        spread: By which the standard deviation one step ahead grows, candidates x steps.
    """

    sse: Floats
    mean: Floats
    spread: Floats


def smooth(values: Floats, season: Floats, grid: Grid, steps: int) -> Smoothed:
    """Run exponential smoothing (level, damped trend, additive season) over every series with every candidate.

    Level and trend at the beginning are those of least squares: errors are linear in them, so what a unit of
    each does is run once a candidate, and the best are solved for.

    Args:
        values: Series x time.
        season: Of the steps 0 to m - 1 at the beginning, series x m; m = 1 for none.
        grid: The candidates.
        steps: How far ahead.
    """
    count, length = values.shape
    period = season.shape[1]
    width = len(grid.alpha)
    alpha, phi, gamma = grid.alpha, grid.phi, grid.gamma * (1 - grid.alpha)
    slope = alpha * grid.beta
    has_season, is_moving = period > 1, bool((grid.gamma > 0).any())
    level, trend = np.zeros((count, width)), np.zeros((count, width))
    held = [np.repeat(season[:, [at]], width, axis=1) for at in range(period)]
    # What a unit of level and of trend at the beginning does to errors and states: row 0 and row 1.
    unit_level, unit_trend = np.zeros((2, width)), np.zeros((2, width))
    unit_level[0], unit_trend[1] = 1.0, grid.has_trend
    unit_season = [np.zeros((2, width)) for _ in range(period)]
    squares, by_unit = np.zeros((count, width)), np.zeros((2, count, width))
    gram = np.zeros((2, 2, width))
    for at in range(length):
        moved, unit_moved = phi * trend, phi * unit_trend
        error = values[:, [at]] - level - moved
        unit = -(unit_level + unit_moved)
        if has_season:
            error -= held[at % period]
            unit -= unit_season[at % period]
        squares += error * error
        by_unit += unit[:, None, :] * error
        gram += unit[:, None, :] * unit[None, :, :]
        level += moved + alpha * error
        unit_level += unit_moved + alpha * unit
        trend = moved + slope * error
        unit_trend = unit_moved + slope * unit
        if has_season and is_moving:
            held[at % period] += gamma * error
            unit_season[at % period] += gamma * unit
    first, second = _solved(gram, by_unit, grid.has_trend)
    sse = squares + first * by_unit[0] + second * by_unit[1]
    level = level + first * unit_level[0] + second * unit_level[1]
    trend = trend + first * unit_trend[0] + second * unit_trend[1]
    mean = np.empty((count, width, steps))
    spread = np.ones((width, steps))
    damping, power, grown = np.zeros(width), np.ones(width), np.ones(width)
    for step in range(steps):
        power = power * phi
        damping = damping + power
        ahead = level + damping * trend
        if has_season:
            place = (length + step) % period
            units = unit_season[place]
            ahead = ahead + held[place] + first * units[0] + second * units[1]
        mean[:, :, step] = ahead
        spread[:, step] = np.sqrt(grown)
        effect = alpha + slope * damping + gamma * (has_season and (step + 1) % period == 0)
        grown = grown + effect**2
    return Smoothed(np.maximum(sse, 0.0), mean, spread)


def _solved(gram: Floats, by_unit: Floats, has_trend: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Level and trend at the beginning with the least squared errors, each series x candidates."""
    determinant = gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2
    is_both = has_trend & (determinant > 1e-9 * gram[0, 0] * gram[1, 1])
    safe = np.where(is_both, determinant, 1.0)
    alone = -by_unit[0] / gram[0, 0]
    first = np.where(is_both, -(gram[1, 1] * by_unit[0] - gram[0, 1] * by_unit[1]) / safe, alone)
    second = np.where(is_both, -(gram[0, 0] * by_unit[1] - gram[0, 1] * by_unit[0]) / safe, 0.0)
    return first, second


def autocorrelation(values: Floats, lags: int) -> Floats:
    """Autocorrelation at the lags 1 to `lags`, series x lags."""
    centred = values - values.mean(axis=1, keepdims=True)
    total = np.maximum((centred**2).sum(axis=1), _TINY)
    return np.stack(
        [(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / total for lag in range(1, lags + 1)], axis=1
    )


def is_seasonal(values: Floats, period: int) -> npt.NDArray[np.bool_]:
    """Whether each series repeats itself by the season: the test of the Theta method."""
    count, length = values.shape
    if period < 2 or length < 2 * period + 1:
        return np.zeros(count, dtype=np.bool_)
    found = autocorrelation(values, period)
    limit = _SEASONAL_TEST * np.sqrt((1 + 2 * (found[:, :-1] ** 2).sum(axis=1)) / length)
    is_flat = np.ptp(values, axis=1) <= _TINY
    return np.asarray((np.abs(found[:, -1]) > limit) & ~is_flat)


def season_of(values: Floats, period: int) -> Floats:
    """Classical additive decomposition: what each place of the season adds, series x period, summing to 0.

    Of logarithms it is the multiplicative one. Two whole seasons are needed.
    """
    length, half = values.shape[1], period // 2
    rest = values[:, half : length - half] - _centred(values, period)
    places = (np.arange(rest.shape[1]) + half) % period
    by_place = np.stack([rest[:, places == place].mean(axis=1) for place in range(period)], axis=1)
    return np.asarray(by_place - by_place.mean(axis=1, keepdims=True))


def _centred(values: Floats, period: int) -> Floats:
    """The moving mean over a season around each step that has one, half a season lost at each end."""
    weights = np.ones(period + 1 - period % 2)
    if period % 2 == 0:
        weights[[0, -1]] = 0.5
    windows = np.lib.stride_tricks.sliding_window_view(values, len(weights), axis=1)
    return np.asarray(windows @ (weights / period))


def continued(season: Floats, length: int, steps: int) -> Floats:
    """The season of the `steps` after `length` observations."""
    return season[:, (length + np.arange(steps)) % season.shape[1]]


def shrunk_season(values: Floats, period: int) -> Floats:
    """`season_of`, drawn to 0 by what chance alone would make of it (James, Stein; Miller, Williams 2003).

    Series x period; zeros where there is less than two seasons and a step.
    """
    count, length = values.shape
    if period < 2 or length < 2 * period + 1:
        return np.zeros((count, max(period, 1)))
    season = season_of(values, period)
    half = period // 2
    rest = (
        values[:, half : length - half]
        - _centred(values, period)
        - continued(season, half, length - 2 * half)
    )
    times = rest.shape[1] / period
    noise = (
        ((rest - rest.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / max(rest.shape[1] - period, 1) / times
    )
    size = (season**2).sum(axis=1) / (period - 1)
    kept = np.clip(1 - noise * max(period - 3, 1) / (period - 1) / np.maximum(size, _TINY), 0.0, 1.0)
    return np.asarray(season * kept[:, None])


_ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.98)
_TRENDS = tuple((beta, phi) for beta in (0.02, 0.1, 0.3) for phi in (0.8, 0.9, 0.97))
_GAMMAS = (0.0, 0.05, 0.2)
_FINE = tuple(float(alpha) for alpha in np.linspace(0.01, 0.99, 50))
_CHUNK = 64  # series at once: their states stay in the processor's cache


def exponential(values: Floats, period: int, steps: int, *, is_positive: bool) -> Ahead:
    """Exponential smoothing, damped trends among it, averaged over its candidates by their likelihood.

    Each candidate counts by its AICc (Akaike weights): with and without trend and season, and, for values above 0,
    of the values and of their logarithms. To average costs one pass over a grid where a search would cost a
    hundred, and errs less than the best candidate alone.
    """
    parts = [
        _exponential(values[at : at + _CHUNK], period, steps, is_positive=is_positive)
        for at in range(0, len(values), _CHUNK)
    ]
    return Ahead(np.concatenate([one.mean for one in parts]), np.concatenate([one.sigma for one in parts]))


def _exponential(values: Floats, period: int, steps: int, *, is_positive: bool) -> Ahead:
    count, length = values.shape
    scales = [(values, np.zeros((count, 1)), False)]
    if is_positive:
        logs = np.log(values)
        scales.append((logs, logs.sum(axis=1, keepdims=True), True))
    seasons = [1] + [period] * (period > 1 and length >= 2 * period + 1)
    criteria, means, variances = [], [], []
    for scale, jacobian, is_log in scales:
        for places in seasons:
            has_season = places > 1
            season = season_of(scale, places) if has_season else np.zeros((count, 1))
            grid = Grid.of(_ALPHAS, _TRENDS if length > 8 else (), _GAMMAS if has_season else (0.0,))
            found = smooth(scale, season, grid, steps)
            free = grid.parameters + has_season * (places - 1)
            variance = (found.sse + _TINY) / np.maximum(length - free, 1)
            likelihood = -length / 2 * np.log((found.sse + _TINY) / length) - jacobian
            penalty = free * length / np.maximum(length - free - 1, 0.5)
            criteria.append(likelihood - penalty)
            spread = variance[:, :, None] * found.spread**2
            if is_log:
                # The variance of a logarithm is that of a ratio.
                mean = np.exp(np.clip(found.mean, -30.0, 60.0))
                means.append(mean)
                variances.append(mean**2 * np.expm1(np.minimum(spread, 1.0)))
            else:
                means.append(found.mean)
                variances.append(spread)
    criterion = np.concatenate(criteria, axis=1)
    weight = np.exp(criterion - criterion.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    every = np.concatenate(means, axis=1)
    mean = (weight[:, :, None] * every).sum(axis=1)
    apart = (every - mean[:, None, :]) ** 2 + np.concatenate(variances, axis=1)
    return Ahead(mean, np.sqrt((weight[:, :, None] * apart).sum(axis=1)))


def theta(values: Floats, period: int, steps: int, *, is_positive: bool) -> Floats:
    """The standard Theta method: seasonal test, simple smoothing, half the slope (Assimakopoulos, Nikolopoulos 2000)."""
    count, length = values.shape
    scale = np.log(values) if is_positive else values
    season = np.zeros((count, period))
    if period > 1 and length >= 2 * period + 1:
        season = np.where(is_seasonal(values, period)[:, None], season_of(scale, period), 0.0)
    return _theta(values, season, steps, is_positive=is_positive, damping=1.0)


def damped_theta(values: Floats, period: int, steps: int, *, is_positive: bool) -> Floats:
    """Theta with a shrunk season and a slope that fades, of logarithms where values are above 0."""
    scale = np.log(values) if is_positive else values
    found = _theta(scale, shrunk_season(scale, period), steps, is_positive=False, damping=0.97)
    return np.asarray(np.exp(np.clip(found, -30.0, 60.0)) if is_positive else found)


def _theta(values: Floats, season: Floats, steps: int, *, is_positive: bool, damping: float) -> Floats:
    count, length = values.shape
    past, ahead = continued(season, 0, length), continued(season, length, steps)
    rest = values / np.exp(past) if is_positive else values - past
    grid = Grid.of(_FINE)
    found = smooth(rest, np.zeros((count, 1)), grid, 1)
    best = found.sse.argmin(axis=1)
    level, alpha = found.mean[np.arange(count), best, 0], grid.alpha[best]
    times = np.arange(length) - (length - 1) / 2
    slope = rest @ times / max(float(times @ times), 1.0)
    moved = np.cumsum(damping ** np.arange(steps)) - 1 + ((1 - (1 - alpha) ** length) / alpha)[:, None]
    line = level[:, None] + slope[:, None] / 2 * moved
    return np.asarray(line * np.exp(ahead) if is_positive else line + ahead)


def autoregression(values: Floats, period: int, steps: int, *, is_positive: bool) -> Floats:
    """Autoregressions of order 1 to 4 of the differences, without the season, averaged by AIC.

    Half of the mean difference is kept ahead: past trends go on, and weaken.
    """
    scale = np.log(values) if is_positive else values
    season = shrunk_season(scale, period)
    length = values.shape[1]
    rest = scale - continued(season, 0, length)
    changes = np.diff(rest, axis=1)
    drift = changes.mean(axis=1, keepdims=True)
    centred = changes - drift
    orders = [order for order in (1, 2, 3, 4) if len(centred[0]) >= 3 * order + 2]
    most = max(orders, default=0)
    paths, criteria = [], []
    for order in orders:
        wanted = centred[:, most:]
        lagged = np.stack([centred[:, most - lag : -lag] for lag in range(1, order + 1)], axis=2)
        gram = np.einsum("sti,stj->sij", lagged, lagged)
        ridge = 1e-3 * np.trace(gram, axis1=1, axis2=2) / order + _TINY
        gram += ridge[:, None, None] * np.eye(order)
        weight = np.linalg.solve(gram, np.einsum("sti,st->si", lagged, wanted)[..., None])[..., 0]
        error = wanted - np.einsum("sti,si->st", lagged, weight)
        criteria.append(wanted.shape[1] * np.log((error**2).mean(axis=1) + _TINY) + 2 * order)
        last = [centred[:, -lag] for lag in range(1, order + 1)]
        path = []
        for _ in range(steps):
            following = np.einsum("si,is->s", weight, np.stack(last))
            last = [following, *last[:-1]]
            path.append(following + drift[:, 0] / 2)
        paths.append(np.cumsum(np.stack(path, axis=1), axis=1))
    moved = np.zeros((len(values), steps))
    if paths:
        criterion = np.stack(criteria, axis=1)
        share = np.exp(-(criterion - criterion.min(axis=1, keepdims=True)) / 2)
        moved = np.einsum("so,osh->sh", share / share.sum(axis=1, keepdims=True), np.stack(paths))
    found = rest[:, -1:] + moved + continued(season, length, steps)
    return np.asarray(np.exp(np.clip(found, -30.0, 60.0)) if is_positive else found)


def aggregated(values: Floats, period: int, steps: int, *, is_positive: bool, width: int = 3) -> Floats:
    """Exponential smoothing of the means of `width` steps, without the season: what is slow is seen better there.

    After multiple temporal aggregation (Kourentzes, Petropoulos, Trapero 2014).
    """
    scale = np.log(values) if is_positive else values
    season = shrunk_season(scale, period)
    length = values.shape[1]
    past, ahead = continued(season, 0, length), continued(season, length, steps)
    rest = values / np.exp(past) if is_positive else values - past
    blocks = length // width
    means = rest[:, length - blocks * width :].reshape(len(values), blocks, width).mean(axis=2)
    further = exponential(means, 1, -(-steps // width) + 1, is_positive=is_positive).mean
    centres = np.concatenate([means[:, -1:], further], axis=1)
    at = (np.arange(steps) + (width + 1) / 2) / width
    before = np.floor(at).astype(int)
    line = centres[:, before] * (1 - (at - before)) + centres[:, before + 1] * (at - before)
    return np.asarray(line * np.exp(ahead) if is_positive else line + ahead)


def last_years(values: Floats, mean: Floats, year: int, around: int) -> Floats:
    """Means moved as the series moved at the same time a year before: at most to a fifth or five times.

    Args:
        values: Series x time.
        mean: Series x steps, without a season of the year in it.
        year: Its length in steps.
        around: Steps whose mean is compared; means before the same step a year ago stand for the level that `mean`
            goes on from. Where the past is shorter than a year, the steps ahead and these, `mean` is returned.
    """
    steps, start = mean.shape[1], values.shape[1] - year
    if start < around or steps > year:
        return mean
    base = values[:, start - around : start].mean(axis=1, keepdims=True)
    reach = around // 4
    then = np.stack(
        [values[:, start + at - min(reach, at) : start + at + reach + 1].mean(axis=1) for at in range(steps)],
        axis=1,
    )
    is_known = (base > 0) & (then > 0)
    ratio = np.where(is_known, then / np.where(base > 0, base, 1.0), 1.0)
    return np.asarray(mean * np.clip(ratio, 0.2, 5.0))


_DRIFTS = (1e-4, 1e-3, 1e-2)  # variances over that of the noise, by knot, of the level
_SEASONS = (0.0, 0.003, 0.03, 0.3)  # of the first wave of the year
_SLOPES = (0.0, 0.2, 2.0)  # of the trend, through all of the past
_WAVES = 6
_WEEK = 3.0  # of a weekday, and of a season of whole months
_MONTHS = (1, 2, 3)  # that such a season takes
_CHRISTMAS = (11, 2)  # from November on, two months
_CHRISTMAS_COMES = 2.0  # how likely it is a season of its own, where none, or any other, is 1


def harmonic(
    values: Floats,
    steps: int,
    period: int,
    year: float,
    knot: int,
    *,
    is_positive: bool,
    months: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Regression on the weekday, waves of the year, a trend and a level that drifts (dynamic harmonic regression).

    Each has a normal prior around 0 (Young, Pedregal, Tych 1999; Hyndman, Athanasopoulos 2021, 10.5), and candidates of
    their variances are averaged by their evidence. So a year seen once is not taken for sure, and a whole year speaks
    for the season where what moved a year before is a few noisy days. Logarithms where values are above 0.

    A season may begin and end with a month, as Christmas does, which waves round off for weeks. So each candidate is also
    asked with one run of months that sells more or less by a factor, and is averaged with that by the evidence, too: one
    number where a factor for each of the twelve months would be eleven.

    Args:
        values: Series x time, of a year or nearly.
        steps: How far ahead.
        period: Steps a week; 1 for none.
        year: Steps a year.
        knot: Steps after which the level may take another way.
        is_positive: Whether all values are above 0.
        months: Calendar month of each step, those ahead as well; None for no season of whole months.
    """
    length = values.shape[1]
    size = np.maximum(values.mean(axis=1, keepdims=True), _TINY)
    scale = np.log(values) if is_positive else values / size
    design, kinds = _waves(length, steps, period, year, knot)
    past, ahead = design[:length], design[length:]
    runs, likely = (
        (np.zeros((length + steps, 0)), np.zeros(0)) if months is None else _runs(months, length, knot)
    )
    run, run_ahead, chance = runs[:length], runs[length:], np.append(1.0, likely)
    gram, moment, total = past.T @ past, scale @ past, (scale**2).sum(axis=1)
    across, size_of_run, moment_of_run = past.T @ run, (run**2).sum(axis=0), scale @ run
    evidences, parts = [], []
    for drift in _DRIFTS:
        for season in _SEASONS:
            for slope in _SLOPES:
                prior = np.select(
                    [kinds == "level", kinds == "week", kinds == "year", kinds == "drift"],
                    [1e6, _WEEK, season, drift],
                    slope,
                )
                some = np.flatnonzero(prior > 0)
                whole = gram[np.ix_(some, some)] + np.diag(1 / prior[some])
                solved = np.linalg.solve(whole, np.hstack([moment[:, some].T, across[some]]))
                weight, shadow = solved[:, : len(values)].T, solved[:, len(values) :]
                left = np.maximum(total - (weight * moment[:, some]).sum(axis=1), _TINY)
                spread = np.linalg.slogdet(whole)[1] + np.log(prior[some]).sum()
                # A column more, by the complement of Schur, without another solution.
                apart = size_of_run + 1 / _WEEK - (across[some] * shadow).sum(axis=0)
                factor = (moment_of_run - weight @ across[some]) / apart
                left = np.hstack([left[:, None], np.maximum(left[:, None] - apart * factor**2, _TINY)])
                spread = spread + np.append(0.0, np.log(apart * _WEEK))
                evidences.append(-length / 2 * np.log(left / length) - spread / 2 + np.log(chance))
                parts.append((weight @ ahead[:, some].T, factor, (run_ahead - ahead[:, some] @ shadow).T))
    evidence = np.stack(evidences, axis=1)
    share = np.exp(evidence - evidence.max(axis=(1, 2), keepdims=True))
    share /= share.sum(axis=(1, 2), keepdims=True)
    found = np.zeros((len(values), steps))
    for at, (mean, factor, moved) in enumerate(parts):
        found += share[:, at].sum(axis=1, keepdims=True) * mean + (share[:, at, 1:] * factor) @ moved
    return np.asarray(np.exp(np.clip(found, -30.0, 60.0)) if is_positive else found * size)


def _waves(
    length: int, steps: int, period: int, year: float, knot: int
) -> tuple[Floats, npt.NDArray[np.str_]]:
    """What `harmonic` regresses on, time x columns, and what each column is part of."""
    times = np.arange(length + steps)
    columns, kinds = [np.ones(length + steps)], ["level"]
    for place in range(period if period > 1 else 0):
        columns.append((times % period == place) - 1 / period)
        kinds.append("week")
    for wave in range(1, min(_WAVES, int(year / 2 - 0.5)) + 1):
        for shape in (np.sin, np.cos):
            columns.append(shape(2 * np.pi * wave * times / year) / wave)
            kinds.append("year")
    # A drift up to each knot, counted from the last step back: the level ahead is the last one.
    for last in range(length - 1, 0, -knot):
        first = max(last - knot, 0)
        rise = np.clip((times - first) / (last - first), 0.0, 1.0) - 1
        columns.append(rise * np.sqrt((last - first) / knot))
        kinds.append("drift")
    # The longer the past, the slower what goes on through all of it.
    columns.append((times - (length - 1)) / length)
    kinds.append("trend")
    return np.stack(columns, axis=1), np.array(kinds)


def _runs(months: npt.NDArray[np.int64], length: int, knot: int) -> tuple[Floats, Floats]:
    """Seasons of whole months that were seen to begin and to end, a knot from either end of the past.

    What has not ended yet is a level, for all that one can know, and would be foretold to fall. But of Christmas everybody
    knows that it ends.

    Returns:
        Time x columns, and how likely each is beforehand, where no season of whole months is 1.
    """
    columns, are_christmas = [], []
    for count in _MONTHS:
        for first in range(12):
            run = (first + np.arange(count)) % 12 + 1
            is_christmas = (first + 1, count) == _CHRISTMAS
            column = np.isin(months, run)
            change = np.diff(column[:length].astype(np.int64))
            begins, ends = np.flatnonzero(change > 0) + 1, np.flatnonzero(change < 0) + 1
            begin = begins[begins >= knot].min(initial=length)
            end = begin if is_christmas else ends[ends > begin].min(initial=length)
            if length - end >= knot:
                columns.append(column.astype(np.float64))
                are_christmas.append(is_christmas)
    if not columns:
        return np.zeros((len(months), 0)), np.zeros(0)
    others = max(are_christmas.count(False), 1)
    return np.stack(columns, axis=1), np.where(are_christmas, _CHRISTMAS_COMES, 1 / others)


def without_outliers(values: Floats, period: int) -> Floats:
    """Values far from those of the same place in the seasons around, drawn in to where the others lie.

    Three seasons to each side are looked at; far is five deviations (by the median, so that what is far does not
    count). A series whose median deviation is 0 stays as it is.
    """
    length = values.shape[1]
    if length <= period:
        return values
    near = np.full((6, *values.shape), np.nan)
    for at, seasons in enumerate((-3, -2, -1, 1, 2, 3)):
        lag = seasons * period
        if abs(lag) < length:
            source = slice(max(lag, 0), length + min(lag, 0))
            near[at, :, max(-lag, 0) : length - max(lag, 0)] = values[:, source]
    has_none = np.isnan(near).all(axis=0)
    middle = np.where(has_none, values, np.nanmedian(np.where(has_none, 0.0, near), axis=0))
    apart = values - middle
    spread = 1.4826 * np.median(np.abs(apart), axis=1, keepdims=True)
    is_far = (np.abs(apart) > 5 * spread) & (spread > 0)
    return np.where(is_far, middle + np.sign(apart) * 2 * spread, values)


def croston(values: Floats, steps: int, *, alpha: float = 0.1) -> Floats:
    """Demand that comes now and then: size over interval, with the correction of Syntetos and Boylan (2005)."""
    count, length = values.shape
    size, gap, since = np.zeros(count), np.ones(count), np.ones(count)
    has_come = np.zeros(count, dtype=np.bool_)
    for at in range(length):
        comes = values[:, at] != 0
        is_first = comes & ~has_come
        size = np.where(is_first, values[:, at], np.where(comes, size + alpha * (values[:, at] - size), size))
        gap = np.where(is_first, since, np.where(comes, gap + alpha * (since - gap), gap))
        since = np.where(comes, 1.0, since + 1)
        has_come |= comes
    return np.repeat(((1 - alpha / 2) * size / gap)[:, None], steps, axis=1)


def line_with_season(values: Floats, period: int, steps: int) -> Floats:
    """A straight line and a place in the season, by least squares."""
    length = values.shape[1]
    places = period if period > 1 and length >= 2 * period + 1 else 1
    times = np.arange(length + steps)
    design = np.column_stack([times - length / 2, np.eye(places)[times % places]])
    weight = np.linalg.lstsq(design[:length], values.T, rcond=None)[0]
    return np.asarray((design[length:] @ weight).T)


def last_season(values: Floats, period: int, steps: int, seasons: int = 1) -> Floats:
    """The mean of the last `seasons` values of the same place in the season (of as many as there are)."""
    count, length = values.shape
    places = period if length >= period else 1
    seasons = max(min(seasons, length // places), 1)
    means = values[:, length - seasons * places :].reshape(count, seasons, places).mean(axis=1)
    return np.asarray(means[:, np.arange(steps) % places])


def rolling_mean(values: Floats, period: int, steps: int) -> Floats:
    """The mean of the last season, of three steps at least."""
    return np.repeat(values[:, -max(period, 3) :].mean(axis=1, keepdims=True), steps, axis=1)
