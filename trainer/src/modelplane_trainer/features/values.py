"""Columns of files as the types that a view declares.

In DuckDB, and so here, a timestamp is int64: whole microseconds since 1970 in UTC. A NaN is a missing value,
as everywhere in the trainer. Types that a file declares are held against the view's; text of CSV is read as
in training, but that whole numbers keep all of their digits and text is never taken for a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..failures import JobFailure, unfit
from ..reading.number_forms import PLAIN, cast_or_none
from ..reading.parquet_file import is_text
from ..reading.values import from_cells, json_text, shown, texts_of, without_markers
from ..timestamps import microseconds_of
from . import times

# What holds text whatever it is: only whether two values are the same counts.
ANY = "any"
LARGEST_EXACT = 2**53
_SCALARS = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.large_string(),
    "timestamp": pa.int64(),
    ANY: pa.large_string(),
}
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(PLAIN, re.ASCII)


class _Misfit(Exception):
    """A type of which no value is one of the view's, in words."""


def element_of(kind: str) -> str | None:
    """The type of a list's values; None of what is no list."""
    return kind.removesuffix("_list") if kind.endswith("_list") else None


def arrow_type(kind: str) -> pa.DataType:
    """How a type lies in DuckDB."""
    element = element_of(kind)
    return _SCALARS[kind] if element is None else pa.large_list(_SCALARS[element])


