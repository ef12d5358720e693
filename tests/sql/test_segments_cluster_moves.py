"""segments.cluster_moves and cluster_names: what becomes of clusters, and what they are called."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

MONTHS = month_range(date(2010, 12, 1), date(2011, 2, 1))
DECEMBER, JANUARY, FEBRUARY = MONTHS
MARCH = next_month(FEBRUARY)
NAMES = "rank,name,monetary_ratio,orders_ratio,season_ratio,recency_ratio"

labels = st.lists(
    st.tuples(st.sampled_from(MONTHS), st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "3"])),
    unique_by=lambda row: row[:2],
)


def put(fill: Fill, month: date, **clusters: str) -> None:
    """Put customers, a letter each, into clusters."""
    rows = [(month, customer, cluster) for cluster, customers in clusters.items() for customer in customers]
    fill("segments.clusters", "as_of,cluster_id,customer_id", *[(at, to, who) for at, who, to in rows])


def moves(run: Run, month: date = JANUARY) -> dict[tuple[str, str], str]:
    found = run("segments.cluster_moves", month, next_month(month))
    return {(row["from_cluster_id"], row["to_cluster_id"]): row["move"] for row in found}


@given(labels)
def test_moves_are_those_of_a_plain_loop_and_add_up(tables: Any, fill: Fill, run: Run, rows: Any) -> None:
    tables.execute("DELETE FROM segments.clusters")
    fill("segments.clusters", "as_of,customer_id,cluster_id", *rows)
    found = run("segments.cluster_moves", JANUARY, MARCH)
    for month, previous in ((JANUARY, DECEMBER), (FEBRUARY, JANUARY)):
        now = {customer: cluster for at, customer, cluster in rows if at == month}
        before = {customer: cluster for at, customer, cluster in rows if at == previous}
        everyone = sorted({*now, *before}) if now else []
        counts = Counter((before.get(who, "None"), now.get(who, "None")) for who in everyone)
        of_month = [row for row in found if row["as_of"] == month]
        assert {
            (row["from_cluster_id"], row["to_cluster_id"]): row["customers"] for row in of_month
        } == counts
        for row in of_month:
            size = sum(n for (source, _), n in counts.items() if source == row["from_cluster_id"])
            assert row["from_share"] == round(row["customers"] / size, 6)
            assert row["is_birth"] == (row["to_cluster_id"] not in {"None", *before.values()})
            assert row["is_death"] == (row["from_cluster_id"] not in {"None", *now.values()})


def test_a_cluster_that_falls_in_two_is_split(fill: Fill, run: Run) -> None:
    put(fill, DECEMBER, one="abcdef", two="gh")
    put(fill, JANUARY, one="abc", new="defi", two="gh")
    assert moves(run) == {
        ("one", "one"): "stayed", ("one", "new"): "split", ("two", "two"): "stayed", ("None", "new"): "new"
    }  # fmt: skip


def test_a_cluster_that_goes_into_another_is_merged(fill: Fill, run: Run) -> None:
    put(fill, DECEMBER, one="abcd", two="efg")
    put(fill, JANUARY, one="abcdef", three="g")
    assert moves(run) == {
        ("one", "one"): "stayed", ("two", "one"): "merged", ("two", "three"): "moved"
    }  # fmt: skip


def test_a_cluster_whose_customers_are_most_of_a_new_one_is_replaced(fill: Fill, run: Run) -> None:
    put(fill, DECEMBER, one="abcd")
    put(fill, JANUARY, new="abc", other="d")
    assert moves(run) == {("one", "new"): "replaced", ("one", "other"): "moved"}


def test_a_month_without_clusters_has_no_moves_and_the_next_begins_anew(fill: Fill, run: Run) -> None:
    put(fill, DECEMBER, one="ab")
    put(fill, FEBRUARY, one="ab")
    assert moves(run) == {}
    assert moves(run, FEBRUARY) == {("None", "one"): "new"}


def shop(fill: Fill, *customers: tuple[str, str, int, float, float | None, int]) -> None:
    """Customer, cluster, monetary, orders a month, season share, recency."""
    for customer, cluster, monetary, orders, season, recency in customers:
        fill("segments.clusters", "as_of,customer_id,cluster_id", (JANUARY, customer, cluster))
        fill(
            "segments.habits",
            "as_of,customer_id,orders_a_month,season_share",
            (JANUARY, customer, orders, season),
        )
        fill(
            "segments.customer_features",
            "as_of,customer_id,monetary,recency_days",
            (JANUARY, customer, monetary, recency),
        )


def test_a_cluster_has_the_first_name_whose_ratios_it_reaches(fill: Fill, run: Run) -> None:
    fill("seeds.cluster_names", NAMES, (1, "Rich", 2.0, None, None, None), (2, "Away", None, None, None, 3.0),
         (3, "Season", None, None, 2.0, None), (4, "Rest", None, None, None, None))  # fmt: skip
    shop(
        fill,
        ("a", "1", 100, 1.0, 0.1, 60), ("b", "2", 10, 1.0, 0.1, 60), ("c", "3", 10, 1.0, 0.9, 10),
        ("d", "4", 10, 1.0, 0.1, 10), ("e", "4", 10, 1.0, 0.1, 10),
    )  # fmt: skip
    found = {row["cluster_id"]: row for row in run("segments.cluster_names", JANUARY, FEBRUARY)}
    assert {cluster: row["name"] for cluster, row in found.items()} == {
        "1": "Rich", "2": "Away", "3": "Season", "4": "Rest"
    }  # fmt: skip
    assert (found["4"]["customers"], found["4"]["customer_share"]) == (2, 0.4)
    assert sum(row["amount_share"] for row in found.values()) == pytest.approx(1, abs=1e-5)
    assert (found["1"]["monetary_ratio"], found["2"]["recency_ratio"]) == (10, 6)


def test_names_are_unique_and_the_cluster_with_more_amount_has_the_plain_one(fill: Fill, run: Run) -> None:
    fill("seeds.cluster_names", NAMES, (1, "Regular", None, None, None, None))
    shop(fill, ("a", "1", 5, 1.0, None, 9), ("b", "2", 50, 1.0, None, 9), ("c", "3", 5, 1.0, None, 9))
    found = run("segments.cluster_names", JANUARY, FEBRUARY)
    assert {row["cluster_id"]: row["name"] for row in found} == {
        "2": "Regular", "1": "Regular 2", "3": "Regular 3"
    }  # fmt: skip
    assert {row["season_ratio"] for row in found} == {None}


def test_a_cluster_that_reaches_no_name_is_called_by_its_id(fill: Fill, run: Run) -> None:
    fill("seeds.cluster_names", NAMES, (1, "Rich", 9.0, None, None, None))
    shop(fill, ("a", "1", 0, 1.0, None, 9))
    [row] = run("segments.cluster_names", JANUARY, FEBRUARY)
    assert (row["name"], row["amount_share"], row["monetary_ratio"]) == ("1", None, None)
