"""How reviews are scored, and by what had been learned before them."""

import math
from datetime import date
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.sentiment import reviews

MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
WORDS = [
    {"word": "broke", "idf": 2.0, "weight": -3.0},
    {"word": "strap", "idf": 1.0, "weight": 0.1},
    {"word": "strap broke", "idf": 3.0, "weight": -4.0},
]
MODELS = pl.DataFrame(
    [
        {"as_of": MONTHS[1], "intercept": -0.5, "lexicon_weight": 4.0, "words": WORDS},
        {"as_of": MONTHS[2], "intercept": 0.5, "lexicon_weight": 2.0, "words": WORDS[:1]},
    ]
)


def texts(*rows: tuple[date, str | None, float | None, bool | None]) -> pl.DataFrame:
    table = pl.DataFrame(
        [
            {"month": month, "review_id": f"{place}", "product_id": "A", "rating": 4, "is_english": is_english,
             "written": written, "lexicon": lexicon}
            for place, (month, written, lexicon, is_english) in enumerate(rows)
        ],
        schema_overrides={"lexicon": pl.Float64, "rating": pl.Int8, "is_english": pl.Boolean, "written": pl.String},
    )  # fmt: skip
    return pl.concat([table, MODELS], how="diagonal")


def told(rows: pl.DataFrame, months: list[date] = MONTHS) -> list[dict[str, Any]]:
    return reviews.compute(rows, months).sort("review_id").to_dicts()


def test_a_review_is_scored_by_what_was_learned_before_its_month() -> None:
    """A model of the same month has seen the stars it is asked about."""
    found = told(texts(*((month, "It broke", 0.2, True) for month in MONTHS)))
    assert [row["learned_as_of"] for row in found] == [None, None, MONTHS[1], MONTHS[2]]
    assert [row["score"] for row in found[:2]] == [0.2, 0.2]
    assert found[2]["score"] != found[3]["score"]


def test_a_score_is_that_of_a_plain_loop() -> None:
    [row] = told(texts((MONTHS[2], "The strap broke. It broke!", 0.25, True)))
    counts = {"broke": 2, "strap": 1, "strap broke": 1}
    tf_idf = {one["word"]: (1 + math.log(counts[one["word"]])) * one["idf"] for one in WORDS}
    length = math.sqrt(sum(value**2 for value in tf_idf.values()))
    log_odds = -0.5 + 4 * 0.25 + sum(one["weight"] * tf_idf[one["word"]] / length for one in WORDS)
    assert row["score"] == pytest.approx(2 / (1 + math.exp(-log_odds)) - 1, abs=1e-4)
    assert row["label"] == "negative"


@pytest.mark.parametrize(
    ("written", "lexicon", "is_english", "expected"),
    [
        ("", None, None, (None, "unknown", "no text")),
        ("Sehr gut, nicht teuer", None, False, (None, "unknown", "not English")),
        # What neither knows a word of is neutral, whatever most reviews are.
        ("Zupfgeige", 0.0, True, (0.0, "neutral", None)),
        ("Zupfgeige " * 1000, 0.0, True, (0.0, "neutral", None)),
        ("\U0001f621", 0.0, True, (0.0, "neutral", None)),
    ],
)
def test_what_cannot_be_told_says_so(
    written: str, lexicon: float | None, is_english: bool | None, expected: tuple[Any, ...]
) -> None:
    found = told(texts(*((month, written, lexicon, is_english) for month in (MONTHS[0], MONTHS[3]))))
    for row in found:
        assert (row["score"], row["label"], row["missing_reason"]) == expected
        assert (row["learned_as_of"] is None) == (row["month"] == MONTHS[0] or expected[0] is None)


def test_a_month_is_the_same_made_alone_or_with_others_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = texts(
        *((month, f"It {word}", 0.1, True) for month in MONTHS for word in ("broke", "holds", "strap broke"))
    )
    whole = reviews.compute(rows, MONTHS)
    assert whole.height == 12
    monkeypatch.setattr(reviews, "AT_ONCE", 2)
    for month in MONTHS:
        alone = reviews.compute(rows.sample(fraction=1, shuffle=True, seed=2), [month])
        assert_frame_equal(alone, whole.filter(pl.col("month") == month))


def test_without_reviews_there_are_no_rows() -> None:
    models_alone = texts((MONTHS[0], "It broke", 0.1, True)).filter(pl.col("month").is_null())
    assert reviews.compute(models_alone, MONTHS).height == 0
    assert reviews.compute(models_alone.clear(), MONTHS).height == 0
