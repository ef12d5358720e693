"""Elementary functions that give the same bits on every machine.

`exp`, `log` and their like differ in the last bit between C libraries and vector units, and one
different bit in a rate can move an order to another day. The functions here are made of + - * /,
`frexp`, `ldexp` and rounding alone, in a fixed order: IEEE 754 fixes the result of each of those, and
NumPy applies them one after the other, never fused. Anything that decides what a file holds goes
through them. No randomness belongs here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.signedinteger[Any]]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_PI = 3.141592653589793

# fdlibm's minimax coefficients (e_log.c, e_exp.c).
_LOG = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)
_EXP = (
    4.13813679705723846039e-08,
    -1.65339022054652515390e-06,
    6.61375632143793436117e-05,
    -2.77777777770155933842e-03,
    1.66666666666666019037e-01,
)

# Acklam's rational approximation of the normal quantile, relative error below 1.2e-9.
_CENTRE_TOP = (
    -3.969683028665376e01,
    2.209460984245205e02,
    -2.759285104469687e02,
    1.383577518672690e02,
    -3.066479806614716e01,
    2.506628277459239e00,
)
_CENTRE_BOTTOM = (
    -5.447609879822406e01,
    1.615858368580409e02,
    -1.556989798598866e02,
    6.680131188771972e01,
    -1.328068155288572e01,
    1.0,
)
_TAIL_TOP = (
    -7.784894002430293e-03,
    -3.223964580411365e-01,
    -2.400758277161838e00,
    -2.549732539343734e00,
    4.374664141464968e00,
    2.938163982698783e00,
)
_TAIL_BOTTOM = (
    7.784695709041462e-03,
    3.224671290700398e-01,
    2.445134137142996e00,
    3.754408661907416e00,
    1.0,
)
_TAIL = 0.02425


def _horner(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def log(x: npt.ArrayLike) -> Floats:
    """The natural logarithm of positive numbers, to within an ulp or two."""
    mantissa, exponent = np.frexp(np.asarray(x, dtype=np.float64))
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, mantissa * 2, mantissa) - 1
    power = exponent - small
    s = mantissa / (2 + mantissa)
    z = s * s
    half = 0.5 * mantissa * mantissa
    tail = s * (half + z * _horner(_LOG, z))
    return np.asarray(power * _LN2_HIGH - ((half - (tail + power * _LN2_LOW)) - mantissa))


def exp(x: npt.ArrayLike) -> Floats:
    """The exponential, to within an ulp or two; 0 below -700."""
    x = np.asarray(x, dtype=np.float64)
    clipped = np.clip(x, -700.0, 700.0)
    power = np.rint(clipped * 1.4426950408889634)
    high = clipped - power * _LN2_HIGH
    low = power * _LN2_LOW
    rest = high - low
    z = rest * rest
    c = rest - z * _horner(_EXP, z)
    result = np.ldexp(1 - ((low - (rest * c) / (2 - c)) - high), power.astype(np.int64))
    return np.where(x < -700.0, 0.0, result)


def power(base: npt.ArrayLike, exponent: npt.ArrayLike) -> Floats:
    """`base ** exponent` for a positive base."""
    return exp(np.asarray(exponent, dtype=np.float64) * log(base))


def cosine(turns: npt.ArrayLike) -> Floats:
    """The cosine of an angle in turns (1 = the whole circle), to 1e-12."""
    turns = np.asarray(turns, dtype=np.float64)
    angle = (turns - np.rint(turns)) * (2 * _PI)
    z = angle * angle
    total = np.ones_like(z)
    for k in range(26, 0, -2):
        total = 1 - total * z / (k * (k - 1))
    return np.asarray(total)


def normal_quantile(p: npt.ArrayLike) -> Floats:
    """The standard normal quantile of probabilities strictly between 0 and 1."""
    p = np.asarray(p, dtype=np.float64)
    centred = p - 0.5
    z = centred * centred
    centre = centred * _horner(_CENTRE_TOP, z) / _horner(_CENTRE_BOTTOM, z)
    nearest_end = np.minimum(p, 1 - p)
    root = np.sqrt(-2 * log(np.minimum(nearest_end, _TAIL)))
    tail = _horner(_TAIL_TOP, root) / _horner(_TAIL_BOTTOM, root)
    return np.where(nearest_end < _TAIL, np.where(p < 0.5, tail, -tail), centre)


def running(x: Floats) -> Floats:
    """Running totals along the last axis, with a 0 before the first; added strictly left to right."""
    return np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(x, axis=-1)], axis=-1)


def total(x: Floats) -> Floats:
    """Sums along the last axis, added strictly left to right (`np.sum` adds in blocks)."""
    if x.shape[-1] == 0:
        return np.zeros(x.shape[:-1])
    return np.asarray(np.cumsum(x, axis=-1)[..., -1])


def ragged(counts: Integers) -> Integers:
    """0, 1, ... within each run: counts 2, 0, 3 give 0 1 0 1 2."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0, dtype=np.int64) - np.repeat(ends - counts, counts)
