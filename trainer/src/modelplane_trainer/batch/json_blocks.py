"""Blocks of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from ..failures import column_not_found, unreadable
from . import blocks
from .blocks import LONGEST_LINE, Block, Wanted


class JsonLinesSource:
    """An object a line. A column passed on has the type that its values in the first rows have."""

    is_text = False

    def __init__(self, first: BinaryIO, shown: str, wanted: Wanted) -> None:
        self._passed = wanted.passed
        found: dict[str, set[type]] = {}
        self.schema = pa.schema([])
        block = next(self._read(first, shown, {}), None)
        for row in block.objects if block else []:
            for name, value in row.items():
                found.setdefault(name, set()).add(type(value))
        passed = list(found) if self._passed is None else list(dict.fromkeys(self._passed))
        absent = [name for name in passed if name not in found]
        if absent and block:
            raise column_not_found("passthrough_columns", absent, list(found))
        self.schema = pa.schema([pa.field(name, _type_of(found.get(name, set()))) for name in passed])

    def rows(self, file: BinaryIO) -> int | None:
        return None

    def blocks(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        return self._read(file, shown, start)

    def _read(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        file.seek(start.get("byte", 0))
        row = start.get("row", 0)
        is_first_line = not start
        while True:
            first, begin = row, file.tell()
            good: list[tuple[int, dict[str, Any]]] = []
            bad: dict[int, str] = {}
            line = b""
            while row - first < blocks.BLOCK_ROWS and file.tell() - begin < blocks.BLOCK_BYTES:
                line = file.readline(LONGEST_LINE)
                if len(line) == LONGEST_LINE:
                    raise unreadable(f"{shown} has a line longer than {LONGEST_LINE >> 20} MiB.")
                if not line:
                    break
                if is_first_line:
                    is_first_line, line = False, line.removeprefix(b"\xef\xbb\xbf")
                if not line.strip():
                    continue
                try:
                    good.append((row, _parsed(line)))
                except (ValueError, RecursionError) as error:
                    bad[row] = f"the line is not a JSON object: {error}"[:300]
                row += 1
            if row > first:
                yield self._block(first, row, good, bad, {"byte": file.tell(), "row": row})
            if not line:
                return

    def _block(
        self,
        first: int,
        end: int,
        good: list[tuple[int, dict[str, Any]]],
        bad: dict[int, str],
        place: dict[str, int],
    ) -> Block:
        kept = []
        for number, row in good:
            reason = self._misfit(row)
            if reason:
                bad[number] = reason
            else:
                kept.append((number, row))
        objects = [row for _, row in kept]
        columns = [
            pa.array([_cell(row.get(each.name), each.type) for row in objects], each.type)
            for each in self.schema
        ]
        table = (
            pa.RecordBatch.from_arrays(columns, schema=self.schema)
            if columns
            # Without columns a batch would forget how many rows it has.
            else pa.RecordBatch.from_arrays([pa.nulls(len(objects))], ["no column"])
        )
        return Block(first, end - first, table, [number for number, _ in kept], place, objects, bad)

    def _misfit(self, row: dict[str, Any]) -> str | None:
        for each in self.schema:
            value = row.get(each.name)
            if value is None or pa.types.is_string(each.type):
                continue
            if pa.types.is_boolean(each.type):
                fits = isinstance(value, bool)
            elif pa.types.is_integer(each.type):
                fits = type(value) is int and abs(value) < 2**63
            else:
                fits = type(value) is float or (type(value) is int and abs(value) < 2**1023)
            if not fits:
                return (
                    f"'{each.name}' is {type(value).__name__} here and {each.type} in the first rows; "
                    "leave it out of passthrough_columns, or write it alike in all rows"
                )
        return None


def _parsed(line: bytes) -> dict[str, Any]:
    value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("it holds another value")
    if b"\\ud" in line.lower():
        # Halves of a pair have no UTF-8 form.
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _type_of(types: set[type]) -> pa.DataType:
    known = types - {type(None)}
    if known == {bool}:
        return pa.bool_()
    if known == {int}:
        return pa.int64()
    if known and known <= {int, float}:
        return pa.float64()
    return pa.string()


def _cell(value: Any, kind: pa.DataType) -> Any:
    """Objects, arrays and values of several types are kept as JSON text."""
    if value is None or not pa.types.is_string(kind) or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
