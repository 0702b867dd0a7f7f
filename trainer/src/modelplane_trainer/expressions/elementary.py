"""exp, ln, log10 and power of float64 [rows], step by step as libs/expressions/src/elementary.ts.

Between the steps a value is a pair of arrays: a sum of two float64, the second below half a unit in the last
place of the first.
"""

from __future__ import annotations

import math

import numpy as np

Double = tuple[np.ndarray, np.ndarray | float]

_LN_2 = (0.6931471805599453, 2.3190468138462996e-17)
_RECIPROCAL_OF_LN_10 = (0.4342944819032518, 1.098319650216765e-17)
_THIRD = (0.3333333333333333, 1.850371707708594e-17)
_FIFTH = (0.2, -1.1102230246251566e-17)
_SIXTH = (0.16666666666666666, 9.25185853854297e-18)


def exp(x: np.ndarray) -> np.ndarray:
    return _exponential((x, 0.0))


def ln(x: np.ndarray) -> np.ndarray:
    """NaN for what is not positive."""
    positive = x > 0
    high, low = _logarithm(np.where(positive, x, 1.0))
    return np.where(positive, high + low, np.nan)


def log10(x: np.ndarray) -> np.ndarray:
    """NaN for what is not positive."""
    positive = x > 0
    high, low = _multiply(_logarithm(np.where(positive, x, 1.0)), _RECIPROCAL_OF_LN_10)
    return np.where(positive, high + low, np.nan)


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x^y; NaN for a negative x and a y that is not whole, infinite for zero to a negative y."""
    is_odd = np.fmod(y, 2) != 0
    log = _logarithm(np.where(x == 0, 1.0, np.abs(x)))
    estimate = y * log[0]
    small = (estimate >= -746) & (estimate <= 710)
    result = _exponential(_multiply((np.where(small & (log[0] != 0), y, 0.0), 0.0), log))
    result = np.where(small, result, np.where(estimate > 0, np.inf, 0.0))
    result = np.where((x < 0) & is_odd, -result, result)
    result = np.where((x < 0) & (np.floor(y) != y), np.nan, result)
    result = np.where(x == 0, np.where(y > 0, 0.0, np.inf), result)
    return np.where((y == 0) | (x == 1), 1.0, result)


def _split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive x = mantissa * 2^exponent with a mantissa from the square root of a half to that of two."""
    mantissa, exponent = np.frexp(x)
    is_low = mantissa < 0.7071067811865476
    return np.where(is_low, mantissa * 2, mantissa), (exponent - is_low).astype(np.float64)


def _quick_sum(a: np.ndarray, b: np.ndarray) -> Double:
    high = a + b
    return high, b - (high - a)


def _product(a: np.ndarray | float, b: np.ndarray | float) -> Double:
    high = a * b
    a_split = 134217729 * a
    a_high = a_split - (a_split - a)
    a_low = a - a_high
    b_split = 134217729 * b
    b_high = b_split - (b_split - b)
    b_low = b - b_high
    return high, a_low * b_low - (high - a_high * b_high - a_low * b_high - a_high * b_low)


def _add(first: Double, second: Double) -> Double:
    (a, a_low), (b, b_low) = first, second
    high = a + b
    part = high - a
    low = a - (high - part) + (b - part)
    return _quick_sum(high, low + (a_low + b_low))


def _multiply(first: Double, second: Double) -> Double:
    (a, a_low), (b, b_low) = first, second
    high, low = _product(a, b)
    return _quick_sum(high, low + (a * b_low + a_low * b))


def _divide(a: Double, b: Double) -> Double:
    first = a[0] / b[0]
    high, low = _multiply((first, 0.0), b)
    return _quick_sum(first, (a[0] - high - low + a[1]) / b[0])


def _logarithm(x: np.ndarray) -> Double:
    """ln of positive numbers: exponent * ln 2 + 2 atanh((m - 1) / (m + 1)), whose series ends behind s^29."""
    mantissa, exponent = _split(x)
    s = _divide((mantissa - 1, 0.0), _add((mantissa, 0.0), (1.0, 0.0)))
    square = _multiply(s, s)
    z = square[0]
    tail = 1 / 29
    for n in range(27, 5, -2):
        tail = tail * z + 1 / n
    series = _add(_FIFTH, _multiply(square, (tail, 0.0)))
    series = _add(_THIRD, _multiply(square, series))
    series = _add((1.0, 0.0), _multiply(square, series))
    high, low = _multiply(s, series)
    return _add(_multiply((exponent, 0.0), _LN_2), (2 * high, 2 * low))


def _exponential(x: Double) -> np.ndarray:
    """e^(high + low): 2^k e^r with r within half of ln 2, the series of which ends behind r^18."""
    is_high, is_low = x[0] > 710, x[0] < -746
    outside = is_high | is_low
    x = (np.where(outside, 0.0, x[0]), np.where(outside, 0.0, x[1]))
    k = np.floor(x[0] * 1.4426950408889634 + 0.5)
    k_high, k_low = _multiply((k, 0.0), _LN_2)
    r = _add(x, (-k_high, -k_low))
    tail = 1 / math.factorial(18)
    for n in range(17, 3, -1):
        tail = tail * r[0] + 1 / math.factorial(n)
    series = _add(_SIXTH, _multiply(r, (tail, 0.0)))
    series = _add((0.5, 0.0), _multiply(r, series))
    series = _add((1.0, 0.0), _multiply(r, series))
    series = _add((1.0, 0.0), _multiply(r, series))
    half = np.floor(k / 2)
    scaled = (series[0] + series[1]) * np.ldexp(1.0, half.astype(int)) * np.ldexp(1.0, (k - half).astype(int))
    return np.where(is_high, np.inf, np.where(is_low, 0.0, scaled))
