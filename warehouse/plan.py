"""What is out of date, and why: the same answer for the command line, the sensor and the UI.

A month of a table is current when its record names the code and the inputs that it would be made
from now. A build that gave equal rows has an equal version, so nothing after it becomes stale. A month
that was refused is not tried again before its code or its inputs change. Where files took a first or last month back,
nothing is made for it any more, and what is left of it is taken away.

A table that reads itself is a chain: a month is made from the month before. Of its months that were made only
the newest is ever asked for again; older ones that are out of step are provisional, until a person forces them.
Of a table that is served only the newest month is asked for at all; a chain that is served is made from the last of
its months that has rows.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from warehouse.contract import Sees
from warehouse.records import NOTHING, Records, Refusals


@dataclass(frozen=True)
class Node:
    """One table of the graph: the fingerprint of its code, and its inputs."""

    code: str
    inputs: Mapping[str, Sees]
    is_monthly: bool = True
    is_served: bool = False


def month_range(first: date, last: date) -> list[date]:
    """Every first of a month from `first` to `last`, both included."""
    return [
        date(index // 12, index % 12 + 1, 1)
        for index in range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    ]


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(month: date) -> date:
    """The first day of the month before."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


@dataclass(frozen=True)
class Plan:
    """The records of the lake seen through the graph.

    Attributes:
        graph: Tables by name, each after its inputs. What files bring (landing.orders, landing.reviews) is no node: it
            is known by its records alone.
        records: The newest record of every month of every table.
        refusals: What stands refused.
    """

    graph: Mapping[str, Node]
    records: Records
    refusals: Refusals

    @cached_property
    def _months(self) -> dict[str, list[date]]:
        seen: dict[str, list[date]] = {}
        for (table, month), record in self.records.items():
            if month is not None and table not in self.graph and record.version != NOTHING:
                seen.setdefault(table, []).append(month)
        ranges = {table: month_range(min(months), max(months)) for table, months in seen.items()}
        for name, node in self.graph.items():
            if node.is_monthly:
                found = sorted({month for source in node.inputs for month in ranges.get(source, [])})
                ranges[name] = month_range(found[0], found[-1]) if found else []
        return ranges

    @cached_property
    def _left(self) -> dict[str, list[date]]:
        """Months that have rows of tables that are made for them no more."""
        made = {table: set(months) for table, months in self._months.items()}
        left: dict[str, list[date]] = {}
        for (table, month), record in self.records.items():
            if month is not None and record.version != NOTHING and month not in made.get(table, {month}):
                left.setdefault(table, []).append(month)
        return left

    def months(self, name: str) -> list[date | None]:
        """Every month the table is made for: first to last that its sources have rows of, empty ones between too."""
        node = self.graph.get(name)
        return [None] if node is not None and not node.is_monthly else list(self._months.get(name, []))

    def inputs(self, name: str) -> dict[date | None, str]:
        """Fingerprint, for each month, the versions that it would be made from now."""
        months = self.months(name)
        seen: dict[date | None, list[str]] = {month: [] for month in months}
        for table, sees in sorted(self.graph[name].inputs.items()):
            running = hashlib.sha256()
            whole, before, last = self.records.get((table, None)), "none", "none"
            # What is left of a month is read, too, until it is taken away.
            left = self._left.get(table, ())
            for month in _in_order(dict.fromkeys([*months, *left], "")) if left else months:
                at = whole if sees is Sees.WHOLE else self.records.get((table, month))
                version = own = at.version if at else "none"
                if at is not None and sees is Sees.UP_TO:
                    running.update(f"{month} {at.version} ".encode())
                if sees is Sees.UP_TO:
                    version = running.hexdigest()
                elif sees is Sees.PREVIOUS:
                    version = f"{before} {own}"
                elif sees is Sees.BEFORE:
                    version = before
                elif sees is Sees.LAST:
                    version = last
                before = own
                if own not in {"none", NOTHING}:
                    last = f"{month} {own}"
                if month in seen:
                    seen[month].append(f"{table} {version}")
        return {month: _digest(parts) for month, parts in seen.items()}

    def last_before(self, name: str, month: date) -> date | None:
        """The last month before it of which the table has rows."""
        return max(
            (
                at
                for at in self.months(name)
                if at is not None
                and at < month
                and (record := self.records.get((name, at)))
                and record.version != NOTHING
            ),
            default=None,
        )

    def is_chain(self, name: str) -> bool:
        """Whether a month of the table is made from its own month before."""
        return name in self.graph[name].inputs

    def stale(self, name: str) -> dict[date | None, str]:
        """Give the months of the table that are to be made, or taken away, each with its reason."""
        reasons = {at: why for at, why in self._out_of_step(name).items() if not self._stays(name, at)}
        if self.is_chain(name):
            *_, before, newest = [None, None, *self.months(name)]
            if before in reasons:
                reasons.setdefault(newest, "the month before is made")
        return _in_order({**dict.fromkeys(self._given_up(name), "no file reaches to it any more"), **reasons})

    def all_of(self, name: str) -> dict[date | None, str]:
        """Give the months of the table, those that are current and those that only a person asks for, too."""
        return _in_order({**dict.fromkeys(self.months(name), "asked for"), **self.stale(name)})

    def _given_up(self, name: str) -> set[date | None]:
        """Months that the table is made for no more, and of which rows are left, or a refusal."""
        refused = {refusal.finding.month for refusal in self.refusals.get(name, ())}
        return refused.difference([None], self.months(name)).union(self._left.get(name, ()))

    def provisional(self, name: str) -> dict[date | None, str]:
        """Give the months that were made, that a rebuild would make otherwise, and that no plan asks for."""
        return {
            at: why
            for at, why in self._out_of_step(name).items()
            if self._stays(name, at) and (name, at) in self.records
        }

    def _stays(self, name: str, month: date | None) -> bool:
        """Whether it is an older month that no plan asks for: of a chain one that was made, of what is served any."""
        if month == self.months(name)[-1]:
            return False
        return self.graph[name].is_served or (self.is_chain(name) and (name, month) in self.records)

    def _out_of_step(self, name: str) -> dict[date | None, str]:
        """Give the months whose record is not what it would be now."""
        code, reasons = self.graph[name].code, {}
        refused = {
            refusal.finding.month: (refusal.code, refusal.inputs)
            for refusal in self.refusals.get(name, ())
            if refusal.finding.severity == "error"
        }
        for month, inputs in self.inputs(name).items():
            record = self.records.get((name, month))
            if refused.get(month) == (code, inputs):
                continue
            if record is None:
                reasons[month] = "never made"
            elif record.code != code:
                reasons[month] = "its code changed"
            elif record.inputs != inputs:
                reasons[month] = "an input changed"
            elif month in refused:
                reasons[month] = "what it stands refused for was taken back"
        return reasons

    def outlook(self) -> dict[str, dict[date | None, str]]:
        """Give what is stale and what may follow from making it, by table, in the order of making.

        What follows is made only if the rows of an input really change.
        """
        found: dict[str, dict[date | None, str]] = {}
        for name in self.graph:
            reasons = self.stale(name)
            unsettled = {**found, name: reasons}
            for month in self.months(name):
                if month in reasons or self._stays(name, month):
                    continue
                if source := self._unsettled(name, month, unsettled):
                    reasons[month] = f"follows if {source} changes"
            if reasons:
                found[name] = _in_order(reasons)
        return found

    def _unsettled(
        self, name: str, month: date | None, found: Mapping[str, Mapping[date | None, str]]
    ) -> str | None:
        for source, sees in self.graph[name].inputs.items():
            if any(is_seen(sees, at=at, month=month) for at in found.get(source, {})):
                return source
        return None


def is_seen(sees: Sees, *, at: date | None, month: date | None) -> bool:
    """Whether what is made for `month` sees the input's month `at`."""
    if sees is Sees.WHOLE or at is None or month is None:
        return True
    if sees is Sees.UP_TO:
        return at <= month
    if sees is Sees.BEFORE:
        return next_month(at) == month
    if sees is Sees.LAST:
        return at < month
    return at == month or (sees is Sees.PREVIOUS and next_month(at) == month)


def _in_order(months: Mapping[date | None, str]) -> dict[date | None, str]:
    return dict(sorted(months.items(), key=lambda item: item[0] or date.min))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
