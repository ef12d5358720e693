"""Random numbers without state: one stream for each entity and purpose.

A stream is SplitMix64 started at a hash of (seed, purpose, entity, ...), so the n-th draw of a customer,
a visit or a good is a function of those alone. Nothing depends on what was drawn before: more months, or
months made in pieces, never change a number. All functions work on arrays, one element a stream.

States are uint64 arrays; draws are numbered from 0 within a stream. Uniforms lie strictly within (0, 1).
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from simulator import exact
from simulator.exact import Floats, Integers

States = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ATTEMPTS = 64


def _mix(x: States) -> States:
    x = x ^ (x >> np.uint64(30))
    x *= _FIRST
    x ^= x >> np.uint64(27)
    x *= _SECOND
    x ^= x >> np.uint64(31)
    return x


def _counters(numbers: npt.ArrayLike) -> States:
    return np.atleast_1d(np.asarray(numbers)).astype(np.uint64) * _GAMMA


def streams(seed: int, purpose: str, *ids: npt.ArrayLike) -> States:
    """The streams of entities: `ids` are integers or arrays of them, broadcast together."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    states = np.full(1, int.from_bytes(digest, "little"), dtype=np.uint64)
    for numbers in ids:
        states = _mix(states + _counters(numbers))
    return states


def branch(states: States, numbers: npt.ArrayLike) -> States:
    """A stream of its own for each (stream, number)."""
    return _mix(states + _counters(numbers))


def bits(states: States, draw: npt.ArrayLike = 0) -> States:
    """64 random bits."""
    return _mix(states + _counters(np.asarray(draw) + 1))


def uniform(states: States, draw: npt.ArrayLike = 0) -> Floats:
    """Uniform on the open interval (0, 1), a multiple of 2^-53."""
    return ((bits(states, draw) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def integer(states: States, bound: npt.ArrayLike, draw: npt.ArrayLike = 0) -> Integers:
    """Uniform among 0 .. bound - 1."""
    scaled: Floats = uniform(states, draw) * np.asarray(bound)
    return np.floor(scaled).astype(np.int64)


def normal(states: States, draw: npt.ArrayLike = 0) -> Floats:
    """Standard normal."""
    return exact.normal_quantile(uniform(states, draw))


def exponential(states: States, draw: npt.ArrayLike = 0) -> Floats:
    """Exponential of mean 1."""
    return -exact.log(uniform(states, draw))


def erlang(states: States, shape: int, draw: int = 0) -> Floats:
    """Gamma of a whole shape and mean 1; takes the draws `draw` .. `draw + shape - 1`."""
    sum_of_waits = np.zeros(len(states))
    for k in range(shape):
        sum_of_waits += exponential(states, draw + k)
    return sum_of_waits / shape


def gamma(states: States, shape: npt.ArrayLike) -> Floats:
    """Gamma of any positive shape and scale 1 (Marsaglia and Tsang 2000); uses the whole stream."""
    shape = np.broadcast_to(np.asarray(shape, dtype=np.float64), states.shape)
    d = np.where(shape < 1, shape + 1, shape) - 1 / 3
    c = 1 / np.sqrt(9 * d)
    result = d.copy()
    waiting = np.arange(len(states))
    for attempt in range(_ATTEMPTS):
        stream = states[waiting]
        x = normal(stream, 2 * attempt + 1)
        v = 1 + c[waiting] * x
        cube = v * v * v
        bound = 0.5 * x * x + d[waiting] * (1 - cube + exact.log(np.where(v > 0, cube, 1.0)))
        accepted = (v > 0) & (exact.log(uniform(stream, 2 * attempt + 2)) < bound)
        result[waiting[accepted]] = d[waiting[accepted]] * cube[accepted]
        waiting = waiting[~accepted]
        if not len(waiting):
            break
    small = shape < 1
    if small.any():
        result[small] *= exact.power(uniform(states[small]), 1 / shape[small])
    return result


def poisson(uniforms: Floats, means: npt.ArrayLike) -> Integers:
    """Poisson counts by inversion, one uniform each; for means up to a few hundred."""
    means = np.broadcast_to(np.asarray(means, dtype=np.float64), uniforms.shape)
    counts = np.zeros(uniforms.shape, dtype=np.int64)
    term = exact.exp(-means)
    waiting = np.flatnonzero(uniforms > term)
    rest, term, mean = uniforms[waiting] - term[waiting], term[waiting], means[waiting]
    k = 0
    while len(waiting):
        k += 1
        counts[waiting] = k
        term = term * mean / k
        # A term this small past the mean can never use up what is left of the uniform.
        more = (rest > term) & ((term > 1e-18) | (mean > k))
        rest = (rest - term)[more]
        waiting, term, mean = waiting[more], term[more], mean[more]
    return counts


def geometric(uniforms: Floats, means: Floats) -> Integers:
    """Failures before a success, of the given means, by inversion."""
    log_ratio = exact.log(means / (1 + means))
    return np.floor(exact.log(uniforms) / log_ratio).astype(np.int64)


def coins(states: States, tosses: Integers, draw: int = 0) -> Integers:
    """Heads among `tosses` fair coins: binomial with probability one half; takes draws from `draw` on."""
    heads = np.zeros(len(states), dtype=np.int64)
    left = tosses.astype(np.int64)
    while (left > 0).any():
        take = np.clip(left, 0, 63)
        mask = (np.uint64(1) << take.astype(np.uint64)) - np.uint64(1)
        heads += np.bitwise_count(bits(states, draw) & mask).astype(np.int64)
        left = left - take
        draw += 1
    return heads
