"""Rows of files as columns of DuckDB's types, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ..failures import column_not_found, unreadable
from ..reading.csv_file import open_csv
from ..reading.json_lines import lines_of, open_json_lines
from ..reading.parquet_file import is_empty, open_parquet, refuse_other_bytes
from ..reading.partitions import partitions_of
from ..reading.tables import name_of, refuse_unfit_names
from ..storage import Store
from .values import Column, arrow_type

Warn = Callable[[str], None]
# Whether a row group may hold wanted rows, given the least and greatest time by column, where they are known.
Keep = Callable[[dict[str, tuple[datetime, datetime]]], bool]
_BLOCK_ROWS = 65_536
_CELLS = 2_000_000
_BLOCK_BYTES = 32 << 20


@dataclass
class Block:
    """Consecutive rows of a file: the wanted columns by their name in it.

    Attributes:
        columns: Arrow arrays, text of CSV, or lists of JSON values; a column that folders name is text.
        rows: how many.
        place: a row in words.
        read: how `Column` reads them, by column.
    """

    columns: dict[str, Any]
    rows: int
    place: Callable[[int], str]
    read: dict[str, Callable[[Column, Any, Callable[[int], str]], pa.Array]]


@dataclass
class Files:
    """Files of one format.

    Args:
        store: resolves the URIs.
        format: parquet, csv or json_lines.
        uris: in the order in which they are read.
        role: who asks for the columns, for messages.
        warn: told about what was odd but readable.
        may_lack: whether a column of JSON may be named by no row at all.
    """

    store: Store
    format: str
    uris: Sequence[str]
    role: str
    warn: Warn
    may_lack: bool = False
    _said: set[str] = field(default_factory=set)

    def blocks(self, names: Sequence[str], keep: Keep | None = None) -> Iterator[Block]:
        """
        Args:
            names: the columns that are wanted.
            keep: asked for each row group of Parquet.

        Raises:
            JobFailure: a file is absent, damaged or something else, or a column is absent.
        """
        read = {"parquet": self._parquet, "csv": self._csv, "json_lines": self._json}[self.format]
        yield from read(list(dict.fromkeys(names)), keep)

    def _warn_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.warn(message)

    def _refuse_absent(self, names: list[str], present: Sequence[str], shown: str) -> None:
        absent = [name for name in names if name not in present]
        if absent:
            raise column_not_found(f"{self.role} ({shown})", absent, present)

    def _parquet(self, names: list[str], keep: Keep | None) -> Iterator[Block]:
        for uri in self.uris:
            shown, folders = name_of(uri), partitions_of(uri)
            with self.store.open(uri) as file:
                if is_empty(file):
                    continue
                with open_parquet(file, shown) as parquet:
                    schema = parquet.schema_arrow
                    refuse_unfit_names(schema.names, shown)
                    self._refuse_absent(names, [*schema.names, *folders], shown)
                    own = [name for name in names if name in schema.names]
                    said = [name for name in names if name not in schema.names]
                    first = 0
                    for at in range(parquet.metadata.num_row_groups):
                        group = parquet.metadata.row_group(at)
                        if keep is not None and not keep(_bounds(group, names)):
                            first += group.num_rows
                            continue
                        try:
                            for batch in parquet.iter_batches(_rows_of(group, len(own)), [at], own, False):
                                # A name with a dot also selects what is nested below it.
                                chosen = batch.select(own)
                                refuse_other_bytes(chosen, shown)
                                yield _block(
                                    dict(zip(own, chosen.columns, strict=True)),
                                    Column.of_arrow,
                                    {name: folders[name] for name in said},
                                    batch.num_rows,
                                    _place(shown, range(first, first + batch.num_rows)),
                                )
                                first += batch.num_rows
                        except MemoryError:
                            raise
                        except (pa.ArrowException, OSError) as error:
                            raise unreadable(f"{shown} is not a readable Parquet file.") from error

    def _csv(self, names: list[str], _: Keep | None) -> Iterator[Block]:
        for uri in self.uris:
            shown, folders = name_of(uri), partitions_of(uri)
            with self.store.open(uri) as content, open_csv(content, shown, self._warn_once) as file:
                if not file.names:
                    continue
                refuse_unfit_names(file.names, shown)
                self._refuse_absent(names, [*file.names, *folders], shown)
                own = [name for name in names if name in file.names]
                short = 0
                for cells in file.blocks(own):
                    if cells.unreadable:
                        row, reason = next(iter(cells.unreadable.items()))
                        raise unreadable(
                            f"{shown} is not well-formed CSV: line {file.line_of(row)} has more fields than "
                            f"the {len(file.names)} of the header ({reason})."
                        )
                    short += cells.short
                    yield _block(
                        {name: cells.table.column(name) for name in own},
                        Column.of_cells,
                        {name: folders[name] for name in names if name not in own},
                        len(cells.table),
                        _place(shown, cells.numbers),
                    )
                if short:
                    self._warn_once(
                        f"{shown} has {short} rows with fewer fields than the {len(file.names)} of the "
                        "header; the absent ones count as empty."
                    )

    def _json(self, names: list[str], _: Keep | None) -> Iterator[Block]:
        found: set[str] = set()
        rows = 0
        for uri in self.uris:
            shown, folders = name_of(uri), partitions_of(uri)
            with self.store.open(uri) as content, open_json_lines(content, shown, self._warn_once) as file:
                for block in lines_of(file, shown, {}):
                    if block.unreadable:
                        row, reason = next(iter(block.unreadable.items()))
                        raise unreadable(f"{shown} cannot be read as JSON lines: in row {row} {reason}.")
                    objects = [each for _, each in block.objects]
                    keys = {key for each in objects for key in each}
                    found |= keys | folders.keys()
                    rows += len(objects)
                    said = {name: folders[name] for name in names if name in folders and name not in keys}
                    yield _block(
                        {name: [each.get(name) for each in objects] for name in names if name not in said},
                        Column.of_objects,
                        said,
                        len(objects),
                        _place(shown, range(block.first, block.first + len(objects))),
                    )
        if rows and not self.may_lack:
            self._refuse_absent(names, sorted(found), "no row names it")


def converted(block: Block, column: Column) -> pa.Array:
    """A column of a block in its type."""
    return block.read[column.name](column, block.columns[column.name], block.place)


def stream(
    columns: Sequence[tuple[str, Column]],
    blocks: Iterator[Block],
    more: Callable[[Block, int], dict[str, pa.Array]],
    extra: Sequence[tuple[str, pa.DataType]],
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Batches for DuckDB.

    Args:
        columns: name in DuckDB, and how it is read.
        blocks: of the files.
        more: further columns of a block, given the number of its first row over all blocks.
        extra: their names and types.
    """
    schema = pa.schema([*((name, arrow_type(column.kind)) for name, column in columns), *extra])

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        for block in blocks:
            arrays = {name: converted(block, column) for name, column in columns} | more(block, first)
            first += block.rows
            yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
        for _, column in columns:
            column.refuse()

    return schema, batches()


