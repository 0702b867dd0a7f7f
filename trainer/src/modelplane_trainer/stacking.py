"""A meta model over the answers of members: stacking (Wolpert, Neural Networks 1992).

It is what scikit-learn's StackingClassifier and StackingRegressor fit over members that are fitted already,
with their default final estimators. libs/inference/src/ensembles/stacking.ts answers with it, too.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV

from .failures import unfit


def features_of(values: list[np.ndarray]) -> np.ndarray:
    """What the meta model reads, member after member; float64 [rows, features].

    Args:
        values: of each member the values [rows], or the probabilities [rows, classes]. Of two classes only
            the second is read, which says all of the first.
    """
    if values[0].ndim == 1:
        return np.column_stack(values)
    first = 1 if values[0].shape[1] == 2 else 0
    return np.concatenate([each[:, first:] for each in values], axis=1)


def fit(values: list[np.ndarray], truth: np.ndarray) -> tuple[dict[str, Any], bool]:
    """Fit the meta model: LogisticRegression() to probabilities, RidgeCV() to values.

    Args:
        values: of each member, as for `features_of`.
        truth: index of a class, each of which occurs, or value; [rows].

    Returns:
        `coefficients` [outputs, features] and `intercepts` [outputs], and whether the solver had converged.
        There is one output for the second of two classes, one a class where there are more, and one for a
        value.

    Raises:
        JobFailure: the values are too large to be fitted.
    """
    estimator = RidgeCV() if values[0].ndim == 1 else LogisticRegression()
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = estimator.fit(features_of(values), truth)
    coefficients, intercepts = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
    if not (np.isfinite(coefficients).all() and np.isfinite(intercepts).all()):
        raise unfit("the members' values are too large for a meta model to be fitted to them.")
    has_converged = not any(issubclass(each.category, ConvergenceWarning) for each in caught)
    return {"coefficients": coefficients.tolist(), "intercepts": intercepts.tolist()}, has_converged


def answer(meta: dict[str, Any], values: list[np.ndarray]) -> np.ndarray:
    """Probabilities [rows, classes], or values [rows].

    Args:
        meta: what `fit` returned.
        values: of the same members, as for `features_of`.
    """
    scores = features_of(values) @ np.asarray(meta["coefficients"]).T + np.asarray(meta["intercepts"])
    if values[0].ndim == 1:
        return scores[:, 0]
    if scores.shape[1] > 1:
        return softmax(scores, axis=1)
    second = expit(scores[:, 0])
    return np.column_stack([1 - second, second])
