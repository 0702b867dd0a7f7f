"""What an estimator is handed: the plan, and both parts as matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from ..plan import Plan

# These take the weights of rows, not of classes, at least in the call that is used here.
WEIGHED_BY_ROWS = {"gradient_boosting", "xgboost", "sgd", "mlp"}


@dataclass(frozen=True)
class Preparation:
    """How an estimator wants its matrix; see `preprocessing.transformer`."""

    scaled: bool
    keeps_missing: bool
    dense: bool = False
    one_hot: bool = False


@dataclass
class Task:
    """One estimator to train.

    Attributes:
        plan: settings.
        model_type: classification or regression.
        classes: their number; 0 for regression.
        X_train, X_validation: float32 [rows, columns], dense, or sparse for scaled categories.
        y_train, y_validation: int64 class index or float64 value, [rows].
        class_weight: `balanced`, `balanced_subsample`, weight by class index, or None.
    """

    plan: Plan
    model_type: str
    classes: int
    X_train: Any
    y_train: np.ndarray
    X_validation: Any
    y_validation: np.ndarray
    class_weight: str | dict[int, float] | None = None

    @property
    def is_classification(self) -> bool:
        return self.model_type == "classification"

    @property
    def seed(self) -> int:
        return self.plan.seed % 2**32

    @property
    def parameters(self) -> dict[str, Any]:
        """The hyperparameters as the library takes them."""
        parameters = dict(self.plan.parameters)
        if self.plan.estimator in WEIGHED_BY_ROWS:
            parameters.pop("class_weight", None)
        elif "class_weight" in parameters:
            parameters["class_weight"] = self.class_weight
        return parameters

    @property
    def row_weights(self) -> np.ndarray | None:
        """float64 [training rows], for estimators that take them in place of class weights."""
        if self.class_weight is None or self.plan.estimator not in WEIGHED_BY_ROWS:
            return None
        return compute_sample_weight(self.class_weight, self.y_train)
