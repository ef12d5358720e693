"""Topics from a file of reviews to the tables, in a lake: what is found, what lasts, what is made when."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from assets.graph import graph
from assets.make import make
from resources.models import load
from warehouse.intake import take_in
from warehouse.lake import open_lake
from warehouse.plan import Plan, next_month
from warehouse.records import prepare, read_refusals, read_versions
from warehouse.tables import TABLES

LAST = date(2010, 12, 1)
NEXT = date(2011, 2, 1)
NAMES = ["seeds.english_words", "seeds.stop_words", "seeds.topics", "core.reviews", "topics.words", "topics.learned", "topics.models",
         "topics.fits", "topics.terms", "topics.documents", "topics.topics", "topics.products", "topics.trend",
         "topics.map"]  # fmt: skip
# Fewer ways and a smaller map than a shop has: the tests look at neither.
SETTINGS = """least_reviews,least_topics,most_topics,learned_reviews,search_months,leading_share,mapped_reviews
200,5,10,10000,12,0.4,300
"""
MADE = [name for name in NAMES if name.startswith("topics.")]


def drop(home: Path, name: str, reviews: pl.DataFrame) -> None:
    folder = home / "landing" / "reviews"
    folder.mkdir(parents=True, exist_ok=True)
    rows = reviews.select(
        "review_id",
        "product_id",
        "rating",
        "title",
        "text",
        reviewed_at=pl.col("month").dt.strftime("%Y-%m-02"),
    )
    rows.cast({"title": pl.String}).write_parquet(folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, plant: Any, reading: Any
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Any, Any, dict[str, Any]]]:
    """A year of reviews is taken in and made, then two months more at once."""
    home = tmp_path_factory.mktemp("topics")
    (home / "seeds").mkdir()
    (home / "seeds" / "topics.csv").write_text(SETTINGS)
    tables = graph(home / "seeds")

    def make_all(names: Sequence[str] = tuple(tables.nodes), **options: Any) -> dict[str, list[Any]]:
        made = {name: make(connection, name, tables, **options) for name in names}
        return {name: list(at.reasons) for name, at in made.items() if at.published is not None}

    truth = plant(topics=6, months=14, each=180)
    with open_lake(home / "lake", threads=1) as connection:
        prepare(connection)
        drop(home, "year", truth.reviews.filter(pl.col("month") <= LAST))
        take_in(connection, home / "landing", reading)
        first = make_all()
        made = {name: connection.execute(f"FROM {name} ORDER BY ALL").pl() for name in MADE}
        drop(home, "more", truth.reviews.filter(pl.col("month") > LAST))
        take_in(connection, home / "landing", reading)
        second = make_all()
        yield (
            connection,
            truth,
            made,
            {"first": first, "second": second, "home": home, "make": make_all, "graph": tables},
        )


def test_a_home_with_reviews_alone_makes_no_table_of_orders(shop: Any) -> None:
    _, _, _, steps = shop
    dated = {name for name, months in steps["first"].items() if months != [None]}
    spoken = {name for name in TABLES if name.startswith("sentiment.")}
    assert dated == {"core.reviews", *MADE, *spoken}


def test_a_home_with_orders_alone_makes_no_topics(shop_graph: Any) -> None:
    from warehouse.records import Record

    plan = Plan(shop_graph.nodes, {("landing.orders", LAST): Record("files", "", "")}, {})
    assert all(plan.months(name) == [] for name in (*MADE, "core.reviews"))
    assert plan.months("core.order_lines") == [LAST]


def of(connection: duckdb.DuckDBPyConnection, name: str, month: date) -> pl.DataFrame:
    return connection.execute(f"FROM {name} WHERE as_of = ? ORDER BY ALL", [month]).pl()


def held(documents: pl.DataFrame, truth: Any) -> dict[str, int]:
    """Which planted topic most of the reviews are about that each topic leads."""
    led = documents.filter("is_leading").join(truth.reviews, on=["month", "review_id"])
    most = (
        led.group_by("topic_id", "topic")
        .len()
        .sort("len", "topic")
        .group_by("topic_id")
        .agg(pl.last("topic"))
    )
    return dict(most.iter_rows())


def test_only_the_newest_month_is_made_and_the_words_of_every_month(shop: Any) -> None:
    """A model for each of ten years' months would take an hour, and serve nobody."""
    connection, _, _, steps = shop
    assert len(steps["first"]["topics.words"]) == 12
    assert {tuple(steps["first"][name]) for name in MADE[1:]} == {(LAST,)}
    assert {tuple(steps["second"][name]) for name in MADE[1:]} == {(NEXT,)}
    assert connection.execute("SELECT DISTINCT as_of FROM topics.fits ORDER BY as_of").fetchall() == [
        (LAST,),
        (NEXT,),
    ]