def numbered(first: int, rows: int) -> pa.Array:
    return pa.array(np.arange(first, first + rows, dtype=np.int64))


def _block(
    own: dict[str, Any],
    read: Callable[..., pa.Array],
    said: dict[str, str],
    rows: int,
    place: Callable[[int], str],
) -> Block:
    columns = own | {
        name: pa.repeat(pa.scalar(value, pa.large_string()), rows) for name, value in said.items()
    }
    return Block(columns, rows, place, dict.fromkeys(own, read) | dict.fromkeys(said, Column.of_cells))


def _place(shown: str, numbers: Sequence[int]) -> Callable[[int], str]:
    return lambda row: f"row {numbers[row] if row < len(numbers) else 0} of {shown}"


def _rows_of(group: Any, columns: int) -> int:
    """Few enough rows that a block of them is small whatever its cells hold."""
    bytes_a_row = max(1, group.total_byte_size // max(1, group.num_rows))
    return max(256, min(_BLOCK_ROWS, _CELLS // max(1, columns), _BLOCK_BYTES // bytes_a_row))


def _bounds(group: Any, names: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
    """Least and greatest time by column, where the writer noted them."""
    found = {}
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema not in names or not column.is_stats_set:
            continue
        try:
            least, most = column.statistics.min, column.statistics.max
        except (ValueError, OverflowError, pa.ArrowException):
            continue  # a time that Python has no date for
        if isinstance(least, datetime) and isinstance(most, datetime):
            found[column.path_in_schema] = (_in_utc(least), _in_utc(most))
    return found


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
