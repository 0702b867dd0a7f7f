"""Feature types as columns of Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .values import element_of

_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.large_string(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def type_in_file(kind: str) -> pa.DataType:
    element = element_of(kind)
    return _TYPES[kind] if element is None else pa.list_(_TYPES[element])


def feature_fields(features: Sequence[dict[str, Any]]) -> list[pa.Field]:
    """Of name and type of each."""
    return [pa.field(each["name"], type_in_file(each["type"])) for each in features]


def in_file(column: pa.Array | pa.ChunkedArray, wanted: pa.Field) -> pa.Array | pa.ChunkedArray:
    """A column of DuckDB as the file has it. What is infinite or NaN is null, as it is online."""
    if pa.types.is_float64(wanted.type):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
    if pa.types.is_list(wanted.type):
        if isinstance(column, pa.ChunkedArray):
            return pa.chunked_array([in_file(chunk, wanted) for chunk in column.chunks], wanted.type)
        lists = column.cast(pa.list_(column.type.value_type))
        values = in_file(lists.flatten(), wanted.type.value_field)
        offsets = pc.list_value_length(lists).fill_null(0)
        starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(offsets.cast(pa.int32()))])
        return pa.ListArray.from_arrays(starts, values, mask=lists.is_null())
    return column.cast(wanted.type)
