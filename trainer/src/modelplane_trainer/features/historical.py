"""One attempt to write a training set: rows of the caller with features as of the time of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..events import EventWriter
from ..storage import Store
from .database import Database
from .joining import Join, joined_for


def write_training_set(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Join and write one Parquet file.

    Args:
        spec: contracts/features-spec.v1.schema.json, kind historical.
        events, store: where to tell it, where files lie.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    with joined_for(spec, events, store) as joined:
        events.phase(f"write {spec['file_name']}")
        uri = f"{spec['output_uri']}{spec['file_name']}"
        file = _write(joined, store, uri, lambda done: events.step(done, joined.rows, "rows"))
    features = {each["name"]: each["type"] for each in joined.outputs}
    return {
        "file": file,
        "rows": joined.rows,
        "columns": [
            {"name": each.name, "type": features.get(each.name, str(each.type).removeprefix("large_"))}
            for each in joined.schema
        ],
        "data_sha256": file["sha256"],
        "views": joined.views,
    }


def write_joined(
    store: Store,
    join: dict[str, Any],
    uri: str,
    *,
    memory_bytes: int,
    threads: int,
    warn: Callable[[str], None],
) -> list[dict[str, Any]]:
    """The same at a place of the caller's.

    Args:
        store: resolves the URIs.
        join: `join` of contracts/features-spec.v1.schema.json.
        uri: of the Parquet file, which is there whole or not at all.
        memory_bytes, threads: what it may use.
        warn: told about what was odd but readable.

    Returns:
        `views` of the result of a historical join.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    with Database(memory_bytes, threads) as database:
        joined = Join(database, store, store, join, warn, lambda _: None)
        _write(joined, store, uri, lambda _: None)
    return joined.views


def _write(joined: Join, store: Store, uri: str, told: Callable[[int], None]) -> dict[str, Any]:
    """Writes all rows; tells how many are written."""
    written = store.create(uri)
    try:
        done = 0
        with pq.ParquetWriter(written, joined.schema, compression="zstd") as writer:
            for table in joined.tables():
                writer.write_table(table, row_group_size=len(table))
                done += len(table)
                told(done)
        return written.publish()
    finally:
        written.discard()


def join(
    store: Store,
    join: dict[str, Any],
    *,
    rows_from: Store | None = None,
    memory_bytes: int,
    threads: int,
    warn: Callable[[str], None],
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The same in memory. No thread of it is left afterwards.

    Args:
        store: resolves the URIs.
        join: `join` of contracts/features-spec.v1.schema.json.
        rows_from: resolves those of the entity rows; None: `store`.
        memory_bytes, threads: what it may use.
        warn: told about what was odd but readable.

    Returns:
        The columns of the entity rows, then the features in `output_order`; and `views` of the result of a
        historical join.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    with Database(memory_bytes, threads) as database:
        joined = Join(database, store, rows_from or store, join, warn, lambda _: None)
        return pa.concat_tables([joined.schema.empty_table(), *joined.tables()]), joined.views
