"""What an attempt will do with its settings, known before any data is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from . import contracts

DEFAULT_PATIENCE = 10
# The hyperparameter that says the same as `epochs`.
ROUNDS = {
    "gradient_boosting": "n_estimators",
    "hist_gradient_boosting": "max_iter",
    "logistic_regression": "max_iter",
    "xgboost": "n_estimators",
    "lightgbm": "n_estimators",
    "random_forest": "n_estimators",
    "extra_trees": "n_estimators",
    "lasso": "max_iter",
    "sgd": "max_iter",
    "mlp": "max_iter",
}
# The hyperparameter that says the same as `learning_rate`, where it has another name.
STEP_SIZES = {"sgd": "eta0", "mlp": "learning_rate_init"}
# These fit in one thread whatever they are given.
SINGLE_THREADED = {
    "gradient_boosting",
    "logistic_regression",
    "linear_regression",
    "ridge",
    "lasso",
    "sgd",
    "mlp",
    "k_nearest_neighbors",
}


@dataclass
class Plan:
    """Settings of one attempt.

    Attributes:
        estimator: key of the list of estimators.
        parameters: every hyperparameter, defaults filled in.
        given: names of the hyperparameters that the caller gave.
        rounds: boosting rounds, trees or passes at most; 1 where there are none.
        patience: rounds without improvement before stopping; None never stops early.
        threads: threads the estimator trains with.
        seed: of every random choice.
        warnings: sentences about what was asked for and has no meaning.
        only: hyperparameters that exist for one model type.
        calibration: isotonic, sigmoid, or None.
        importance: none, fast or permutation.
        importance_seconds: how long permutations may take.
    """

    framework: str
    estimator: str
    parameters: dict[str, Any]
    given: set[str]
    rounds: int
    patience: int | None
    threads: int
    seed: int
    warnings: list[str] = field(default_factory=list)
    only: dict[str, str] = field(default_factory=dict)
    calibration: str | None = None
    importance: str = "permutation"
    importance_seconds: float = 10.0


def make_plan(spec: dict[str, Any]) -> Plan:
    """Merge hyperparameters, training settings and defaults; collect what has no meaning."""
    estimator, training = spec["estimator"], spec["training"]
    entry = contracts.entry(spec["framework"], estimator)
    meaning = {name: each["has_meaning"] for name, each in entry["training_config"].items()}
    given = dict(spec["hyperparameters"])
    defaults = {name: each["default"] for name, each in entry["hyperparameters"].items() if "default" in each}
    parameters = defaults | given
    warnings: list[str] = []

    def meaningless(name: str, why: str = "") -> None:
        warnings.append(f"{name} has no meaning for {estimator}{why} and was ignored.")

    for setting, value, hyperparameter in (
        ("training_config.epochs", training["epochs"], ROUNDS.get(estimator)),
        ("training_config.learning_rate", training["learning_rate"], step_size(estimator)),
        ("data_config.batch_size", spec["data"]["batch_size"], "batch_size"),
    ):
        if value is None:
            continue
        if not meaning[setting.split(".")[-1]]:
            meaningless(setting)
        elif hyperparameter in given:
            warnings.append(f"{setting} was ignored because hyperparameters.{hyperparameter} is given.")
        else:
            parameters[hyperparameter] = value
    rounds_asked = ROUNDS.get(estimator) in given or training["epochs"] is not None
    patience = _patience(training, meaning, rounds_asked, meaningless)
    threads = _threads(estimator, training["num_workers"], warnings)
    if training["use_gpu"]:
        warnings.append("training_config.use_gpu was ignored: the local engine trains on the CPU.")
    if training["strategy"] not in (None, "data_parallel"):
        meaningless(f"training_config.strategy '{training['strategy']}'", " on one machine")
    return Plan(
        framework=spec["framework"],
        estimator=estimator,
        parameters=parameters,
        given=set(given),
        rounds=int(parameters.get(ROUNDS.get(estimator, ""), 1)),
        patience=patience,
        threads=threads,
        seed=training["seed"],
        warnings=warnings,
        only=entry["only"],
        calibration=training.get("calibration"),
        importance=training["importance"],
        importance_seconds=training["importance_seconds"],
    )


def step_size(estimator: str) -> str:
    """The hyperparameter that is the step size."""
    return STEP_SIZES.get(estimator, "learning_rate")


def _patience(
    training: dict[str, Any], meaning: dict[str, bool], rounds_asked: bool, meaningless
) -> int | None:
    asked = training["early_stopping"]
    if not meaning["early_stopping"]:
        if asked:
            meaningless("training_config.early_stopping")
        if training["patience"] is not None:
            meaningless("training_config.patience")
        return None
    stops = asked if asked is not None else not rounds_asked
    if not stops:
        if training["patience"] is not None:
            meaningless("training_config.patience", " without early stopping")
        return None
    return training["patience"] or DEFAULT_PATIENCE


def _threads(estimator: str, asked: int | None, warnings: list[str]) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used = 1 if estimator in SINGLE_THREADED else min(asked or 1, cores)
    if asked is not None and used < asked:
        why = (
            f"{estimator} trains in one thread"
            if estimator in SINGLE_THREADED
            else f"this machine has {cores} cores"
        )
        warnings.append(f"training_config.num_workers asked for {asked}, but {why}, so {used} is used.")
    return used
