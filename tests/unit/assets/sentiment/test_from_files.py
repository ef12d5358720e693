"""Sentiment from the files that people drop, however strange and in whatever order."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.graph import Graph
from assets.make import read_plan
from expectations.audit import audit
from warehouse.intake import TakenIn
from warehouse.lake import ensure
from warehouse.tables import TABLES

Intake = Callable[..., TakenIn]
Rows = Callable[..., list[tuple[Any, ...]]]
Make = Callable[..., dict[str, list[Any]]]

WANTED = ("seeds.english_words", "seeds.categories", "seeds.sentiment", "seeds.review_alerts", "core.reviews")
WANTED_BY_TOPICS = ("seeds.stop_words", "seeds.topics")


@pytest.fixture
def drop(home: Path) -> Callable[..., None]:
    """Writes reviews into the landing folder, as lines of JSON."""

    def write(name: str, rows: Sequence[dict[str, Any]]) -> None:
        folder = home / "landing" / "reviews"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    return write


@pytest.fixture
def run(
    lake: duckdb.DuckDBPyConnection, intake: Intake, shop_graph: Graph, make_all: Make
) -> Callable[..., None]:
    """Takes in what lies there and makes its sentiment, and its topics if they are asked for."""
    of_sentiment = [name for name in shop_graph.nodes if name in WANTED or name.startswith("sentiment.")]
    of_reviews = [
        name
        for name in shop_graph.nodes
        if name in of_sentiment or name in WANTED_BY_TOPICS or name.startswith("topics.")
    ]

    def make(*, with_topics: bool = False, **options: Any) -> None:
        intake()
        if not with_topics:  # their fits take a minute, and are looked at beside their modules
            ensure(lake, TABLES["topics.documents"])
        make_all(lake, of_reviews if with_topics else of_sentiment, **options)

    return make


def review(number: int, text: str | None, rating: object = 5, month: int = 1, **other: Any) -> dict[str, Any]:
    at = datetime(2011, month, 1 + number % 28, number % 24, number % 60, tzinfo=UTC)
    return {
        "review_id": f"{number}", "product_id": f"P{number % 3}", "customer_id": f"C{number}", "rating": rating,
        "text": text, "reviewed_at": f"{at:%Y-%m-%d %H:%M:%S}", **other,
    }  # fmt: skip


STRANGE = {
    "none": None,
    "blank": "   ",
    "one word": "Strings",
    "a thousand lines": "bad\n" * 1000,
    "stop words": "it is of the and was to in for",
    "another language": "Das ist nicht sehr gut und ich mag es auch nicht wirklich",
    "emoji": "\U0001f60a\U0001f60a",
    "markup": "<p>It is <b>great</b>!<br/>I love it &amp; use it daily.</p>",
    "a megabyte": "I hate the strap. " * 58_000,
    "quotes": "It's \"good\"; isn't it? \\ % {} ' -- ",
}


def test_strange_texts_are_scored_or_say_why_not(drop: Any, run: Any, rows_of: Rows) -> None:
    """Each of them is what somebody has written in a box once."""
    rows = [review(at, text, review_id=name) for at, (name, text) in enumerate(STRANGE.items())]
    wrong = [review(90 + at, "Good.", rating) for at, rating in enumerate((0, 6, 4.5, "five"))]
    drop("a.jsonl", [*rows, *wrong, review(99, "Good.", reviewed_at="1970-01-01 00:00:00")])
    run(judge=audit, with_topics=True)
    assert sorted(reason for (reason,) in rows_of("SELECT unnest(reasons) FROM landing.quarantine")) == [
        *(
            f'rating: a whole number from 1 to 5 was expected, found "{rating}"'
            for rating in ("0", "4.5", "6", "five")
        ),
        'reviewed_at: before 1990-01-01, found "1970-01-01 00:00:00"',
    ]
    found = {
        row[0]: row[1:] for row in rows_of("SELECT review_id, label, missing_reason FROM sentiment.reviews")
    }
    assert found == {
        "none": ("unknown", "no text"), "blank": ("unknown", "no text"), "one word": ("neutral", None),
        "a thousand lines": ("unknown", "not English"), "stop words": ("neutral", None),
        "another language": ("unknown", "not English"), "emoji": ("positive", None), "markup": ("positive", None),
        "a megabyte": ("negative", None), "quotes": ("positive", None),
    }  # fmt: skip
    assert rows_of("SELECT DISTINCT is_used, verdict FROM sentiment.models") == [
        (False, "0 reviews of the rarer of 1-2 and 4-5 stars, 50 are needed")
    ]
    assert rows_of("SELECT count(*) FROM sentiment.alerts") == [(0,)]
    # Somebody hates what has five stars.
    told = rows_of("SELECT review_id, words_are FROM sentiment.mismatches ORDER BY ALL")
    assert told == [("a megabyte", "worse")]
    assert dict(rows_of("SELECT review_id, reason FROM topics.words WHERE reason IS NOT NULL")) == {
        "none": "no text", "blank": "no text", "a thousand lines": "not English", "another language": "not English",
        "stop words": "no word but stop words", "emoji": "no word but stop words",
    }  # fmt: skip
    assert rows_of("SELECT method, why FROM topics.models") == [(
        "none", "2 different reviews have three words and more that tell something, and 200 are needed (seeds.topics)",
    )]  # fmt: skip
    assert rows_of("SELECT * FROM topics.documents") == []
    assert rows_of("SELECT * FROM meta.refusals WHERE severity = 'error'") == []


def test_where_every_row_is_in_quarantine_nothing_is_made(
    drop: Any, intake: Intake, run: Any, rows_of: Rows, lake: duckdb.DuckDBPyConnection, shop_graph: Graph
) -> None:
    """Months without a review would be tables that say there was nothing to say."""
    bad = [review(at, "Good.", rating) for at, rating in enumerate((0, 6, 4.5, "five"))]
    drop("a.jsonl", [*bad, review(9, "Good.", reviewed_at="1970-01-01 00:00:00")])
    run(with_topics=True)
    assert rows_of("SELECT rows_read, rows_accepted, rows_quarantined FROM landing.files") == [(5, 0, 5)]
    plan = read_plan(lake, shop_graph)
    of_reviews = [
        name for name in shop_graph.nodes if name.startswith(("core.reviews", "topics.", "sentiment."))
    ]
    assert {name: plan.months(name) for name in of_reviews} == {name: [] for name in of_reviews}


def test_one_review_is_a_table_of_one_row(drop: Any, run: Any, rows_of: Rows) -> None:
    drop("a.jsonl", [review(1, "It is great, and I love it.", helpful_votes=1, total_votes=1)])
    run(with_topics=True)
    assert rows_of("SELECT label FROM sentiment.reviews") == [("positive",)]
    assert rows_of("SELECT review_id, reason FROM topics.words") == [("1", None)]
    assert rows_of("SELECT method, topics FROM topics.models") == [("none", 0)]
    assert rows_of("SELECT DISTINCT verdict FROM sentiment.helpfulness") == [
        ("1 reviews with votes, 50 are needed",)
    ]
    assert rows_of("SELECT level, reviews FROM sentiment.topics ORDER BY ALL") == [
        ("product", 1),
        ("shop", 1),
    ]
    assert rows_of("SELECT * FROM sentiment.reviewers") == []


def test_identical_reviews_throughout_are_told_as_such(drop: Any, run: Any, rows_of: Rows) -> None:
    text = "It is a great strap, and I love the way it holds my guitar on the stage every night."
    drop("a.jsonl", [review(at, text, 1 + 4 * (at // 2 % 2), month=1 + at % 2) for at in range(240)])
    run(with_topics=True)
    assert rows_of("SELECT DISTINCT reason FROM sentiment.reviewers") == [("copies",)]
    assert rows_of("SELECT method, learned_reviews, left(why, 19) FROM topics.models") == [
        ("none", 1, "1 different reviews")
    ]
    assert rows_of("SELECT count(*) FROM sentiment.reviewers") == [(240,)]
    verdicts = {
        verdict for (verdict,) in rows_of("SELECT verdict FROM sentiment.models WHERE few_stars >= 50")
    }
    assert verdicts == {"knows no more than the lexicon alone"}
    assert rows_of("SELECT count(DISTINCT score) FROM sentiment.reviews") == [(1,)]


def test_files_in_any_order_end_in_the_same_tables(drop: Any, run: Any, rows_of: Rows, home: Path) -> None:
    """Incremental equals full: a late file makes what was learned since anew."""
    told = {1: "It buzzes and the strap broke", 5: "It rings and the strap holds", 3: "It is a strap"}
    rows = [
        review(
            at, told[star] + " well" * (at % 5), star, month=1 + at % 4, helpful_votes=at % 3, total_votes=3
        )
        for at, star in enumerate([1, 5, 5, 3, 5, 1, 5] * 60)
    ]
    asked = [
        f"SELECT * FROM sentiment.{name} ORDER BY ALL"
        for name in ("lexicon", "models", "reviews", "mismatches", "alerts", "reviewers")
    ]
    # Those of which older months are not asked for answer for the newest.
    asked += [
        f"SELECT * FROM sentiment.{name} WHERE as_of = DATE '2011-04-01' ORDER BY ALL"
        for name in ("helpfulness", "topics")
    ]
    parts = [[row for row in rows if row["reviewed_at"][6] in months] for months in ("13", "2", "4")]
    for at, part in enumerate(parts):
        drop(f"{at}.jsonl", part)
        run()
    piecemeal = [rows_of(sql) for sql in asked]
    assert any(row[3] for row in piecemeal[1]), "no model was learned"
    assert all(piecemeal[at] for at in (0, 1, 2, 4, 6, 7))
    run(force=True)
    assert [rows_of(sql) for sql in asked] == piecemeal


def test_orders_alone_make_no_sentiment(shop_graph: Graph) -> None:
    """A home without reviews would be full of empty tables, month for month."""
    of_orders = {"landing.orders"}
    for name, node in shop_graph.nodes.items():
        of_orders |= {name} if of_orders & node.inputs.keys() else set()
    assert not {name for name in of_orders if name.startswith("sentiment.")}
