"""Loads and warms everything a job needs, once, in the parent that jobs are forked from."""

from __future__ import annotations

import dataclasses
import gc
import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from . import contracts, estimators, onnx_export, parity
from .columns import Column
from .dataset import Dataset
from .plan import make_plan
from .preprocessing import frame, inputs, transformer
from .progress import Progress
from .target import Target

_ROWS = 40


def warm() -> None:
    """Fit, export and run tiny models made of nothing, so that lazy parts are loaded before a fork.

    Reads no file but the contracts and starts no thread: the jobs' readers of Parquet and JSON
    are not run here, because pyarrow starts a thread pool at its first read.
    """
    for name in (
        *("training-spec.v1", "batch-spec.v1", "labelled-spec.v1", "tuning-spec.v1", "features-spec.v1"),
        *("job-event.v1", "signature.v1"),
    ):
        contracts.validator(name)
    for framework, known in contracts.estimators().items():
        for estimator in known["estimators"]:
            _warm(framework, estimator)
    gc.collect()
    gc.freeze()


def _warm(framework: str, estimator: str) -> None:
    classifies = "classification" in contracts.entry(framework, estimator)["model_types"]
    rows = np.arange(_ROWS)
    features = [
        Column("number", "number", numbers=np.where(rows % 7 == 0, np.nan, rows % 11).astype(float)),
        Column("text", "string", codes=(rows % 3).astype(np.int32), texts=["a", "b", "c"]),
    ]
    labels = [False, True] if classifies else None
    target = Target(
        "target",
        "classification" if classifies else "regression",
        rows % 2 if classifies else rows / 3,
        labels,
        "",
    )
    dataset = Dataset(features, target, rows[:30], rows[30:], [], {"text": ["a", "b", "c"]}, {}, rows)
    plan = make_plan(_spec(framework, estimator))
    plan.parameters = {
        name: value
        for name, value in plan.parameters.items()
        if plan.only.get(name, target.model_type) == target.model_type
    }
    preparation = estimators.PREPARATIONS[estimator]
    prepared = transformer(dataset, **dataclasses.asdict(preparation))
    parts = [frame(features, part) for part in (dataset.train, dataset.validation)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        task = estimators.Task(
            plan,
            target.model_type,
            2 if classifies else 0,
            prepared.fit_transform(parts[0]),
            target.values[dataset.train],
            prepared.transform(parts[1]),
            target.values[dataset.validation],
        )
        progress = Progress(
            None, plan.rounds, None, None, task.y_train, task.y_validation, task.is_classification
        )
        pipeline = Pipeline([("prepare", prepared), ("model", estimators.fit(task, progress))])
    graph = onnx_export.session(onnx_export.export(pipeline, inputs(dataset), {}).SerializeToString())
    parity.Gate(pipeline, graph, {}).compare(pd.concat(parts), "warm-up rows")


def _spec(framework: str, estimator: str) -> dict:
    rounds = {"n_estimators": 2, "max_iter": 2}
    fields = contracts.entry(framework, estimator)["hyperparameters"]
    nothing = ("strategy", "num_workers", "use_gpu", "epochs", "learning_rate", "early_stopping", "patience")
    return {
        "framework": framework,
        "estimator": estimator,
        "hyperparameters": {name: value for name, value in rounds.items() if name in fields},
        "data": {"batch_size": None},
        "training": dict.fromkeys(nothing) | {"seed": 0, "importance": "none", "importance_seconds": 1},
    }
