"""The tables of sentiment that SQL makes, or that it gives the rows for, on rows written by hand."""

from collections.abc import Callable
from datetime import date, datetime
from math import floor, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.plan import month_range
from warehouse.tables import TABLES

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

START, END = date(2011, 1, 1), date(2011, 4, 1)
MONTHS = month_range(START, date(2011, 3, 1))
REVIEWS = "month,review_id,product_id,customer_id,rating,title,text,reviewed_at,is_english,helpful_votes,total_votes"


def review(month: date, number: int, rating: int = 5, **other: Any) -> list[Any]:
    row = {
        "product_id": "A", "customer_id": "c", "title": "Good", "text": "It is.",
        "reviewed_at": datetime(month.year, month.month, 3, 10), "is_english": True,
        "helpful_votes": None, "total_votes": None, **other,
    }  # fmt: skip
    return [month, f"{number}", row["product_id"], row["customer_id"], rating, *list(row.values())[2:]]


@pytest.fixture
def given_rows(tables: Any) -> Callable[..., list[dict[str, Any]]]:
    """Gives the rows of the query of a table that Python computes."""

    def ask(name: str, start: date = START, end: date = END) -> list[dict[str, Any]]:
        found = tables.execute(TABLES[name].query, {"start": start, "end": end})
        names = [at[0] for at in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return ask


def test_the_lexicon_reads_what_is_english_and_no_more_than_anybody_would(
    fill: Fill, given_rows: Run
) -> None:
    fill(
        "core.reviews", REVIEWS,
        review(START, 1),
        review(START, 2, title=None),
        review(START, 3, text=None, is_english=None),
        review(START, 4, title=None, text=None, is_english=None),
        review(START, 5, is_english=False),
        review(START, 6, title=None, text="x" * 1_000_000),
        review(END, 7),
    )  # fmt: skip
    found = {row["review_id"]: row["written"] for row in given_rows("sentiment.lexicon")}
    assert found == {"1": "Good. It is.", "2": "It is.", "3": "Good", "6": "x" * 10_000}


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, 4, 5]), max_size=12), min_size=3, max_size=3))
def test_it_is_learned_anew_when_the_rarer_stars_have_grown(
    tables: Any, fill: Fill, given_rows: Run, ratings: list[list[int]]
) -> None:
    """Against a plain count, whichever months are asked for at once."""
    for name in ("core.reviews", "sentiment.lexicon", "seeds.sentiment"):
        tables.execute(f"DELETE FROM {name}")
    fill("seeds.sentiment", "least_of_each,growth,most_learned", (2, 1.5, 100))
    rows = [(month, star) for month, of_month in zip(MONTHS, ratings, strict=True) for star in of_month]
    fill("core.reviews", REVIEWS, *(review(month, at, star) for at, (month, star) in enumerate(rows)))
    fill(
        "sentiment.lexicon",
        "month,review_id,score",
        *((month, f"{at}", 0.1) for at, (month, _) in enumerate(rows)),
    )

    def step(month: date) -> int:
        stars = [star for at, star in rows if at < month and star != 3]
        rarer = min(sum(star < 3 for star in stars), sum(star > 3 for star in stars))
        return floor(log(rarer / 2) / log(1.5) + 1e-12) if rarer >= 2 else -2

    asked = [row for row in given_rows("sentiment.models") if row["as_of"]]
    assert [row["as_of"] for row in sorted(asked, key=lambda row: row["as_of"])] == MONTHS
    for row in asked:
        at = row["as_of"]
        after = step(date(at.year, at.month + 1, 1))
        assert row["is_learned"] == (after >= 0 and after > step(at))
        assert row["rated"] == sum(star != 3 and month <= at for month, star in rows)
        [alone] = [
            one for one in given_rows("sentiment.models", at, date(at.year, at.month + 1, 1)) if one["as_of"]
        ]
        assert alone == row


