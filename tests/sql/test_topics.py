"""The words of reviews, and what is summed of topics."""

from collections.abc import Callable
from datetime import date
from math import log
from typing import Any

import pytest

from warehouse.tables import TABLES

JANUARY, FEBRUARY = date(2011, 1, 1), date(2011, 2, 1)

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def words(fill: Fill, run: Run) -> Run:
    def made(text: str | None, title: str | None = None, *, is_english: bool | None = True) -> Any:
        fill("seeds.stop_words", "word", *([word] for word in ("the", "is", "don't", "and", "it")))
        fill("core.reviews", "month,review_id,title,text,is_english", [JANUARY, "1", title, text, is_english])
        [row] = run("topics.words", JANUARY, FEBRUARY)
        return row["words"] if row["reason"] is None else row["reason"]

    return made


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The strap IS great, and the amp's knob too.", ["strap", "great", "amp", "knob", "too"]),
        ("Don't buy! I don\u2019t.", ["buy"]),
        ("naïve café", ["naive", "cafe"]),
        ("it is 5 of 10: a b cd x2 y", "no word but stop words"),
        ("the the the", "no word but stop words"),
        ("😀 👍", "no word but stop words"),
        ("😀 strap 👍", ["strap"]),
        ("word", ["word"]),
        (None, "no text"),
        ("", "no text"),
        ("spam\n" * 1_000, ["spam"] * 500),
        ("a" * 1_000_000, "no word but stop words"),
        ("good strap " * 100_000, ["good", "strap"] * 250),
        ("rock'n'roll isn't", ["rocknroll", "isnt"]),
        ("'; DROP TABLE core.reviews; --", ["drop", "table", "core", "reviews"]),
    ],
)  # fmt: skip
def test_words_are_those_that_tell_something(text: str | None, told: Any, words: Run) -> None:
    assert words(text) == told


def test_the_title_comes_first_and_stands_alone_where_there_is_no_text(words: Run) -> None:
    assert words("strap", "Fine") == ["fine", "strap"]


def test_a_title_alone_is_read(words: Run) -> None:
    assert words(None, "Fine strap", is_english=None) == ["fine", "strap"]


def test_another_language_is_left_out(words: Run) -> None:
    """Its words would be a topic, and the only one about nothing."""
    assert words("muy buena correa", is_english=False) == "not English"


FITS = "as_of,topic_id,state,share,terms,weights"


def test_terms_are_ranked_by_relevance(fill: Fill, run: Run) -> None:
    fill(
        "topics.fits", FITS,
        [JANUARY, "a", "kept", 0.5, ["strap", "good"], [0.6, 0.4]],
        [JANUARY, "b", "kept", 0.5, ["good"], [1.0]],
        [JANUARY, "c", "ended", None, [], []],
    )  # fmt: skip
    rows = {(row["topic_id"], row["term"]): row for row in run("topics.terms", JANUARY, FEBRUARY)}
    assert set(rows) == {("a", "strap"), ("a", "good"), ("b", "good")}
    assert rows["a", "good"]["relevance"] == pytest.approx(0.6 * log(0.4) + 0.4 * log(0.4 / 0.7), abs=1e-6)
    assert [rows["a", term]["rank"] for term in ("strap", "good")] == [1, 2]
    assert rows["a", "strap"]["lift"] == pytest.approx(2)


