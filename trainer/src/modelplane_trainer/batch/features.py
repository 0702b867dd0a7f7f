"""Blocks of rows as a model takes them: what libs/inference/src/signature.ts does with JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns import LARGEST_WHOLE, MOST_TEXT_BYTES
from ..reading.values import ABSENT, Values, from_arrow, from_cells, from_objects, short, shown
from .tensors import Column, CoreTensor, WholeTensors, seen_of

_FITTING_TEXT = f"a text of at most {MOST_TEXT_BYTES} bytes"
_TIME = "a date or time"
_NOUNS = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a text",
    "timestamp": _TIME,
}
_TIMES = f"{_TIME} such as 2026-02-12T10:00:00Z or whole milliseconds since 1970, in the years 1 to 9999"


@dataclass
class Encoded:
    """A block of rows as a model takes it.

    Attributes:
        feeds: per input of the graph its values, for those rows from one place in `rows` to before another.
        rows: int64, the places in the block that could be encoded.
        faults: why the others could not, by place in the block.
        unseen: per text feature, rows with a value that the model does not tell apart.
    """

    feeds: Callable[[int, int], dict[str, np.ndarray]]
    rows: np.ndarray
    faults: dict[int, list[str]]
    unseen: dict[str, int]


class Encoder:
    """Encodes blocks by a signature.

    Args:
        signature: a document of contracts/signature.v1.schema.json.
        is_text: whether every cell is text, as in CSV.
        has_core: whether the graph that is run is the core.
    """

    def __init__(self, signature: dict[str, Any], is_text: bool, has_core: bool = False) -> None:
        self._inputs = signature["inputs"]
        self._is_text = is_text
        self._tensors = (
            CoreTensor(self._inputs, signature["core"]) if has_core else WholeTensors(self._inputs)
        )
        self._known = {
            each["name"]: set(each["categories"]) | {""}
            for each in self._inputs
            if each["categories"] is not None
        }

    @property
    def width(self) -> int:
        """Values that a row has in all tensors."""
        return self._tensors.width

    def encode(
        self, block: pa.RecordBatch | list[dict[str, Any]], folders: dict[str, str] | None = None
    ) -> Encoded:
        """Encode the rows that the model can take, and say of the others why it cannot.

        Args:
            block: the rows.
            folders: value by column of what their file does not have and its folders say.
        """
        said = folders or {}
        faults: dict[int, list[str]] = {}
        columns: list[Column] = []
        for each in self._inputs:
            fit = None if each["name"] in said else self._plain_numbers(block, each)
            if fit is not None:
                columns.append(Column(fit))
                continue
            values = self._read(block, said, each)
            for row in values.absent:
                faults.setdefault(row, []).append(f"the feature '{short(each['name'])}' is missing")
            for row, what in misfits(values, each).items():
                faults.setdefault(row, []).append(what)
            columns.append(Column(values.data, values.texts))
        rows = np.arange(len(block))
        if faults:
            rows = np.delete(rows, list(faults))
            columns = [Column(column.data[rows], column.texts) for column in columns]

        def feeds(first: int, end: int) -> dict[str, np.ndarray]:
            part = slice(first, end)
            return self._tensors.of([Column(column.data[part], column.texts) for column in columns])

        return Encoded(feeds, rows, faults, self._unseen(columns))

    def _unseen(self, columns: list[Column]) -> dict[str, int]:
        unseen: dict[str, int] = {}
        for each, column in zip(self._inputs, columns, strict=True):
            known = self._known.get(each["name"])
            if known is None:
                continue
            is_unseen = np.array([text not in known for text in column.texts])
            rows = int(np.count_nonzero(is_unseen[column.data])) if is_unseen.any() else 0
            if rows:
                unseen[each["name"]] = rows
        return unseen

    def _plain_numbers(
        self, block: pa.RecordBatch | list[dict[str, Any]], each: dict[str, Any]
    ) -> np.ndarray | None:
        """float32 [rows] of a column that holds nothing but finite numbers, as nearly all do; else None.

        Each step on an array lets another thread go first: what is common takes few of them.
        """
        if isinstance(block, list) or self._is_text or (each["type"], each["dtype"]) != ("number", "float32"):
            return None
        if "offset" in each:
            return None
        column = block.column(block.schema.get_field_index(each["name"]))
        if column.null_count or not pa.types.is_floating(column.type) or pa.types.is_float16(column.type):
            return None
        with np.errstate(over="ignore"):
            numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
        return numbers if np.isfinite(numbers).all() else None

    def _read(
        self, block: pa.RecordBatch | list[dict[str, Any]], said: dict[str, str], each: dict[str, Any]
    ) -> Values:
        name, kind, reading = each["name"], each["type"], each.get("reading", {})
        if name in said:
            # What folders say is text that nobody gave a type, like a cell of CSV.
            return from_cells(pa.repeat(said[name], len(block)), kind, reading)
        if isinstance(block, list):
            return from_objects([row.get(name, ABSENT) for row in block], kind, reading)
        column = block.column(block.schema.get_field_index(name))
        return (from_cells if self._is_text else from_arrow)(column, kind, reading)


def misfits(values: Values, each: dict[str, Any]) -> dict[int, str]:
    """Per row, what is wrong with a feature's value; the rules of libs/inference/src/feature-errors.ts."""
    kind, dtype, data = each["type"], each["dtype"], values.data
    name = short(each["name"])
    found: dict[int, str] = {}

    def tell(row: int, expected: str, got: str) -> None:
        found[int(row)] = f"'{name}' must be {expected}, got {got}"

    for row, got in values.wrong.items():
        named = _TIMES if kind == "timestamp" else _NOUNS[kind]
        tell(row, _FITTING_TEXT if row in values.long else named, got)
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
            fits = np.isfinite(data if dtype == "float64" else seen_of(data, each))
            expected = f"a finite number in the range of {dtype}"
    for row in np.flatnonzero(~fits & ~values.missing):
        if row not in values.wrong:
            tell(row, expected, shown(data[row]))
    return found
