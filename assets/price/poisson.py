"""Poisson regression of many products at once, each with slopes of its own.

Units of product i in period t have the mean exposure x exp(product + group's period + regressors x slopes of the product):
what a season or a closed day does to a whole group is no response to a price. Slopes, products and periods are found in
turn; there is no loop over products. Variance is dispersion x mean + heterogeneity x mean^2, the latter shared by a
product's periods of one month, for which the scores are weighted (generalized estimating equations; Liang, Zeger 1986).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_ROUNDS = 200
_CLOSE = 1e-4
_GROWTH = 1.5  # of a step that goes on in its direction
_PRIOR = (
    1 / 9
)  # precision of the slopes while they are sought: none runs away, and it is taken out of the answer
_DRAWN = 4  # periods that the dispersion of all products counts as
_TOGETHER = 1e-4  # smallest eigenvalue of the correlations of what can be told apart
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was found; arrays are products first, slopes in order of the regressors.

    Attributes:
        slope: Estimates of the slopes; 0 where the data say nothing.
        deviation: Standard deviations of their errors; infinite where the data say nothing.
        dispersion: Variance by mean of a product's units.
        heterogeneity: Variance of a month's demand around what is expected, by its square; of all products.
    """

    slope: Floats
    deviation: Floats
    dispersion: Floats
    heterogeneity: float


def fitted(
    units: Floats,
    exposure: Floats,
    regressors: Floats,
    group: Integers,
    month: Integers,
    *,
    start: float = 0.0,
    is_weighted: bool = True,
) -> Fitted:
    """Fit the slopes.

    Args:
        units: Products x periods.
        exposure: Of the same shape; 0 where a period does not count.
        regressors: Slopes x products x periods.
        group: Of each product, from 0: those that share their periods.
        month: Of each period, from 0 and rising.
        start: Where slopes are looked for first.
        is_weighted: Whether scores are weighted for what a product's months have in common: surer, and blind to what
            acts on whole months. Errors are told by both variances either way.
    """
    panel = _Panel(units, exposure, regressors, group, month, start)
    panel.run()
    found = panel.spread()
    if not is_weighted:
        return found
    panel.weigh()
    panel.run()
    return panel.spread()


