"""Which cluster each customer is in, under labels that last.

The way that `cluster_quality` chose is fitted to the fixed customers who are learned from, and every customer is
put where it says. A cluster is that of the month before with which it shares the most customers, one for one
(Kuhn 1955, on Jaccard indices of customers who are in both months), if they share `LEAST_SHARED`; else it is
born, and its id is that of the month and a number: an id is never given again.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assets.days import stacked
from assets.segments.clustering import (
    Floats,
    Integers,
    Parting,
    Points,
    TooAlike,
    by_density,
    outliers,
    part,
    points,
)
from assets.threads import pools_at_most
from resources.models import Model

LEAST_SHARED = 0.3
DIGITS = 4
# What a stored model is asked with; logs of one more than each, in this order.
ASKED = ("recency_days", "frequency", "monetary")

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "cluster_id": pl.String,
    "own_distance": pl.Float64,
    "next_cluster_id": pl.String,
    "next_distance": pl.Float64,
    "x": pl.Float64,
    "y": pl.Float64,
    "is_outlier": pl.Boolean,
    "is_learned_from": pl.Boolean,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make segments.clusters.

    Args:
        rows: What `clustering.points` reads, with method and clusters (as chosen for the month) and
            cluster_id_before (of the customer in the month before, null if there was none).
        months: As_of months. One for which nothing was chosen has no rows: cluster_quality says why.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month)
        method = given["method"].drop_nulls().first()
        if not isinstance(method, str) or method == "none":
            continue
        try:
            at = points(given, month)
        except TooAlike:
            continue
        k = int(given["clusters"].drop_nulls()[0])
        with pools_at_most(1):
            partings = by_density(at.judged) if method == "dbscan" else part(method, at.judged, [k])
            if k in partings:
                found[month] = _of_month(at, partings[k], month)
    return stacked(found, SHAPE).with_columns(pl.col(pl.Float64).round(DIGITS))


def models(rows: pl.DataFrame, made: pl.DataFrame) -> Mapping[date, Model]:
    """Fit what answers for a customer of whom recency, frequency and amount alone are known.

    Logistic regression on the standardized logs of the three. Its metric is the share of the month's customers
    whom it puts where they are (agreement), beside that of the largest cluster.

    Args:
        rows: Those of `compute`, with recency_days, frequency, monetary.
        made: What it made.
    """
    found = {}
    for (month,), labelled in made.sort("as_of", "customer_id").group_by("as_of", maintain_order=True):
        table = labelled.join(rows, on=["as_of", "customer_id"], maintain_order="left")
        labels = table["cluster_id"].to_numpy()
        if not isinstance(month, date) or len(np.unique(labels)) < 2:
            continue
        x = table.select(pl.col(name).cast(pl.Float64).log1p() for name in ASKED).to_numpy()
        estimator = make_pipeline(StandardScaler(), LogisticRegression(C=100.0, max_iter=500))
        with pools_at_most(1):
            estimator.fit(x, labels)
            agreement = float((estimator.predict(x) == labels).mean())
        largest = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
        found[month] = Model(
            estimator,
            {"features": [f"log1p({name})" for name in ASKED], "customers": len(labels)},
            {"agreement": round(agreement, DIGITS), "largest_share": round(largest, DIGITS)},
        )
    return found


def matched(labels: Integers, before: Sequence[str | None], month: date) -> list[str]:
    """Give each cluster its id.

    Args:
        labels: The cluster of each customer, from 0 on.
        before: The id of the cluster that each was in a month before; None if it was in none.
        month: The as_of, for the ids of those that are born: 2011-08.1 is the larger of two, 2011-08.2 the other.

    Returns:
        An id a label.
    """
    count = int(labels.max()) + 1
    ids = sorted({one for one in before if one is not None})
    found: list[str | None] = [None] * count
    if ids:
        place = pl.Series(before, dtype=pl.String).replace_strict(ids, range(len(ids)), default=None)
        there = place.is_not_null().to_numpy()
        pairs = np.zeros((count, len(ids)))
        np.add.at(pairs, (labels[there], place.drop_nulls().cast(pl.Int64).to_numpy()), 1)
        union = pairs.sum(axis=1)[:, None] + pairs.sum(axis=0)[None, :] - pairs
        jaccard = pairs / np.maximum(union, 1)
        for label, at in zip(*linear_sum_assignment(-jaccard), strict=True):
            if jaccard[label, at] >= LEAST_SHARED:
                found[label] = ids[at]
    sizes = np.bincount(labels, minlength=count)
    born = [int(label) for label in np.argsort(-sizes, kind="stable") if found[label] is None]
    for number, label in enumerate(born, 1):
        found[label] = f"{month:%Y-%m}.{number}"
    return [str(one) for one in found]


def _of_month(at: Points, parting: Parting, month: date) -> pl.DataFrame:
    labels = parting.of(at.x)
    # A mixture may give a part of it to nobody.
    there, labels = np.unique(labels, return_inverse=True)
    centres = parting.centres[there]
    ids = np.array(matched(labels, at.table["cluster_id_before"].to_list(), month), dtype=object)
    distances = cdist(at.x, centres)
    own = distances[np.arange(len(labels)), labels]
    others = distances.copy()
    others[np.arange(len(labels)), labels] = np.inf
    nearest = others.argmin(axis=1)
    plane = _plane(at)
    learned = np.zeros(len(labels), dtype=np.bool_)
    learned[at.sample] = True
    return at.table.select(
        "customer_id",
        cluster_id=pl.Series(ids[labels].tolist(), dtype=pl.String),
        own_distance=pl.Series(own),
        next_cluster_id=pl.Series(ids[nearest].tolist(), dtype=pl.String),
        next_distance=pl.Series(others.min(axis=1)),
        x=pl.Series(plane[:, 0]),
        y=pl.Series(plane[:, 1]),
        is_outlier=pl.Series(outliers(at)),
        is_learned_from=pl.Series(learned),
    )


def _plane(at: Points) -> Floats:
    """The two directions in which those who are learned from differ most (Pearson 1901), the largest weight positive."""
    middle = at.judged.mean(axis=0)
    _, axes = np.linalg.eigh(np.atleast_2d(np.cov(at.judged.T)))
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    plane = (at.x - middle) @ axes
    return plane if plane.shape[1] == 2 else np.column_stack([plane[:, 0], np.zeros(len(plane))])
