"""Rows of a CSV file, block by block, every cell as text."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ..failures import unreadable
from .csv_dialect import LONGEST_ROW, Dialect, dialect_of, records
from .encoding import as_utf8
from .file_kind import refuse_other_kinds

BLOCK_BYTES = 8 << 20


@dataclass
class Cells:
    """Some consecutive rows.

    Attributes:
        first: number of the first one in its file, from 0; blank lines and the header do not count.
        count: rows, with those that cannot be read.
        table: the text of the cells of those that can.
        numbers: of the rows of `table`, the number in the file.
        unreadable: reasons by row number.
        short: rows with fewer cells than the header has names; those that are absent are empty.
    """

    first: int
    count: int
    table: pa.RecordBatch
    numbers: Sequence[int]
    unreadable: dict[int, str] = field(default_factory=dict)
    short: int = 0


class CsvFile:
    """A file that has been looked at.

    Attributes:
        names: of its columns; none where the file holds no header.
        separator: between cells.
    """

    def __init__(self, file: BinaryIO, dialect: Dialect | None, shown: str) -> None:
        self._file, self._dialect, self._shown = file, dialect, shown
        self.names = dialect.names if dialect else []
        self.separator = dialect.separator if dialect else ","

    def blocks(self, columns: Sequence[str], block_bytes: int = BLOCK_BYTES) -> Iterator[Cells]:
        """
        Args:
            columns: the ones to read; each is one of `names`.
            block_bytes: of a block at most.

        Raises:
            JobFailure: quotes that are not closed, or a row longer than a block.
        """
        if self._dialect is None:
            return
        dialect = self._dialect
        if dialect.has_odd_quotes:
            self._refuse_open_quotes(dialect)
        if not dialect.has_spaced_quotes:
            self._file.seek(dialect.start)
            yield from self._read(self._file, dialect, columns, block_bytes)
            return
        with tempfile.TemporaryFile() as copy:
            try:
                _rewrite(self._file, dialect, copy)
            except csv.Error as error:
                raise unreadable(f"{self._shown} has a cell longer than {LONGEST_ROW >> 20} MiB.") from error
            yield from self._read(copy, dialect, columns, block_bytes)

    def line_of(self, row: int) -> int:
        """The line of the file, from 1, in which a row ends."""
        with _rows(self._file, self._dialect) as (_, reader):
            found = -1
            for cells in reader:
                found += not _is_blank(cells)
                if found == row:
                    break
            return _line_ends(self._file, self._dialect.start) + reader.line_num

    def _read(
        self, file: BinaryIO, dialect: Dialect, columns: Sequence[str], block_bytes: int
    ) -> Iterator[Cells]:
        names, width = len(dialect.names), dialect.width
        places = [str(dialect.names.index(name)) for name in columns]
        surplus = [str(place) for place in range(names, width)]
        # By physical row, without empty lines: the cells of a row that has not `width` of them.
        odd: dict[int, list[str]] = {}

        def keep(row: pa_csv.InvalidRow) -> str:
            odd[row.number - 1] = next(records(row.text, dialect.separator), [])
            return "skip"

        try:
            reader = pa_csv.open_csv(
                file,
                pa_csv.ReadOptions(
                    use_threads=False, block_size=block_bytes, column_names=[str(at) for at in range(width)]
                ),
                pa_csv.ParseOptions(
                    delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=keep
                ),
                pa_csv.ConvertOptions(
                    column_types={str(place): pa.string() for place in range(width)},
                    include_columns=[*dict.fromkeys(places), *surplus],
                    strings_can_be_null=False,
                    check_utf8=True,
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise self._not_csv(error, block_bytes) from error
        physical = number = 0
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                batch = None
            except MemoryError:
                raise
            except (pa.ArrowException, OSError) as error:
                raise self._not_csv(error, block_bytes) from error
            end = physical + (batch.num_rows if batch is not None else 0)
            here: dict[int, list[str]] = {}
            for at in sorted(odd):
                # Rows that follow the last one of a block come with the next block, or with none.
                if at < end or batch is None:
                    here[at - physical] = odd.pop(at)
                    end += 1
            good = [] if batch is None else [batch.column(place) for place in places]
            good = good or [pa.array([], pa.string()) for _ in places]
            beyond = [] if batch is None else [batch.column(place) for place in surplus]
            cells = _assembled(
                number, end - physical, good, beyond, here, columns, [int(each) for each in places], names
            )
            physical = end
            number += cells.count
            if cells.count:
                yield cells
            if batch is None:
                return

    def _refuse_open_quotes(self, dialect: Dialect) -> None:
        with _rows(self._file, dialect) as (lines, reader):
            begun = 0
            try:
                for _ in reader:
                    # A row that is complete never asks for a line behind the last one.
                    if lines.have_ended:
                        break
                    begun = reader.line_num
                else:
                    return
            except csv.Error:
                # The row goes on beyond what a cell may hold.
                pass
        line = _line_ends(self._file, dialect.start) + begun + 1
        raise unreadable(
            f"{self._shown} is not well-formed CSV: quotes that open in line {line} or below are not closed."
        )

    def _not_csv(self, error: Exception, block_bytes: int) -> Exception:
        if "straddling" in str(error):
            return unreadable(f"{self._shown} has a row longer than {block_bytes >> 20} MiB.")
        return unreadable(f"{self._shown} is not well-formed CSV.")


@contextmanager
def open_csv(file: BinaryIO, shown: str, warn: Callable[[str], None]) -> Iterator[CsvFile]:
    """Look at a CSV file.

    Args:
        file: the file; stays open.
        shown: its name in messages.
        warn: told what was odd but readable.

    Raises:
        JobFailure: it is something else, or its encoding is damaged.
    """
    refuse_other_kinds(file, shown, "csv")
    with as_utf8(file, shown, warn, takes_cp1252=True) as text:
        yield CsvFile(text, dialect_of(text, shown), shown)


class _Lines:
    """Lines of a text, and whether more were asked for than there are."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.have_ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline()
        if not line:
            self.have_ended = True
            raise StopIteration
        return line


