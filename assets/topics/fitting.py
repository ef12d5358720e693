"""Fit topics, and mix reviews of them: gensim's LDA and NMF, as plain arrays.

A model is what stands in `Model` and nothing else: no object of gensim is kept. It is fitted from nothing by a seed, or
goes on from another model; the mix of a review follows from the arrays alone, for many reviews at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from assets.topics.text import Floats

LDA, NMF = "lda", "nmf"
PASSES = {LDA: 4, NMF: 15}
# Going on from a model takes fewer, and new chunks weigh less beside what it knows.
MORE_PASSES = {LDA: 1, NMF: 5}
# A factorization ends where its beginning leads, and costs little: the clearest of several is taken.
STARTS = {LDA: 1, NMF: 4}
CHUNK = 2_000
LDA_CHUNK = 500
ITERATIONS = 50
# Of the mixes: as many for each review, so that what becomes of one does not hang on those beside it.
ROUNDS = 40
NEW_TERM = 1e-6  # weight of a term that the model before did not know


@dataclass(frozen=True)
class Way:
    """A way to find topics.

    Attributes:
        method: `LDA` or `NMF`.
        counted: `text.COUNTS` or `text.TF_IDF`.
        has_phrases: Whether pairs of words are terms, too.
        topics: How many.
    """

    method: str
    counted: str
    has_phrases: bool
    topics: int


@dataclass(frozen=True)
class Model:
    """Topics as arrays.

    Attributes:
        weights: Topics x terms; each topic's add up to 1.
        prior: Of LDA: how much of each topic a review is expected to have, in words (alpha). None of NMF.
        perplexity: Of LDA: of the reviews that were held out, by the bound. None without any.
    """

    weights: Floats
    prior: Floats | None = None
    perplexity: float | None = None


def fit(
    method: str,
    counts: sp.csr_matrix,
    topics: int,
    *,
    seed: int = 0,
    before: Model | None = None,
    held_out: sp.csr_matrix | None = None,
) -> Model:
    """Fit topics; those that come to nothing are left out.

    Args:
        method: `LDA` or `NMF`.
        counts: Reviews x terms, with a word each.
        topics: How many.
        seed: Of the beginning.
        before: Go on from this one, of the same terms and number of topics.
        held_out: Reviews for the perplexity.
    """
    if method == LDA:
        return _lda(counts, topics, seed, before, held_out)
    return _nmf(counts, topics, seed, before)


def _nmf(counts: sp.csr_matrix, topics: int, seed: int, before: Model | None) -> Model:
    """Online non-negative matrix factorization (Zhao and Tan 2016), as gensim has it."""
    from gensim.models.nmf import Nmf

    made = Nmf(
        num_topics=topics,
        id2word=_numbers(counts.shape[1]),
        chunksize=CHUNK,
        passes=PASSES[NMF] if before is None else MORE_PASSES[NMF],
        random_state=seed,
        eval_every=None,
    )
    if before is not None:
        made._W = before.weights.T / np.linalg.norm(before.weights, axis=1)
        made.A, made.B = np.zeros((topics, topics)), np.zeros((counts.shape[1], topics))
    made.update(sp.csc_matrix(counts.T))
    return Model(_normed(np.asarray(made._W.T, dtype=np.float64))[0])


def _lda(
    counts: sp.csr_matrix, topics: int, seed: int, before: Model | None, held_out: sp.csr_matrix | None
) -> Model:
    """Online variational Bayes (Hoffman, Blei and Bach 2010), both priors learned, as gensim has it."""
    from gensim.models import LdaModel

    made = LdaModel(
        num_topics=topics,
        id2word=_numbers(counts.shape[1]),
        alpha="auto",
        eta="auto",
        chunksize=LDA_CHUNK,
        passes=PASSES[LDA] if before is None else MORE_PASSES[LDA],
        iterations=ITERATIONS,
        random_state=seed,
        eval_every=None,
        dtype=np.float64,
        offset=1.0 if before is None else 8.0,
    )
    if before is not None and before.prior is not None:
        made.state.sstats[...] = before.weights * counts.sum() / topics
        made.alpha = before.prior.copy()
        made.sync_state()
    made.update(_bags(counts))
    perplexity = None
    if held_out is not None and held_out.nnz:
        perplexity = float(np.exp2(-made.log_perplexity(_bags(held_out))))
    weights, is_kept = _normed(np.asarray(made.get_topics(), dtype=np.float64))
    return Model(weights, np.asarray(made.alpha, dtype=np.float64)[is_kept], perplexity)


def moved(model: Model, known: Sequence[str], terms: Sequence[str]) -> Model:
    """The same model over other terms: those that it did not know have a little weight in every topic."""
    places = {term: at for at, term in enumerate(known)}
    at = np.array([places.get(term, -1) for term in terms])
    weights = np.where(at >= 0, model.weights[:, at], 0.0) + NEW_TERM
    return Model(_normed(weights)[0], model.prior)


def mix(model: Model, counts: sp.csr_matrix) -> Floats:
    """How much of each topic is in each review.

    Of NMF the non-negative least squares (Lawson and Hanson 1974), coordinate by coordinate; of LDA the mean of the
    variational posterior (Blei, Ng and Jordan 2003).

    Args:
        model: The topics.
        counts: Reviews x terms, counted as those that it was fitted to.

    Returns:
        Reviews x topics; a review's add up to 1, or are all 0 where it has no term of any topic.
    """
    found = _least_squares(model.weights, counts) if model.prior is None else _posterior(model, counts)
    whole = found.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(found, whole, out=np.zeros_like(found), where=whole > 0))


def _least_squares(weights: Floats, counts: sp.csr_matrix) -> Floats:
    scale = np.linalg.norm(weights, axis=1)
    unit = weights / scale[:, None]
    gram, target = unit @ unit.T, np.asarray(counts @ unit.T)
    found = np.maximum(target, 0) / max(len(unit), 1)
    for _ in range(ROUNDS):
        for k in range(len(unit)):
            found[:, k] = np.maximum(found[:, k] + target[:, k] - found @ gram[:, k], 0)
    found[found < 1e-9] = 0
    return np.asarray(found / scale)


def _posterior(model: Model, counts: sp.csr_matrix) -> Floats:
    from scipy.special import psi

    prior = model.prior
    assert prior is not None  # noqa: S101 - of LDA
    by_term = np.ascontiguousarray(model.weights.T)
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    likely = by_term[counts.indices]  # words x topics
    summed = sp.csr_matrix(
        (np.ones(len(rows)), np.arange(len(rows)), counts.indptr), shape=(counts.shape[0], len(rows))
    )
    words = np.asarray(counts.sum(axis=1)).reshape(-1, 1)
    gamma = prior + words / len(prior)
    for _ in range(ROUNDS):
        expected = np.exp(psi(gamma) - psi(gamma.sum(axis=1, keepdims=True)))
        parts = likely * expected[rows]
        parts *= (counts.data / np.maximum(parts.sum(axis=1), 1e-300))[:, None]
        gamma = prior + summed @ parts
    return np.asarray(np.where(words > 0, gamma, 0.0))


def _normed(weights: Floats) -> tuple[Floats, Floats]:
    """Each topic's weights by their sum, without topics that have none; and which those are."""
    whole = weights.sum(axis=1)
    is_kept = whole > 0
    return weights[is_kept] / whole[is_kept, None], is_kept


def _bags(counts: sp.csr_matrix) -> list[list[tuple[int, float]]]:
    """The reviews as gensim's LDA takes them."""
    ends = counts.indptr
    indices, data = counts.indices.tolist(), counts.data.tolist()
    return [list(zip(indices[a:b], data[a:b], strict=True)) for a, b in pairwise(ends)]


def _numbers(terms: int) -> dict[int, str]:
    return {at: str(at) for at in range(terms)}
