"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import io
import re
import zipfile
from typing import BinaryIO

from ..failures import unreadable

_HEAD_BYTES = 4096
_MOST_BYTES_OF_ZIP = 1 << 20
PARQUET = b"PAR1"
_KINDS: tuple[tuple[bytes, str], ...] = (
    (PARQUET, "a Parquet file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"ORC", "an ORC file"),
    (b"FEA1", "a Feather file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x04\x22\x4d\x18", "an lz4 archive"),
    (b"\xff\x06\x00\x00sNaPpY", "a snappy archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"<stata_dta>", "a Stata file"),
    (b"$FL2", "an SPSS file"),
    (bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf", "a SAS file"),
    (b"MATLAB", "a MATLAB file"),
    (b"RDX", "an R file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
)
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*<\?xml\b")
# ir_version, then a producer's name or version, or the graph: how exporters begin an ONNX file.
_ONNX = re.compile(rb"\x08[\x01-\x20](\x12|\x1a|\x22|\x2a|\x32|\x3a|\x42)", re.DOTALL)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
# By where they begin: what stands further inside.
_INNER = ((8, b"DUCK", "a DuckDB database"), (257, b"ustar", "a tar archive"))
_ADVICE = {
    "archive": "; unpack it first",
    "workbook": "; save the sheet as CSV",
    "Arrow": "; write it as Parquet",
    "Feather": "; write it as Parquet",
    "ORC": "; write it as Parquet",
}
_NOUNS = {"csv": "CSV", "parquet": "a Parquet file", "json_lines": "JSON lines"}


def refuse_other_kinds(file: BinaryIO, shown: str, form: str) -> None:
    """
    Args:
        file: the file; left at its beginning.
        shown: its name in messages.
        form: what it is taken for: csv, parquet or json_lines.

    Raises:
        JobFailure: it is plainly something else, which is named.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    kind = _kind_of(file, head)
    file.seek(0)
    if kind is None and form == "json_lines":
        begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if begin.startswith(b"["):
            raise unreadable(
                f"{shown} holds a JSON array; write JSON lines: one object a line, no brackets or commas."
            )
    if kind is None and form == "csv":
        begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if re.match(rb'\{\s*"[^"]*"\s*:|\[\s*\{', begin):
            kind = "JSON"
    if kind is None and form != "parquet" and head.count(0) > len(head) // 8:
        if _looks_like_utf_16(head):
            raise unreadable(f"{shown} looks like UTF-16 without a byte order mark; write it as UTF-8.")
        kind = None if _has_mark(head) else "a binary file"
    if form == "parquet":
        if head.startswith(PARQUET):
            return
        kind = kind or ("text" if head and b"\0" not in head else None)
    if kind is not None:
        advice = next((advice for word, advice in _ADVICE.items() if word in kind), "")
        raise unreadable(f"{shown} is not {_NOUNS[form]} but {kind}{advice}.")


def _kind_of(file: BinaryIO, head: bytes) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(file)
    for magic, kind in _KINDS:
        # A column may be called PAR1 or ARROW1, but the file then holds no zero bytes.
        if head.startswith(magic) and (b"\0" in head or not magic.isalnum()):
            return kind
    for begin, magic, kind in _INNER:
        if head.startswith(magic, begin) and b"\0" in head:
            return kind
    if _ONNX.match(head):
        return "an ONNX model"
    if _PICKLE.match(head):
        return "a Python pickle"
    if _HTML.match(head):
        return "an HTML page"
    if _XML.match(head):
        return "an XML document"
    return None


def _kind_of_zip(file: BinaryIO) -> str:
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, io.UnsupportedOperation, ValueError):
        # The list of names stands at the end, which a sample does not have.
        file.seek(0)
        return "an Excel workbook" if b"xl/" in file.read(_MOST_BYTES_OF_ZIP) else "a zip archive"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook"
    if any(name.startswith("word/") for name in names):
        return "a Word document"
    if any(name == "content.xml" for name in names):
        return "an OpenDocument workbook"
    return "a zip archive"


def _looks_like_utf_16(head: bytes) -> bool:
    """Every second byte of Latin text in UTF-16 is zero, and hardly any other."""
    fewer, more = sorted((head[0::2].count(0), head[1::2].count(0)))
    return not _has_mark(head) and more > 16 * fewer


def _has_mark(head: bytes) -> bool:
    """A byte order mark of UTF-16 or UTF-32."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
