"""How much a model depends on each feature, found within a budget of time.

`permutation` (Breiman 2001) is how much worse the model does once a feature says nothing: its values are
shuffled among validation rows. `fast` asks the model itself where that is possible: the share of the gain
that splits on the feature had, or the spread of the feature's term in a linear model. Other models are
shuffled over few rows.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from . import own_importance
from .dataset import Dataset
from .evaluation import SMALLEST_PROBABILITY
from .events import EventWriter
from .plan import Plan
from .served import ServedModel

REPEATS = 5
MOST_ROWS = 2_000
# Predicted rows in all, whatever the width: a wide model is measured on fewer of them.
MOST_PREDICTIONS = 500_000
FEWEST_ROWS = 50
# What `fast` shuffles where a model tells nothing by itself.
FAST_ROWS = 200
# Features that are shuffled for one run fill a matrix of 64 MB, and take about this long.
_VALUES_A_BATCH = 1 << 24
_SECONDS_A_BATCH = 2.0


def importance(
    plan: Plan, model: Any, served: ServedModel, dataset: Dataset, events: EventWriter
) -> dict[str, Any] | None:
    """The importance of every feature, as the plan asks for it.

    Args:
        plan: says how, and how long it may take.
        model: the fitted estimator.
        served: the same as servers run it, whose encoded columns are shuffled: those of a text or a time
            together.
        dataset: the job's data.
        events: told how far it is, and what was left out.

    Returns:
        None for `none`, else method (permutation, gain or coefficient), metric, loss, rows, repeats, seed,
        left_out (features, repeats and rows that the time did not suffice for), and `features`: name, mean
        and std, the most important first. Of permutation, mean and std are of the increase in loss (log loss,
        or squared error), null for features that were left out.
    """
    if plan.importance == "none":
        return None
    found = _of_the_model(model, served, dataset, plan.seed) if plan.importance == "fast" else None
    if found is None:
        found = _permutation(plan, model, served, dataset, events)
    found["features"].sort(key=lambda each: -np.inf if each["mean"] is None else each["mean"], reverse=True)
    return found


def _of_the_model(model: Any, served: ServedModel, dataset: Dataset, seed: int) -> dict[str, Any] | None:
    gains = own_importance.gains(model, served.width)
    weights = own_importance.coefficients(model)
    if gains is not None:
        total = float(gains.sum()) or 1.0
        sizes = [float(gains[columns].sum()) / total for columns in served.columns]
        method, metric, rows = "gain", "share_of_gain", len(dataset.train)
    elif weights is not None:
        chosen = np.random.default_rng(seed).permutation(dataset.train)[:MOST_ROWS]
        matrix = served.encode(dataset.features, chosen).astype(np.float64)
        sizes = [_spread(matrix[:, columns] @ weights[:, columns].T) for columns in served.columns]
        method, metric, rows = "coefficient", "deviation_of_term", len(chosen)
    else:
        return None
    return {
        "method": method,
        "metric": metric,
        "loss": None,
        "rows": rows,
        "repeats": 1,
        "seed": seed,
        "left_out": {"features": 0, "repeats": 0, "rows": 0},
        "features": [
            {"name": column.name, "mean": size, "std": None}
            for column, size in zip(dataset.features, sizes, strict=True)
        ],
    }


def _spread(terms: np.ndarray) -> float:
    """The standard deviation of a feature's term, [rows, classes]; its root mean square over classes."""
    return float(np.sqrt(np.mean(np.var(terms, axis=0))))


