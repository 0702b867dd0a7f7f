"""A trained model as servers run it: rows encoded by the signature, and the core of its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from . import columns
from .batch.answers import AnswerReader
from .batch.tensors import Column, CoreTensor
from .core import Decisions

# Values of one run: a matrix of 64 MB.
_VALUES_AT_ONCE = 1 << 24
# A core that is larger does not stay in a processor's cache from one row to the next.
_CACHED_BYTES = 4 << 20
_SORTED_BY = 16


class ServedModel:
    """Answers as a server does, for metrics and importance to be those of what is served.

    Args:
        core: the serialized core.
        signature: a document of contracts/signature.v1.schema.json that has a core.
        threads: that a run may use.
        decisions: of its trees, where it has nothing else.

    Attributes:
        width: columns of the core's input.
        columns: of each feature, the columns that are made of it.
    """

    def __init__(
        self, core: bytes, signature: dict[str, Any], threads: int, decisions: Decisions | None = None
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(core, options, providers=["CPUExecutionProvider"])
        self._is_large = len(core) > _CACHED_BYTES
        self._decisions = decisions
        self._inputs = signature["inputs"]
        self._tensor = signature["core"]["tensor"]
        self._encoder = CoreTensor(self._inputs, signature["core"])
        self._reader = AnswerReader(signature["output"])
        parts = {
            part["tensor"]: place
            for place, each in enumerate(self._inputs)
            for part in each.get("parts", [{"tensor": each["tensor"]}])
        }
        owners = np.array([parts[column["tensor"]] for column in signature["core"]["columns"]])
        self.width = len(owners)
        self.columns = [np.flatnonzero(owners == place) for place in range(len(self._inputs))]

    def encode(self, features: list[columns.Column], rows: np.ndarray) -> np.ndarray:
        """The core's input for these rows of the features; float32 [rows, columns]."""
        return self._encoder.of([_values(feature, rows) for feature in features])[self._tensor]

    def answer(self, matrix: np.ndarray) -> np.ndarray:
        """Probabilities, float64 [rows, classes], or values with the target's offset, float64 [rows].

        Args:
            matrix: as `encode` makes it.
        """
        step = max(1, _VALUES_AT_ONCE // matrix.shape[1])
        return np.concatenate(
            [self._run(matrix[first : first + step]) for first in range(0, len(matrix), step)]
        )

    def alike(self, matrix: np.ndarray) -> np.ndarray:
        """An order in which rows are answered faster, int64 [rows], where the core is large.

        Rows that are alike take the same ways through its trees, which the processor still has at hand.
        """
        return np.lexsort(matrix[:, -_SORTED_BY:].T) if self._is_large else np.arange(len(matrix))

    def features_read(self) -> np.ndarray:
        """Places of the features that its answers can depend on: trees read none that they never split on."""
        if self._decisions is None:
            return np.arange(len(self.columns))
        read = np.zeros(self.width, dtype=bool)
        read[self._decisions.columns] = True
        return np.array([place for place, own in enumerate(self.columns) if read[own].any()], dtype=np.int64)

    def _run(self, matrix: np.ndarray) -> np.ndarray:
        outputs = self._session.run(self._reader.fetches, {self._tensor: matrix})
        answers = self._reader.read(dict(zip(self._reader.fetches, outputs, strict=True)), len(matrix))
        return answers.prediction.to_numpy() if answers.probabilities is None else answers.probabilities


def _values(feature: columns.Column, rows: np.ndarray) -> Column:
    if feature.kind != "string":
        return Column(feature.numbers[rows])
    codes = feature.codes[rows]
    # A missing text is the empty one, which stands behind the others.
    return Column(np.where(codes < 0, len(feature.texts), codes), [*feature.texts, ""])
