"""One feature's values, read from each format by what training decided, in training as in every batch.

A decision is a kind and a `reading`, which an input of a signature keeps where it is not empty:

- `missing`: the words that stand for a missing value, in JSON as in CSV; in CSV, numbers, booleans and times
  know all of `markers` besides.
- `may_be_absent`: a row of JSON need not name the feature; its value is then missing.
- `decimal`, `thousands`, `unit`: how cells of CSV write a number; see `number_forms`.
- `from`: what the training data held, where it is not what the type says: `text`, `number` or `boolean`; of a
  number that was 0 or 1 in every row `boolean` too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import is_too_long
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, milliseconds_of
from .markers import MISSING_AMONG_TYPED, MISSING_WORDS
from .number_forms import cast_or_none, form_of_reading, parsed_numbers
from .parquet_file import is_text, milliseconds

_LONGEST_SHOWN = 80
# What says nothing about how cells of CSV are written.
_OF_JSON = {"missing", "may_be_absent", "from"}
_YES, _NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")

# In place of the value of a row that does not name the feature.
ABSENT = object()


@dataclass
class Values:
    """A feature's values over some rows.

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


def from_arrow(column: pa.Array, kind: str, reading: dict[str, Any]) -> Values:
    """A column of a type that the file declares. A NaN is a missing value, as data frames write one."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found, origin = column.type, reading.get("from")
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_null(found):
        return _nothing(len(column), kind)
    is_number = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    if kind == "string":
        if is_text(found):
            return _texts(column, missing, reading)
        if origin in ("number", "boolean") and (is_number or pa.types.is_boolean(found)):
            return _texts(texts_of(column), missing, reading)
        return _all_wrong(column, missing, kind)
    if is_text(found) and (kind == "timestamp" or origin == "text"):
        return from_cells(column, kind, reading)
    if kind == "timestamp" and (pa.types.is_date(found) or pa.types.is_timestamp(found)):
        numbers = milliseconds(column)
        is_number = True
    elif pa.types.is_boolean(found) and (kind == "boolean" or origin == "boolean"):
        numbers = column.cast(pa.int8()).cast(pa.float64()).to_numpy(zero_copy_only=False)
    elif is_number:
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    else:
        return _all_wrong(column, missing, kind)
    missing = missing | np.isnan(numbers)
    wrong = {}
    if kind == "timestamp":
        wrong = {int(row): shown(numbers[row]) for row in np.flatnonzero(~_are_times(numbers) & ~missing)}
    return Values(numbers, missing, wrong=wrong)


def from_cells(column: pa.Array, kind: str, reading: dict[str, Any]) -> Values:
    """Cells of CSV: trimmed, and missing where empty or one of the words of `markers`."""
    if kind in ("number", "integer") and not reading.keys() - _OF_JSON and reading.get("from") != "text":
        quick = _plain_cells(column)
        if quick is not None:
            return quick
    trimmed = pc.utf8_trim_whitespace(column)
    if kind == "string":
        empty = pc.equal(trimmed, "")
        present = pc.if_else(empty, pa.scalar(None, column.type), trimmed)
        words = reading.get("missing", MISSING_WORDS)
        return _texts(present, present.is_null().to_numpy(zero_copy_only=False), {"missing": words})
    present = without_markers(trimmed)
    missing = present.is_null().to_numpy(zero_copy_only=False)
    if kind == "timestamp" and reading.get("from") != "number":
        return _times(present, missing)
    if kind == "boolean" or reading.get("from") == "boolean":
        present = _as_digits(present)
    numbers, wrong = parsed_numbers(present, form_of_reading(reading))
    missing = missing | (np.isnan(numbers) & ~wrong)
    if kind == "boolean":
        wrong |= (numbers != 0) & (numbers != 1) & ~missing
    if kind == "timestamp":
        wrong |= ~_are_times(numbers) & ~missing
    rows = np.flatnonzero(wrong)
    told = trimmed.take(pa.array(rows)).to_pylist()
    return Values(
        numbers, missing, wrong={int(row): shown(text) for row, text in zip(rows, told, strict=True)}
    )


def from_objects(values: list[Any], kind: str, reading: dict[str, Any]) -> Values:
    """Values of JSON. A NaN, which is none, is a missing value."""
    if reading.get("may_be_absent"):
        values = [None if value is ABSENT else value for value in values]
    words = set(reading.get("missing", ()))
    if words and kind != "string":
        values = [None if isinstance(value, str) and value.strip() in words else value for value in values]
    missing = np.fromiter((value is None or value != value for value in values), bool, len(values))
    wrong: dict[int, str] = {}
    absent = [row for row, value in enumerate(values) if value is ABSENT]
    origin = reading.get("from")
    if kind == "string":
        if origin in ("number", "boolean"):
            values = [
                json_text(value) if isinstance(value, bool | int | float) else value for value in values
            ]
        places: dict[str, int] = {}
        long: list[int] = []
        data = np.empty(len(values), np.int64)
        for row, value in enumerate(values):
            text = value if isinstance(value, str) and value not in words else ""
            missing[row] |= isinstance(value, str) and value in words
            data[row] = places.setdefault(text, len(places))
            if not isinstance(value, str) and not missing[row] and value is not ABSENT:
                wrong[row] = shown(value)
            elif is_too_long(text):
                wrong[row] = shown(text)
                long.append(row)
        return Values(data, missing, list(places), wrong, long, absent)
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if missing[row] or value is ABSENT:
            continue
        if isinstance(value, str) and kind != "timestamp" and origin == "text":
            cell = from_cells(pa.array([value], pa.large_string()), kind, reading)
            numbers[row], missing[row] = cell.data[0], cell.missing[0]
            if cell.wrong:
                wrong[row] = shown(value)
        elif kind == "timestamp":
            found = _time_of(value)
            if found is None:
                wrong[row] = shown(value)
            else:
                numbers[row] = found
        elif isinstance(value, bool):
            if kind == "boolean" or origin == "boolean":
                numbers[row] = value
            else:
                wrong[row] = shown(value)
        elif isinstance(value, int | float):
            try:
                numbers[row] = value
            except OverflowError:
                numbers[row] = np.inf if value > 0 else -np.inf
        else:
            wrong[row] = shown(value)
    for row in absent:
        missing[row] = True
    return Values(numbers, missing, wrong=wrong, absent=absent)


def without_markers(trimmed: pa.Array) -> pa.Array:
    """Trimmed cells of a column of numbers, booleans or times, null where missing."""
    missing = pc.is_in(trimmed, value_set=pa.array(["", *MISSING_WORDS, *MISSING_AMONG_TYPED], trimmed.type))
    return pc.if_else(missing, pa.scalar(None, trimmed.type), trimmed)


def texts_of(column: pa.Array) -> pa.Array:
    """Numbers or booleans as JSON writes them, for a column that is a category."""
    encoded = column.dictionary_encode()
    texts = pa.array([json_text(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    return texts.take(encoded.indices)


def json_text(value: Any) -> str | None:
    """A number or boolean as JavaScript writes it: 1 for 1.0, true for True. None stays."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    number = float(value)
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    return re.sub(r"e([+-])0+", r"e\1", repr(number))


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


