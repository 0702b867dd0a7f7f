"""k nearest neighbours whose distances are exact, in Python as in the graph.

On integer and one-hot columns many rows are equally far, and whichever rounding two libraries do decides
between them. Here values are whole multiples of a small step, so that squares and their sums are whole
numbers below 2**53: float64 holds them exactly in any order of summation, a tie is a tie everywhere, and
the row that stands first in the training data wins it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ..failures import unfit
from ..progress import Progress
from .task import Task

# The graph holds them all and compares each prediction with each; docs/decisions/0025.
MOST_ROWS = 10_000
MOST_VALUES = 1_000_000
# Standard deviations from the mean beyond which a value is as far as it gets; a power of two.
FARTHEST = 64
# Distances that are looked at together.
_BLOCK = 1 << 22
DOUBLE = onnx.TensorProto.DOUBLE


class _Neighbors(BaseEstimator):
    """What classification and regression share.

    Args:
        n_neighbors: how many training rows decide.
        weights: uniform, or distance: each counts by the inverse of its distance.

    Attributes:
        mean_, scale_: float64 [columns]; what a value's distance from the mean is measured in.
        steps_: how many steps make one of these, a power of two.
        rows_: whole numbers of steps, float64 [training rows, columns].
        outcomes_: float64 [training rows, classes], 1 for the row's class, or [training rows, 1].
    """

    def __init__(self, n_neighbors: int = 5, weights: str = "uniform") -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights

    def _keep(self, X: np.ndarray, outcomes: np.ndarray) -> None:
        X = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        is_flag = np.all((X == 0) | (X == 1), axis=0)
        spread = X.std(axis=0)
        self.mean_ = np.where(is_flag, 0.0, X.mean(axis=0))
        self.scale_ = 1.0 / np.where(is_flag | (spread == 0), 1.0, spread)
        # (2 * FARTHEST * steps)**2 * columns stays below 2**52; float32 holds a value's steps as well.
        room = 52 - int(np.ceil(np.log2(X.shape[1]))) - 2 * int(np.log2(2 * FARTHEST))
        self.steps_ = 2.0 ** min(room // 2, 16)
        self.rows_ = self._in_steps(X)
        self.outcomes_ = outcomes

    def _in_steps(self, X: Any) -> np.ndarray:
        scaled = (np.asarray(X, dtype=np.float64) - self.mean_) * self.scale_
        return np.rint(np.clip(scaled, -FARTHEST, FARTHEST) * self.steps_)

    def _answer(self, X: Any) -> np.ndarray:
        """The neighbours' weighted mean outcome, float64 [rows, outcomes]."""
        queries = self._in_steps(X)
        squares = np.sum(self.rows_**2, axis=1)
        answers = np.empty((len(queries), self.outcomes_.shape[1]))
        block = max(1, _BLOCK // len(squares))
        for start in range(0, len(queries), block):
            part = queries[start : start + block]
            # The query's own square is the same for every row.
            distances = squares - 2 * part @ self.rows_.T
            nearest = _smallest(distances, self.n_neighbors)
            if self.weights == "uniform":
                answers[start : start + block] = self.outcomes_[nearest].mean(axis=1)
                continue
            squared = np.take_along_axis(distances, nearest, axis=1) + np.sum(part**2, axis=1)[:, None]
            weights = _weights(squared)[:, :, None]
            weighted = np.sum(self.outcomes_[nearest] * weights, axis=1)
            answers[start : start + block] = weighted / np.sum(weights, axis=1)
        return answers


class NeighborsClassifier(ClassifierMixin, _Neighbors):
    """Probabilities are the neighbours' shares."""

    def fit(self, X: Any, y: np.ndarray) -> NeighborsClassifier:
        self.classes_ = np.unique(y)
        self._keep(X, (y[:, None] == self.classes_).astype(np.float64))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """float64 [rows, classes]."""
        return self._answer(X)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class's index, [rows]; the first where several are."""
        return self.classes_[np.argmax(self._answer(X), axis=1)]


class NeighborsRegressor(RegressorMixin, _Neighbors):
    """The value is the neighbours' mean."""

    def fit(self, X: Any, y: np.ndarray) -> NeighborsRegressor:
        self._keep(X, np.asarray(y, dtype=np.float64).reshape(-1, 1))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """float64 [rows]."""
        return self._answer(X)[:, 0]


def fit_k_nearest_neighbors(task: Task, progress: Progress) -> _Neighbors:
    """Keep the training rows.

    Raises:
        JobFailure: there are too many, or fewer than `n_neighbors`.
    """
    rows, columns = task.X_train.shape
    most = min(MOST_ROWS, MOST_VALUES // columns)
    if rows > most:
        raise unfit(
            f"k_nearest_neighbors keeps every training row: with {columns} columns, categories counted one "
            f"by one, at most {most}, but there are {rows}; use fewer rows or columns, or another estimator."
        )
    neighbors = task.plan.parameters["n_neighbors"]
    if neighbors > rows:
        raise unfit(f"n_neighbors is {neighbors}, but there are only {rows} training rows.")
    model = (NeighborsClassifier if task.is_classification else NeighborsRegressor)(**task.parameters)
    model.fit(task.X_train, task.y_train)
    predict = model.predict_proba if task.is_classification else model.predict
    progress.step(1, train=predict(task.X_train), validation=predict(task.X_validation))
    return model


def register_converters() -> None:
    """Teach skl2onnx these estimators."""
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind, shape, more in (
        (NeighborsClassifier, calculate_linear_classifier_output_shapes, {"options": options}),
        (NeighborsRegressor, calculate_linear_regressor_output_shapes, {}),
    ):
        update_registered_converter(kind, f"Modelplane{kind.__name__}", shape, _convert, **more)


def _smallest(distances: np.ndarray, count: int) -> np.ndarray:
    """The places of each row's smallest values, nearest first, equal ones in their order: [rows, count]."""
    places = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
    last = np.max(np.take_along_axis(distances, places, axis=1), axis=1, keepdims=True)
    for row in np.flatnonzero(np.sum(distances <= last, axis=1) > count):
        # More are as far as the last one than there is room for.
        closer = np.flatnonzero(distances[row] < last[row])
        equal = np.flatnonzero(distances[row] == last[row])
        places[row] = np.sort(np.concatenate([closer, equal[: count - len(closer)]]))
    order = np.argsort(np.take_along_axis(distances, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def _weights(squared: np.ndarray) -> np.ndarray:
    """Inverse distances, float64 [rows, neighbours]; where a neighbour is at no distance only such count."""
    same = squared == 0
    inverse = 1 / np.sqrt(np.maximum(squared, 1))
    return np.where(same.any(axis=1, keepdims=True), same, inverse)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """The same in ONNX: one product of matrices, the smallest distances, their rows' outcomes."""
    model = operator.raw_operator

    def constant(name: str, kind: int, values: Any) -> str:
        values = np.asarray(values)
        unique = scope.get_unique_variable_name(name)
        container.add_initializer(unique, kind, values.shape, values.reshape(-1).tolist())
        return unique

    def node(kind: str, inputs: list[str], outputs: int = 1, version: int = 13, **attributes: Any) -> Any:
        names = [scope.get_unique_variable_name(kind.lower()) for _ in range(outputs)]
        container.add_node(
            kind, inputs, names, op_version=version, name=scope.get_unique_operator_name(kind), **attributes
        )
        return names[0] if outputs == 1 else names

    def double(name: str, values: Any) -> str:
        return constant(name, DOUBLE, np.asarray(values, dtype=np.float64))

    X = node("Cast", [operator.inputs[0].full_name], to=DOUBLE)
    scaled = node("Mul", [node("Sub", [X, double("mean", model.mean_)]), double("scale", model.scale_)])
    clipped = node("Clip", [scaled, double("least", -FARTHEST), double("most", FARTHEST)])
    queries = node("Round", [node("Mul", [clipped, double("steps", model.steps_)])], version=11)
    # Whole numbers below 2**24, so that float32 halves the file and loses nothing.
    kept = constant("rows", onnx.TensorProto.FLOAT, model.rows_.T.astype(np.float32))
    doubled = node("Mul", [queries, double("two", -2.0)])
    products = node("MatMul", [doubled, node("Cast", [kept], to=DOUBLE)])
    distances = node("Add", [products, double("squares", np.sum(model.rows_**2, axis=1))])
    count = constant("count", onnx.TensorProto.INT64, [model.n_neighbors])
    nearest, places = node("TopK", [distances, count], 2, version=11, axis=1, largest=0, sorted=1)
    outcomes = node("Gather", [double("outcomes", model.outcomes_), places])
    one = constant("axis", onnx.TensorProto.INT64, [1])
    if model.weights == "uniform":
        total = node("ReduceSum", [outcomes, one], keepdims=0)
        answer = node("Div", [total, double("neighbors", model.n_neighbors)])
    else:
        own = node("ReduceSum", [node("Mul", [queries, queries]), one], keepdims=1)
        squared = node("Add", [nearest, own])
        same = node("Cast", [node("Equal", [squared, double("zero", 0.0)])], to=DOUBLE)
        distance = node("Sqrt", [node("Max", [squared, double("step", 1.0)])])
        inverse = node("Div", [double("whole", 1.0), distance])
        is_same = node("Greater", [node("ReduceSum", [same, one], keepdims=1), double("none", 0.0)])
        weights = node("Where", [is_same, same, inverse])
        last = constant("last_axis", onnx.TensorProto.INT64, [2])
        weighted = node("Mul", [outcomes, node("Unsqueeze", [weights, last])])
        total = node("ReduceSum", [weights, one], keepdims=1)
        answer = node("Div", [node("ReduceSum", [weighted, one], keepdims=0), total])
    single = node("Cast", [answer], to=onnx.TensorProto.FLOAT)
    outputs = [variable.full_name for variable in operator.outputs]
    container.add_node("Identity", [single], [outputs[-1]], name=scope.get_unique_operator_name("Answer"))
    if len(outputs) == 2:
        container.add_node(
            "ArgMax",
            [answer],
            [outputs[0]],
            op_version=13,
            axis=1,
            keepdims=0,
            name=scope.get_unique_operator_name("Label"),
        )
