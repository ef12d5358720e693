"""What nobody could do better: answers that know the parameters the shop was drawn from.

They see what an analyst sees, the orders, and know besides how the population was made: the shares of the
segments, the laws of rates, baskets and dropout, and how busy each day is. They do not know a customer's own
rates, nor that a day was an anomaly. Pure functions over frames; not bit-exact, unlike the simulated files.

The prior of a customer's order rate lies on a grid of its logarithm, that of the basket on a grid of its own,
that of the dropout rate on the nodes of a Gauss quadrature. `tests/unit/simulator` shows the posteriors to be
calibrated on simulated shops.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from simulator import baskets, days
from simulator.exact import Floats, Integers
from simulator.goods import category_name
from simulator.pairs import gamma_quadrature
from simulator.parameters import DAYS_A_MONTH, Parameters

_RATES = 96
_SLOWEST, _FASTEST = 1e-5, 2.0  # orders a day at intensity 1
_BASKETS = 29
_WIDEST = 3.5  # standard deviations of the log of a basket's scale
_DROPOUTS = 12
_PIECE = 256  # customers


@dataclass(frozen=True, slots=True)
class _History:
    """Orders summed up, one element a customer; days are day numbers."""

    orders: Integers
    orders_of_month: Integers  # customers x months
    units_of_month: Integers
    first: Integers
    last: Integers
    log_busy: Floats  # customers x segments: sum over the orders of the log of the day's intensity
    log_busy_first: Floats  # the first order's part of it


def customers(
    orders: pl.DataFrame,
    *,
    parameters: Parameters,
    first_day: date,
    as_of: date,
    horizon_days: int = 90,
    weights: pl.DataFrame | None = None,
    unit_amount: float = 1.0,
) -> pl.DataFrame:
    """The posterior of each customer's future and segment, given its orders before `as_of`.

    Args:
        orders: One row an order before `as_of`: customer_id, ordered_on (date), units.
        parameters: Of the shop; not for one with `buy_till_you_die`.
        first_day: The shop's first day.
        as_of: The first day of the future.
        horizon_days: How far it goes.
        weights: What is on sale: month, weight (mean over the categories of their goods' total weight, truth
            table `demand`), of every month before `as_of` and, if known, of those within the horizon: else that
            is as the past was. Without, all weights are 1.
        unit_amount: What a unit brings within the horizon (truth table `days`: amount by units).

    Returns:
        One row a customer: customer_id, no_order_probability, expected_orders, expected_units and
        expected_amount (all within the horizon), segment (the most probable), segment_probability, sorted
        by customer_id. Units that bundles add, a few per cent, are not expected.
    """
    stop = (as_of - first_day).days
    busy = days.intensities(first_day, 0, stop + horizon_days, parameters)
    if weights is None:
        weights = orders.select(month=pl.col("ordered_on").dt.month_start(), weight=1.0).unique()
    past, ahead_of = (
        weights.filter(is_of_it).sort("month")["weight"].to_numpy()
        for is_of_it in (
            pl.col("month") < as_of,
            pl.col("month").is_between(as_of, as_of + timedelta(days=horizon_days - 1)),
        )
    )
    coming_weight = (ahead_of if len(ahead_of) else past).mean()
    table, history = _sum_up(orders, first_day, busy, weights.filter(pl.col("month") < as_of))
    rates = np.exp(np.linspace(np.log(_SLOWEST), np.log(_FASTEST), _RATES))
    nodes, node_weights = gamma_quadrature(parameters.customer_shape, _DROPOUTS)
    means = np.array([segment.dropout_a_month for segment in parameters.segments]) / DAYS_A_MONTH
    dropouts = means[:, None] * nodes
    silent = _silence(rates, dropouts, busy, stop)
    silent_on = _silence(rates, dropouts, busy, stop + horizon_days)
    ahead = np.arange(1, horizon_days + 1)
    # Expected visits of intensity, discounted by who is still there: segments x dropout nodes.
    coming = np.einsum("sh,snh->sn", busy[:, stop:], np.exp(-dropouts[:, :, None] * ahead))
    arriving = _arrival_odds(parameters, first_day, stop)

    found = []
    for begin in range(0, len(history.orders), _PIECE):
        some = slice(begin, begin + _PIECE)
        prior, basket = _rate_and_basket(parameters, history, some, rates, past)
        seen = _seen(parameters, history, some, rates, dropouts, busy, arriving)
        joint = prior[..., None] * seen * node_weights
        last = history.last[some]
        now = joint * silent[last]
        evidence = now.sum(axis=(1, 2, 3))
        still = joint * _unbroken(rates, dropouts, busy, last, stop)
        of_segment = now.sum(axis=(2, 3)) / evidence[:, None]
        visits = np.einsum("csrn,sn->csr", still, coming) * rates
        units = (visits * basket).sum(axis=(1, 2)) / evidence * (coming_weight / past.mean())
        found.append(
            pl.DataFrame(
                {
                    "no_order_probability": (joint * silent_on[last]).sum(axis=(1, 2, 3)) / evidence,
                    "expected_orders": visits.sum(axis=(1, 2)) / evidence,
                    "expected_units": units,
                    "expected_amount": units * unit_amount,
                    "segment": [parameters.segments[k].name for k in of_segment.argmax(axis=1)],
                    "segment_probability": of_segment.max(axis=1),
                }
            )
        )
    return pl.concat([table.select("customer_id"), pl.concat(found)], how="horizontal")


def buy_till_you_die(
    orders: pl.DataFrame, *, parameters: Parameters, as_of: date, horizon_days: int = 90
) -> pl.DataFrame:
    """The same for a shop that is exactly the BG/NBD model, in closed form (Fader, Hardie and Lee 2005).

    Args:
        orders: One row an order before `as_of`: customer_id, ordered_on (date).
        parameters: Of a shop with `buy_till_you_die`.
        as_of: The first day of the future.
        horizon_days: How far it goes.

    Returns:
        One row a customer: customer_id, no_order_probability, expected_orders, sorted by customer_id.

    Raises:
        ValueError: If the shop is not of this kind.
    """
    model = parameters.buy_till_you_die
    if model is None:
        raise ValueError("these parameters have no buy_till_you_die, expected those of the preset bgnbd")
    table = (
        orders.group_by("customer_id")
        .agg(
            repeats=pl.len() - 1,
            weeks_to_last=(pl.col("ordered_on").max() - pl.col("ordered_on").min()).dt.total_days() / 7,
            weeks=(pl.lit(as_of) - pl.col("ordered_on").min()).dt.total_days() / 7,
        )
        .sort("customer_id")
    )
    x = table["repeats"].to_numpy().astype(np.float64)
    last, now = table["weeks_to_last"].to_numpy(), table["weeks"].to_numpy()
    ahead = horizon_days / 7
    r, alpha, a, b = model.r, model.alpha_weeks, model.a, model.b
    gone = np.where(
        x > 0, a / np.maximum(b + x - 1, 1e-12) * ((alpha + now) / (alpha + last)) ** (r + x), 0.0
    )
    quiet = ((alpha + now) / (alpha + now + ahead)) ** (r + x)
    series = _hypergeometric(r + x, b + x, a + b + x - 1, ahead / (alpha + now + ahead))
    expected = (a + b + x - 1) / (a - 1) * (1 - quiet * series) / (1 + gone)
    return table.select(
        "customer_id",
        no_order_probability=pl.Series((quiet + gone) / (1 + gone)),
        expected_orders=pl.Series(expected),
    )


def top_goods(
    who: pl.DataFrame,
    goods: pl.DataFrame,
    demand: pl.DataFrame,
    bundles: pl.DataFrame,
    *,
    parameters: Parameters,
    first_day: date,
    as_of: date,
    horizon_days: int = 30,
    count: int = 10,
) -> pl.DataFrame:
    """The goods each customer is most likely to buy, by the true probabilities.

    Args:
        who: Rows of the truth table `customers`, who are all taken to be there on `as_of`.
        goods: The truth table `goods`.
        demand: The rows of one month of the truth table `demand`: what is on sale, and its weight.
        bundles: The truth table `bundles`.
        parameters: Of the shop.
        first_day: The shop's first day.
        as_of: The first day of the future.
        horizon_days: How far it goes.
        count: How many goods a customer.

    Returns:
        One row a customer and rank (from 1): customer_id, rank, stock_code, probability.
    """
    shape = parameters.visit_shape
    sold = demand.join(goods.select("stock_code", "category"), on="stock_code").sort("stock_code")
    place = {code: number for number, code in enumerate(sold["stock_code"])}
    category = sold.select(pl.col("category").replace_strict(_category_numbers(parameters))).to_series()
    taste = np.array(who["taste"].to_list())
    wanted = taste[:, category.to_numpy()] * sold["weight"].to_numpy()
    wanted *= who["basket_units"].to_numpy()[:, None]
    missed = _none(wanted, shape)
    for lead, added, probability in bundles.select("lead_code", "added_code", "probability").iter_rows():
        if lead in place and added in place:
            one, other = wanted[:, place[lead]], wanted[:, place[added]]
            both_missed = _none(one + other, shape)
            missed[:, place[added]] = (1 - probability) * _none(other, shape) + probability * both_missed
    visits = _visits_ahead(who, parameters, first_day, as_of, horizon_days)
    chance = 1 - missed
    if parameters.is_every_visit_an_order:
        chance /= baskets.chance_of_any(wanted.sum(axis=1), shape)[:, None]
    bought = -np.expm1(-visits[:, None] * chance)
    best = np.argsort(-bought, axis=1, kind="stable")[:, :count]
    return pl.DataFrame(
        {
            "customer_id": who["customer_id"].gather(np.repeat(np.arange(len(best)), best.shape[1])),
            "rank": np.tile(np.arange(1, best.shape[1] + 1), len(best)),
            "stock_code": sold["stock_code"].gather(best.ravel()),
            "probability": np.take_along_axis(bought, best, axis=1).ravel(),
        }
    )


def noise_floor(deviation: Floats) -> Floats:
    """The least expected absolute error of a forecast of a day's amount, by chance alone.

    A day's amount is a compound Poisson sum: orders are Poisson given who is there, and each brings a basket of its own, so
    its variance is the expected orders times the mean square of a basket (truth table `days`: amount_deviation), and
    with the dozens of orders of an open day it is near the normal law. Who knows the expected amount errs by this; so it knows
    who is there to come, and which goods are then promoted or out of stock, and is lower than any forecast from the past can be.

    Args:
        deviation: Standard deviations of the amounts.
    """
    return np.asarray(deviation * np.sqrt(2 / np.pi))


def _none(wanted: Floats, shape: int) -> Floats:
    return np.asarray((1 + wanted / shape) ** -shape)


def _category_numbers(parameters: Parameters) -> dict[str, int]:
    return {category_name(number): number for number in range(parameters.categories)}


def _visits_ahead(
    who: pl.DataFrame, parameters: Parameters, first_day: date, as_of: date, horizon_days: int
) -> Floats:
    """Expected visits within the horizon of customers who are there at its beginning."""
    stop = (as_of - first_day).days
    busy = days.intensities(first_day, stop, stop + horizon_days, parameters)
    numbers = {segment.name: number for number, segment in enumerate(parameters.segments)}
    segment = who["segment"].replace_strict(numbers).to_numpy()
    leaving = who["dropout_a_month"].to_numpy() / DAYS_A_MONTH
    stays = np.exp(-leaving[:, None] * np.arange(horizon_days))
    rate = who["visits_a_month"].to_numpy() / DAYS_A_MONTH
    return np.asarray(rate * (stays * busy[segment]).sum(axis=1))


def _sum_up(
    orders: pl.DataFrame, first_day: date, busy: Floats, weights: pl.DataFrame
) -> tuple[pl.DataFrame, _History]:
    numbered = orders.with_columns(day=(pl.col("ordered_on") - pl.lit(first_day)).dt.total_days())
    table = (
        numbered.group_by("customer_id")
        .agg(orders=pl.len(), first=pl.col("day").min(), last=pl.col("day").max())
        .sort("customer_id")
    )
    with np.errstate(divide="ignore"):
        log_busy = np.log(busy)
    # A day that should be closed counts as the quietest: the orders are what they are.
    log_busy = np.where(np.isfinite(log_busy), log_busy, log_busy[np.isfinite(log_busy)].min())
    position = {key: number for number, key in enumerate(table["customer_id"])}
    owner = numbered["customer_id"].replace_strict(position).to_numpy()
    sums = np.array([np.bincount(owner, weights=row[numbered["day"].to_numpy()]) for row in log_busy])
    first = table["first"].to_numpy()
    months = weights["month"].sort()
    month = numbered["ordered_on"].dt.month_start().replace_strict(months, range(len(months))).to_numpy()
    of_month = np.zeros((2, len(table), len(months)), dtype=np.int64)
    np.add.at(of_month[0], (owner, month), 1)
    np.add.at(of_month[1], (owner, month), numbered["units"].to_numpy())
    return table, _History(
        orders=table["orders"].to_numpy().astype(np.int64),
        orders_of_month=of_month[0],
        units_of_month=of_month[1],
        first=first,
        last=table["last"].to_numpy(),
        log_busy=sums.T,
        log_busy_first=log_busy[:, first].T,
    )


def _silence(rates: Floats, dropouts: Floats, busy: Floats, stop: int) -> Floats:
    """Probability of no order after a day and before `stop`, of a customer who is there on that day.

    Days x segments x rates x dropout nodes.
    """
    stay = np.exp(-dropouts)[:, None, :]
    result = np.ones((stop, len(busy), len(rates), dropouts.shape[1]))
    for day in range(stop - 2, -1, -1):
        quiet = np.exp(-np.outer(busy[:, day + 1], rates))[:, :, None]
        result[day] = (1 - stay) + stay * quiet * result[day + 1]
    return result


def _unbroken(rates: Floats, dropouts: Floats, busy: Floats, last: Integers, stop: int) -> Floats:
    """Probability of being there on the last day before `stop` without an order since `last`."""
    reached = np.concatenate([np.zeros((len(busy), 1)), np.cumsum(busy, axis=1)], axis=1)
    since = reached[:, stop] - reached[:, last + 1].T
    quiet = np.exp(-since[:, :, None] * rates)
    stay = np.exp(-dropouts * (stop - 1 - last)[:, None, None])
    return np.asarray(quiet[..., None] * stay[:, :, None, :])


def _arrival_odds(parameters: Parameters, first_day: date, stop: int) -> Floats:
    """For each day, customers who arrive on it for each who was there from the beginning."""
    a_day = (1 - parameters.share_before) / (parameters.arrival_months * DAYS_A_MONTH)
    busy = days.busyness(first_day, 0, stop, parameters)
    return np.asarray(a_day * busy / max(parameters.share_before, 1e-12))


def _rate_and_basket(
    parameters: Parameters, history: _History, some: slice, rates: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Prior of the order rate given the units bought, and the mean units of an order at each rate.

    Both customers x segments x rates; the first is up to a factor a customer. `weights` are those of the months.
    """
    shape, spread = parameters.visit_shape, parameters.basket_spread
    z = np.linspace(-_WIDEST, _WIDEST, _BASKETS)
    density = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    means = np.array([segment.basket_units for segment in parameters.segments])
    own = means[:, None] * np.exp(spread * z - spread * spread / 2)
    scales = own * weights[:, None, None]
    fail = scales / shape / (1 + scales / shape)
    an_order = shape * np.log1p(-fail) - np.log(baskets.chance_of_any(scales, shape))
    log_likely = np.tensordot(history.orders_of_month[some], an_order, 1)
    log_likely += np.tensordot(history.units_of_month[some], np.log(fail), 1)
    likely = np.exp(log_likely - log_likely.max(axis=(1, 2), keepdims=True)) * density

    scale = own * weights.mean()
    any_unit = baskets.chance_of_any(scale, shape)
    visits = np.array([segment.orders_a_month for segment in parameters.segments]) / DAYS_A_MONTH
    form = parameters.customer_shape
    mean = (visits[:, None] * any_unit)[:, :, None]
    relative = rates / mean * form
    shares = np.exp(form * np.log(relative) - relative)
    shares /= shares.sum(axis=2, keepdims=True)
    share = np.array([segment.share for segment in parameters.segments])
    prior = np.einsum("csb,sbr->csr", likely, shares)
    units_an_order = np.einsum("csb,sbr->csr", likely * (scale / any_unit), shares)
    return prior * share[:, None], units_an_order / np.maximum(prior, 1e-300)


