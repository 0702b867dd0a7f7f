"""What a fitted estimator itself says of its columns: the gain of its splits, or its coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import LGBMModel
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from xgboost import XGBModel

from .forest_export import FORESTS

_WITH_IMPORTANCES = (*FORESTS, GradientBoostingClassifier, GradientBoostingRegressor)
_HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def gains(model: Any, width: int) -> np.ndarray | None:
    """How much all splits on a column lowered the training loss; None where the model has no trees.

    The unit is the library's own, so that only shares of the sum mean something.

    Args:
        model: the fitted estimator.
        width: columns of its matrix.

    Returns:
        float64 [columns].
    """
    if isinstance(model, _WITH_IMPORTANCES):
        return np.asarray(model.feature_importances_, dtype=np.float64)
    if isinstance(model, LGBMModel):
        return np.asarray(model.booster_.feature_importance("gain"), dtype=np.float64)
    found = np.zeros(width)
    if isinstance(model, XGBModel):
        for name, gain in model.get_booster().get_score(importance_type="total_gain").items():
            found[int(name.removeprefix("f"))] = gain
        return found
    if isinstance(model, _HISTOGRAM):
        for tree in (tree for round_ in model._predictors for tree in round_):
            branches = tree.nodes[tree.nodes["is_leaf"] == 0]
            np.add.at(found, branches["feature_idx"], branches["gain"])
        return found
    return None


def coefficients(model: Any) -> np.ndarray | None:
    """float64 [classes or 1, columns] of a linear model; None of any other."""
    if not hasattr(model, "coef_"):
        return None
    return np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
