"""What the tables of clusters share: the customers as points, the ways to part them, how well that went.

Which way is chosen stands in `cluster_quality`, which cluster is which in `clusters`. Every number here is a
function of the customers alone: seeds are fixed, and so are the customers who are learned from, by the hash of
their ids, so that most of them are the same from month to month.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from warehouse.words import counted

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

METHODS = ("k-means", "agglomerative", "gaussian mixture")
JUDGED = 1_500  # customers who are learned from and judged: distances of all pairs take 18 MB
LEAST_LEARNERS = 100
FAR = 4.0  # standard deviations: who lies farther is put there, so that a few do not make a cluster
TAILS = (1.0, 99.0)  # percentiles at which values are cut off before their variance is taken
NEIGHBOURS = 10


class TooAlike(ValueError):  # noqa: N818 - no error: what becomes of a month
    """There is nothing to part, for the reason it says."""


@dataclass(frozen=True)
class Points:
    """The customers of an as_of.

    Attributes:
        table: The rows that were given, in the order of their lot.
        x: Customers x features: log, robust-scaled, cut off at `FAR`, weighed by what of them is not chance.
            Features that are constant, or no more than chance, are left out.
        sample: Rows of those who are learned from.
        most: Of k.
    """

    table: pl.DataFrame
    x: Floats
    sample: Integers
    most: int

    @cached_property
    def judged(self) -> Floats:
        """The points that are learned from and judged."""
        return self.x[self.sample]

    @cached_property
    def distances(self) -> Floats:
        """Between those: judged x judged."""
        return np.asarray(squareform(pdist(self.judged)))


@dataclass(frozen=True)
class Parting:
    """A way to part points: by the nearest centre, or by the most probable part of a mixture."""

    centres: Floats
    mixture: Any = None

    def of(self, x: Floats) -> Integers:
        """The cluster of each point."""
        if self.mixture is not None:
            return np.asarray(self.mixture.predict(x), dtype=np.int64)
        return np.asarray(cdist(x, self.centres).argmin(axis=1), dtype=np.int64)


def points(rows: pl.DataFrame, month: date) -> Points:
    """Make points of the customers of an as_of.

    Learned from are customers with `least_order_days` order days: of one or two a habit cannot be told from chance,
    and all who came once would look like a cluster. All customers are parted.

    A feature counts by its reliability, the share of its variance that lies between customers and is not chance
    within them (Lord and Novick 1968): the log of a rate varies by one over the days it was counted on, a share by the
    binomial law. Variances are of values cut off at `TAILS` (winsorized: Tukey 1962).

    Args:
        rows: as_of, customer_id, lot (in whose order customers are taken), order_days, orders_a_month,
            order_value, season_days and season_expected_share (null where no season is known), least_order_days,
            most_clusters.
        month: The as_of.

    Raises:
        TooAlike: If there are too few customers, or nothing tells them apart.
    """
    table = rows.filter(pl.col("as_of") == month).sort("lot", "customer_id")
    least = int(table["least_order_days"][0])
    learned = (table["order_days"] >= least).to_numpy()
    if learned.sum() < LEAST_LEARNERS:
        raise TooAlike(
            f"{counted(int(learned.sum()), 'customer')} came on {least} days or more (seeds.clustering), and "
            f"{LEAST_LEARNERS} are needed"
        )
    days, expected = pl.col("order_days"), pl.col("season_expected_share").cast(pl.Float64).fill_null(0.0)
    raw = table.select(
        pl.col("orders_a_month").log(),
        pl.col("order_value").cast(pl.Float64).log1p(),
        season=(pl.col("season_days") / days).fill_null(0.0) - expected,
    ).to_numpy()
    # The chance in a mean of order values is not in the monthly state, and counts as none.
    chance = table.select(
        rate=1 / days, value=pl.lit(0.0), season=expected * (1 - expected) / days
    ).to_numpy()
    known = raw[learned]
    variance = np.clip(known, *np.percentile(known, TAILS, axis=0)).var(axis=0)
    signal = variance - chance[learned].mean(axis=0)
    varies = signal > 1e-9
    if not varies.any():
        raise TooAlike("all customers are alike")
    scaled = (raw - np.median(known, axis=0))[:, varies] / np.sqrt(variance[varies])
    x = np.clip(scaled, -FAR, FAR) * np.sqrt(signal[varies] / variance[varies])
    sample = np.flatnonzero(learned)[:JUDGED]
    different = len(np.unique(x[sample].round(6), axis=0))
    if different < 3:
        raise TooAlike("all customers are alike")
    return Points(table, x, sample, min(int(table["most_clusters"][0]), different - 1))


def part(method: str, x: Floats, ks: Iterable[int]) -> dict[int, Parting]:
    """Part the points into each number of clusters; a number that the method does not come to is left out.

    The tree of agglomerative clustering (Ward 1963) grows with the square of the points, so it is grown once and
    cut for each k; its clusters, as those of k-means, are then the points nearest to each centre.
    """
    found = {}
    tree = linkage(x, "ward") if method == "agglomerative" else None
    with warnings.catch_warnings():
        # What has not converged, or came to fewer clusters, is judged by what it gives.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k in ks:
            if method == "gaussian mixture":
                mixture = GaussianMixture(k, random_state=0, reg_covar=1e-3, max_iter=50, tol=1e-2)
                parting = Parting(_centres(x, mixture.fit_predict(x)), mixture)
            elif tree is not None:
                parting = Parting(_centres(x, fcluster(tree, k, "maxclust")))
            else:
                parting = Parting(KMeans(k, n_init=3, random_state=0).fit(x).cluster_centers_)
            if len(parting.centres) == k and len(np.unique(parting.of(x))) == k:
                found[k] = parting
    return found


def by_density(x: Floats) -> dict[int, Parting]:
    """Part the points by DBSCAN (Ester et al. 1996), whatever number of clusters it finds.

    The radius is that within which 95 of 100 points have `NEIGHBOURS` others.
    """
    near = np.sort(squareform(pdist(x)), axis=1)[:, NEIGHBOURS]
    labels = DBSCAN(eps=max(float(np.quantile(near, 0.95)), 1e-9), min_samples=NEIGHBOURS).fit(x).labels_
    parting = Parting(_centres(x[labels >= 0], labels[labels >= 0]))
    k = len(parting.centres)
    return {k: parting} if k > 1 and len(np.unique(parting.of(x))) == k else {}


def outliers(points: Points) -> Booleans:
    """Tell who lies apart from all others.

    Of those who are learned from it is whom HDBSCAN (Campello et al. 2013) leaves in no cluster, its clusters cut
    where `NEIGHBOURS` others are farther than is usual (beyond the far fence of Tukey 1977). Of the others, who lies
    farther than that from all whom it keeps.
    """
    near = np.partition(points.distances, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    low, high = np.percentile(near, [25, 75])
    fence = float(high + 3 * (high - low))
    found = np.zeros(len(points.x), dtype=np.bool_)
    if fence <= 0:
        return found
    tree = HDBSCAN(NEIGHBOURS, min_samples=NEIGHBOURS, copy=True).fit(points.judged)
    kept = tree.dbscan_clustering(fence, min_cluster_size=NEIGHBOURS) >= 0
    if not kept.any():
        return found
    for begin in range(0, len(found), 10_000):
        piece = slice(begin, begin + 10_000)
        found[piece] = cdist(points.x[piece], points.judged[kept]).min(axis=1) > fence
    found[points.sample] = ~kept
    return found


def silhouettes(distances: Floats, labels: Integers) -> Floats:
    """The silhouette of each point (Rousseeuw 1987), 0 for one that is alone in its cluster.

    Args:
        distances: Points x points.
        labels: The cluster of each, from 0 on.
    """
    members = np.eye(int(labels.max()) + 1)[labels]
    counts = members.sum(axis=0)
    sums = distances @ members
    at = np.arange(len(labels))
    own = sums[at, labels] / np.maximum(counts[labels] - 1, 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    means[at, labels] = np.inf
    other = means.min(axis=1)
    widest = np.maximum(np.maximum(own, other), 1e-300)
    return np.where((counts[labels] > 1) & np.isfinite(other), (other - own) / widest, 0.0)


def _centres(x: Floats, labels: Integers) -> Floats:
    return np.array([x[labels == label].mean(axis=0) for label in np.unique(labels)])
