# ruff: noqa: N803 - T is what the field calls it, beside t
"""How often customers come back, and whether they still do: the BG/NBD model.

Orders of a customer are Poisson with a rate that is Gamma(r, alpha) across customers, and after each order
the customer leaves with a probability that is Beta(a, b) across them. Fader, Hardie and Lee 2005, "Counting
Your Customers the Easy Way", Marketing Science 24(2). Pure: arrays in, a model out; money is elsewhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, gammaln

from assets.value.checks import Floats, TooLittleData, columns
from warehouse.words import counted

_LEAST, _MOST = 1e-6, 1e4  # of a parameter, time in mean observation periods: beyond, the likelihood is flat
_STARTS = ((0.5, 0.5, 0.5, 2.0), (1.0, 0.5, 0.05, 5.0))
# Trapezoids over the logit of the dropout probability (begin, end, step) about where its mass is: they converge
# geometrically, to 6 digits from a = 1e-6 to 20 and t = 1000 x (alpha + T). Gauss-Jacobi with 48 nodes was 4 %
# off at t = 100 x.
_LOGITS = (-24.0, 12.0, 0.25)
_DROPOUT_LIKELIHOOD_RATIO = 5.991  # 95 % of chi-square with the two parameters that dropout adds


@dataclass(frozen=True, slots=True)
class BetaGeo:
    """A fitted BG/NBD model, in the unit of time it was fitted in.

    Attributes:
        r: Shape of the order rates.
        alpha: Scale of the order rates, in units of time.
        a: First parameter of the dropout probabilities.
        b: Second parameter of the dropout probabilities.
        log_likelihood: Of the customers it was fitted on.
        covariance: 4 x 4, of the estimation errors of the logarithms of (r, alpha, a, b); a parameter that
            the data do not determine has zeros.
        no_dropout_reason: Why dropout cannot be told; None where it can.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    covariance: Floats
    no_dropout_reason: str | None = None

    def expected_purchases(
        self, t: npt.ArrayLike, frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike
    ) -> Floats:
        """Expected orders of each customer in the `t` after its `T` (equation 10 of the paper).

        The paper's hypergeometric function is 0 / 0 at a = 1 and at a + b + x = 1; the integral it stands for
        is not. Given that the customer is there, its rate is Gamma(r + x, alpha + T) and its dropout p is
        Beta(a, b + x), and it orders (1 - exp(-rate p t)) / p times.

        Args:
            t: How far ahead, in the unit of T; one number, or one a customer.
            frequency: Repeat orders.
            recency: Time from the first to the last order.
            T: Time from the first order to now.

        Returns:
            One number a customer, in the order given.

        Raises:
            ValueError: If the input is no such histories.
        """
        x, last, age = _histories(frequency, recency, T)
        ahead = np.broadcast_to(np.asarray(t, dtype=np.float64), x.shape)
        if not (np.isfinite(ahead) & (ahead >= 0)).all():
            raise ValueError("t must be finite and not below 0.")
        kinds, kind = np.unique(x, return_inverse=True)
        stay = self.b + kinds[:, None]
        centre = np.log(max(self.a, 1.0) / np.maximum(stay, 1.0))
        spread = np.minimum(1.0, np.sqrt(1 / self.a + 1 / stay))
        logits = centre + spread * np.arange(*_LOGITS)
        log_p, log_rest = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
        nodes = np.exp(log_p)
        weights = np.exp(self.a * log_p + stay * log_rest - betaln(self.a, stay)) * spread * _LOGITS[2]
        reach, shape = ahead / (self.alpha + age), self.r + x
        # The line through both ends of the curve is integrated in closed form, for the mass may lie at them.
        begin, end = shape * reach, -np.expm1(-shape * np.log1p(reach))
        leaves = self.a / (self.a + self.b + x)
        total = begin * (1 - leaves) + end * leaves
        for node, weight in zip(nodes.T, weights.T, strict=True):
            p = node[kind]
            curve = -np.expm1(-shape * np.log1p(p * reach)) / p
            total += weight[kind] * (curve - begin * (1 - p) - end * p)
        return np.asarray(total * expit(-self._log_odds_gone(x, last, age)))

    def probability_alive(
        self, frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike
    ) -> Floats | None:
        """Probability that each customer has not left for ever (Fader, Hardie and Lee 2008, note on P(alive)).

        A customer without a repeat order is there by definition: the model lets nobody leave before one.

        Returns:
            One number a customer; None for all where the data do not tell dropout from its absence, with the
            reason in `no_dropout_reason`: 1 for everybody would look like a finding.

        Raises:
            ValueError: If the input is no such histories.
        """
        x, last, age = _histories(frequency, recency, T)
        if self.no_dropout_reason is not None:
            return None
        return np.asarray(expit(-self._log_odds_gone(x, last, age)))

    def _log_odds_gone(self, x: Floats, last: Floats, age: Floats) -> Floats:
        again = np.maximum(x, 1)
        odds = np.log(self.a) - np.log(self.b + again - 1)
        odds = odds + (self.r + x) * np.log((self.alpha + age) / (self.alpha + last))
        return np.where(x > 0, odds, -np.inf)


