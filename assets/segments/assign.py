"""Ask the model of a month which cluster a customer is in, of whom little is known."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from assets.segments.clusters import ASKED
from resources.models import Model, load
from warehouse.errors import NoLakeError, TillageError
from warehouse.lake import open_lake, shape_of
from warehouse.tables.segments import CLUSTER_QUALITY, CLUSTERS


@dataclass(frozen=True, slots=True)
class Assigned:
    """The answer for one customer.

    Attributes:
        cluster_id: The cluster; segments.cluster_names has its name.
        next_cluster_id: The cluster across the nearest border.
        next_distance: How far that border is, in standard deviations of the logs of what was asked.
        agreement: Share of the month's customers whom the model puts where they are.
    """

    cluster_id: str
    next_cluster_id: str
    next_distance: float
    agreement: float


def assign(
    recency_days: float,
    frequency: float,
    monetary: float,
    as_of: date,
    *,
    home: Path = Path("data"),
    model: Model | None = None,
) -> Assigned:
    """Tell the cluster of a customer from recency, frequency and amount.

    Args:
        recency_days: Days since the last sale, at least 1.
        frequency: Sale invoices so far, at least 1.
        monetary: Amount of all sales so far.
        as_of: Any day of the month whose clusters are meant.
        home: Folder of the shop.
        model: What `resources.models.load` gave before, for one who asks often.

    Raises:
        TillageError: If the month has no model; where it has no clusters, with the reason.
        ValueError: If a number cannot be that of a customer.
    """
    asked = np.array([recency_days, frequency, monetary], dtype=np.float64)
    if not np.isfinite(asked).all() or (asked < [1, 1, 0]).any():
        told = ", ".join(f"{name} {value:g}" for name, value in zip(ASKED, asked, strict=True))
        raise ValueError(f"{told} are no customer's: recency and frequency are 1 at least, monetary is 0.")
    found = _load(home, as_of) if model is None else model
    scaler, regression = found.estimator[0], found.estimator[-1]
    x = scaler.transform(np.log1p(asked)[None, :])
    weights, levels = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # one row, of the second class against the first
        weights, levels = np.vstack([-weights, weights]) / 2, np.concatenate([-levels, levels]) / 2
    scores = (weights @ x[0]) + levels
    own = int(scores.argmax())
    apart = np.linalg.norm(weights[own] - weights, axis=1)
    borders = np.where(apart > 0, (scores[own] - scores) / np.where(apart > 0, apart, 1.0), np.inf)
    borders[own] = np.inf
    other = int(borders.argmin())
    return Assigned(
        str(regression.classes_[own]),
        str(regression.classes_[other]),
        round(float(borders[other]), 4),
        float(found.metrics["agreement"]),
    )


def _load(home: Path, as_of: date) -> Model:
    try:
        return load(home, CLUSTERS.qualified, as_of)
    except NoLakeError:
        raise
    except TillageError as error:
        month = as_of.replace(day=1)
        with open_lake(home / "lake", read_only=True) as lake:
            told = (
                lake.execute(
                    f"SELECT why FROM {CLUSTER_QUALITY.qualified} WHERE as_of = ? AND is_chosen AND method = 'none'",
                    [month],
                ).fetchone()
                if shape_of(lake, CLUSTER_QUALITY)
                else None
            )
        if told is None:
            raise
        raise TillageError(
            f"Nobody is in a cluster as of {month:%Y-%m}, so there is none to tell: {told[0]}. Ask of a later month, or "
            f"set another line in clustering.csv of {home / 'seeds'}; segments.rfm has a segment for everybody."
        ) from error