def _seen(
    parameters: Parameters,
    history: _History,
    some: slice,
    rates: Floats,
    dropouts: Floats,
    busy: Floats,
    arriving: Floats,
) -> Floats:
    """Likelihood of the days of the orders, up to the last: customers x segments x rates x nodes.

    A customer is one of those there from the first day, all of whose orders are further ones, or arrived
    with its first order.
    """
    reached = np.concatenate([np.zeros((len(busy), 1)), np.cumsum(busy, axis=1)], axis=1)
    first, last, orders = history.first[some], history.last[some], history.orders[some]
    log_rates = np.log(rates)
    whole = reached[:, last + 1].T
    log_before = (
        history.log_busy[some][:, :, None] + orders[:, None, None] * log_rates - whole[:, :, None] * rates
    )[..., None] - (dropouts * last[:, None, None])[:, :, None, :]
    later = whole - reached[:, first + 1].T
    log_after = (
        (history.log_busy - history.log_busy_first)[some][:, :, None]
        + (orders - 1)[:, None, None] * log_rates
        - later[:, :, None] * rates
        + np.log(np.maximum(arriving[first], 1e-300))[:, None, None]
    )[..., None] - (dropouts * (last - first)[:, None, None])[:, :, None, :]
    if parameters.share_before <= 0:
        log_before = np.full_like(log_before, -np.inf)
    together = np.logaddexp(log_before, log_after)
    return np.asarray(np.exp(together - together.max(axis=(1, 2, 3), keepdims=True)))


def _hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """Gauss's 2F1 by its series, for 0 <= z < 1."""
    term = np.ones_like(z)
    total = np.ones_like(z)
    k = 0
    while (np.abs(term) > 1e-12 * np.abs(total)).any() and k < 100_000:
        term = term * (a + k) * (b + k) / (c + k) / (k + 1) * z
        total += term
        k += 1
    return total
