"""Blocks of rows as the tensors of a signature: what libs/inference/src/signature.ts does with JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import MISSING_TOKENS
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, milliseconds_of, parts_of

MOST_TEXT_BYTES = 64 * 1024
LARGEST_WHOLE = 2**53 - 1
_LONGEST_SHOWN = 80
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_SHORT_TEXT = f"a text of at most {MOST_TEXT_BYTES} bytes"
_TIME = "a date or time"
_NOUNS = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a text",
    "timestamp": _TIME,
}
_TIMES = f"{_TIME} such as 2026-02-12T10:00:00Z or whole milliseconds since 1970, in the years 1 to 9999"
_DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "string": object,
}


@dataclass
class Values:
    """A feature's values over the rows of a block.

    Attributes:
        data: float64 [rows] with NaN where missing, of a timestamp milliseconds since 1970; of a text feature
            object [rows] with '' where missing.
        missing: bool [rows].
        wrong: what stands in rows whose value is of another type, in words; their `data` means nothing.
        long: of those, texts that are only too long.
        absent: rows that do not name the feature at all.
    """

    data: np.ndarray
    missing: np.ndarray
    wrong: dict[int, str] = field(default_factory=dict)
    long: Collection[int] = ()
    absent: Sequence[int] = ()


@dataclass
class Encoded:
    """A block of rows as a model takes it.

    Attributes:
        feeds: per input of the graph, its values for the rows of `rows`.
        rows: int64, the places in the block that could be encoded.
        faults: why the others could not, by place in the block.
        unseen: per text feature, rows with a value that the model does not tell apart.
    """

    feeds: dict[str, np.ndarray]
    rows: np.ndarray
    faults: dict[int, list[str]]
    unseen: dict[str, int]


class Encoder:
    """Encodes blocks by a signature.

    Args:
        signature: a document of contracts/signature.v1.schema.json.
        is_text: whether every cell is text, as in CSV.
    """

    def __init__(self, signature: dict[str, Any], is_text: bool) -> None:
        self._inputs = signature["inputs"]
        self._is_text = is_text
        self._known = {
            each["name"]: set(each["categories"]) | {""}
            for each in self._inputs
            if each["categories"] is not None
        }

    def encode(self, block: pa.RecordBatch | list[dict[str, Any]]) -> Encoded:
        """Encode the rows that the model can take, and say of the others why it cannot."""
        count = len(block)
        faults: dict[int, list[str]] = {}
        unseen: dict[str, int] = {}
        columns: list[np.ndarray] = []
        for each in self._inputs:
            fit = self._plain_numbers(block, each)
            if fit is not None:
                columns.append(fit)
                continue
            values = self._read(block, each)
            for row in values.absent:
                faults.setdefault(row, []).append(f"the feature '{_short(each['name'])}' is missing")
            for row, what in misfits(values, each).items():
                faults.setdefault(row, []).append(what)
            columns.append(values.data)
        rows = np.setdiff1d(np.arange(count), np.fromiter(faults, np.int64, len(faults)))
        feeds: dict[str, np.ndarray] = {}
        shared: dict[str, int] = {}
        for each in self._inputs:
            shared[each["tensor"]] = shared.get(each["tensor"], 0) + 1
        for each, data in zip(self._inputs, columns, strict=True):
            chosen = data if len(rows) == count else data[rows]
            if each["type"] == "timestamp":
                parts = parts_of(chosen)
                feeds |= {part["tensor"]: parts[part["part"]].reshape(-1, 1) for part in each["parts"]}
                continue
            known = self._known.get(each["name"])
            if known is not None:
                number = sum(1 for value in chosen if value not in known)
                if number:
                    unseen[each["name"]] = number
            width = shared[each["tensor"]]
            if width == 1 and chosen.dtype == np.float32 and each.get("rank", 2) == 2:
                feeds[each["tensor"]] = chosen.reshape(-1, 1)
                continue
            tensor = feeds.get(each["tensor"])
            if tensor is None:
                shape = (len(rows),) if each.get("rank", 2) == 1 else (len(rows), width)
                tensor = feeds[each["tensor"]] = np.empty(shape, _DTYPES[each["dtype"]])
            tensor.reshape(len(rows), width)[:, each.get("column", 0)] = chosen
        return Encoded(feeds, rows, faults, unseen)

    def _plain_numbers(
        self, block: pa.RecordBatch | list[dict[str, Any]], each: dict[str, Any]
    ) -> np.ndarray | None:
        """float32 [rows] of a column that holds nothing but finite numbers, as nearly all do; else None.

        Each step on an array lets another thread go first: what is common takes few of them.
        """
        if isinstance(block, list) or self._is_text or (each["type"], each["dtype"]) != ("number", "float32"):
            return None
        column = block.column(block.schema.get_field_index(each["name"]))
        if column.null_count or not pa.types.is_floating(column.type) or pa.types.is_float16(column.type):
            return None
        with np.errstate(over="ignore"):
            numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
        return numbers if np.isfinite(numbers).all() else None

    def _read(self, block: pa.RecordBatch | list[dict[str, Any]], each: dict[str, Any]) -> Values:
        name, kind = each["name"], each["type"]
        if isinstance(block, list):
            return from_objects([row.get(name, _ABSENT) for row in block], kind)
        column = block.column(block.schema.get_field_index(name))
        return (from_cells if self._is_text else from_arrow)(column, kind)


_ABSENT = object()


def misfits(values: Values, each: dict[str, Any]) -> dict[int, str]:
    """Per row, what is wrong with a feature's value; the rules of libs/inference/src/feature-errors.ts."""
    kind, dtype, data = each["type"], each["dtype"], values.data
    name = _short(each["name"])
    found: dict[int, str] = {}

    def tell(row: int, expected: str, got: str) -> None:
        found[int(row)] = f"'{name}' must be {expected}, got {got}"

    for row, got in values.wrong.items():
        named = _TIMES if kind == "timestamp" else _NOUNS[kind]
        tell(row, _SHORT_TEXT if row in values.long else named, got)
    if not each["nullable"]:
        for row in np.flatnonzero(values.missing):
            if row not in values.wrong:
                tell(row, f"{_NOUNS[kind]}, and the model does not take null", "null")
    if kind in ("string", "timestamp"):
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "boolean":
            fits, expected = (data == 0) | (data == 1), _NOUNS[kind]
        elif kind == "integer":
            fits, expected = (np.abs(data) <= LARGEST_WHOLE) & (data == np.round(data)), _NOUNS[kind]
            if dtype == "int32":
                small = np.abs(data + 0.5) <= 2.0**31
                for row in np.flatnonzero(fits & ~small & ~values.missing):
                    if row not in values.wrong:
                        tell(row, "an integer of 32 bits", shown(data[row]))
        else:
            fits = np.isfinite(data if dtype == "float64" else data.astype(np.float32))
            expected = f"a finite number in the range of {dtype}"
    for row in np.flatnonzero(~fits & ~values.missing):
        if row not in values.wrong:
            tell(row, expected, shown(data[row]))
    return found


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
    return Values(numbers, missing, wrong)


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
    return Values(numbers.to_numpy(zero_copy_only=False), missing, wrong)