@contextmanager
def _rows(file: BinaryIO, dialect: Dialect) -> Iterator[tuple[_Lines, Iterator[list[str]]]]:
    """Rows as Python's reader sees them, which is slow but knows lines and spaces before quotes."""
    file.seek(dialect.start)
    text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
    try:
        lines = _Lines(text)
        yield lines, csv.reader(lines, delimiter=dialect.separator, skipinitialspace=True)
    finally:
        text.detach()


def _rewrite(file: BinaryIO, dialect: Dialect, copy: BinaryIO) -> None:
    """The same rows without spaces before quotes, which Arrow would take for a part of the text."""
    text = io.TextIOWrapper(copy, "utf-8", newline="")
    with _rows(file, dialect) as (_, rows):
        # The writer quotes cells with a character of its line end; Arrow ends rows at either of these two.
        csv.writer(text, delimiter=dialect.separator, lineterminator="\r\n").writerows(filter(None, rows))
    text.flush()
    text.detach()
    copy.seek(0)


def _line_ends(file: BinaryIO, end: int) -> int:
    file.seek(0)
    head = file.read(end)
    return head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n")


def _is_blank(cells: list[str]) -> bool:
    return len(cells) == 0 or (len(cells) == 1 and not cells[0].strip())


def _assembled(
    first: int,
    physical: int,
    good: list[pa.Array],
    beyond: list[pa.Array],
    odd: dict[int, list[str]],
    columns: Sequence[str],
    places: list[int],
    names: int,
) -> Cells:
    """A block from the rows that Arrow has read and those that have another number of cells.

    Args:
        first: number of its first row.
        physical: rows, with blank ones.
        good: the wanted cells of the rows that Arrow has read.
        beyond: of these, what stands beyond the names.
        odd: cells of the other rows, by their place among all.
        columns: names of the wanted cells.
        places: where they stand in a row.
        names: how many names the header has.
    """
    read = len(beyond[0]) if beyond else physical - len(odd)
    surplus = {
        row: names + 1 + at
        for at, column in enumerate(beyond)
        for row in pc.indices_nonzero(pc.not_equal(pc.utf8_trim_whitespace(column), "")).to_pylist()
    }
    if not odd and not surplus:
        table = pa.RecordBatch.from_arrays(good, names=list(columns)) if columns else _without_columns(read)
        return Cells(first, read, table, range(first, first + read))
    order: list[int] = []
    numbers: list[int] = []
    added: list[list[str]] = []
    unreadable_: dict[int, str] = {}
    number, short = first, 0
    taken = iter(range(read))
    for place in range(physical):
        cells = odd.get(place)
        if cells is None:
            at = next(taken)
            if at in surplus:
                unreadable_[number] = f"the row has {surplus[at]} fields instead of {names}"
            else:
                order.append(at)
                numbers.append(number)
            number += 1
            continue
        if _is_blank(cells):
            continue
        if any(cell.strip() for cell in cells[names:]):
            unreadable_[number] = f"the row has {len(cells)} fields instead of {names}"
        else:
            short += len(cells) < names
            order.append(read + len(added))
            added.append(cells)
            numbers.append(number)
        number += 1
    arrays = [
        pa.concat_arrays(
            [column, pa.array([cells[at] if at < len(cells) else "" for cells in added], pa.string())]
        ).take(pa.array(order, pa.int64()))
        for column, at in zip(good, places, strict=True)
    ]
    table = (
        pa.RecordBatch.from_arrays(arrays, names=list(columns)) if columns else _without_columns(len(order))
    )
    return Cells(first, number - first, table, numbers, unreadable_, short)


def _without_columns(rows: int) -> pa.RecordBatch:
    """A batch forgets how many rows it has unless it has a column."""
    return pa.RecordBatch.from_arrays([pa.nulls(rows)], ["no column"])
