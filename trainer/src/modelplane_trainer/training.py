"""One training job from data to a fitted pipeline, and from there to published files."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from lightgbm.basic import LightGBMError
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from . import contracts, estimators, onnx_export, parity
from .baseline import baseline
from .dataset import Dataset, load
from .evaluation import classification_metrics, regression_metrics
from .events import EventWriter, plain
from .failures import unfit
from .memory import ran_out_of_memory
from .plan import Plan, make_plan
from .preprocessing import frame, inputs, transformer
from .progress import Progress
from .storage import Store, open_store

LIBRARIES = (
    "scikit-learn",
    "xgboost-cpu",
    "lightgbm",
    "onnx",
    "skl2onnx",
    "onnxmltools",
    "numpy",
    "pandas",
    "pyarrow",
)


@dataclass
class Trained:
    """A fitted pipeline with all it was made from."""

    plan: Plan
    dataset: Dataset
    pipeline: Pipeline
    train_frame: pd.DataFrame
    validation_frame: pd.DataFrame
    best_epoch: int


def train(spec: dict[str, Any], events: EventWriter, store: Store | None = None) -> Trained:
    """Read the data and fit the estimator; the same specification gives the same model.

    Raises:
        JobFailure: the data or the settings cannot be trained.
    """
    plan = make_plan(spec)
    events.started(workers=plan.threads, gpus=0)
    for warning in plan.warnings:
        events.warning(warning)
    dataset = load(spec, events, store or open_store(spec["storage"], None))
    target = dataset.target
    _fit_to_target(plan, dataset, events)
    train_frame = frame(dataset.features, dataset.train)
    validation_frame = frame(dataset.features, dataset.validation)
    preparation = estimators.PREPARATIONS[plan.estimator]
    prepared = transformer(dataset, preparation.scaled, preparation.keeps_missing, preparation.dense)
    task = estimators.Task(
        plan=plan,
        model_type=target.model_type,
        classes=len(target.labels or ()),
        X_train=prepared.fit_transform(train_frame),
        y_train=target.values[dataset.train],
        X_validation=prepared.transform(validation_frame),
        y_validation=target.values[dataset.validation],
    )
    progress = Progress(
        events,
        total=plan.rounds,
        patience=plan.patience,
        learning_rate=plan.parameters.get("learning_rate"),
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
    events.flush_progress()
    if any(issubclass(each.category, ConvergenceWarning) for each in caught):
        events.warning(
            f"{plan.estimator} had not converged after {progress.epoch} passes; "
            "raise max_iter, or make the penalty stronger with a smaller C."
        )
    if progress.best_epoch < progress.epoch:
        events.log(
            f"Kept the first {progress.best_epoch} of {progress.epoch} rounds: the least validation loss."
        )
    pipeline = Pipeline([("prepare", prepared), ("model", model)])
    return Trained(plan, dataset, pipeline, train_frame, validation_frame, progress.best_epoch)


def publish(trained: Trained, spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Export, check and write a trained model.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: the exported graph does not answer as the pipeline does.
    """
    dataset, plan = trained.dataset, trained.plan
    target = dataset.target
    signature = onnx_export.signature(target.name, inputs(dataset), dataset.ignored, target.labels)
    versions = {name: version(name) for name in LIBRARIES}
    metadata = onnx_export.metadata(signature, plan.estimator, plan.framework, versions)
    model = onnx_export.export(trained.pipeline, signature["inputs"], metadata)
    difference = parity.check(
        trained.pipeline, onnx_export.session(model), trained.validation_frame, plan.seed
    )
    events.log(f"The exported model answers as the trained one (largest difference {difference:.1e}).")

    metrics: dict[str, float | None] = {}
    predictions = None
    for prefix, part, rows in (
        ("train", trained.train_frame, dataset.train),
        ("val", trained.validation_frame, dataset.validation),
    ):
        truth = target.values[rows]
        if target.labels is not None:
            probabilities = trained.pipeline.predict_proba(part)
            predictions = np.argmax(probabilities, axis=1)
            measured = classification_metrics(truth, probabilities)
        else:
            predictions = np.asarray(trained.pipeline.predict(part), dtype=np.float64)
            measured = regression_metrics(truth, predictions)
        metrics |= {f"{prefix}_{name}": value for name, value in measured.items()}

    folder = spec["output_uri"]
    described = json.dumps(plain(baseline(dataset, predictions)), ensure_ascii=False).encode()
    return {
        "model_type": target.model_type,
        "files": {
            "model": store.write(folder, "model.onnx", model),
            "baseline": store.write(folder, "baseline.json", described),
        },
        "signature": signature,
        "metrics": metrics,
        "parameters": {
            "estimator": plan.estimator,
            **plan.parameters,
            "best_round": trained.best_epoch,
            "patience": plan.patience,
            "threads": plan.threads,
            "seed": plan.seed,
            "library_versions": versions,
        },
        "data": dataset.description,
    }


def _fit_to_target(plan: Plan, dataset: Dataset, events: EventWriter) -> None:
    """Drop or refuse settings that do not fit the target, now that it is known."""
    target = dataset.target
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
    if "scale_pos_weight" in plan.parameters and len(target.labels or ()) != 2:
        if "scale_pos_weight" in plan.given:
            events.warning(
                "hyperparameters.scale_pos_weight has no meaning for more than two classes and was ignored."
            )
        plan.parameters.pop("scale_pos_weight")
