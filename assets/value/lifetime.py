"""What the customers there are will order in the days to come, how sure that is, and how it came out before.

Orders are order days: two invoices of one day are one decision to buy, and the model knows no simultaneous
ones. Putting the BG/NBD and Gamma-Gamma models together, the season, the interval and the judging belong
here; the models are beside it. Pure: frames in, frames out, no clock.

The interval is not the models' own. On Online Retail they are 23 % too low in the orders of autumn 2011 while
their parameters are known within 4 %: a model errs by what it leaves out. So the errors of the forecasts
whose windows have passed are pooled with what is expected before any has (`error_allowance`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import stdtrit

from assets.days import is_passed, of_customers, reference_days, seen_months, stacked
from assets.threads import pools_at_most
from assets.value import bgnbd, gamma_gamma
from assets.value.bgnbd import BetaGeo
from assets.value.checks import Floats, TooLittleData
from assets.value.gamma_gamma import GammaGamma

HORIZONS = (90, 365)  # where nothing else is said
LEVEL = 0.95
DIGITS = 6

_YEAR = 365.25
_STEP_DAYS = 30  # discounting
# Standard deviation of log(actual / expected) before any backtest, by the years that the season is known
# from: a year that swings by 35 % moves a quarter by about 25 %. On simulated shops the errors of a season
# from one year are up to 0.25, from two up to 0.06.
_PRIOR_SPREAD = (0.25, 0.20, 0.10)
_PRIOR_BACKTESTS = 4.0
_LEAST_INDEX = 0.05  # of a month: one without an order is not a month in which nobody could
_BACKTESTS = 24  # the newest: older ones say little of how the shop is today
_BACKTESTS_A_QUARTER = 3.0  # month by month, their windows overlap by two thirds
_WIDEST = 13.8  # the logarithm of a million: a bound that far off says that nothing is known

SHAPE = {
    "customer_id": pl.String,
    "horizon_days": pl.Int32,
    "expected_orders": pl.Float64,
    "orders_low": pl.Float64,
    "orders_high": pl.Float64,
    "expected_amount": pl.Float64,
    "amount_low": pl.Float64,
    "amount_high": pl.Float64,
    "probability_alive": pl.Float64,
    "season_factor": pl.Float64,
    "is_season_known": pl.Boolean,
    "reason": pl.String,
}
JUDGEMENT = {
    "forecaster": pl.String,
    "quantity": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("expected", "actual", "bias", "bias_low", "bias_high"), pl.Float64),
    "is_held": pl.Boolean,
    **dict.fromkeys(("spearman", "normalized_gini", "top_decile_share"), pl.Float64),
}


@dataclass(frozen=True, slots=True)
class Season:
    """How busy each calendar month is, against the year's mean of 1.

    Attributes:
        index: January first.
        years: Whole years it was learned from.
    """

    index: tuple[float, ...]
    years: int

    def elapsed(self, origin: date, days: npt.ArrayLike) -> Floats:
        """Busy days from `origin` to each of `days` after it (or before, below 0): days x index, summed."""
        at = np.asarray(days, dtype=np.float64)
        first = (origin + timedelta(days=int(at.min(initial=0)))).replace(day=1)
        last = origin + timedelta(days=int(at.max(initial=0)) + 1)
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        count = np.arange(first.month - 1, first.month + months)
        starts = [date(first.year + int(m) // 12, int(m) % 12 + 1, 1) for m in count]
        edges = np.array([(start - origin).days for start in starts], dtype=np.float64)
        busy = np.diff(edges) * np.array(self.index)[count[:-1] % 12]
        reached = np.append(0.0, np.cumsum(busy))
        return np.asarray(np.interp(at, edges, reached) - np.interp(0.0, edges, reached))


@dataclass(frozen=True, slots=True)
class Allowance:
    """How far forecasts of a sum go astray: log(actual / expected) is Student's t around 0.

    Attributes:
        spread: Its scale.
        degrees: Its degrees of freedom.
    """

    spread: float
    degrees: float


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Forecasts, and the models behind them; a model that could not be fitted is None.

    Attributes:
        customers: One row a customer and horizon, sorted: customer_id, horizon_days, expected_orders (order
            days), orders_low, orders_high, expected_amount (discounted), amount_low, amount_high,
            probability_alive, season_factor (busy days a day of the window), is_season_known, reason (why a
            number is missing; null where none is).
        orders: How often.
        amounts: How much.
    """

    customers: pl.DataFrame
    orders: BetaGeo | None
    amounts: GammaGamma | None


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make value.lifetime: `Lifetime.customers` of each as_of, with the errors of forecasts judged by then.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer; each with horizon_days, long_horizon_days and discount_a_year.
        months: As_of months, in order.
    """
    if rows.is_empty():
        return stacked({}, SHAPE)
    past = Past(rows, months)
    found = {month: past.forecast(month).customers for month in months if month in past.references}
    return stacked(found, SHAPE)


class Past:
    """Forecasts as they were or would have been made at the end of each month, of what was known then.

    Attributes:
        references: The first day of the future of each as_of.
        horizon_days: The horizon that is judged, the nearer of two.
    """

    def __init__(self, rows: pl.DataFrame, months: Sequence[date]) -> None:
        """Read the rows (see `compute`); there must be one."""
        self.horizon_days = int(rows["horizon_days"][0])
        self._horizons = tuple(sorted({self.horizon_days, int(rows["long_horizon_days"][0])}))
        self._discount_a_year = float(rows["discount_a_year"][0])
        self._days = of_customers(rows)
        self.references = reference_days(rows, [*seen_months(rows), *months])
        self._errors: dict[date, dict[str, float]] = {}

    def forecast(
        self, month: date, horizons_days: Sequence[int] | None = None, *, is_bare: bool = False
    ) -> Lifetime:
        """Forecast as of a month; a bare one has no bounds, and needs no errors of the past.

        Where horizons are named, it is to be held against what came, and nothing is discounted.
        """
        reference = self.references[month]
        known = self._days.filter(pl.col("day") < reference)
        customers = known.group_by("customer_id", maintain_order=True).agg(
            frequency=pl.len().cast(pl.Int64) - 1,
            recency_days=(pl.col("day").max() - pl.col("day").min()).dt.total_days(),
            T_days=(pl.lit(reference) - pl.col("day").min()).dt.total_days(),
            monetary=pl.col("amount").mean(),
        )
        months = known.group_by(month=pl.col("day").dt.truncate("1mo")).agg(orders=pl.len())
        errors = [] if is_bare else self._known_errors(month)
        # On arrays so small two threads of BLAS wait for each other ten times as long as they work.
        with pools_at_most(1):
            found = season(months, customers, reference=reference)
            orders, amount = (
                error_allowance([each[of] for each in errors if of in each], found)
                for of in ("orders", "amount")
            )
            return lifetime(
                customers,
                reference=reference,
                known_season=found,
                horizons_days=horizons_days or self._horizons,
                orders_allowance=orders,
                amount_allowance=amount,
                discount_a_year=0.0 if horizons_days else self._discount_a_year,
                level=None if is_bare else LEVEL,
            )

    def judge(self, month: date) -> pl.DataFrame:
        """Judge the forecast of a month by what came (`backtest`); its horizon must have passed."""
        reference, ahead = self.references[month], timedelta(days=self.horizon_days)
        is_recent = pl.col("day") >= reference - ahead
        before = (
            self._days.filter(pl.col("day") < reference)
            .group_by("customer_id")
            .agg(order_days=pl.len(), orders=is_recent.sum(), amount=pl.col("amount").filter(is_recent).sum())
        )
        return backtest(self.forecast(month, (self.horizon_days,)).customers, before, self._came(month))

    def _came(self, month: date) -> pl.DataFrame:
        """What customers brought within the horizon: customer_id, orders, amount."""
        reference = self.references[month]
        until = reference + timedelta(days=self.horizon_days)
        return (
            self._days.filter(pl.col("day") >= reference, pl.col("day") < until)
            .group_by("customer_id")
            .agg(orders=pl.len(), amount=pl.col("amount").sum())
        )

    def _known_errors(self, month: date) -> list[dict[str, float]]:
        """log(actual / expected) of the newest forecasts whose horizon had passed by `month`."""
        passed = [
            at for at in sorted(self.references) if is_passed(self.references, at, month, self.horizon_days)
        ]
        for at in passed[-_BACKTESTS:]:
            if at not in self._errors:
                self._errors[at] = self._error(at)
        return [self._errors[at] for at in passed[-_BACKTESTS:]]

    def _error(self, month: date) -> dict[str, float]:
        """log(actual / expected) of the sums of a month's forecast; what has none, or was not foretold, is left out."""
        customers = self.forecast(month, (self.horizon_days,), is_bare=True).customers
        came = self._came(month).join(customers, "customer_id", "semi")
        found = {}
        for quantity in ("orders", "amount"):
            expected, actual = customers[f"expected_{quantity}"], float(came[quantity].sum())
            total = 0.0 if expected.null_count() else float(expected.to_numpy().sum())
            if total > 0 and actual > 0:
                found[quantity] = float(np.log(actual / total))
        return found