def test_texts_are_read_for_as_ofs_that_learn_and_no_more_than_they_need(fill: Fill, given_rows: Run) -> None:
    """A new month of a million reviews must not read them all."""
    fill("seeds.sentiment", "least_of_each,growth,most_learned", (2, 2.0, 5))
    rows = [(month, 1 + 4 * (at % 2)) for month in MONTHS for at in range(4 if month == START else 6)]
    fill("core.reviews", REVIEWS, *(review(month, at, star) for at, (month, star) in enumerate(rows)))
    fill(
        "sentiment.lexicon",
        "month,review_id,score",
        *((month, f"{at}", 0.1) for at, (month, _) in enumerate(rows)),
    )
    of = {
        month: sorted(
            row["place"]
            for row in given_rows("sentiment.models", month, date(2011, month.month + 1, 1))
            if row["place"]
        )
        for month in MONTHS
    }
    assert of == {MONTHS[0]: [1, 2, 3, 4], MONTHS[1]: [6, 7, 8, 9, 10], MONTHS[2]: [12, 13, 14, 15, 16]}
    fill("core.reviews", REVIEWS, review(END, 99))
    fill("sentiment.lexicon", "month,review_id,score", (END, "99", 0.1))
    assert [row["place"] for row in given_rows("sentiment.models", END, date(2011, 5, 1))] == [None]


def test_the_models_a_month_may_need_are_read_and_no_later_ones(fill: Fill, given_rows: Run) -> None:
    fill(
        "sentiment.models", "as_of,is_used,intercept",
        (date(2010, 6, 1), True, 1), (date(2010, 9, 1), True, 2), (date(2010, 10, 1), False, 3),
        (MONTHS[0], True, 4), (END, True, 5),
    )  # fmt: skip
    fill("core.reviews", REVIEWS, review(MONTHS[1], 1))
    rows = given_rows("sentiment.reviews")
    assert sorted(row["intercept"] for row in rows if row["as_of"]) == [2, 4]
    assert [row["review_id"] for row in rows if row["month"]] == ["1"]


def scored(fill: Fill, *rows: tuple[Any, ...]) -> None:
    fill("sentiment.reviews", "month,review_id,product_id,rating,score,learned_as_of", *rows)


def test_words_and_stars_that_disagree_are_told(fill: Fill, run: Run) -> None:
    cases = [(5, -0.6), (4, -0.5), (5, -0.4), (3, -0.9), (2, 0.5), (1, 0.9), (1, -0.9), (5, None)]
    scored(fill, *((START, f"{at}", "A", rating, score, None) for at, (rating, score) in enumerate(cases)))
    found = {
        row["review_id"]: (row["words_are"], row["gap"]) for row in run("sentiment.mismatches", START, END)
    }
    assert found == {"0": ("worse", 1.6), "1": ("worse", 1.0), "4": ("better", 1.0), "5": ("better", 1.9)}


def test_products_categories_and_the_shop_are_spoken_of_by_the_same_reviews(fill: Fill, run: Run) -> None:
    fill(
        "seeds.categories", "rank,matches,pattern,category",
        (1, "product_id", "A*", "Bags"), (2, "product_id", "A1", "Tins"), (1, "description", "B", "Cups"),
    )  # fmt: skip
    scored(
        fill,
        (START, "1", "A1", 5, 0.9, START), (START, "2", "A2", 1, -0.7, START), (START, "3", "B", 4, 0.0, None),
        (MONTHS[1], "4", "B", 4, 0.5, START), (START, "5", "B", 4, None, None),
    )  # fmt: skip
    found = {
        (row["month"], row["level"], row["subject"]): row
        for row in run("sentiment.topics", MONTHS[1], MONTHS[2])
    }
    assert {key[1:] for key in found if key[0] == START} == {
        ("product", "A1"), ("product", "A2"), ("product", "B"), ("category", "Bags"), ("shop", "all")
    }  # fmt: skip
    bags, shop = found[START, "category", "Bags"], found[START, "shop", "all"]
    assert (bags["reviews"], bags["mean_rating"], bags["mean_score"]) == (2, 3.0, 0.1)
    assert (bags["positive_share"], bags["negative_share"], bags["is_learned"]) == (0.5, 0.5, True)
    assert (shop["reviews"], shop["weight"], shop["is_learned"]) == (3, 3.0, False)
    assert found[MONTHS[1], "shop", "all"]["reviews"] == 1
    for month in (START, MONTHS[1]):
        parts = [row["reviews"] for key, row in found.items() if key[:2] == (month, "product")]
        assert sum(parts) == found[month, "shop", "all"]["reviews"]


