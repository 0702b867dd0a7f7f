"""Reads input files block by block: the same blocks from the same place, whichever attempt reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..csv_source import encoding_of, separator_of
from ..failures import column_not_found, listed, unreadable

BLOCK_ROWS = 32_768
_FEWEST_ROWS = 256
_CELLS = 1_000_000
BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 16 << 20


@dataclass
class Block:
    """Some consecutive rows of a file.

    Attributes:
        first: number of the first row in its file, from 0.
        count: rows that it covers, with those that cannot be read.
        table: the columns to be passed on, and of typed or text files those that the model needs.
        objects: of JSON lines, the rows as they are.
        numbers: of the rows of `table`, the number in the file.
        unreadable: reasons by row number.
        next: where the next block begins; understood by the reader alone.
    """

    first: int
    count: int
    table: pa.RecordBatch
    numbers: list[int] | range
    next: dict[str, int]
    objects: list[dict[str, Any]] | None = None
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> pa.RecordBatch | list[dict[str, Any]]:
        """What the model's values are read from."""
        return self.table if self.objects is None else self.objects


class Source(Protocol):
    """Files of one format.

    Attributes:
        schema: of the columns passed on, from the first file.
        is_text: whether every cell is text.
    """

    schema: pa.Schema
    is_text: bool

    def rows(self, file: BinaryIO) -> int | None:
        """Rows of a file where that is known without reading it."""

    def blocks(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        """The blocks from a place on; `start` is empty or the `next` of a block."""


@dataclass
class Wanted:
    """Which columns are needed.

    Attributes:
        features: for the model.
        passed: for the output; None: all.
    """

    features: list[str]
    passed: list[str] | None

    def chosen(self, names: list[str], shown: str) -> list[str]:
        """The columns passed on, after looking for faults.

        Raises:
            JobFailure: a column is absent or there twice.
        """
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise unreadable(f"{shown} has more than one column named {listed(repeated)}.")
        for role, needed in (
            ("the model's features", self.features),
            ("passthrough_columns", self.passed or []),
        ):
            absent = [name for name in needed if name not in names]
            if absent:
                raise column_not_found(role, absent, names)
        return names if self.passed is None else list(dict.fromkeys(self.passed))


def open_source(format_: str, first: BinaryIO, shown: str, wanted: Wanted) -> Source:
    """
    Raises:
        JobFailure: the first file cannot be read or lacks columns.
    """
    return {"parquet": ParquetSource, "csv": CsvSource, "json_lines": JsonLinesSource}[format_](
        first, shown, wanted
    )


class ParquetSource:
    """A block never crosses a row group."""

    is_text = False

    def __init__(self, first: BinaryIO, shown: str, wanted: Wanted) -> None:
        self._wanted = wanted
        with _parquet(first, shown) as parquet:
            schema = parquet.schema_arrow
        passed = wanted.chosen(schema.names, shown)
        self.schema = pa.schema([_plain(schema.field(name)) for name in passed])
        features = [name for name in wanted.features if name not in passed]
        self._columns = pa.schema([*self.schema, *(_plain(schema.field(name)) for name in features)])

    def rows(self, file: BinaryIO) -> int | None:
        with _parquet(file, "a file") as parquet:
            return parquet.metadata.num_rows

    def blocks(self, file: BinaryIO, shown: str, start: dict[str, int]) -> Iterator[Block]:
        names = self._columns.names
        first_group, skipped = start.get("group", 0), start.get("row_of_group", 0)
        with _parquet(file, shown) as parquet:
            self._wanted.chosen(parquet.schema_arrow.names, shown)
            self._check_types(parquet.schema_arrow, shown)
            groups = [parquet.metadata.row_group(at) for at in range(parquet.metadata.num_row_groups)]
            number = sum(group.num_rows for group in groups[:first_group])
            for at in range(first_group, len(groups)):
                done = 0
                size = _rows_of_block(groups[at], len(names))
                try:
                    for batch in parquet.iter_batches(size, [at], columns=names, use_threads=False):
                        done += batch.num_rows
                        if at == first_group and done <= skipped:
                            number += batch.num_rows
                            continue
                        is_last = done == groups[at].num_rows
                        place = {"group": at + 1} if is_last else {"group": at, "row_of_group": done}
                        # A name with a dot also selects what is nested below it; select again by exact name.
                        table = batch.select(names).cast(self._columns)
                        yield Block(number, len(table), table, range(number, number + len(table)), place)
                        number += len(table)
                except (pa.ArrowException, OSError) as error:
                    raise unreadable(f"{shown} is not a readable Parquet file.") from error

    def _check_types(self, schema: pa.Schema, shown: str) -> None:
        for each in self._columns:
            other = _plain(schema.field(each.name)).type
            # Only where nothing can be lost: what a value becomes must not depend on the value.
            if (
                other != each.type
                and pa.unify_schemas(
                    [pa.schema([each]), pa.schema([pa.field(each.name, other)])], promote_options="permissive"
                )
                .field(0)
                .type
                != each.type
            ):
                raise unreadable(
                    f"column '{each.name}' is {each.type} in the first file and {other} in {shown}: "
                    "a column must have one type in all files."
                )


def _parquet(file: BinaryIO, shown: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(f"{shown} is not a readable Parquet file.") from error


def _rows_of_block(group: Any, columns: int) -> int:
    """Few enough rows that a block of them fits the processor's caches, or memory where cells are large."""
    bytes_a_row = max(1, group.total_byte_size // max(1, group.num_rows))
    rows = min(BLOCK_ROWS, _CELLS // max(1, columns), (4 * BLOCK_BYTES) // bytes_a_row)
    return max(_FEWEST_ROWS, rows)


def _plain(each: pa.Field) -> pa.Field:
    kind = each.type
    return pa.field(each.name, kind.value_type if pa.types.is_dictionary(kind) else kind)


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
        first = file.readline(_LONGEST_LINE)
        if not first.strip():
            raise unreadable(f"{shown} is empty: a CSV file starts with a line of column names.")
        file.seek(0)
        separator = separator_of(first.decode(encoding, "replace"))

        def skip(row: pa_csv.InvalidRow) -> str:
            # The header is row 1.
            bad[row.number - 2] = f"the row has {row.actual_columns} fields instead of {row.expected_columns}"
            return "skip"

        try:
            header = pa_csv.open_csv(
                file,
                pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, encoding=_arrow_name(encoding)),
                pa_csv.ParseOptions(
                    delimiter=separator, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
                ),
            ).schema.names
            file.seek(0)
            return pa_csv.open_csv(
                file,
                pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, encoding=_arrow_name(encoding)),
                pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=skip),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise _not_csv(shown, error) from error


def _arrow_name(encoding: str) -> str:
    """Arrow skips the mark at the beginning of UTF-8 by itself."""
    return "latin-1" if encoding == "latin-1" else "utf8"


def _not_csv(shown: str, error: Exception) -> Exception:
    if "straddling" in str(error):
        return unreadable(f"{shown} has a row longer than {BLOCK_BYTES >> 20} MiB.")
    return unreadable(f"{shown} is not well-formed CSV.")


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
            while row - first < BLOCK_ROWS and file.tell() - begin < BLOCK_BYTES:
                line = file.readline(_LONGEST_LINE)
                if len(line) == _LONGEST_LINE:
                    raise unreadable(f"{shown} has a line longer than {_LONGEST_LINE >> 20} MiB.")
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
