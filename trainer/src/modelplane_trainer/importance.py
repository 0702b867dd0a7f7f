"""Permutation importance (Breiman 2001): how much worse a model does once a column says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dataset import Dataset
from .evaluation import SMALLEST_PROBABILITY
from .served import ServedModel

REPEATS = 5
MOST_ROWS = 2_000
# Predicted rows in all, whatever the width: a wide model is measured on fewer of them.
MOST_PREDICTIONS = 500_000
FEWEST_ROWS = 50


def importance(served: ServedModel, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Shuffle one feature at a time over validation rows and measure the loss.

    Args:
        served: the model, whose encoded columns are shuffled: those of a text or a time together.
        dataset: the job's data.
        seed: the job's.

    Returns:
        metric, loss, rows, repeats, seed, and `features`: name, mean and std of the increase in loss
        (log loss, or squared error), the most important first.
    """
    random = np.random.default_rng(seed)
    names = [column.name for column in dataset.features]
    rows, repeats = _bounds(len(dataset.validation), len(names))
    chosen = dataset.validation[np.sort(random.permutation(len(dataset.validation))[:rows])]
    matrix = served.encode(dataset.features, chosen)
    truth, classifies = dataset.target.values[chosen], dataset.target.labels is not None
    loss = float(_losses(served.answer(matrix), truth, classifies).mean())
    stacked = np.tile(matrix, (repeats, 1))
    features = []
    for name, columns in zip(names, served.columns, strict=True):
        order = np.concatenate([random.permutation(rows) for _ in range(repeats)])
        stacked[:, columns] = matrix[np.ix_(order, columns)]
        losses = _losses(served.answer(stacked), np.tile(truth, repeats), classifies)
        stacked[:, columns] = np.tile(matrix[:, columns], (repeats, 1))
        increases = losses.reshape(repeats, rows).mean(axis=1) - loss
        features.append({"name": name, "mean": float(np.mean(increases)), "std": float(np.std(increases))})
    features.sort(key=lambda each: -each["mean"])
    return {
        "metric": "log_loss" if classifies else "squared_error",
        "loss": loss,
        "rows": rows,
        "repeats": repeats,
        "seed": seed,
        "features": features,
    }


def _bounds(rows: int, features: int) -> tuple[int, int]:
    """Rows and repeats that keep the cost below MOST_PREDICTIONS."""
    repeats = REPEATS if features <= 200 else 1
    affordable = max(FEWEST_ROWS, MOST_PREDICTIONS // (features * repeats))
    return min(rows, MOST_ROWS, affordable), repeats


def _losses(answers: np.ndarray, truth: np.ndarray, classifies: bool) -> np.ndarray:
    """The loss of each row; float64 [rows].

    Args:
        answers: probabilities [rows, classes], or values [rows].
        truth: class index or value, [rows].
    """
    if not classifies:
        return (answers - truth) ** 2
    return -np.log(np.clip(answers[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1))
