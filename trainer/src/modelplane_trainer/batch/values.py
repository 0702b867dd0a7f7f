"""One feature's values over a block of rows, read from each format as a single prediction reads JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import MISSING_TOKENS, is_too_long
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, milliseconds_of

_LONGEST_SHOWN = 80
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

# In place of the value of a row that does not name the feature.
ABSENT = object()


@dataclass
class Values:
    """A feature's values over the rows of a block.

    Attributes:
        data: float64 [rows] with NaN where missing, of a timestamp milliseconds since 1970; of a text feature
            int [rows], the place of its text.
        missing: bool [rows].
        texts: of a text feature the different ones, with '' for a missing one.
        wrong: what stands in rows whose value is of another type, in words; their `data` means nothing.
        long: of those, texts that are only too long.
        absent: rows that do not name the feature at all.
    """

    data: np.ndarray
    missing: np.ndarray
    texts: list[str] | None = None
    wrong: dict[int, str] = field(default_factory=dict)
    long: Collection[int] = ()
    absent: Sequence[int] = ()


def from_arrow(column: pa.Array, kind: str) -> Values:
    """A typed column, as Parquet has it. A NaN is a missing value, as data frames write one."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = column.type
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_null(found):
        return _nothing(len(column), kind)
    is_text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    if kind == "string":
        return _texts(column, missing) if is_text else _all_wrong(column, missing, kind)
    if kind == "timestamp" and (pa.types.is_date(found) or pa.types.is_timestamp(found)):
        # As in training: naive times count as UTC, and what is finer than a millisecond is cut off.
        column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        found = column.type
    if kind == "timestamp" and is_text:
        return _times(column, missing)
    if pa.types.is_boolean(found) and kind == "boolean":
        data = column.cast(pa.int8()).cast(pa.float64())
    elif pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found):
        data = column.cast(pa.float64(), safe=False)
    else:
        return _all_wrong(column, missing, kind)
    numbers = data.to_numpy(zero_copy_only=False)
    missing = missing | np.isnan(numbers)
    wrong = {}
    if kind == "timestamp":
        wrong = {int(row): shown(numbers[row]) for row in np.flatnonzero(~_are_times(numbers) & ~missing)}
    return Values(numbers, missing, wrong=wrong)


def from_cells(column: pa.Array, kind: str) -> Values:
    """Cells of CSV, read as training reads them: trimmed, and missing where empty or a word such as NA."""
    trimmed = pc.utf8_trim_whitespace(column)
    token = pc.is_in(trimmed, value_set=pa.array(MISSING_TOKENS, column.type))
    present = pc.if_else(token, pa.scalar(None, column.type), trimmed)
    missing = token.to_numpy(zero_copy_only=False)
    if kind == "string":
        return _texts(present, missing)
    if kind == "timestamp":
        return _times(present, missing)
    if kind == "boolean":
        lowered = pc.utf8_lower(present)
        present = pc.if_else(
            pc.equal(lowered, "true"), "1", pc.if_else(pc.equal(lowered, "false"), "0", present)
        )
        present = present.cast(column.type)
    wrong: dict[int, str] = {}
    try:
        numbers = present.cast(pa.float64())
    except pa.ArrowInvalid:
        is_number = pc.match_substring_regex(present, _NUMBER)
        numbers = pc.if_else(is_number, present, pa.scalar(None, column.type)).cast(pa.float64())
        for row in np.flatnonzero(pc.equal(is_number, False).fill_null(False).to_numpy(zero_copy_only=False)):
            wrong[int(row)] = shown(present[int(row)].as_py())
    return Values(numbers.to_numpy(zero_copy_only=False), missing, wrong=wrong)


def from_objects(values: list[Any], kind: str) -> Values:
    """Values of JSON."""
    missing = np.fromiter((value is None for value in values), bool, len(values))
    wrong: dict[int, str] = {}
    absent = [row for row, value in enumerate(values) if value is ABSENT]
    if kind == "string":
        places: dict[str, int] = {}
        long: list[int] = []
        data = np.empty(len(values), np.int64)
        for row, value in enumerate(values):
            text = value if isinstance(value, str) else ""
            data[row] = places.setdefault(text, len(places))
            if not isinstance(value, str) and value is not None and value is not ABSENT:
                wrong[row] = shown(value)
            elif is_too_long(text):
                wrong[row] = shown(text)
                long.append(row)
        return Values(data, missing, list(places), wrong, long, absent)
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if kind == "timestamp" and value is not None and value is not ABSENT:
            found = _time_of(value)
            if found is None:
                wrong[row] = shown(value)
            else:
                numbers[row] = found
        elif isinstance(value, bool):
            if kind == "boolean":
                numbers[row] = value
            else:
                wrong[row] = shown(value)
        elif isinstance(value, int | float):
            try:
                numbers[row] = value
            except OverflowError:
                numbers[row] = np.inf if value > 0 else -np.inf
        elif value is not None and value is not ABSENT:
            wrong[row] = shown(value)
    for row in absent:
        missing[row] = True
    return Values(numbers, missing, wrong=wrong, absent=absent)


def shown(value: Any) -> str:
    """A value in words of at most about 80 characters."""
    if isinstance(value, str):
        return f"the text {json.dumps(short(value), ensure_ascii=False)}"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, float):
        if np.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return str(int(value)) if value == np.round(value) and abs(value) < 1e21 else repr(float(value))
    return short(str(value))


def _texts(column: pa.Array, missing: np.ndarray) -> Values:
    encoded = column.dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), ""]
    places = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    long = [place for place, text in enumerate(texts) if is_too_long(text)]
    rows = np.flatnonzero(np.isin(places, long)).tolist() if long else []
    return Values(places, missing, texts, {row: shown(texts[places[row]]) for row in rows}, rows)


def _times(column: pa.Array, missing: np.ndarray) -> Values:
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    parsed = [milliseconds_of(text) for text in texts]
    codes = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    numbers = np.array([*parsed, None], dtype=np.float64)[codes]
    rows = np.flatnonzero(np.isnan(numbers) & ~missing)
    return Values(numbers, missing, wrong={int(row): shown(texts[codes[row]]) for row in rows})


def _time_of(value: Any) -> float | None:
    if isinstance(value, str):
        return milliseconds_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_time = EARLIEST_MILLISECONDS <= value <= LATEST_MILLISECONDS and value == int(value)
    return float(value) if is_time else None


def _are_times(numbers: np.ndarray) -> np.ndarray:
    inside = (numbers >= EARLIEST_MILLISECONDS) & (numbers <= LATEST_MILLISECONDS)
    return inside & (numbers == np.round(numbers))


def _all_wrong(column: pa.Array, missing: np.ndarray, kind: str) -> Values:
    values = _nothing(len(column), kind)
    places = np.flatnonzero(~missing)
    if pa.types.is_temporal(column.type):
        values.wrong = dict.fromkeys(places.tolist(), "a date or time")
    elif pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        values.wrong = dict.fromkeys(places.tolist(), f"a {column.type}")
    else:
        values.wrong = {int(row): shown(column[int(row)].as_py()) for row in places}
    values.missing = missing
    return values


def _nothing(rows: int, kind: str) -> Values:
    missing = np.ones(rows, bool)
    if kind == "string":
        return Values(np.zeros(rows, np.int64), missing, [""])
    return Values(np.full(rows, np.nan), missing)


def short(text: str) -> str:
    return f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text
