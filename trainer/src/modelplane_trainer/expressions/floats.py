"""float64 as text and rounded; libs/expressions/src/floats.ts does the same."""

from __future__ import annotations

import math
import re

import numpy as np

_TEXT = re.compile(r"[ \t\n\v\f\r]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\v\f\r]*")


def round_half_away(values: np.ndarray) -> np.ndarray:
    """To the nearest whole numbers, halves away from zero."""
    whole = np.trunc(values)
    return np.where(np.abs(values - whole) < 0.5, whole, whole + np.sign(values))


def round_to(value: float, digits: int) -> float:
    """To so many digits behind the decimal point, of the shortest decimal text of the value."""
    shifted = _shift(value, digits)
    if not math.isfinite(shifted):
        return value
    whole = math.trunc(shifted)
    rounded = whole if abs(shifted - whole) < 0.5 else whole + (1 if shifted > 0 else -1)
    return _shift(float(rounded), -digits)


def _shift(value: float, digits: int) -> float:
    """The value times 10^digits, as the nearest float64 to that product of its decimal text."""
    mantissa, _, exponent = repr(value).partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + digits}")


def as_text(value: float) -> str:
    """The shortest decimal text that reads as the value, as ECMAScript writes it (Number::toString)."""
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.<digits> * 10^point.
    point = int(exponent or 0) + len(whole) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def parse(text: str) -> float | None:
    """Decimal text, with white space around it or not; None for any other, and for what is too large."""
    found = _TEXT.fullmatch(text)
    value = float(found[1]) if found else math.inf
    return value if math.isfinite(value) else None
