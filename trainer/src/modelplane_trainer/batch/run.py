"""One attempt of a batch: a thread reads, several score, one writes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from .. import giving_way
from ..events import EventWriter
from ..failures import INTERNAL_ERROR, JobFailure, unreadable
from ..reading.partitions import partitions_of
from ..reading.tables import name_of
from ..storage import Store
from .ahead import ahead
from .blocks import Block, Source, Wanted
from .by_entity import joined_input
from .csv_blocks import CsvSource
from .ensemble import Ensemble
from .json_blocks import JsonLinesSource
from .parquet_blocks import ParquetSource
from .parts import Notes, Part, PartWriter, refuse_unwritable
from .sandbox import MOST_ROWS, SandboxedGraph
from .scoring import FileModel, Graph, Model, Scored, Scorer, SessionGraph

SOURCES = {"parquet": ParquetSource, "csv": CsvSource, "json_lines": JsonLinesSource}
TOO_MANY_ERRORS = "TOO_MANY_ERRORS"
# Looking into more files than this only to tell how much there is would keep the first row waiting.
_MOST_COUNTED_FILES = 64


def run(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Score all rows of the input, going on after the parts that an earlier attempt has finished.

    Returns:
        The result of the `succeeded` event.

    Raises:
        GaveWay: asked to, between two parts.
        JobFailure: with what is wrong and what is allowed.
    """
    threads = spec["batch"]["threads"]
    # Arrow decodes in the threads that ask for it; a pool of its own would only take turns with them.
    pa.set_cpu_count(1)
    events.started(workers=threads, gpus=0)
    with ExitStack() as opened:
        return _Run(spec, events, store, opened).result()


def open_model(
    model: dict[str, Any],
    rows: int,
    limits: dict[str, Any],
    store: Store,
    is_text: bool,
    opened: ExitStack,
) -> Model:
    """A model, with the members that it has, uploaded ones in a process of their own; all end with `opened`.

    Args:
        model: `model` of contracts/batch-spec.v1.schema.json.
        rows: of one run of a graph.
        limits: of the job's specification.
        store: holds the graphs.
        is_text: whether the input's cells are text.

    Raises:
        JobFailure: an artifact is not the published one.
    """
    if "ensemble" in model:
        members = [
            open_model(each["model"], rows, limits, store, is_text, opened)
            for each in model["ensemble"]["members"]
        ]
        return Ensemble(model, members)
    graph = _open_graph(model, limits, store)
    opened.callback(graph.close)
    if model["origin"] == "uploaded":
        rows = min(rows, MOST_ROWS)
    return FileModel(model, graph, rows, is_text)


def _open_graph(model: dict[str, Any], limits: dict[str, Any], store: Store) -> Graph:
    published = model.get("core") or {"uri": model["artifact_uri"], "sha256": model["sha256"]}
    with store.open(published["uri"]) as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != published["sha256"]:
        raise JobFailure(
            INTERNAL_ERROR, "the model's artifact is damaged: its SHA-256 is not the published one."
        )
    if model["origin"] == "uploaded":
        return SandboxedGraph(content, limits)
    return SessionGraph(content)


def open_source(
    files: list[dict[str, Any]], format_: str, wanted: Wanted, store: Store, warn: Callable[[str], None]
) -> tuple[Source, int | None]:
    """A source that knows the columns of the files, and how many rows there are where the files tell that.

    Raises:
        JobFailure: a column is absent, or every file is empty.
    """
    source = SOURCES[format_](wanted, warn)
    total: int | None = 0 if len(files) <= _MOST_COUNTED_FILES else None
    for each in files:
        uri = each["uri"]
        with store.open(uri) as file:
            is_known = source.look(file, name_of(uri), partitions_of(uri))
            rows = source.rows(file) if total is not None else None
        total = None if total is None or rows is None else total + rows
        if is_known and total is None:
            break
    if not source.has_columns:
        shown = name_of(files[0]["uri"])
        raise unreadable(f"{shown} is empty: a file starts with column names or holds rows that name them.")
    return source, total