class _Panel:
    """The arrays on their way to the answer."""

    def __init__(
        self,
        units: Floats,
        exposure: Floats,
        regressors: Floats,
        group: Integers,
        month: Integers,
        start: float,
    ) -> None:
        self.member = np.zeros((int(group.max()) + 1, len(units)))
        self.member[group, np.arange(len(units))] = 1.0
        self.group, self.start = group, start
        self.begins = np.flatnonzero(np.diff(month, prepend=month[0] - 1))
        self.months = np.cumsum(np.diff(month, prepend=month[0]) > 0)
        # A group's period in which nothing was sold says nothing, nor does a product of which nothing was.
        count = np.where(exposure > 0, units, 0.0)
        weight = np.where((self.member @ count > 0)[group] & (count.sum(axis=1) > 0)[:, None], exposure, 0.0)
        self.units, self.weight = np.where(weight > 0, count, 0.0), weight
        used = (weight > 0).astype(np.float64)
        periods = np.maximum(used.sum(axis=1), 1.0)
        centre = (regressors * used).sum(axis=2) / periods
        x = (regressors - centre[:, :, None]) * used
        is_known = (np.ptp(x, axis=2) > 1e-9).T
        # The products with slopes to be found. Half a shop never changed a price: it tells the periods alone.
        self.asked = np.flatnonzero(is_known.any(axis=1))
        self.x, self.is_known = x[:, self.asked], is_known[self.asked]
        self.slope = np.where(self.is_known, start, 0.0)
        self.product, self.period = np.zeros(len(units)), np.zeros((len(self.member), units.shape[1]))
        self.mean = weight
        # Of a month's mean that the scores leave out; nothing before they are weighted.
        self.kept: Floats | None = None
        self.dispersion, self.heterogeneity = np.ones(len(units)), 0.0
        self.is_settled = np.zeros(len(self.asked), dtype=np.bool_)

    def run(self) -> None:
        """Find product, period and slope in turn until slopes move no more.

        Weighted scores bend more than their information tells, and full steps may throw a product back and forth for
        ever: the steps of one that turns are halved, and grow again while it does not.
        """
        size, before = np.ones((len(self.asked), 1)), np.zeros_like(self.slope)
        of_product, of_period = self.units.sum(axis=1), self.member @ self.units
        prior = _PRIOR * np.eye(len(self.x))
        for _ in range(_ROUNDS):
            power = self.product[:, None] + self.period[self.group]
            power[self.asked] += np.einsum("kit,ik->it", self.x, self.slope)
            mean = self.weight * np.exp(np.clip(power, -50.0, 50.0))
            moved = _log_ratio(of_product, mean.sum(axis=1))
            self.product += moved
            mean *= np.exp(moved)[:, None]
            moved = _log_ratio(of_period, self.member @ mean)
            self.period += moved
            self.mean = mean * np.exp(moved)[self.group]
            score, information, _ = self.pieces()
            wanted = score - _PRIOR * (self.slope - self.start) * self.is_known
            step = np.linalg.solve(information + prior, wanted[..., None])[..., 0]
            step = np.clip(step, -1.0, 1.0) * self.is_known
            is_turned = (step * before).sum(axis=1, keepdims=True) < 0
            size, before = np.where(is_turned, size / 2, np.minimum(size * _GROWTH, 1.0)), step
            self.slope += size * step
            self.is_settled = np.abs(step).max(axis=1) < _CLOSE
            if self.is_settled.all():
                break

    def pieces(self) -> tuple[Floats, Floats, Floats]:
        """Scores (products asked x slopes), information, and regressors as they are weighted."""
        mean = self.mean[self.asked]
        total = np.maximum(mean.sum(axis=1), _TINY)
        x = self.x - (np.einsum("kit,it->ki", self.x, mean) / total)[:, :, None]
        by_mean, z = x * mean, x
        if self.kept is not None:
            month = np.maximum(np.add.reduceat(mean, self.begins, axis=1), _TINY)
            of_month = np.add.reduceat(by_mean, self.begins, axis=2) / month
            z = x - (self.kept * of_month)[:, :, self.months]
        information = np.einsum("kit,lit->ikl", z, by_mean * self.own())
        score = np.einsum("kit,it->ik", z, self.units[self.asked] - mean)
        return score, (information + information.transpose(0, 2, 1)) / 2, z

    def own(self) -> Floats:
        """Share of each mean that is not its group's period's: what a product has of it tells the period, not the slope."""
        whole = np.maximum(self.member @ self.mean, _TINY)
        return 1 - self.mean[self.asked] / whole[self.group[self.asked]]

    def spread(self) -> Fitted:
        """Tell dispersion and heterogeneity by the residuals, and how sure slopes are with them."""
        rest, slopes = self.units - self.mean, len(self.x)
        is_used = self.mean > _TINY
        of_month = np.add.reduceat(self.mean, self.begins, axis=1)
        rest_of_month = np.add.reduceat(rest, self.begins, axis=1)
        is_month = of_month > _TINY
        # Within months, so that what acts on all of one is no dispersion. Few periods are drawn to all products.
        common = np.where(is_month, rest_of_month / np.where(is_month, of_month, 1.0), 0.0)[:, self.months]
        apart = (rest - self.mean * common) ** 2 / np.where(is_used, self.mean, 1.0)
        squares = np.where(is_used, apart, 0.0).sum(axis=1)
        months = is_month.sum(axis=1)
        free = np.maximum(is_used.sum(axis=1) - months - slopes, 0)
        usual = squares[free > 0].sum() / max(free.sum(), 1)
        within = np.maximum((squares * (free > 0) + _DRAWN * usual) / (free + _DRAWN), 1.0)
        # What has been fitted to the residuals made them smaller.
        larger = np.where(months > slopes + 2, months / np.maximum(months - slopes - 1, 1), 0.0)[:, None]
        expected = within[:, None] * of_month
        between = self.heterogeneity
        for _ in range(30):
            trust = (
                np.where(is_month & (larger > 0), 1.0, 0.0)
                / np.maximum(expected + between * of_month**2, _TINY) ** 2
            )
            excess = (trust * of_month**2 * (larger * rest_of_month**2 - expected)).sum()
            between = max(float(excess / max((trust * of_month**4).sum(), _TINY)), 0.0)
        self.dispersion, self.heterogeneity = within, between
        score, information, z = self.pieces()
        diagonal = np.einsum("ikk->ik", information)
        is_told = (diagonal > 1e-9) & self.is_settled[:, None]
        # By the correlations: regressors of a product that move together tell neither.
        scale = np.sqrt(np.where(is_told, diagonal, 1.0))
        whole = (
            information
            / (scale[:, :, None] * scale[:, None, :])
            * (is_told[:, :, None] & is_told[:, None, :])
            + np.eye(slopes) * ~is_told[:, None, :]
        )
        is_told &= (np.linalg.eigvalsh(whole)[:, 0] > _TOGETHER)[:, None]
        whole = np.where(is_told.any(axis=1)[:, None, None], whole, np.eye(slopes))
        inverse = np.linalg.inv(whole) / (scale[:, :, None] * scale[:, None, :])
        by_mean = z * (self.mean[self.asked] * self.own())
        by_unit = np.einsum("kit,lit->ikl", z, by_mean)
        by_month = np.add.reduceat(by_mean, self.begins, axis=2)
        middle = within[self.asked, None, None] * by_unit + between * np.einsum(
            "kim,lim->ikl", by_month, by_month
        )
        variance = np.einsum("ikl,ilm,imk->ik", inverse, middle, inverse)
        slope, deviation = np.zeros((len(rest), slopes)), np.full((len(rest), slopes), np.inf)
        found = self.slope + np.einsum("ikl,il->ik", inverse, score)
        slope[self.asked] = np.where(is_told, found, 0.0)
        deviation[self.asked] = np.where(is_told, np.sqrt(variance), np.inf)
        return Fitted(slope, deviation, within, between)

    def weigh(self) -> None:
        """Weigh scores by what was found of the variance: a month that differs as a whole says less."""
        of_month = np.add.reduceat(self.mean[self.asked], self.begins, axis=1)
        common = self.heterogeneity * of_month
        self.kept = common / np.maximum(self.dispersion[self.asked, None] + common, _TINY)


def _log_ratio(of: Floats, by: Floats) -> Floats:
    is_known = (of > 0) & (by > 0)
    return np.where(is_known, np.log(np.where(is_known, of, 1.0) / np.where(is_known, by, 1.0)), 0.0)
