"""The predicted column: its type, its classes, and whether it can be learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .columns import LARGEST_WHOLE, Column
from .failures import listed, unfit
from .float32 import centre_of

MOST_CLASSES = 100
MOST_INTEGER_CLASSES = 20


@dataclass
class Target:
    """The target over the usable rows.

    Attributes:
        name: the column.
        model_type: classification or regression.
        values: int64 class index or float64 value, [rows].
        offset: what is taken away from a regression's values before they are learnt, and added to its
            answers.
        labels: the classes in order of their index; None for regression.
        reason: why this model type, for the log.
    """

    name: str
    model_type: str
    values: np.ndarray
    labels: list[Any] | None
    reason: str
    offset: float = 0.0

    @property
    def learnt(self) -> np.ndarray:
        """What an estimator is fitted to: class index, or value less the offset; [rows]."""
        return self.values if self.labels is not None else self.values - self.offset


def read_target(column: Column, model_type: str | None) -> Target:
    """Decide the model type and encode the target; the column holds no missing value.

    Raises:
        JobFailure: the target does not fit the model type, or holds too many classes.
    """
    if column.kind == "string":
        distinct = len(set(column.codes.tolist()))
    else:
        uniques = np.unique(column.numbers)
        distinct = len(uniques)
    whole = column.kind != "string" and bool(np.all(column.numbers == np.round(column.numbers)))
    rows = len(column.codes if column.kind == "string" else column.numbers)
    stated = model_type is not None
    if stated:
        reason = "as the model's type says"
    elif column.kind in ("string", "boolean"):
        model_type, reason = "classification", f"because '{column.name}' holds {_noun(column.kind)}"
    elif whole and distinct <= MOST_INTEGER_CLASSES and distinct <= rows / 2:
        model_type, reason = "classification", f"because '{column.name}' holds {distinct} different integers"
    else:
        model_type, reason = "regression", f"because '{column.name}' holds {distinct} different numbers"
    if model_type == "regression":
        return _regression(column, distinct, reason)
    return _classification(column, distinct, whole, reason)


def _regression(column: Column, distinct: int, reason: str) -> Target:
    if column.kind == "string":
        raise unfit(
            f"target column '{column.name}' holds text such as '{column.texts[0]}', but regression needs "
            "numbers; train a classification model or choose a numeric target."
        )
    if distinct == 1:
        raise unfit(
            f"target column '{column.name}' is {column.numbers[0]:g} in every row; "
            "regression needs at least two different values."
        )
    return Target(column.name, "regression", column.numbers, None, reason, centre_of(column.numbers))


def _classification(column: Column, distinct: int, whole: bool, reason: str) -> Target:
    rows = len(column.codes if column.kind == "string" else column.numbers)
    if distinct == 1:
        only = column.texts[column.codes[0]] if column.kind == "string" else f"{column.numbers[0]:g}"
        raise unfit(
            f"target column '{column.name}' holds one class only ('{only}'); "
            "classification needs rows of at least two classes."
        )
    if distinct > MOST_CLASSES or distinct > rows / 2:
        advice = "choose another target" if column.kind == "string" else "choose another target or regression"
        raise unfit(
            f"target column '{column.name}' has {distinct} different values in {rows} rows, too many for "
            f"classification (at most {MOST_CLASSES}, and at most half of the rows); {advice}."
        )
    if column.kind == "string":
        labels: list[Any] = sorted({column.texts[code] for code in set(column.codes.tolist())})
        index = {label: place for place, label in enumerate(labels)}
        table = np.array([index.get(text, -1) for text in column.texts], dtype=np.int64)
        return Target(column.name, "classification", table[column.codes], labels, reason)
    uniques, values = np.unique(column.numbers, return_inverse=True)
    if np.abs(uniques).max() > LARGEST_WHOLE:
        raise unfit(
            f"target column '{column.name}' holds classes beyond {LARGEST_WHOLE}, which lose their last "
            "digits; say category for it in data_config.feature_types, or train regression."
        )
    if column.kind == "boolean":
        labels = [bool(value) for value in uniques]
    else:
        labels = [int(value) if whole else float(value) for value in uniques]
    return Target(column.name, "classification", values.astype(np.int64), labels, reason)


def check_classes_for_split(target: Target) -> None:
    """Every class needs a row on both sides of a held-out split.

    Raises:
        JobFailure: classes with a single row, named.
    """
    if target.labels is None:
        return
    counts = np.bincount(target.values, minlength=len(target.labels))
    single = [label for label, count in zip(target.labels, counts, strict=True) if count < 2]
    if single:
        raise unfit(
            f"target column '{target.name}' has a single row of {listed(single)}; with no validation data "
            "every class needs at least two rows, so add rows, merge the class or remove it."
        )


def _noun(kind: str) -> str:
    return "text" if kind == "string" else "booleans"