def season(months: pl.DataFrame, customers: pl.DataFrame, *, reference: date) -> Season | None:
    """Learn the season from the repeat orders of whole years; None where no whole year precedes.

    A growing shop sells more each month without any season, and the first customers it shows are the busiest
    of those who were there before. So a month's repeat orders are compared with those that a BG/NBD model
    without season expects in it of the very customers who had come by then, given all their orders.

    Args:
        months: One row a month of the data: month, orders (order days of known customers). The month that
            `reference` cuts, those after it, and those before a gap are left out.
        customers: As for `lifetime`.
        reference: The first day of the future.
    """
    known = months.filter(pl.col("month").dt.offset_by("1mo") <= reference).sort("month")
    years = _unbroken(known["month"]) // 12
    if years == 0:
        return None
    known = known.tail(12 * years)
    frequency, recency, age = (customers[name].to_numpy() for name in ("frequency", "recency_days", "T_days"))
    try:
        model = bgnbd.fit(frequency, recency, age)
    except TooLittleData:
        return None
    alive = model.probability_alive(frequency, recency, age)
    alive = np.ones(len(age)) if alive is None else alive
    rate_there = alive * (model.r + frequency) / (model.alpha + age)
    rate_gone = (1 - alive) * (model.r + frequency) / (model.alpha + recency)
    expected, firsts = [], []
    for start in [*known["month"], known["month"].dt.offset_by("1mo")[-1]]:
        there = np.maximum(age - (reference - start).days, 0)  # days of each customer before the month
        expected.append(float((rate_there * there + rate_gone * np.minimum(there, recency)).sum()))
        firsts.append(float((there > 0).sum()))
    repeats = known["orders"].to_numpy() - np.diff(firsts)
    yearly = [values.reshape(years, 12).sum(axis=0) for values in (repeats, np.diff(expected))]
    if min(yearly[0].sum(), yearly[1].min()) <= 0:
        return None
    ratio = yearly[0] / yearly[1]
    ratio = np.maximum(ratio, _LEAST_INDEX * ratio.mean())
    index = np.roll(ratio / ratio.mean(), known["month"][0].month - 1)
    return Season(tuple(float(value) for value in index), years)


