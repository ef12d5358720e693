"""Pictures for the pages of assets: what a table says at a glance, drawn of the newest month that was made.

A picture is a few rows of the table, or of those that its query reads, and a way to draw them, as SVG: a few kilobytes, and
nothing to import. How it gets to a page is in `asset.py`; pictures that answer questions are the dashboard's.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from math import ceil, floor, log10
from typing import Any

Rows = Sequence[tuple[Any, ...]]

_WIDTH, _EDGE, _TOP = 720, 10, 34
_ROW = 24
_LINE = 18  # of text
_LETTER = 6.6  # the mean width of one, of text that is 12 high
_LONGEST = 40  # letters of a name; what is longer ends in ...
_PLOT = 260
_POINTS = 380
_DOTS = 200  # of a group: more are a blot, and are kept with every run's events
_COLOURS = (
    "#2f6f9f", "#c4603c", "#5b8c5a", "#8a5fa8", "#b8912f", "#3d9aa1", "#a8506b", "#6b7785", "#7a5c3e", "#2e4a62"
)  # fmt: skip
_SPOKEN = {"positive": _COLOURS[0], "neutral": "#b8912f", "negative": _COLOURS[1]}
_FAINT = "#e4e9ee"
_CELLS = 18  # cohorts and ages of a heat map: more are no longer read
_FINEST = 2  # two places of a line that lie so near, in its units, are one
_TICKS = 6  # of an axis, about


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn of a table.

    Attributes:
        title: What it shows, and in what unit.
        query: The rows to draw; $month is the newest month made. Of its own table: what another holds may be of another
            month, or refused. Names alone may come from a table that it is made from.
        draw: Makes the inside of an SVG of them, and its height.
    """

    title: str
    query: str
    draw: Callable[[Rows], tuple[list[str], float]]

    def svg(self, rows: Rows, *, is_titled: bool = True) -> str | None:
        """Draw the rows, with the title unless it stands beside; None where there are none."""
        if not rows:
            return None
        parts, height = self.draw(rows)
        top = 0 if is_titled else _TOP - _EDGE
        title = _text(_EDGE, 20, self.title, "start", bold=True) if is_titled else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(self.title)}" '
            f'viewBox="0 {top} {_WIDTH} {height - top:.0f}" width="{_WIDTH}" height="{height - top:.0f}" '
            'font-family="sans-serif" font-size="12" fill="#222">'
            f'<rect y="{top}" width="100%" height="100%" fill="#fff"/>{title}{"".join(parts)}</svg>'
        )


def bars(rows: Rows) -> tuple[list[str], float]:
    """A bar a row: name and number, which may be below 0, or null where it is not known."""
    names = [_short(name) for name, _ in rows]
    numbers = [float(number or 0) for _, number in rows]
    low, high = min(0.0, *numbers), max(0.0, *numbers)
    left = max(150, _width(*names)) + 18
    before, behind = (
        _width(*(_number(value) for value in some)) + 10 if some else 0
        for some in ([value for value in numbers if value < 0], numbers)
    )
    scale = (_WIDTH - left - before - behind - _EDGE) / ((high - low) or 1)
    zero = left + before - low * scale
    parts = []
    for at, (name, (_, number), value) in enumerate(zip(names, rows, numbers, strict=True)):
        y = _TOP + at * _ROW
        x, width = (zero, value * scale) if value >= 0 else (zero + value * scale, -value * scale)
        told = "not known" if number is None else _number(value)
        parts.append(_text(left - 8, y + 15, name, "end"))
        parts.append(
            f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 7}" fill="{_COLOURS[value < 0]}"/>'
        )
        parts.append(
            _text(x + width + 5, y + 15, told, "start") if value >= 0 else _text(x - 5, y + 15, told, "end")
        )
    return parts, _TOP + len(rows) * _ROW + _EDGE


def heat_map(rows: Rows) -> tuple[list[str], float]:
    """A cell a row: name of its line, number of its column and a share, which is its darkness."""
    lines = list(dict.fromkeys(row[0] for row in rows))[-_CELLS:]
    columns = sorted({row[1] for row in rows})[:_CELLS]
    left = _width(*map(_name, lines)) + 18
    width = min((_WIDTH - left - _EDGE) / len(columns), 60)
    parts = [
        _text(left + (at + 0.5) * width, _TOP + 12, str(column), "middle")
        for at, column in enumerate(columns)
    ]
    parts += [_text(left - 8, _TOP + 18 + at * 20 + 14, _name(line), "end") for at, line in enumerate(lines)]
    # Shares of the first column are all 1: they would leave the others pale.
    top = max((row[2] for row in rows if row[1] > 0), default=1) or 1
    cells, shares = [], []
    for line, column, share in rows:
        if line in lines and column in columns:
            x, y = left + columns.index(column) * width, _TOP + 18 + lines.index(line) * 20
            cells.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width - 1:.0f}" height="19" fill-opacity="{min(share / top, 1):.2f}"/>'
            )
            light = ' fill="#fff"' if share > 0.6 * top else ""
            shares.append(f'<text x="{x + width / 2:.0f}" y="{y + 14}"{light}>{100 * share:.0f}</text>')
    parts.append(f'<g fill="{_COLOURS[0]}">{"".join(cells)}</g>')
    parts.append(f'<g text-anchor="middle">{"".join(shares)}</g>')
    return parts, _TOP + 18 + len(lines) * 20 + _EDGE


