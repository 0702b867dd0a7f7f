"""What a graph answers, as columns: the same numbers as `POST /predictions` gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..ties import most_probable

NOT_FINITE = "the model has no finite answer for these values; check for extreme ones"
# What rounding may make of probabilities that are right; libs/inference/src/answers.ts has these, too.
_RANGE_TOLERANCE = 1e-4
_SUM_TOLERANCE = 1e-3
_LABEL_TOLERANCE = 1e-5


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


def by_threshold(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Class indexes [rows]: the second of two classes wherever its probability reaches the threshold."""
    return (probabilities[:, 1] >= threshold).astype(np.int64)


class AnswerReader:
    """Reads outputs by a signature.

    Args:
        output: `output` of the signature.
        is_uploaded: whether answers are held to the signature, which nothing but a trial has proven.
        threshold: probability from which on the second of two classes is answered; None: the likelier is.
    """

    def __init__(
        self, output: dict[str, Any], is_uploaded: bool = False, threshold: float | None = None
    ) -> None:
        self._output, self._is_uploaded, self._threshold = output, is_uploaded, threshold
        self.fetches = [
            output[role]
            for role in ("label_tensor", "probabilities_tensor", "value_tensor")
            if output.get(role) is not None
        ]
        self.labels = label_array(output["labels"]) if output["type"] == "classification" else None
        if output.get("label_encoding") == "value":
            self._places = {text_of(label): place for place, label in enumerate(output["labels"])}

    @property
    def columns(self) -> list[pa.Field]:
        """Prediction, then one probability a class."""
        if self.labels is None:
            return [pa.field("prediction", pa.float64())]
        names = self.probability_names if self._output["probabilities_tensor"] is not None else []
        return [pa.field("prediction", self.labels.type), *(pa.field(name, pa.float64()) for name in names)]

    @property
    def probability_names(self) -> list[str]:
        return [f"probability_{text_of(label)}" for label in self._output["labels"]]

    def read(self, outputs: dict[str, np.ndarray], rows: int) -> Answers:
        """
        Raises:
            UnusableAnswer: an output has not one value a row.
        """
        if self.labels is None:
            values = self._flat(outputs, "value_tensor", rows).astype(np.float64) + self._output.get(
                "offset", 0
            )
            return Answers(pa.array(values), None, self._not_finite("value_tensor", np.isfinite(values)))
        probabilities = self._probabilities(outputs, rows)
        if self._output["label_tensor"] is None:
            places = most_probable(probabilities)
        else:
            places = self._places_of(self._flat(outputs, "label_tensor", rows))
        outside = (places < 0) | (places >= len(self.labels))
        places = np.where(outside, 0, places)
        faults: dict[int, str] = {}
        if probabilities is not None and self._is_uploaded:
            faults |= self._broken_words(probabilities, places)
        faults |= self._unknown_classes(outputs, np.flatnonzero(outside).tolist())
        if probabilities is not None:
            faults |= self._not_finite("probabilities_tensor", np.isfinite(probabilities).all(axis=1))
        if self._threshold is not None:
            places = by_threshold(probabilities, self._threshold)
        return Answers(self.labels.take(pa.array(places)), probabilities, faults)

    def _not_finite(self, role: str, is_finite: np.ndarray) -> dict[int, str]:
        fault = f"the output '{self._output[role]}' is NaN or infinite"
        return dict.fromkeys(np.flatnonzero(~is_finite).tolist(), self._reason(fault))

    def _reason(self, fault: str) -> str:
        """An output of an uploaded model is for its maker to mend; a trained model meets extreme values."""
        return f"the uploaded model cannot answer this: {fault}" if self._is_uploaded else NOT_FINITE

    def _unknown_classes(self, outputs: dict[str, np.ndarray], rows: list[int]) -> dict[int, str]:
        if not rows:
            return {}
        name, count = self._output["label_tensor"], len(self._output["labels"])
        is_value = self._output.get("label_encoding") == "value"
        allowed = f"none of its {count} labels" if is_value else f"no index from 0 to {count - 1}"
        answered = outputs[name].reshape(-1)[rows].tolist()
        return {
            row: self._reason(f"the output '{name}' is {_shown(label)}, {allowed}")
            for row, label in zip(rows, answered, strict=True)
        }

    def _broken_words(self, probabilities: np.ndarray, places: np.ndarray) -> dict[int, str]:
        """What is wrong in rows whose probabilities are none, or whose label is not the most probable."""
        name, label, labels = (
            self._output[key] for key in ("probabilities_tensor", "label_tensor", "labels")
        )
        with np.errstate(invalid="ignore"):
            sums, largest = probabilities.sum(axis=1), probabilities.max(axis=1)
        answered = probabilities[np.arange(len(places)), places]
        is_outside = (probabilities.min(axis=1) < -_RANGE_TOLERANCE) | (largest > 1 + _RANGE_TOLERANCE)
        is_other_sum = np.abs(sums - 1) > _SUM_TOLERANCE
        faults: dict[int, str] = {}
        for row in np.flatnonzero(is_outside | is_other_sum | (answered < largest - _LABEL_TOLERANCE)):
            shown = ", ".join(f"{value:.4f}" for value in probabilities[row, :5])
            said = f"'{name}' says the probabilities [{shown}{', …' if len(labels) > 5 else ''}]"
            if is_outside[row]:
                fault = f"{said}, not all of them within 0 to 1"
            elif is_other_sum[row]:
                fault = f"{said}, which sum to {sums[row]:.4f} and not to 1"
            else:
                best = _shown(labels[int(probabilities[row].argmax())])
                fault = (
                    f"'{label}' is {_shown(labels[places[row]])}, of probability {answered[row]:.4f}, "
                    f"and '{name}' says {largest[row]:.4f} of {best}"
                )
            faults[int(row)] = self._reason(f"the output {fault}")
        return faults

    def _places_of(self, labels: np.ndarray) -> np.ndarray:
        if self._output.get("label_encoding") != "value":
            return labels.astype(np.int64)
        found = (self._places.get(text_of(plain), -1) for plain in labels.tolist())
        return np.fromiter(found, np.int64, len(labels))

    def _probabilities(self, outputs: dict[str, np.ndarray], rows: int) -> np.ndarray | None:
        name = self._output["probabilities_tensor"]
        if name is None:
            return None
        flat = outputs[name].reshape(-1).astype(np.float64)
        classes = len(self.labels)
        are_logits = self._output.get("probabilities") == "logits"
        if classes == 2 and len(flat) == rows:
            second = _sigmoid(flat) if are_logits else flat
            return np.column_stack([1 - second, second])
        if len(flat) != rows * classes:
            raise UnusableAnswer(f"the model's output '{name}' has {len(flat)} values for {rows} rows")
        values = flat.reshape(rows, classes)
        return _softmax(values) if are_logits else values

    def _flat(self, outputs: dict[str, np.ndarray], role: str, rows: int) -> np.ndarray:
        name = self._output[role]
        flat = outputs[name].reshape(-1)
        if len(flat) != rows:
            raise UnusableAnswer(f"the model's output '{name}' has {len(flat)} values for {rows} rows")
        return flat


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        # A logit that is not finite has no probability, as every answer that is not finite.
        return np.where(np.isfinite(logits), 1 / (1 + np.exp(-logits)), np.nan)


def _softmax(logits: np.ndarray) -> np.ndarray:
    """The largest of each row is taken away first, so that none overflows; [rows, classes]."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
    # A row of which one logit is not finite has no answer.
    return np.where(np.isfinite(logits).all(axis=1, keepdims=True), probabilities, np.nan)


def label_array(labels: list[Any]) -> pa.Array:
    """The classes as one column."""
    try:
        return pa.array(labels)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Classes of several types have no common column but text.
        return pa.array([text_of(label) for label in labels])


def text_of(label: Any) -> str:
    """As JavaScript writes it: 1 for 1.0, true for True."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    if isinstance(label, str):
        return label
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return json.dumps(label)


def _shown(label: Any) -> str:
    """In a message: a text in quotes, and not all of a long one."""
    if isinstance(label, bytes):
        label = label.decode("utf-8", "replace")
    return json.dumps(label[:80], ensure_ascii=False) if isinstance(label, str) else text_of(label)
