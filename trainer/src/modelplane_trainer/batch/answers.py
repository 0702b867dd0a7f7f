"""What a graph answers, as columns: the same numbers as `POST /predictions` gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..ties import most_probable

NOT_FINITE = "the model has no finite answer for these values; check for extreme ones"


class UnusableAnswer(Exception):
    """The graph's outputs do not have the shape that the signature says."""


@dataclass
class Answers:
    """Answers for some rows.

    Attributes:
        prediction: the predicted class as the data names it, or the predicted number; [rows].
        probabilities: float64 [rows, classes], or None.
        faults: per row, why its answer is none.
    """

    prediction: pa.Array
    probabilities: np.ndarray | None
    faults: dict[int, str]


class AnswerReader:
    """Reads outputs by a signature.

    Args:
        output: `output` of the signature.
    """

    def __init__(self, output: dict[str, Any]) -> None:
        self._output = output
        self.fetches = [
            output[role]
            for role in ("label_tensor", "probabilities_tensor", "value_tensor")
            if output.get(role) is not None
        ]
        self._labels = _label_array(output["labels"]) if output["type"] == "classification" else None
        if output.get("label_encoding") == "value":
            self._places = {_text_of(label): place for place, label in enumerate(output["labels"])}

    @property
    def columns(self) -> list[pa.Field]:
        """Prediction, then one probability a class."""
        if self._labels is None:
            return [pa.field("prediction", pa.float64())]
        names = self.probability_names if self._output["probabilities_tensor"] is not None else []
        return [pa.field("prediction", self._labels.type), *(pa.field(name, pa.float64()) for name in names)]

    @property
    def probability_names(self) -> list[str]:
        return [f"probability_{_text_of(label)}" for label in self._output["labels"]]

    def read(self, outputs: dict[str, np.ndarray], rows: int) -> Answers:
        """
        Raises:
            UnusableAnswer: an output has not one value a row.
        """
        if self._labels is None:
            values = self._flat(outputs, "value_tensor", rows).astype(np.float64) + self._output.get(
                "offset", 0
            )
            return Answers(pa.array(values), None, _faults(~np.isfinite(values), NOT_FINITE))
        probabilities = self._probabilities(outputs, rows)
        faults: dict[int, str] = {}
        if probabilities is not None:
            faults = _faults(~np.isfinite(probabilities).all(axis=1), NOT_FINITE)
        if self._output["label_tensor"] is None:
            places = most_probable(probabilities)
        else:
            places = self._places_of(self._flat(outputs, "label_tensor", rows))
        outside = (places < 0) | (places >= len(self._labels))
        faults |= _faults(outside, f"the model predicted a class that is none of its {len(self._labels)}")
        prediction = self._labels.take(pa.array(np.where(outside, 0, places)))
        return Answers(prediction, probabilities, faults)

    def _places_of(self, labels: np.ndarray) -> np.ndarray:
        if self._output.get("label_encoding") != "value":
            return labels.astype(np.int64)
        found = (self._places.get(_text_of(plain), -1) for plain in labels.tolist())
        return np.fromiter(found, np.int64, len(labels))

    def _probabilities(self, outputs: dict[str, np.ndarray], rows: int) -> np.ndarray | None:
        name = self._output["probabilities_tensor"]
        if name is None:
            return None
        flat = outputs[name].reshape(-1)
        classes = len(self._labels)
        if classes == 2 and len(flat) == rows:
            second = flat.astype(np.float64)
            return np.column_stack([1 - second, second])
        if len(flat) != rows * classes:
            raise UnusableAnswer(f"the model's output '{name}' has {len(flat)} values for {rows} rows")
        return flat.reshape(rows, classes).astype(np.float64)

    def _flat(self, outputs: dict[str, np.ndarray], role: str, rows: int) -> np.ndarray:
        name = self._output[role]
        flat = outputs[name].reshape(-1)
        if len(flat) != rows:
            raise UnusableAnswer(f"the model's output '{name}' has {len(flat)} values for {rows} rows")
        return flat


def _faults(where: np.ndarray, reason: str) -> dict[int, str]:
    return dict.fromkeys(np.flatnonzero(where).tolist(), reason)


def _label_array(labels: list[Any]) -> pa.Array:
    try:
        return pa.array(labels)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Classes of several types have no common column but text.
        return pa.array([_text_of(label) for label in labels])


def _text_of(label: Any) -> str:
    """As JavaScript writes it: 1 for 1.0, true for True."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    if isinstance(label, str):
        return label
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return json.dumps(label)
