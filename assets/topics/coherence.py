"""How good topics are: whether their terms stand together, differ between topics, and come out again.

Coherence is that of gensim (its figures are the oracle of the tests), counted for all topics at once: gensim reads all
texts anew for each model that it judges. In texts longer than a window gensim 4.4 counts too few: a word that stands
there twice is forgotten when its first place leaves the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.optimize import linear_sum_assignment

from assets.topics.text import Floats, Integers

TERMS = 20  # of a topic that are looked at, as gensim does
WINDOW = 110  # words, of c_v
LEAST_PROBABILITY = 1e-12
DIVERSE_TERMS = 25
_AT_ONCE = 4_000_000  # words in windows

Topic = Sequence[str]


@dataclass(frozen=True)
class Together:
    """How often terms stand in texts.

    Attributes:
        places: Of each term in `times`.
        times: Terms x terms: texts (windows) with both; on the diagonal those with the term.
        texts: Number of texts (windows).
    """

    places: dict[str, int]
    times: Floats
    texts: int

    def of(self, topic: Topic) -> Floats:
        """The counts of a topic's terms, terms x terms."""
        at = [self.places[term] for term in topic]
        return self.times[np.ix_(at, at)]


def count_together(found: pl.DataFrame, topics: Sequence[Topic], window: int | None) -> Together:
    """Count in how many windows of so many words terms stand together; in how many reviews, if None.

    Args:
        found: d and word, a row a word, in order, as `text.tokens` or `text.joined` give.
        topics: Terms that are looked at.
        window: Words. A review that is shorter is one window.
    """
    terms = sorted({term for topic in topics for term in topic})
    known = pl.DataFrame({"word": terms}, schema={"word": pl.String}).with_row_index("t")
    placed = (
        found.with_row_index("at")
        .with_columns(at=pl.col("at") - pl.col("at").min().over("d"), words=pl.len().over("d"))
        .cast({"at": pl.Int64, "words": pl.Int64})
    )
    windows = pl.lit(1) if window is None else pl.max_horizontal(pl.col("words") - window + 1, 1)
    placed = placed.with_columns(windows=windows)
    total = placed.group_by("d").agg(pl.first("windows"))["windows"].sum()
    there = placed.join(known, on="word", maintain_order="left").sort("d", "at", maintain_order=True)
    last = pl.min_horizontal("at", pl.col("windows") - 1)
    first = pl.lit(0) if window is None else pl.max_horizontal(pl.col("at") - window + 1, 0)
    there = there.with_columns(first=pl.min_horizontal(first, last), last=last)
    times = np.zeros((len(terms), len(terms)))
    # Reviews are taken in batches, so that long ones take no memory.
    batch = (pl.col("last") - pl.col("first") + 1).cum_sum() // _AT_ONCE
    there = there.with_columns(batch=batch.max().over("d"))
    for part in there.partition_by("batch", maintain_order=True):
        inside = (
            part.select("d", "t", window=pl.int_ranges("first", pl.col("last") + 1))
            .explode("window")
            .unique()
            .with_columns(window=pl.struct("d", "window").rank("dense").cast(pl.Int64) - 1)
        )
        at, t = inside["window"].to_numpy(), inside["t"].to_numpy()
        made = sp.csr_matrix(
            (np.ones(len(t)), (at, t)), shape=(int(at.max(initial=-1)) + 1, len(terms)), dtype=np.float64
        )
        times += (made.T @ made).toarray()
    return Together({term: at for at, term in enumerate(terms)}, times, int(total or 0))


def c_v(topics: Sequence[Topic], counted: Together) -> Floats:
    """Coherence c_v of each topic (Roeder, Both and Hinneburg 2015).

    The mean cosine between each term's vector of normalized pointwise mutual information with all terms of the
    topic, and the sum of those vectors.

    Args:
        topics: Terms of each.
        counted: In windows of `WINDOW` words.
    """
    return np.array([_c_v(counted.of(topic), counted.texts) for topic in topics])


def _c_v(times: Floats, texts: int) -> float:
    shares = times / max(texts, 1)
    own = np.diag(shares)
    expected = np.outer(own, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        vectors = np.log((shares + LEAST_PROBABILITY) / expected) / -np.log(shares + LEAST_PROBABILITY)
    vectors = np.where((expected > 0) & np.isfinite(vectors), vectors, 0.0)
    whole = vectors.sum(axis=0)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(whole)
    return float(np.mean(np.divide(vectors @ whole, lengths, out=np.zeros(len(own)), where=lengths > 0)))


def u_mass(topics: Sequence[Topic], counted: Together) -> Floats:
    """Coherence u_mass of each topic (Mimno et al. 2011): 0 is best.

    The mean of the logs of how probable a term is in a review that has one of the terms before it.

    Args:
        topics: Terms of each, the weightiest first.
        counted: In reviews.
    """
    return np.array([_u_mass(counted.of(topic), counted.texts) for topic in topics])


def _u_mass(times: Floats, texts: int) -> float:
    later, earlier = np.tril_indices(len(times), -1)
    if not len(later) or not texts:
        return 0.0
    shares = times / texts
    given = np.maximum(np.diag(shares)[earlier], LEAST_PROBABILITY)
    return float(np.mean(np.log((shares[later, earlier] + LEAST_PROBABILITY) / given)))


def diversity(topics: Sequence[Topic]) -> float:
    """Share of different terms among those of all topics (Dieng, Ruiz and Blei 2020: of 25 each)."""
    terms = [term for topic in topics for term in topic]
    return len(set(terms)) / max(len(terms), 1)


def overlaps(ours: Sequence[Topic], theirs: Sequence[Topic]) -> Floats:
    """Jaccard indices of the terms of each of our topics with each of theirs."""
    terms = {
        term: at for at, term in enumerate(sorted({term for topic in (*ours, *theirs) for term in topic}))
    }
    a, b = (_held(topics, terms) for topics in (ours, theirs))
    both = a @ b.T
    return np.asarray(both / np.maximum(a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - both, 1))


def _held(topics: Sequence[Topic], terms: dict[str, int]) -> Floats:
    held = np.zeros((len(topics), len(terms)))
    for at, topic in enumerate(topics):
        held[at, [terms[term] for term in topic]] = 1
    return held


def pairs(indices: Floats) -> list[tuple[int, int]]:
    """Match one for one so that the sum of indices is highest (Kuhn 1955)."""
    return [(int(a), int(b)) for a, b in zip(*linear_sum_assignment(-indices), strict=True)]


def stability(topics: Sequence[Topic], others: Sequence[Sequence[Topic]]) -> float:
    """Mean share of a topic's terms that its match has, among those that other seeds gave (Greene et al. 2014)."""
    found = []
    for other in others:
        index = overlaps(topics, other)
        matched = sum(2 * index[a, b] / (1 + index[a, b]) for a, b in pairs(index))
        found.append(matched / max(len(topics), len(other), 1))
    return float(np.mean(found)) if found else 1.0


def top(weights: Floats, terms: Sequence[str], number: int = TERMS) -> list[list[str]]:
    """The weightiest terms of each topic, of equals the one that comes first; those without weight are left out.

    Args:
        weights: Topics x terms.
        terms: Names.
        number: At most so many.
    """
    order: Integers = np.argsort(-weights, axis=1, kind="stable")[:, :number]
    return [[terms[t] for t in row if weights[k, t] > 0] for k, row in enumerate(order)]
