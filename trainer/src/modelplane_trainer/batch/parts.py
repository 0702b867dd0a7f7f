"""Writes output part by part, each at its final key in one step, with a note that it is finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..failures import DATA_UNREADABLE, JobFailure, listed, unfit
from ..reading.parquet_file import is_text
from ..storage import Store, Written

# What a spreadsheet would run, but for plain numbers.
# Spreadsheets look past spaces and characters of no width, and take the full-width signs of East Asia too.
_BLANK = (
    r"[\s\p{Z}\p{Cf}\p{Cc}\x{034F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}"
    r"\x{FE00}-\x{FE0F}\x{FFA0}]"
)
_SIGN = r"[=+\-@\x{2212}\x{FE62}\x{FE63}\x{FE66}\x{FE6B}\x{FF0B}\x{FF0D}\x{FF1D}\x{FF20}]"
_FORMULA = rf"^(?:[\t\r\n]|{_BLANK}*{_SIGN})"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass
class Part:
    """A finished part, as its note and the manifest have it.

    Attributes:
        number: from 0, over all files.
        file: which of the input files.
        first_row: number of its first row in that file.
        rows_read, rows_scored, rows_failed: how many.
        output: name, size_bytes and sha256 of its rows; None where none could be scored.
        errors: the same of its errors; None where there are none.
        short_rows: rows with fewer fields than the header of their file.
        unseen: rows by feature with a value that training has not seen.
        next: file and place where the next part begins.
    """

    number: int
    file: int
    first_row: int
    rows_read: int = 0
    rows_scored: int = 0
    rows_failed: int = 0
    output: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None
    short_rows: int = 0
    unseen: dict[str, int] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)


def refuse_unwritable(schema: pa.Schema, format_: str) -> None:
    """
    Raises:
        JobFailure: columns that a file of this format cannot hold, by name.
    """
    if format_ != "csv":
        return
    unwritable = []
    for each in schema:
        try:
            pa_csv.CSVWriter(pa.BufferOutputStream(), pa.schema([each])).close()
        except pa.ArrowException:
            unwritable.append(each)
    if unwritable:
        raise unfit(
            f"CSV cannot hold {listed([each.name for each in unwritable])}, because of types such as "
            f"{unwritable[0].type}; name the columns to keep in passthrough_columns, or write Parquet."
        )


class Notes:
    """What is finished, so that another attempt goes on after it.

    Args:
        store: where notes lie.
        folder_uri: their folder, the job's own.
        plan: digest of all that decides what the parts are; a note of another plan is none.
    """

    def __init__(self, store: Store, folder_uri: str, plan: str) -> None:
        self._store, self._folder, self._plan = store, folder_uri, plan

    def read(self) -> list[Part]:
        """The finished parts from the first on."""
        parts: list[Part] = []
        while True:
            try:
                with self._store.open(f"{self._folder}{_note_name(len(parts))}") as file:
                    note = json.load(file)
            except JobFailure as failure:
                if failure.code != DATA_UNREADABLE:
                    raise
                return parts
            if note.pop("plan") != self._plan:
                return parts
            parts.append(Part(**note))

    def write(self, part: Part) -> None:
        content = json.dumps({"plan": self._plan, **asdict(part)}).encode()
        self._store.write(self._folder, _note_name(part.number), content)


def _note_name(number: int) -> str:
    return f"part-{number:05}.json"


class PartWriter:
    """Rows and errors of one part.

    Args:
        store, folder_uri: where it goes.
        output: `output` of the job's specification.
        schema: of the rows.
        part: filled in on the way.
    """

    def __init__(self, store: Store, output: dict[str, Any], schema: pa.Schema, part: Part) -> None:
        self._store, self._output, self._schema, self.part = store, output, schema, part
        self._rows: Written | None = None
        self._errors: Written | None = None
        self._format: pq.ParquetWriter | pa_csv.CSVWriter | None = None

    def write(self, table: pa.RecordBatch) -> None:
        """Add rows."""
        if not len(table):
            return
        if self._format is None:
            name = f"part-{self.part.number:05}-{self._output['name']}"
            is_csv = self._output["format"] == "csv"
            self._rows = self._store.create(f"{self._output['uri']}{name}.{'csv' if is_csv else 'parquet'}")
            if is_csv:
                self._schema = self._cells_schema()
            self._format = self._csv(self._rows) if is_csv else self._parquet(self._rows)
        if self._output["format"] == "csv":
            table = self._as_cells(table)
        self._format.write_table(pa.Table.from_batches([table]))
        self.part.rows_scored += len(table)

    def _as_cells(self, table: pa.RecordBatch) -> pa.RecordBatch:
        columns = [
            _as_text(column, each.name) for column, each in zip(table.columns, table.schema, strict=True)
        ]
        if self._output["csv_safe"]:
            columns = [_without_formulas(column) for column in columns]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def fail(self, uri: str, row: int, reasons: list[str]) -> None:
        """Note why a row has no answer."""
        if self._errors is None:
            name = f"errors/part-{self.part.number:05}-{self._output['name']}.jsonl"
            self._errors = self._store.create(f"{self._output['uri']}{name}")
        line = json.dumps({"file": uri, "row": row, "reason": "; ".join(reasons)}, ensure_ascii=False)
        self._errors.write(line.encode("utf-8", "replace") + b"\n")
        self.part.rows_failed += 1

    def publish(self) -> Part:
        """Put what was written where readers find it."""
        if self._format is not None:
            self._format.close()
            self._format = None
            self.part.output = self._rows.publish()
        self.publish_errors()
        return self.part

    def publish_errors(self) -> None:
        """Put the errors alone where readers find them."""
        if self._errors is not None:
            self.part.errors = self._errors.publish()
            self.part.errors["name"] = f"errors/{self.part.errors['name']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._format is not None:
            # A writer that is collected later would write to a file that is closed.
            self._format.close()
        for written in (self._rows, self._errors):
            if written is not None:
                written.discard()

    def _cells_schema(self) -> pa.Schema:
        names = pa.array(self._schema.names, pa.string())
        if self._output["csv_safe"]:
            names = _without_formulas(names)
        kinds = (pa.string() if _is_binary(each.type) else each.type for each in self._schema)
        return pa.schema(list(zip(names.to_pylist(), kinds, strict=True)))

    def _parquet(self, sink: BinaryIO) -> pq.ParquetWriter:
        # A dictionary of measured numbers holds nearly every one of them, and is then thrown away.
        named = [each.name for each in self._schema if not pa.types.is_floating(each.type)]
        return pq.ParquetWriter(sink, self._schema, compression="snappy", use_dictionary=named)

    def _csv(self, sink: BinaryIO) -> pa_csv.CSVWriter:
        return pa_csv.CSVWriter(sink, self._schema, write_options=pa_csv.WriteOptions(quoting_style="needed"))


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _as_text(column: pa.Array, name: str) -> pa.Array:
    """Bytes as the text that they are.

    Raises:
        JobFailure: they are none.
    """
    if not _is_binary(column.type):
        return column
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise unfit(
            f"CSV cannot hold '{name}': it is {column.type}, and not all of its bytes are UTF-8; name the "
            "columns to keep in passthrough_columns, or write Parquet."
        ) from None


def _without_formulas(column: pa.Array) -> pa.Array:
    """The column with an apostrophe before the texts that a spreadsheet would run."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _without_formulas(column.dictionary_decode()).cast(kind)
    if not is_text(kind):
        return column
    runs = pc.and_(
        pc.match_substring_regex(column, _FORMULA), pc.invert(pc.match_substring_regex(column, _NUMBER))
    )
    quoted = pc.binary_join_element_wise(pa.scalar("'", kind), column, pa.scalar("", kind))
    return pc.if_else(runs, quoted, column)