def error_allowance(log_errors: Sequence[float], known_season: Season | None) -> Allowance:
    """Pool the errors of past forecasts with what is expected of them beforehand.

    Conjugate for a variance around 0 (Gelman et al. 2013, Bayesian Data Analysis, section 2.6): the prior
    weighs as much as four backtests that do not overlap, and monthly ones count a third each.

    Args:
        log_errors: log(actual / expected) of the sums, of backtests whose windows have passed.
        known_season: What the forecast is to be made with.

    Raises:
        ValueError: If an error is not finite (nothing was expected, or nothing came).
    """
    errors = np.asarray(log_errors, dtype=np.float64)
    if not np.isfinite(errors).all():
        raise ValueError("Errors of backtests must be finite: leave out those without orders in the window.")
    prior = _PRIOR_SPREAD[min(known_season.years if known_season else 0, 2)]
    degrees = _PRIOR_BACKTESTS + len(errors) / _BACKTESTS_A_QUARTER
    square = _PRIOR_BACKTESTS * prior**2 + float((errors**2).sum()) / _BACKTESTS_A_QUARTER
    return Allowance(float(np.sqrt(square / degrees)), degrees)


def lifetime(
    customers: pl.DataFrame,
    *,
    reference: date,
    horizons_days: Sequence[int] = HORIZONS,
    known_season: Season | None = None,
    orders_allowance: Allowance | None = None,
    amount_allowance: Allowance | None = None,
    discount_a_year: float = 0.0,
    level: float | None = LEVEL,
) -> Lifetime:
    """Forecast each customer's orders and amount.

    With a season, time is counted in busy days (a day of index 1.3 is 1.3 of them), so both the rate that is
    learned and the window to come are freed of it: orders are then Poisson as the model says.

    The bounds are those of the shop's sum, shared out: its error is one factor for all, made of the
    estimation error (delta method), the chance of the orders themselves and the allowance. So the bounds of
    the customers add up to the bounds of the sum; what one customer does varies far more.

    Args:
        customers: One row a customer: customer_id, frequency (order days after the first), recency_days
            (from the first to the last), T_days (from the first to `reference`), monetary (mean amount of all
            its order days, the first included: left out, Online Retail ranks worse by 0.01).
        reference: The first day of the future.
        horizons_days: How far to look.
        known_season: Of the shop, up to then.
        orders_allowance: From earlier backtests, for every horizon the same; None for no backtest so far.
        amount_allowance: The same for amounts.
        discount_a_year: Rate by which a year's delay lessens an amount: 0.1 for a tenth.
        level: Of the interval; None for no bounds.

    Raises:
        ValueError: If a history cannot be.
    """
    table = customers.sort("customer_id")
    frequency, recency, age, monetary = (
        table[name].cast(pl.Float64).to_numpy()
        for name in ("frequency", "recency_days", "T_days", "monetary")
    )
    year = known_season or Season((1.0,) * 12, 0)
    reached = year.elapsed(reference, np.concatenate([-age, recency - age]))
    busy_age, busy_recency = -reached[: len(age)], reached[len(age) :] - reached[: len(age)]
    busy_recency = np.minimum(np.where(frequency > 0, busy_recency, 0.0), busy_age)
    try:
        orders = bgnbd.fit(frequency, busy_recency, busy_age)
    except TooLittleData as error:
        why = [
            _frame(table["customer_id"], {"horizon_days": days, "reason": str(error)})
            for days in horizons_days
        ]
        return Lifetime(pl.concat(why).sort("customer_id", "horizon_days"), None, None)
    amounts, reason, each = _amounts(frequency + 1, monetary)
    alive = orders.probability_alive(frequency, busy_recency, busy_age)
    reasons = [text for text in (reason, orders.no_dropout_reason) if text is not None]
    is_season_known = known_season is not None
    default = error_allowance((), known_season)
    found = []
    for days in horizons_days:
        ahead = float(year.elapsed(reference, [days])[0])
        expected = orders.expected_purchases(ahead, frequency, busy_recency, busy_age)
        discounted = expected
        if discount_a_year:
            discounted = _discounted(
                orders, year, reference, days, discount_a_year, (frequency, busy_recency, busy_age)
            )
        columns: dict[str, object] = {
            "horizon_days": days,
            "expected_orders": expected,
            "probability_alive": alive,
            "season_factor": ahead / days,
            "is_season_known": is_season_known,
            "reason": "; ".join(reasons) or None,
        }
        if amounts is not None:
            columns["expected_amount"] = discounted * each
        if level is not None:
            own = _estimation_variance(orders, ahead, (frequency, busy_recency, busy_age))
            bound = partial(_factor, orders=orders, frequency=frequency, estimation=own, level=level)
            up = bound(expected, np.ones(len(expected)), 1.0, allowance=orders_allowance or default)
            columns |= {"orders_low": expected / up, "orders_high": expected * up}
            if amounts is not None:
                amount = discounted * each
                up = bound(discounted, each, 1 + 1 / amounts.p, allowance=amount_allowance or default)
                columns |= {"amount_low": amount / up, "amount_high": amount * up}
        found.append(_frame(table["customer_id"], columns))
    return Lifetime(pl.concat(found).sort("customer_id", "horizon_days"), orders, amounts)


