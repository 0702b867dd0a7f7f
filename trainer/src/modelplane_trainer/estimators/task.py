"""What an estimator is handed: the plan, and both parts as matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plan import Plan


@dataclass(frozen=True)
class Preparation:
    """How an estimator wants its matrix; see `preprocessing.transformer`."""

    scaled: bool
    keeps_missing: bool
    dense: bool = False


@dataclass
class Task:
    """One estimator to train.

    Attributes:
        plan: settings.
        model_type: classification or regression.
        classes: their number; 0 for regression.
        X_train, X_validation: float32 [rows, columns], dense, or sparse for scaled categories.
        y_train, y_validation: int64 class index or float64 value, [rows].
    """

    plan: Plan
    model_type: str
    classes: int
    X_train: Any
    y_train: np.ndarray
    X_validation: Any
    y_validation: np.ndarray

    @property
    def is_classification(self) -> bool:
        return self.model_type == "classification"

    @property
    def seed(self) -> int:
        return self.plan.seed % 2**32