def alerts_of(given_rows: Run, month: date) -> dict[tuple[str, str, str], tuple[list[int], list[int]]]:
    rows = given_rows("sentiment.alerts", month, date(month.year, month.month + 1, 1))
    return {
        (row["level"], row["subject"], row["measure"]): (
            [row[f"now_{step}"] for step in range(1, 6)],
            [row[f"before_{step}"] for step in range(1, 6)],
        )
        for row in rows
    }


def test_windows_hold_the_months_they_say_and_nothing_planted(fill: Fill, given_rows: Run) -> None:
    fill(
        "seeds.review_alerts", "window_months,before_months,least_reviews,false_share,least_fall", (1, 2, 2, 0.01, 0.1)
    )  # fmt: skip
    rows = [
        (date(2010, 11, 1), 5, 0.9), (date(2010, 12, 1), 5, 0.9), (date(2011, 1, 1), 4, 0.5), (date(2011, 1, 1), 4, None),
        (date(2011, 2, 1), 1, -1.0), (date(2011, 2, 1), 2, -0.61), (date(2011, 2, 1), 3, 1.0), (date(2011, 3, 1), 1, -1.0),
    ]  # fmt: skip
    scored(
        fill, *((month, f"{at}", "A", rating, score, START) for at, (month, rating, score) in enumerate(rows))
    )
    scored(
        fill, (date(2011, 2, 1), "fake", "A", 1, -1.0, START), (date(2011, 2, 1), "few", "B", 1, -1.0, START)
    )
    fill("sentiment.reviewers", "month,review_id", (date(2011, 2, 1), "fake"))
    found = alerts_of(given_rows, date(2011, 2, 1))
    assert found == {
        ("product", "A", "rating"): ([1, 1, 1, 0, 0], [0, 0, 0, 2, 1]),
        ("product", "A", "sentiment"): ([2, 0, 0, 0, 1], [0, 0, 0, 1, 1]),
        ("shop", "all", "rating"): ([2, 1, 1, 0, 0], [0, 0, 0, 2, 1]),
        ("shop", "all", "sentiment"): ([3, 0, 0, 0, 1], [0, 0, 0, 1, 1]),
    }


def test_scores_of_two_scales_are_never_held_against_each_other(fill: Fill, given_rows: Run) -> None:
    """The first model lowers the scores of all bad reviews at once: no product got worse by it."""
    fill(
        "seeds.review_alerts", "window_months,before_months,least_reviews,false_share,least_fall", (1, 2, 1, 0.01, 0.1)
    )  # fmt: skip
    learned = {
        date(2010, 12, 1): None,
        date(2011, 1, 1): None,
        date(2011, 2, 1): START,
        date(2011, 3, 1): START,
    }
    scored(fill, *((month, f"{month}", "A", 5, 0.5, as_of) for month, as_of in learned.items()))
    of = {month: {key[2] for key in alerts_of(given_rows, month)} for month in MONTHS}
    assert of == {
        MONTHS[0]: {"rating", "sentiment"},
        MONTHS[1]: {"rating"},
        MONTHS[2]: {"rating", "sentiment"},
    }


