"""How much an order brings: the Gamma-Gamma model of spending.

Amounts of a customer's orders are Gamma(p, nu), and nu is Gamma(q, v) across customers, independent of how
often they order. Fader and Hardie 2013, "The Gamma-Gamma Model of Monetary Value" (v is their gamma).
Pure: arrays in, a model out; how often is elsewhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from assets.value.checks import Floats, TooLittleData, columns
from warehouse.words import counted

_LEAST, _MOST = 1e-4, 1e4  # of p and q; v besides in mean amounts: beyond, the likelihood is flat
_STARTS = ((1.0, 2.0, 2.0), (6.0, 4.0, 0.5))


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """A fitted Gamma-Gamma model, in the currency it was fitted in.

    Attributes:
        p: Shape of the amounts of a customer's orders.
        q: Shape of the customers' scales.
        v: Scale of the customers' scales, in currency.
        log_likelihood: Of the mean amounts it was fitted on.
    """

    p: float
    q: float
    v: float
    log_likelihood: float

    def expected_amount(self, frequency: npt.ArrayLike, monetary: npt.ArrayLike) -> Floats:
        """Expected mean amount of each customer's orders to come (equation 5): its own, drawn to that of all.

        Args:
            frequency: Orders that `monetary` is the mean of; 0 gives the mean of all customers.
            monetary: Their mean amount; does not matter where frequency is 0.

        Returns:
            One amount a customer.

        Raises:
            ValueError: If the input is no such column, or a mean has no bound (q at most 1, and a
                customer without an order).
        """
        x, mean = columns(frequency=frequency, monetary=monetary)
        degrees = self.p * x + self.q - 1
        if (degrees <= 0).any():
            raise ValueError(
                f"With q = {self.q:.3g} the amounts across customers have no mean, so none can be expected of a "
                "customer without an order. Ask for customers with repeat orders."
            )
        return np.asarray(self.p * (self.v + x * mean) / degrees)


def fit(frequency: npt.ArrayLike, monetary: npt.ArrayLike) -> GammaGamma:
    """Fit by maximum likelihood on the customers with an order and an amount above 0; others tell nothing.

    Args:
        frequency: Orders that `monetary` is the mean of.
        monetary: Their mean amount, in any currency.

    Raises:
        ValueError: If an array has a hole or a negative number.
        TooLittleData: If fewer than two customers tell anything, all spend the same, or none has two orders.
    """
    x, mean = columns(frequency=frequency, monetary=monetary)
    x, mean = x[(x > 0) & (mean > 0)], mean[(x > 0) & (mean > 0)]
    if len(x) < 2:
        raise TooLittleData(
            f"{counted(len(x), 'customer')} with orders for an amount: two or more are needed"
        )
    if np.ptp(mean) <= 1e-9 * mean.mean():
        raise TooLittleData("all customers spend the same on an order")
    if (x < 2).all():
        raise TooLittleData("no customer has two orders to compare: p and q cannot be told apart")
    unit = float(mean.mean())
    z = mean / unit
    kinds, kind = np.unique(x, return_inverse=True)

    def cost(logs: Floats) -> tuple[float, Floats]:
        """Mean negative log-likelihood (equation 1a) and its gradient by the logarithms of p, q, v."""
        p, q, v = np.exp(logs)
        both, own, log_sum = p * kinds + q, p * kinds, np.log(x * z + v)
        size = p * x
        total = (gammaln(both) - gammaln(own))[kind] + size * np.log(x * z) - np.log(z)
        total = total - gammaln(q) + q * np.log(v) - (size + q) * log_sum
        difference = digamma(both)[kind] - log_sum
        by_p = x * (difference - digamma(own)[kind] + np.log(x * z))
        by_q = difference - digamma(q) + np.log(v)
        by_v = q / v - (size + q) / (x * z + v)
        return -float(total.mean()), -np.array([by_p.mean() * p, by_q.mean() * q, by_v.mean() * v])

    bounds = [(np.log(_LEAST), np.log(_MOST))] * 3
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500, "maxfun": 2000}
    found = min(
        (
            minimize(cost, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
            for start in _STARTS
        ),
        key=lambda at: float(at.fun),
    )
    p, q, v = (float(value) for value in np.exp(found.x))
    return GammaGamma(p, q, v * unit, float(-found.fun * len(x) - len(x) * np.log(unit)))
