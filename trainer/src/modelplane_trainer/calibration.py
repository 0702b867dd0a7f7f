"""Probability calibration: maps an estimator's probabilities to the shares that were seen.

The map is fitted on predictions that each row got from an estimator that had not seen it
(cross-validation), one class against the rest (Zadrozny & Elkan 2002), and becomes part of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from scipy.optimize import minimize
from scipy.special import expit, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression

from .failures import unfit

METHODS = ("isotonic", "sigmoid")
FOLDS = 5
# A graph's probabilities are float32: steeper steps, or log odds further out, would show their rounding.
NARROWEST_STEP = 0.005
SMALLEST_PROBABILITY = 1e-4
FEWEST_ISOTONIC_ROWS = 1_000


@dataclass(frozen=True)
class Isotonic:
    """A rising line through knots that are NARROWEST_STEP apart.

    Attributes:
        x, y: float64 [knots].
    """

    x: np.ndarray
    y: np.ndarray

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        return np.interp(probability, self.x, self.y)


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-(slope * log odds + intercept))) (Platt 1999)."""

    slope: float
    intercept: float

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        return expit(self.slope * (np.log(clipped) - np.log1p(-clipped)) + self.intercept)


class CalibratedClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities pass through one map a class.

    Args:
        model: the classifier.
        maps: one for the second of two classes, else one a class in their order.
    """

    def __init__(self, model: Any, maps: list[Isotonic | Sigmoid]) -> None:
        self.model = model
        self.maps = maps

    def fit(self, _X: Any, _y: Any) -> CalibratedClassifier:
        """It is made of fitted parts; a pipeline asks for the method."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> np.ndarray:
        return self.model.classes_

    def predict_proba(self, X: Any) -> np.ndarray:
        """float64 [rows, classes]."""
        return calibrated(self.model.predict_proba(X), self.maps)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class's index, [rows]; the first where several are."""
        return np.argmax(self.predict_proba(X), axis=1)


