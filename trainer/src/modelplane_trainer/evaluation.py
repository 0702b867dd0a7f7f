"""Metrics of a trained model on one part of the data."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

CALIBRATION_BINS = 15
# A log loss stays finite where a class was held impossible.
SMALLEST_PROBABILITY = 1e-15


def classification_metrics(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """accuracy, loss, roc_auc, f1, brier and calibration_error.

    Args:
        y: class index, [rows].
        probabilities: [rows, classes].

    Returns:
        loss is log loss; roc_auc and f1 are of the second class when there are two, else macro
        averages (one against the rest); brier is the mean squared distance to the true class,
        summed over classes and halved, so that it is the usual one for two classes (Brier 1950).
        A metric that is not defined on these rows is None.
    """
    classes = probabilities.shape[1]
    predicted = np.argmax(probabilities, axis=1)
    truth = np.eye(classes)[y]
    chosen = np.clip(probabilities[np.arange(len(y)), y].astype(np.float64), SMALLEST_PROBABILITY, 1)
    return {
        "accuracy": float(np.mean(predicted == y)),
        "loss": float(-np.mean(np.log(chosen))),
        "roc_auc": roc_auc(y, probabilities),
        "f1": float(
            f1_score(y, predicted, zero_division=0)
            if classes == 2
            else f1_score(y, predicted, labels=range(classes), average="macro", zero_division=0)
        ),
        "brier": float(np.mean(np.sum((probabilities - truth) ** 2, axis=1)) / 2),
        "calibration_error": calibration_error(y, probabilities),
    }


def roc_auc(y: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; the mean over classes, each against the rest, beyond two."""
    classes = probabilities.shape[1]
    if classes == 2:
        return float(roc_auc_score(y, probabilities[:, 1])) if len(np.unique(y)) == 2 else None
    areas = [
        roc_auc_score(y == place, probabilities[:, place])
        for place in range(classes)
        if 0 < np.count_nonzero(y == place) < len(y)
    ]
    return float(np.mean(areas)) if areas else None


def calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error over 15 equal-width bins of confidence (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    correct = np.argmax(probabilities, axis=1) == y
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(y))


def regression_metrics(y: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    """loss (mean squared error), rmse, mae and r2; r2 is None where the target does not vary."""
    errors = predicted - y
    squared = float(np.mean(errors**2))
    spread = float(np.sum((y - np.mean(y)) ** 2))
    return {
        "loss": squared,
        "rmse": squared**0.5,
        "mae": float(np.mean(np.abs(errors))),
        "r2": 1 - float(np.sum(errors**2)) / spread if spread > 0 else None,
    }
