"""Progress of an estimator, and when to stop it early."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from .evaluation import SMALLEST_PROBABILITY
from .events import EventWriter

# Training rows that a round is measured on; on all of them, measuring would take as long as learning.
MOST_SHOWN_ROWS = 20_000


def shown_rows(rows: int) -> slice:
    """Which of so many training rows each round is measured on: evenly many from everywhere."""
    return slice(None, None, max(1, -(-rows // MOST_SHOWN_ROWS)))


class Progress:
    """Watches the rounds of an estimator.

    Args:
        events: where progress is told; None where nobody asks for it.
        total: rounds at most.
        patience: rounds without a better validation loss before it stops; None never.
        learning_rate: shown as it is.
        y_train, y_validation: class index or value, [rows].
        is_classification: loss is log loss, else mean squared error.

    Attributes:
        is_watched: whether rounds have to be measured; else an estimator may tell of the last one alone.
        epoch: the last round.
        best_epoch: the round to keep: the one with the least validation loss when stopping
            early, else the last.
    """

    def __init__(
        self,
        events: EventWriter | None,
        total: int,
        patience: int | None,
        learning_rate: float | None,
        y_train: np.ndarray,
        y_validation: np.ndarray,
        is_classification: bool,
    ) -> None:
        self.total = total
        self.is_watched = events is not None or patience is not None
        self.epoch = 0
        self.best_epoch = 0
        self._events = events
        self._patience = patience
        self._learning_rate = learning_rate
        self._shown = shown_rows(len(y_train))
        self._y = {"train": y_train[self._shown], "val": y_validation}
        self._is_classification = is_classification
        self._best_validation = math.inf
        self._best_shown = math.inf

    def step(
        self,
        epoch: int,
        train: np.ndarray | None = None,
        validation: np.ndarray | None = None,
        raw_train: np.ndarray | None = None,
        raw_validation: np.ndarray | None = None,
    ) -> bool:
        """A round is done, with predictions of either part.

        Args:
            epoch: its number, from 1.
            train, validation: probabilities [rows, classes] or values [rows].
            raw_train, raw_validation: log odds [rows, 1 or classes] or values [rows, 1].

        Returns:
            Whether to stop.
        """
        measured: dict[str, float] = {}
        train, raw_train = (None if each is None else each[self._shown] for each in (train, raw_train))
        for part, predicted, raw in (("train", train, raw_train), ("val", validation, raw_validation)):
            if raw is not None:
                predicted = self._from_raw(raw)
            if predicted is not None:
                measured |= self._measure(part, predicted)
        return self.measured(epoch, measured)

    def measured(self, epoch: int, metrics: dict[str, float]) -> bool:
        """A round is done, with `train_loss`, `val_loss`, `train_accuracy`, `val_accuracy` as known."""
        self.epoch = epoch
        validation_loss = metrics.get("val_loss", math.nan)
        if self._patience is None:
            self.best_epoch = epoch
        elif validation_loss < self._best_validation or self.best_epoch == 0:
            self._best_validation, self.best_epoch = validation_loss, epoch
        shown = metrics.get("train_loss", validation_loss)
        self._best_shown = min(self._best_shown, shown)
        if self._events is not None:
            self._events.progress(
                current_epoch=epoch,
                total_epochs=max(self.total, epoch),
                current_loss=shown,
                best_loss=self._best_shown,
                learning_rate=self._learning_rate,
                metrics=metrics,
            )
        return self._patience is not None and epoch - self.best_epoch >= self._patience

    def _from_raw(self, raw: np.ndarray) -> np.ndarray:
        raw = raw.reshape(len(raw), -1)
        if not self._is_classification:
            return raw[:, 0]
        if raw.shape[1] > 1:
            return softmax(raw, axis=1)
        positive = expit(raw[:, 0])
        return np.column_stack([1 - positive, positive])

    def _measure(self, part: str, predicted: np.ndarray) -> dict[str, Any]:
        y = self._y[part]
        if not self._is_classification:
            return {f"{part}_loss": float(np.mean((predicted - y) ** 2))}
        chosen = np.maximum(predicted[np.arange(len(y)), y], SMALLEST_PROBABILITY)
        return {
            f"{part}_loss": float(-np.mean(np.log(chosen))),
            f"{part}_accuracy": float(np.mean(np.argmax(predicted, axis=1) == y)),
        }