def calibrated(probabilities: np.ndarray, maps: list[Isotonic | Sigmoid]) -> np.ndarray:
    """Probabilities [rows, classes] through the maps; beyond two classes scaled to a sum of one."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if len(maps) == 1:
        second = maps[0](probabilities[:, 1])
        return np.column_stack([1 - second, second])
    each = np.column_stack([one(probabilities[:, place]) for place, one in enumerate(maps)])
    each = np.maximum(each, SMALLEST_PROBABILITY)
    return each / each.sum(axis=1, keepdims=True)


def fit_maps(method: str, probabilities: np.ndarray, y: np.ndarray) -> list[Isotonic | Sigmoid]:
    """Fit the maps.

    Args:
        method: isotonic or sigmoid.
        probabilities: of rows that their estimator had not seen, [rows, classes].
        y: their class index, [rows].
    """
    fit = _isotonic if method == "isotonic" else _sigmoid
    places = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return [fit(probabilities[:, place].astype(np.float64), y == place) for place in places]


def folds_of(y: np.ndarray, labels: list[Any]) -> int:
    """How many parts the training rows are cut into: every class needs a row in each.

    Raises:
        JobFailure: a class has too few rows.
    """
    counts = np.bincount(y, minlength=len(labels))
    rarest = int(np.argmin(counts))
    if counts[rarest] < 2:
        raise unfit(
            f"calibration needs at least two training rows of every class, but '{labels[rarest]}' has "
            f"{counts[rarest]}; add rows, merge the class or leave calibration out."
        )
    return min(FOLDS, int(counts[rarest]))


def _isotonic(probability: np.ndarray, happened: np.ndarray) -> Isotonic:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability, happened)
    # The fit is a staircase. At each knot it is averaged over half a step to either side.
    knots = np.linspace(0, 1, round(1 / NARROWEST_STEP) + 1)
    around = knots[:, None] + np.linspace(-0.5, 0.5, 21) * NARROWEST_STEP
    return Isotonic(knots, fitted.predict(around.reshape(-1)).reshape(around.shape).mean(axis=1))


def _sigmoid(probability: np.ndarray, happened: np.ndarray) -> Sigmoid:
    """Platt's targets keep the map finite where the classes do not overlap."""
    positives = int(happened.sum())
    negatives = len(happened) - positives
    target = np.where(happened, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    odds = np.log(clipped) - np.log1p(-clipped)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        mapped = expit(parameters[0] * odds + parameters[1])
        value = -np.sum(xlogy(target, mapped) + xlogy(1 - target, 1 - mapped))
        return value, np.array([np.sum((mapped - target) * odds), np.sum(mapped - target)])

    start = np.array([1.0, 0.0])
    slope, intercept = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    return Sigmoid(float(slope), float(intercept))


def add_to_graph(graph: onnx.GraphProto, source: str, output: str, maps: list[Isotonic | Sigmoid]) -> None:
    """Append nodes that compute `calibrated` from the tensor `source` [rows, classes] into `output`."""
    constants = _Constants(graph)

    def node(kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        graph.node.append(onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    axis = constants.integers("calibration_axis", [1])
    columns = []
    for number, one in enumerate(maps):
        place = constants.integers(f"calibration_place_{number}", [1 if len(maps) == 1 else number])
        column = node("Gather", [source, place], f"calibration_in_{number}", axis=1)
        columns.append(_map_nodes(one, column, number, node, constants))
    if len(maps) == 1:
        one = constants.floats("calibration_one", [1.0])
        node("Concat", [node("Sub", [one, columns[0]], "calibration_first"), columns[0]], output, axis=1)
        return
    floor = constants.floats("calibration_floor", [SMALLEST_PROBABILITY])
    raised = node("Max", [node("Concat", columns, "calibration_each", axis=1), floor], "calibration_raised")
    node("Div", [raised, node("ReduceSum", [raised, axis], "calibration_sum")], output)


def _map_nodes(one: Isotonic | Sigmoid, column: str, number: int, node, constants: _Constants) -> str:
    """The nodes of one map: [rows, 1] to [rows, 1]."""

    def name(part: str) -> str:
        return f"calibration_{part}_{number}"

    if isinstance(one, Sigmoid):
        low = constants.scalar(name("low"), SMALLEST_PROBABILITY)
        high = constants.scalar(name("high"), 1 - SMALLEST_PROBABILITY)
        clipped = node("Clip", [column, low, high], name("clipped"))
        whole = constants.floats(name("whole"), [1.0])
        rest = node("Sub", [whole, clipped], name("rest"))
        odds = node("Log", [node("Div", [clipped, rest], name("ratio"))], name("odds"))
        scaled = node("Mul", [odds, constants.floats(name("slope"), [one.slope])], name("scaled"))
        moved = node("Add", [scaled, constants.floats(name("intercept"), [one.intercept])], name("moved"))
        return node("Sigmoid", [moved], name("out"))
    # The sum over the pieces of how far the probability has come in each, times the piece's slope.
    widths, rises = np.diff(one.x), np.diff(one.y)
    begun = node("Sub", [column, constants.floats(name("knots"), one.x[:-1])], name("begun"))
    above = node("Max", [begun, constants.floats(name("zero"), [0.0])], name("above"))
    within = node("Min", [above, constants.floats(name("widths"), widths)], name("within"))
    slopes = constants.floats(name("slopes"), (rises / widths).reshape(-1, 1), [len(widths), 1])
    risen = node("MatMul", [within, slopes], name("risen"))
    return node("Add", [risen, constants.floats(name("base"), [one.y[0]])], name("out"))


class _Constants:
    """Adds initializers to a graph and returns their names."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph

    def floats(self, name: str, values: Any, shape: list[int] | None = None) -> str:
        return self._add(name, onnx.TensorProto.FLOAT, np.asarray(values, dtype=np.float32), shape)

    def scalar(self, name: str, value: float) -> str:
        return self._add(name, onnx.TensorProto.FLOAT, np.asarray([value], dtype=np.float32), [])

    def integers(self, name: str, values: list[int]) -> str:
        return self._add(name, onnx.TensorProto.INT64, np.asarray(values, dtype=np.int64), None)

    def _add(self, name: str, kind: int, values: np.ndarray, shape: list[int] | None) -> str:
        dimensions = [len(values)] if shape is None else shape
        tensor = onnx.helper.make_tensor(name, kind, dimensions, values.reshape(-1).tolist())
        self._graph.initializer.append(tensor)
        return name
