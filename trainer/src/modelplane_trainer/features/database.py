"""A DuckDB of one job: in memory up to a limit, beyond it in a folder that goes with the job."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import duckdb
import pyarrow as pa

from ..failures import OUT_OF_MEMORY, STORAGE_FULL, JobFailure

# Of what the job may use; the rest is for what is read, and for what goes to Redis or a file.
_SHARE_OF_MEMORY = 0.5
_PREFIX = "modelplane-features-"


class Database:
    """
    Args:
        memory_bytes: what the job may use.
        threads: for a query.
    """

    def __init__(self, memory_bytes: int, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self._connection = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": f"{int(memory_bytes * _SHARE_OF_MEMORY)}B",
                "temp_directory": self._folder.name,
                # Places are columns here; to keep an order costs memory.
                "preserve_insertion_order": False,
                "arrow_large_buffer_size": True,
                # A stream does not say how many rows it has. So joins are made as they are written: what
                # stands on the right is what is held in memory.
                "disabled_optimizers": "join_order,build_side_probe_side",
            }
        )
        # A statement is made of names and values that tenants choose: it reaches no file and no network.
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def run(self, statement: str) -> None:
        """A statement whose answer does not matter."""
        with _explained():
            self._connection.execute(statement).fetchall()

    def row(self, query: str) -> dict[str, Any]:
        """The one row of a query, by column."""
        with _explained():
            found = self._connection.execute(query)
            names = [each[0] for each in found.description]
            (values,) = found.fetchall()
        return dict(zip(names, values, strict=True))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query, which are few."""
        with _explained():
            return self._connection.execute(query).fetchall()

    def table(self, query: str) -> pa.Table:
        """All rows of a query."""
        with _explained():
            return self._connection.sql(query).to_arrow_table()

    @contextmanager
    def reader(self, query: str, rows: int) -> Iterator[pa.RecordBatchReader]:
        """The rows of a query in batches, as they are read; no other statement runs meanwhile."""
        with _explained(), self._connection.sql(query).to_arrow_reader(rows) as reader:
            yield reader

    @contextmanager
    def stream(self, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[None]:
        """Batches as a view, which one statement can read once.

        Raises:
            JobFailure: what making the batches raised.
        """
        failures: list[BaseException] = []

        def watched() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except BaseException as error:
                failures.append(error)
                raise

        self._connection.register(name, pa.RecordBatchReader.from_batches(schema, watched()))
        try:
            yield
        except Exception:
            if failures:
                # DuckDB has made a text of it.
                raise failures[0] from None
            raise
        finally:
            self._connection.unregister(name)
            # What was read lies in DuckDB now.
            pa.default_memory_pool().release_unused()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        if "max_temp_directory_size" in str(error):
            raise JobFailure(
                STORAGE_FULL, "The disk has no room for what the job puts aside; run it again once it has."
            ) from error
        raise JobFailure(
            OUT_OF_MEMORY,
            "The job needed more memory than it may use, also with what it puts on the disk; ask for a "
            "higher limit or use fewer rows.",
        ) from error


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
