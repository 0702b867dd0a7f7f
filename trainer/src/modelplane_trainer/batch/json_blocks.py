"""Blocks of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from ..failures import column_not_found
from ..reading.json_lines import Lines, lines_of, open_json_lines
from ..reading.width import refuse_wide
from . import blocks
from .blocks import Block, Wanted, Warn


class JsonLinesSource:
    """An object a line. A column passed on has the type that its values in the first rows have.

    Where these are whole numbers and the model knows better, it is one of floats or booleans.
    """

    is_text = False
    # A file without rows names no keys, and none are missing.
    has_columns = True

    def __init__(self, wanted: Wanted, warn: Warn) -> None:
        self._passed, self._kinds, self._role, self._warn = wanted.passed, wanted.kinds, wanted.role, warn
        self.schema = pa.schema([])
        self._is_known = False

    def look(self, file: BinaryIO, shown: str, folders: dict[str, str]) -> bool:
        with open_json_lines(file, shown, self._warn) as lines:
            block = next(self._lines(lines, shown, {}), None)
        if block is None or self._is_known:
            return block is not None
        self._is_known = True
        found: dict[str, set[type]] = {}
        for _, row in block.objects:
            for name, value in row.items():
                found.setdefault(name, set()).add(type(value))
        for name in folders:
            found.setdefault(name, {str})
        refuse_wide(len(found), shown)
        passed = list(found) if self._passed is None else list(dict.fromkeys(self._passed))
        absent = [name for name in passed if name not in found]
        if absent:
            raise column_not_found(self._role, absent, list(found))
        self.schema = pa.schema(
            [pa.field(name, _type_of(found[name], self._kinds.get(name))) for name in passed]
        )
        return True

    def rows(self, file: BinaryIO) -> int | None:
        return None

    def blocks(
        self, file: BinaryIO, shown: str, start: dict[str, int], folders: dict[str, str]
    ) -> Iterator[Block]:
        with open_json_lines(file, shown, self._warn) as lines:
            for block in self._lines(lines, shown, start):
                yield self._block(block, folders)

    def _lines(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Lines]:
        return lines_of(file, shown, start, blocks.BLOCK_ROWS, blocks.BLOCK_BYTES)

    def _block(self, lines: Lines, folders: dict[str, str]) -> Block:
        bad, kept = dict(lines.unreadable), []
        for number, row in lines.objects:
            reason = self._misfit(row)
            if reason:
                bad[number] = reason
            else:
                kept.append((number, row))
        objects = [row for _, row in kept]
        said = {name: value for name, value in folders.items() if not any(name in row for row in objects)}
        columns = [
            pa.array(
                [_cell(row.get(each.name, said.get(each.name)), each.type) for row in objects], each.type
            )
            for each in self.schema
        ]
        table = (
            pa.RecordBatch.from_arrays(columns, schema=self.schema)
            if columns
            # Without columns a batch would forget how many rows it has.
            else pa.RecordBatch.from_arrays([pa.nulls(len(objects))], ["no column"])
        )
        numbers = [number for number, _ in kept]
        return Block(lines.first, lines.count, table, numbers, lines.next, objects, bad, said)

    def _misfit(self, row: dict[str, Any]) -> str | None:
        for each in self.schema:
            value = row.get(each.name)
            if value is None or pa.types.is_string(each.type):
                continue
            if pa.types.is_boolean(each.type):
                fits = isinstance(value, int | float) and value in (0, 1)
            elif pa.types.is_integer(each.type):
                fits = type(value) is int and abs(value) < 2**63
            else:
                fits = type(value) is float or (type(value) is int and abs(value) < 2**1023)
            if not fits:
                return (
                    f"'{each.name}' is {type(value).__name__} here and {each.type} in the first rows; "
                    "write it alike in all rows, or pass it on in none"
                )
        return None


def _type_of(types: set[type], kind: str | None) -> pa.DataType:
    """
    Args:
        types: of the values in the first rows.
        kind: what the column is to the model, if anything.
    """
    known = types - {type(None)}
    if known == {bool} or (kind == "boolean" and known and known <= {bool, int}):
        return pa.bool_()
    if known == {int} and kind != "number":
        return pa.int64()
    if known and known <= {int, float}:
        return pa.float64()
    return pa.string()


def _cell(value: Any, kind: pa.DataType) -> Any:
    """Objects, arrays and values of several types are kept as JSON text."""
    if value is not None and pa.types.is_floating(kind):
        # Arrow refuses whole numbers that a float rounds.
        return float(value)
    if value is not None and pa.types.is_boolean(kind):
        return bool(value)
    if value is None or not pa.types.is_string(kind) or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
