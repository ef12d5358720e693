"""What a lexicon says of texts."""

from datetime import date

import polars as pl
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from assets.sentiment import lexicon

MONTH = date(2011, 1, 1)


def test_a_score_is_the_mean_of_the_sentences() -> None:
    one, two = "It is good.", "The strap broke, I hate it!"
    vader = SentimentIntensityAnalyzer()
    mean = (vader.polarity_scores(one)["compound"] + vader.polarity_scores(two)["compound"]) / 2
    assert lexicon.scores([f"{one} {two}"]) == [pytest.approx(mean, abs=1e-4)]


def test_negation_and_intensity_are_known() -> None:
    good, very, negated, bad = lexicon.scores(
        ["It is good", "It is very good", "It is not good", "It is bad"]
    )
    assert very > good > 0 > negated
    assert bad < 0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0), (".", 0), ("Strings", 0), ("the of and is it", 0), ("\U0001f60a", 0.7184), ("!!! ???", 0),
        ("好的 产品", 0),
    ],
)  # fmt: skip
def test_texts_that_say_little_have_a_score(text: str, score: float) -> None:
    assert lexicon.scores([text]) == [score]


def test_a_thousand_times_one_word_says_no_more_than_its_end_of_the_scale() -> None:
    assert lexicon.scores(["good " * 1000]) == [pytest.approx(1, abs=0.01)]
    assert lexicon.scores(["good. " * 1000]) == lexicon.scores(["good."])


def test_words_are_counted_and_every_row_is_kept() -> None:
    rows = pl.DataFrame(
        {"month": [MONTH] * 3, "review_id": ["a", "b", "c"], "written": ["It's a G7", "", "好"]}
    )
    found = lexicon.compute(rows, [MONTH])
    assert found["words"].to_list() == [3, 0, 1]
    assert found["review_id"].to_list() == ["a", "b", "c"]
    assert lexicon.compute(rows.clear(), [MONTH]).height == 0