def steps(rows: Rows) -> tuple[list[str], float]:
    """A curve a name, falling in steps from 1: name, place and height, with lower and upper bounds or null."""
    return _plot(rows, is_stepped=True)


def lines(rows: Rows) -> tuple[list[str], float]:
    """A line a name: name, place (a number or a day) and height, with pairs of lower and upper bounds or nulls."""
    return _plot(rows, is_stepped=False)


def points(rows: Rows) -> tuple[list[str], float]:
    """A dot a row: place across and height, both in units of one length, and names of its groups or null.

    The same dots are drawn once for each group that a row names, in its colours, one picture below the other. The groups
    of most dots have colours; the others, and those of none, are pale.
    """
    parts, top = [], float(_TOP)
    for group in range(2, len(rows[0])):
        drawn, top = _dots([(row[group], row[0], row[1]) for row in rows], top)
        parts += drawn
    return parts, top


def _dots(rows: Rows, top: float) -> tuple[list[str], float]:
    """Dots below `top`, with their legend above them; and where they end."""
    groups = Counter(row[0] for row in rows if row[0] is not None).most_common(len(_COLOURS))
    colours = {name: colour for (name, _), colour in sorted(zip(groups, _COLOURS, strict=False))}
    # What is good and what is bad have the colours that bars have above and below 0.
    if colours.keys() <= _SPOKEN.keys():
        colours = {name: colour for name, colour in _SPOKEN.items() if name in colours}
    parts, top = _legend(colours, top)
    across, up = ([float(row[at]) for row in rows] for at in (1, 2))
    left, high = min(across), max(up)
    width, height = (max(across) - left) or 1, (high - min(up)) or 1
    scale = min((_WIDTH - 4 * _EDGE) / width, (_POINTS - 2 * _EDGE) / height)
    margin = (_WIDTH - width * scale) / 2
    for name in (None, *colours):
        # What lies on the same place of the picture is one dot, and a group one path of strokes without length: a
        # circle for each would take ten times the bytes.
        there = {
            (round(margin + (x - left) * scale), round(top + _EDGE + (high - y) * scale))
            for row, x, y in zip(rows, across, up, strict=True)
            if (row[0] if row[0] in colours else None) == name
        }
        if there:
            path = "".join(f"M{x} {y}h0" for x, y in sorted(there)[:: 1 + len(there) // _DOTS])
            parts.append(
                f'<path d="{path}" stroke="{colours.get(name, _FAINT)}" stroke-width="5" stroke-linecap="round" '
                'stroke-opacity="0.6"/>'
            )
    return parts, top + height * scale + 3 * _EDGE


def _legend(colours: Mapping[Any, str], top: float) -> tuple[list[str], float]:
    """Names in their colours, one after the other in as many lines as they take; and where these end."""
    parts, x, y = [], float(_EDGE), top + 12
    for name, colour in colours.items():
        text = _short(name)
        if x > _EDGE and x + _width(text) > _WIDTH - _EDGE:
            x, y = float(_EDGE), y + _LINE
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}">{escape(text)}</text>')
        x += _width(text) + 18
    return parts, y + 8 if colours else top


def _plot(rows: Rows, *, is_stepped: bool) -> tuple[list[str], float]:
    rows = [row for row in rows if row[2] is not None]
    if not rows:
        return [], _TOP
    names = dict.fromkeys(row[0] for row in rows)
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
    parts, top = _legend(colours, _TOP)
    places = [_place(row[1]) for row in rows]
    levels = _round_steps([0.0, *(float(value) for row in rows for value in row[2:] if value is not None)])
    low, high = levels[0], levels[-1]
    margin = _width(*map(_number, levels)) + 18
    left, right = min(places), max(places)

    def x(place: Any) -> float:
        return margin + (_place(place) - left) / ((right - left) or 1) * (_WIDTH - margin - 3 * _EDGE)

    def y(height: Any) -> float:
        return top + _EDGE + (high - float(height)) / ((high - low) or 1) * _PLOT

    for level in levels:
        stroke = "#9aa5b0" if level == 0 else _FAINT
        parts.append(f'<path d="M{margin} {y(level):.1f}H{_WIDTH - 3 * _EDGE}" stroke="{stroke}"/>')
        parts.append(_text(margin - 6, y(level) + 4, _number(level), "end"))
    for place in _places([row[1] for row in rows]):
        parts.append(_text(x(place), top + _PLOT + 28, _name(place), "middle"))
    for name, colour in colours.items():
        mine = list({int(x(row[1]) / _FINEST): row for row in rows if row[0] == name}.values())
        for at in range(3, len(mine[0]), 2):
            bounded = [row for row in mine if row[at] is not None and row[at + 1] is not None]
            if not bounded:
                continue
            there = [(x(row[1]), y(row[at + 1])) for row in bounded]
            back = [(x(row[1]), y(row[at])) for row in reversed(bounded)]
            area = " ".join(f"{across:.0f},{down:.0f}" for across, down in (*there, *back))
            parts.append(f'<polygon points="{area}" fill="{colour}" fill-opacity="0.15"/>')
        points = [(x(row[1]), y(row[2])) for row in mine]
        path = f"M{points[0][0]:.0f} {points[0][1]:.0f}" + "".join(
            f"H{across:.0f}V{down:.0f}" if is_stepped else f"L{across:.0f} {down:.0f}"
            for across, down in points[1:]
        )
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) == 1:
            parts.append(f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>')
    return parts, top + _PLOT + 28 + _EDGE


def _round_steps(values: Sequence[float]) -> list[float]:
    """Round numbers in even steps of 1, 2 or 5, from below the least of the values to above the largest."""
    low, high = min(values), max(values)
    size = ((high - low) or 1) / (_TICKS - 1)
    power = 10 ** floor(log10(size))
    step = power * next((of for of in (1, 2, 5) if of * power >= size), 10)
    return [round(at * step, 10) for at in range(floor(low / step), ceil(high / step) + 1)]


def _places(places: Sequence[Any]) -> list[Any]:
    """Those of the places, or round numbers between them, that are told below a plot."""
    if not isinstance(places[0], date):
        low, high = min(places), max(places)
        return [at for at in _round_steps([low, high]) if low <= at <= high] if low < high else [low]
    known = sorted(set(places))
    return known[:: 1 + (len(known) - 1) // _TICKS]


def _place(value: Any) -> float:
    return float(value.toordinal() if isinstance(value, date) else value)


def _name(value: Any) -> str:
    return (
        f"{value:%Y-%m}"
        if isinstance(value, date)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _short(name: Any) -> str:
    text = str(name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip(' ,')}\N{HORIZONTAL ELLIPSIS}"


def _width(*texts: str) -> int:
    """How wide the longest of the texts is, about."""
    return ceil(_LETTER * max(map(len, texts), default=0))


def _number(value: float) -> str:
    is_whole = abs(value) >= 10 or float(value).is_integer()  # counts are no fractions
    return f"{value:,.0f}" if is_whole else f"{value:.2f}"


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    style = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


PICTURES: Mapping[str, Picture] = {
    "segments.rfm": Picture(
        "Customers of each segment",
        "SELECT segment, count(*) AS customers FROM segments.rfm WHERE as_of = $month "
        "GROUP BY segment ORDER BY customers DESC, segment",
        bars,
    ),
    "segments.concentration": Picture(
        "Share of the amount that the best customers bring, in %",
        "SELECT CAST(round(100 * top_share) AS INTEGER) || ' % of them', 100 * amount_share "
        "FROM segments.concentration WHERE as_of = $month ORDER BY top_share",
        bars,
    ),
    "segments.amount_moves": Picture(
        "Change of the month's amount, by who brought it",
        "SELECT move, amount_change FROM segments.amount_moves WHERE as_of = $month ORDER BY amount_change DESC, move",
        bars,
    ),
    "segments.actions": Picture(
        "Amount at stake of each segment: expected, times the risk of churn",
        "SELECT segment, amount_at_stake FROM segments.actions WHERE as_of = $month "
        "ORDER BY amount_at_stake DESC NULLS LAST, segment",
        bars,
    ),
    "segments.clusters": Picture(
        "Customers by how they differ most (PCA; up to 1,200 by chance), in the colours of their clusters",
        "SELECT x, y, 'Cluster ' || cluster_id FROM segments.clusters WHERE as_of = $month ORDER BY hash(customer_id), customer_id "
        "LIMIT 1200",
        points,
    ),
    "cohorts.retention": Picture(
        "Customers who buy, in % of their cohort, by months since they began",
        "SELECT cohort, age, share FROM cohorts.retention WHERE as_of = $month AND NOT is_left_truncated "
        "ORDER BY cohort, age",
        heat_map,
    ),
    "cohorts.survival": Picture(
        "Customers who have not yet ordered again, or lapsed, in %, by days since their first order",
        "SELECT event, day, 100 * survival, 100 * survival_low, 100 * survival_high FROM cohorts.survival "
        "WHERE as_of = $month AND began_in = 'All' ORDER BY event DESC, day",
        steps,
    ),
    "value.backtest": Picture(
        "Amount that all customers together were expected to bring, and brought, by when it was foretold",
        "SELECT kind, origin, amount, NULL, NULL FROM (UNPIVOT (SELECT origin, any_value(expected) AS expected, "
        "any_value(actual) AS came FROM value.backtest WHERE as_of <= $month AND forecaster = 'model' "
        "AND quantity = 'amount' GROUP BY origin) ON expected, came INTO NAME kind VALUE amount) "
        "ORDER BY kind DESC, origin",
        lines,
    ),
    "topics.topics": Picture(
        "Share of each topic in all that was written, in %",
        "SELECT name, 100 * share FROM topics.topics WHERE as_of = $month AND state <> 'ended' "
        "ORDER BY share DESC, topic_id",
        bars,
    ),
    "topics.trend": Picture(
        "Share of the three topics that changed most, in %, in months of 20 reviews or more",
        "SELECT coalesce(name, topic_id), month, 100 * share, 100 * share_low, 100 * share_high FROM topics.trend "
        "LEFT JOIN (SELECT as_of, topic_id, name FROM topics.fits) USING (as_of, topic_id) "
        "WHERE as_of = $month AND reviews >= 20 AND topic_id IN (SELECT topic_id FROM topics.trend WHERE as_of = $month "
        "GROUP BY topic_id ORDER BY max(abs(change)) DESC NULLS LAST, topic_id LIMIT 3) ORDER BY topic_id, month",
        lines,
    ),
    "topics.map": Picture(
        "Reviews by their words, in the colour of the topic that leads each, and below of how it speaks",
        "SELECT x_2d, y_2d, coalesce(name, topic_id), CASE WHEN score > 0.05 THEN 'positive' WHEN score < -0.05 THEN 'negative' "
        "WHEN score IS NOT NULL THEN 'neutral' END FROM topics.map "
        "LEFT JOIN (SELECT as_of, topic_id, name FROM topics.fits) USING (as_of, topic_id) WHERE as_of = $month ORDER BY month, review_id",
        points,
    ),
    "churn.backtest": Picture(
        "Customers who stayed away, in %: as foretold, and as it came, month by month",
        "SELECT kind, as_of, 100 * share, NULL, NULL FROM (UNPIVOT (SELECT as_of, mean_probability AS foretold, "
        "lost_share AS came FROM churn.backtest WHERE as_of <= $month AND customers_of = 'all') "
        "ON foretold, came INTO NAME kind VALUE share) ORDER BY kind DESC, as_of",
        lines,
    ),
    "forecasts.sales": Picture(
        "Amount a week: sold, and expected, with the bands that hold 80 and 95 in 100",
        "WITH foretold AS (SELECT * FROM forecasts.sales WHERE as_of = $month AND grain = 'week' AND level = 'total' "
        "AND measure = 'amount'), sold AS (SELECT CAST(date_trunc('week', starts_on) AS DATE) AS week, sum(amount) AS amount "
        "FROM forecasts.series WHERE grain = 'day' AND month <= $month GROUP BY week), weeks AS (SELECT CAST(unnest(range("
        "greatest(min(starts_on) - INTERVAL 26 WEEK, (SELECT min(week) FROM sold)), min(starts_on), INTERVAL 1 WEEK)) AS DATE) "
        "AS week FROM foretold) SELECT 'sold', week, coalesce(amount, 0), NULL, NULL, NULL, NULL FROM weeks LEFT JOIN sold "
        "USING (week) UNION ALL SELECT 'expected', starts_on, mean, lo_80, hi_80, lo_95, hi_95 FROM foretold ORDER BY 1 DESC, 2",
        lines,
    ),
    "demand.products": Picture(
        "Amount of a year's goods by how much they matter (A, B, C) and how regular they are (X, Y, Z)",
        "SELECT abc || coalesce(xyz, ' not known'), sum(amount) FROM demand.products WHERE as_of = $month "
        "GROUP BY abc, xyz ORDER BY abc, xyz NULLS LAST",
        bars,
    ),
    "price.response": Picture(
        "Elasticity of the regular price, median of the goods of each category; observational",
        "SELECT category, median(elasticity) FROM price.response WHERE as_of = $month AND elasticity IS NOT NULL "
        "GROUP BY category ORDER BY median(elasticity), category",
        bars,
    ),
}
