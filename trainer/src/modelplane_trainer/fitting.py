"""Fits one pipeline, and again on parts of the rows where probabilities are to be calibrated."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import warnings
from typing import Any, Protocol

import numpy as np
import threadpoolctl
from lightgbm.basic import LightGBMError
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from . import calibration, contracts, estimators
from .dataset import Dataset
from .events import EventWriter
from .failures import listed, unfit
from .memory import ran_out_of_memory
from .plan import ROUNDS, Plan, make_plan, step_size
from .preprocessing import frame, transformer
from .progress import Progress
from .target import Target


class Listener(Protocol):
    """What is told of the rounds."""

    def progress(self, **fields: Any) -> None: ...


def seed_random_sources(seed: int) -> None:
    """Seed what libraries draw from that were given no seed of their own."""
    random.seed(seed % 2**32)
    np.random.seed(seed % 2**32)


def seed_and_threads(spec: dict[str, Any]) -> None:
    """Seed every random source and let OpenMP use the threads of the plan."""
    seed_random_sources(spec["training"]["seed"])
    threads = make_plan(spec).threads
    os.environ["OMP_NUM_THREADS"] = str(threads)
    threadpoolctl.threadpool_limits(threads, user_api="openmp")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Two parts of the rows as an estimator takes them; equal for all hyperparameters of it.

    Attributes:
        transformer: fitted on the training part.
        train, validation: float32 [rows, columns], dense or sparse.
    """

    transformer: Any
    train: Any
    validation: Any


def prepare(estimator: str, dataset: Dataset, train: np.ndarray, validation: np.ndarray) -> Prepared:
    """Fit the preprocessing that an estimator wants on the training part, and apply it to both."""
    fitted = transformer(dataset, **dataclasses.asdict(estimators.PREPARATIONS[estimator]))
    learnt = fitted.fit_transform(frame(dataset.features, train))
    return Prepared(fitted, learnt, fitted.transform(frame(dataset.features, validation)))


def fit_pipeline(
    plan: Plan,
    dataset: Dataset,
    train: np.ndarray,
    validation: np.ndarray,
    listener: Listener | None,
    prepared: Prepared | None = None,
) -> tuple[Pipeline, Progress, bool]:
    """Fit preprocessing and estimator.

    Args:
        plan: settings.
        dataset: the job's data.
        train, validation: row numbers; the second part is measured on, and decides early stopping.
        listener: told of the rounds; None where they are of no interest.
        prepared: both parts, where that is done.

    Returns:
        The fitted pipeline, its progress, and whether the solver had converged.

    Raises:
        JobFailure: the library refuses the settings.
    """
    target = dataset.target
    prepared = prepared or prepare(plan.estimator, dataset, train, validation)
    task = estimators.Task(
        plan=plan,
        model_type=target.model_type,
        classes=len(target.labels or ()),
        X_train=prepared.train,
        y_train=target.learnt[train],
        X_validation=prepared.validation,
        y_validation=target.learnt[validation],
        class_weight=class_weight(plan, target),
    )
    progress = Progress(
        listener,
        total=plan.rounds,
        patience=plan.patience,
        learning_rate=_shown_rate(plan),
        y_train=task.y_train,
        y_validation=task.y_validation,
        is_classification=task.is_classification,
    )
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model = estimators.fit(task, progress)
    except (ValueError, LightGBMError) as error:
        if ran_out_of_memory(error):
            raise
        # XGBoost's messages begin with a time and a place in its source.
        reason = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).strip().splitlines()[0]).rstrip(".")
        raise unfit(f"{plan.estimator} cannot be trained with these settings: {reason}.") from error
    converged = not any(issubclass(each.category, ConvergenceWarning) for each in caught)
    return Pipeline([("prepare", prepared.transformer), ("model", model)]), progress, converged