class Column:
    """Reads one column block by block, and keeps account of the values that are none of its type.

    Args:
        role: whose column it is, for messages, such as `view orders`.
        name: its name in the files.
        kind: a type of features, or ANY.
        most: for a time that orders rows, the greatest distance from 1970 in microseconds.
    """

    def __init__(self, role: str, name: str, kind: str, most: int | None = None) -> None:
        self.name, self.kind = name, kind
        self._role, self._most = role, most
        self._counted = times.CountedTimes()
        self._wrong, self._first = 0, ""

    def of_arrow(self, values: pa.Array, place: Callable[[int], str]) -> pa.Array:
        """A column that its file declares the type of.

        Args:
            values: the column.
            place: a row of it in words.

        Raises:
            JobFailure: no value of its type can be one.
        """
        try:
            found, wrong = self._typed(values, self.kind)
        except _Misfit as misfit:
            raise self._misfit(str(misfit), place(0)) from None
        return self._checked(found, wrong, lambda row: _python(values[row]), place)

    def of_cells(self, cells: pa.Array, place: Callable[[int], str]) -> pa.Array:
        """Text of CSV."""
        if element_of(self.kind) is not None:
            raise self._misfit("CSV, which has no lists", place(0))
        found, wrong = self._cells(cells)
        return self._checked(found, wrong, lambda row: cells[row].as_py(), place)

    def of_objects(self, values: Sequence[Any], place: Callable[[int], str]) -> pa.Array:
        """Values of JSON."""
        found, wrong = self._objects(values, self.kind)
        return self._checked(found, wrong, lambda row: values[row], place)

    def refuse(self) -> None:
        """
        Raises:
            JobFailure: values were of another type.
        """
        if self._wrong:
            raise unfit(
                f"{self._role}: column '{self.name}' is declared as {self.kind}, and "
                f"{self._wrong:,} values are not, the first {self._first}."
            )

    def _misfit(self, what: str, where: str) -> JobFailure:
        return unfit(
            f"{self._role}: column '{self.name}' is declared as {self.kind}, and is {what} ({where})."
        )

    def _checked(
        self, found: pa.Array, wrong: np.ndarray, value: Callable[[int], Any], place: Callable[[int], str]
    ) -> pa.Array:
        if self._most is not None and not times.are_between(found, -self._most, self._most):
            beyond = pc.greater(pc.abs(found), self._most).fill_null(False)
            wrong = wrong | beyond.to_numpy(zero_copy_only=False)
        if wrong.any():
            if not self._wrong:
                row = int(np.argmax(wrong))
                self._first = f"{shown(value(row))} in {place(row)}"
            self._wrong += int(wrong.sum())
        return found

    def _typed(self, values: pa.Array, kind: str) -> tuple[pa.Array, np.ndarray]:
        """The values, and bool [rows]: which ones are of another type; those are null."""
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        given = values.type
        if values.null_count == len(values):
            return pa.nulls(len(values), arrow_type(kind)), _none(values)
        element = element_of(kind)
        if element is not None:
            return self._list(values, element)
        if kind in ("string", ANY):
            return _text(values, kind), _none(values)
        if kind == "timestamp":
            return self._times(values)
        if kind == "boolean" and pa.types.is_boolean(given):
            return values, _none(values)
        if not (pa.types.is_integer(given) or pa.types.is_floating(given) or pa.types.is_decimal(given)):
            raise _Misfit(f"of type {given}")
        if kind == "int64" and pa.types.is_integer(given):
            return _whole(values)
        numbers = values.cast(pa.float64(), safe=False)
        # A comparison with NaN is false, so that it counts as missing and not as wrong.
        if kind == "float64":
            return _without_nan(numbers), _none(values)
        present = numbers.fill_null(np.nan).to_numpy(zero_copy_only=False)
        if kind == "int64":
            fits = (np.trunc(present) == present) & (np.abs(present) <= LARGEST_EXACT)
        else:
            fits = (present == 0) | (present == 1)
        wrong = ~fits & ~np.isnan(present)
        found = pa.array(np.where(fits, present, 0).astype(np.int64), mask=~fits)
        return found.cast(arrow_type(kind)), wrong

    def _list(self, values: pa.Array, element: str) -> tuple[pa.Array, np.ndarray]:
        given = values.type
        is_list = pa.types.is_list(given) or pa.types.is_large_list(given)
        if not is_list and not pa.types.is_fixed_size_list(given):
            raise _Misfit(f"of type {given}")
        lists = values.cast(pa.large_list(given.value_type))
        flat, wrong = self._typed(lists.flatten(), element)
        lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
        found = _lists(flat, lengths, lists.is_null())
        owners = np.repeat(np.arange(len(lengths)), lengths)
        rows = _none(values)
        rows[owners[wrong]] = True
        return found, rows

    def _times(self, values: pa.Array) -> tuple[pa.Array, np.ndarray]:
        given = values.type
        if is_text(given):
            return times.of_text(values)
        if pa.types.is_integer(given):
            whole, wrong = _whole(values)
            found, odd = self._counted.read(whole)
            return found, wrong | odd
        if pa.types.is_date(given) or pa.types.is_timestamp(given):
            return times.of_typed(values)
        raise _Misfit(f"of type {given}")

    def _cells(self, cells: pa.Array) -> tuple[pa.Array, np.ndarray]:
        kind = self.kind
        if kind in ("float64", "boolean"):
            read = from_cells(cells, "number" if kind == "float64" else kind, {})
            missing = read.missing.copy()
            wrong = np.zeros(len(cells), bool)
            wrong[list(read.wrong)] = True
            found = pa.array(np.where(missing | wrong, 0, read.data), pa.float64(), mask=missing | wrong)
            return (found if kind == "float64" else found.cast(pa.bool_())), wrong
        trimmed = pc.utf8_trim_whitespace(cells).cast(pa.large_string())
        if kind in ("string", ANY):
            empty = pc.equal(trimmed, "")
            return pc.if_else(empty, pa.scalar(None, trimmed.type), trimmed), _none(cells)
        present = without_markers(trimmed)
        whole = cast_or_none(present, pa.int64())
        if kind == "timestamp":
            return times.of_text(present) if whole is None else self._counted.read(whole)
        if whole is not None:
            return whole, _none(cells)
        # One by one, so that those beyond 2^53 keep their digits.
        found = pa.array([_whole_of_text(text) for text in present.to_pylist()], pa.int64())
        return found, pc.and_(present.is_valid(), found.is_null()).to_numpy(zero_copy_only=False)

    def _objects(self, values: Sequence[Any], kind: str) -> tuple[pa.Array, np.ndarray]:
        element = element_of(kind)
        if element is not None:
            are = [isinstance(value, list) for value in values]
            lengths = np.array(
                [len(value) if is_list else 0 for value, is_list in zip(values, are, strict=True)]
            )
            flat, wrong = self._objects(
                [each for value in values if isinstance(value, list) for each in value], element
            )
            absent = np.array([value is None for value in values], bool)
            rows = ~np.array(are, bool) & ~absent
            rows[np.repeat(np.arange(len(values)), lengths.astype(np.int64))[wrong]] = True
            return _lists(flat, lengths.astype(np.int64), pa.array(~np.array(are, bool))), rows
        types = set(map(type, values)) - {type(None)}
        # What the JSON form of a type writes as text: whole numbers beyond 2^53, and times.
        if (
            len(types) <= 1
            and types <= {int, float, bool, str}
            and not (kind in ("int64", "float64", "boolean") and str in types)
        ):
            try:
                return self._typed(pa.array(values), kind)
            except _Misfit:
                return pa.nulls(len(values), arrow_type(kind)), np.array(
                    [value is not None for value in values]
                )
            except (pa.ArrowException, OverflowError):
                pass  # a number beyond 64 bits
        found: list[Any] = [None] * len(values)
        wrong = np.zeros(len(values), bool)
        for row, value in enumerate(values):
            if value is None:
                continue
            try:
                found[row] = self._object(value, kind)
            except ValueError:
                wrong[row] = True
        return pa.array(found, arrow_type(kind)), wrong

    def _object(self, value: Any, kind: str) -> Any:
        """
        Raises:
            ValueError: the value is of another type.
        """
        if isinstance(value, list | dict):
            raise ValueError
        if kind in ("string", ANY):
            return value if isinstance(value, str) else json_text(value)
        if kind == "timestamp" and type(value) is int:
            found, _ = self._counted.read(pa.array([value], pa.int64()))
            return _known(found[0].as_py())
        if kind == "timestamp" and isinstance(value, str):
            return _known(microseconds_of(value))
        if kind == "int64" and isinstance(value, str):
            return _known(_whole_of_text(value))
        if kind == "boolean" and (isinstance(value, bool) or value in (0, 1)) and not isinstance(value, str):
            return bool(value)
        if kind in ("int64", "float64") and isinstance(value, int | float) and not isinstance(value, bool):
            if value != value:
                return None
            if kind == "float64":
                try:
                    return float(value)
                except OverflowError:
                    return np.inf if value > 0 else -np.inf
            if (isinstance(value, int) and abs(value) < 2**63) or (
                isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT
            ):
                return int(value)
        raise ValueError