def test_nothing_new_makes_nothing(shop: Any) -> None:
    connection, _, _, steps = shop
    plan = Plan(steps["graph"].nodes, read_versions(connection), read_refusals(connection))
    assert {name: plan.stale(name) for name in NAMES if plan.stale(name)} == {}
    assert {name: plan.provisional(name) for name in NAMES if plan.provisional(name)} == {}


def test_planted_topics_are_found_pure(shop: Any) -> None:
    """Of the reviews that a topic leads nine in ten are about one planted topic, and every planted topic is found."""
    connection, truth, *_ = shop
    documents = of(connection, "topics.documents", NEXT)
    mine = held(documents, truth)
    led = documents.filter("is_leading").join(truth.reviews, on=["month", "review_id"])
    right = led["topic"] == led["topic_id"].replace_strict(mine, return_dtype=pl.Int64)
    assert right.mean() >= 0.9
    assert led.height >= 0.9 * truth.reviews.height
    assert set(mine.values()) == set(range(6))


def test_shares_are_those_planted_within_three_points_in_nine_of_ten_months(shop: Any) -> None:
    connection, truth, *_ = shop
    mine = held(of(connection, "topics.documents", NEXT), truth)
    trend = of(connection, "topics.trend", NEXT).with_columns(
        topic=pl.col("topic_id").replace_strict(mine, return_dtype=pl.Int64)
    )
    shares = trend.group_by("month", "topic").agg(pl.col("share").sum()).sort("month", "topic")["share"]
    off = np.abs(shares.to_numpy().reshape(14, 6) - truth.shares)
    assert (off.max(axis=1) <= 0.03).mean() >= 0.9
    within = trend.group_by("month").agg(pl.col("share").sum())["share"]
    assert within.to_numpy() == pytest.approx(1, abs=1e-4)


def test_the_jump_is_found_in_its_month_and_no_other(shop: Any) -> None:
    connection, truth, *_ = shop
    mine = held(of(connection, "topics.documents", NEXT), truth)
    jumps = of(connection, "topics.trend", NEXT).filter("is_jump")
    assert set(jumps["month"]) == {date(2010, 9, 1)}
    up = jumps.sort("change").tail(1)
    assert mine[up["topic_id"][0]] == 5
    assert up["change"][0] > 0.1


def test_topics_last(shop: Any) -> None:
    """Two months later, which came at once, each topic has the id and the name that it had."""
    connection, _, made, _ = shop
    before, after = made["topics.fits"], of(connection, "topics.fits", NEXT)
    assert set(before["state"]) == {"born"}
    assert set(after["state"]) == {"kept"}
    assert set(after["updated_from"]) == {LAST}
    names = before.select("topic_id", "name").join(after.select("topic_id", "name"), on="topic_id")
    assert names.height == before.height == after.height
    assert (names["name"] == names["name_right"]).mean() >= 0.8
    assert (after["fresh_overlap"] > 0.3).all()


def test_between_searches_the_figures_stand(shop: Any) -> None:
    """A search takes as long as fifty fits: a new month must not pay for it."""
    connection, _, made, _ = shop
    assert set(of(connection, "topics.models", NEXT)["searched_as_of"]) == {LAST}
    assert of(connection, "topics.models", NEXT).drop("as_of").equals(made["topics.models"].drop("as_of"))


