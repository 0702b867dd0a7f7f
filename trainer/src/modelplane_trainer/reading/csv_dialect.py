"""How a CSV file is written: its separator, where its rows begin, and how many cells they have."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..failures import unreadable
from .width import refuse_wide

SEPARATORS = (",", ";", "\t", "|")
LONGEST_ROW = 16 << 20
_HEAD_BYTES = 1 << 18
_ROWS_LOOKED_AT = 20
_BLOCK_BYTES = 4 << 20
# Excel names the separator in a line before the header.
_STATED = re.compile(r'"?sep=(?P<separator>[,;|\t])"?\s*')
csv.field_size_limit(LONGEST_ROW)


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        separator: one character.
        names: of the columns, trimmed; without those at the end that have no name.
        width: cells that the first row has, of which those beyond the names are empty.
        start: the byte at which the first row begins.
        has_spaced_quotes: whether spaces stand before the quotes of some cell.
        has_odd_quotes: whether the quotes do not come in pairs.
    """

    separator: str
    names: list[str]
    width: int
    start: int
    has_spaced_quotes: bool
    has_odd_quotes: bool


def dialect_of(file: BinaryIO, shown: str) -> Dialect | None:
    """Look at a file in UTF-8; None where it holds nothing but blank lines.

    Raises:
        JobFailure: its first line is no line of column names.
    """
    size = _HEAD_BYTES
    while True:
        file.seek(0)
        head = file.read(size)
        is_whole = len(head) < size
        found = _dialect_of_head(head, is_whole, shown)
        if found is not None or is_whole:
            break
        if size > 2 * LONGEST_ROW:
            raise unreadable(f"{shown} has a first line longer than {LONGEST_ROW >> 20} MiB.")
        size *= 4
    if found is None:
        return None
    spaced, odd = _quotes(file, found.separator)
    return Dialect(found.separator, found.names, found.width, found.start, spaced, odd)


def records(text: str, separator: str) -> Iterator[list[str]]:
    """Rows of a text that are not blank, each with its cells as they stand."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    return filter(None, reader)


def _dialect_of_head(head: bytes, is_whole: bool, shown: str) -> Dialect | None:
    """None where the head ends before its first row does."""
    text = head.decode("utf-8", "ignore")
    blank = len(text) - len(text.lstrip("\ufeff\r\n \t"))
    # Blank lines alone: a header may begin with a separator, which a tab is.
    offset = max(text.rfind("\n", 0, blank), text.rfind("\r", 0, blank)) + 1
    if offset == 0 and text.startswith("\ufeff"):
        offset = 1
    stated = None
    if found := _STATED.match(text, offset):
        stated, offset = found["separator"], found.end()
    text, skipped = text[offset:], len(text[:offset].encode())
    if not text.strip():
        return None
    separator = stated or max(SEPARATORS, key=lambda each: _fitness(text, each, is_whole))
    stream = io.StringIO(text, newline="")
    rows = csv.reader(stream, delimiter=separator, skipinitialspace=True)
    try:
        header = next(rows)
        end = stream.tell()
        first = next(filter(None, rows), [])
    except csv.Error as error:
        raise unreadable(f"{shown} has a first row longer than {LONGEST_ROW >> 20} MiB.") from error
    if not is_whole and end >= len(text):
        return None
    names = [name.strip().strip("\ufeff") for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise unreadable(f"{shown} has no column names: a CSV file starts with a line of them.")
    refuse_wide(len(names), shown)
    is_padded = len(first) > len(names) and not any(cell.strip() for cell in first[len(names) :])
    width = len(first) if is_padded else len(names)
    refuse_wide(width, shown)
    start = skipped + len(text[:end].encode())
    return Dialect(separator, names, width, start, False, False)


def _fitness(text: str, separator: str, is_whole: bool) -> tuple[bool, int, int]:
    """How well a separator fits: whether the first rows have the header's cells, and how many these are."""
    try:
        rows = list(itertools.islice(records(text, separator), _ROWS_LOOKED_AT + 1))
    except csv.Error:
        return False, 0, 0
    header, *others = rows
    if not is_whole and len(rows) <= _ROWS_LOOKED_AT:
        others = others[:-1]
    names = len(header)
    fitting = sum(
        len(row) == names or (len(row) > names and not any(map(str.strip, row[names:]))) for row in others
    )
    return names > 1 and fitting * 2 >= len(others), names, fitting


def _quotes(file: BinaryIO, separator: str) -> tuple[bool, bool]:
    """Whether spaces stand before the quotes of some cell, and whether the quotes are odd in number."""
    spaced = re.compile(rb'[\r\n%s] +"' % re.escape(separator.encode()))
    is_spaced, count, before = False, 0, b"\n"
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        quotes = block.count(b'"')
        count += quotes
        if quotes and not is_spaced:
            joined = before + block
            is_spaced = b' "' in joined and spaced.search(joined) is not None
        before = block[-64:]
    return is_spaced, bool(count % 2)
