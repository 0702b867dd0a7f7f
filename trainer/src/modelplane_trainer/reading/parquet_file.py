"""Parquet files as they declare themselves: columns, and which of them are the index of a data frame."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..failures import OUT_OF_MEMORY, JobFailure, unreadable
from ..timestamps import OUTSIDE_MILLISECONDS
from .file_kind import refuse_other_kinds

_MILLISECONDS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_INDEX_LEVEL = "__index_level_"


def is_empty(file: BinaryIO) -> bool:
    """Whether a file has no bytes, as some writers leave a part without rows."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size == 0


def open_parquet(file: BinaryIO, shown: str) -> pq.ParquetFile:
    """
    Raises:
        JobFailure: it is something else, or damaged.
    """
    refuse_other_kinds(file, shown, "parquet")
    try:
        # By its descriptor: reading through a Python file takes the interpreter's lock and copies every byte.
        source = f"/dev/fd/{file.fileno()}"
    except (AttributeError, io.UnsupportedOperation, OSError):
        source = file
    try:
        # INT96 counts nanoseconds of any day; in 64 bits of them the year 9999 would be 1816.
        return pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20, coerce_int96_timestamp_unit="us")
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise unreadable(f"{shown} is not a readable Parquet file.") from error


def least_bytes(schema: pa.Schema, names: Sequence[str], rows: int) -> int:
    """What rows take at the very least once they are decoded, which a file of few bytes may hide.

    Args:
        schema: of the file.
        names: the columns that are read.
        rows: how many.
    """
    widths = (_width(schema.field(name).type) for name in names)
    return math.ceil(rows * sum(widths))


def too_large(shown: str, rows: int, needed: int, allowed: int) -> JobFailure:
    """The rows of a file, or of several, do not fit the memory of a job."""
    return JobFailure(
        OUT_OF_MEMORY,
        f"{shown} holds {rows:,} rows, which take at least {needed / 2**20:,.0f} MiB of memory, more than "
        f"the {allowed / 2**20:,.0f} MiB that the job may still use; use fewer rows or columns, or ask for a "
        "higher limit.",
    )


def refuse_other_bytes(table: pa.Table | pa.RecordBatch, shown: str) -> None:
    """
    Raises:
        JobFailure: a column of text holds what is not UTF-8; Parquet's writers do not always look.
    """
    for name, column in zip(table.schema.names, table.columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not is_text(kind):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise unreadable(f"column '{name}' of {shown} holds texts that are not UTF-8.") from error


def index_columns(schema: pa.Schema) -> set[str]:
    """Columns that pandas wrote as the index of a data frame."""
    names = {name for name in schema.names if name.startswith(_INDEX_LEVEL)}
    declared = _of_pandas(schema, "index_columns")
    return names | {name for name in declared if isinstance(name, str) and name in schema.names}


def categorical_columns(schema: pa.Schema) -> set[str]:
    """Columns that pandas wrote as categories; those of numbers look like numbers otherwise."""
    return {
        str(each.get("field_name", each.get("name")))
        for each in _of_pandas(schema, "columns")
        if isinstance(each, dict) and each.get("pandas_type") == "categorical"
    }


def _of_pandas(schema: pa.Schema, key: str) -> list[Any]:
    """A list of what pandas notes about a data frame; an empty one where it notes nothing."""
    try:
        found = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get(key)
    except (ValueError, AttributeError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def plain(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Values of a type that files of several writers share.

    No dictionary, times in UTC as milliseconds, decimals as float64, which is what a model is given of them.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return plain(values.cast(kind.value_type))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        whole = [_whole_milliseconds(chunk) for chunk in chunks]
        return (
            pa.chunked_array(whole, pa.timestamp("ms")) if isinstance(values, pa.ChunkedArray) else whole[0]
        )
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.large_string())
    if pa.types.is_decimal(kind):
        return values.cast(pa.float64())
    return values


def _width(kind: pa.DataType) -> float:
    """Bytes of a value, of a text or of what is nested only of its place."""
    try:
        return kind.bit_width / 8
    except ValueError:
        return 4


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def milliseconds(values: pa.Array) -> np.ndarray:
    """float64 [rows] since 1970-01-01 UTC, NaN where missing, of dates or times; finer parts are cut off.

    Naive times count as UTC; a time zone only says how to write what is UTC already. What lies outside of the
    years 1 to 9999 stays outside, whatever the unit.
    """
    kind = values.type
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_date32(kind):
        count = values.cast(pa.int32()).cast(pa.int64())
        factor = 86_400_000.0
    else:
        count = values.cast(pa.int64())
        factor = 1.0 if pa.types.is_date64(kind) else _MILLISECONDS[kind.unit]
    whole = count.fill_null(0).to_numpy(zero_copy_only=False)
    # By whole numbers where the unit is finer: a float has too few digits for nanoseconds.
    numbers = (whole // round(1 / factor)).astype(np.float64) if factor < 1 else whole * factor
    numbers[missing] = np.nan
    return numbers


def _whole_milliseconds(values: pa.Array) -> pa.Array:
    numbers = milliseconds(values)
    missing = np.isnan(numbers)
    outside = np.abs(numbers) > 2.0**53
    whole = np.where(missing | outside, OUTSIDE_MILLISECONDS, numbers).astype(np.int64)
    return pa.array(whole, mask=missing).cast(pa.timestamp("ms"))
