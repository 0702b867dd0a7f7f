"""From a block of rows to a block of output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
import pyarrow as pa

from ..failures import JobFailure, listed, unfit
from .answers import AnswerReader, Answers, UnusableAnswer
from .blocks import Block
from .certainty import Certainty
from .features import Encoded, Encoder

_VALUES_AT_ONCE = 4_000_000


class GraphFailed(Exception):
    """The graph gave no answer for these rows."""


class Graph(Protocol):
    """A loaded ONNX graph; called by several threads at a time."""

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> dict[str, np.ndarray]:
        """
        Raises:
            GraphFailed: this input makes it fail.
        """

    def close(self) -> None:
        """End what it has started."""


class SessionGraph:
    """A graph in this process. One thread a run: runs of several blocks are what fills the processor."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> dict[str, np.ndarray]:
        try:
            return dict(zip(fetches, self._session.run(fetches, feeds), strict=True))
        except MemoryError:
            raise
        except Exception as error:
            raise GraphFailed(str(error)) from error

    def close(self) -> None:
        pass


@dataclass
class Answered:
    """What a model says of a block.

    Attributes:
        rows: int64, places in the block of the rows that have an answer, in order.
        prediction: one a row of `rows`.
        probabilities: float64 [rows, classes], or None.
        faults: why the others have none, by place in the block.
        unseen: rows by text feature with a value that training has not seen.
    """

    rows: np.ndarray
    prediction: pa.Array
    probabilities: np.ndarray | None
    faults: dict[int, list[str]]
    unseen: dict[str, int]


class Model(Protocol):
    """Something that answers rows; called by several threads at a time.

    Attributes:
        columns: what it answers: the prediction, then one probability a class.
    """

    columns: list[pa.Field]

    def answer(self, block: Block) -> Answered:
        """Answer the rows that can be answered, and say of the others why they cannot."""


