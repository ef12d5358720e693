"""Texts as counts of words and pairs of words, and what those are worth: TF-IDF with logarithmic counts.

What is learned and what is asked with it must be counted in the same way, so it stands here once.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WORD = r"(?u)\b\w[\w']*\b"


def counter(vocabulary: Iterable[str] | None = None) -> CountVectorizer:
    """Counts words and pairs of words that follow each other; of the vocabulary alone, if one is given."""
    return CountVectorizer(ngram_range=(1, 2), token_pattern=WORD, vocabulary=vocabulary)


def rarity(counts: Any) -> Floats:
    """Inverse document frequency of each column, smoothed as if one more text had every word."""
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log((1 + counts.shape[0]) / (1 + texts)) + 1)


def weighted(counts: Any, idf: Floats) -> Any:
    """TF-IDF, texts x terms, each text of length 1; of one without a known word all is 0."""
    found = sparse.csr_matrix(counts, dtype=np.float64)
    found.data = (1 + np.log(found.data)) * idf[found.indices]
    row = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    length = np.sqrt(np.bincount(row, weights=found.data**2, minlength=found.shape[0]))
    found.data /= length[row]
    return found