def _permutation(
    plan: Plan, model: Any, served: ServedModel, dataset: Dataset, events: EventWriter
) -> dict[str, Any]:
    """Shuffle every feature once, then again, until the repeats are done or the time is over."""
    ends = time.monotonic() + plan.importance_seconds
    names = [column.name for column in dataset.features]
    order = _most_used_first(model, served)
    rows, repeats = _bounds(len(dataset.validation), len(order), plan.importance)
    random = np.random.default_rng(plan.seed)
    chosen = random.permutation(dataset.validation)[:rows]
    shuffled = _Shuffled(served, dataset, chosen)
    if (affordable := shuffled.rows_within(plan.importance_seconds, len(order))) < rows:
        shuffled = _Shuffled(served, dataset, chosen[:affordable])
    rounds: list[np.ndarray] = []
    while len(rounds) < repeats:
        # What the model never reads cannot make it worse.
        increases = np.zeros(len(names))
        increases[order] = np.nan
        for first in range(0, len(order), shuffled.features_at_once):
            if (rounds or first) and time.monotonic() > ends:
                break
            batch = order[first : first + shuffled.features_at_once]
            increases[batch] = shuffled.increases(batch, random)
            done = (len(rounds) * len(order) + first + len(batch)) // repeats
            events.step(len(names) - len(order) + done, len(names), "columns")
        if rounds and np.isnan(increases).any():
            break
        rounds.append(increases)
        if np.isnan(increases).any():
            break
    measured = np.array(rounds)
    left_out = {
        "features": int(np.isnan(measured[0]).sum()),
        "repeats": repeats - len(measured),
        "rows": rows - shuffled.rows,
    }
    if any(left_out.values()):
        events.warning(
            f"importance reached its {plan.importance_seconds:g} seconds: "
            f"{len(names) - left_out['features']} of {len(names)} columns were shuffled, {len(measured)} of "
            f"{repeats} times, over {shuffled.rows} of {rows} rows; raise training_config.importance_seconds "
            "or set training_config.importance to fast."
        )
    return {
        "method": "permutation",
        "metric": shuffled.metric,
        "loss": shuffled.loss,
        "rows": shuffled.rows,
        "repeats": len(measured),
        "seed": plan.seed,
        "left_out": left_out,
        "features": [
            {"name": name, "mean": None, "std": None}
            if np.isnan(own[0])
            else {"name": name, "mean": float(np.mean(own)), "std": float(np.std(own))}
            for name, own in zip(names, measured.T, strict=True)
        ],
    }


def _most_used_first(model: Any, served: ServedModel) -> np.ndarray:
    """Places of the features that the model reads, those with the most gain first where it has trees."""
    gains = own_importance.gains(model, served.width)
    places = served.features_read()
    if gains is None:
        return places
    return places[np.argsort([-gains[served.columns[place]].sum() for place in places], kind="stable")]


def _bounds(rows: int, features: int, kind: str) -> tuple[int, int]:
    """Rows and repeats that keep the cost below MOST_PREDICTIONS."""
    if kind == "fast":
        return min(rows, FAST_ROWS), 1
    repeats = REPEATS if features <= 200 else 1
    affordable = max(FEWEST_ROWS, MOST_PREDICTIONS // max(1, features * repeats))
    return min(rows, MOST_ROWS, affordable), repeats


class _Shuffled:
    """Validation rows, of which some features at a time are shuffled.

    Args:
        served: the model.
        dataset: the job's data.
        rows: row numbers.

    Attributes:
        rows: how many there are.
        metric: log_loss or squared_error.
        loss: of the rows as they are.
        features_at_once: how many features are shuffled, each by itself, for one run of the model.
    """

    def __init__(self, served: ServedModel, dataset: Dataset, rows: np.ndarray) -> None:
        self._served, self.rows = served, len(rows)
        matrix = served.encode(dataset.features, rows)
        order = served.alike(matrix)
        self._matrix, self._truth = matrix[order], dataset.target.values[rows][order]
        self._classifies = dataset.target.labels is not None
        self.metric = "log_loss" if self._classifies else "squared_error"
        begun = time.monotonic()
        self.loss = float(self._losses(self._matrix, self._truth).mean())
        self._row_seconds = max(time.monotonic() - begun, 1e-9) / len(rows)
        by_time = _SECONDS_A_BATCH / (self._row_seconds * len(rows))
        self.features_at_once = max(1, int(min(by_time, _VALUES_A_BATCH / self._matrix.size)))

    def rows_within(self, seconds: float, features: int) -> int:
        """Rows of which each feature can be shuffled once in that time; never fewer than FEWEST_ROWS."""
        affordable = int(seconds / (self._row_seconds * max(1, features)))
        return min(len(self._matrix), max(FEWEST_ROWS, affordable))

    def increases(self, features: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """By how much the loss grows when each of the features is shuffled; float64 [features]."""
        rows, width = self._matrix.shape
        # The copies of a row stand side by side: they take the same ways through the trees, see `alike`.
        stacked = np.repeat(self._matrix, len(features), axis=0).reshape(rows, len(features), width)
        for place, feature in enumerate(features):
            columns = self._served.columns[feature]
            stacked[:, place, columns] = self._matrix[np.ix_(random.permutation(rows), columns)]
        losses = self._losses(stacked.reshape(-1, width), np.repeat(self._truth, len(features)))
        return losses.reshape(rows, len(features)).mean(axis=0) - self.loss

    def _losses(self, matrix: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The loss of each row; float64 [rows].

        Args:
            matrix: encoded rows.
            truth: class index or value, [rows].
        """
        answers = self._served.answer(matrix)
        if not self._classifies:
            return (answers - truth) ** 2
        return -np.log(np.clip(answers[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1))
