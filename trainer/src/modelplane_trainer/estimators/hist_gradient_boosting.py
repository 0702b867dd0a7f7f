"""scikit-learn's histogram gradient boosting."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ..float32 import rounded_down
from ..progress import Progress
from .task import Task


class _Watched:
    """Hooks the check that scikit-learn makes after each round; it has no public callback here.

    Warm starts would bin all data again at every step, and stop only between steps.
    """

    _progress: Progress
    _rounds: int

    def _check_early_stopping_loss(
        self,
        raw_predictions: np.ndarray,
        y_train: np.ndarray,
        sample_weight_train: np.ndarray | None,
        raw_predictions_val: np.ndarray,
        *_rest,
        **_options,
    ) -> bool:
        self._rounds += 1
        if self._rounds == 0:  # the first check comes before the first round
            return False
        return self._progress.step(
            self._rounds, raw_train=raw_predictions, raw_validation=raw_predictions_val
        )


class _WatchedClassifier(_Watched, HistGradientBoostingClassifier):
    pass


class _WatchedRegressor(_Watched, HistGradientBoostingRegressor):
    pass


def fit_hist_gradient_boosting(
    task: Task, progress: Progress
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    """Boost until the rounds are done or the validation loss no longer improves."""
    kind = _WatchedClassifier if task.is_classification else _WatchedRegressor
    model = kind(
        **task.parameters,
        early_stopping=True,
        scoring="loss",
        categorical_features=None,
        random_state=task.seed,
    )
    model._progress, model._rounds = progress, -1
    model.fit(task.X_train, task.y_train, X_val=task.X_validation, y_val=task.y_validation)
    del model._progress, model._rounds
    model._predictors = model._predictors[: progress.best_epoch]
    for round_ in model._predictors:
        for tree in round_:
            # The converter rounds thresholds to the nearest float32, which lets values go the other way.
            tree.nodes["num_threshold"] = rounded_down(tree.nodes["num_threshold"])
    # The converter looks estimators up by their exact class.
    model.__class__ = (
        HistGradientBoostingClassifier if task.is_classification else HistGradientBoostingRegressor
    )
    return model