def fit(frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike) -> BetaGeo:
    """Fit by maximum likelihood; days and weeks give the same model, in their unit.

    Args:
        frequency: Repeat orders of each customer, whole numbers.
        recency: Time from its first to its last order.
        T: Time from its first order to now, in the same unit.

    Raises:
        ValueError: If an array has a hole or a negative number, or a history cannot be.
        TooLittleData: If there are fewer than two customers, or none has ordered again.
    """
    x, last, age = _histories(frequency, recency, T)
    if len(x) < 2:
        raise TooLittleData(f"{counted(len(x), 'customer')}: two or more are needed to tell them apart")
    if not x.any():
        raise TooLittleData("no customer has ordered again")
    unit = float(age.mean())
    data = _Grouped.of(x, last / unit, age / unit)
    bounds = [(np.log(_LEAST), np.log(_MOST))] * 4

    def climb(start: tuple[float, ...]) -> tuple[float, Floats]:
        options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500, "maxfun": 2000}
        found = minimize(
            data.cost,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds[: len(start)],
            options=options,
        )
        return float(found.fun), np.asarray(found.x)

    cost, logs = min((climb(start) for start in _STARTS), key=lambda found: found[0])
    without, _ = climb(_STARTS[1][:2])
    gain = 2 * len(x) * (without - cost)
    reason = None
    if gain < _DROPOUT_LIKELIHOOD_RATIO:
        reason = (
            f"dropout cannot be told from its absence: twice the log-likelihood gains {max(gain, 0.0):.2f} by it, "
            f"and {_DROPOUT_LIKELIHOOD_RATIO} would be needed"
        )
    r, alpha, a, b = (float(value) for value in np.exp(logs))
    return BetaGeo(
        r=r,
        alpha=alpha * unit,
        a=a,
        b=b,
        log_likelihood=float(-cost * len(x) - x.sum() * np.log(unit)),
        covariance=_covariance(data, logs),
        no_dropout_reason=reason,
    )


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Equal histories once, with how many customers have each; the time of all is in one unit.

    A million customers have some hundred different counts, so the gamma functions, the dearest part of the
    likelihood, are taken of those alone.
    """

    customers: int
    counts: Floats  # different numbers of repeat orders
    customers_of_count: Floats
    x: Floats  # of each different history
    last: Floats
    age: Floats
    weight: Floats

    @classmethod
    def of(cls, x: Floats, last: Floats, age: Floats) -> "_Grouped":
        counts, customers_of_count = np.unique(x, return_counts=True)
        order = np.lexsort((age, last, x))
        sorted_histories = np.stack([x[order], last[order], age[order]])
        is_new = np.append(True, (sorted_histories[:, 1:] != sorted_histories[:, :-1]).any(axis=0))
        starts = np.flatnonzero(is_new)
        weight = np.diff(np.append(starts, len(x))).astype(np.float64)
        once = sorted_histories[:, starts]
        return cls(len(x), counts, customers_of_count.astype(np.float64), once[0], once[1], once[2], weight)

    def cost(self, logs: Floats) -> tuple[float, Floats]:
        """Mean negative log-likelihood (equation 6) and its gradient by the logarithms of the parameters.

        Two parameters, r and alpha, are the model without dropout.
        """
        r, alpha = np.exp(logs[:2])
        k, n = self.counts, self.customers_of_count
        total = (n * (gammaln(r + k) - gammaln(r))).sum() + self.customers * r * np.log(alpha)
        by_r = (n * (digamma(r + k) - digamma(r))).sum() + self.customers * np.log(alpha)
        by_alpha = self.customers * r / alpha

        shape = r + self.x
        log_age, log_last = np.log(alpha + self.age), np.log(alpha + self.last)
        stays = -shape * log_age
        if len(logs) == 2:
            total += (self.weight * stays).sum()
            by_r -= (self.weight * log_age).sum()
            by_alpha -= (self.weight * shape / (alpha + self.age)).sum()
            return -total / self.customers, -np.array([by_r * r, by_alpha * alpha]) / self.customers

        a, b = np.exp(logs[2:])
        total += (n * (gammaln(a + b) - gammaln(a + b + k) + gammaln(b + k) - gammaln(b))).sum()
        by_both = (n * (digamma(a + b) - digamma(a + b + k))).sum()
        by_b = by_both + (n * (digamma(b + k) - digamma(b))).sum()

        again = self.x > 0
        before = np.where(again, b + self.x - 1, 1.0)
        odds = np.where(again, np.log(a / before) + shape * (log_age - log_last), -np.inf)
        gone = self.weight * expit(odds)
        total += (self.weight * (stays + np.logaddexp(0, odds))).sum()
        there = self.weight - gone
        by_r -= (there * log_age + gone * log_last).sum()
        by_alpha -= (shape * (there / (alpha + self.age) + gone / (alpha + self.last))).sum()
        by_a = by_both + gone.sum() / a
        by_b -= (gone / before).sum()
        gradient = np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b])
        return -total / self.customers, -gradient / self.customers


def _histories(
    frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike
) -> tuple[Floats, Floats, Floats]:
    x, last, now = columns(frequency=frequency, recency=recency, T=age)
    wrong = {
        "a frequency that is no whole number": x != np.floor(x),
        "a recency above T": last > now,
        "a recency above 0 without a repeat order": (x == 0) & (last > 0),
        "repeat orders with T = 0": (x > 0) & (now == 0),
    }
    for what, where in wrong.items():
        if where.any():
            at = int(where.argmax())
            raise ValueError(
                f"The customer at position {at} has {what} ({where.sum()} such): frequency {x[at]:g}, recency "
                f"{last[at]:g}, T {now[at]:g}. frequency counts the orders after the first, recency is the time "
                "from the first to the last of them, T from the first to now."
            )
    return x, last, now


def _covariance(data: _Grouped, logs: Floats) -> Floats:
    """Inverse of the observed information; parameters on a bound, or not determined, are taken as known."""
    step = 1e-4
    steps = np.eye(4) * step
    information = np.stack([data.cost(logs + s)[1] - data.cost(logs - s)[1] for s in steps]) / (2 * step)
    information = (information + information.T) / 2 * data.customers
    values, vectors = np.linalg.eigh(information)
    # A direction known worse than by a factor of e is flat: what follows from it is not worth telling.
    told = values > 1
    return np.asarray((vectors[:, told] / values[told]) @ vectors[:, told].T)
