"""Reviews once each, without markup, and told by language."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

JANUARY, FEBRUARY = date(2011, 1, 1), date(2011, 2, 1)
NAMES = "month,review_id,product_id,customer_id,rating,title,text,reviewed_at,helpful_votes,total_votes"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


def review(**other: Any) -> list[Any]:
    row = {
        "month": JANUARY, "review_id": None, "product_id": "p", "customer_id": "c", "rating": 5, "title": "Good",
        "text": "This is all that I wanted of it.", "reviewed_at": datetime(2011, 1, 2), "helpful_votes": 0, "total_votes": 0,
    } | other  # fmt: skip
    return [row[name] for name in NAMES.split(",")]


@pytest.fixture
def reviews(fill: Fill, run: Run) -> Run:
    def made(*rows: list[Any]) -> list[dict[str, Any]]:
        words = ["this", "is", "all", "that", "i", "of", "it", "the", "and", "a"]
        fill("seeds.english_words", "word", *([word] for word in words))
        fill("landing.reviews", NAMES, *rows)
        return run("core.reviews", JANUARY, FEBRUARY)

    return made


def test_a_review_is_there_once_and_its_copies_are_counted(reviews: Run) -> None:
    [row] = reviews(review(), review(), review(product_id="P"))
    assert (row["product_id"], row["copies"]) == ("P", 3)


def test_votes_that_came_later_make_it_no_other_review(reviews: Run) -> None:
    [row] = reviews(review(total_votes=1), review(helpful_votes=3, total_votes=4))
    assert (row["helpful_votes"], row["total_votes"], row["copies"]) == (3, 4, 2)


@pytest.mark.parametrize("other", [{"customer_id": None}, {"rating": 4}, {"text": None}, {"title": "good"}])
def test_what_differs_in_anything_written_is_another_review(other: dict[str, Any], reviews: Run) -> None:
    assert [row["copies"] for row in reviews(review(), review(**other))] == [1, 1]


def test_of_a_number_the_newest_stands_and_the_others_are_counted(reviews: Run) -> None:
    [row] = reviews(
        review(review_id="1", rating=1, reviewed_at=datetime(2011, 1, 2)),
        review(review_id="1", rating=5, reviewed_at=datetime(2011, 1, 9)),
    )
    assert (row["review_id"], row["rating"], row["copies"]) == ("1", 5, 2)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("good<br />not <b class='x'>bad</b>", "good not bad"),
        ("I <3 it, a < b > c", "I <3 it, a < b > c"),
        ("&quot;A&amp;B&quot; it&#39;s &#8364; 5 &#128512; &lt;b&gt;", '"A&B" it\'s € 5 &#128512; <b>'),
        ("&amp;quot;", "&quot;"),
        ("  two\n\n lines\t\u00a0 ", "two lines"),
        ("😀 שלום", "😀 שלום"),
        ("<br>", None),
        ("'; DROP TABLE core.reviews; --", "'; DROP TABLE core.reviews; --"),
    ],
)
def test_markup_and_entities_are_taken_out(written: str, told: str | None, reviews: Run) -> None:
    [row] = reviews(review(text=written, title=written))
    assert (row["text"], row["title"]) == (told, told)
    assert (row["is_english"] is None) == (told is None)


@pytest.mark.parametrize(
    ("text", "is_english"),
    [
        ("This is the pedal that I wanted", True),
        ("Great pedal", True),
        ("Excelente pedal, es un boost sin saturacion", False),
        ("Größe passt", False),
        ("5 / 5 !!!", True),
        (None, None),
    ],
)
def test_english_is_told_by_the_words_that_hold_it_together(
    text: str | None, is_english: bool | None, reviews: Run
) -> None:
    assert [row["is_english"] for row in reviews(review(text=text))] == [is_english]


def test_other_months_are_left_out(reviews: Run) -> None:
    assert reviews(review(month=FEBRUARY, reviewed_at=datetime(2011, 2, 2))) == []
