"""The rows that features are joined to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..failures import unreadable
from ..reading.number_forms import PLAIN, cast_or_none
from ..reading.parquet_file import is_empty, open_parquet, refuse_other_bytes
from ..reading.tables import name_of, read_files, refuse_unfit_names
from ..reading.values import without_markers
from ..storage import Store
from .sources import Block, Files

_ROWS_AT_ONCE = 65_536
# A cell such as 01067 is a name, not a number.
_PADDED = r"^[+-]?0\d"


class EntityRows:
    """Rows of files, which are gone over twice: for keys and times, and to be repeated beside the features.

    Columns keep the type that their file declares. Of CSV, a column of plain numbers is one of numbers, and
    any other is text.

    Args:
        store: resolves the URIs.
        files: `format` and `uris`.
        warn: told about what was odd but readable.

    Attributes:
        schema: of all columns.

    Raises:
        JobFailure: a file is absent or damaged, or files do not fit each other.
    """

    def __init__(self, store: Store, files: dict[str, Any], warn: Callable[[str], None]) -> None:
        self._store, self._uris = store, files["uris"]
        # What is odd about a file is told when it is read for the first time, which is here.
        self._files = Files(store, files["format"], files["uris"], "entity_rows", lambda _: None)
        self._table = None if files["format"] == "parquet" else _read_text(store, files, warn)
        self.schema = self._schema_of_parquet() if self._table is None else self._table.schema

    def blocks(self, names: list[str]) -> Iterator[Block]:
        """These columns, to be read as a declared type."""
        return self._files.blocks(names)

    def tables(self, rows: int) -> Iterator[pa.Table]:
        """All columns, in tables of so many rows but for the last one."""
        held: list[pa.RecordBatch] = []
        count = 0
        for batch in self._batches(rows):
            while count + len(batch) >= rows:
                missing = rows - count
                yield pa.Table.from_batches([*held, batch.slice(0, missing)], self.schema)
                batch, held, count = batch.slice(missing), [], 0
            if len(batch):
                held.append(batch)
                count += len(batch)
        if held:
            yield pa.Table.from_batches(held, self.schema)

    def _batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        if self._table is not None:
            yield from self._table.to_batches(rows)
            return
        for shown, parquet in self._parquet_files():
            try:
                for batch in parquet.iter_batches(min(rows, _ROWS_AT_ONCE), use_threads=False):
                    refuse_other_bytes(batch, shown)
                    yield batch.select(self.schema.names).cast(self.schema)
            except MemoryError:
                raise
            except (pa.ArrowException, OSError) as error:
                raise unreadable(f"{shown} is not a readable Parquet file.") from error

    def _parquet_files(self) -> Iterator[tuple[str, pq.ParquetFile]]:
        """Those that are not empty, each with its name."""
        for uri in self._uris:
            shown = name_of(uri)
            with self._store.open(uri) as file:
                if not is_empty(file):
                    with open_parquet(file, shown) as parquet:
                        yield shown, parquet

    def _schema_of_parquet(self) -> pa.Schema:
        found: pa.Schema | None = None
        first = ""
        for shown, parquet in self._parquet_files():
            schema = parquet.schema_arrow.remove_metadata()
            refuse_unfit_names(schema.names, shown)
            if found is None:
                found, first = schema, shown
                continue
            for field in found:
                at = schema.get_field_index(field.name)
                if at < 0 or schema.field(at).type != field.type or len(schema) != len(found):
                    other = "absent" if at < 0 else str(schema.field(at).type)
                    raise unreadable(
                        f"entity_rows: column '{field.name}' is {field.type} in {first} and {other} in "
                        f"{shown}, which have {len(found)} and {len(schema)} columns: all files must have "
                        "the same ones."
                    )
        if found is None:
            raise unreadable("entity_rows: every file is empty.")
        return found


def _read_text(store: Store, files: dict[str, Any], warn: Callable[[str], None]) -> pa.Table:
    table = read_files(store, files, lambda names: names, warn)
    for name, odd in table.odd.items():
        warn(
            f"entity_rows: {odd.count:,} of {odd.of:,} values of column '{name}' are of another type than "
            f"the others, such as {odd.shown} in {odd.place}, and missing."
        )
    columns = {}
    for name, column in zip(table.columns.column_names, table.columns.columns, strict=True):
        if pa.types.is_nested(column.type):
            warn(f"entity_rows: column '{name}' holds objects or arrays, which are not repeated.")
        else:
            columns[name] = _numbers_or_text(column) if name in table.guessed else column
    return pa.table(columns)


def _numbers_or_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(cells.combine_chunks())
    present = without_markers(trimmed)
    is_number = pc.and_not(
        pc.match_substring_regex(present, PLAIN), pc.match_substring_regex(present, _PADDED)
    )
    if pc.all(is_number, min_count=1).as_py():
        whole = cast_or_none(present, pa.int64())
        return pa.chunked_array([present.cast(pa.float64()) if whole is None else whole])
    return pa.chunked_array([pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, trimmed.type), trimmed)])
