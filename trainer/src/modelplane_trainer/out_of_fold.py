"""Answers to the rows that a model was trained on, by models that are trained alike and without them.

Each row is held out once: cross-validated predictions, as scikit-learn's StackingClassifier takes them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from .dataset import load
from .events import Quiet
from .failures import unfit
from .fitting import calibrate, fit_pipeline, fit_to_target, for_rounds, seed_and_threads
from .plan import make_plan
from .preprocessing import frame
from .storage import Store


@dataclass
class OutOfFold:
    """Attributes:
    numbers: of each row, its number over all files of the training data; int64 [rows], ascending.
    labels: the classes in order of their index; None for a regression.
    truth: index of a class, or value; [rows].
    answers: float64 probabilities [rows, classes], or values [rows].
    """

    numbers: np.ndarray
    labels: list[Any] | None
    truth: np.ndarray
    answers: np.ndarray


def out_of_fold(training: dict[str, Any], best_round: int, folds: int, store: Store) -> OutOfFold:
    """Train `folds` times on the rows of a training, each time without another part of them.

    Args:
        training: the specification of the training, without the fields that are of its job.
        best_round: how many rounds the model has that was trained so.
        folds: how many parts, or fewer where a class has fewer rows.
        store: holds the training data.

    Raises:
        JobFailure: the data or the settings cannot be trained.
    """
    seed_and_threads(training)
    plan, quiet = make_plan(training), Quiet()
    dataset = load(training, quiet, store)
    target = dataset.target
    fit_to_target(plan, target, quiet)
    # Rows of validation files are no part of the training data; held-out ones are.
    has_files = training["data"]["validation"] is not None
    rows = dataset.train if has_files else np.arange(len(target.values))
    part = for_rounds(plan, best_round)
    answers = np.empty((len(rows), len(target.labels)) if target.labels is not None else len(rows))
    for kept, held in _parts(target.values[rows], target.labels, folds, plan.seed):
        without = dataclasses.replace(dataset, train=rows[kept], validation=rows[held])
        pipeline, _, _ = fit_pipeline(part, without, without.train, without.validation, None)
        if plan.calibration is not None:
            pipeline = calibrate(part, without, pipeline, best_round, quiet)
        asked = frame(dataset.features, rows[held])
        if target.labels is not None:
            answers[held] = pipeline.predict_proba(asked)
        else:
            answers[held] = pipeline.predict(asked) + target.offset
    return OutOfFold(dataset.numbers[rows], target.labels, target.values[rows], answers)


def _parts(truth: np.ndarray, labels: list[Any] | None, folds: int, seed: int):
    """Pairs of row numbers: those that are trained on, and those that are held out.

    Raises:
        JobFailure: a class has one row, which nothing else could teach a model.
    """
    if labels is None:
        return KFold(min(folds, len(truth)), shuffle=True, random_state=seed % 2**32).split(truth)
    fewest = int(np.bincount(truth, minlength=len(labels)).min())
    if fewest < 2:
        raise unfit("a class has fewer than two rows.")
    cut = StratifiedKFold(min(folds, fewest), shuffle=True, random_state=seed % 2**32)
    return cut.split(truth, truth)
