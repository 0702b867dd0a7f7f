"""Blocks of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from ..failures import unfit, unreadable
from ..reading.parquet_file import is_empty, open_parquet, plain, refuse_other_bytes
from ..reading.values import short
from . import blocks
from .blocks import Block, Wanted, Warn

_FEWEST_ROWS = 256
_CELLS = 1_000_000


class ParquetSource:
    """A block never crosses a row group. Only columns that are passed on must have one type in all files."""

    is_text = False

    def __init__(self, wanted: Wanted, warn: Warn) -> None:
        self._wanted = wanted
        self.schema = pa.schema([])
        self._first = ""
        self._has_rows = False

    @property
    def has_columns(self) -> bool:
        return bool(self._first)

    def look(self, file: BinaryIO, shown: str, folders: dict[str, str]) -> bool:
        if is_empty(file):
            return False
        with open_parquet(file, shown) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        passed = self._passed(schema, shown, folders)
        if rows and self._has_rows:
            self.schema = pa.schema(
                [self._widened(each, passed.field(each.name), shown) for each in self.schema]
            )
        elif rows or not self._first:
            # The types of a file without rows mean nothing beside others.
            self._first, self.schema = shown, passed
        self._has_rows = self._has_rows or rows > 0
        # A column of nulls has the type that a later file says.
        return self._has_rows and not any(pa.types.is_null(each.type) for each in self.schema)

    def rows(self, file: BinaryIO) -> int | None:
        if is_empty(file):
            return 0
        with open_parquet(file, "a file") as parquet:
            return parquet.metadata.num_rows

    def blocks(
        self, file: BinaryIO, shown: str, start: dict[str, int], folders: dict[str, str]
    ) -> Iterator[Block]:
        if is_empty(file):
            return
        first_group, skipped = start.get("group", 0), start.get("row_of_group", 0)
        with open_parquet(file, shown) as parquet:
            own = parquet.schema_arrow
            passed = self._passed(own, shown, folders)
            said = {name: value for name, value in folders.items() if name not in own.names}
            groups = [parquet.metadata.row_group(at) for at in range(parquet.metadata.num_row_groups)]
            if any(group.num_rows for group in groups):
                for each in self.schema:
                    self._refuse_wider(each, passed.field(each.name), shown)
            needed = dict.fromkeys([*self.schema.names, *self._wanted.features])
            names = [name for name in needed if name in own.names]
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
                        chosen = batch.select(names)
                        refuse_other_bytes(chosen, shown)
                        table = self._as_passed(chosen, said, shown)
                        rows = range(number, number + len(table))
                        yield Block(number, len(table), table, rows, place, folders=said)
                        number += len(table)
                except MemoryError:
                    raise
                except (pa.ArrowException, OSError) as error:
                    raise unreadable(f"{shown} is not a readable Parquet file.") from error

    def _passed(self, own: pa.Schema, shown: str, folders: dict[str, str]) -> pa.Schema:
        said = [name for name in folders if name not in own.names]
        passed = self._wanted.chosen([*own.names, *said], shown)
        self._refuse_nested_features(own, shown)
        return pa.schema(
            [pa.field(name, pa.string()) if name in said else _plain(own.field(name)) for name in passed]
        )

    def _refuse_nested_features(self, own: pa.Schema, shown: str) -> None:
        for name in self._wanted.features:
            kind = own.field(name).type if name in own.names else pa.null()
            if pa.types.is_nested(kind):
                raise unfit(
                    f"column '{name}' of {shown} is {short(str(kind))}, and to the model it is a feature of "
                    f"type {self._wanted.kinds[name]}: no value of a nested column is one."
                )

    def _widen(self, values: pa.Array, wanted: pa.Field, shown: str) -> pa.Array:
        try:
            return plain(values).cast(wanted.type)
        except pa.ArrowInvalid:
            # Whole numbers that a float cannot hold.
            raise self._misfit(wanted, pa.field(wanted.name, values.type), shown) from None

    def _as_passed(self, batch: pa.RecordBatch, said: dict[str, str], shown: str) -> pa.RecordBatch:
        """Columns that are passed on in the type of the output; the others stay as the file has them."""
        names, arrays = list(batch.schema.names), list(batch.columns)
        for each in self.schema:
            if each.name in said:
                names.append(each.name)
                arrays.append(pa.repeat(said[each.name], len(batch)))
                continue
            at = names.index(each.name)
            if arrays[at].type != each.type:
                arrays[at] = self._widen(arrays[at], each, shown)
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def _widened(self, known: pa.Field, other: pa.Field, shown: str) -> pa.Field:
        try:
            if known.type != other.type:
                known, other = _shared(known), _shared(other)
            schemas = [pa.schema([known]), pa.schema([other])]
            return pa.unify_schemas(schemas, promote_options="permissive").field(0)
        except pa.ArrowException:
            raise self._misfit(known, other, shown) from None

    def _refuse_wider(self, known: pa.Field, other: pa.Field, shown: str) -> None:
        """What a value becomes must not depend on the value: only where nothing can be lost."""
        if self._widened(known, other, shown).type != known.type:
            raise self._misfit(known, other, shown)

    def _misfit(self, known: pa.Field, other: pa.Field, shown: str) -> Exception:
        return unreadable(
            f"column '{known.name}' is {known.type} in {self._first} and {other.type} in {shown}: "
            "a column that is passed on must have one type in all files; leave it out of passthrough_columns."
        )


def _rows_of_block(group: Any, columns: int) -> int:
    """Few enough rows that a block of them fits the processor's caches, or memory where cells are large."""
    bytes_a_row = max(1, group.total_byte_size // max(1, group.num_rows))
    rows = min(blocks.BLOCK_ROWS, _CELLS // max(1, columns), (4 * blocks.BLOCK_BYTES) // bytes_a_row)
    return max(_FEWEST_ROWS, rows)


def _plain(each: pa.Field) -> pa.Field:
    kind = each.type
    if pa.types.is_string_view(kind):
        # No CSV is written of it.
        kind = pa.large_string()
    return pa.field(each.name, kind.value_type if pa.types.is_dictionary(kind) else kind)


def _shared(each: pa.Field) -> pa.Field:
    """Decimals and times have as many types as writers; these are what `plain` makes of all of them."""
    if pa.types.is_decimal(each.type):
        return pa.field(each.name, pa.float64())
    if pa.types.is_date(each.type) or pa.types.is_timestamp(each.type):
        return pa.field(each.name, pa.timestamp("ms"))
    return each
