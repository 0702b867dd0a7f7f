"""What a column of a table holds: numbers, integers, booleans, text or times, as the model will see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .failures import unfit
from .timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, milliseconds_of, parts_of

Kind = Literal["number", "integer", "boolean", "string", "timestamp"]

# What counts as missing in CSV, and in any text column whose other values are all numbers.
MISSING_TOKENS = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL")
# A prediction refuses longer texts; libs/inference/src/feature-errors.ts.
MOST_TEXT_BYTES = 64 * 1024
LARGEST_WHOLE = 2**53 - 1
# What is worth parsing as a date; see `timestamps`.
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


@dataclass
class Column:
    """One column over all rows.

    Attributes:
        name: as the caller writes it.
        kind: what it holds.
        numbers: float64 [rows], NaN where missing; for every kind but text. Times are
            milliseconds since 1970-01-01 UTC.
        codes: int32 [rows], index into `texts`, -1 where missing; for text.
        texts: the different values of a text column, in order of appearance.
        offset: what a model sees less than the number itself; see `float32.centre_of`.
    """

    name: str
    kind: Kind
    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    texts: list[str] | None = None
    offset: float = 0.0

    @property
    def missing(self) -> np.ndarray:
        """bool [rows]."""
        return self.codes < 0 if self.kind == "string" else np.isnan(self.numbers)

    def as_feature(self, rows: np.ndarray | None = None) -> np.ndarray:
        """The values a model sees, [rows]: float32 less the offset with NaN, or text with '' where missing.

        Not for times.
        """
        if self.kind == "string":
            table = np.array([*self.texts, ""], dtype=object)
            return table[self.codes if rows is None else self.codes[rows]]
        numbers = self.numbers if rows is None else self.numbers[rows]
        return (numbers - self.offset).astype(np.float32)

    def as_parts(self, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """What a model sees of times: float32 [rows] by part."""
        return parts_of(self.numbers if rows is None else self.numbers[rows])


def interpret(
    name: str, values: pa.ChunkedArray, is_csv: bool, warn: Callable[[str], None], is_target: bool = False
) -> Column | str:
    """Decide what a column holds.

    Args:
        name: the column.
        values: its values over all rows.
        is_csv: whether every value came as CSV text.
        warn: told when values were read otherwise than they look.
        is_target: an infinite value then ends the job; in a feature it counts as missing.

    Returns:
        The column, or why it cannot be used, as the end of a sentence about it.

    Raises:
        JobFailure: the target holds infinite values.
    """
    if "\0" in name:
        raise unfit(f"a column is named {name!r}; take the NUL character out of the name.")
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if pa.types.is_null(kind):
        return "holds no value"
    if pa.types.is_boolean(kind):
        return Column(name, "boolean", numbers=_floats(values.cast(pa.int8())))
    if pa.types.is_integer(kind):
        numbers = _floats(values)
        # JSON tells whole numbers apart only up to here; past it a caller could not name the value.
        whole = not np.any(np.abs(numbers) > LARGEST_WHOLE)
        return Column(name, "integer" if whole else "number", numbers=numbers)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Column(name, "number", numbers=_finite(name, _floats(values), warn, is_target))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _times(name, values, warn)
    if pa.types.is_temporal(kind):
        return "holds times of day or durations"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _interpret_text(name, values.cast(pa.large_string()), is_csv, warn, is_target)
    if pa.types.is_nested(kind):
        return "holds nested values"
    return f"holds values of type {kind}"


def _interpret_text(
    name: str, values: pa.ChunkedArray, is_csv: bool, warn: Callable[[str], None], is_target: bool
) -> Column | str:
    trimmed = pc.utf8_trim_whitespace(values)
    token = pc.is_in(trimmed, value_set=pa.array(MISSING_TOKENS, pa.large_string()))
    present = pc.if_else(token, pa.scalar(None, pa.large_string()), trimmed)
    if present.null_count == len(present):
        return "holds no value"
    numbers, whole = _parsed_numbers(present)
    if numbers is not None:
        # In CSV an empty cell is plainly missing; a blank or a word needs telling.
        empty = pc.sum(pc.equal(values, "")).as_py() or 0
        odd = present.null_count - values.null_count - (empty if is_csv else 0)
        if odd > 0 or not is_csv:
            warn(
                f"column '{name}' is text, but all its values are numbers except {present.null_count} "
                "that are blank or missing; it is used as a number."
            )
        numbers = _finite(name, numbers, warn, is_target)
        return Column(name, "integer" if whole else "number", numbers=numbers)
    if is_csv:
        lowered = pc.utf8_lower(present)
        if set(pc.unique(lowered.drop_null()).to_pylist()) <= {"true", "false"}:
            return Column(name, "boolean", numbers=_floats(pc.equal(lowered, "true").cast(pa.int8())))
        kept = present
    else:
        kept = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), values)
    if pc.all(pc.match_substring_regex(present, _DATE), min_count=0).as_py():
        times = _parsed_times(name, present)
        if times is not None:
            return times
    encoded = kept.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    texts = encoded.dictionary.to_pylist()
    if any("\0" in text for text in texts):
        raise unfit(f"column '{name}' holds texts with a NUL character; take it out of them.")
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Column(name, "string", codes=codes, texts=texts)


def _times(name: str, values: pa.ChunkedArray, warn: Callable[[str], None]) -> Column:
    # Naive times count as UTC; a time zone only says how to write what is UTC already.
    whole = values.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    numbers = _floats(whole)
    outside = (numbers < EARLIEST_MILLISECONDS) | (numbers > LATEST_MILLISECONDS)
    if outside.any():
        warn(
            f"column '{name}' holds {int(outside.sum())} times outside the years 1 to 9999; "
            "they count as missing."
        )
        numbers = np.where(outside, np.nan, numbers)
    return Column(name, "timestamp", numbers=numbers)


def _parsed_times(name: str, present: pa.ChunkedArray) -> Column | None:
    """The column as times, or None where a text only looks like one, such as 2026-02-30."""
    encoded = present.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    parsed = [milliseconds_of(text) for text in encoded.dictionary.to_pylist()]
    if None in parsed:
        return None
    codes = encoded.indices.fill_null(len(parsed)).to_numpy(zero_copy_only=False)
    return Column(name, "timestamp", numbers=np.array([*parsed, np.nan], dtype=np.float64)[codes])


def _parsed_numbers(present: pa.ChunkedArray) -> tuple[np.ndarray | None, bool]:
    for kind in (pa.int64(), pa.float64()):
        try:
            return _floats(present.cast(kind)), kind == pa.int64()
        except pa.ArrowInvalid:
            continue
    return None, False


def _floats(values: pa.ChunkedArray) -> np.ndarray:
    """float64 [rows] with NaN for null; a number too large for an exact float64 is rounded."""
    return values.cast(pa.float64(), safe=False).to_numpy()


def _finite(name: str, numbers: np.ndarray, warn: Callable[[str], None], is_target: bool) -> np.ndarray:
    """What does not fit a float32 becomes missing: the model's tensors are float32."""
    with np.errstate(over="ignore"):
        infinite = np.isinf(numbers.astype(np.float32))
    count = int(infinite.sum())
    if count and is_target:
        raise unfit(
            f"target column '{name}' holds {count} values that are infinite or too large; remove those rows."
        )
    if count:
        warn(f"column '{name}' holds {count} values that are infinite or too large; they count as missing.")
        numbers = np.where(infinite, np.nan, numbers)
    return numbers


def is_too_long(text: str) -> bool:
    """Whether a prediction would refuse the text for its length."""
    return len(text) * 4 > MOST_TEXT_BYTES and len(text.encode("utf-8", "replace")) > MOST_TEXT_BYTES
