"""The estimators of contracts/estimators.v1.json: one module a kind, chosen by `estimators.fit`."""

from __future__ import annotations

from collections.abc import Callable

from ..progress import Progress
from .forest import fit_forest
from .gradient_boosting import fit_gradient_boosting
from .hist_gradient_boosting import fit_hist_gradient_boosting
from .lightgbm_trees import fit_lightgbm
from .linear import fit_lasso, fit_linear_regression, fit_logistic_regression, fit_ridge
from .neighbors import fit_k_nearest_neighbors
from .passes import fit_mlp, fit_sgd
from .task import Preparation, Task
from .xgboost_trees import fit_xgboost

FITTERS: dict[str, Callable] = {
    "random_forest": fit_forest,
    "extra_trees": fit_forest,
    "gradient_boosting": fit_gradient_boosting,
    "hist_gradient_boosting": fit_hist_gradient_boosting,
    "logistic_regression": fit_logistic_regression,
    "linear_regression": fit_linear_regression,
    "ridge": fit_ridge,
    "lasso": fit_lasso,
    "sgd": fit_sgd,
    "mlp": fit_mlp,
    "k_nearest_neighbors": fit_k_nearest_neighbors,
    "xgboost": fit_xgboost,
    "lightgbm": fit_lightgbm,
}

# How each estimator wants its matrix; converters lose the missing direction of the plain trees.
PREPARATIONS = {
    "random_forest": Preparation(scaled=False, keeps_missing=False),
    "extra_trees": Preparation(scaled=False, keeps_missing=False),
    "gradient_boosting": Preparation(scaled=False, keeps_missing=False),
    "hist_gradient_boosting": Preparation(scaled=False, keeps_missing=True),
    "logistic_regression": Preparation(scaled=True, keeps_missing=False),
    "linear_regression": Preparation(scaled=True, keeps_missing=False, dense=True),
    "ridge": Preparation(scaled=True, keeps_missing=False, dense=True),
    "lasso": Preparation(scaled=True, keeps_missing=False, dense=True),
    "sgd": Preparation(scaled=True, keeps_missing=False),
    "mlp": Preparation(scaled=True, keeps_missing=False),
    "k_nearest_neighbors": Preparation(scaled=False, keeps_missing=False, dense=True, one_hot=True),
    "xgboost": Preparation(scaled=False, keeps_missing=True),
    "lightgbm": Preparation(scaled=False, keeps_missing=True),
}


def fit(task: Task, progress: Progress):
    """Train the task's estimator and return it fitted, cut back to its best round."""
    return FITTERS[task.plan.estimator](task, progress)
