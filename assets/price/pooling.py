"""What many uncertain estimates say of each: products around their category, categories around the shop.

Estimates are normal around true values, those normal around their category's mean, and these around the shop's. The two
variances between are not known: answers are averaged over a grid of them by how likely each makes what was seen
(Gelman et al. 2013, Bayesian Data Analysis, 5.4), with half-normal priors. One plugged in would make intervals too short.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_GRID = 24  # of each deviation
_WIDEST = 2.0
_SCALE = 1.0  # of the half-normal priors
_SHOP = 2.0  # deviation of the shop's mean around 0: nothing is claimed before data claim it
_SEEN = 1e-4  # a point of the grid that counts less is left out
_STEPS, _CLOSE = 60, 1e-9  # to an end of an interval: so many at most, and they end when none moves more
_ROOT = np.sqrt(2 * np.pi)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Of each estimate: the mean of what is believed of the true value, and the ends of the interval."""

    mean: Floats
    low: Floats
    high: Floats


def pooled(estimate: Floats, deviation: Floats, group: Integers, level: float = 0.9) -> Pooled:
    """Draw estimates to those of their like.

    Args:
        estimate: Of each product; of no meaning where the deviation is infinite.
        deviation: Of its error; infinite where nothing is known but the group.
        group: Of each product, from 0.
        level: Share that the intervals are to hold.
    """
    grid = np.linspace(0.0, _WIDEST, _GRID) ** 2 / _WIDEST + 0.01
    tau, sigma = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij"))
    step = np.gradient(grid)
    # A grid that is finer at 0 stands for less of the axis there.
    log_prior = -(tau**2 + sigma**2) / (2 * _SCALE**2) + np.log(np.outer(step, step)).ravel()
    # What nothing is known of is as its group: one stands for all such of it.
    is_told = np.isfinite(deviation)
    _, first, place = np.unique(
        np.where(is_told, -1 - np.arange(len(group)), group), return_index=True, return_inverse=True
    )
    estimate, deviation, group, is_told = estimate[first], deviation[first], group[first], is_told[first]
    member = np.zeros((int(group.max(initial=0)) + 1, len(estimate)))
    member[group, np.arange(len(estimate))] = 1.0
    centre = np.where(is_told, estimate, 0.0)
    # Grid x products: how sure each is about its group's mean.
    precision = np.where(is_told, 1 / (np.where(is_told, deviation, 1.0) ** 2 + tau[:, None] ** 2), 0.0)
    weight = precision @ member.T
    mean = np.divide((precision * centre) @ member.T, weight, out=np.zeros_like(weight), where=weight > 0)
    inner = (precision * (centre - mean[:, group]) ** 2).sum(axis=1)
    log_inner = (
        np.log(np.where(is_told, precision, 1.0)).sum(axis=1)
        - inner
        - np.log(np.where(weight > 0, weight, 1.0)).sum(axis=1)
    )
    # Grid x groups: how sure each is about the shop's mean.
    has_any = weight > 0
    outer = np.where(
        has_any, 1 / (np.where(has_any, 1 / np.maximum(weight, 1e-300), 1.0) + sigma[:, None] ** 2), 0.0
    )
    shop = (outer * mean).sum(axis=1) / (outer.sum(axis=1) + 1 / _SHOP**2)
    log_outer = (
        np.log(np.where(has_any, outer, 1.0)).sum(axis=1)
        - (outer * (mean - shop[:, None]) ** 2).sum(axis=1)
        - shop**2 / _SHOP**2
        - np.log(outer.sum(axis=1) + 1 / _SHOP**2)
    )
    likely = log_prior + (log_inner + log_outer) / 2
    share = np.exp(likely - likely.max())
    share /= share.sum()
    kept = np.flatnonzero(share > _SEEN)
    share = share[kept] / share[kept].sum()
    found = _mixed(
        kept, share, centre, is_told, deviation, group, tau, sigma, weight, mean, shop, outer, level
    )
    return Pooled(found.mean[place], found.low[place], found.high[place])


def _mixed(
    kept: Integers, share: Floats, centre: Floats, is_told: npt.NDArray[np.bool_], deviation: Floats, group: Integers,
    tau: Floats, sigma: Floats, weight: Floats, mean: Floats, shop: Floats, outer: Floats, level: float,
) -> Pooled:  # fmt: skip
    """Average what each point of the grid says of each product, means and quantiles."""
    tau, sigma, weight, mean, shop = (
        tau[kept, None],
        sigma[kept, None],
        weight[kept],
        mean[kept],
        shop[kept, None],
    )
    shop_variance = 1 / (outer[kept].sum(axis=1, keepdims=True) + 1 / _SHOP**2)
    # The group's mean, given its products and the shop.
    own = 1 / (weight + 1 / sigma**2)
    of_group = own * (weight * mean + shop / sigma**2)
    of_group_variance = own + (own / sigma**2) ** 2 * shop_variance
    # The product, given its own estimate and its group.
    pull = np.where(is_told, tau**2 / (tau**2 + np.where(is_told, deviation, 1.0) ** 2), 0.0)
    centres = pull * centre + (1 - pull) * of_group[:, group]
    spread = np.sqrt((1 - pull) * tau**2 + (1 - pull) ** 2 * of_group_variance[:, group])
    middle = share @ centres
    reach = 12 * spread.max(axis=0) + np.ptp(centres, axis=0)
    width = np.sqrt(share @ (spread**2 + (centres - middle) ** 2))
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        low, high = middle - reach, middle + reach
        at = middle + ndtri(tail) * width
        # Newton's steps, of which few do; one that leaves what is left of the interval is halved to its middle.
        for _ in range(_STEPS):
            ratio = (at - centres) / spread
            beyond, density = share @ ndtr(ratio) - tail, share @ (np.exp(-(ratio**2) / 2) / spread) / _ROOT
            low, high = np.where(beyond < 0, at, low), np.where(beyond < 0, high, at)
            nearer = at - beyond / np.maximum(density, 1e-300)
            nearer = np.where((low <= nearer) & (nearer <= high), nearer, (low + high) / 2)
            moved, at = np.abs(nearer - at), nearer
            if moved.max(initial=0.0) < _CLOSE:
                break
        ends.append(at)
    return Pooled(middle, ends[0], ends[1])


def two_sided(estimate: Floats, deviation: Floats) -> Floats:
    """How often chance alone would do as much to either side; 1 where nothing is known."""
    is_told = np.isfinite(deviation) & (deviation > 0)
    ratio = np.abs(estimate) / np.where(is_told, deviation, 1.0)
    return np.where(is_told, 2 * ndtr(-ratio), 1.0)
