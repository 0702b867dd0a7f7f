"""Columns of a block as what a graph is fed: a tensor each of the whole graph, or the one of its core."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..timestamps import parts_of

_DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "string": object,
}


@dataclass
class Column:
    """A feature's values, all of which the model can take.

    Attributes:
        data: [rows]; see `Values`.
        texts: of a text feature, what stands at the places that `data` names.
    """

    data: np.ndarray
    texts: list[str] | None = None


def seen_of(numbers: np.ndarray, each: dict[str, Any]) -> np.ndarray:
    """Numbers as a model sees them: float32 [rows], less what the signature takes away in float64."""
    offset = each.get("offset", 0)
    return (numbers - offset if offset else numbers).astype(np.float32, copy=False)


class WholeTensors:
    """The inputs of the whole graph, and of an uploaded one.

    Args:
        inputs: `inputs` of the signature.
    """

    def __init__(self, inputs: list[dict[str, Any]]) -> None:
        self._inputs = inputs
        self._shared = Counter(each["tensor"] for each in inputs)
        self.width = len(inputs)

    def of(self, columns: list[Column]) -> dict[str, np.ndarray]:
        """Tensors by name, for one column a feature."""
        feeds: dict[str, np.ndarray] = {}
        rows = len(columns[0].data)
        for each, column in zip(self._inputs, columns, strict=True):
            if each["type"] == "timestamp":
                parts = parts_of(column.data)
                feeds |= {part["tensor"]: parts[part["part"]].reshape(-1, 1) for part in each["parts"]}
                continue
            if column.texts is None:
                data = seen_of(column.data, each) if each["dtype"] == "float32" else column.data
            else:
                data = np.array(column.texts, object)[column.data]
            width, rank = self._shared[each["tensor"]], each.get("rank", 2)
            if width == 1 and data.dtype == np.float32 and rank == 2:
                feeds[each["tensor"]] = data.reshape(-1, 1)
                continue
            tensor = feeds.get(each["tensor"])
            if tensor is None:
                shape = (rows,) if rank == 1 else (rows, width)
                tensor = feeds[each["tensor"]] = np.empty(shape, _DTYPES[each["dtype"]])
            tensor.reshape(rows, width)[:, each.get("column", 0)] = data
        return feeds


class CoreTensor:
    """The one input of the core; libs/inference/src/core-columns.ts does the same for single predictions.

    Every step is one of float32, so that the bits are those that the whole graph would make.

    Args:
        inputs: `inputs` of the signature.
        core: `core` of the signature.
    """

    def __init__(self, inputs: list[dict[str, Any]], core: dict[str, Any]) -> None:
        self._inputs, self._tensor = inputs, core["tensor"]
        self.width = len(core["columns"])
        slots: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for at, each in enumerate(core["columns"]):
            slots.setdefault(each["tensor"], []).append((at, each))
        self._slots = slots
        self._hot = {tensor: _hot_places(own) for tensor, own in slots.items()}
        self._orders = {
            at: {text: place for place, text in enumerate(each["ordinal"])}
            for at, each in enumerate(core["columns"])
            if "ordinal" in each
        }

    def of(self, columns: list[Column]) -> dict[str, np.ndarray]:
        """The tensor, for one column a feature."""
        matrix = np.zeros((len(columns[0].data), self.width), np.float32)
        for each, column in zip(self._inputs, columns, strict=True):
            if each["type"] == "timestamp":
                parts = parts_of(column.data)
                for part in each["parts"]:
                    self._write_numbers(matrix, part["tensor"], parts[part["part"]])
            elif each["type"] == "string":
                self._write_texts(matrix, each["tensor"], column)
            else:
                self._write_numbers(matrix, each["tensor"], seen_of(column.data, each))
        return {self._tensor: matrix}

    def _write_numbers(self, matrix: np.ndarray, tensor: str, numbers: np.ndarray) -> None:
        for at, slot in self._slots[tensor]:
            known = numbers
            if "missing" in slot:
                known = np.where(np.isnan(numbers), np.float32(slot["missing"]), numbers)
            if "scale" in slot:
                known = (known - np.float32(slot["offset"])) * np.float32(slot["scale"])
            matrix[:, at] = known

    def _write_texts(self, matrix: np.ndarray, tensor: str, column: Column) -> None:
        for at, _ in self._slots[tensor]:
            if (order := self._orders.get(at)) is not None:
                places = np.array([order.get(text, -1) for text in column.texts], np.float32)
                matrix[:, at] = places[column.data]
        for hot in self._hot[tensor]:
            places = np.array([hot.get(text, -1) for text in column.texts])[column.data]
            rows = np.flatnonzero(places >= 0)
            matrix[rows, places[rows]] = 1


def _hot_places(slots: list[tuple[int, dict[str, Any]]]) -> list[dict[str, int]]:
    """Column by text; where a text has several columns, a dictionary each."""
    found: list[dict[str, int]] = []
    for at, slot in slots:
        if "equals" not in slot:
            continue
        places = next((each for each in found if slot["equals"] not in each), None)
        if places is None:
            found.append(places := {})
        places[slot["equals"]] = at
    return found