def test_of_what_was_made_no_row_changes_when_months_come(shop: Any) -> None:
    connection, _, made, _ = shop
    for name in MADE[1:]:
        assert of(connection, name, LAST).equals(made[name]), name


def test_every_review_is_told_of_once(shop: Any) -> None:
    connection, *_ = shop
    [(reviews,)] = connection.execute("SELECT count(*) FROM core.reviews").fetchall()
    shares = (
        of(connection, "topics.documents", NEXT).group_by("month", "review_id").agg(pl.col("share").sum())
    )
    assert shares.height == reviews
    assert shares["share"].to_numpy() == pytest.approx(1)


def test_topics_and_products_agree_with_the_reviews(shop: Any) -> None:
    connection, *_ = shop
    led = of(connection, "topics.documents", NEXT).filter("is_leading").group_by("topic_id").len()
    topics = of(connection, "topics.topics", NEXT)
    assert dict(topics.select("topic_id", "led_reviews").iter_rows()) == dict(led.iter_rows())
    products = of(connection, "topics.products", NEXT).group_by("topic_id").agg(pl.col("led_reviews").sum())
    assert dict(products.iter_rows()) == dict(led.iter_rows())
    assert topics["share"].sum() == pytest.approx(1, abs=1e-4)
    assert topics["name"].n_unique() == topics.height
    assert set(topics["review_ids"].list.len()) == {3}


def test_the_topic_that_is_spoken_ill_of_has_the_fewest_stars(shop: Any) -> None:
    connection, truth, *_ = shop
    mine = held(of(connection, "topics.documents", NEXT), truth)
    topics = of(connection, "topics.topics", NEXT).sort("mean_rating")
    assert mine[topics["topic_id"][0]] == 1
    assert topics["mean_rating"][0] < 3 < topics["mean_rating"][-1]


def test_reviews_that_stand_for_a_topic_are_about_it(shop: Any) -> None:
    connection, truth, *_ = shop
    mine = held(of(connection, "topics.documents", NEXT), truth)
    about = dict(truth.reviews.select("review_id", "topic").iter_rows())
    for topic, reviews in of(connection, "topics.topics", NEXT).select("topic_id", "review_ids").iter_rows():
        assert {about[review] for review in reviews} == {mine[topic]}


def test_a_stored_model_is_arrays_and_mixes_as_the_table_says(shop: Any) -> None:
    """Of gensim nothing is kept: an object of it would bind the store to its version."""
    from assets.topics.fitting import Model, mix
    from assets.topics.text import Vocabulary, matrix, tokens

    connection, _, _, steps = shop
    stored = load(steps["home"], "topics.fits", NEXT)
    kept = stored.estimator
    assert stored.parameters["topics"] == len(kept["topic_ids"]) == len(kept["weights"])
    words = connection.execute("SELECT words FROM topics.words WHERE review_id = 'r01300007'").pl()["words"]
    counts = matrix(tokens(words), 1, Vocabulary(tuple(kept["terms"]), kept["idf"]))
    shares = mix(Model(kept["weights"], kept.get("prior")), counts)[0]
    told = of(connection, "topics.documents", NEXT).filter(pl.col("review_id") == "r01300007")
    first = told.sort("share").tail(1)
    assert kept["topic_ids"][int(shares.argmax())] == first["topic_id"][0]


def test_an_older_month_is_made_when_it_is_asked_for(shop: Any) -> None:
    """From nothing, as none before it was made; and what was made of it later stays until it is forced."""
    connection, _, made, steps = shop
    older = date(2010, 11, 1)
    found = steps["make"](MADE[1:4], months=[older], force=True)
    assert found == {name: [older] for name in MADE[1:4]}
    assert set(of(connection, "topics.fits", older)["state"]) == {"born"}
    assert of(connection, "topics.fits", LAST).equals(made["topics.fits"])
    assert next_month(older) == LAST
