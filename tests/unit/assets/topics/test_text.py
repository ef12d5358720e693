"""Words as matrices: phrases, vocabulary and counts, each against a naive loop or gensim."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.topics.text import (
    BETWEEN,
    COUNTS,
    LEAST_NPMI,
    LEAST_PAIRS,
    MOST_TIMES,
    TF_IDF,
    Vocabulary,
    joined,
    learn_phrases,
    matrix,
    tokens,
    vocabulary,
)

Texts = list[list[str]]


def series(texts: Any) -> pl.Series:
    return pl.Series("words", texts, dtype=pl.List(pl.String))


def told(found: pl.DataFrame, reviews: int) -> Texts:
    return [found.filter(pl.col("d") == d)["word"].to_list() for d in range(reviews)]


def naively_joined(text: list[str], phrases: set[str]) -> list[str]:
    found, at = [], 0
    while at < len(text):
        if at + 1 < len(text) and f"{text[at]} {text[at + 1]}" in phrases:
            found.append(f"{text[at]} {text[at + 1]}")
            at += 2
        else:
            found.append(text[at])
            at += 1
    return found


WORDS = st.lists(st.lists(st.sampled_from("abc"), max_size=9), min_size=1, max_size=6)
PHRASES = st.sets(st.sampled_from([f"{a} {b}" for a in "abc" for b in "abc"]))


@given(WORDS, PHRASES)
def test_phrases_are_joined_from_left_to_right_within_a_review(texts: Texts, phrases: set[str]) -> None:
    found = joined(tokens(series(texts)), phrases)
    assert told(found, len(texts)) == [naively_joined(text, phrases) for text in texts]


def test_phrases_are_those_of_gensim() -> None:
    from gensim.models.phrases import Phrases

    rng = np.random.default_rng(0)
    texts = [
        [*rng.choice(list("defgh"), 4), *(["power", "supply"] if rng.random() < 0.3 else ["power"])]
        for _ in range(200)
    ]
    found = tokens(series(texts))
    phrases = learn_phrases(found, len(texts))
    assert "power supply" in phrases
    theirs = Phrases(texts, min_count=10, threshold=0.5, scoring="npmi", delimiter=" ").freeze()
    assert phrases == theirs.phrasegrams.keys()
    assert told(joined(found, phrases), len(texts)) == [theirs[text] for text in texts]


@given(WORDS)
def test_counts_are_those_of_a_loop(texts: Texts) -> None:
    known = Vocabulary(("b", "a"), np.array([2.0, 1.0]))
    found = matrix(tokens(series(texts)), len(texts), known).toarray()
    assert found.tolist() == [[2.0 * text.count("b"), 1.0 * text.count("a")] for text in texts]


def test_a_word_said_over_and_over_counts_ten_times() -> None:
    """A thousand lines of one word would be a topic of their own."""
    known = Vocabulary(("spam",), np.array([1.0]))
    assert matrix(tokens(series([["spam"] * 1_000])), 1, known).toarray().tolist() == [[MOST_TIMES]]


def test_the_vocabulary_has_neither_rare_words_nor_those_of_every_review() -> None:
    texts = [["all", "rare" if at < 2 else "x", "some" if at % 10 == 0 else "y"] for at in range(100)]
    found = vocabulary(tokens(series(texts)), 100, TF_IDF)
    assert found.terms == ("some",)
    assert found.idf.tolist() == [np.log(10)]
    assert vocabulary(tokens(series(texts)), 100, COUNTS).idf.tolist() == [1.0]


@pytest.mark.parametrize("texts", [[], [None], [[]], [None, [], None]])
def test_without_words_there_is_nothing(texts: Any) -> None:
    found = tokens(series(texts))
    assert found.height == 0
    known = vocabulary(found, len(texts), TF_IDF)
    assert known.terms == ()
    assert matrix(joined(found, ["a b"]), len(texts), known).shape == (len(texts), 0)


@given(st.lists(st.lists(st.sampled_from(list("abcd")), max_size=12), min_size=1, max_size=30))
def test_pairs_are_told_as_gensim_tells_them(texts: Texts) -> None:
    """Pairs of a word with itself, and words whose only neighbour is each other, among them."""
    from gensim.models.phrases import Phrases

    theirs = Phrases(texts, min_count=LEAST_PAIRS, threshold=LEAST_NPMI, scoring="npmi", delimiter=BETWEEN)
    assert learn_phrases(tokens(series(texts)), len(texts)) == theirs.export_phrases().keys()
