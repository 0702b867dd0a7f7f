"""What one set of hyperparameters is worth: fitted as a training would fit it, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from ..dataset import Dataset
from ..evaluation import classification_metrics, regression_metrics
from ..events import Quiet
from ..failures import unfit
from ..fitting import Prepared, calibrate, fit_pipeline, fit_to_target, prepare, seed_random_sources
from ..memory import left_bytes
from ..plan import Plan, make_plan
from ..served import ServedModel
from ..training import UNCALIBRATED, export, library_versions
from .samplers import FIRST_ROUNDS

ARTIFACT_BYTES, LATENCY = "artifact_bytes", "latency_ms_p99"
# Prepared rows are kept for all trials while they take at most this share of the memory that is left.
_KEPT_SHARE = 0.2
_WARM_UP_ROWS, _TIMED_ROWS = 50, 1_000

# Told of a step and its value; raises where the trial shall end.
Report = Callable[[int, float], None]


@dataclass
class Part:
    """Rows to learn from and rows to measure on, and both as the estimator takes them where there is room."""

    dataset: Dataset
    prepared: Prepared | None


class Measuring:
    """Measures sets of hyperparameters on data that is read once.

    Args:
        spec: of a study.
        dataset: its data.
    """

    def __init__(self, spec: dict[str, Any], dataset: Dataset) -> None:
        self._spec, search = spec, spec["search"]
        self._objective = search["objectives"][0]
        wanted = {each["metric"] for each in [*search["objectives"], *search["constraints"]]}
        self._measures_training = any(name.startswith("train_") for name in wanted)
        self._exports = not wanted.isdisjoint({ARTIFACT_BYTES, LATENCY})
        self._is_in_folds = search["cv_folds"] is not None
        self._prunes_by_rounds = not self._is_in_folds and search["pruner"] in ("median", "asha")
        datasets = list(_folds(dataset, search["cv_folds"], spec)) if self._is_in_folds else [dataset]
        self._parts = [Part(each, None) for each in datasets]
        room = (left_bytes() or 1 << 62) * _KEPT_SHARE
        for part in self._parts:
            prepared = prepare(spec["estimator"], part.dataset, part.dataset.train, part.dataset.validation)
            room -= _bytes_of(prepared.train) + _bytes_of(prepared.validation)
            if room < 0:
                break
            part.prepared = prepared

    def __call__(self, hyperparameters: dict[str, Any], report: Report) -> dict[str, float | None]:
        """Metrics by name; with folds the means of the folds.

        Args:
            hyperparameters: those of the trial.
            report: told of each fold's objective, or of rounds where trials are pruned by them.

        Raises:
            JobFailure: it cannot be trained so.
        """
        measured = []
        for number, part in enumerate(self._parts, 1):
            metrics = self._measure(hyperparameters, part, report)
            measured.append(metrics)
            value = metrics.get(self._objective["metric"])
            if self._is_in_folds and value is not None and np.isfinite(value):
                report(number, value)
        return {name: _mean([each[name] for each in measured]) for name in measured[0]}

    def _measure(
        self, hyperparameters: dict[str, Any], part: Part, report: Report
    ) -> dict[str, float | None]:
        dataset, seed = part.dataset, self._spec["training"]["seed"]
        seed_random_sources(seed)
        plan = make_plan({**self._spec, "hyperparameters": hyperparameters})
        fit_to_target(plan, dataset.target, Quiet())
        listener = _Rounds(self._objective, report) if self._prunes_by_rounds else None
        prepared = part.prepared or prepare(plan.estimator, dataset, dataset.train, dataset.validation)
        pipeline, progress, _ = fit_pipeline(
            plan, dataset, dataset.train, dataset.validation, listener, prepared
        )
        uncalibrated = pipeline
        if plan.calibration is not None:
            pipeline = calibrate(plan, dataset, pipeline, progress.best_epoch, Quiet())
        metrics: dict[str, float | None] = {}
        parts = [("val", dataset.validation, prepared.validation)]
        if self._measures_training:
            parts.append(("train", dataset.train, prepared.train))
        for prefix, rows, matrix in parts:
            measured = self._metrics(pipeline[-1], dataset, rows, matrix)
            if pipeline is not uncalibrated:
                before = self._metrics(uncalibrated[-1], dataset, rows, matrix)
                measured |= {f"uncalibrated_{name}": before[name] for name in UNCALIBRATED}
            metrics |= {f"{prefix}_{name}": value for name, value in measured.items()}
        if self._exports:
            metrics |= _exported(pipeline, dataset, plan)
        return metrics

    def _metrics(
        self, model: Any, dataset: Dataset, rows: np.ndarray, matrix: Any
    ) -> dict[str, float | None]:
        target = dataset.target
        if target.labels is not None:
            return classification_metrics(target.values[rows], model.predict_proba(matrix))
        predicted = np.asarray(model.predict(matrix), dtype=np.float64).reshape(len(rows)) + target.offset
        return regression_metrics(target.values[rows], predicted)


class _Rounds:
    """Tells the pruner of rounds, by what an estimator measures after each: a loss, or the accuracy.

    A loss is told with its sign changed where more of the objective is better: the pruner has its mode.
    """

    def __init__(self, objective: dict[str, str], report: Report) -> None:
        self._report, self._told = report, 0
        is_accuracy = objective["metric"].endswith("_accuracy")
        self._metric = "val_accuracy" if is_accuracy else "val_loss"
        self._sign = 1.0 if is_accuracy or objective["mode"] == "min" else -1.0

    def progress(self, **fields: Any) -> None:
        step = fields["current_epoch"] // FIRST_ROUNDS * FIRST_ROUNDS
        value = fields["metrics"].get(self._metric)
        if step > self._told and value is not None and np.isfinite(value):
            self._told = step
            self._report(step, self._sign * float(value))


def _folds(dataset: Dataset, folds: int, spec: dict[str, Any]) -> Iterator[Dataset]:
    """The data with each part of its training rows as validation rows once; the own ones stay out of it.

    Raises:
        JobFailure: there are too few rows, or too few of a class.
    """
    target, rows = dataset.target, dataset.train
    y = target.values[rows]
    fewest = len(rows) if target.labels is None else int(np.bincount(y).min())
    if fewest < folds:
        what = "training rows" if target.labels is None else "training rows of the rarest class"
        raise unfit(f"cv_folds is {folds}, but there are only {fewest} {what}.")
    kind = KFold if target.labels is None else StratifiedKFold
    cut = kind(folds, shuffle=True, random_state=spec["training"]["seed"] % 2**32)
    for kept, held in cut.split(y, y):
        yield replace(dataset, train=rows[kept], validation=rows[held])


def _exported(pipeline: Any, dataset: Dataset, plan: Plan) -> dict[str, float]:
    """Bytes of the graph, and the 99th percentile of the milliseconds that its core takes for one row."""
    exported = export(pipeline, dataset, plan, library_versions())
    # A server answers single rows in one thread each.
    served = ServedModel(exported.core, exported.signature, 1)
    matrix = served.encode(dataset.features, dataset.validation[:_TIMED_ROWS])
    seconds = []
    for place in range(_WARM_UP_ROWS + _TIMED_ROWS):
        row = matrix[place % len(matrix)][None]
        begun = time.perf_counter()
        served.answer(row)
        seconds.append(time.perf_counter() - begun)
    latency = float(np.percentile(seconds[_WARM_UP_ROWS:], 99) * 1000)
    return {ARTIFACT_BYTES: float(len(exported.model)), LATENCY: latency}


def _mean(values: list[float | None]) -> float | None:
    """None where one is not defined."""
    return None if any(value is None for value in values) else float(np.mean(values))


def _bytes_of(matrix: Any) -> int:
    return matrix.nbytes if isinstance(matrix, np.ndarray) else matrix.data.nbytes + matrix.indices.nbytes
