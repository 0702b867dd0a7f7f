"""One attempt to erase one entity from files that hold features: each is written anew without its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..events import EventWriter
from ..failures import unreadable
from ..storage import Store, Written


def erase(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Write every file that holds rows of the entity anew, under `output_uri`. The files themselves stay.

    Args:
        spec: contracts/features-spec.v1.schema.json, kind erasure.
        events, store: where to tell it, where files lie.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: a file is gone, or cannot be read.
    """
    events.started(workers=1, gpus=0)
    pa.set_cpu_count(spec["threads"])
    keys = {key["name"]: key["value"] for key in spec["erasure"]["keys"]}
    files = []
    for number, file in enumerate(spec["erasure"]["files"]):
        written = store.create(f"{spec['output_uri']}{number:05}")
        rewrite = _rewrite_parquet if file["format"] == "parquet" else _rewrite_lines
        try:
            with store.open(file["uri"]) as source:
                rows, erased = rewrite(source, written, keys, file["uri"])
            anew = written.publish() if erased else None
        finally:
            written.discard()
        files.append({"uri": file["uri"], "rows_erased": erased, "rows_left": rows - erased, "file": anew})
    return {"files": files}


def _rewrite_parquet(source: BinaryIO, written: Written, keys: dict[str, str], uri: str) -> tuple[int, int]:
    """Row group by row group, schema and metadata as they are. Answers the rows read, and those left out."""
    try:
        file = pq.ParquetFile(source)
        erased = 0
        with pq.ParquetWriter(written, file.schema_arrow, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                kept = table.filter(pc.invert(_is_entity(table, keys)))
                erased += len(table) - len(kept)
                writer.write_table(kept, row_group_size=max(1, len(kept)))
        return file.metadata.num_rows, erased
    except (pa.ArrowException, OSError) as error:
        raise unreadable(f"{uri} cannot be read as Parquet: {error}") from error


def _is_entity(table: pa.Table, keys: dict[str, str]) -> pa.ChunkedArray:
    """Of each row, whether all its key columns have these values, as text. A column that lacks has none."""
    found = pa.chunked_array([pa.array([True] * len(table), pa.bool_())])
    for name, value in keys.items():
        if name not in table.column_names:
            return pa.chunked_array([pa.array([False] * len(table), pa.bool_())])
        text = table[name].cast(pa.string())
        found = pc.and_(found, pc.fill_null(pc.equal(text, value), False))
    return found


def _rewrite_lines(source: BinaryIO, written: Written, keys: dict[str, str], uri: str) -> tuple[int, int]:
    """Line by line, those that stay to the byte as they are."""
    rows = erased = 0
    for line in _lines(source):
        rows += 1
        try:
            row = json.loads(line)
        except ValueError as error:
            raise unreadable(f"{uri} holds a line that is no JSON: line {rows}.") from error
        if isinstance(row, dict) and all(_text(row.get(name)) == value for name, value in keys.items()):
            erased += 1
        else:
            written.write(line)
    return rows, erased


def _lines(source: BinaryIO) -> Iterator[bytes]:
    return (line for line in source if line.strip())


def _text(value: Any) -> str | None:
    """As the platform writes the part of a key: a whole number as decimal."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value)
