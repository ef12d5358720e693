"""Every way that was tried to part the customers, how good it is, and which is chosen.

The rule. Three methods are tried, each with k from 2 to `most_clusters`. What counts is the *gain*: by how much
the mean silhouette beats that which k-means finds in one Gaussian of the same covariance and skewness, where there
is nothing to find. (Stability alone proves nothing: one Gaussian cut in two comes out the same every time.) Of those whose
smallest cluster is of use (`LEAST_SHARE`), the best of each k, and of these the three with the highest gain, are
finalists, and so is what was chosen a month before. Each is fitted anew to `RESAMPLES` bootstrap resamples; its
stability is the mean adjusted Rand index of those with it. Of the stable ones whose gain is near the highest
(`NEAR`), the one with the most clusters is preferred: as real, and of more use. Last month's stays unless the
highest gain beats it by more than the bootstrap error of the difference. The verdict is "segments" if what is
chosen is stable and its gain reaches `LEAST_GAIN` and two standard deviations of the Gaussian's own more; else
"a continuum, divided for use".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score
from sklearn.preprocessing import PowerTransformer

from assets.days import stacked
from assets.segments.clustering import (
    METHODS,
    Floats,
    Integers,
    Parting,
    Points,
    TooAlike,
    by_density,
    part,
    points,
    silhouettes,
)
from assets.threads import pools_at_most

SEGMENTS, CONTINUUM, NONE = "segments", "a continuum, divided for use", "none"
LEAST_GAIN = 0.03
LEAST_SHARE = 0.02
LEAST_STABILITY = 0.6
NEAR = 0.75
FINALISTS = 3
RESAMPLES = 20
_GAUSSIANS = 3
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "method": pl.String,
    "clusters": pl.Int64,
    "silhouette": pl.Float64,
    "null_silhouette": pl.Float64,
    "gain": pl.Float64,
    "inertia": pl.Float64,
    "elbow": pl.Float64,
    "davies_bouldin": pl.Float64,
    "calinski_harabasz": pl.Float64,
    "smallest_share": pl.Float64,
    "stability": pl.Float64,
    "is_chosen": pl.Boolean,
    "verdict": pl.String,
    "why": pl.String,
}


@dataclass(frozen=True)
class _Tried:
    """A parting and what it comes to on the customers who are judged."""

    method: str
    k: int
    parting: Parting
    labels: Integers
    figures: dict[str, float]

    @property
    def gain(self) -> float:
        return self.figures["gain"]


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make segments.cluster_quality.

    Args:
        rows: What `clustering.points` reads, with is_dbscan_tried, and method_before and clusters_before: what
            was chosen in the month before, null if nothing was.
        months: As_of months. One without customers has no rows; one with too few, or with customers who are all
            alike, has one row that says so.
    """
    found = {}
    for month in months:
        given = rows.filter(pl.col("as_of") == month)
        if given.is_empty():
            continue
        try:
            # Once for all that is fitted: to find the threads takes 5 ms.
            with pools_at_most(1):
                told = judge(
                    points(given, month),
                    given["method_before"][0],
                    given["clusters_before"][0],
                    with_density=bool(given["is_dbscan_tried"][0]),
                )
        except TooAlike as reason:
            told = [{"method": "none", "clusters": 1, "is_chosen": True, "verdict": NONE, "why": str(reason)}]
        found[month] = pl.DataFrame(told, SHAPE).with_columns(pl.col(pl.Float64).round(DIGITS))
    return stacked(found, SHAPE)


