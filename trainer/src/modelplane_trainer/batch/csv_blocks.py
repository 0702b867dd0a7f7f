"""Blocks of CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from ..reading.csv_file import open_csv
from . import blocks
from .blocks import Block, Wanted, Warn


class CsvSource:
    """Cells stay the text that they are."""

    is_text = True

    def __init__(self, wanted: Wanted, warn: Warn) -> None:
        self._wanted, self._warn = wanted, warn
        self.schema = pa.schema([])
        self.has_columns = False

    def look(self, file: BinaryIO, shown: str, folders: dict[str, str]) -> bool:
        with open_csv(file, shown, _say_nothing) as csv:
            if not csv.names:
                return False
            if not self.has_columns:
                passed = self._wanted.chosen(_all(csv.names, folders), shown)
                self.schema = pa.schema([pa.field(name, pa.string()) for name in passed])
                self.has_columns = True
        return True

    def rows(self, file: BinaryIO) -> int | None:
        return None

    def blocks(
        self, file: BinaryIO, shown: str, start: dict[str, int], folders: dict[str, str]
    ) -> Iterator[Block]:
        with open_csv(file, shown, self._warn) as csv:
            if not csv.names:
                return
            self._wanted.chosen(_all(csv.names, folders), shown)
            passed = self.schema.names
            needed = dict.fromkeys([*passed, *self._wanted.features])
            said = {name: value for name, value in folders.items() if name not in csv.names}
            columns = [name for name in needed if name in csv.names]
            for at, cells in enumerate(csv.blocks(columns, blocks.BLOCK_BYTES)):
                if at < start.get("block", 0):
                    continue
                table = cells.table
                for name in passed:
                    if name in said:
                        table = table.append_column(name, pa.repeat(said[name], len(table)))
                yield Block(
                    cells.first,
                    cells.count,
                    table,
                    cells.numbers,
                    {"block": at + 1},
                    unreadable=cells.unreadable,
                    folders=said,
                    short=cells.short,
                )


def _all(names: list[str], folders: dict[str, str]) -> list[str]:
    return [*names, *(name for name in folders if name not in names)]


def _say_nothing(_: str) -> None:
    """What is odd about a file is told when its rows are read."""
