"""Models that score goods for customers by what others bought: items by three measures, EASE and ALS.

Each is fitted to a `History` and gives scores of some customers for all goods. What is made of the scores is in
`blend`. Item weights follow implicit's, so that figures compare.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import all_pairs_knn, bm25_weight, normalize, tfidf_weight
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from assets.recommendations.history import Floats, History, Integers
from assets.threads import pools_at_most

MEASURES = ("cosine", "tfidf", "bm25")
MODELS = (*MEASURES, "ease", "als")

NEIGHBOURS = 100  # of a good: of Online Retail 20 to 300 differ by 0.01 of recall
EASE_GOODS = 1500  # it is cubic in them; of Online Retail's 3,600 the others bring nothing
EASE_RIDGE = 500.0
ALS_FACTORS = 64
_ALS_ROUNDS = 8  # fifteen bring nothing more
_ALS_ALPHA = 5.0
_ALS_RIDGE = 1 / 80  # for each customer: one for all sizes leaves a small shop without a score
_BM25_K1, _BM25_B = 1.2, 0.75

Scores = Callable[[Integers], Floats]
"""Numbers of customers to scores, customers x goods."""


def fit(name: str, known: History) -> Scores:
    """Fit one of MODELS; no customers or no goods give scores of 0."""
    if known.orders.nnz == 0:
        return lambda some: np.zeros((len(some), len(known.goods)))
    if name in MEASURES:
        return _items(known, name)
    return {"ease": _ease, "als": _als}[name](known)


def weights(orders: "csr_matrix[Any]", measure: str) -> "csr_matrix[Any]":
    """The orders weighted so that the inner product of two goods' columns is how alike they are.

    cosine: columns of length 1. tfidf: the root of the count by how rare the customer's purchases are (log of
    goods over goods bought), then of length 1. bm25: Robertson and Walker (1994) with k1 1.2 and b 0.75, a
    good being the document and its customers the words.
    """
    goods = orders.T
    if measure == "cosine":
        weighted = normalize(goods)
    elif measure == "tfidf":
        rare = tfidf_weight(goods)
        # Who bought every good tells nothing, and of goods that only such bought there is nothing to divide by.
        length = np.sqrt(np.bincount(rare.row, rare.data**2, minlength=rare.shape[0]))
        rare.data = rare.data / np.where(length > 0, length, 1.0)[rare.row]
        weighted = rare
    else:
        weighted = bm25_weight(goods, _BM25_K1, _BM25_B)
    return csr_matrix(weighted.T)


def ease(orders: "csr_matrix[Any]", ridge: float) -> Floats:
    """Weights of EASE: goods x goods, 0 on the diagonal, from whether customers bought (Steck 2019).

    With P the inverse of X'X + ridge, the weight of good i for good j is -P[i, j] / P[j, j].
    """
    bought = orders.copy()
    bought.data = np.ones_like(bought.data)
    gram = np.asarray((bought.T @ bought).toarray(), dtype=np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    with pools_at_most(1):
        factor, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    found = inverse / -np.diag(inverse)
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


def _items(known: History, measure: str) -> Scores:
    """Own counts by how alike the goods are, of the nearest alone; the best good of a customer has 1."""
    weighted = weights(known.orders, measure)
    alike = all_pairs_knn(weighted, NEIGHBOURS, show_progress=False, num_threads=1).tocsr()

    def scores(some: Integers) -> Floats:
        found = np.asarray((known.orders[some] @ alike).toarray())
        best = found.max(axis=1, keepdims=True)
        found /= np.where(best > 0, best, 1.0)
        return found

    return scores


def _ease(known: History) -> Scores:
    # By customers, ties by id: the others are hardly ever among anyone's best.
    chosen = np.sort(np.argsort(-known.ever, kind="stable")[:EASE_GOODS])
    bought = csr_matrix(known.orders[:, chosen])
    bought.data = np.ones_like(bought.data)
    found = ease(bought, EASE_RIDGE)

    def scores(some: Integers) -> Floats:
        result = np.zeros((len(some), len(known.goods)))
        with pools_at_most(1):
            result[:, chosen] = bought[some] @ found
        return result

    return scores


def _als(known: History) -> Scores:
    """Implicit feedback by alternating least squares (Hu, Koren and Volinsky 2008), of whether customers bought."""
    bought = csr_matrix(known.orders, dtype=np.float32, copy=True)
    bought.data[:] = 1
    # One thread: with more, sums are taken in another order from run to run; and BLAS must not spin beside it.
    with pools_at_most(1):
        model = AlternatingLeastSquares(
            factors=ALS_FACTORS,
            iterations=_ALS_ROUNDS,
            regularization=_ALS_RIDGE * len(known.customers),
            alpha=_ALS_ALPHA,
            num_threads=1,
            random_state=0,
        )
        model.fit(bought, show_progress=False)

    def scores(some: Integers) -> Floats:
        with pools_at_most(1):
            return np.asarray(model.user_factors[some] @ model.item_factors.T, dtype=np.float64)

    return scores
