"""When to order how much of each product, and what that would have done in the last weeks.

Stock is looked at once a week. An order that is not placed now comes a week and the lead time from now at the earliest,
so the reorder point covers the demand of both together: what is foretold of it, and safety stock by the errors of such
forecasts, each of them of the whole span. A weekly error times a square root would take weeks for independent and the
forecast for right. The held-out weeks are replayed with what was known before them, made anew every four weeks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.days import first_days_ahead
from assets.demand.history import Floats, history

HELD_OUT_WEEKS = 13
ANEW_WEEKS = 4  # a policy is made anew after so many
LEAST_ORIGINS = 8  # forecasts of a product that were judged
_LONGEST = 156  # weeks; what lies further back says little
_LEAST_WEEKS = 8  # before the first forecast
_LEAST_POOL = 20  # errors for each one that may be above the safety stock
_KINDS = 4
_WEEKS_A_YEAR = 365.2425 / 7
_DIGITS = 4
MODELS = ("mean of 8 weeks", "mean of 26 weeks", "smoothing", "Croston")
Integers = npt.NDArray[np.int64]
SHAPE = pl.Schema(
    {
        "as_of": pl.Date,
        "product_id": pl.String,
        "lead_days": pl.Int64,
        "service_level": pl.Float64,
        "covered_weeks": pl.Int64,
        "model": pl.String,
        "weekly_units": pl.Float64,
        "error_deviation": pl.Float64,
        "errors": pl.Int64,
        "safety_stock": pl.Float64,
        "reorder_point": pl.Float64,
        "order_quantity": pl.Float64,
        "is_economic": pl.Boolean,
        "held_out_weeks": pl.Int64,
        "held_out_units": pl.Float64,
        "fill_rate": pl.Float64,
        "stockout_weeks": pl.Int64,
        "mean_stock": pl.Float64,
        "orders": pl.Int64,
        "reason": pl.String,
    }
)


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make demand.reorder_points.

    Args:
        rows: Of four kinds, told by `what`: `day` (day: one on which something was sold), `sold` (month, week, product_id,
            units, returned_units), `out` (product_id, day, last_day: out of stock), `supply` (product_id, lead_days,
            service_level, unit_cost, each or null); default_lead_days, default_service_level, cover_days, dead_days,
            order_cost and holding_a_year (or null) in all.
        months: As_of months, in order. One before the first sale has no rows.
    """
    days = rows.filter(pl.col("what") == "day").select("day").drop_nulls()
    parts = [
        _answers(rows, until).with_columns(as_of=pl.lit(as_of)).select(*SHAPE).cast(SHAPE)
        for as_of, until in first_days_ahead(days, months).items()
    ]
    return pl.concat([pl.DataFrame(schema=SHAPE), *parts]).with_columns(pl.col(pl.Float64).round(_DIGITS))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of each product: arrays of one length.

    Attributes:
        weeks: That the reorder point covers: the lead time, begun weeks whole, and one.
        service: Probability that an order comes before the stock ends.
        cover: Weeks that an order lasts where no cost is known.
        economic: Square of the economic order quantity by yearly demand (2 x cost of an order / cost of holding one for
            a year); not a number where a cost is not known.
    """

    weeks: Integers
    service: Floats
    cover: Floats
    economic: Floats


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do, one element a product; `errors` below LEAST_ORIGINS are too few, and its figures mean nothing."""

    model: Integers
    rate: Floats
    deviation: Floats
    errors: Integers
    safety: Floats
    point: Floats
    quantity: Floats


