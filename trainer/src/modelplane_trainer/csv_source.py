"""CSV as people write it, read as text; what a column holds is decided later, over all files."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Callable
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from .failures import JobFailure, unreadable

SEPARATORS = (",", ";", "\t")
_CELLS_PER_CHUNK = 2_000_000
_MEBIBYTE = 1 << 20


def encoding_of(file: BinaryIO) -> str:
    """`utf-8-sig` when the whole file is UTF-8 (with or without a mark), else `latin-1`."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while block := file.read(_MEBIBYTE):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def separator_of(header: str) -> str:
    """The separator that cuts the header line into the most names; a comma for a single column."""

    def names(separator: str) -> int:
        return len(next(csv.reader([header], delimiter=separator, skipinitialspace=True), []))

    return max(SEPARATORS, key=names)


def read_csv(
    content: BinaryIO, shown: str, choose: Callable[[list[str]], list[str]], warn: Callable[[str], None]
) -> pa.Table:
    """Read the chosen columns of a CSV file, every cell as trimmed-later text.

    Args:
        content: the file; it is closed.
        shown: its name in messages.
        choose: given the header's names, the ones to keep.
        warn: told about what was odd but readable.

    Raises:
        JobFailure: no header, repeated names, or a row with more fields than the header.
    """
    encoding = encoding_of(content)
    if encoding == "latin-1":
        warn(f"{shown} is not UTF-8 and was read as Latin-1.")
    content.seek(0)
    with io.TextIOWrapper(content, encoding=encoding, newline="") as file:
        first = file.readline()
        if not first.strip():
            raise unreadable(f"{shown} is empty: a CSV file starts with a line of column names.")
        separator = separator_of(first)
        spaced = bool(re.search(f"{separator} [^ {separator}\r\n]", first + file.readline()))
        file.seek(0)
        # Not csv.reader over the first line alone: a quoted name may hold a line break.
        records = csv.reader(iter(file.readline, ""), delimiter=separator, skipinitialspace=True)
        header = [name.strip() for name in next(records)]
        wanted = choose(header)
        places = [header.index(name) for name in wanted]
        try:
            chunks = pd.read_csv(
                file,
                sep=separator,
                header=None,
                # One more than the header names: it shows rows that are too long, and takes the
                # empty field after a separator at the end of the line.
                names=range(len(header) + 1),
                dtype=str,
                index_col=False,
                na_filter=False,
                # Only where the file is written so: it turns a blank cell into an empty one, unseen.
                skipinitialspace=spaced,
                chunksize=max(1_000, _CELLS_PER_CHUNK // len(header)),
            )
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                tables = [_chosen(chunk, places, len(header), shown) for chunk in chunks]
        except pd.errors.EmptyDataError:
            tables = []
        except pd.errors.ParserWarning:
            raise _too_long(shown, 2, len(header)) from None
        except (pd.errors.ParserError, csv.Error) as error:
            place = re.search(r"in line (\d+), saw", str(error))
            if place:
                raise _too_long(shown, int(place[1]) + 1, len(header)) from error
            raise unreadable(f"{shown} is not well-formed CSV: {_first_line(error)}.") from error
    if not sum(len(table) for table in tables):
        raise unreadable(f"{shown} holds a header but no rows.")
    return pa.concat_tables(tables).rename_columns(wanted)


def _chosen(chunk: pd.DataFrame, places: list[int], names: int, shown: str) -> pa.Table:
    surplus = chunk[names].fillna("").str.strip() != ""
    if surplus.any():
        raise _too_long(shown, int(surplus.idxmax()) + 2, names)
    return pa.Table.from_pandas(chunk[places], preserve_index=False)


def _too_long(shown: str, line: int, names: int) -> JobFailure:
    return unreadable(
        f"{shown} is not well-formed CSV: line {line} has more fields than the {names} of the header."
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0]
    return text.removeprefix("Error tokenizing data. C error: ").rstrip(". ")
