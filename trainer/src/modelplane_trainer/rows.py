"""The rows of a job's data, whether they are ready or have yet to be joined to features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from . import features
from .reading.parquet_file import is_text, plain
from .reading.tables import Choose, Table, name_of, read_files
from .storage import Store


class Rows:
    """Reads the data: files with every column, or rows of entities, with features as of the time of each.

    Args:
        spec: a specification that has `data`.
        store: resolves the URIs.
        warn: told about what was odd but readable.
        rows_from: resolves those of the rows themselves, such as a sample; None: `store`.

    Attributes:
        views: by part, how many of its rows each view had values for; empty for ready tables.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        store: Store,
        warn: Callable[[str], None],
        rows_from: Store | None = None,
    ) -> None:
        self._data, self._warn = spec["data"], warn
        self._store, self._rows_from = store, rows_from or store
        self._memory_bytes = spec["limits"]["memory_bytes"]
        self._threads = spec["training"]["num_workers"] or 1
        self.views: dict[str, list[dict[str, Any]]] = {}

    def read(self, part: str, choose: Choose) -> Table:
        """The chosen columns of `train` or `validation`.

        Raises:
            JobFailure: a file or a column is absent or unfit.
        """
        files, join = self._data[part], self._data.get("features")
        if join is None:
            return read_files(self._rows_from, files, choose, self._warn)
        joined, self.views[part] = features.join(
            self._store,
            join | {"entity_rows": files},
            rows_from=self._rows_from,
            memory_bytes=self._memory_bytes,
            threads=self._threads,
            warn=self._warn,
        )
        names = joined.column_names
        kept = joined.select(choose(names))
        shown = name_of(files["uris"][0]) if len(files["uris"]) == 1 else "the entity rows"
        return Table(
            pa.Table.from_arrays([plain(column) for column in kept.columns], names=kept.column_names),
            names,
            self._guessed(kept, join),
            parts=[(shown, len(kept))],
        )

    def _guessed(self, kept: pa.Table, join: dict[str, Any]) -> set[str]:
        """Columns of a CSV that are no plain numbers; the types of features are declared."""
        if self._data["train"]["format"] != "csv":
            return set()
        declared = set(join["output_order"])
        return {each.name for each in kept.schema if is_text(each.type) and each.name not in declared}