def _answers(rows: pl.DataFrame, until: date) -> pl.DataFrame:
    sold = rows.filter((pl.col("what") == "sold") & (pl.col("month") < until))
    out = rows.filter((pl.col("what") == "out") & (pl.col("day") < until))
    if sold.is_empty():
        return pl.DataFrame(schema=SHAPE)
    past = history(sold, out.select("product_id", first_day="day", last_day="last_day"), until, "week")
    units, is_untold = past.units[:, -_LONGEST:], past.is_untold[:, -_LONGEST:]
    settings = rows.row(0, named=True)
    supply = rows.filter(pl.col("what") == "supply").select(
        "product_id", "lead_days", "service_level", "unit_cost"
    )
    table = (
        pl.DataFrame({"product_id": past.products})
        .join(supply, on="product_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("lead_days").fill_null(settings["default_lead_days"]),
            pl.col("service_level").fill_null(settings["default_service_level"]),
        )
    )
    terms = _terms(table, settings)
    weeks = units.shape[1]
    now = policy(units, is_untold, terms, weeks)
    begins = weeks - HELD_OUT_WEEKS
    then = [policy(units, is_untold, terms, begins + at) for at in range(0, HELD_OUT_WEEKS, ANEW_WEEKS)]
    replay = replayed(np.nan_to_num(units[:, max(begins, 0) :]), then, terms)
    quiet_weeks = min(max(settings["dead_days"] // 7, 1), weeks)
    late = sold.filter(pl.col("week") >= past.following)
    is_dead = (past.sold[:, past.sold.shape[1] - quiet_weeks :].sum(axis=1) <= 0) & ~past.products.is_in(
        late.filter(pl.col("units") > 0)["product_id"].implode()
    ).to_numpy()
    is_told, is_replayed = now.errors >= LEAST_ORIGINS, then[0].errors >= LEAST_ORIGINS
    table = table.with_columns(
        covered_weeks=pl.Series(terms.weeks),
        model=pl.Series([MODELS[at] for at in now.model], dtype=pl.String),
        weekly_units=pl.Series(now.rate),
        error_deviation=pl.Series(now.deviation),
        errors=pl.Series(now.errors),
        safety_stock=pl.Series(now.safety),
        reorder_point=pl.Series(now.point),
        order_quantity=pl.Series(now.quantity),
        is_economic=pl.Series(np.isfinite(terms.economic)),
        held_out_weeks=pl.lit(HELD_OUT_WEEKS, pl.Int64),
        **{name: pl.Series(values) for name, values in replay.items()},
        is_told=pl.Series(is_told & ~is_dead),
        is_replayed=pl.Series(is_replayed & is_told & ~is_dead),
        is_dead=pl.Series(is_dead),
    )
    answers = (
        "model",
        "weekly_units",
        "error_deviation",
        "safety_stock",
        "reorder_point",
        "order_quantity",
        "is_economic",
    )
    judged = ("held_out_weeks", "held_out_units", "fill_rate", "stockout_weeks", "mean_stock", "orders")
    return table.with_columns(
        *(pl.when("is_told").then(name).alias(name) for name in answers),
        *(pl.when("is_replayed").then(name).alias(name) for name in judged),
        reason=pl.when("is_dead")
        .then(pl.format("it was not sold for {} weeks", pl.lit(quiet_weeks)))
        .when(~pl.col("is_told"))
        .then(pl.format("{} forecasts could be judged, and {} are needed", "errors", pl.lit(LEAST_ORIGINS)))
        .when(~pl.col("is_replayed"))
        .then(pl.format("it was not known long enough to replay {} weeks", pl.lit(HELD_OUT_WEEKS))),
    ).with_columns(pl.col("fill_rate").fill_nan(None))


def _terms(table: pl.DataFrame, settings: dict[str, Any]) -> Terms:
    cost, holding = settings["order_cost"], settings["holding_a_year"]
    unit_cost = table["unit_cost"].cast(pl.Float64).to_numpy()
    economic = np.full(table.height, np.nan)
    if cost is not None and holding is not None:
        is_known = np.nan_to_num(unit_cost) * holding > 0
        economic = np.where(is_known, 2 * cost / np.where(is_known, unit_cost * holding, 1.0), np.nan)
    weeks = -(-table["lead_days"].to_numpy() // 7) + 1
    return Terms(
        weeks.astype(np.int64),
        table["service_level"].to_numpy(),
        np.full(table.height, settings["cover_days"] / 7),
        economic,
    )


def policy(units: Floats, is_untold: npt.NDArray[np.bool_], terms: Terms, until: int) -> Policy:
    """Reorder points and order quantities by the weeks before `until`.

    Args:
        units: Products x weeks; not a number before the first sale.
        is_untold: Weeks that are bridged; forecasts of spans that hold one are not judged.
        terms: What is asked.
        until: How many of the weeks are known.
    """
    count = len(units)
    zero = np.zeros(count)
    if until < 1:
        none = np.zeros(count, dtype=np.int64)
        return Policy(none, zero, zero, none, zero, zero, zero)
    known = units[:, :until]
    said = rates(known)
    errors = np.full((len(MODELS), count, until), np.nan)
    for span in np.unique(terms.weeks):
        rows = np.flatnonzero(terms.weeks == span)
        if until > span:
            errors[:, rows, : until - span] = _span_errors(
                known[rows], is_untold[rows, :until], said[:, rows], int(span)
            )
    is_judged = np.isfinite(errors[0])
    judged = is_judged.sum(axis=1)
    squares = np.where(is_judged, np.nan_to_num(errors) ** 2, 0.0).sum(axis=2)
    best = squares.argmin(axis=0)
    rows = np.arange(count)
    deviation = np.sqrt(squares[best, rows] / np.maximum(judged, 1))
    rate = said[best, rows, -1]
    safety = deviation * _quantiles(
        errors[best, rows] / np.where(deviation > 0, deviation, 1.0)[:, None], rate, terms.service
    )
    safety = np.maximum(safety, 0.0)
    economic = np.sqrt(np.where(np.isfinite(terms.economic), terms.economic, 0.0) * rate * _WEEKS_A_YEAR)
    quantity = np.where(np.isfinite(terms.economic), economic, rate * terms.cover)
    return Policy(
        best,
        rate,
        deviation,
        judged,
        safety,
        np.ceil(np.round(rate * terms.weeks + safety, _DIGITS)),
        np.maximum(np.ceil(np.round(quantity, _DIGITS)), 1.0),
    )


def rates(units: Floats) -> Floats:
    """Units a week as each of `MODELS` foretells them after each week: models x products x weeks, in one pass.

    Means of the last weeks there are; exponential smoothing (0.2) from the mean of the first weeks on; and size by interval
    for demand that comes now and then (Croston 1972, corrected after Syntetos, Boylan 2005).
    """
    count, weeks = units.shape
    is_known = np.isfinite(units)
    values = np.where(is_known, units, 0.0)
    total, age = np.cumsum(values, axis=1), np.cumsum(is_known, axis=1)
    found = np.zeros((len(MODELS), count, weeks))
    for at, width in enumerate((8, 26)):
        before = np.zeros((count, weeks))
        before[:, width:] = total[:, :-width]
        found[at] = (total - before) / np.maximum(np.minimum(age, width), 1)
    level, size, gap, since = np.zeros(count), np.zeros(count), np.ones(count), np.ones(count)
    has_come = np.zeros(count, dtype=np.bool_)
    for week in range(weeks):
        here, value = is_known[:, week], values[:, week]
        step = np.maximum(0.2, 1 / np.maximum(age[:, week], 1))
        level = np.where(here, level + step * (value - level), level)
        comes = here & (value > 0)
        is_first = comes & ~has_come
        size = np.where(is_first, value, np.where(comes, size + 0.1 * (value - size), size))
        gap = np.where(comes & has_come, gap + 0.1 * (since - gap), gap)
        since = np.where(comes, 1.0, since + here)
        has_come |= comes
        found[2][:, week] = level
        found[3][:, week] = 0.95 * size / gap
    return found


def _span_errors(units: Floats, is_untold: npt.NDArray[np.bool_], said: Floats, span: int) -> Floats:
    """What came in the `span` weeks after each week, less what was foretold; not a number where it cannot be judged."""
    weeks = units.shape[1]
    is_known = np.isfinite(units)
    total = np.cumsum(np.where(is_known, units, 0.0), axis=1)
    untold = np.cumsum(is_untold, axis=1)
    came = total[:, span:] - total[:, :-span]
    is_judged = (untold[:, span:] == untold[:, :-span]) & (
        np.cumsum(is_known, axis=1)[:, : weeks - span] >= _LEAST_WEEKS
    )
    return np.asarray(np.where(is_judged, came - span * said[:, :, : weeks - span], np.nan))


def _quantiles(ratios: Floats, rate: Floats, service: Floats) -> Floats:
    """How many deviations of its errors hold so much of them: of all products that sell about as much, pooled.

    A product's own errors are some dozens, and overlap: none of them tells one in twenty.
    """
    found = np.zeros(len(ratios))
    order = np.argsort(np.argsort(rate, kind="stable"), kind="stable")
    kind = order * _KINDS // max(len(rate), 1)
    for one in range(_KINDS):
        members = np.flatnonzero(kind == one)
        own = ratios[members]
        pool = own[np.isfinite(own)]
        everyone = ratios[np.isfinite(ratios)]
        for level in np.unique(service[members]):
            some = members[service[members] == level]
            some_pool = pool if len(pool) * (1 - level) >= _LEAST_POOL else everyone
            if len(some_pool):
                rank = min(int(np.ceil((len(some_pool) + 1) * level)), len(some_pool))
                found[some] = np.partition(some_pool, rank - 1)[rank - 1]
    return found


def replayed(demand: Floats, policies: Sequence[Policy], terms: Terms) -> dict[str, npt.NDArray[np.generic]]:
    """Let weeks pass with policies: orders are placed on Mondays, and come after the lead time; what is not there is lost.

    Args:
        demand: Products x weeks.
        policies: What is done, each for `ANEW_WEEKS`.
        terms: Lead times.

    Returns:
        Of each product held_out_units, fill_rate (not a number where nothing was wanted), stockout_weeks, mean_stock
        (at the ends of weeks), orders.
    """
    count, weeks = demand.shape
    lead = terms.weeks - 1
    rows = np.arange(count)
    stock = policies[0].point + np.ceil(policies[0].quantity / 2)
    coming = np.zeros((count, weeks + int(lead.max(initial=0)) + 1))
    lost, held, short, orders = (
        np.zeros(count),
        np.zeros(count),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )
    for week in range(weeks):
        point, lot = policies[week // ANEW_WEEKS].point, policies[week // ANEW_WEEKS].quantity
        stock = stock + coming[:, week]
        coming[:, week] = 0.0
        position = stock + coming.sum(axis=1)
        # So many lots that the position is above the point again.
        lots = np.where(position <= point, np.floor((point - position) / np.maximum(lot, 1.0)) + 1, 0.0)
        is_now = lead == 0
        stock = stock + np.where(is_now, lots * lot, 0.0)
        coming[rows, week + lead] += np.where(is_now, 0.0, lots * lot)
        orders += (lots > 0).astype(np.int64)
        missing = np.maximum(demand[:, week] - stock, 0.0)
        stock = np.maximum(stock - demand[:, week], 0.0)
        lost, held, short = lost + missing, held + stock, short + (missing > 0)
    wanted = demand.sum(axis=1)
    return {
        "held_out_units": wanted,
        "fill_rate": np.where(wanted > 0, 1 - lost / np.where(wanted > 0, wanted, 1.0), np.nan),
        "stockout_weeks": short.astype(np.int64),
        "mean_stock": held / max(weeks, 1),
        "orders": orders,
    }