def short(text: str) -> str:
    return f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text


def _plain_cells(column: pa.Array) -> Values | None:
    """Numbers where every cell is plainly one or empty, as nearly all are; else None."""
    present = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
    found = cast_or_none(present, pa.float64())
    if found is None:
        return None
    numbers = found.to_numpy(zero_copy_only=False)
    return Values(numbers, np.isnan(numbers))


def _as_digits(present: pa.Array) -> pa.Array:
    lowered = pc.utf8_lower(present)
    yes, no = (pc.is_in(lowered, value_set=pa.array(words, lowered.type)) for words in (_YES, _NO))
    one, zero = pa.scalar("1", lowered.type), pa.scalar("0", lowered.type)
    return pc.if_else(yes, one, pc.if_else(no, zero, lowered))


def _texts(column: pa.Array, missing: np.ndarray, reading: dict[str, Any]) -> Values:
    encoded = column.dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), ""]
    places = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    words = set(reading.get("missing", ()))
    blank = [place for place, text in enumerate(texts[:-1]) if text in words]
    if blank:
        missing = missing | np.isin(places, blank)
        places = np.where(missing, len(texts) - 1, places)
    long = [place for place, text in enumerate(texts) if is_too_long(text)]
    rows = np.flatnonzero(np.isin(places, long)).tolist() if long else []
    return Values(places, missing, texts, {row: shown(texts[places[row]]) for row in rows}, rows)


def _times(present: pa.Array, missing: np.ndarray) -> Values:
    encoded = present.dictionary_encode()
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
    with np.errstate(invalid="ignore"):
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