def test_reviews_that_were_voted_on_are_seen_with_what_they_are_like(fill: Fill, given_rows: Run) -> None:
    fill(
        "core.reviews", REVIEWS,
        review(MONTHS[0], 1, 5, helpful_votes=1, total_votes=2),
        review(MONTHS[0], 2, 1, helpful_votes=0, total_votes=0),
        review(MONTHS[0], 3, 3, helpful_votes=3, total_votes=2),
        review(MONTHS[1], 4, 3, helpful_votes=1, total_votes=1, title=None),
        review(MONTHS[2], 5, 1, helpful_votes=1, total_votes=1),
    )  # fmt: skip
    numbers = [(month, f"{at}") for at, month in enumerate([MONTHS[0]] * 3 + MONTHS[1:], 1)]
    fill("sentiment.lexicon", "month,review_id,words,score", *((*key, 8, 0.1) for key in numbers))
    scored(fill, *((*key, "A", 5, 0.5, None) for key in numbers))
    rows = given_rows("sentiment.helpfulness", MONTHS[0], MONTHS[2])
    found = {(row["as_of"], row["review_id"]): row for row in rows}
    assert set(found) == {(MONTHS[0], "1"), (MONTHS[1], "1"), (MONTHS[1], "4")}
    assert found[MONTHS[0], "1"]["distance"] == pytest.approx(2.0)
    assert found[MONTHS[1], "4"]["distance"] == pytest.approx(0.0)
    assert (found[MONTHS[1], "4"]["has_title"], found[MONTHS[1], "1"]["has_title"]) == (0, 1)


def test_a_month_is_looked_at_with_the_one_before(fill: Fill, given_rows: Run) -> None:
    fill(
        "core.reviews",
        REVIEWS,
        *(review(month, at) for at, month in enumerate(month_range(date(2010, 11, 1), END))),
    )
    rows = given_rows("sentiment.reviewers", MONTHS[0], MONTHS[2])
    assert sorted(row["month"] for row in rows) == [date(2010, 12, 1), MONTHS[0], MONTHS[1]]


def test_topics_are_spoken_of_by_their_shares(fill: Fill, run: Run) -> None:
    scored(fill, (START, "1", "A", 5, 0.9, START), (START, "2", "A", 1, -0.6, START))
    fill(
        "topics.documents", "as_of,month,review_id,topic_id,share,is_leading,reason",
        (START, START, "1", "t", 0.75, True, None), (START, START, "1", "u", 0.25, False, None),
        (START, START, "2", "t", 0.25, False, None), (START, START, "2", "None", 1, False, "no words"),
    )  # fmt: skip
    found = {(row["level"], row["topic_id"]): row for row in run("sentiment.topics", START, MONTHS[1])}
    assert set(found) == {(level, topic) for level in ("product", "shop") for topic in ("all", "t", "u")}
    told = found["shop", "t"]
    assert (told["reviews"], told["weight"]) == (2, 1.0)
    assert told["mean_rating"] == pytest.approx(0.75 * 5 + 0.25 * 1)
    assert told["mean_score"] == pytest.approx(0.75 * 0.9 - 0.25 * 0.6)
    assert (told["positive_share"], told["negative_share"]) == (0.75, 0.25)


def test_a_topic_is_alerted_by_the_reviews_it_leads(fill: Fill, given_rows: Run) -> None:
    fill(
        "seeds.review_alerts", "window_months,before_months,least_reviews,false_share,least_fall", (1, 2, 1, 0.01, 0.1)
    )  # fmt: skip
    at = MONTHS[1]
    scored(
        fill, (START, "1", "A", 5, 0.9, START), (at, "2", "A", 1, -0.7, START), (at, "3", "A", 4, 0.5, START)
    )
    fill(
        "topics.documents", "as_of,month,review_id,topic_id,share,is_leading,reason",
        (at, START, "1", "t", 0.9, True, None), (at, at, "2", "t", 0.9, True, None), (at, at, "3", "t", 0.4, False, None),
        (START, START, "1", "old", 0.9, True, None),
    )  # fmt: skip
    found = alerts_of(given_rows, at)
    assert found["topic", "t", "rating"] == ([1, 0, 0, 0, 0], [0, 0, 0, 0, 1])
    assert found["topic", "t", "sentiment"] == ([1, 0, 0, 0, 0], [0, 0, 0, 0, 1])
    assert {key for key in found if key[0] == "topic"} == {
        ("topic", "t", "rating"),
        ("topic", "t", "sentiment"),
    }
    assert found["shop", "all", "rating"] == ([1, 0, 0, 1, 0], [0, 0, 0, 0, 1])
