"""Blocks of CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from ..csv_source import encoding_of, separator_of
from ..failures import unreadable
from . import blocks
from .blocks import LONGEST_LINE, Block, Wanted


class CsvSource:
    """Cells stay the text that they are."""

    is_text = True

    def __init__(self, first: BinaryIO, shown: str, wanted: Wanted) -> None:
        self._wanted = wanted
        names = [name for batch in [self._open(first, shown, {}).schema] for name in batch.names]
        names = [name.strip() for name in names]
        self._passed = wanted.chosen(names, shown)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in self._passed])
        self._columns = [*self._passed, *(name for name in wanted.features if name not in self._passed)]

    def rows(self, file: BinaryIO) -> int | None:
        return None

    def blocks(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        bad: dict[int, str] = {}
        reader = self._open(file, shown, bad)
        names = [name.strip() for name in reader.schema.names]
        self._wanted.chosen(names, shown)
        number = 0
        for at in range(1 << 62):
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                batch = None
            except (pa.ArrowException, OSError) as error:
                raise _not_csv(shown, error) from error
            # Those that follow the last row come with no block of their own.
            end = number + (len(batch) if batch is not None else 0)
            unreadable_: dict[int, str] = {}
            for row in sorted(bad):
                if row < end or batch is None:
                    unreadable_[row] = bad.pop(row)
                    end += 1
            count = end - number
            if at >= start.get("block", 0) and count:
                good = [row for row in range(number, end) if row not in unreadable_]
                columns = [] if batch is None else [batch.column(names.index(name)) for name in self._columns]
                if batch is None:
                    columns = [pa.array([], pa.string()) for _ in self._columns]
                table = pa.RecordBatch.from_arrays(columns, names=self._columns)
                yield Block(number, count, table, good, {"block": at + 1}, unreadable=unreadable_)
            number = end
            if batch is None:
                return

    def _open(self, file: BinaryIO, shown: str, bad: dict[int, str]) -> pa_csv.CSVStreamingReader:
        encoding = encoding_of(file)
        file.seek(0)
        first = file.readline(LONGEST_LINE)
        if not first.strip():
            raise unreadable(f"{shown} is empty: a CSV file starts with a line of column names.")
        file.seek(0)
        separator = separator_of(first.decode(encoding, "replace"))

        def skip(row: pa_csv.InvalidRow) -> str:
            # The header is row 1.
            bad[row.number - 2] = f"the row has {row.actual_columns} fields instead of {row.expected_columns}"
            return "skip"

        # Arrow skips the mark at the beginning of UTF-8 by itself.
        name = "latin-1" if encoding == "latin-1" else "utf8"
        reading = pa_csv.ReadOptions(use_threads=False, block_size=blocks.BLOCK_BYTES, encoding=name)
        try:
            header = pa_csv.open_csv(
                file,
                reading,
                pa_csv.ParseOptions(
                    delimiter=separator, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
                ),
            ).schema.names
            file.seek(0)
            return pa_csv.open_csv(
                file,
                reading,
                pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=skip),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise _not_csv(shown, error) from error


def _not_csv(shown: str, error: Exception) -> Exception:
    if "straddling" in str(error):
        return unreadable(f"{shown} has a row longer than {blocks.BLOCK_BYTES >> 20} MiB.")
    return unreadable(f"{shown} is not well-formed CSV.")
