"""Has a version answer a labelled table, and measures by that how sure it is; contract labelled-spec.v1."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import conformal
from ..events import EventWriter
from ..failures import listed, unfit
from ..reading.partitions import partitions_of
from ..reading.tables import name_of
from ..reading.values import from_arrow, from_cells
from ..storage import Store
from .answers import text_of
from .blocks import Block, Wanted
from .run import open_model, open_source

_ROWS_AT_ONCE = 16_384
_MOST_SHOWN = 3
# Which rows say where answers are further off: the same ones whoever asks again.
_SEED = 0


def calibrate(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Score the table and keep what `conformal.calibrate` makes of it.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    events.started(workers=1, gpus=0)
    pa.set_cpu_count(1)
    with contextlib.ExitStack() as opened:
        truth, answers = LabelledTable(spec, events, store, opened).score()
    calibration, curve = conformal.calibrate(truth, answers, _SEED)
    calibration |= {"source": "table", "seen_by": []}
    return {"calibration": calibration, "threshold_curve": curve}


class LabelledTable:
    """The rows of `data` of the job's specification, with what `model` answers.

    Attributes:
        model: what answers.
        numbers: once it is scored, of each row that takes part its number over all files; int64 [rows].

    Args:
        spec: the job's specification.
        events: told of the rows that take no part.
        store: holds the table and the graphs.
        opened: ends the graphs.
    """

    def __init__(
        self, spec: dict[str, Any], events: EventWriter, store: Store, opened: contextlib.ExitStack
    ) -> None:
        self._data, self._events, self._store = spec["data"], events, store
        self._target = self._data["target_column"]
        signature = spec["model"]["signature"]
        inputs = signature["inputs"]
        kinds = {each["name"]: each["type"] for each in inputs}
        wanted = Wanted(list(kinds), [self._target], kinds, role="target_column")
        files, format_ = self._data["files"], self._data["format"]
        self._source, _ = open_source(files, format_, wanted, store, events.warning)
        self.model = open_model(
            spec["model"], _ROWS_AT_ONCE, spec["limits"], store, self._source.is_text, opened
        )
        self._labels = signature["output"].get("labels")
        if self._labels is not None:
            self._places = {text_of(label): place for place, label in enumerate(self._labels)}
        self._faults: list[str] = []
        self._failed = self._unlabelled = 0

    def score(self) -> tuple[np.ndarray, np.ndarray]:
        """Class indexes or values, [rows], and what `ask` gives of the same rows.

        Raises:
            JobFailure: no row can be used, or the target column holds something else than the model answers.
        """
        truths, answers, numbers = [], [], []
        before = 0
        for each in self._data["files"]:
            uri = each["uri"]
            rows_of_file = 0
            with self._store.open(uri) as file:
                for block in self._source.blocks(file, name_of(uri), {}, partitions_of(uri)):
                    rows, scored, faults = self.ask(block)
                    self._note(faults, block.unreadable)
                    truth, is_known = self._truth(block.table.column(self._target))
                    is_labelled = is_known[rows]
                    self._unlabelled += int((~is_labelled).sum())
                    truths.append(truth[rows][is_labelled])
                    answers.append(scored[is_labelled])
                    numbers.append(before + np.asarray(block.numbers, np.int64)[rows][is_labelled])
                    rows_of_file = block.first + block.count
            before += rows_of_file
        self._tell()
        if not sum(map(len, truths)):
            reason = f" ({self._faults[0]})" if self._faults else ""
            raise unfit(f"no row of the table has a target and an answer{reason}.")
        self.numbers = np.concatenate(numbers)
        return np.concatenate(truths), np.concatenate(answers)

    def ask(self, block: Block) -> tuple[np.ndarray, np.ndarray, dict[int, list[str]]]:
        """Answers of a block.

        Returns:
            Places of the rows that have an answer; their probabilities [rows, classes] or values [rows]; by
            place, why the others have none.
        """
        found = self.model.answer(block)
        values = found.prediction.to_numpy(zero_copy_only=False)
        return found.rows, values if found.probabilities is None else found.probabilities, found.faults

    def _note(self, unanswered: dict, unreadable: dict) -> None:
        for reasons in (unanswered, unreadable):
            self._failed += len(reasons)
            for reason in reasons.values():
                if len(self._faults) < _MOST_SHOWN:
                    self._faults.append(reason if isinstance(reason, str) else "; ".join(reason))

    def _tell(self) -> None:
        if self._unlabelled:
            self._events.warning(
                f"{self._unlabelled} rows have no value in target column '{self._target}' and took no part."
            )
        if self._failed:
            self._events.warning(
                f"{self._failed} rows cannot be scored and took no part, such as: {' / '.join(self._faults)}."
            )

    def _truth(self, column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Class index or value of each row, and whether it has any; both [rows]."""
        if self._labels is not None:
            return self._classes(column)
        values = (from_cells if self._source.is_text else from_arrow)(column, "number", {})
        if values.wrong:
            raise unfit(
                f"target column '{self._target}' holds {next(iter(values.wrong.values()))}, "
                "but the model predicts a number."
            )
        is_infinite = np.isinf(values.data) & ~values.missing
        if is_infinite.any():
            raise unfit(f"target column '{self._target}' holds an infinite number.")
        return values.data, ~values.missing

    def _classes(self, column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if self._source.is_text:
            trimmed = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, column.type), trimmed)
        coded = column.dictionary_encode()
        places = np.array([self._place(value) for value in coded.dictionary.to_pylist()], dtype=np.int64)
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        # A missing value is the last place, which holds the first class and means nothing.
        return np.append(places, 0)[codes], codes >= 0

    def _place(self, value: Any) -> int:
        """Index of a class as the table writes it.

        Raises:
            JobFailure: the model does not have it.
        """
        value = float(value) if isinstance(value, Decimal) else value
        if not isinstance(value, str | bool | int | float):
            raise unfit(f"target column '{self._target}' holds {type(value).__name__}, and no classes.")
        written = [text_of(value)]
        if isinstance(value, bool):
            written.append(str(int(value)))
        elif isinstance(value, str) and not isinstance(self._labels[0], str):
            # Cells of CSV: True for true, 1.0 for 1.
            written.append(value.lower())
            with contextlib.suppress(ValueError):
                written.append(text_of(float(value)))
        for text in written:
            if text in self._places:
                return self._places[text]
        raise unfit(
            f"target column '{self._target}' holds {text_of(value)[:80]!r}, which is none of the model's "
            f"classes: {listed([text_of(label) for label in self._labels])}."
        )