class _Run:
    def __init__(self, spec: dict[str, Any], events: EventWriter, store: Store, opened: ExitStack) -> None:
        self._spec, self._events, self._store = spec, events, store
        # Rows that name entities are scored as they are once features are joined to them.
        self._input = joined_input(spec, events, store) if "features" in spec else spec["input"]
        self._files = self._input["files"]
        # Told by the thread that reads, and written by the one that writes events.
        self._oddities: list[str] = []
        # The first row that this attempt could not score, in words.
        self._fault = ""
        self._source = self._open_source()
        rows, limits = spec["batch"]["batch_rows"], spec["limits"]
        model = open_model(spec["model"], rows, limits, store, self._source.is_text, opened)
        format_, source = spec["output"]["format"], self._source
        self._scorer = Scorer(spec["model"], model, source.schema, is_csv=format_ == "csv")
        refuse_unwritable(self._scorer.schema, format_)
        self._notes = Notes(store, spec["state_uri"], _plan_of(spec))
        self._parts = self._notes.read()
        self._parts_before = len(self._parts)
        self._begun = time.monotonic()
        self._rows_before = sum(part.rows_read for part in self._parts)

    def result(self) -> dict[str, Any]:
        if self._parts:
            self._events.log(
                f"Going on after {len(self._parts)} finished parts, {self._rows_before} rows in all."
            )
        place = self._parts[-1].next if self._parts else {"file": 0, "place": {}}
        for file in range(place["file"], len(self._files)):
            self._score_file(file, place["place"] if file == place["file"] else {})
        self._refuse_errors(is_last=True)
        # An earlier attempt may have left nothing to score, and died before its last report was written.
        self._report()
        self._events.flush_progress()
        totals = {name: sum(getattr(part, name) for part in self._parts) for name in _COUNTS}
        unseen = self._unseen()
        for name, rows in unseen.items():
            self._events.warning(f"{name}: {rows} rows hold values that training has not seen.")
        if short := sum(part.short_rows for part in self._parts):
            self._events.warning(
                f"{short} rows have fewer fields than the header; the absent ones count as empty."
            )
        seconds = time.monotonic() - self._begun
        return {
            **totals,
            "columns": [{"name": each.name, "type": _type_name(each)} for each in self._scorer.schema],
            "unseen_values": unseen,
            "parts": [_described(part, self._shown(part.file)) for part in self._parts],
            "scoring_seconds": round(seconds, 3),
            "rows_per_second": round((totals["rows_read"] - self._rows_before) / max(seconds, 1e-3), 1),
        }

    def _open_source(self) -> Source:
        """A source that knows the columns, and how many rows there are where the files tell that."""
        inputs = self._spec["model"]["signature"]["inputs"]
        wanted = Wanted(
            [each["name"] for each in inputs],
            self._spec["output"]["passthrough_columns"],
            {each["name"]: each["type"] for each in inputs},
        )
        format_ = self._input["format"]
        source, self._rows_total = open_source(
            self._files, format_, wanted, self._store, self._oddities.append
        )
        return source

    def _shown(self, number: int) -> str:
        """What a file of the input is called: the one with joined features is nobody's."""
        return self._spec["features"]["shown_as"] if "features" in self._spec else self._files[number]["uri"]

    def _score_file(self, number: int, start: dict[str, int]) -> None:
        file_uri, uri = self._files[number]["uri"], self._shown(number)
        part_rows = self._spec["batch"]["part_rows"]
        source, shown = self._source, name_of(uri)
        with (
            self._store.open(file_uri) as file,
            ahead(source.blocks(file, shown, start, partitions_of(file_uri))) as blocks,
        ):
            scored = self._scored(blocks)
            for first in scored:
                self._give_way_if_asked()
                part = Part(len(self._parts), number, first.block.first)
                with PartWriter(self._store, self._spec["output"], self._scorer.schema, part) as writer:
                    try:
                        last = self._write(writer, first, uri)
                        # Cut where a block ends, so that an attempt that begins here reads the same blocks.
                        while part.rows_read < part_rows and (following := next(scored, None)) is not None:
                            last = self._write(writer, following, uri)
                    except JobFailure as failure:
                        if failure.code == TOO_MANY_ERRORS:
                            # What was wrong is all that such a job leaves.
                            writer.publish_errors()
                        raise
                    self._finish(writer.publish(), {"file": number, "place": last.next})

        self._tell_oddities()

    def _tell_oddities(self) -> None:
        while self._oddities:
            self._events.warning(self._oddities.pop(0))

    def _give_way_if_asked(self) -> None:
        """At the beginning of a part, but never of an attempt's first, so that each gets on.

        Raises:
            GaveWay: the parts so far are finished, and their notes are there.
        """
        if giving_way.is_asked() and len(self._parts) > self._parts_before:
            self._tell_oddities()
            raise giving_way.GaveWay

    def _scored(self, blocks: Iterable[Block]) -> Iterator[Scored]:
        """Scored blocks in their order; as many are under way as there are threads, and one more."""
        threads = self._spec["batch"]["threads"]
        pending: deque = deque()
        with ThreadPoolExecutor(threads) as pool:
            for block in blocks:
                pending.append(pool.submit(self._scorer.score, block))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _write(self, writer: PartWriter, scored: Scored, uri: str) -> Block:
        part = writer.part
        writer.write(scored.table)
        for row, reasons in scored.faults.items():
            writer.fail(uri, row, reasons)
            self._fault = self._fault or f", such as row {row} of {name_of(uri)}: {'; '.join(reasons)}"
        part.rows_read += scored.block.count
        part.short_rows += scored.block.short
        for name, rows in scored.unseen.items():
            part.unseen[name] = part.unseen.get(name, 0) + rows
        self._report(part)
        self._refuse_errors(part)
        return scored.block

    def _finish(self, part: Part, next_: dict[str, Any]) -> None:
        part.next = next_
        self._notes.write(part)
        self._parts.append(part)

    def _report(self, part: Part | None = None) -> None:
        parts = [*self._parts, part] if part is not None else self._parts
        done = sum(each.rows_read for each in parts)
        failed = sum(each.rows_failed for each in parts)
        seconds = max(time.monotonic() - self._begun, 1e-3)
        rate = (done - self._rows_before) / seconds
        remaining = None
        if self._rows_total is not None:
            remaining = (self._rows_total - done) / max(rate, 1e-3)
        self._events.progress(
            rows_done=done,
            rows_total=self._rows_total,
            rows_failed=failed,
            rows_per_second=round(rate, 1),
            estimated_completion=None if remaining is None else _in(remaining),
            metrics={},
        )

    def _refuse_errors(self, part: Part | None = None, is_last: bool = False) -> None:
        """
        Raises:
            JobFailure: more rows have failed than may.
        """
        parts = [*self._parts, part] if part is not None else self._parts
        failed = sum(each.rows_failed for each in parts)
        share = self._spec["batch"]["max_error_share"]
        total = sum(each.rows_read for each in parts) if is_last else self._rows_total
        if not failed or total is None or failed <= share * total:
            return
        raise JobFailure(
            TOO_MANY_ERRORS,
            f"{failed} of {total} rows cannot be scored, more than max_error_share allows ({share:g})"
            f"{self._fault}.",
        )

    def _unseen(self) -> dict[str, int]:
        unseen: dict[str, int] = {}
        for part in self._parts:
            for name, rows in part.unseen.items():
                unseen[name] = unseen.get(name, 0) + rows
        return unseen


_COUNTS = ("rows_read", "rows_scored", "rows_failed")


def _plan_of(spec: dict[str, Any]) -> str:
    """Digest of all that decides what the parts hold."""
    deciding = {name: spec[name] for name in ("input", "output", "model")}
    deciding["batch"] = {name: spec["batch"][name] for name in ("batch_rows", "part_rows")}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _described(part: Part, file: str) -> dict[str, Any]:
    """A part as the manifest has it."""
    return {
        "number": part.number,
        "input": file,
        "first_row": part.first_row,
        **{name: getattr(part, name) for name in _COUNTS},
        "output": part.output,
        "errors": part.errors,
    }


def _type_name(each: pa.Field) -> str:
    return str(each.type.value_type if pa.types.is_dictionary(each.type) else each.type)


def _in(seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