def backtest(forecast: pl.DataFrame, before: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Judge a forecast of one horizon by what came, beside two floors.

    `order_count` ranks customers by their order days so far, and foretells no sum; `same_as_before` expects
    of everybody what the days before brought.

    Args:
        forecast: Rows of `Lifetime.customers` of one horizon, with expected orders.
        before: customer_id, order_days (so far), orders and amount (order days and amount in as many days
            before as the horizon has); who is missing counts 0.
        truth: customer_id, orders, amount in the window, which must be whole; who is missing counts 0.

    Returns:
        One row a forecaster (model, order_count, same_as_before) and quantity (orders, amount) that it has
        numbers for: customers, expected, actual, bias (expected / actual - 1), bias_low, bias_high (of the
        forecast's bounds, which hold the truth where they have 0 between them), is_held, spearman,
        normalized_gini, top_decile_share (of the true top tenth, the share among the forecast's top tenth).
        Null is what cannot be told: a floor's bounds, a bias where nothing came, a rank where all are equal.
    """
    table = (
        forecast.join(
            before.rename({"orders": "orders_before", "amount": "amount_before"}), "customer_id", "left"
        )
        .join(truth.select("customer_id", "orders", "amount"), "customer_id", "left")
        .with_columns(pl.col("order_days", "orders_before", "amount_before", "orders", "amount").fill_null(0))
        .sort("customer_id")
    )
    rows = []
    for quantity in ("orders", "amount"):
        if table[f"expected_{quantity}"].null_count() or table.is_empty():
            continue
        actual = table[quantity].cast(pl.Float64).to_numpy()
        total = float(actual.sum())
        forecasts = {
            "model": f"expected_{quantity}",
            "order_count": "order_days",
            "same_as_before": f"{quantity}_before",
        }
        for name, column in forecasts.items():
            expected = table[column].cast(pl.Float64).to_numpy()
            is_model, has_sum = name == "model", name != "order_count" and total > 0
            low, high = (
                float(table[f"{quantity}_{end}"].sum()) / total - 1 if is_model and has_sum else None
                for end in ("low", "high")
            )
            rows.append(
                {
                    "forecaster": name,
                    "quantity": quantity,
                    "customers": len(actual),
                    "expected": float(expected.sum()) if name != "order_count" else None,
                    "actual": total,
                    "bias": float(expected.sum()) / total - 1 if has_sum else None,
                    "bias_low": low,
                    "bias_high": high,
                    "is_held": bool(low <= 0 <= high) if low is not None and high is not None else None,
                    "spearman": _spearman(expected, actual),
                    "normalized_gini": _normalized_gini(expected, actual),
                    "top_decile_share": _top_share(expected, actual),
                }
            )
    return pl.DataFrame(rows, JUDGEMENT, orient="row").with_columns(pl.col(pl.Float64).round(DIGITS))


def _unbroken(months: pl.Series) -> int:
    """How many months up to the last follow each other without a gap; `months` are in order."""
    number = months.dt.year().cast(pl.Int32).to_numpy() * 12 + months.dt.month().to_numpy()
    gaps = np.flatnonzero(np.diff(number) != 1)
    return len(number) - (int(gaps[-1]) + 1 if len(gaps) else 0)


def _frame(ids: pl.Series, columns: dict[str, object]) -> pl.DataFrame:
    """Rows in the shape of `Lifetime.customers`, rounded so that the last bit of a fit does not ripple.

    What is not given is null.
    """
    numbers = {name: pl.Series(value) for name, value in columns.items() if isinstance(value, np.ndarray)}
    return (
        pl.DataFrame({"customer_id": ids.cast(pl.String), **numbers})
        .select(
            (pl.col(name) if name == "customer_id" or name in numbers else pl.lit(columns.get(name)))
            .cast(kind)
            .alias(name)
            for name, kind in SHAPE.items()
        )
        .with_columns(pl.col(pl.Float64).round(DIGITS))
    )


def _amounts(orders: Floats, monetary: Floats) -> tuple[GammaGamma | None, str | None, Floats]:
    """The model of amounts, or why there is none; and each customer's expected amount an order."""
    try:
        model = gamma_gamma.fit(orders, monetary)
    except TooLittleData as error:
        return None, f"no amounts: {error}", np.zeros(0)
    if model.p + model.q <= 1:
        return None, "no amounts: they differ so much that they have no mean", np.zeros(0)
    return model, None, model.expected_amount(orders, monetary)


def _discounted(
    orders: BetaGeo,
    year: Season,
    reference: date,
    days: int,
    rate: float,
    history: tuple[Floats, Floats, Floats],
) -> Floats:
    """Expected orders, each worth less the later it comes; in steps of a month, to its middle."""
    ends = np.append(np.arange(_STEP_DAYS, days, _STEP_DAYS), days)
    total, before, start = np.zeros(len(history[0])), np.zeros(len(history[0])), 0.0
    for end, ahead in zip(ends, year.elapsed(reference, ends), strict=True):
        reached = orders.expected_purchases(ahead, *history)
        total += (reached - before) * (1 + rate) ** (-(start + end) / 2 / _YEAR)
        before, start = reached, float(end)
    return total


def _estimation_variance(orders: BetaGeo, ahead: float, history: tuple[Floats, Floats, Floats]) -> float:
    """Variance of the logarithm of the expected sum by the errors of the parameters (delta method)."""
    step = 0.01
    slopes = []
    for name in ("r", "alpha", "a", "b"):
        sums = [
            replace(orders, **{name: getattr(orders, name) * np.exp(sign * step)})
            .expected_purchases(ahead, *history)
            .sum()
            for sign in (1, -1)
        ]
        slopes.append(np.log(sums[0] / sums[1]) / (2 * step) if min(sums) > 0 else 0.0)
    slope = np.array(slopes)
    return float(slope @ orders.covariance @ slope)


def _factor(
    expected: Floats,
    each: Floats,
    square: float,
    orders: BetaGeo,
    frequency: Floats,
    estimation: float,
    allowance: Allowance,
    level: float,
) -> float:
    """By what the upper bound of the sum of expected x each lies above it.

    The chance of the sum: orders are Poisson with a rate known as Gamma(r + x, .) and amounts have `square`
    times the square of their mean.
    """
    total = float((expected * each).sum())
    if total <= 0:
        return 1.0
    chance = float((each**2 * (expected * square + expected**2 / (orders.r + frequency))).sum()) / total**2
    # Of less than one order there comes none or one: as unsure as one is enough, and its logarithm would have no end.
    spread = np.sqrt(allowance.spread**2 + estimation + min(chance, 1.0))
    return float(np.exp(min(stdtrit(allowance.degrees, (1 + level) / 2) * spread, _WIDEST)))


def _spearman(expected: Floats, actual: Floats) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; null where all of one side are equal."""
    if len(actual) < 2 or np.ptp(expected) == 0 or np.ptp(actual) == 0:
        return None
    ranks = np.stack([pl.Series(values).rank("average").to_numpy() for values in (expected, actual)])
    return float(np.corrcoef(ranks)[0, 1])


def _normalized_gini(expected: Floats, actual: Floats) -> float | None:
    """Gini of what came in the order of the forecast, by that in its own order; 1 is the best order.

    Customers of one forecast share what they brought, for their order means nothing.
    """
    if actual.sum() <= 0 or np.ptp(actual) == 0:
        return None

    def gini(order_by: Floats) -> float:
        _, group, count = np.unique(-order_by, return_inverse=True, return_counts=True)
        level = np.bincount(group, weights=actual) / count
        reached = np.cumsum(np.repeat(level, count)) / actual.sum()
        return float(reached.mean() - (len(actual) + 1) / (2 * len(actual)))

    return gini(expected) / gini(actual)


def _top_share(expected: Floats, actual: Floats) -> float | None:
    """Of the tenth who really came to most, the share in the forecast's top tenth; ties by customer_id."""
    if len(actual) < 10 or actual.max() <= 0:
        return None
    count = len(actual) // 10
    found, true = (np.argsort(-values, kind="stable")[:count] for values in (expected, actual))
    return len(np.intersect1d(found, true)) / count
