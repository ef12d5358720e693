"""Pictures on the pages of assets: small, drawn of what is there, and never in the way of a table."""

import base64
from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pytest

from assets.graph import Graph
from assets.pictures import PICTURES, bars, heat_map, lines, points, steps
from warehouse.lineage import reads
from warehouse.tables import TABLES

JANUARY = date(2011, 1, 1)
COHORTS = [
    (date(2000 + at // 12, at % 12 + 1, 1), age, 1 / (age + 1)) for at in range(60) for age in range(60 - at)
]
CURVE = [(name, day, 1 - day / 2_000, 0.2, 1.0) for name in ("second order", "lapse") for day in range(400)]


@pytest.fixture
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for table in TABLES.values():
            shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
            connection.execute(f"CREATE TABLE {table.qualified} ({shape})")
        yield connection


def before(graph: Graph, name: str) -> set[str]:
    """The tables that one is made from, directly or not."""
    found: set[str] = set()
    todo = {name}
    while todo:
        todo = {source for at in todo for source in graph.nodes[at].inputs if source in graph.nodes} - found
        found |= todo
    return found


def drawn(draw: Any, rows: list[tuple[Any, ...]]) -> ET.Element:
    parts, height = draw(rows)
    assert height < 1_000
    return ET.fromstring(f"<svg>{''.join(parts)}</svg>")  # noqa: S314 - our own


def texts(root: ET.Element) -> list[str]:
    return [node.text or "" for node in root.iter("text")]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_of_its_own_table_and_there_is_none_of_nothing(
    tables: duckdb.DuckDBPyConnection, shop_graph: Graph, name: str
) -> None:
    """What another table holds may be of another month, or refused; names come from what is made before it."""
    picture = PICTURES[name]
    assert reads(picture.query) <= {name, *before(shop_graph, name)}
    numbers = tables.execute(f"DESCRIBE {picture.query}", {"month": JANUARY}).fetchall()
    others = {column for other in reads(picture.query) - {name} for column in TABLES[other].shape}
    assert {column for column, kind, *_ in numbers if kind != "VARCHAR"} & others <= TABLES[name].shape.keys()
    assert picture.svg(tables.execute(picture.query, {"month": JANUARY}).fetchall()) is None


@pytest.mark.parametrize("name", PICTURES)
def test_a_row_without_numbers_is_drawn_too(tables: duckdb.DuckDBPyConnection, name: str) -> None:
    table = TABLES[name]
    values = {
        "as_of": JANUARY, "cohort": JANUARY, "is_left_truncated": False, "began_in": "All", "event": "lapse",
        "forecaster": "model", "quantity": "amount", "customers_of": "all", "segment": "<b>&", "move": "new",
        "age": 0, "share": 1.0, "day": 0, "survival": 1.0, "top_share": 0.01, "cluster_id": "<b>&", "x": 0.5, "y": 0.5,
        "state": "kept", "name": "<b>", "topic_id": "<b>", "month": JANUARY, "x_2d": 1.0, "y_2d": 2.0, "score": 0.5,
    }  # fmt: skip
    tables.execute(
        f"INSERT INTO {name} VALUES ({', '.join('?' for _ in table.columns)})",
        [values.get(column) for column in table.shape],
    )
    found = PICTURES[name].svg(tables.execute(PICTURES[name].query, {"month": JANUARY}).fetchall())
    if found is not None:
        ET.fromstring(found)  # noqa: S314 - our own
        assert "nan" not in found
        assert "<b>" not in found


@pytest.mark.parametrize(
    ("draw", "rows"),
    [
        (bars, [(f"Segment {at}", -1.5 * at) for at in range(30)]),
        (heat_map, COHORTS),
        (steps, CURVE),
        (
            points,
            [
                (at * 7 % 1_201 / 100, at * 11 % 907 / 100, f"2011-01.{at % 10}", "neutral")
                for at in range(1_200)
            ],
        ),
        (points, [(at * 0.37 % 40, at * 0.73 % 40, f"t{at % 12}") for at in range(5_000)]),
        (lines, [("bias", date(2000 + at // 12, at % 12 + 1, 1), 0.1, -1.0, 2.0) for at in range(240)]),
    ],
)
def test_pictures_of_long_histories_stay_small(draw: Any, rows: list[tuple[Any, ...]]) -> None:
    """They are kept with every run's events."""
    parts, _ = draw(rows)
    assert len(base64.b64encode("".join(parts).encode())) < 30_000


def test_bars_are_as_long_as_their_numbers_and_fall_to_the_left_below_0() -> None:
    root = drawn(bars, [("up", 200), ("half", 100), ("down", -100), ("none", None)])
    up, half, down, none = ((float(bar.get("x", 0)), float(bar.get("width", 0))) for bar in root.iter("rect"))
    assert up[1] == pytest.approx(2 * half[1], abs=0.2) == pytest.approx(2 * down[1], abs=0.2)
    assert down[0] + down[1] == pytest.approx(up[0], abs=0.2)
    assert none[1] == 0
    assert texts(root) == ["up", "200", "half", "100", "down", "-100", "none", "not known"]


def test_long_names_have_room_and_end_in_dots_where_they_would_leave_none() -> None:
    long, longer = "straps, strap, lock, locks, guitar", "straps, strap, lock, locks, guitar, leather, button"
    names = texts(drawn(bars, [(long, 1), (longer, 2)]))[::2]
    assert names[0] == long
    assert names[1].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert longer.startswith(names[1][:-1])


def test_axes_have_round_numbers_that_hold_what_is_drawn() -> None:
    rows = [("a", date(2011, month, 1), 37.0 * month - 60, None, None) for month in range(1, 13)]
    told = texts(drawn(lines, rows))
    assert told == [
        "a", "-100", "0", "100", "200", "300", "400", "2011-01", "2011-03", "2011-05", "2011-07", "2011-09", "2011-11",
    ]  # fmt: skip
    assert texts(drawn(steps, [("a", 0, 1.0, None, None), ("a", 629, 0.2, None, None)]))[-4:] == [
        "0", "200", "400", "600",
    ]  # fmt: skip


def test_a_picture_has_its_title_unless_it_stands_beside() -> None:
    """A page that says it twice is read as two pictures."""
    picture = PICTURES["segments.rfm"]
    with_title, without = (picture.svg([("Loyal", 2)], is_titled=told) for told in (True, False))
    assert f">{picture.title}<" in str(with_title)
    assert f">{picture.title}<" not in str(without)
    assert f'aria-label="{picture.title}"' in str(without)


def test_a_heat_map_shows_the_newest_cohorts_in_percent() -> None:
    root = drawn(heat_map, [(date(2011, month, 1), age, 0.5) for month in (1, 2) for age in (0, 1)])
    assert texts(root) == ["0", "1", "2011-01", "2011-02", "50", "50", "50", "50"]
    assert "2004-12" in texts(drawn(heat_map, COHORTS))
    assert "2000-01" not in texts(drawn(heat_map, COHORTS))


def test_a_curve_falls_in_steps_and_a_line_does_not() -> None:
    rows = [("a", 0, 1.0, None, None), ("a", 10, 0.5, 0.4, 0.6)]
    [curve] = [node.get("d", "") for node in drawn(steps, rows).iter("path") if node.get("fill") == "none"]
    [line] = [node.get("d", "") for node in drawn(lines, rows).iter("path") if node.get("fill") == "none"]
    assert ("H" in curve, "V" in curve, "L" in curve) == (True, True, False)
    assert ("V" in line, "L" in line) == (False, True)


def test_points_keep_their_distances_and_their_colour() -> None:
    """A picture drawn out to one side would show clusters where there are none."""
    root = drawn(points, [(0.0, 0.0, "a"), (2.0, 0.0, "a"), (0.0, 1.0, "b")])
    dots = {
        node.get("stroke"): [tuple(map(int, dot[:-2].split())) for dot in node.get("d", "").split("M")[1:]]
        for node in root.iter("path")
    }
    [((left, low), (right, also_low)), ((above, high),)] = dots.values()
    assert (left, low) == (above, also_low)
    assert right - left == pytest.approx(2 * (low - high), abs=1)
    assert [(node.text, node.get("fill")) for node in root.iter("text")] == list(zip("ab", dots, strict=True))


def test_groups_of_few_points_and_those_of_none_are_pale() -> None:
    """Thirty colours tell nobody anything, and a point left out would be missed."""
    rows = [(float(at), 0.0, f"{at:02}") for at in range(12) for _ in range(1 + (at < 10))]
    root = drawn(points, [*rows, (5.5, 1.0, None)])
    paths = [(node.get("stroke"), node.get("d", "").count("M")) for node in root.iter("path")]
    assert [dots for _, dots in paths] == [3, *[1] * 10]
    assert len({colour for colour, _ in paths}) == 11
    assert texts(root) == [f"{at:02}" for at in range(10)]


def test_points_of_two_groups_are_drawn_twice_at_the_same_places() -> None:
    """A review is looked for in both: what is about straps, and what speaks ill of them."""
    rows = [(0.0, 0.0, "straps", "negative"), (3.0, 1.0, "straps", "positive"), (1.0, 2.0, None, None)]
    root = drawn(points, rows)
    dots = [
        (node.get("stroke"), [tuple(map(int, dot[:-2].split())) for dot in node.get("d", "").split("M")[1:]])
        for node in root.iter("path")
    ]
    colours, places = [colour for colour, _ in dots], [place for _, of in dots for place in of]
    assert len(places) == 6
    lower = max(down for _, down in places) - max(down for _, down in places[:3])
    assert lower > 0
    assert sorted(places[3:]) == sorted((across, down + lower) for across, down in places[:3])
    spoken = {node.text: node.get("fill") for node in root.iter("text")}
    assert set(spoken) == {"straps", "positive", "negative"}
    assert spoken["positive"] != spoken["negative"]
    assert {spoken["positive"], spoken["negative"]} <= set(colours[2:])


def test_what_is_expected_of_weeks_follows_what_was_sold_with_both_bands(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    """A week without a sale is drawn as 0, and one that is foretold is not drawn as sold though it began."""
    for day, amount in ((3, 10), (4, 5), (17, 20), (24, 1)):
        tables.execute(
            "INSERT INTO forecasts.series (month, grain, starts_on, name, amount) VALUES (?, 'day', ?, 'EIRE', ?)",
            [JANUARY, date(2011, 1, day), amount],
        )
    for step, mean in ((1, 12), (2, 14)):
        tables.execute(
            "INSERT INTO forecasts.sales (as_of, grain, measure, level, starts_on, step, mean, lo_80, hi_80, lo_95, hi_95) "
            "VALUES (?, 'week', 'amount', 'total', ?, ?, ?, ?, ?, ?, ?)",
            [JANUARY, date(2011, 1, 17 + 7 * step), step, mean, mean - 2, mean + 2, mean - 4, mean + 40],
        )
    picture = PICTURES["forecasts.sales"]
    rows = tables.execute(picture.query, {"month": JANUARY}).fetchall()
    assert [(name, at.day, float(height)) for name, at, height, *_ in rows] == [
        ("sold", 3, 15), ("sold", 10, 0), ("sold", 17, 20), ("expected", 24, 12), ("expected", 31, 14),
    ]  # fmt: skip
    root = drawn(picture.draw, rows)
    wide = [
        max(ys) - min(ys)
        for band in root.iter("polygon")
        for ys in [[float(point.split(",")[1]) for point in band.get("points", "").split()]]
    ]
    assert len(wide) == 2
    assert wide[0] < wide[1]
    told = texts(root)
    assert told[:3] == ["sold", "expected", "0"]
    assert told[told.index("2011-01") - 1] == "60"  # the next round number above the highest bound, 54