def from_objects(values: list[Any], kind: str) -> Values:
    """Values of JSON."""
    missing = np.fromiter((value is None for value in values), bool, len(values))
    wrong: dict[int, str] = {}
    absent = [row for row, value in enumerate(values) if value is _ABSENT]
    if kind == "string":
        data = np.empty(len(values), object)
        long: list[int] = []
        for row, value in enumerate(values):
            data[row] = value if isinstance(value, str) else ""
            if not isinstance(value, str) and value is not None and value is not _ABSENT:
                wrong[row] = shown(value)
            elif _is_too_long(data[row]):
                wrong[row] = shown(data[row])
                long.append(row)
        return Values(data, missing, wrong, long, absent)
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if kind == "timestamp" and value is not None and value is not _ABSENT:
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
        elif value is not None and value is not _ABSENT:
            wrong[row] = shown(value)
    for row in absent:
        missing[row] = True
    return Values(numbers, missing, wrong, absent=absent)


def shown(value: Any) -> str:
    """A value in words of at most about 80 characters."""
    if isinstance(value, str):
        return f"the text {json.dumps(_short(value), ensure_ascii=False)}"
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
    return _short(str(value))


def _texts(column: pa.Array, missing: np.ndarray) -> Values:
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    table = np.array([*texts, ""], dtype=object)
    long = [code for code, text in enumerate(texts) if _is_too_long(text)]
    rows = np.flatnonzero(np.isin(codes, long)).tolist() if long else []
    return Values(table[codes], missing, {row: shown(texts[codes[row]]) for row in rows}, rows)


def _times(column: pa.Array, missing: np.ndarray) -> Values:
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    parsed = [milliseconds_of(text) for text in texts]
    codes = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    numbers = np.array([*parsed, None], dtype=np.float64)[codes]
    rows = np.flatnonzero(np.isnan(numbers) & ~missing)
    return Values(numbers, missing, {int(row): shown(texts[codes[row]]) for row in rows})


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


def _is_too_long(text: str) -> bool:
    return len(text) * 4 > MOST_TEXT_BYTES and len(text.encode("utf-8", "replace")) > MOST_TEXT_BYTES


def _all_wrong(column: pa.Array, missing: np.ndarray, kind: str) -> Values:
    places = np.flatnonzero(~missing)
    if pa.types.is_temporal(column.type):
        return Values(_blank(len(column), kind), missing, dict.fromkeys(places.tolist(), "a date or time"))
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return Values(_blank(len(column), kind), missing, dict.fromkeys(places.tolist(), f"a {column.type}"))
    wrong = {int(row): shown(column[int(row)].as_py()) for row in places}
    return Values(_blank(len(column), kind), missing, wrong)


def _nothing(rows: int, kind: str) -> Values:
    return Values(_blank(rows, kind), np.ones(rows, bool))


def _blank(rows: int, kind: str) -> np.ndarray:
    return np.full(rows, "", object) if kind == "string" else np.full(rows, np.nan)


def _short(text: str) -> str:
    return f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text
