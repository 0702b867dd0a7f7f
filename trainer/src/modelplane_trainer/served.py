"""A trained model as servers run it: rows encoded by the signature, and the core of its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from . import columns
from .batch.answers import AnswerReader
from .batch.tensors import Column, CoreTensor

# Values of one run: a matrix of 64 MB.
_VALUES_AT_ONCE = 1 << 24


class ServedModel:
    """Answers as a server does, for metrics and importance to be those of what is served.

    Args:
        core: the serialized core.
        signature: a document of contracts/signature.v1.schema.json that has a core.
        threads: that a run may use.
    """

    def __init__(self, core: bytes, signature: dict[str, Any], threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(core, options, providers=["CPUExecutionProvider"])
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
        # Of each feature the columns of the matrix that are made of it.
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
        parts = []
        for first in range(0, len(matrix), step):
            part = matrix[first : first + step]
            outputs = self._session.run(self._reader.fetches, {self._tensor: part})
            answers = self._reader.read(dict(zip(self._reader.fetches, outputs, strict=True)), len(part))
            parts.append(
                answers.prediction.to_numpy() if answers.probabilities is None else answers.probabilities
            )
        return np.concatenate(parts)


def _values(feature: columns.Column, rows: np.ndarray) -> Column:
    if feature.kind != "string":
        return Column(feature.numbers[rows])
    codes = feature.codes[rows]
    # A missing text is the empty one, which stands behind the others.
    return Column(np.where(codes < 0, len(feature.texts), codes), [*feature.texts, ""])
