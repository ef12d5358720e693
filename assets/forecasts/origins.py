"""Forecasts of a shop's sales as of many months at once: what was known then, and what each model says of it.

Rows of `core` become series by day, week and month; each as_of month is an origin that sees what lies before it; all
models speak for all series and origins of one length in one pass. Which of them is used, and how sure it is, is in
`assets.forecasts.sales`.

Days on which the shop is closed are learned: a weekday that is closed as a rule has no steps, and holidays on
which nobody sold anything are filled before models see them, and foretold as 0.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import count, groupby, islice
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.forecasts import models, smoothing
from assets.forecasts.smoothing import Floats, exponential
from assets.threads import pools_at_most
from warehouse.errors import TillageError

STEPS = {"day": 90, "week": 13, "month": 3}
_SEASON = {"week": 52, "month": 12}
# What lies further back changes nothing a model says; days of three years tell the year's season better than one.
RECENT = {"day": 420, "week": 156, "month": 72}
_LONGEST = {**RECENT, "day": 940}
BESIDES = ("naive", "seasonal naive", "mean of 8 seasons", "rolling mean", "line with season", "Croston")
YEARLY = "median, moved as a year before"
HARMONIC = "harmonic regression"
COMBINED = "regression and median"
OWN = (*BESIDES, *models.DIVERSE, models.MEDIAN, YEARLY, HARMONIC, COMBINED)
PANEL = (*OWN, *models.LIBRARY)
_ALWAYS = len(OWN) - 2  # models that speak of every series: the last two do of days, once a year is known
# To the last bit the models' sums follow how many series are asked at once: what is said would be of the run, too.
_DIGITS = 6
# What the regression counts for, for each year that it saw, where the median counts for one.
_PARTS_A_YEAR = 4
FLOOR = "seasonal naive"
EVERYWHERE = "All"
_TOP_SHARE = 0.8
_WEEKDAY_OPEN = 0.2  # of its last twelve: a weekday open less often is closed
_HOLIDAY_CLOSED = 0.6
_DAYS_A_YEAR = 365.2425
_MOST_LIFT = 1.61  # the logarithm of five: what an event does at most
_CHRISTMAS = ((12, 20), (1, 6))
YEAR = {"day": 365, "week": 52, "month": 12}
_TRUNCATE = {"day": "1d", "week": "1w", "month": "1mo"}
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
# Models x steps and deviations, by what a series was (`_digest`).
Said = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Node:
    """One series: amount or orders, of all, a country, a category, or a product.

    Attributes:
        measure: amount or orders.
        level: total, country, category or product.
        name: All, or which of them; "Rest of X" for the products of a category that are too small each.
        parent: Place of the series that it is part of; None for the total.
        is_rest: Whether it is such a rest.
    """

    measure: str
    level: str
    name: str
    parent: int | None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The series of one grain, as they were at one origin, and what models say of them.

    Attributes:
        as_of: The month at whose end they are seen.
        grain: day, week or month.
        nodes: The series.
        pools: Places of those that are alike, of one measure and level.
        ahead: First days of the steps ahead.
        means: Models (`PANEL`) x series x steps; not a number where a model of a library was not asked, or failed.
        sigma: Deviations of exponential smoothing, series x steps.
        scale: Mean error of the seasonal naive one season ahead in the past (of naive where there is less than one),
            series: that of MASE.
        came: What came, series x steps; not a number where it was not known by the last row.
        known_by: By which as_of each step was known; None where it is not.
        reasons: Of each series, why naive stood in for all models; None where it did not.
        failed: Which models gave no number, and naive stood in: models x series.
    """

    as_of: date
    grain: str
    nodes: tuple[Node, ...]
    pools: Mapping[tuple[str, str], Integers]
    ahead: tuple[date, ...]
    means: Floats
    sigma: Floats
    scale: Floats
    came: Floats
    known_by: tuple[date | None, ...]
    reasons: tuple[str | None, ...]
    failed: Booleans


@dataclass(frozen=True, slots=True)
class Event:
    """One time that something takes place, from the first day to the last.

    Everywhere (None) or in a country; of all that is sold (None) or of a category, and then everywhere.
    """

    name: str
    first: date
    last: date
    country: str | None
    category: str | None = None


