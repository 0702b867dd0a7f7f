"""The beginning of each file in a store's place, so that any reader reads no more than that."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .failures import JobFailure
from .reading.encoding import whole_lines
from .reading.file_kind import PARQUET
from .reading.parquet_file import open_parquet
from .storage import Store


class Sample:
    """A store that shows the first rows of each file alone.

    Args:
        store: holds the whole files.
        most_rows: rows of a Parquet file.
        most_bytes: bytes of a text file, up to the last whole line.

    Attributes:
        whole_store: the store itself.
        was_cut: whether a file had more.
        whole: of the Parquet files that had more, columns and number of rows.
    """

    def __init__(self, store: Store, most_rows: int, most_bytes: int) -> None:
        self.whole_store = store
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self.was_cut = False
        self.whole: list[tuple[pa.Schema, int]] = []

    def open(self, uri: str) -> BinaryIO:
        """The file of a URI, or of its first rows.

        Raises:
            JobFailure: the URI is not s3://, leads out of the store, or names nothing.
        """
        try:
            with self.open_in_place(uri) as whole:
                if whole.read(len(PARQUET)) == PARQUET:
                    return self._first_rows(whole) or self.whole_store.open(uri)
                whole.seek(0)
                return self._first_lines(whole.read(self._most_bytes + 1))
        except OSError:
            # A server that went away while it was read: the store can say so.
            return self.whole_store.open(uri)

    def open_in_place(self, uri: str) -> BinaryIO:
        """The whole file of a URI, where it lies."""
        return self.whole_store.open_in_place(uri)

    def write(self, folder_uri: str, name: str, content: bytes) -> dict[str, Any]:
        """Put an object whole, as the store does."""
        return self.whole_store.write(folder_uri, name, content)

    def _first_lines(self, content: bytes) -> BinaryIO:
        if len(content) <= self._most_bytes:
            return io.BytesIO(content)
        self.was_cut = True
        return io.BytesIO(whole_lines(content[: self._most_bytes]))

    def _first_rows(self, whole: BinaryIO) -> BinaryIO | None:
        """None where the file is short enough, or cannot be read: its reader says what is wrong with it."""
        try:
            with open_parquet(whole, "a sample") as file:
                if file.metadata.num_rows <= self._most_rows:
                    return None
                batch = next(file.iter_batches(self._most_rows, use_threads=False))
                content = io.BytesIO()
                pq.write_table(pa.Table.from_batches([batch], file.schema_arrow), content)
                self.whole.append((file.schema_arrow, file.metadata.num_rows))
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, JobFailure):
            return None
        self.was_cut = True
        content.seek(0)
        return content
