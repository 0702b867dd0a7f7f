"""All files of a data set as one table: for training and for a look at the data before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ..failures import listed, unreadable
from ..memory import left_bytes
from ..storage import Store
from .csv_file import open_csv
from .json_columns import JsonColumn, Odd
from .json_lines import line_of, lines_of, open_json_lines
from .parquet_file import (
    categorical_columns,
    index_columns,
    is_empty,
    least_bytes,
    open_parquet,
    plain,
    refuse_other_bytes,
    too_large,
)
from .partitions import partitions_of
from .width import refuse_wide

Choose = Callable[[list[str]], list[str]]
Warn = Callable[[str], None]


@dataclass
class Table:
    """The chosen columns of all files, one below the other.

    Attributes:
        columns: the values.
        names: of every column of the first file, also those that were not chosen.
        guessed: columns of text whose type no file declares: cells of CSV, and what folders say.
        index: columns that pandas wrote as a data frame's index.
        categories: columns of numbers that pandas wrote as categories.
        absent: columns of JSON that some rows do not name.
        odd: by column of JSON, values of another type than the others.
        comma_is_decimal: whether some file separates cells by something else than a comma.
        parts: names and rows of the files.
        origin: of each row, its number over all files; None: as they stand.
    """

    columns: pa.Table
    names: list[str]
    guessed: set[str] = field(default_factory=set)
    index: set[str] = field(default_factory=set)
    categories: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    odd: dict[str, Odd] = field(default_factory=dict)
    comma_is_decimal: bool = False
    parts: list[tuple[str, int]] = field(default_factory=list)
    origin: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, rows: np.ndarray) -> Table:
        """These rows alone."""
        origin = rows if self.origin is None else self.origin[rows]
        return replace(self, columns=self.columns.take(pa.array(rows)), origin=origin)

    def below(self, other: Table, shown: Sequence[str]) -> Table:
        """The rows of another table below these.

        Raises:
            JobFailure: a column has types that do not fit, with its name and both types.
        """
        return Table(
            stack([self.columns, other.columns], shown),
            self.names,
            self.guessed | other.guessed,
            self.index | other.index,
            self.categories | other.categories,
            self.absent | other.absent,
            other.odd | self.odd,
            self.comma_is_decimal or other.comma_is_decimal,
            [*self.parts, *other.parts],
        )

    def place(self, row: int) -> str:
        """A row in words: its number within its file, from 0, and the file where there are several."""
        row = int(row if self.origin is None else self.origin[row])
        for shown, rows in self.parts:
            if row < rows:
                return f"row {row} of {shown}"
            row -= rows
        return f"row {row}"


def read_files(store: Store, files: dict[str, Any], choose: Choose, warn: Warn) -> Table:
    """Read the chosen columns of all files.

    Args:
        store: resolves the URIs.
        files: `format` and `uris` of the job's specification.
        choose: given the columns' names, the ones to keep, in order; may raise JobFailure.
        warn: told about what was odd but readable.

    Raises:
        JobFailure: a file is absent or corrupt, all are empty, or they do not fit each other.
    """
    return _READERS[files["format"]](store, files["uris"], choose, warn)


def stack(tables: list[pa.Table], shown: Sequence[str]) -> pa.Table:
    """Put tables with the same columns below each other, widening types where nothing is lost.

    Raises:
        JobFailure: a column has types that do not fit, with its name and both types.
    """
    names = tables[0].column_names
    tables = [table.select(names) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except MemoryError:
        raise
    except pa.ArrowException as error:
        for column in names:
            known = [
                (table.schema.field(column), name)
                for table, name in zip(tables, shown, strict=True)
                if not pa.types.is_null(table.schema.field(column).type)
            ]
            for other, name in known[1:]:
                try:
                    schemas = [pa.schema([known[0][0]]), pa.schema([other])]
                    pa.unify_schemas(schemas, promote_options="permissive")
                except pa.ArrowException:
                    raise unreadable(
                        f"column '{column}' is {_type_name(known[0][0].type)} in {known[0][1]} and "
                        f"{_type_name(other.type)} in {name}: a column must have one type in all files."
                    ) from error
        raise unreadable("the files' columns have types that do not fit each other.") from error


class _Names:
    """The columns that every file must have, chosen by those of the first one."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self.first: list[str] = []
        self.kept: list[str] = []

    def of(self, names: list[str], shown: str) -> list[str]:
        """The columns to be read of a file."""
        refuse_unfit_names(names, shown)
        if not self.first:
            self.first, self.kept = names, self._choose(names)
            return self.kept
        absent = [name for name in self.kept if name not in names]
        surplus = [name for name in names if name not in self.first]
        if absent or surplus:
            fault = f"lacks {listed(absent)}" if absent else f"has the additional {listed(surplus)}"
            raise unreadable(f"{shown} does not have the columns of the first file: it {fault}.")
        return self.kept


