"""Timestamps as microseconds since 1970; libs/expressions/src/timestamps.ts does the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np

UNITS = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}

_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse(text: str) -> int | None:
    """Microseconds of an ISO 8601 date or time, UTC where it names no offset; digits past them are cut off.

    Returns:
        None for anything else, and for times outside the years 1 to 9999.
    """
    found = _TEXT.fullmatch(text) if len(text) <= 40 else None
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        parts = [int(part or 0) for part in (year, month, day, hour, minute, second)]
        local = datetime(*parts, int((fraction or "0").ljust(6, "0")[:6]), tzinfo=UTC)
        instant = local + offset if sign == "-" else local - offset
        return (instant - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def as_texts(values: np.ndarray) -> np.ndarray:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ` of microseconds [rows]; objects."""
    texts = np.datetime_as_string(values.astype("datetime64[us]"), unit="us")
    return np.array([f"{text}Z" for text in texts.tolist()], dtype=object)


def part(name: str, values: np.ndarray) -> np.ndarray:
    """A part of microseconds [rows] by its name: int64, but float64 for second and epoch."""
    if name == "epoch":
        return values.astype(np.float64) / 1e6
    if name == "second":
        return (values % UNITS["minute"]).astype(np.float64) / 1e6
    if name == "minute":
        return values % UNITS["hour"] // UNITS["minute"]
    if name == "hour":
        return values % UNITS["day"] // UNITS["hour"]
    if name == "dow":
        # The first of January 1970 was a Thursday.
        return (values // UNITS["day"] + 4) % 7
    times = values.astype("datetime64[us]")
    months = times.astype("datetime64[M]")
    if name == "year":
        return times.astype("datetime64[Y]").astype(np.int64) + 1970
    if name == "month":
        return months.astype(np.int64) % 12 + 1
    return (times.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1