@pytest.fixture
def documents(fill: Fill) -> None:
    """Three reviews of two products: one of topic a, one of a and b, one of which nothing is known."""
    fill(
        "topics.documents", "as_of,month,review_id,topic_id,share,is_leading",
        [JANUARY, JANUARY, "1", "a", 1.0, True],
        [JANUARY, JANUARY, "2", "a", 0.25, False],
        [JANUARY, JANUARY, "2", "b", 0.75, True],
        [JANUARY, JANUARY, "3", "None", 1.0, False],
    )  # fmt: skip
    fill(
        "core.reviews", "month,review_id,product_id,rating",
        *([JANUARY, number, product, stars] for number, product, stars in (("1", "P", 5), ("2", "P", 1), ("3", "Q", 3))),
    )  # fmt: skip
    fill(
        "topics.words",
        "month,review_id,words",
        *([JANUARY, number, ["x"] * 20 + [number]] for number in "123"),
    )
    fill(
        "topics.fits", FITS,
        [JANUARY, "a", "kept", 0.6, ["strap"], [1.0]], [JANUARY, "b", "born", 0.4, ["good"], [1.0]],
        [JANUARY, "c", "ended", None, [], []],
    )  # fmt: skip


@pytest.mark.usefixtures("documents")
def test_a_product_has_the_topics_of_its_reviews(run: Run) -> None:
    rows = {(row["product_id"], row["topic_id"]): row for row in run("topics.products", JANUARY, FEBRUARY)}
    assert set(rows) == {("P", "a"), ("P", "b")}
    assert (rows["P", "a"]["share"], rows["P", "b"]["share"]) == (0.625, 0.375)
    assert rows["P", "a"]["mean_rating"] == pytest.approx((5 + 0.25) / 1.25)
    assert (rows["P", "a"]["reviews"], rows["P", "a"]["led_reviews"]) == (2, 1)


@pytest.mark.usefixtures("documents")
def test_a_topic_has_its_share_its_stars_and_the_reviews_that_stand_for_it(run: Run) -> None:
    rows = {row["topic_id"]: row for row in run("topics.topics", JANUARY, FEBRUARY)}
    assert {topic: row["state"] for topic, row in rows.items()} == {"a": "kept", "b": "born", "c": "ended"}
    assert (rows["a"]["share"], rows["b"]["share"], rows["c"]["share"]) == (0.625, 0.375, 0)
    assert rows["a"]["review_ids"] == ["1", "2"]
    assert (rows["b"]["mean_rating"], rows["c"]["mean_rating"]) == (1, None)
    assert (rows["c"]["led_reviews"], rows["c"]["review_ids"]) == (0, [])


def test_most_of_the_map_stays_when_reviews_come(fill: Fill, tables: Any) -> None:
    """A map whose points are others each month cannot be held beside the last."""
    fill("seeds.topics", "mapped_reviews", [100])
    drawn = []
    for new in (range(400), range(400, 440)):
        for name, columns, row in (
            ("core.reviews", "month,review_id,rating", (5,)),
            ("topics.words", "month,review_id,words", (["x"],)),
            ("topics.documents", "month,review_id,as_of,topic_id,is_leading", (JANUARY, "a", True)),
        ):
            fill(name, columns, *([JANUARY, f"r{number}", *row] for number in new))
        found = tables.execute(TABLES["topics.map"].query, {"start": JANUARY, "end": FEBRUARY}).pl()
        drawn.append(set(found["review_id"]))
    before, after = drawn
    assert len(before) == len(after) == 100
    assert len(before & after) >= 80
    assert after & {f"r{number}" for number in range(400, 440)}, "and of what is new some"


@pytest.mark.usefixtures("documents")
def test_the_map_has_the_score_of_each_review_where_there_is_one(fill: Fill, tables: Any) -> None:
    """A review without one, or a home without sentiment, still has its points."""
    fill("seeds.topics", "mapped_reviews", [10])

    def drawn() -> dict[str, tuple[Any, ...]]:
        found = tables.execute(TABLES["topics.map"].query, {"start": JANUARY, "end": FEBRUARY}).pl()
        return {row["review_id"]: (row["topic_id"], row["score"]) for row in found.to_dicts()}

    assert drawn() == {"1": ("a", None), "2": ("b", None)}
    fill("sentiment.reviews", "month,review_id,score", [JANUARY, "1", -0.5], [JANUARY, "3", 0.5])
    assert drawn() == {"1": ("a", -0.5), "2": ("b", None)}
