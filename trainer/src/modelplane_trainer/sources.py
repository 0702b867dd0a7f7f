"""Reads the files of a data set, Parquet, CSV or JSON lines, into one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from .csv_source import read_csv
from .failures import listed, unreadable
from .storage import Store

Choose = Callable[[list[str]], list[str]]
_LARGEST_BLOCK = (1 << 31) - 1


def read_files(
    store: Store, files: dict[str, Any], choose: Choose, warn: Callable[[str], None]
) -> tuple[pa.Table, list[str]]:
    """Read the chosen columns of all files, one below the other.

    Args:
        store: resolves the URIs.
        files: `format` and `uris` of the job's specification.
        choose: given a file's column names, the ones to keep, in order; may raise JobFailure.
        warn: told about what was odd but readable.

    Returns:
        The table, and the names of every column of the first file.

    Raises:
        JobFailure: a file is absent, empty or corrupt, or the files do not fit each other.
    """
    tables: list[pa.Table] = []
    first_names: list[str] = []
    kept: list[str] = []

    def choose_here(names: list[str]) -> list[str]:
        nonlocal first_names, kept
        shown = uri.rsplit("/", 1)[-1]
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise unreadable(f"{shown} has more than one column named {listed(repeated)}.")
        if not first_names:
            first_names, kept = names, choose(names)
            return kept
        absent = [name for name in kept if name not in names]
        surplus = [name for name in names if name not in first_names]
        if absent or surplus:
            fault = f"lacks {listed(absent)}" if absent else f"has the additional {listed(surplus)}"
            raise unreadable(f"{shown} does not have the columns of the first file: it {fault}.")
        return kept

    for uri in files["uris"]:
        shown = uri.rsplit("/", 1)[-1]
        with store.open(uri) as file:
            if _size(file) == 0:
                raise unreadable(f"{shown} is empty.")
            tables.append(_READERS[files["format"]](file, shown, choose_here, warn))
    return stack(tables, [uri.rsplit("/", 1)[-1] for uri in files["uris"]]), first_names


def stack(tables: list[pa.Table], shown: list[str]) -> pa.Table:
    """Put tables with the same columns below each other, widening types where nothing is lost.

    Raises:
        JobFailure: a column has types that do not fit, with its name and both types.
    """
    first = tables[0]
    tables = [_without_dictionaries(table.select(first.column_names)) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        for table, name in zip(tables[1:], shown[1:], strict=True):
            for column in first.column_names:
                try:
                    pa.unify_schemas(
                        [
                            pa.schema([tables[0].schema.field(column)]),
                            pa.schema([table.schema.field(column)]),
                        ],
                        promote_options="permissive",
                    )
                except pa.ArrowException:
                    one, other = tables[0].schema.field(column).type, table.schema.field(column).type
                    raise unreadable(
                        f"column '{column}' is {one} in {shown[0]} and {other} in {name}: "
                        "a column must have one type in all files."
                    ) from error
        raise unreadable("the files' columns have types that do not fit each other.") from error


def _without_dictionaries(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            values = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.name, values)
    return table


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _read_csv(file: BinaryIO, shown: str, choose: Choose, warn: Callable[[str], None]) -> pa.Table:
    return read_csv(file, shown, choose, warn)


def _read_parquet(file: BinaryIO, shown: str, choose: Choose, _warn: Callable[[str], None]) -> pa.Table:
    try:
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            wanted = choose(parquet.schema_arrow.names)
            # A name with a dot also selects what is nested below it; select again by exact name.
            return parquet.read(columns=wanted, use_threads=False).select(wanted)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(f"{shown} is not a readable Parquet file.") from error


def _read_json_lines(file: BinaryIO, shown: str, choose: Choose, _warn: Callable[[str], None]) -> pa.Table:
    # One block: types are inferred from the first block only, and a later surprise is an error.
    block = min(_size(file) + 1, _LARGEST_BLOCK)
    try:
        table = pa_json.read_json(file, pa_json.ReadOptions(use_threads=False, block_size=block))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).removeprefix("JSON parse error: ").strip().rstrip(".")
        raise unreadable(f"{shown} is not well-formed JSON lines: {reason}.") from error
    return table.select(choose(table.column_names))


_READERS = {"csv": _read_csv, "parquet": _read_parquet, "json_lines": _read_json_lines}
