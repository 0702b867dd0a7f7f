"""Times of columns as whole microseconds since 1970 in UTC.

Each function answers int64 [rows], null where a value is missing or no time, and bool [rows]: which ones are
no time.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..reading.number_forms import cast_or_none
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, microseconds_of

Times = tuple[pa.Array, np.ndarray]
_EARLIEST, _LATEST = EARLIEST_MILLISECONDS * 1000, LATEST_MILLISECONDS * 1000 + 999
_FACTORS = {"s": 10**6, "ms": 10**3, "us": 1}
# By the least number of so many digits, the microseconds that it counts in: such numbers are of 2001 to 2286.
_UNITS = {10**9: 10**6, 10**12: 10**3, 10**15: 1}


class CountedTimes:
    """A column of whole numbers whose size says their unit, which is the same for all."""

    def __init__(self) -> None:
        # The least number of the unit that the first one has; 0 where it has none.
        self._least: int | None = None

    def read(self, whole: pa.Array) -> Times:
        """The next rows."""
        numbers = whole.fill_null(0).to_numpy(zero_copy_only=False)
        present = whole.is_valid().to_numpy(zero_copy_only=False)
        if self._least is None and present.any():
            first = numbers[np.argmax(present)]
            self._least = next((least for least in _UNITS if 1 <= first // least < 10), 0)
        if not self._least:
            return pa.nulls(len(whole), pa.int64()), present
        fits = present & (numbers >= self._least) & (numbers < 10 * self._least)
        return pa.array(np.where(fits, numbers, 0) * _UNITS[self._least], mask=~fits), present & ~fits


def of_typed(values: pa.Array) -> Times:
    """Dates or times of any unit. What is finer than a microsecond is cut off."""
    if pa.types.is_date(values.type):
        days = values.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.int64())
        return _within(days, 86_400 * 10**6)
    count = values.cast(pa.int64())
    if values.type.unit != "ns":
        return _within(count, _FACTORS[values.type.unit])
    numbers = count.fill_null(0).to_numpy(zero_copy_only=False) // 1000
    return _within(pa.array(numbers, mask=count.is_null().to_numpy(zero_copy_only=False)), 1)


def of_text(cells: pa.Array) -> Times:
    """ISO 8601, as `timestamps` reads it."""
    lengths = pc.utf8_length(cells)
    # Arrow reads fewer forms, fast; of what is shorter it would also take what is no date or time here.
    if pc.all(pc.or_(pc.equal(lengths, 10), pc.greater_equal(lengths, 16)), min_count=0).as_py():
        for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            quick = cast_or_none(cells, kind)
            if quick is not None:
                return _within(quick.cast(pa.int64()), 1)
    encoded = cells.dictionary_encode()
    times = pa.array([microseconds_of(text) for text in encoded.dictionary.to_pylist()], pa.int64())
    found = times.take(encoded.indices)
    return found, pc.and_(cells.is_valid(), found.is_null()).to_numpy(zero_copy_only=False)


def are_between(values: pa.Array, least: int, most: int) -> bool:
    """Whether all values are."""
    bounds = pc.min_max(values).as_py()
    return bounds["min"] is None or (bounds["min"] >= least and bounds["max"] <= most)


def _within(count: pa.Array, factor: int) -> Times:
    """Those of the years 1 to 9999."""
    nothing = np.zeros(len(count), bool)
    if are_between(count, _EARLIEST // factor, _LATEST // factor):
        return (count if factor == 1 else pc.multiply(count, factor)), nothing
    numbers = count.fill_null(0).to_numpy(zero_copy_only=False)
    outside = (numbers < _EARLIEST // factor) | (numbers > _LATEST // factor)
    missing = count.is_null().to_numpy(zero_copy_only=False)
    return pa.array(np.where(outside, 0, numbers) * factor, mask=missing | outside), outside
