"""Blocks of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..failures import unreadable
from . import blocks
from .blocks import Block, Wanted

_FEWEST_ROWS = 256
_CELLS = 1_000_000


class ParquetSource:
    """A block never crosses a row group."""

    is_text = False

    def __init__(self, first: BinaryIO, shown: str, wanted: Wanted) -> None:
        self._wanted = wanted
        with _parquet(first, shown) as parquet:
            schema = parquet.schema_arrow
        passed = wanted.chosen(schema.names, shown)
        self.schema = pa.schema([_plain(schema.field(name)) for name in passed])
        features = [name for name in wanted.features if name not in passed]
        self._columns = pa.schema([*self.schema, *(_plain(schema.field(name)) for name in features)])

    def rows(self, file: BinaryIO) -> int | None:
        with _parquet(file, "a file") as parquet:
            return parquet.metadata.num_rows

    def blocks(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        names = self._columns.names
        first_group, skipped = start.get("group", 0), start.get("row_of_group", 0)
        with _parquet(file, shown) as parquet:
            self._wanted.chosen(parquet.schema_arrow.names, shown)
            self._check_types(parquet.schema_arrow, shown)
            groups = [parquet.metadata.row_group(at) for at in range(parquet.metadata.num_row_groups)]
            number = sum(group.num_rows for group in groups[:first_group])
            for at in range(first_group, len(groups)):
                done = 0
                size = _rows_of_block(groups[at], len(names))
                try:
                    for batch in parquet.iter_batches(size, [at], columns=names, use_threads=False):
                        done += batch.num_rows
                        if at == first_group and done <= skipped:
                            number += batch.num_rows
                            continue
                        is_last = done == groups[at].num_rows
                        place = {"group": at + 1} if is_last else {"group": at, "row_of_group": done}
                        # A name with a dot also selects what is nested below it; select again by exact name.
                        table = batch.select(names).cast(self._columns)
                        yield Block(number, len(table), table, range(number, number + len(table)), place)
                        number += len(table)
                except (pa.ArrowException, OSError) as error:
                    raise unreadable(f"{shown} is not a readable Parquet file.") from error

    def _check_types(self, schema: pa.Schema, shown: str) -> None:
        for each in self._columns:
            other = _plain(schema.field(each.name)).type
            # Only where nothing can be lost: what a value becomes must not depend on the value.
            if (
                other != each.type
                and pa.unify_schemas(
                    [pa.schema([each]), pa.schema([pa.field(each.name, other)])], promote_options="permissive"
                )
                .field(0)
                .type
                != each.type
            ):
                raise unreadable(
                    f"column '{each.name}' is {each.type} in the first file and {other} in {shown}: "
                    "a column must have one type in all files."
                )


def _parquet(file: BinaryIO, shown: str) -> pq.ParquetFile:
    try:
        # By its descriptor: reading through a Python file takes the interpreter's lock and copies every byte.
        return pq.ParquetFile(f"/dev/fd/{file.fileno()}", pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(f"{shown} is not a readable Parquet file.") from error


def _rows_of_block(group: Any, columns: int) -> int:
    """Few enough rows that a block of them fits the processor's caches, or memory where cells are large."""
    bytes_a_row = max(1, group.total_byte_size // max(1, group.num_rows))
    rows = min(blocks.BLOCK_ROWS, _CELLS // max(1, columns), (4 * blocks.BLOCK_BYTES) // bytes_a_row)
    return max(_FEWEST_ROWS, rows)


def _plain(each: pa.Field) -> pa.Field:
    kind = each.type
    return pa.field(each.name, kind.value_type if pa.types.is_dictionary(kind) else kind)
