"""How sure answers are, as columns: the same numbers as `options.return_interval` of a prediction gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..conformal import interval, members
from .answers import label_array

if TYPE_CHECKING:
    from .scoring import Answered


class Certainty:
    """Adds the interval of a regression, or the set of a classification, to answers.

    Args:
        output: `output` of the signature.
        certainty: of the job's specification: `quantile` and `spread` of the calibration.
        is_csv: whether a set is written as JSON, because CSV has no lists.
    """

    def __init__(self, output: dict[str, Any], certainty: dict[str, Any], is_csv: bool) -> None:
        self._quantile, self._spread, self._is_csv = certainty["quantile"], certainty["spread"], is_csv
        self._labels = output["labels"] if output["type"] == "classification" else None

    @property
    def columns(self) -> list[pa.Field]:
        """`prediction_lower` and `prediction_upper`, or `prediction_set`."""
        if self._labels is None:
            return [pa.field(name, pa.float64()) for name in ("prediction_lower", "prediction_upper")]
        kind = pa.string() if self._is_csv else pa.list_(label_array(self._labels).type)
        return [pa.field("prediction_set", kind)]

    def of(self, answered: Answered) -> list[pa.Array]:
        """The columns of these answers."""
        if self._labels is None:
            values = answered.prediction.to_numpy(zero_copy_only=False)
            return [pa.array(ends) for ends in interval(values, self._quantile, self._spread)]
        order, inside = members(answered.probabilities, self._quantile)
        if self._is_csv:
            classes = np.array([json.dumps(label, ensure_ascii=False) for label in self._labels], object)
            pairs = zip(order, inside, strict=True)
            return [pa.array([f"[{','.join(classes[row[kept]])}]" for row, kept in pairs], pa.string())]
        ends = np.concatenate([[0], np.cumsum(inside.sum(axis=1))])
        labels = label_array(self._labels).take(pa.array(order[inside]))
        return [pa.ListArray.from_arrays(pa.array(ends, pa.int32()), labels)]
