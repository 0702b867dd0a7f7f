"""Dates and times as numbers, the same here and in libs/inference/src/timestamp.ts."""

from __future__ import annotations

import re
from datetime import date

import numpy as np

# In the order of the signature's parts.
PARTS = ("epoch_days", "year", "month", "day_of_month", "day_of_week", "hour")
_DAY = 86_400_000.0
_HOUR = 3_600_000.0
EARLIEST_MILLISECONDS = -62_135_596_800_000  # 0001-01-01
LATEST_MILLISECONDS = 253_402_300_799_999  # 9999-12-31
OUTSIDE_MILLISECONDS = LATEST_MILLISECONDS + 1
# ISO 8601, with a space for the T, slashes for its dashes, and with offsets as Postgres (+00) and BigQuery
# ( UTC) write them.
TIME = (
    r"(\d{4})[-/](\d{2})[-/](\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r"(?:[Zz]| ?UTC| ?GMT| ?([+-])(\d{2})(?::?(\d{2}))?)?)?"
)
_TEXT = re.compile(TIME, re.ASCII)


def milliseconds_of(text: str) -> float | None:
    """Milliseconds since 1970-01-01 UTC of an ISO 8601 date or time, or None where it is none.

    A time without an offset is UTC; what is finer than a millisecond is cut off; blanks around it do not
    count.
    """
    found = microseconds_of(text)
    return None if found is None else float(found // 1000)


def microseconds_of(text: str) -> int | None:
    """The same in microseconds; what is finer is cut off."""
    found = _TEXT.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = found.groups()[6:]
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    hours, minutes = int(offset_hours or 0), int(offset_minutes or 0)
    if hour > 23 or minute > 59 or second > 59 or hours > 23 or minutes > 59:
        return None
    offset = (hours * 60 + minutes) * (-1 if sign == "-" else 1)
    seconds = days * 86_400 + (hour * 60 + minute - offset) * 60 + second
    value = seconds * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    is_time = EARLIEST_MILLISECONDS <= value // 1000 <= LATEST_MILLISECONDS
    return value if is_time else None


def parts_of(milliseconds: np.ndarray) -> dict[str, np.ndarray]:
    """float32 [rows] by part; NaN where missing. Days of the week count from Monday, 0.

    Args:
        milliseconds: whole milliseconds since 1970-01-01 UTC, float64 [rows], NaN where missing.
    """
    present = ~np.isnan(milliseconds)
    known = milliseconds[present]
    days = np.floor(known / _DAY)
    dates = days.astype("int64").astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    values = {
        "epoch_days": known / _DAY,
        "year": dates.astype("datetime64[Y]").astype("int64") + 1970,
        "month": months.astype("int64") % 12 + 1,
        "day_of_month": (dates - months.astype("datetime64[D]")).astype("int64") + 1,
        "day_of_week": (days + 3) % 7,
        "hour": (known - days * _DAY) / _HOUR,
    }
    parts = {}
    for name in PARTS:
        parts[name] = np.full(len(milliseconds), np.nan, dtype=np.float32)
        parts[name][present] = values[name]
    return parts