def refuse_unfit_names(names: Sequence[str], shown: str) -> None:
    """
    Raises:
        JobFailure: a name is there twice, or there are too many.
    """
    refuse_wide(len(names), shown)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated == [""]:
        raise unreadable(f"{shown} has more than one column without a name.")
    if repeated:
        raise unreadable(f"{shown} has more than one column named {listed(repeated)}.")


def _read_csv_files(store: Store, uris: list[str], choose: Choose, warn: Warn) -> Table:
    names = _Names(choose)
    tables, parts, empty = [], [], []
    guessed: set[str] = set()
    comma_is_decimal = False
    for uri in uris:
        shown = name_of(uri)
        folders = partitions_of(uri)
        with store.open(uri) as content, open_csv(content, shown, warn) as file:
            if not file.names:
                empty.append(shown)
                continue
            own = [name for name in folders if name not in file.names]
            kept = names.of([*file.names, *own], shown)
            comma_is_decimal |= file.separator != ","
            in_file = [name for name in kept if name in file.names]
            batches, short, rows = [], 0, 0
            for block in file.blocks(in_file):
                if block.unreadable:
                    row, reason = next(iter(block.unreadable.items()))
                    raise unreadable(
                        f"{shown} is not well-formed CSV: line {file.line_of(row)} has more fields than the "
                        f"{len(file.names)} of the header ({reason})."
                    )
                batches.append(block.table)
                short += block.short
                rows += block.count
        if not rows:
            empty.append(shown)
            continue
        if short:
            warn(
                f"{shown} has {short} rows with fewer fields than the {len(file.names)} of the header; "
                "the absent ones count as empty."
            )
        table = pa.Table.from_batches(batches)
        tables.append(_with_partitions(table, kept, folders, rows))
        guessed |= set(kept)
        parts.append((shown, rows))
    if not tables:
        raise _nothing(empty, bool(names.first))
    _tell_empty(empty, warn)
    columns = stack(tables, [shown for shown, _ in parts])
    return Table(columns, names.first, guessed, comma_is_decimal=comma_is_decimal, parts=parts)


def _read_parquet_files(store: Store, uris: list[str], choose: Choose, warn: Warn) -> Table:
    names = _Names(choose)
    tables, parts, empty = [], [], []
    typed: pa.Table | None = None
    guessed: set[str] = set()
    index: set[str] = set()
    categories: set[str] = set()
    for uri in uris:
        shown = name_of(uri)
        folders = partitions_of(uri)
        with store.open(uri) as content:
            if is_empty(content):
                empty.append(shown)
                continue
            with open_parquet(content, shown) as parquet:
                schema = parquet.schema_arrow
                own = [name for name in folders if name not in schema.names]
                kept = names.of([*schema.names, *own], shown)
                index |= index_columns(schema)
                categories |= categorical_columns(schema)
                in_file = [name for name in kept if name in schema.names]
                count, left = parquet.metadata.num_rows, left_bytes()
                needed = least_bytes(schema, in_file, count)
                if left is not None and needed > left:
                    raise too_large(shown, count, needed, left)
                try:
                    # A name with a dot also selects what is nested below it; select again by exact name.
                    table = parquet.read(columns=in_file, use_threads=False).select(in_file)
                    refuse_other_bytes(table, shown)
                    arrays = [plain(column) for column in table.columns]
                except MemoryError:
                    raise
                except (pa.ArrowException, OSError) as error:
                    raise unreadable(f"{shown} is not a readable Parquet file.") from error
        rows = table.num_rows
        table = _with_partitions(pa.Table.from_arrays(arrays, names=in_file), kept, folders, rows)
        if not rows:
            # The types of a part without rows mean nothing beside others.
            empty.append(shown)
            typed = table if typed is None else typed
            continue
        tables.append(table)
        guessed |= {name for name in own if name in kept}
        parts.append((shown, rows))
    if not tables:
        if typed is None:
            raise _nothing(empty, has_header=False)
        tables, parts = [typed], [(empty[0], 0)]
    _tell_empty(empty, warn)
    columns = stack(tables, [shown for shown, _ in parts])
    return Table(columns, names.first, guessed, index, categories, parts=parts)


