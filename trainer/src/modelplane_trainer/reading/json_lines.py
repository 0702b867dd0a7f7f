"""Rows of a file of JSON lines: objects, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from ..failures import unreadable
from .encoding import as_utf8
from .file_kind import refuse_other_kinds

LONGEST_LINE = 16 << 20
BLOCK_ROWS = 32_768
BLOCK_BYTES = 8 << 20
# As many as a body of the API may have. What reads JSON or makes columns of it recurses once a level.
MOST_DEPTH = 32
_TOO_DEEP = f"objects and arrays nest more than {MOST_DEPTH} levels deep"
# One that is not closed goes on to the end.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


@dataclass
class Lines:
    """Some consecutive rows.

    Attributes:
        first: number of the first one in its file, from 0; blank lines do not count.
        count: rows, with those that cannot be read.
        objects: number and object of those that can.
        unreadable: reasons by row number.
        next: where the next block begins.
    """

    first: int
    count: int
    objects: list[tuple[int, dict[str, Any]]]
    unreadable: dict[int, str] = field(default_factory=dict)
    next: dict[str, int] = field(default_factory=dict)


@contextmanager
def open_json_lines(file: BinaryIO, shown: str, warn: Callable[[str], None]) -> Iterator[BinaryIO]:
    """The file as UTF-8.

    Raises:
        JobFailure: it is something else.
    """
    with as_utf8(file, shown, warn, takes_cp1252=False) as text:
        refuse_other_kinds(text, shown, "json_lines")
        yield text


def lines_of(
    file: BinaryIO, shown: str, start: dict[str, int], rows: int = BLOCK_ROWS, size: int = BLOCK_BYTES
) -> Iterator[Lines]:
    """Blocks from a place on.

    Args:
        file: the file, as `open_json_lines` gives it.
        shown: its name in messages.
        start: empty, or the `next` of a block.
        rows, size: of a block at most, in bytes.

    Raises:
        JobFailure: a line is too long.
    """
    file.seek(start.get("byte", 0))
    row = start.get("row", 0)
    is_first_line = not start
    while True:
        first, begin = row, file.tell()
        taken: list[bytes] = []
        line = b""
        while row - first < rows and file.tell() - begin < size:
            line = file.readline(LONGEST_LINE)
            if len(line) == LONGEST_LINE:
                raise unreadable(f"{shown} has a line longer than {LONGEST_LINE >> 20} MiB.")
            if not line:
                break
            if is_first_line:
                is_first_line, line = False, line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            taken.append(line)
            row += 1
        if taken:
            good, bad = _rows_of(taken, first)
            yield Lines(first, row - first, good, bad, {"byte": file.tell(), "row": row})
        if not line:
            return


def line_of(file: BinaryIO, row: int) -> int:
    """The line of the file, from 1, in which a row stands."""
    file.seek(0)
    found = -1
    for number, line in enumerate(file, 1):
        found += bool(line.strip())
        if found == row:
            return number
    return row + 1


def _rows_of(lines: list[bytes], first: int) -> tuple[list[tuple[int, dict[str, Any]]], dict[int, str]]:
    """Objects with their numbers, and reasons by number of the lines that hold none."""
    text = b",".join(lines)
    bad = {first + at: _TOO_DEEP for at in _too_deep(lines, text)}
    if not bad and b"\\u" not in text:
        try:
            # All at once takes half the time; where one line is at fault, each is asked.
            objects = json.loads(f"[{text.decode()}]")
            if len(objects) == len(lines) and all(isinstance(each, dict) for each in objects):
                return list(enumerate(objects, first)), {}
        except (ValueError, RecursionError):
            # Lines that do not end what they begin nest in each other here.
            pass
    good: list[tuple[int, dict[str, Any]]] = []
    for row, line in enumerate(lines, first):
        if row in bad:
            continue
        try:
            good.append((row, _parsed(line)))
        except UnicodeDecodeError as error:
            bad[row] = f"the line is not UTF-8: byte {error.start + 1} of it is 0x{line[error.start]:02X}"
        except json.JSONDecodeError as error:
            is_cut = error.pos >= len(error.doc.rstrip())
            fault = f"{error.msg}, at character {error.pos + 1}"
            why = "it ends within one; write each in one line" if is_cut else fault
            bad[row] = f"the line is not a JSON object: {why}"
        except ValueError as error:
            bad[row] = f"the line is not a JSON object: {error}"[:300]
    return good, bad


def _too_deep(lines: list[bytes], joined: bytes) -> list[int]:
    """Places of the lines that nest too deep, found before anything recurses into them.

    Args:
        lines: the lines.
        joined: the same, with a comma between each two.
    """
    opening = np.flatnonzero(_are(joined, b"[{"))
    ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)) + 1)
    brackets = np.diff(np.searchsorted(opening, ends), prepend=0)
    # Strings may hold brackets; few lines have so many that it matters.
    return [at for at in np.flatnonzero(brackets > MOST_DEPTH).tolist() if _depth(lines[at]) > MOST_DEPTH]


def _depth(line: bytes) -> int:
    bare = _STRING.sub(b"", line)
    steps = _are(bare, b"[{").astype(np.int64) - _are(bare, b"]}")
    return int(np.cumsum(steps).max(initial=0))


def _are(text: bytes, characters: bytes) -> np.ndarray:
    """bool [bytes]: which bytes are one of two characters."""
    found = np.frombuffer(text, np.uint8)
    return (found == characters[0]) | (found == characters[1])


def _parsed(line: bytes) -> dict[str, Any]:
    value = json.loads(line.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("it holds another value")
    if b"\\ud" in line.lower():
        # Halves of a pair have no UTF-8 form.
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value