def _python(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return value.value  # a time that Python has no date for


def value_of(kind: str, value: Any, what: str) -> Any:
    """A value in JSON form, such as a default or a bound, as it lies in DuckDB.

    Args:
        kind: the type.
        value: the JSON form.
        what: where it was given, for messages.

    Raises:
        JobFailure: it is of another type.
    """
    column = Column(what, what, kind)
    found = column.of_objects([value], lambda _: what)
    column.refuse()
    return found[0].as_py()


def _known(value: Any) -> Any:
    if value is None:
        raise ValueError
    return value


def _none(values: Sequence[Any]) -> np.ndarray:
    return np.zeros(len(values), bool)


def _lists(flat: pa.Array, lengths: np.ndarray, is_null: pa.Array) -> pa.Array:
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, flat, mask=is_null)


def _text(values: pa.Array, kind: str) -> pa.Array:
    given = values.type
    if is_text(given) or pa.types.is_integer(given) or pa.types.is_boolean(given):
        return values.cast(pa.large_string())
    if pa.types.is_floating(given) or pa.types.is_decimal(given):
        return texts_of(values).cast(pa.large_string())
    if kind == ANY and not pa.types.is_nested(given):
        return pa.array(map(_words_of, values.to_pylist()), pa.large_string())
    raise _Misfit(f"of type {given}")


def _words_of(value: Any) -> str | None:
    return None if value is None else str(value)


def _without_nan(numbers: pa.Array) -> pa.Array:
    if not pc.any(pc.is_nan(numbers)).as_py():
        return numbers
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _whole(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    if values.type != pa.uint64():
        return values.cast(pa.int64()), _none(values)
    wrong = pc.greater(values, pa.scalar(2**63 - 1, pa.uint64())).fill_null(False)
    fitting = pc.if_else(wrong, pa.scalar(None, pa.uint64()), values)
    return fitting.cast(pa.int64()), wrong.to_numpy(zero_copy_only=False)


def _whole_of_text(text: str | None) -> int | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    if _WHOLE.fullmatch(text):
        value = int(text)
    else:
        number = float(text)
        if not number.is_integer() or abs(number) > LARGEST_EXACT:
            return None
        value = int(number)
    return value if -(2**63) <= value < 2**63 else None
