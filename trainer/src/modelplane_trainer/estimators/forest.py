"""Random forests and extra trees, grown a few trees at a time so that progress can be seen."""

from __future__ import annotations

import time

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from ..progress import Progress
from .task import Task

TREES_A_STEP = 10
LONGEST_STEP_SECONDS = 1.0
KINDS = {
    "random_forest": (RandomForestClassifier, RandomForestRegressor),
    "extra_trees": (ExtraTreesClassifier, ExtraTreesRegressor),
}


def fit_forest(
    task: Task, progress: Progress
) -> RandomForestClassifier | RandomForestRegressor | ExtraTreesClassifier | ExtraTreesRegressor:
    """Grow `n_estimators` trees; the loss shown is the validation loss of the trees so far."""
    if not task.is_classification and "max_features" not in task.plan.given:
        task.plan.parameters["max_features"] = None
    parameters = task.parameters
    total = parameters.pop("n_estimators")
    kind = KINDS[task.plan.estimator][0 if task.is_classification else 1]
    forest = kind(
        **parameters, n_estimators=0, warm_start=True, random_state=task.seed, n_jobs=task.plan.threads
    )
    summed = 0.0
    grown, step = 0, TREES_A_STEP
    while grown < total:
        begun = time.monotonic()
        # A warm start draws the same trees whatever the steps are.
        grown = min(grown + step, total)
        forest.set_params(n_estimators=grown)
        forest.fit(task.X_train, task.y_train)
        for tree in forest.estimators_[progress.epoch :]:
            summed = summed + (
                tree.predict_proba(task.X_validation)
                if task.is_classification
                else tree.predict(task.X_validation)
            )
        progress.step(grown, validation=np.asarray(summed) / grown)
        if time.monotonic() - begun > LONGEST_STEP_SECONDS:
            step = max(1, step // 2)
    return forest.set_params(warm_start=False)