def events_of(rows: pl.DataFrame) -> tuple[Event, ...]:
    """The rows of grain "event".

    Raises:
        TillageError: If one is of a category that there is not.
    """
    if "event" not in rows.columns:
        return ()
    found = rows.filter(pl.col("grain") == "event").sort("event", "starts_on", "country", "category")
    unknown = found.filter(~pl.col("is_known"))
    if unknown.height:
        name, category = unknown.select("event", "category").row(0)
        raise TillageError(
            f"The event {name} in seeds/events.csv is of the category {category}, and there is none of that name. Write "
            "it as seeds/categories.csv does (Other for what that does not name), or leave it empty for the whole shop."
        )
    return tuple(
        Event(name, first, last, None if country == EVERYWHERE else country, category)
        for name, first, last, country, category in found.select(
            "event", "starts_on", "last_day", "country", "category"
        ).iter_rows()
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """All of one grain: which series there are, their first days and values."""

    grain: str
    keys: pl.DataFrame  # measure, level, name, category; in order of its rows
    starts: tuple[date, ...]
    values: Floats
    first: Integers  # of each series the step of its first row, of nothing sold too

    def until(self, day: date) -> int:
        """How many whole steps end before `day`."""
        return sum(_end(self.grain, start) <= day for start in self.starts)


def _end(grain: str, start: date) -> date:
    """The day after a step."""
    if grain == "month":
        return date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return start + timedelta(days=7 if grain == "week" else 1)


def seen(
    rows: pl.DataFrame, references: Mapping[date, date], country: str | None
) -> dict[tuple[date, str], Seen]:
    """Let every model speak for every series as of each month.

    Args:
        rows: grain, starts_on (first day of the step), country, product_id, category, orders, amount: days by country,
            weeks and months by product. Orders of products do not add up, and are not given. Where there are as_of,
            measure, level, series, model, step and mean, rows that have them are of `forecasts.rivals`; where there are
            digest, means and sigma, of `forecasts.said`; where there are event, last_day and is_known (whether there is its
            category), rows of grain "event" are of `seeds.events`.
        references: Of each as_of month the first day ahead, as `assets.days.first_days_ahead` has it.
        country: Whose holidays are looked for, as ISO 3166 has it; None for none.
    """
    rivals = rows.filter(pl.col("model").is_not_null()) if "model" in rows.columns else None
    found: dict[tuple[date, str], Seen] = {}
    for grain, asked in spoken(rows, references, country):
        if rivals is not None:
            _hear(asked, rivals.filter(pl.col("grain") == grain))
        found |= {(one.as_of, grain): one.seen(references) for one in asked}
    return found


def spoken(
    rows: pl.DataFrame,
    references: Mapping[date, date],
    country: str | None,
    said: Said | None = None,
) -> "Iterator[tuple[str, list[Asked]]]":
    """Let our own models speak as `seen` does, grain by grain; what they say is added to `said`."""
    said = {} if said is None else said
    if "digest" in rows.columns:
        said.update(_kept(rows.filter(pl.col("digest").is_not_null())))
    rows = rows.filter(pl.col("model").is_null()) if "model" in rows.columns else rows
    events = events_of(rows)
    finer: dict[date, dict[str, Asked]] = {}
    for grain in STEPS if references and not rows.is_empty() else ():
        table = steps_of(rows, grain, max(references.values()))
        if table.starts:
            with pools_at_most(1):
                asked = [
                    Asked.of(table, as_of, day, country, events, finer.get(as_of, {}))
                    for as_of, day in references.items()
                ]
                asked = [one for one in asked if one.length]
                for one in asked:
                    finer.setdefault(one.as_of, {})[grain] = one
                _speak(asked, grain, said)
            yield grain, asked


def _kept(rows: pl.DataFrame) -> Said:
    """What `forecasts.said` keeps."""
    means, sigma = (rows[name].explode(empty_as_null=False).to_numpy() for name in ("means", "sigma"))
    ends, steps = (rows[name].list.len().to_numpy().cumsum().astype(np.int64) for name in ("means", "sigma"))
    starts, firsts = (np.concatenate([[0], at[:-1]]) if len(at) else at for at in (ends, steps))
    return {
        digest: (means[start:end].reshape(-1, last - first), sigma[first:last])
        for digest, start, end, first, last in zip(rows["digest"], starts, ends, firsts, steps, strict=True)
    }


def country_of(rows: pl.DataFrame) -> str | None:
    """Whose holidays are looked for, as all rows of series say it."""
    found = rows["holiday_country"].drop_nulls().first() if rows["holiday_country"].count() else None
    return None if found is None else str(found)


def steps_of(rows: pl.DataFrame, grain: str, until: date) -> Steps:
    """Series x steps of one grain, zeros where nothing was sold; days without a row before `until` are steps, too."""
    amount, orders = pl.col("amount").cast(pl.Float64), pl.col("orders").cast(pl.Float64)
    days = rows.filter((pl.col("grain") == "day") & pl.col("country").is_not_null())
    days = days.with_columns(starts_on=pl.col("starts_on").dt.truncate(_TRUNCATE[grain]))
    parts = [
        days.select("starts_on", pl.lit(measure).alias("measure"), pl.lit("country").alias("level"),
                    pl.col("country").alias("name"), pl.lit(None, pl.String).alias("category"), value.alias("value"))
        for measure, value in (("amount", amount), ("orders", orders))
    ]  # fmt: skip
    if grain != "day":
        category = (
            rows.filter(pl.col("category").is_not_null() & pl.col("product_id").is_not_null())
            .sort("product_id", "starts_on")
            .group_by("product_id", maintain_order=True)
            .agg(pl.col("category").first())
        )
        goods = rows.filter((pl.col("grain") == grain) & pl.col("product_id").is_not_null()).drop("category")
        goods = goods.join(category, on="product_id", how="left", maintain_order="left")
        parts.append(
            goods.select("starts_on", pl.lit("amount").alias("measure"), pl.lit("product").alias("level"),
                         pl.col("product_id").alias("name"), "category", amount.alias("value"))
        )  # fmt: skip
    every = (
        pl.concat(parts)
        .group_by("measure", "level", "name", "category", "starts_on")
        .agg(pl.col("value").sum())
    )
    keys = every.select("measure", "level", "name", "category").unique().sort("measure", "level", "name")
    starts = _calendar(grain, every["starts_on"], until)
    values = np.zeros((keys.height, len(starts)))
    places = pl.DataFrame(
        {"starts_on": starts, "step": range(len(starts))}, {"starts_on": pl.Date, "step": pl.Int64}
    )
    placed = every.join(keys.with_row_index("row"), on=["measure", "level", "name"]).join(
        places, on="starts_on"
    )
    # Sums of floats in the order of rows would differ in the last digit.
    values[placed["row"].to_numpy(), placed["step"].to_numpy()] = placed["value"].round(4).to_numpy()
    first = np.full(keys.height, len(starts))
    np.minimum.at(first, placed["row"].to_numpy(), placed["step"].to_numpy())
    return Steps(grain, keys, starts, values, first)


def _calendar(grain: str, starts: pl.Series, until: date) -> tuple[date, ...]:
    if starts.is_empty():
        return ()
    last = pl.lit(until - timedelta(days=1)).dt.truncate(_TRUNCATE[grain])
    last = pl.max_horizontal(pl.col("starts_on").max(), last)
    every = pl.date_range(pl.col("starts_on").min(), last, _TRUNCATE[grain])
    return tuple(starts.to_frame("starts_on").select(every).to_series().to_list())


@dataclass(slots=True)
class Asked:
    """The series of one origin on their way through the models."""

    as_of: date
    grain: str
    table: Steps
    nodes: tuple[Node, ...]
    values: Floats  # of whole steps before the origin, series x time
    later: Floats  # of those after it
    length: int
    ahead: tuple[date, ...]
    places: Any  # of the steps ahead on the axis of the models; -1 where the shop is closed
    axis: Floats  # what models see
    past: Floats  # by which events multiplied it before it was divided by this, series x time
    stamps: tuple[date, ...]  # first days of its steps
    lift: Floats  # by which events ahead multiply what models say, series x steps
    period: int
    means: Floats
    sigma: Floats
    reasons: list[str | None]
    failed: Booleans
    digests: list[str]  # of the series that models were asked of

    @classmethod
    def of(
        cls,
        table: Steps,
        as_of: date,
        reference: date,
        country: str | None,
        events: Sequence[Event] = (),
        finer: "Mapping[str, Asked]" = MappingProxyType({}),
    ) -> "Asked":
        """The series of a grain as of a month whose future begins on `reference`.

        What events did is taken out of what models see: of days, and of weeks and months by what they did on the days of
        the same month. Categories have no days: what their own events did is read off their weeks. Days and weeks as of the
        same month are `finer`, by grain. `country` is that of holidays.
        """
        grain, length, steps = table.grain, table.until(reference), STEPS[table.grain]
        nodes, every = nodes_of(table, length)
        values, later = every[:, :length], every[:, length : length + steps]
        first = table.starts[length] if length < len(table.starts) else _end(grain, table.starts[-1])
        ahead = [first]
        while len(ahead) < steps:
            ahead.append(_end(grain, ahead[-1]))
        axis, places, period = values[:, -_LONGEST[grain] :], np.arange(steps), _SEASON.get(grain, 7)
        stamps = table.starts[:length][-_LONGEST[grain] :]
        if grain == "day" and length:
            axis, places, period, stamps = _open_days(table, values, tuple(ahead), country)
        shape = (len(nodes), steps)
        past, lift = np.ones(axis.shape), np.ones(shape)
        if length and events:
            of_all = [one for one in events if one.category is None]
            if grain == "day":
                past, lift = event_lifts(axis, stamps, tuple(ahead), nodes, of_all, period)
            elif "day" in finer:
                past, lift = (finer["day"].lifts(nodes, grain, some) for some in (stamps, ahead))
            for category in dict.fromkeys(one.category for one in events if one.category is not None):
                rows = of_category(nodes, category)
                some = [one for one in events if one.category == category]
                if grain == "week" and rows:
                    whole = rows[:1]
                    own = event_lifts(
                        axis[whole] / past[whole], stamps, tuple(ahead), [nodes[rows[0]]], some, 1, grain
                    )
                    past[rows], lift[rows] = past[rows] * own[0], lift[rows] * own[1]
                elif "week" in finer:
                    past[rows], lift[rows] = (
                        finer["week"].lifts(nodes, grain, steps_)[rows] for steps_ in (stamps, ahead)
                    )
            axis = axis / past
        means = np.zeros((len(PANEL), *shape))
        means[_ALWAYS:] = np.nan
        return cls(
            as_of, grain, table, nodes, values, later, length, tuple(ahead), places, axis, past, stamps, lift,
            period, means, np.zeros(shape), [None] * len(nodes),
            np.zeros((len(PANEL), len(nodes)), dtype=np.bool_), [],
        )  # fmt: skip

    def months(self) -> Integers | None:
        """Calendar months of the days that models see, and of as many ahead as they speak of; None where steps are longer."""
        if self.grain != "day":
            return None
        weekdays = {day.weekday() for day in self.stamps}
        later = (self.ahead[0] + timedelta(days=at) for at in count())
        ahead = islice((day for day in later if day.weekday() in weekdays), STEPS["day"])
        return np.array([day.month for day in (*self.stamps, *ahead)], dtype=np.int64)

    def lifts(self, nodes: Sequence[Node], grain: str, starts: Sequence[date]) -> Floats:
        """By how much events of these days (or weeks) multiply longer steps: series x steps.

        The mean of theirs by what they sell without events; a week that lies in two months counts in both by its days. What
        has no days, categories and products among it, moves as the total does.
        """
        rows = {(node.measure, node.level, node.name): row for row, node in enumerate(self.nodes)}
        # A country that was sold to years ago has weeks, and no days that are looked at.
        of = [
            rows.get((node.measure, node.level, node.name), rows[node.measure, "total", "All"])
            for node in nodes
        ]
        is_ahead = self.places >= 0
        month = 4 * self.period if self.grain == "day" else 4
        usual = self.axis[:, -month:].mean(axis=1, keepdims=True)
        weight = np.hstack([self.axis, np.repeat(usual, is_ahead.sum(), axis=1)])
        lift = np.hstack([self.past, self.lift[:, is_ahead]])
        days = [
            *self.stamps,
            *(day for day, is_open in zip(self.ahead, is_ahead, strict=True) if is_open),
        ]
        first, after = _span(self.grain, days)
        share = _shared(first[:, None], after[:, None], *_span(grain, starts))
        whole = weight @ share
        found = np.where(whole > 0, (weight * lift) @ share / np.where(whole > 0, whole, 1.0), 1.0)
        return np.asarray(found[of])

    def hear(self, digests: Mapping[int, str], said: Said) -> None:
        """Take in what models said of series, by their place: all at once, for as many models speak of each as of all.

        Where a model gave no number the last value stands in. A closed day is 0.
        """
        self.digests += digests.values()
        rows, found = np.array(list(digests)), [said[digest] for digest in digests.values()]
        means, sigma = (np.stack(each) for each in zip(*found, strict=True))
        means = means.swapaxes(0, 1)
        failed = ~np.isfinite(means).all(axis=2)
        means = np.where(failed[:, :, None], self.axis[rows, -1:], means)
        ahead = np.flatnonzero(self.places >= 0)
        at, places, lift = rows[:, None], self.places[ahead], self.lift[rows[:, None], ahead]
        self.means[: len(means), rows] = 0.0
        self.means[: len(means), at, ahead] = means[:, :, places] * lift
        self.sigma[at, ahead] = sigma[:, places] * lift
        self.failed[: len(means), rows] = failed

    def seen(self, references: Mapping[date, date]) -> Seen:
        """What was said, beside what came by the as_of months of `references`."""
        steps = STEPS[self.grain]
        came = np.full((len(self.nodes), steps), np.nan)
        known_by: list[date | None] = []
        for step, start in enumerate(self.ahead):
            end = _end(self.grain, start)
            by = min((as_of for as_of, day in references.items() if end <= day), default=None)
            known_by.append(by)
            if by is not None and step < self.later.shape[1]:
                came[:, step] = self.later[:, step]
        past = self.values[:, -RECENT[self.grain] :]
        lag = 7 if self.grain == "day" else self.period
        lag = lag if past.shape[1] > lag else 1
        apart = np.abs(past[:, lag:] - past[:, :-lag])
        scale = apart.mean(axis=1) if apart.shape[1] else np.zeros(len(past))
        return Seen(
            self.as_of, self.grain, self.nodes, pools_of(self.nodes), self.ahead, self.means, self.sigma, scale, came,
            tuple(known_by), tuple(self.reasons), self.failed,
        )  # fmt: skip


def nodes_of(table: Steps, length: int) -> tuple[tuple[Node, ...], Floats]:
    """The series as of an origin, wholes before their parts, and their values over all steps."""
    keys, values = table.keys, table.values
    names, categories = keys["name"].to_list(), keys["category"].to_list()
    nodes: list[Node] = []
    parts: list[Floats] = []
    # What never sold has rows that say so.
    is_known = table.first < length
    recent = values[:, max(length - YEAR[table.grain], 0) : length].sum(axis=1)
    for measure in ("amount", "orders"):
        of_countries = keys.select(
            (pl.col("measure") == measure) & (pl.col("level") == "country")
        ).to_series()
        at = np.flatnonzero(of_countries.to_numpy() & is_known).tolist()
        total = len(nodes)
        nodes.append(Node(measure, "total", "All", None))
        parts.append(values[np.flatnonzero(of_countries.to_numpy())].sum(axis=0).round(4))
        for row in at:
            nodes.append(Node(measure, "country", names[row], total))
            parts.append(values[row])
        if measure == "orders":
            continue
        goods = np.flatnonzero((keys["level"] == "product").to_numpy() & is_known)
        order = goods[np.argsort(-recent[goods], kind="stable")]
        before = np.cumsum(recent[order]) - recent[order]
        top = set(order[before < _TOP_SHARE * recent[order].sum()].tolist())
        by_category = sorted(goods.tolist(), key=categories.__getitem__)  # and by name, as they are
        for category, members in groupby(by_category, key=categories.__getitem__):
            rows = list(members)
            whole = len(nodes)
            nodes.append(Node(measure, "category", category, total))
            parts.append(values[rows].sum(axis=0).round(4))
            for row in rows:
                if row in top:
                    nodes.append(Node(measure, "product", names[row], whole))
                    parts.append(values[row])
            rest = [row for row in rows if row not in top]
            if rest:
                nodes.append(Node(measure, "product", f"Rest of {category}", whole, is_rest=True))
                parts.append(values[rest].sum(axis=0).round(4))
    return tuple(nodes), np.stack(parts) if parts else np.zeros((0, len(table.starts)))


def of_category(nodes: Sequence[Node], category: str) -> list[int]:
    """Places of the series of a category and of its products, its own first; none where it was not sold."""
    of = [row for row, node in enumerate(nodes) if (node.level, node.name) == ("category", category)]
    return of + [row for row, node in enumerate(nodes) if node.parent in of]


def pools_of(nodes: Sequence[Node]) -> dict[tuple[str, str], Integers]:
    """Places of series that are alike: of one measure and level."""
    found: dict[tuple[str, str], list[int]] = {}
    for row, node in enumerate(nodes):
        found.setdefault((node.measure, node.level), []).append(row)
    return {kind: np.array(rows) for kind, rows in found.items()}


def _open_days(
    table: Steps, values: Floats, ahead: tuple[date, ...], country: str | None
) -> tuple[Floats, Integers, int, tuple[date, ...]]:
    """The days on which the shop is open as a rule, holidays filled; places of those ahead among them; days a week; dates."""
    days = np.array(table.starts[: values.shape[1]])
    weekday = np.array([day.weekday() for day in days])
    is_open = values.sum(axis=0) > 0
    open_weekdays = weekdays_of(weekday, is_open)
    closed = _closed(days, is_open, open_weekdays, ahead, country)
    kept = np.flatnonzero(np.isin(weekday, open_weekdays))[-_LONGEST["day"] :]
    axis = values[:, kept].copy()
    for at in open_weekdays:
        own = np.flatnonzero(weekday[kept] == at)
        good = own[is_open[kept][own]]
        for place in own[~is_open[kept][own]]:
            # A holiday says nothing of its weekday: the nearest ones that were open do.
            near = good[np.argsort(np.abs(good - place), kind="stable")[:4]]
            axis[:, place] = values[:, kept[near]].mean(axis=1) if len(near) else 0.0
    places, number = [], 0
    for day in ahead:
        is_step = day.weekday() in open_weekdays
        places.append(number if is_step and day not in closed else -1)
        number += is_step
    return axis, np.array(places), len(open_weekdays), tuple(days[kept])


def weekdays_of(weekday: Integers, is_open: Booleans) -> list[int]:
    """The weekdays on which the shop is open as a rule, 0 for Monday; all where it is open on none."""
    found = [
        at for at in range(7) if (weekday == at).any() and is_open[weekday == at][-12:].mean() > _WEEKDAY_OPEN
    ]
    return found or list(range(7))


def _closed(
    days: Any, is_open: Booleans, open_weekdays: Sequence[int], ahead: Iterable[date], country: str | None
) -> set[date]:
    """Days ahead on which the shop will be closed, by what it did on holidays, and around the last Christmas."""
    closed = {
        day
        for day, was_open in zip(days, is_open, strict=True)
        if not was_open and day.weekday() in open_weekdays
    }
    known = set(days)
    holidays: frozenset[date] = frozenset()
    ahead = list(ahead)
    if country is not None and len(days):
        holidays = holidays_of(country, tuple(range(days[0].year, ahead[-1].year + 1)))
    past = {day for day in holidays & known if day.weekday() in open_weekdays}
    is_kept = len(past) >= 2 and len(past & closed) > _HOLIDAY_CLOSED * len(past)
    free = holidays if is_kept else frozenset()
    found = {day for day in ahead if day in free}

    def nearest(day: date, by: int, but: frozenset[date] = frozenset()) -> date:
        """The nearest day, itself or to one side, that is neither of a closed weekday nor one of some others."""
        while day.weekday() not in open_weekdays or day in but:
            day += timedelta(days=by)
        return day

    def is_alone(day: date) -> bool:
        """Whether it is no holiday, and the shop was open on the days of its week before and after: a day that is missing."""
        is_beside = any(nearest(day + timedelta(days=by), by) in closed for by in (-1, 1))
        return bool(holidays) and day not in holidays and not is_beside

    for day in ahead:
        if (day.month, day.day) >= _CHRISTMAS[0] or (day.month, day.day) <= _CHRISTMAS[1]:
            # A holiday moves (the 27th for a 25th on a Sunday), so that alone says nothing of its date: it was part of
            # a closed time if a day beside it was closed, and a closed weekday if both were.
            before = day.replace(year=day.year - 1)
            beside = [nearest(before, by, free) in closed for by in (-1, 1)]
            if (any(beside) and not is_alone(before)) if before in closed else all(beside):
                found.add(day)
    return found


@cache
def holidays_of(country: str, years: tuple[int, ...]) -> frozenset[date]:
    """The public holidays of a country, or part of one (GB-ENG); none where it is not known."""
    import holidays

    whole, _, part = country.partition("-")
    parts = holidays.list_supported_countries().get(whole)
    if parts is None or (part and part not in parts):
        return frozenset()
    return frozenset(holidays.country_holidays(whole, subdiv=part or None, years=list(years)))


def _speak(asked: Sequence[Asked], grain: str, said: Said) -> None:
    """Run every model over all series, those of one length and season (and, of days, of one origin) at once.

    What was said before is not worked out again; what is said now is added to `said`.
    """
    groups: dict[tuple[int, int, bool, date | None], list[tuple[int, int, int]]] = {}
    for number, one in enumerate(asked):
        is_sold, size = one.axis > 0, one.axis.shape[1]
        # Days before the first sale say nothing; by day they stay, so that few lengths differ.
        firsts = is_sold.argmax(axis=1) if grain != "day" else np.zeros(len(is_sold), dtype=np.int64)
        is_whole = is_sold.sum(axis=1) == size - firsts
        recent = is_sold[:, -RECENT[grain] :]
        day = one.ahead[0] if grain == "day" else None
        each = zip(firsts.tolist(), (recent.sum(axis=1) > 0).tolist(), is_whole.tolist(), strict=True)
        for row, (first, is_recent, is_positive) in enumerate(each):
            if not is_recent:
                one.reasons[row] = f"nothing was sold in {recent.shape[1]} {grain}s"
                continue
            if size - first < models.LEAST:
                one.reasons[row] = f"{size - first} observations are too few to fit anything"
            groups.setdefault((size - first, one.period, is_positive, day), []).append((number, row, first))
    spoken_of: list[dict[int, str]] = [{} for _ in asked]
    for (length, period, is_positive, day), members in groups.items():
        values = np.stack([asked[number].axis[row, first:] for number, row, first in members])
        keys = [_digest(row, period, grain, day) for row in values]
        new = list({key: at for at, key in enumerate(keys) if key not in said}.values())
        if new:
            if length < models.LEAST:
                few = models.panel("naive", values[new], period, STEPS[grain], is_positive=is_positive)
                means, sigma = np.repeat(few.mean[None], _ALWAYS, axis=0), few.sigma
            else:
                months = asked[members[0][0]].months()
                means, sigma = _all_models(
                    values[new], period, STEPS[grain], grain, months, is_positive=is_positive
                )
            means, sigma = means.round(_DIGITS), sigma.round(_DIGITS)
            said |= {keys[at]: (means[:, row], sigma[row]) for row, at in enumerate(new)}
        for (number, row, _), key in zip(members, keys, strict=True):
            spoken_of[number][row] = key
    for one, digests in zip(asked, spoken_of, strict=True):
        if digests:
            one.hear(digests, said)


def _digest(values: Floats, period: int, grain: str, day: date | None) -> str:
    """What models look at, and nothing else; `day` is the first ahead, of days."""
    return hashlib.blake2b(
        values.tobytes(), digest_size=16, person=f"{grain} {period}".encode(), salt=f"{day}".encode()
    ).hexdigest()


def event_lifts(
    values: Floats,
    stamps: Sequence[date],
    ahead: Sequence[date],
    nodes: Sequence[Node],
    events: Sequence[Event],
    period: int,
    grain: str = "day",
) -> tuple[Floats, Floats]:
    """By how much events multiplied sales, and will: series x steps, and series x steps ahead, 1 where there is none.

    A day of an event is compared with the same weekdays in the three weeks before and after that have none (a week, with a
    `period` of 1, with those weeks); the mean of the logarithms is drawn to 0 by what chance alone would make of it. A week
    of which an event takes a share is moved by that share. An event in a country moves its series and the total's.
    """
    past, later = np.ones(values.shape), np.ones((len(nodes), len(ahead)))

    def during(starts: Sequence[date], some: Sequence[Event]) -> Floats:
        """The share of each step that events take."""
        first, after = _span(grain, starts)
        found = np.zeros(len(starts))
        for one in some:
            found += _shared(first, after, one.first.toordinal(), one.last.toordinal() + 1)
        return np.minimum(found, 1.0)

    plain = np.where((during(stamps, events) > 0) | (values <= 0), np.nan, values)
    near = np.full((6, *values.shape), np.nan)
    for at, weeks in enumerate((-3, -2, -1, 1, 2, 3)):
        lag = weeks * period
        if abs(lag) < values.shape[1]:
            source = slice(max(lag, 0), values.shape[1] + min(lag, 0))
            near[at, :, max(-lag, 0) : values.shape[1] - max(lag, 0)] = plain[:, source]
    has_level = np.isfinite(near).any(axis=0)
    level = np.nanmedian(np.where(has_level, near, 1.0), axis=0)
    is_known = has_level & (values > 0)
    apart = np.where(is_known, np.log(np.where(is_known, values, 1.0) / level), 0.0)
    others = is_known & np.isfinite(plain)
    noise = (apart**2 * others).sum(axis=1) / np.maximum(others.sum(axis=1), 1)
    for name, country in dict.fromkeys((one.name, one.country) for one in events):
        some = [one for one in events if (one.name, one.country) == (name, country)]
        share = during(stamps, some)
        count = (is_known * share**2).sum(axis=1)
        least = np.where(count > 0, count, 1.0)
        effect = (apart * is_known * share).sum(axis=1) / least
        kept = 1 - noise / least / np.maximum(effect**2, 1e-12)
        is_there = [country is None or node.level == "total" or node.name == country for node in nodes]
        effect = np.where(is_there & (count > 0), effect * np.clip(kept, 0.0, 1.0), 0.0)
        past *= np.exp(np.clip(effect[:, None] * share, -_MOST_LIFT, _MOST_LIFT))
        later *= np.exp(np.clip(effect[:, None] * during(ahead, some), -_MOST_LIFT, _MOST_LIFT))
    return past, later


def _span(grain: str, starts: Sequence[date]) -> tuple[Integers, Integers]:
    """The first days of steps and the days after their last, as numbers."""
    after = [_end(grain, start).toordinal() for start in starts]
    return np.array([start.toordinal() for start in starts]), np.array(after)


def _shared(first: Any, after: Any, other_first: Any, other_after: Any) -> Floats:
    """The share of steps that lies in others, each from its first day to the day after its last."""
    days = np.minimum(after, other_after) - np.maximum(first, other_first)
    return np.asarray(np.maximum(days, 0) / (after - first))


def _hear(asked: Sequence[Asked], rivals: pl.DataFrame) -> None:
    """Take in what models of libraries said as of each origin."""
    key = ["as_of", "measure", "level", "series", "model"]
    said = {
        of: np.array(means, dtype=np.float64)
        for *of_, means in rivals.sort("step").group_by(key, maintain_order=True).agg("mean").iter_rows()
        for of in [tuple(of_)]
    }
    for one in asked:
        for row, node in enumerate(one.nodes):
            for place, name in enumerate(models.LIBRARY, len(OWN)):
                means = said.get((one.as_of, node.measure, node.level, node.name, name))
                if means is not None and len(means) == len(one.ahead):
                    one.means[place, row] = means


def _all_models(
    every: Floats, period: int, steps: int, grain: str, months: Integers | None, *, is_positive: bool
) -> tuple[Floats, Floats]:
    """Models x series x steps, and the deviations of exponential smoothing; `months` are those of days, past and ahead."""
    if grain == "day":
        every = smoothing.without_outliers(every, period)
    values = every[:, -RECENT[grain] :]
    scale = exponential(values, period, steps, is_positive=is_positive)
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)

    def within(mean: Floats) -> Floats:
        return np.maximum(np.clip(mean, low - (high - low), high + (high - low)), 0.0)

    found = []
    for name in (*BESIDES, *models.DIVERSE):
        mean = scale.mean if name == "ETS" else models.MODELS[name](values, period, steps, is_positive)
        found.append(within(mean))
    diverse = [found[OWN.index(name)] for name in (*models.DIVERSE, "mean of 8 seasons")]
    median = np.median(np.stack(diverse), axis=0)
    around = {"day": 4 * period, "week": 4, "month": 1}[grain]
    year = 52 * period if grain == "day" else _SEASON[grain]
    found += [median, smoothing.last_years(values, median, year, around)]
    length = _DAYS_A_YEAR / 7 * period
    # A shop that opened on the fourth of January has its year by the end of December.
    if grain == "day" and every.shape[1] >= length - period:
        mean = within(
            smoothing.harmonic(every, steps, period, length, around, is_positive=is_positive, months=months)
        )
        parts = _PARTS_A_YEAR * every.shape[1] / length
        found += [mean, (parts * mean + median) / (parts + 1)]
    return np.stack(found), np.minimum(scale.sigma, 3 * (high - low))
