"""Linear models that are solved, not stepped through: logistic, linear, ridge and lasso regression."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge

from ..progress import Progress
from .task import Task


def fit_logistic_regression(task: Task, progress: Progress) -> LogisticRegression:
    """Fit in one call; progress shows the passes that the solver needed."""
    task.plan.parameters = penalized(task.plan.parameters, task.plan.given)
    model = LogisticRegression(**task.parameters, random_state=task.seed)
    model.fit(task.X_train, task.y_train)
    passes = int(np.max(model.n_iter_))
    progress.total = max(passes, 1)
    progress.step(
        passes,
        train=model.predict_proba(task.X_train),
        validation=model.predict_proba(task.X_validation),
    )
    return model


def penalized(parameters: dict, given: set[str]) -> dict:
    """The same settings in scikit-learn's present terms, where `penalty` is a share of L1 or no C.

    Args:
        parameters: effective hyperparameters, perhaps with `penalty`.
        given: names the caller gave; a `solver` among them is never changed.
    """
    parameters = dict(parameters)
    penalty = parameters.pop("penalty", "l2")
    if "penalty" in given:
        if penalty is None:
            parameters["C"], parameters["l1_ratio"] = np.inf, 0.0
        elif penalty == "l1":
            parameters["l1_ratio"] = 1.0
        elif penalty == "l2":
            parameters["l1_ratio"] = 0.0
        elif "l1_ratio" not in given:
            parameters["l1_ratio"] = 0.5
    if parameters["l1_ratio"] > 0 and "solver" not in given:
        parameters["solver"] = "saga"
    return parameters


def fit_linear_regression(task: Task, progress: Progress) -> LinearRegression:
    """Least squares in float64: one-hot columns are collinear, and float32 does not see it."""
    model = LinearRegression(**task.plan.parameters)
    model.fit(np.asarray(task.X_train, dtype=np.float64), task.y_train)
    progress.step(1, train=model.predict(task.X_train), validation=model.predict(task.X_validation))
    return model


def fit_ridge(task: Task, progress: Progress) -> Ridge:
    """Least squares with an L2 penalty."""
    model = Ridge(**task.parameters, random_state=task.seed)
    model.fit(np.asarray(task.X_train, dtype=np.float64), task.y_train)
    progress.step(1, train=model.predict(task.X_train), validation=model.predict(task.X_validation))
    return model


def fit_lasso(task: Task, progress: Progress) -> Lasso:
    """Least squares with an L1 penalty; progress shows the passes that the solver needed."""
    model = Lasso(**task.parameters, random_state=task.seed)
    model.fit(np.asarray(task.X_train, dtype=np.float64), task.y_train)
    passes = max(int(model.n_iter_), 1)
    progress.total = passes
    progress.step(passes, train=model.predict(task.X_train), validation=model.predict(task.X_validation))
    return model
