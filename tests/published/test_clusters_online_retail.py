"""The clusters of Online Retail: what its customers are divided into, and what is claimed of that."""

from datetime import date

import pytest

from assets.segments.assign import assign
from resources.models import load

LAST = date(2011, 12, 1)


def rows(retail, sql):
    return retail.execute(sql).fetchall()


def test_its_customers_are_a_continuum_and_nothing_is_said_to_drive_them(retail):
    """They differ by degrees: one bent Gaussian parts as well."""
    [(verdict, gain, why)] = rows(
        retail,
        "SELECT verdict, gain, why FROM segments.cluster_quality WHERE as_of = '2011-12-01' AND is_chosen",
    )
    assert verdict == "a continuum, divided for use"
    assert abs(gain) < 0.02
    assert "is needed to speak of segments" in why
    assert rows(retail, "SELECT count(*) FROM segments.cluster_drivers WHERE as_of = '2011-12-01'") == [(0,)]


def test_before_a_hundred_customers_have_habits_nothing_is_parted(retail):
    found = rows(
        retail, "SELECT as_of, why FROM segments.cluster_quality WHERE method = 'none' ORDER BY as_of"
    )
    assert [as_of for as_of, _ in found] == [date(2010, 12, 1), date(2011, 1, 1), date(2011, 2, 1)]
    assert found[0][1] == "8 customers came on 5 days or more (seeds.clustering), and 100 are needed"
    assert rows(retail, "SELECT min(as_of) FROM segments.clusters") == [(date(2011, 3, 1),)]


def test_every_customer_is_in_one_cluster_and_shares_add_up(retail):
    assert rows(
        retail,
        "SELECT count(*), count(DISTINCT customer_id) FROM segments.clusters WHERE as_of = '2011-12-01'",
    ) == [(4338, 4338)]
    [(customers, amount)] = rows(
        retail, "SELECT sum(customers), sum(amount) FROM segments.cluster_names WHERE as_of = '2011-12-01'"
    )
    [(monetary,)] = rows(retail, "SELECT sum(monetary) FROM segments.rfm WHERE as_of = '2011-12-01'")
    assert (customers, amount) == (4338, monetary)
    for end, by in (("to", 0), ("from", 1)):
        moved = (
            f"SELECT {end}_cluster_id, sum(customers) FROM segments.cluster_moves WHERE as_of = '2011-12-01' "
        )
        there = f"SELECT cluster_id, count(*) FROM segments.clusters WHERE as_of = DATE '2011-12-01' - INTERVAL {by} MONTH "
        moved += f"AND {end}_cluster_id <> 'None' GROUP BY 1 ORDER BY 1"
        assert rows(retail, moved) == rows(retail, f"{there} GROUP BY 1 ORDER BY 1")


def test_labels_last(retail):
    """Of the customers of two months in a row, nearly all keep their cluster while the way to part them stays."""
    [(stayed,)] = rows(
        retail,
        "SELECT sum(customers) FILTER (move = 'stayed') / sum(customers) FILTER (move <> 'new') "
        "FROM segments.cluster_moves WHERE as_of >= '2011-10-01'",
    )
    assert stayed > 0.9


def test_the_model_of_each_month_answers_as_often_as_it_says(retail, online_retail):
    months = [(month,) for month in (date(2011, at, 1) for at in range(3, 13))]
    found = rows(
        retail, "SELECT DISTINCT as_of FROM models.registry WHERE name = 'segments.clusters' ORDER BY as_of"
    )
    assert found == months
    model = load(online_retail.parent, "segments.clusters", LAST)
    asked = rows(
        retail,
        "SELECT recency_days, frequency, CAST(monetary AS DOUBLE), cluster_id FROM segments.clusters "
        "INNER JOIN segments.customer_features USING (as_of, customer_id) WHERE as_of = '2011-12-01' "
        "ORDER BY customer_id LIMIT 1000",
    )
    right = sum(assign(*row[:3], LAST, model=model).cluster_id == row[3] for row in asked) / len(asked)
    assert right == pytest.approx(model.metrics["agreement"], abs=0.04)
    assert assign(10, 20, 9_000, LAST, home=online_retail.parent) == assign(10, 20, 9_000, LAST, model=model)