def fit_to_target(plan: Plan, target: Target, events: EventWriter) -> None:
    """Drop or refuse settings that do not fit the target, now that it is known.

    Raises:
        JobFailure: the estimator or a hyperparameter is for another model type.
    """
    fits = contracts.entry(plan.framework, plan.estimator)["model_types"]
    if target.model_type not in fits:
        other = "linear_regression" if target.model_type == "regression" else "logistic_regression"
        raise unfit(
            f"{plan.estimator} is for {fits[0]}, but target column '{target.name}' asks for "
            f"{target.model_type}; choose another estimator such as {other}, or another target."
        )
    for name, model_type in plan.only.items():
        if model_type == target.model_type:
            continue
        if name in plan.given:
            raise unfit(
                f"hyperparameter '{name}' is for {model_type}, but this job trains {target.model_type}."
            )
        plan.parameters.pop(name, None)
    if target.labels is None and plan.calibration is not None:
        raise unfit("training_config.calibration is for classification, but this job trains regression.")
    if target.labels is not None:
        class_weight(plan, target)
    if "scale_pos_weight" in plan.parameters and len(target.labels or ()) != 2:
        if "scale_pos_weight" in plan.given:
            events.warning(
                "hyperparameters.scale_pos_weight has no meaning for more than two classes and was ignored."
            )
        plan.parameters.pop("scale_pos_weight")


def class_weight(plan: Plan, target: Target) -> str | dict[int, float] | None:
    """The hyperparameter of that name by class index.

    Raises:
        JobFailure: it names a label that the target does not have.
    """
    given = plan.parameters.get("class_weight")
    if not isinstance(given, dict):
        return given
    places = {_as_key(label): place for place, label in enumerate(target.labels)}
    unknown = [label for label in given if label not in places]
    if unknown:
        raise unfit(
            f"hyperparameters.class_weight names {listed(unknown)}, but target column '{target.name}' "
            f"holds {listed(list(places))}."
        )
    return {place: float(given.get(label, 1.0)) for label, place in places.items()}


def _as_key(label: Any) -> str:
    """A label as it stands as a name in JSON: text as it is, true, 1, 1.5."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def for_rounds(plan: Plan, best_epoch: int) -> Plan:
    """The plan without early stopping, for as many rounds as that has found best."""
    if plan.patience is None or plan.estimator not in ROUNDS:
        return dataclasses.replace(plan, patience=None)
    parameters = {**plan.parameters, ROUNDS[plan.estimator]: best_epoch}
    return dataclasses.replace(plan, parameters=parameters, patience=None, rounds=best_epoch)


def calibrate(
    plan: Plan, dataset: Dataset, pipeline: Pipeline, best_epoch: int, events: EventWriter
) -> Pipeline:
    """The pipeline with its probabilities calibrated.

    Each training row is predicted by an estimator of as many rounds that was fitted without it; on these
    predictions the maps are fitted. The validation rows have no part in it.
    """
    target, method = dataset.target, plan.calibration
    y = target.values[dataset.train]
    folds = calibration.folds_of(y, target.labels)
    if method == "isotonic" and len(y) < calibration.FEWEST_ISOTONIC_ROWS:
        events.warning(
            f"isotonic calibration has only {len(y)} rows to learn from and may overfit them; "
            f"sigmoid is safer below {calibration.FEWEST_ISOTONIC_ROWS}."
        )
    part = for_rounds(plan, best_epoch)
    held_out = np.empty((len(y), len(target.labels)))
    cut = StratifiedKFold(folds, shuffle=True, random_state=plan.seed % 2**32)
    for number, (kept, held) in enumerate(cut.split(y, y), 1):
        fitted, _, _ = fit_pipeline(part, dataset, dataset.train[kept], dataset.train[held], None)
        held_out[held] = fitted.predict_proba(frame(dataset.features, dataset.train[held]))
        events.log(f"Calibration: predicted part {number} of {folds}.")
    maps = calibration.fit_maps(method, held_out, y)
    return Pipeline([*pipeline.steps[:-1], ("model", calibration.CalibratedClassifier(pipeline[-1], maps))])


def _shown_rate(plan: Plan) -> float | None:
    value = plan.parameters.get(step_size(plan.estimator))
    return value if isinstance(value, int | float) else None
