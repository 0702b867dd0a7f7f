"""Permutation importance (Breiman 2001): how much worse a model does once a column says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from .dataset import Dataset
from .evaluation import SMALLEST_PROBABILITY
from .preprocessing import tensor_names
from .timestamps import PARTS

REPEATS = 5
MOST_ROWS = 2_000
# Predicted rows in all, whatever the width: a wide model is measured on fewer of them.
MOST_PREDICTIONS = 500_000
FEWEST_ROWS = 50


def importance(
    pipeline: Pipeline, dataset: Dataset, validation_frame: pd.DataFrame, seed: int
) -> dict[str, Any]:
    """Shuffle one column at a time over validation rows and measure the loss.

    Returns:
        metric, loss, rows, repeats, seed, and `features`: name, mean and std of the increase in loss
        (log loss, or squared error), the most important first. A time's parts are shuffled together.
    """
    random = np.random.default_rng(seed)
    names = [column.name for column in dataset.features]
    rows, repeats = _bounds(len(validation_frame), len(names))
    chosen = np.sort(random.permutation(len(validation_frame))[:rows])
    sample = validation_frame.iloc[chosen].reset_index(drop=True)
    y = dataset.target.values[dataset.validation][chosen]
    classifies = dataset.target.labels is not None
    loss = float(_losses(pipeline, sample, y, classifies, 1)[0])
    stacked = pd.concat([sample] * repeats, ignore_index=True)
    features = []
    for tensor, column in zip(tensor_names(names), dataset.features, strict=True):
        owned = [f"{tensor}_{part}" for part in PARTS] if column.kind == "timestamp" else [tensor]
        order = np.concatenate([random.permutation(rows) for _ in range(repeats)])
        shuffled = stacked.assign(**{name: sample[name].to_numpy()[order] for name in owned})
        increases = _losses(pipeline, shuffled, y, classifies, repeats) - loss
        features.append(
            {"name": column.name, "mean": float(np.mean(increases)), "std": float(np.std(increases))}
        )
    features.sort(key=lambda each: (-each["mean"], names.index(each["name"])))
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


def _losses(
    pipeline: Pipeline, frame: pd.DataFrame, y: np.ndarray, classifies: bool, repeats: int
) -> np.ndarray:
    """The mean loss of each of the equal blocks that the frame is stacked of, [repeats]."""
    truth = np.tile(y, repeats)
    if classifies:
        probabilities = pipeline.predict_proba(frame)
        chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
        losses = -np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1))
    else:
        losses = (np.asarray(pipeline.predict(frame), dtype=np.float64) - truth) ** 2
    return losses.reshape(repeats, -1).mean(axis=1)
