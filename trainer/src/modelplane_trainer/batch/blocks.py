"""Rows of an input file, block by block: the same blocks from the same place, whichever attempt reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from ..failures import column_not_found
from ..reading.tables import refuse_unfit_names

BLOCK_ROWS = 32_768
BLOCK_BYTES = 8 << 20
Warn = Callable[[str], None]


@dataclass
class Block:
    """Some consecutive rows of a file.

    Attributes:
        first: number of the first row in its file, from 0.
        count: rows that it covers, with those that cannot be read.
        table: the columns to be passed on, and of typed or text files those that the model needs.
        objects: of JSON lines, the rows as they are.
        folders: value by column of what the file's folders say, where the file itself has no such column.
        short: rows with fewer cells than the header has names.
        numbers: of the rows of `table`, the number in the file.
        unreadable: reasons by row number.
        next: where the next block begins; understood by the reader alone.
    """

    first: int
    count: int
    table: pa.RecordBatch
    numbers: list[int] | range
    next: dict[str, int]
    objects: list[dict[str, Any]] | None = None
    unreadable: dict[int, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    short: int = 0

    @property
    def rows(self) -> pa.RecordBatch | list[dict[str, Any]]:
        """What the model's values are read from."""
        return self.table if self.objects is None else self.objects


class Source(Protocol):
    """Files of one format.

    Attributes:
        schema: of the columns passed on, over the files that it was told of.
        is_text: whether every cell is text.
        has_columns: whether some file has named its columns.
    """

    schema: pa.Schema
    is_text: bool
    has_columns: bool

    def look(self, file: BinaryIO, shown: str, folders: dict[str, str]) -> bool:
        """Learn the columns from a file, before any block is asked for; whether that is enough."""

    def rows(self, file: BinaryIO) -> int | None:
        """Rows of a file where that is known without reading it."""

    def blocks(
        self, file: BinaryIO, shown: str, start: dict[str, int], folders: dict[str, str]
    ) -> Iterator[Block]:
        """The blocks from a place on; `start` is empty or the `next` of a block."""


@dataclass
class Wanted:
    """Which columns are needed.

    Attributes:
        features: for the model.
        passed: for the output; None: all.
        kinds: of the features, what each is to the model.
        role: where `passed` was given, for messages.
    """

    features: list[str]
    passed: list[str] | None
    kinds: dict[str, str] = field(default_factory=dict)
    role: str = "passthrough_columns"

    def chosen(self, names: list[str], shown: str) -> list[str]:
        """The columns passed on, after looking for faults.

        Raises:
            JobFailure: a column is absent or there twice, or there are too many.
        """
        refuse_unfit_names(names, shown)
        for role, needed in (
            ("the model's features", self.features),
            (self.role, self.passed or []),
        ):
            absent = [name for name in needed if name not in names]
            if absent:
                raise column_not_found(role, absent, names)
        return names if self.passed is None else list(dict.fromkeys(self.passed))
