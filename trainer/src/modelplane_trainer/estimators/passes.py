"""Estimators that learn by passing over the rows: stochastic gradient descent and neural networks."""

from __future__ import annotations

import copy
import warnings

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..failures import unfit
from ..progress import Progress
from .task import Task


def fit_sgd(task: Task, progress: Progress) -> SGDClassifier | SGDRegressor:
    """A linear model, one row a step."""
    parameters = task.parameters
    parameters.pop("max_iter")
    if task.is_classification:
        kind = SGDClassifier
        parameters["loss"] = "log_loss"  # of the losses with probabilities the one whose export is exact
    else:
        kind = SGDRegressor
    return _fit_in_passes(kind(**parameters, random_state=_source(task)), task, progress)


def fit_mlp(task: Task, progress: Progress) -> MLPClassifier | MLPRegressor:
    """Fully connected layers, `batch_size` rows a step."""
    parameters = task.parameters
    parameters.pop("max_iter")
    parameters["batch_size"] = min(parameters["batch_size"], task.X_train.shape[0])
    kind = MLPClassifier if task.is_classification else MLPRegressor
    return _fit_in_passes(kind(**parameters, random_state=_source(task)), task, progress)


def _source(task: Task) -> np.random.RandomState:
    # Not the seed itself, which would shuffle the rows in the same order in every pass.
    return np.random.RandomState(task.seed)


def _fit_in_passes(model, task: Task, progress: Progress):
    """Pass over the rows until the passes are done or the validation loss no longer improves."""
    # Steps are made for a target of the features' scale; one in the thousands would diverge.
    target, scale, shift = _scaled(task)
    classes = {"classes": np.arange(task.classes)} if task.is_classification else {}
    weights = {} if task.row_weights is None else {"sample_weight": task.row_weights}
    best = model
    for epoch in range(1, task.plan.rounds + 1):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            model.partial_fit(task.X_train, target, **classes, **weights)
            train, validation = (
                model.predict_proba(part)
                if task.is_classification
                else np.asarray(model.predict(part), dtype=np.float64) * scale + shift
                for part in (task.X_train, task.X_validation)
            )
        if not (np.all(np.isfinite(train)) and np.all(np.isfinite(validation))):
            raise unfit(
                f"{task.plan.estimator} diverged in pass {epoch}: its values are no longer finite; "
                "use a smaller learning_rate or a stronger alpha."
            )
        stop = progress.step(epoch, train=train, validation=validation)
        if progress.best_epoch == epoch and task.plan.patience is not None:
            best = copy.deepcopy(model)
        if stop:
            break
    best = best if task.plan.patience is not None else model
    return best if task.is_classification else _unscaled(best, scale, shift)


def _scaled(task: Task) -> tuple[np.ndarray, float, float]:
    if task.is_classification:
        return task.y_train, 1.0, 0.0
    shift, scale = float(np.mean(task.y_train)), float(np.std(task.y_train)) or 1.0
    return (task.y_train - shift) / scale, scale, shift


def _unscaled(model, scale: float, shift: float):
    """The same model in the target's own unit: its last layer is linear."""
    if isinstance(model, SGDRegressor):
        model.coef_ = model.coef_ * scale
        model.intercept_ = model.intercept_ * scale + shift
    else:
        model.coefs_[-1] = (model.coefs_[-1] * scale).astype(model.coefs_[-1].dtype)
        model.intercepts_[-1] = (model.intercepts_[-1] * scale + shift).astype(model.intercepts_[-1].dtype)
    return model
