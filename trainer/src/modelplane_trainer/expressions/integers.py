"""int64 arithmetic that says where 64 bits do not hold the result; as libs/expressions/src/integers.ts."""

from __future__ import annotations

import re

import numpy as np

LEAST = -(2**63)
GREATEST = 2**63 - 1
_TEXT = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,400})[ \t\n\v\f\r]*")

# Values and whether they are right, both [rows].
Result = tuple[np.ndarray, np.ndarray]


def add(left: np.ndarray, right: np.ndarray) -> Result:
    total = left + right
    return total, ((left ^ total) & (right ^ total)) >= 0


def subtract(left: np.ndarray, right: np.ndarray) -> Result:
    difference = left - right
    return difference, ((left ^ right) & (left ^ difference)) >= 0


def multiply(left: np.ndarray, right: np.ndarray) -> Result:
    product = left * right
    estimate = np.abs(left.astype(np.float64) * right.astype(np.float64))
    fits = estimate < 2.0**62
    for row in np.flatnonzero(~fits & (estimate < 2.0**64)):
        fits[row] = LEAST <= int(left[row]) * int(right[row]) <= GREATEST
    return product, fits


def negate(values: np.ndarray) -> Result:
    return -values, values != LEAST


def divide(left: np.ndarray, right: np.ndarray) -> Result:
    """Quotients without their fractions."""
    fits = (right != 0) & ~((left == LEAST) & (right == -1))
    divisor = np.where(fits, right, 1)
    remainder = np.fmod(left, divisor)
    return (left - remainder) // divisor, fits


def remainder(left: np.ndarray, right: np.ndarray) -> Result:
    """Remainders with the sign of the dividend."""
    divisor = np.where((right == 0) | (right == -1), 1, right)
    return np.fmod(left, divisor), right != 0


def parse(text: str) -> int | None:
    """Decimal text, with a sign and white space around it or not; None for any other."""
    found = _TEXT.fullmatch(text)
    value = int(found[1]) if found else None
    return value if value is not None and LEAST <= value <= GREATEST else None
