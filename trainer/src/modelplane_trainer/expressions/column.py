"""Values of one type with their validity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from . import timestamps

DTYPES: dict[str, Any] = {
    "int64": np.int64,
    "float64": np.float64,
    "boolean": np.bool_,
    "string": object,
    "timestamp": np.int64,
}
ARROW_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
# What stands where there is no value, so that functions can be computed for all rows alike.
FILLERS: dict[str, Any] = {"int64": 0, "float64": 0.0, "boolean": False, "string": "", "timestamp": 0}


@dataclass(frozen=True)
class Column:
    """One value a row.

    Attributes:
        type: int64, float64, boolean, string or timestamp.
        values: numpy array [rows]; texts as objects, timestamps as microseconds since 1970 in int64. What
            stands where a row has no value is of the type, too.
        valid: whether a row has a value; bool [rows].
    """

    type: str
    values: np.ndarray
    valid: np.ndarray

    @staticmethod
    def of(type_: str, values: np.ndarray, valid: np.ndarray) -> Column:
        """A column of what was computed: NaN and infinities are no values, and a zero has no sign."""
        if type_ == "float64":
            finite = np.isfinite(values)
            if not finite.all():
                valid = valid & finite
                values = np.where(finite, values, 0.0)
            values = values + 0.0
        return Column(type_, values, valid)

    @staticmethod
    def of_json(type_: str, values: list[Any]) -> Column:
        """A column of values as JSON has them: large int64 as decimal text, timestamps as ISO 8601, null."""
        if type_ == "timestamp":
            values = [None if value is None else timestamps.parse(value) for value in values]
        filler = FILLERS[type_]
        array = np.array([filler if value is None else value for value in values], dtype=DTYPES[type_])
        return Column.of(type_, array, np.array([value is not None for value in values], dtype=bool))

    @staticmethod
    def of_arrow(array: pa.Array | pa.ChunkedArray, type_: str) -> Column:
        """A column of an Arrow array, which is cast to the type.

        Raises:
            pyarrow.ArrowInvalid: the array has a value that the type does not hold.
        """
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if type_ == "timestamp" and pa.types.is_timestamp(array.type) and array.type.tz is None:
            array = array.cast(pa.timestamp("us"), safe=False)
        # Nanoseconds are cut off.
        array = array.cast(ARROW_TYPES[type_], safe=type_ != "timestamp")
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        if type_ == "timestamp":
            array = array.cast(pa.int64())
        filled = array.fill_null(pa.scalar(FILLERS[type_], array.type)) if array.null_count else array
        values = filled.to_numpy(zero_copy_only=False)
        return Column.of(type_, values.astype(DTYPES[type_], copy=False), valid)

    def to_arrow(self) -> pa.Array:
        """An Arrow array of `ARROW_TYPES`."""
        return pa.array(self.values, mask=~self.valid, type=ARROW_TYPES[self.type])

    def to_json(self) -> list[Any]:
        """The values as JSON has them."""
        values = self.values
        if self.type == "timestamp":
            values = timestamps.as_texts(values)
        listed = [value if there else None for value, there in zip(values.tolist(), self.valid, strict=True)]
        if self.type == "int64":
            return [str(each) if each is not None and abs(each) >= 2**53 else each for each in listed]
        return listed