class FileModel:
    """A model that is one graph.

    Args:
        model: `model` of the job's specification.
        graph: the model's graph, or its core where `model` names one.
        batch_rows: rows of one run of the graph.
        is_text: whether the input's cells are text.
    """

    def __init__(self, model: dict[str, Any], graph: Graph, batch_rows: int, is_text: bool) -> None:
        self._graph = graph
        self._encoder = Encoder(model["signature"], is_text, has_core="core" in model)
        # One column a category can make a row hundreds of times as wide as it was.
        self._rows_at_once = max(1, min(batch_rows, _VALUES_AT_ONCE // self._encoder.width))
        self._reader = AnswerReader(
            model["signature"]["output"], model["origin"] == "uploaded", model.get("threshold")
        )
        self.columns = self._reader.columns

    def answer(self, block: Block) -> Answered:
        encoded = self._encoder.encode(block.rows, block.folders)
        answers = self._answers(encoded)
        faults = dict(encoded.faults)
        for place, reason in answers.faults.items():
            faults[int(encoded.rows[place])] = [reason]
        if not answers.faults:
            return Answered(encoded.rows, answers.prediction, answers.probabilities, faults, encoded.unseen)
        kept = np.delete(np.arange(len(encoded.rows)), list(answers.faults))
        probabilities = None if answers.probabilities is None else answers.probabilities[kept]
        prediction = answers.prediction.take(pa.array(kept))
        return Answered(encoded.rows[kept], prediction, probabilities, faults, encoded.unseen)

    def _answers(self, encoded: Encoded) -> Answers:
        count, step = len(encoded.rows), self._rows_at_once
        parts = [
            self._run(encoded.feeds(first, min(first + step, count)), first)
            for first in range(0, count, step)
        ]
        return _joined(parts, self._reader)

    def _run(self, feeds: dict[str, np.ndarray], first: int) -> Answers:
        """Answers of some rows; where the graph fails, of halves of them until the row at fault is found."""
        rows = len(next(iter(feeds.values())))
        try:
            answers = self._reader.read(self._graph.run(feeds, self._reader.fetches), rows)
        except UnusableAnswer as error:
            raise JobFailure("MODEL_OUTPUT_INVALID", f"{error}.") from error
        except GraphFailed:
            if rows == 1:
                return _none(self._reader, {first: "the model failed on this input"})
            half = rows // 2
            return _joined(
                [
                    self._run({name: values[:half] for name, values in feeds.items()}, first),
                    self._run({name: values[half:] for name, values in feeds.items()}, first + half),
                ],
                self._reader,
            )
        answers.faults = {first + place: reason for place, reason in answers.faults.items()}
        return answers


@dataclass
class Scored:
    """A block of output.

    Attributes:
        block: what was scored.
        table: passed columns and answers of the rows that have one.
        faults: reasons by row number in the file.
        unseen: rows by text feature with a value that training has not seen.
    """

    block: Block
    table: pa.RecordBatch
    faults: dict[int, list[str]]
    unseen: dict[str, int]


class Scorer:
    """Scores blocks; used by several threads.

    Args:
        named: `model` of the job's specification, whose id and version the output tells.
        model: what answers.
        passed: columns passed on.
        is_csv: whether the output is CSV, in which a set of classes is JSON.

    Raises:
        JobFailure: a column that is passed on has the name of one that is added.
    """

    def __init__(self, named: dict[str, Any], model: Model, passed: pa.Schema, is_csv: bool = False) -> None:
        self._named, self._model, self._passed = named, model, passed
        output = named["signature"]["output"]
        self._certainty = Certainty(output, named["certainty"], is_csv) if "certainty" in named else None
        added = [
            *model.columns,
            *(self._certainty.columns if self._certainty else []),
            *(pa.field(name, _NAMED) for name in ("model_id", "model_version")),
        ]
        taken = [each.name for each in added if each.name in passed.names]
        if taken:
            raise unfit(
                f"the input has a column named {listed(taken)}, which the output needs for itself; "
                "name the columns to keep in passthrough_columns."
            )
        self.schema = pa.schema([*passed, *added])

    def score(self, block: Block) -> Scored:
        """Score the rows that can be scored, and say of the others why they cannot."""
        answered = self._model.answer(block)
        columns = [
            block.table.column(block.table.schema.get_field_index(name)) for name in self._passed.names
        ]
        if len(answered.rows) != block.table.num_rows:
            places = pa.array(answered.rows)
            columns = [column.take(places) for column in columns]
        added = [answered.prediction]
        if answered.probabilities is not None:
            added += [pa.array(np.ascontiguousarray(column)) for column in answered.probabilities.T]
        if self._certainty:
            added += self._certainty.of(answered)
        zeros = pa.array(np.zeros(len(answered.rows), np.int32))
        named = [
            pa.DictionaryArray.from_arrays(zeros, pa.array([self._named[field]], pa.string()))
            for field in ("id", "version")
        ]
        table = pa.RecordBatch.from_arrays([*columns, *added, *named], schema=self.schema)
        by_number = {block.numbers[place]: reasons for place, reasons in answered.faults.items()}
        by_number |= {row: [reason] for row, reason in block.unreadable.items()}
        return Scored(block, table, dict(sorted(by_number.items())), answered.unseen)


_NAMED = pa.dictionary(pa.int32(), pa.string())


def _joined(parts: list[Answers], reader: AnswerReader) -> Answers:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _none(reader, {}, 0)
    faults: dict[int, str] = {}
    for part in parts:
        faults |= part.faults
    probabilities = [part.probabilities for part in parts]
    return Answers(
        pa.concat_arrays([part.prediction for part in parts]),
        None if probabilities[0] is None else np.concatenate(probabilities),
        faults,
    )


def _none(reader: AnswerReader, faults: dict[int, str], rows: int = 1) -> Answers:
    """Places without an answer."""
    prediction, *probabilities = reader.columns
    empty = np.full((rows, len(probabilities)), np.nan) if probabilities else None
    return Answers(pa.nulls(rows, prediction.type), empty, faults)
