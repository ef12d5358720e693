"""Fits: what is planted is found, mixes are those of a loop, and a model goes on from another."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from scipy.optimize import nnls
from scipy.special import psi
from threadpoolctl import threadpool_limits

from assets.topics.fitting import LDA, NMF, Model, fit, mix, moved


def drawn(topics: int = 3, reviews: int = 300, size: int = 12, seed: int = 0) -> tuple[Any, Any]:
    """Counts of reviews that are mostly of one topic, whose words are its own; and which."""
    rng = np.random.default_rng(seed)
    main = rng.integers(topics, size=reviews)
    weights = np.full((topics, topics * size), 0.1 / (topics * size))
    for k in range(topics):
        weights[k, k * size : (k + 1) * size] += 0.9 / size
    counts = np.array([rng.multinomial(30, weights[k]) for k in main], dtype=np.float64)
    return sp.csr_matrix(counts), main


@pytest.mark.parametrize("method", [LDA, NMF])
def test_planted_topics_are_found(method: str) -> None:
    counts, main = drawn()
    model = max(
        (fit(method, counts, 3, seed=seed) for seed in range(3)),
        key=lambda one: one.weights.max(axis=1).min(),
    )
    assert model.weights.sum(axis=1) == pytest.approx(1)
    shares = mix(model, counts)
    assert shares.sum(axis=1) == pytest.approx(1)
    of = shares.argmax(axis=1)
    pure = sum(np.bincount(main[of == k]).max() for k in np.unique(of)) / len(main)
    assert pure > 0.98
    assert (model.prior is None) == (method == NMF)


def test_the_mix_of_a_factorization_is_the_least_squares() -> None:
    rng = np.random.default_rng(2)
    model = Model(rng.dirichlet(np.full(30, 0.3), 5))
    counts = sp.csr_matrix(rng.poisson(0.4, (40, 30)).astype(np.float64))
    expected = np.array([nnls(model.weights.T, row)[0] for row in counts.toarray()])
    expected /= np.maximum(expected.sum(axis=1, keepdims=True), 1e-12)
    assert mix(model, counts) == pytest.approx(expected, abs=2e-3)


def test_the_mix_of_lda_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(3)
    model = Model(rng.dirichlet(np.full(20, 0.3), 4), np.array([0.1, 0.2, 0.3, 0.4]))
    counts = sp.csr_matrix(rng.poisson(0.5, (10, 20)).astype(np.float64))
    for row, found in zip(counts.toarray(), mix(model, counts), strict=True):
        gamma = model.prior + row.sum() / 4
        for _ in range(40):
            phi = model.weights.T * np.exp(psi(gamma))
            phi /= phi.sum(axis=1, keepdims=True)
            gamma = model.prior + row @ phi
        assert found == pytest.approx(gamma / gamma.sum(), abs=1e-6)


def test_the_mix_of_lda_agrees_with_gensim() -> None:
    """Nearly: gensim takes weights for uncertain, and a stored model for known."""
    from gensim.models import LdaModel

    counts, _ = drawn(reviews=120)
    bags = [[(t, row[t]) for t in np.flatnonzero(row)] for row in counts.toarray()]
    theirs = LdaModel(bags, num_topics=3, id2word={t: str(t) for t in range(36)}, alpha="auto", random_state=0,
                      passes=5, eval_every=None, dtype=np.float64)  # fmt: skip
    gamma = theirs.inference(bags)[0]
    ours = mix(Model(theirs.get_topics(), theirs.alpha), counts)
    theirs = gamma / gamma.sum(axis=1, keepdims=True)
    assert np.abs(ours - theirs).mean() < 0.01
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()


@pytest.mark.parametrize("prior", [None, np.array([0.1, 0.1])])
def test_a_review_is_mixed_alone_as_with_others_and_without_terms_not_at_all(prior: Any) -> None:
    """Else a batch would decide what a review is about."""
    rng = np.random.default_rng(4)
    model = Model(rng.dirichlet(np.full(10, 0.5), 2), prior)
    counts = sp.csr_matrix(np.vstack([rng.poisson(1, (5, 10)), np.zeros((1, 10))]).astype(np.float64))
    together = mix(model, counts)
    assert np.vstack([mix(model, counts[at]) for at in range(6)]) == pytest.approx(together, abs=1e-12)
    assert together[5].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("method", [LDA, NMF])
def test_a_model_that_goes_on_keeps_its_topics_in_their_places(method: str) -> None:
    counts, _ = drawn()
    later, _ = drawn(seed=9)
    before = fit(method, counts, 3, seed=1)
    after = fit(method, later, 3, before=before)
    alike = before.weights @ after.weights.T
    assert alike.argmax(axis=1).tolist() == [0, 1, 2]


def test_other_terms_have_a_little_weight_at_first() -> None:
    model = moved(Model(np.array([[0.6, 0.4]])), ["a", "b"], ["b", "new"])
    assert model.weights[0, 0] > 0.99
    assert 0 < model.weights[0, 1] < 1e-5


@pytest.mark.parametrize("method", [LDA, NMF])
def test_the_same_seed_gives_the_same_model_on_one_core_or_two(method: str) -> None:
    counts, _ = drawn(reviews=150)
    with threadpool_limits(1):
        one = fit(method, counts, 4, seed=3)
        again = fit(method, counts, 4, seed=3)
        other = fit(method, counts, 4, seed=4)
    assert (one.weights == again.weights).all()
    assert one.weights.shape != other.weights.shape or (one.weights != other.weights).any()


def test_the_perplexity_of_what_was_held_out_is_better_for_the_right_number() -> None:
    counts, _ = drawn(topics=4, reviews=400)
    rest, held = counts[:300], counts[300:]
    one, four = (fit(LDA, rest, k, held_out=held).perplexity for k in (2, 4))
    assert four is not None
    assert one is not None
    assert four < one
    assert pl.Series([one, four]).is_finite().all()
