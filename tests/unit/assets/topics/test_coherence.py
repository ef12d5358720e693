"""Coherence is gensim's, to the last digits; diversity, overlap and stability are what they say."""

import numpy as np
import polars as pl
import pytest

from assets.topics.coherence import (
    WINDOW,
    c_v,
    count_together,
    diversity,
    overlaps,
    pairs,
    stability,
    top,
    u_mass,
)
from assets.topics.text import tokens

TERMS = [f"w{at}" for at in range(40)]
TOPICS = [[f"w{at + 5 * topic}" for at in range(8)] for topic in range(4)]


def texts(longest: int) -> list[list[str]]:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.full(40, 0.4), 5)
    return [
        rng.choice(TERMS, int(rng.integers(3, longest)), p=weights[rng.integers(5)]).tolist()
        for _ in range(120)
    ]


@pytest.mark.parametrize(("measure", "longest"), [("c_v", 110), ("u_mass", 400)])
def test_coherence_is_that_of_gensim(measure: str, longest: int) -> None:
    """In texts of a window at most: in longer ones gensim 4.4 forgets a word when the first of two leaves the window."""
    from gensim.corpora import Dictionary
    from gensim.models import CoherenceModel

    written = texts(longest)
    words = Dictionary([*written, TERMS])
    theirs = CoherenceModel(
        topics=TOPICS, texts=written, corpus=[words.doc2bow(text) for text in written], dictionary=words,
        coherence=measure, topn=8, processes=1,
    ).get_coherence_per_topic()  # fmt: skip
    found = tokens(pl.Series(written))
    if measure == "c_v":
        ours = c_v(TOPICS, count_together(found, TOPICS, WINDOW))
    else:
        ours = u_mass(TOPICS, count_together(found, TOPICS, None))
    assert ours == pytest.approx(np.array(theirs), abs=1e-9)


def test_windows_of_long_texts_are_counted_as_by_a_loop() -> None:
    written, terms = texts(150), TERMS[:6]
    found = count_together(tokens(pl.Series(written)), [terms], 20)
    windows = [set(text[at : at + 20]) for text in written for at in range(max(len(text) - 19, 1))]
    times = [[sum({one, other} <= window for window in windows) for other in terms] for one in terms]
    assert found.texts == len(windows)
    assert found.of(terms).tolist() == times


def test_windows_are_counted_as_by_a_loop() -> None:
    written = [["a", "b", "c", "a", "d"], ["b"], ["d", "c"]]
    found = count_together(tokens(pl.Series(written)), [["a", "b", "c"]], 3)
    windows = [{"a", "b", "c"}, {"b", "c", "a"}, {"c", "a", "d"}, {"b"}, {"d", "c"}]
    assert found.texts == len(windows)
    for one in "abc":
        for other in "abc":
            times = found.times[found.places[one], found.places[other]]
            assert times == sum({one, other} <= window for window in windows)


def test_what_stands_nowhere_has_no_coherence_and_no_nan() -> None:
    counted = count_together(tokens(pl.Series([["a"]])), [["x", "y"]], WINDOW)
    assert c_v([["x", "y"]], counted).tolist() == [0.0]
    assert np.isfinite(u_mass([["x", "y"]], counted)).all()
    assert u_mass([["x"]], counted).tolist() == [0.0]


def test_overlap_is_jaccards_and_matching_is_one_for_one() -> None:
    index = overlaps([["a", "b"], ["c", "d"]], [["c", "e"], ["a", "b"], ["b", "f"]])
    assert index == pytest.approx(np.array([[0, 1, 1 / 3], [1 / 3, 0, 0]]))
    assert pairs(index) == [(0, 1), (1, 0)]


def test_stability_is_the_share_of_terms_that_come_again() -> None:
    ours = [["a", "b"], ["c", "d"]]
    assert stability(ours, [[["d", "c"], ["b", "a"]]]) == 1.0
    assert stability(ours, [[["a", "x"], ["c", "y"]]]) == pytest.approx(0.5)
    assert stability(ours, [[["x", "y"], ["z", "w"]]]) == 0.0


def test_diversity_and_the_first_terms() -> None:
    assert diversity([["a", "b"], ["b", "c"]]) == 0.75
    assert top(np.array([[0.5, 0.0, 0.5], [0.1, 0.9, 0.0]]), ["x", "y", "z"], 2) == [["x", "z"], ["y", "x"]]