def _read_json_files(store: Store, uris: list[str], choose: Choose, warn: Warn) -> Table:
    """A key that a file does not name is null there: JSON has no header that could lack it."""
    columns: dict[str, JsonColumn] = {}
    folders_of: list[dict[str, str]] = []
    parts, empty = [], []
    rows = 0
    for uri in uris:
        shown, before = name_of(uri), rows
        with ExitStack() as opened:
            content = opened.enter_context(store.open(uri))
            file = opened.enter_context(open_json_lines(content, shown, warn))
            for block in lines_of(file, shown, {}):
                if block.unreadable:
                    row, reason = next(iter(block.unreadable.items()))
                    raise unreadable(
                        f"{shown} cannot be read as JSON lines: in line {line_of(file, row)} {reason}."
                    )
                objects = [each for _, each in block.objects]
                names = dict.fromkeys(name for each in objects for name in each)
                refuse_wide(len(columns.keys() | names), shown)
                for name in names:
                    column = columns.setdefault(name, JsonColumn())
                    column.fill(rows - column.rows)
                    column.add(name, objects)
                rows += block.count
        if rows == before:
            empty.append(shown)
        parts.append((shown, rows - before))
        folders_of.append(partitions_of(uri))
    if not rows:
        raise _nothing(empty, False)
    _tell_empty(empty, warn)
    own = [name for name in dict.fromkeys(chain(*folders_of)) if name not in columns]
    names = [*columns, *own]
    kept = choose(names)
    table = Table(pa.table({}), names, guessed={name for name in own if name in kept}, parts=parts)
    arrays = []
    for name in kept:
        if name in own:
            cells = [
                pa.repeat(pa.scalar(folders.get(name, ""), pa.large_string()), count)
                for folders, (_, count) in zip(folders_of, parts, strict=True)
            ]
            arrays.append(pa.chunked_array(cells))
            if not all(name in folders for folders in folders_of):
                table.absent.add(name)
            continue
        columns[name].fill(rows - columns[name].rows)
        if columns[name].is_absent:
            table.absent.add(name)
        values, odd = columns[name].finished(name)
        if odd is not None:
            odd.place = table.place(odd.first)
            table.odd[name] = odd
        arrays.append(values)
    table.columns = pa.Table.from_arrays(arrays, names=kept)
    return table


_READERS = {"csv": _read_csv_files, "parquet": _read_parquet_files, "json_lines": _read_json_files}


def _with_partitions(table: pa.Table, kept: list[str], folders: dict[str, str], rows: int) -> pa.Table:
    """The kept columns in their order, those that folders say among them."""
    arrays = [
        table.column(name)
        if name in table.column_names
        else pa.chunked_array([pa.repeat(pa.scalar(folders[name], pa.large_string()), rows)])
        for name in kept
    ]
    return pa.Table.from_arrays(arrays, names=kept)


def _nothing(empty: list[str], has_header: bool) -> Exception:
    shown = empty[0] if len(empty) == 1 else f"each of {listed(empty)}"
    if has_header:
        return unreadable(f"{shown} holds a header but no rows.")
    return unreadable(f"{shown} is empty: a file starts with column names or holds rows that name them.")


def _tell_empty(empty: list[str], warn: Warn) -> None:
    if empty:
        warn(f"{listed(empty)} held no rows and gave nothing.")


def name_of(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


def _type_name(kind: pa.DataType) -> str:
    return str(kind).removeprefix("large_")