def judge(
    points: Points,
    method_before: str | None = None,
    k_before: int | None = None,
    *,
    with_density: bool = False,
) -> list[dict[str, Any]]:
    """Try every way and choose one by the rule above.

    Args:
        points: The customers.
        method_before: What was chosen in the month before.
        k_before: Its number of clusters.
        with_density: Try DBSCAN, too.

    Returns:
        The rows of an as_of.

    Raises:
        TooAlike: If no way comes to two clusters.
    """
    ks = range(2, points.most + 1)
    expected, spread = _null(points.judged, ks)
    tried = [
        _figures(points, method, k, parting, expected.get(k, 0.0))
        for method, partings in (
            *((method, part(method, points.judged, ks)) for method in METHODS),
            *([("dbscan", by_density(points.judged))] if with_density else []),
        )
        for k, parting in partings.items()
        if k in expected
    ]
    if not tried:
        raise TooAlike("no way parts the customers in two")
    _elbows(tried)
    ranked = sorted(tried, key=lambda one: -round(one.gain, DIGITS))
    of_use = [one for one in ranked if one.figures["smallest_share"] >= LEAST_SHARE] or ranked[:1]
    best_of_k = [next(one for one in of_use if one.k == k) for k in dict.fromkeys(one.k for one in of_use)]
    last = next((one for one in tried if (one.method, one.k) == (method_before, k_before)), None)
    finalists = best_of_k[:FINALISTS]
    if last is not None and last not in finalists:
        finalists = [*finalists, last]
    again = {id(one): _resample(points, one) for one in finalists}
    for one in finalists:
        one.figures["stability"] = float(
            np.mean([adjusted_rand_score(one.labels, labels) for labels in again[id(one)]])
        )
    stable = [one for one in finalists if one.figures["stability"] >= LEAST_STABILITY]
    if stable:
        best = max(stable, key=lambda one: round(one.gain, DIGITS))
        near = [one for one in stable if one is best or one.gain >= NEAR * best.gain]
        chosen = max(near, key=lambda one: one.k)
        why = "the most clusters of the stable finalists whose gain is near the highest"
    else:
        best = chosen = max(finalists, key=lambda one: round(one.figures["stability"], DIGITS))
        why = "the most stable finalist: none is stable"
    if last is not None and last is not chosen:
        ours, theirs = (
            [silhouettes(points.distances, labels).mean() for labels in again[id(one)]]
            for one in (best, last)
        )
        if best.gain - last.gain <= float(np.std(np.subtract(ours, theirs))):
            chosen, why = last, "that of the month before: nothing beats it by more than the bootstrap error"
    margin = LEAST_GAIN + 2 * spread
    is_real = chosen.gain >= margin and chosen.figures["stability"] >= LEAST_STABILITY
    verdict = SEGMENTS if is_real else CONTINUUM
    why += f"; gain {chosen.gain:.3f}, and {margin:.3f} is needed to speak of segments"

    def reason(one: _Tried) -> str:
        if one is chosen:
            return why
        if one in finalists:
            return "a finalist, but unstable" if one not in stable else "a finalist, but not preferred"
        if one not in of_use:
            return f"its smallest cluster has less than {LEAST_SHARE:.0%} of the customers"
        return "not among the finalists: less gain"

    return [
        {"method": one.method, "clusters": one.k, **one.figures}
        | {"is_chosen": one is chosen, "verdict": verdict if one is chosen else None, "why": reason(one)}
        for one in tried
    ]


def _null(x: Floats, ks: range) -> tuple[dict[int, float], float]:
    """What k-means comes to in one Gaussian of the same covariance: mean silhouette by k, and its deviation.

    The Gaussian is bent as each feature is (Yeo and Johnson 2000), and no wider than they are: a skewed feature
    alone would beat a straight one.
    """
    rng = np.random.default_rng(0)
    bend = PowerTransformer().fit(x)
    straight = bend.transform(x)
    covariance = np.atleast_2d(np.cov(straight.T))
    lowest, highest = straight.min(axis=0), straight.max(axis=0)
    found: dict[int, list[float]] = {}
    for _ in range(_GAUSSIANS):
        gaussian = rng.multivariate_normal(straight.mean(axis=0), covariance, len(x))
        drawn = bend.inverse_transform(np.clip(gaussian, lowest, highest))
        distances = squareform(pdist(drawn))
        for k, parting in part("k-means", drawn, ks).items():
            found.setdefault(k, []).append(float(silhouettes(distances, parting.of(drawn)).mean()))
    spread = [np.std(values, ddof=1) for values in found.values() if len(values) > 1]
    return {k: float(np.mean(values)) for k, values in found.items()}, float(
        np.mean(spread)
    ) if spread else 0.0


def _figures(points: Points, method: str, k: int, parting: Parting, expected: float) -> _Tried:
    x = points.judged
    labels = parting.of(x)
    silhouette = float(silhouettes(points.distances, labels).mean())
    means = np.array([x[labels == label].mean(axis=0) for label in range(k)])
    figures = {
        "silhouette": silhouette,
        "null_silhouette": expected,
        "gain": silhouette - expected,
        "inertia": float(((x - means[labels]) ** 2).sum()),
        "davies_bouldin": float(davies_bouldin_score(x, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(x, labels)),
        "smallest_share": float(np.bincount(labels, minlength=k).min() / len(labels)),
    }
    return _Tried(method, k, parting, labels, figures)


def _elbows(tried: Sequence[_Tried]) -> None:
    """Add how far inertia lies below the line from the smallest k to the largest, by the height of that line."""
    for method in METHODS:
        of_method = [one for one in tried if one.method == method]
        if len(of_method) < 3:
            continue
        k = np.array([one.k for one in of_method], dtype=np.float64)
        inertia = np.array([one.figures["inertia"] for one in of_method])
        line = np.interp(k, [k[0], k[-1]], [inertia[0], inertia[-1]])
        for one, below in zip(of_method, (line - inertia) / max(float(np.ptp(inertia)), 1e-12), strict=True):
            one.figures["elbow"] = float(below)


def _resample(points: Points, one: _Tried) -> list[Integers]:
    """Fit a finalist to resamples of those who are learned from: the cluster of each of them, a resample each."""
    x, rng = points.judged, np.random.default_rng(1)
    found = []
    for _ in range(RESAMPLES):
        drawn = x[rng.integers(0, len(x), len(x))]
        again = by_density(drawn) if one.method == "dbscan" else part(one.method, drawn, [one.k])
        # What comes to another number of clusters, or to none, agrees with nothing.
        found.append(next((way.of(x) for way in again.values()), np.zeros(len(x), dtype=np.int64)))
    return found
