"""Text files as UTF-8, whatever they were written in."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ..failures import unreadable

_MEBIBYTE = 1 << 20
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Five bytes have no meaning in cp1252: they become the control characters of Latin-1, as browsers do it.
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
_CP1252 = "".join(bytes([byte]).decode("latin-1" if byte in _UNDEFINED else "cp1252") for byte in range(256))
# Without what UTF-8 does not take: longer forms than needed, and halves of pairs.
_BEYOND_ASCII = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|"
    rb"[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|"
    rb"\xf4[\x80-\x8f][\x80-\xbf]{2}"
)


@contextmanager
def as_utf8(
    file: BinaryIO, shown: str, warn: Callable[[str], None], takes_cp1252: bool
) -> Iterator[BinaryIO]:
    """The file itself where it is UTF-8, with or without a mark, else a copy in UTF-8.

    Args:
        file: the file.
        shown: its name in messages.
        warn: told when it was read as cp1252.
        takes_cp1252: whether bytes that are not UTF-8 may be that: in CSV. JSON is Unicode by its standard.

    Raises:
        JobFailure: bytes that its encoding does not have.
    """
    file.seek(0)
    mark = file.read(4)
    file.seek(0)
    encoding = next((name for begin, name in _MARKS if mark.startswith(begin)), None)
    if encoding is not None:
        with tempfile.TemporaryFile() as copy:
            try:
                for text in codecs.iterdecode(_blocks(file), encoding):
                    copy.write(text.encode("utf-8", "replace"))
            except UnicodeDecodeError as error:
                raise unreadable(f"{shown} begins as {encoding.upper()} but is not well-formed.") from error
            copy.seek(0)
            yield copy
        return
    if not takes_cp1252 or _is_utf8(file):
        file.seek(0)
        yield file
        return
    _refuse_damaged_utf8(file, shown)
    undefined = 0
    with tempfile.TemporaryFile() as copy:
        for block in _blocks(file):
            undefined += sum(block.count(byte) for byte in _UNDEFINED)
            copy.write(codecs.charmap_decode(block, "strict", _CP1252)[0].encode("utf-8"))
        what = (
            f" ({undefined} bytes have no meaning in it and became control characters)" if undefined else ""
        )
        warn(f"{shown} is not UTF-8 and was read as cp1252 (Windows Latin-1){what}.")
        copy.seek(0)
        yield copy


def whole_lines(block: bytes) -> bytes:
    """The beginning of a text file without the row that is cut at its end."""
    for mark, width, ends in (
        (codecs.BOM_UTF16_LE, 2, (b"\n\0", b"\r\0")),
        (codecs.BOM_UTF16_BE, 2, (b"\0\n", b"\0\r")),
    ):
        if block.startswith(mark):
            cut = max(block.rfind(end) for end in ends)
            return block[: cut + width] if cut > 0 else block[: len(block) // 2 * 2]
    end = b"\n" if b"\n" in block else b"\r"
    cut = len(block)
    # A line end inside of quotes ends no row.
    while (cut := block.rfind(end, 0, cut)) >= 0:
        if block.count(b'"', 0, cut) % 2 == 0:
            return block[: cut + 1]
    return block


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_MEBIBYTE):
        yield block


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_damaged_utf8(file: BinaryIO, shown: str) -> None:
    """With a mark, or more characters of UTF-8 than other bytes, it is no cp1252, which would spoil them."""
    characters = others = lines = first = 0
    file.seek(0)
    has_mark = file.read(3) == codecs.BOM_UTF8
    for line in file if file.seek(0) == 0 else ():
        lines += 1
        if line.isascii():
            continue
        rest, found = _BEYOND_ASCII.subn(b"", line)
        bad = sum(byte > 127 for byte in rest)
        characters, others = characters + found, others + bad
        if bad and not first:
            first = lines
    if has_mark or characters > others:
        raise unreadable(
            f"{shown} is UTF-8 but for {others} bytes, the first in line {first}; write it anew."
        )
