"""Columns of a type from values of JSON, which declares a type for every value and none for a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..failures import unreadable
from .markers import MISSING_AMONG_TYPED, MISSING_WORDS
from .values import shown

# A column is what at least this share of its values is, and the others are missing; in every format.
MAJORITY = 0.95
# In place of objects and arrays, of which no more is known.
UNTYPED = pa.list_(pa.null())
_NULL, _BOOLEAN, _NUMBER, _TEXT, _NESTED = range(5)
_NOUNS = ("nulls", "booleans", "numbers", "texts", "objects or arrays")
_MARKERS = {"", *MISSING_WORDS, *MISSING_AMONG_TYPED}


@dataclass
class Odd:
    """Values of another type than their column, which are missing in it.

    Attributes:
        count: how many.
        of: how many values there are.
        first: number of the first one's row.
        shown: the first one in words.
        words: those for a missing value among them.
        place: the first one's file and row in words.
    """

    count: int
    of: int
    first: int
    shown: str
    words: set[str]
    place: str = ""


class JsonColumn:
    """Gathers the values of one key over blocks of rows, as Arrow arrays where they are of one type.

    Attributes:
        rows: how many there are so far.
        is_absent: whether some row does not name the key.
    """

    def __init__(self) -> None:
        self._parts: list[pa.Array | list[Any]] = []
        self.rows = 0
        self.is_absent = False

    def add(self, name: str, objects: list[dict[str, Any]]) -> None:
        """Values of the next rows."""
        self.rows += len(objects)
        values = [each.get(name) for each in objects]
        types = set(map(type, values))
        if type(None) in types:
            self.is_absent = self.is_absent or not all(name in each for each in objects)
        if bool in types and len(types - {type(None)}) > 1:
            # Among numbers Arrow would take them for 0 and 1 without a word.
            self._parts.append(values)
            return
        try:
            part = pa.array(values)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            self._parts.append(values)
            return
        self._parts.append(part)

    def fill(self, rows: int) -> None:
        """Nothing for as many rows."""
        if rows:
            self._parts.append(pa.nulls(rows))
            self.rows += rows
            self.is_absent = True

    def finished(self, name: str) -> tuple[pa.ChunkedArray, Odd | None]:
        """The column, of the type that nearly all of its values have.

        Raises:
            JobFailure: the values are of several types.
        """
        arrays = [part for part in self._parts if isinstance(part, pa.Array)]
        if len(arrays) == len(self._parts):
            kinds = {_kind_of(part.type) for part in arrays} - {_NULL}
            if len(kinds) <= 1:
                return _stacked(arrays, kinds), None
        return self._sorted_out(name)

    def _sorted_out(self, name: str) -> tuple[pa.ChunkedArray, Odd | None]:
        values = [
            value for part in self._parts for value in (part if isinstance(part, list) else part.to_pylist())
        ]
        kinds = np.fromiter((_kind_of_value(value) for value in values), np.int8, len(values))
        counts = np.bincount(kinds, minlength=5)
        total = int(counts[1:].sum())
        # Words for a missing value may be many.
        words = [
            text.strip()
            for text, kind in zip(values, kinds, strict=True)
            if kind == _TEXT and text.strip() in _MARKERS
        ]
        flags = np.array(
            [kind == _NUMBER and value in (0, 1) for value, kind in zip(values, kinds, strict=True)]
        )
        if counts[_BOOLEAN] and counts[_BOOLEAN] + flags.sum() >= MAJORITY * (total - len(words)):
            # As in a prediction, 0 and 1 among booleans are such.
            kinds[flags] = _BOOLEAN
            counts = np.bincount(kinds, minlength=5)
        counts[_TEXT] -= len(words)
        main = int(np.argmax(counts[1:])) + 1
        counts[_TEXT] += len(words)
        if main not in (_NUMBER, _BOOLEAN):
            words = []
        odd = np.flatnonzero((kinds != main) & (kinds != _NULL))
        if len(odd) - len(words) > (1 - MAJORITY) * (total - len(words)):
            held = " and ".join(f"{counts[kind]} {_NOUNS[kind]}" for kind in range(1, 5) if counts[kind])
            raise unreadable(
                f"the data is not well-formed JSON lines: column '{name}' (/{name}) holds {held}, such as "
                f"{shown(values[odd[0]])} in row {odd[0]}; write its values alike."
            )
        kept = [value if kind == main else None for kind, value in zip(kinds, values, strict=True)]
        if main == _NUMBER:
            is_whole = all(value is None or (isinstance(value, int) and abs(value) < 2**63) for value in kept)
            column = pa.array(kept, pa.int64()) if is_whole else pa.array(map(_float, kept), pa.float64())
        elif main == _BOOLEAN:
            column = pa.array([None if value is None else bool(value) for value in kept], pa.bool_())
        elif main == _NESTED:
            column = pa.array([None if value is None else [] for value in kept], UNTYPED)
        else:
            column = pa.array(kept, pa.large_string())
        found = Odd(len(odd), total, int(odd[0]), shown(values[odd[0]]), set(words)) if len(odd) else None
        return pa.chunked_array([column]), found


def _stacked(arrays: list[pa.Array], kinds: set[int]) -> pa.ChunkedArray:
    if not kinds:
        return pa.chunked_array(arrays, pa.null()) if arrays else pa.chunked_array([], pa.null())
    types = {part.type for part in arrays} - {pa.null()}
    (kind,) = kinds
    if kind == _NESTED:
        return pa.chunked_array([pa.array([[]] * len(part), UNTYPED) for part in arrays])
    if kind == _TEXT:
        wide: pa.DataType = pa.large_string()
    elif kind == _BOOLEAN:
        wide = pa.bool_()
    else:
        wide = pa.float64() if pa.float64() in types else pa.int64()
    return pa.chunked_array([part.cast(wide, safe=False) for part in arrays], wide)


def _kind_of(kind: pa.DataType) -> int:
    if pa.types.is_null(kind):
        return _NULL
    if pa.types.is_boolean(kind):
        return _BOOLEAN
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _NUMBER
    return _TEXT if pa.types.is_string(kind) else _NESTED


def _kind_of_value(value: Any) -> int:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, int | float):
        return _NUMBER
    return _TEXT if isinstance(value, str) else _NESTED


def _float(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
