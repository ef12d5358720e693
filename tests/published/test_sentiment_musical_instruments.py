"""Sentiment of the reviews of musical instruments (McAuley 2014), and of labelled sentences (Kotzias et al. 2015)."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from assets.graph import Graph
from assets.make import make
from assets.sentiment.lexicon import scores
from assets.sentiment.reviews import score
from expectations.audit import audit
from warehouse.intake import take_in
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading
from warehouse.lake import ensure, open_lake
from warehouse.records import prepare
from warehouse.tables import TABLES

SEEDS_READ = {f"seeds.{name}" for name in ("english_words", "categories", "sentiment", "review_alerts")}
READING = Reading(header_sets(), None, date(1990, 1, 1), datetime(2015, 1, 1))


@pytest.fixture(scope="module")
def instruments(
    shared_data: Callable[[str], Path], shop_graph: Graph, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake of these reviews alone, all their sentiment made and judged."""
    file = shared_data("reviews_musical_instruments.parquet")
    home = tmp_path_factory.mktemp("instruments")
    (home / "landing" / "reviews").mkdir(parents=True)
    (home / "landing" / "reviews" / file.name).write_bytes(file.read_bytes())
    with open_lake(home / "lake", threads=1) as connection:
        prepare(connection)
        ensure(connection, TABLES["topics.documents"])  # its fits take a minute
        take_in(connection, home / "landing", READING)
        for name in shop_graph.nodes:
            if name in SEEDS_READ or name == "core.reviews" or name.startswith("sentiment."):
                make(connection, name, shop_graph, judge=audit)
        yield connection


def asked(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    return connection.execute(sql).pl()


def test_every_review_is_there_and_no_month_is_refused(instruments: duckdb.DuckDBPyConnection) -> None:
    assert asked(instruments, "SELECT count(*), count(score) FROM sentiment.reviews").row(0) == (
        10_261,
        10_255,
    )
    assert instruments.execute("SELECT * FROM meta.refusals").fetchall() == []


def test_later_stars_are_foretold(instruments: duckdb.DuckDBPyConnection) -> None:
    """ROC AUC of 1-2 stars against 4-5, each review by what was known before its month: 0.92 is wanted."""
    found = asked(
        instruments,
        "SELECT month, rating, score, lexicon FROM sentiment.reviews WHERE score IS NOT NULL AND rating <> 3",
    )
    later = found.filter(pl.col("month") >= date(2013, 1, 1))
    assert roc_auc_score(later["rating"] > 3, later["score"]) > 0.95
    assert roc_auc_score(later["rating"] > 3, later["lexicon"]) < 0.9
    by_year = [found.filter(pl.col("month").dt.year() == year) for year in (2012, 2013, 2014)]
    assert all(roc_auc_score(of_year["rating"] > 3, of_year["score"]) > 0.92 for of_year in by_year)


def test_labelled_sentences_are_told(
    instruments: duckdb.DuckDBPyConnection, shared_data: Callable[[str], Path]
) -> None:
    """None of these labels was learned from, nor anything chosen by them; VADER alone is right on 84.4 %."""
    lines = shared_data("sentiment_amazon_cells_labelled.txt").read_text("utf-8").splitlines()
    pairs = [line.rsplit("\t", 1) for line in lines]
    texts, is_good = [text for text, _ in pairs], np.array([label == "1" for _, label in pairs])
    rows = pl.DataFrame({"written": texts, "lexicon": scores(texts)})
    assert ((rows["lexicon"] > 0).to_numpy() == is_good).mean() == 0.844
    models = asked(instruments, "SELECT * FROM sentiment.models WHERE is_used ORDER BY as_of").to_dicts()
    assert len(models) >= 4
    for model in models:
        found = score(rows, model["intercept"], model["lexicon_weight"], model["words"])
        assert ((found > 0).to_numpy() == is_good).mean() > 0.87, model["as_of"]


def test_words_have_the_meaning_that_stars_give_them(instruments: duckdb.DuckDBPyConnection) -> None:
    [words] = asked(
        instruments, "SELECT words FROM sentiment.models WHERE is_used ORDER BY as_of DESC LIMIT 1"
    )["words"]
    weight = {row["word"]: row["weight"] for row in words}
    assert all(weight[word] < -1 for word in ("return", "broke", "waste", "cheap", "not"))
    assert all(weight[word] > 1 for word in ("great", "perfect", "love", "works"))


def test_nothing_is_claimed_of_a_shop_of_which_nothing_is_known(
    instruments: duckdb.DuckDBPyConnection,
) -> None:
    """These reviewers have five reviews each at least: nobody planted them, and no product fell beyond chance."""
    assert asked(instruments, "SELECT * FROM sentiment.reviewers").height == 0
    found = asked(instruments, "SELECT * FROM sentiment.alerts")
    assert found.height > 1000
    assert not found["is_alert"].any()


def test_what_helps_is_told_with_its_size(instruments: duckdb.DuckDBPyConnection) -> None:
    found = asked(instruments, "SELECT * FROM sentiment.helpfulness")
    told = {row["feature"]: row for row in found.to_dicts()}
    assert told["length"]["odds_ratio_low"] > 1
    assert told["stars"]["odds_ratio"] > 1.4
    assert told["verified"]["verdict"] == "not known of all, or alike in all"


def test_parts_are_those_of_the_whole(instruments: duckdb.DuckDBPyConnection) -> None:
    found: dict[str, Any] = dict(
        instruments.execute(
            "SELECT level, CAST(sum(reviews) AS BIGINT) FROM sentiment.topics GROUP BY level"
        ).fetchall()
    )
    assert found == {"product": 10_255, "shop": 10_255}
    mismatched = (
        "SELECT count(*) FROM sentiment.mismatches AS m JOIN sentiment.reviews AS r USING (month, review_id)"
    )
    assert (
        instruments.execute(mismatched).fetchall()
        == instruments.execute("SELECT count(*) FROM sentiment.mismatches").fetchall()
    )
