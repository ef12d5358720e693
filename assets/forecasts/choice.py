"""Which model is used of those that spoke, how wholes and parts are made to agree, and how sure the result is.

All of it as of an origin: of the past forecasts it looks at those whose steps had come by then.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from assets.forecasts.models import MEDIAN, needed
from assets.forecasts.origins import COMBINED, FLOOR, HARMONIC, PANEL, Node, Seen
from assets.forecasts.smoothing import Floats

LEVELS = (80, 95)
LOOKBACK = 12  # origins before, on which models are compared and intervals measured
BUCKETS = {"day": (7, 28, 90), "week": (4, 13), "month": (1, 3)}  # last steps of what is judged together
_UNITS = 10_000  # wholes and parts agree to the last digit that is written
_MARGIN = 1.2  # by which another model must err less than the regression and the median together
_POOL_ORIGINS = 4  # the mean of similar series counts as much as so many origins of its own
# What wholes' variances count for: errors of parts go together, which the diagonal alone does not know. At 1 the daily
# total of Online Retail errs 1.00 of seasonal naive, at 0.3 0.98; below that simulated weeks err more.
_TRUST = {"total": 0.3, "category": 0.55}
_FEW = 9  # forecasts: as many as an interval of 80 % takes errors
_TINY = 1e-9

Past = Mapping[tuple[date, str], Seen]
Integers = npt.NDArray[np.int64]


def before(month: date, count: int) -> date:
    """The month so many before."""
    year, at = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(year, at + 1, 1)


def buckets(grain: str) -> list[slice]:
    """The steps that are judged together."""
    ends = BUCKETS[grain]
    return [slice(first, last) for first, last in zip((0, *ends[:-1]), ends, strict=True)]


def earlier(past: Past, at: Seen) -> list[Seen]:
    """The origins before that one is judged by, oldest first."""
    first = before(at.as_of, LOOKBACK)
    return [
        one for (month, grain), one in sorted(past.items()) if grain == at.grain and first <= month < at.as_of
    ]


def known(one: Seen, by: date) -> npt.NDArray[np.bool_]:
    """Which steps had come by an as_of."""
    return np.array([month is not None and month <= by for month in one.known_by])


def champions(past: Past, at: Seen) -> Integers:
    """Place in `PANEL` of the model of each series: the least mean error (MASE) at earlier origins.

    What was not seen to beat seasonal naive is never used; before anything is known it is the median. Once a year is known,
    the regression on it and the median together are used, unless another erred less by a fifth: to combine errs less than to
    choose by a few origins. The regression alone is judged at origins at which it spoke, and by the rest at the same: counted
    as seasonal naive before, as others are where they were silent, it would be passed over for months.
    """
    origins = earlier(past, at)
    found = np.full(len(at.nodes), PANEL.index(MEDIAN))
    floor, yearly, combined = (PANEL.index(name) for name in (FLOOR, HARMONIC, COMBINED))
    score, places = _scores(origins, at), np.arange(len(at.nodes))
    score[yearly] = np.inf
    is_judged = np.isfinite(score[floor])
    # What is preferred and does not beat seasonal naive stands in nobody's way.
    preferred = np.where(score < score[floor], score, np.inf)
    preferred[combined] /= _MARGIN
    best = preferred.argmin(axis=0)
    found[is_judged] = np.where(np.isfinite(preferred[best, places]), best, floor)[is_judged]
    since = _scores([one for one in origins if np.isfinite(one.means[yearly]).all(axis=1).any()], at)
    found[(since[yearly] < since[floor]) & (since[yearly] < since[found, places])] = yearly
    return found


def _scores(origins: Sequence[Seen], at: Seen) -> Floats:
    """Mean errors of models by series, over origins whose steps had come; infinite where nothing is known.

    A series' own errors are drawn to those of its like (measure and level, by size), by how many origins it has. At an origin
    of which a model said nothing it counts as seasonal naive, the regression and the median together as the median alone;
    one that says nothing now is infinite, too.
    """
    key = {(node.measure, node.level, node.name): row for row, node in enumerate(at.nodes)}
    total, count = np.zeros((len(PANEL), len(at.nodes))), np.zeros(len(at.nodes))
    pooled: dict[tuple[str, str], list[Floats]] = {}
    # Who did not speak wins nothing by it.
    instead = [PANEL.index(MEDIAN if name == COMBINED else FLOOR) for name in PANEL]
    for one in origins:
        steps = known(one, at.as_of)
        errors = scaled_errors(one)[:, :, steps]
        is_judged = (one.scale > 0) & (one.sigma > 0).any(axis=1) & bool(steps.any())
        mean = errors.mean(axis=2) if steps.any() else np.zeros(errors.shape[:2])
        mean = np.where(is_spoken(one), mean, mean[instead])
        for kind, rows in one.pools.items():
            some = rows[is_judged[rows]]
            if len(some):
                # By size: of countries most are small, and seldom sold to.
                pooled.setdefault(kind, []).append(np.average(mean[:, some], axis=1, weights=one.scale[some]))
        here = np.array([key.get((node.measure, node.level, node.name), -1) for node in one.nodes], np.int64)
        there = np.flatnonzero(is_judged & (here >= 0))
        total[:, here[there]] += mean[:, there]
        count[here[there]] += 1
    found = np.full(total.shape, np.inf)
    for kind, rows in at.pools.items():
        if kind in pooled:
            like = np.mean(pooled[kind], axis=0)
            found[:, rows] = (total[:, rows] + _POOL_ORIGINS * like[:, None]) / (count[rows] + _POOL_ORIGINS)
    found[~is_spoken(at)] = np.inf
    return found


def is_spoken(one: Seen) -> npt.NDArray[np.bool_]:
    """Which models said anything of which series: models x series."""
    return np.asarray(np.isfinite(one.means).all(axis=2))


def scaled_errors(one: Seen) -> Floats:
    """Errors without sign over the scale of MASE: models x series x steps; not a number where nothing came."""
    scale = np.where(one.scale > 0, one.scale, 1.0)
    return np.asarray(np.abs(one.means - one.came) / scale[:, None])


def reconciled(nodes: Sequence[Node], mean: Floats, sigma: Floats) -> Floats:
    """Means of which parts add up to wholes to the last digit (4), none below 0; series x steps.

    The least change that makes them agree, changes weighed by the models' variances (Wickramasuriya, Athanasopoulos,
    Hyndman 2019, with the diagonal alone, wholes trusted more); then the parts are rounded and added up.
    """
    rules = _rules(nodes)
    trust = np.array([_TRUST.get(node.level, 1.0) for node in nodes])
    variance = trust[:, None] * sigma**2 + _TINY * (1 + mean**2)
    gap = np.einsum("rn,nh->hr", rules, mean)
    gram = np.einsum("rn,nh,qn->hrq", rules, variance, rules)
    gram += _TINY * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(len(rules))
    moved = np.linalg.solve(gram, gap[..., None])[..., 0]
    close = np.maximum(mean - variance * np.einsum("rn,hr->nh", rules, moved), 0.0)
    units = np.rint(close * _UNITS).astype(np.int64)
    level = np.array([node.level for node in nodes])
    parent = np.array([-1 if node.parent is None else node.parent for node in nodes])
    for row in np.flatnonzero(level == "category"):
        units[row] = units[parent == row].sum(axis=0)
    for row in np.flatnonzero(level == "total"):
        categories, countries = (
            np.flatnonzero((parent == row) & (level == kind)) for kind in ("category", "country")
        )
        units[row] = units[categories if len(categories) else countries].sum(axis=0)
        if len(categories) and len(countries):
            units[countries] = _shared(units[row], close[countries])
    return np.asarray(units / _UNITS)


def _rules(nodes: Sequence[Node]) -> Floats:
    """One row a whole and kind of its parts: the whole less its parts, which must be 0."""
    parts: dict[tuple[int, str], list[int]] = {}
    for row, node in enumerate(nodes):
        if node.parent is not None:
            parts.setdefault((node.parent, node.level), []).append(row)
    rules = np.zeros((len(parts), len(nodes)))
    for at, ((whole, _), rows) in enumerate(parts.items()):
        rules[at, whole] = 1.0
        rules[at, rows] = -1.0
    return rules


def _shared(whole: Integers, weight: Floats) -> Integers:
    """Cut a whole by weight, without a rest: parts x steps. What rounding leaves goes to the largest part."""
    total = weight.sum(axis=0)
    share = np.where(total > 0, weight / np.where(total > 0, total, 1.0), 1 / len(weight))
    parts = np.floor(share * whole).astype(np.int64)
    largest = share.argmax(axis=0)
    parts[largest, np.arange(len(whole))] += whole - parts.sum(axis=0)
    return parts


@dataclass(frozen=True, slots=True)
class Width:
    """Of one bucket of steps and one level: how many deviations to both sides, of how many errors, and if measured."""

    times: float
    errors: int
    is_measured: bool


def width(ratios: Floats, level: int) -> Width:
    """The conformal quantile of errors over deviations, or the normal law's where they, or forecasts, are too few.

    Errors of one forecast go together: ninety days of one origin are nearer to one error than to ninety, and a total is one
    series. So until nine forecasts have told, intervals are no narrower than the normal law's; where that is what holds them
    wide, they are not measured.

    Args:
        ratios: Errors without sign over deviations, forecasts (a series at an origin) x steps; holes are left out.
        level: In percent.
    """
    share = level / 100
    own = NormalDist().inv_cdf(0.5 + share / 2)
    is_known = np.isfinite(ratios)
    found = ratios[is_known]
    if len(found) < needed(share):
        return Width(own, len(found), is_measured=False)
    rank = min(math.ceil((len(found) + 1) * share), len(found))
    times = float(np.partition(found, rank - 1)[rank - 1])
    if times < own and is_known.any(axis=1).sum() < _FEW:
        return Width(own, len(found), is_measured=False)
    return Width(times, len(found), is_measured=True)


def is_telling(mean: Floats, came: Floats, sigma: Floats) -> npt.NDArray[np.bool_]:
    """Which steps tell how sure means are: those that are steps, and of which something was expected or came.

    Days on which a small country buys nothing, as expected, are most of its days: counted as held they would make intervals
    too narrow for all others.
    """
    return np.asarray((sigma > 0) & (np.maximum(mean, came) > 0))


def ratios(one: Seen, mean: Floats, by: date) -> Floats:
    """Errors without sign of means over deviations; not a number where the step had not come by then or tells nothing."""
    is_step = known(one, by) & is_telling(mean, one.came, one.sigma)
    found = np.abs(mean - one.came) / np.where(one.sigma > 0, one.sigma, 1.0)
    return np.asarray(np.where(is_step, found, np.nan))


def widths(
    found: Sequence[tuple[Mapping[tuple[str, str], Integers], Floats]], kind: tuple[str, str], grain: str
) -> list[dict[int, Width]]:
    """For each bucket of steps, the width of each level, by the errors of all series of one kind at all origins.

    Args:
        found: Of each origin the places of series by kind, and `ratios`.
        kind: Measure and level.
        grain: day, week or month.
    """
    of_kind = [values[pools[kind]] for pools, values in found if kind in pools]
    return [
        {
            level: width(
                np.concatenate(
                    [np.zeros((0, steps.stop - steps.start)), *(values[:, steps] for values in of_kind)]
                ),
                level,
            )
            for level in LEVELS
        }
        for steps in buckets(grain)
    ]
