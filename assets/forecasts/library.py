"""Models of statsforecast and Prophet behind one face: seconds to import, and to fit series by series.

Whatever they raise is raised as RuntimeError with their words, for the caller to say what stood in: statsforecast's
own `fallback_model` would put another model in their place without a word.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from assets.forecasts.smoothing import Ahead, Floats

_SHARE = 80
_SHORT_SEASONS = ("AutoETS", "AutoARIMA")
_LONGEST_SEASON = 24  # a state for each of 52 weeks is more than they can fit, and takes seconds
_NORMAL_80 = 1.2815515655446004


def run(
    name: str,
    values: Floats,
    period: int,
    steps: int,
    stamps: Sequence[Sequence[Any]],
    country: str | None = None,
) -> Ahead:
    """Fit one model to each series.

    Args:
        name: AutoETS, AutoARIMA, AutoTheta, MSTL or Prophet.
        values: Series x time, without holes.
        period: The season's length.
        steps: How far ahead.
        stamps: Of each series the days of its values and of the steps ahead.
        country: Whose holidays Prophet learns, as ISO 3166 has it; None for none.

    Raises:
        ValueError: If the country has no known holidays.
        RuntimeError: If the model failed.
    """
    if name == "Prophet":
        return _prophet(values, steps, stamps, country)
    from statsforecast import models

    season = period if values.shape[1] >= 2 * period + 1 else 1
    if name in _SHORT_SEASONS and season > _LONGEST_SEASON:
        season = 1
    season = max(season, 2) if name == "MSTL" else season
    model: Any = getattr(models, name)
    means, deviations = [], []
    for row in values:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = model(season_length=season).forecast(y=row, h=steps, level=[_SHARE])
        except Exception as error:
            raise RuntimeError(str(error)) from error
        means.append(found["mean"])
        deviations.append((found[f"hi-{_SHARE}"] - found["mean"]) / _NORMAL_80)
    return _checked(np.stack(means), np.stack(deviations))


def _prophet(values: Floats, steps: int, stamps: Sequence[Sequence[Any]], country: str | None) -> Ahead:
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import holidays
        from prophet import Prophet

    if country is not None and country not in holidays.list_supported_countries():
        raise ValueError(
            f"There are no holidays of {country!r}. Give the country as ISO 3166 has it (GB, DE, US), or none."
        )
    means, deviations = [], []
    for row, days in zip(values, stamps, strict=True):
        table = pd.DataFrame({"ds": pd.to_datetime(list(days[: len(row)])), "y": row})
        ahead = pd.DataFrame({"ds": pd.to_datetime(list(days[len(row) :]))})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = Prophet(interval_width=_SHARE / 100, uncertainty_samples=200)
                logging.getLogger("cmdstanpy").setLevel(
                    logging.CRITICAL
                )  # it sets its own when it is imported
                if country is not None:
                    model.add_country_holidays(country_name=country)
                model.fit(table, seed=0)
                # Prophet draws its intervals from NumPy's one global stream.
                np.random.seed(0)
                found = model.predict(ahead)
        except Exception as error:
            raise RuntimeError(str(error)) from error
        means.append(found["yhat"].to_numpy())
        deviations.append((found["yhat_upper"] - found["yhat_lower"]).to_numpy() / 2 / _NORMAL_80)
    return _checked(np.stack(means)[:, :steps], np.stack(deviations)[:, :steps])


def _checked(mean: Floats, sigma: Floats) -> Ahead:
    if not (np.isfinite(mean).all() and np.isfinite(sigma).all()):
        raise RuntimeError("it gave no number")
    return Ahead(mean, np.maximum(sigma, 0.0))
