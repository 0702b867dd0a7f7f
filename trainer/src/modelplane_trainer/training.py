"""One training job from data to a fitted pipeline, and from there to published files."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from . import conformal, core, onnx_export, parity
from .background import background
from .baseline import baseline
from .calibration import CalibratedClassifier
from .dataset import Dataset, load
from .evaluation import classification_metrics, regression_metrics
from .events import EventWriter, plain
from .fitting import calibrate, fit_pipeline, fit_to_target, for_rounds
from .forest_export import FORESTS
from .importance import importance
from .model_card import as_markdown, model_card
from .plan import Plan, make_plan
from .preprocessing import frame, inputs
from .served import ServedModel
from .storage import Store, open_store
from .ties import most_probable

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
# What each framework is installed as.
FRAMEWORKS = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu", "lightgbm": "lightgbm"}
# What calibration changes; told before and after.
UNCALIBRATED = ("loss", "brier", "calibration_error")


@dataclass
class Trained:
    """A fitted pipeline with all it was made from."""

    plan: Plan
    dataset: Dataset
    pipeline: Pipeline
    train_frame: pd.DataFrame
    validation_frame: pd.DataFrame
    best_epoch: int


@dataclass
class Exported:
    """A model as servers run it.

    Attributes:
        signature: with the core's.
        model, core: serialized graphs, whole and without the encoding of the inputs.
        decisions: of its trees, where it has nothing else.
    """

    signature: dict[str, Any]
    model: bytes
    core: bytes
    decisions: core.Decisions | None


def train(spec: dict[str, Any], events: EventWriter, store: Store | None = None) -> Trained:
    """Read the data and fit the estimator; the same specification gives the same model.

    Raises:
        JobFailure: the data or the settings cannot be trained.
    """
    plan = make_plan(spec)
    events.started(workers=plan.threads, gpus=0)
    for warning in plan.warnings:
        events.warning(warning)
    events.phase("reading", plan.rounds)
    dataset = load(spec, events, store or open_store(spec["storage"], None))
    fit_to_target(plan, dataset.target, events)
    events.phase("fitting")
    return fit(plan, dataset, events)


def fit(plan: Plan, dataset: Dataset, events: EventWriter) -> Trained:
    """Fit the estimator of a plan that fits the target, and calibrate it where that is asked for.

    Raises:
        JobFailure: the library refuses the settings.
    """
    pipeline, progress, converged = fit_pipeline(plan, dataset, dataset.train, dataset.validation, events)
    events.flush_progress()
    if not converged:
        remedy = (
            "raise max_iter, or make the penalty stronger with a "
            f"{'smaller C' if plan.estimator == 'logistic_regression' else 'larger alpha'}"
        )
        events.warning(f"{plan.estimator} had not converged after {progress.epoch} passes; {remedy}.")
    if progress.best_epoch < progress.epoch:
        events.log(
            f"Kept the first {progress.best_epoch} of {progress.epoch} rounds: the least validation loss."
        )
    if plan.calibration is not None:
        pipeline = calibrate(plan, dataset, pipeline, progress.best_epoch, events)
    train_frame = frame(dataset.features, dataset.train)
    validation_frame = frame(dataset.features, dataset.validation)
    return Trained(plan, dataset, pipeline, train_frame, validation_frame, progress.best_epoch)


def refit(trained: Trained, events: EventWriter) -> Trained:
    """The same model for as many rounds, fitted to the validation rows too."""
    rows = np.sort(np.concatenate([trained.dataset.train, trained.dataset.validation]))
    dataset = replace(trained.dataset, train=rows)
    return fit(for_rounds(trained.plan, trained.best_epoch), dataset, events)


def publish(
    trained: Trained, spec: dict[str, Any], events: EventWriter, store: Store, measured: Trained | None = None
) -> dict[str, Any]:
    """Export, check and write a trained model.

    Args:
        trained: what is written.
        spec, events, store: of the job.
        measured: the same without the validation rows, whose metrics and the like are told; None: `trained`.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: the exported graph does not answer as the pipeline does.
    """
    measured = measured or trained
    dataset, plan = measured.dataset, measured.plan
    target = dataset.target
    events.phase("exporting")
    versions = library_versions()
    exported = export(trained.pipeline, dataset, plan, versions)
    signature = exported.signature
    asked = exported if measured is trained else export(measured.pipeline, dataset, plan, versions)

    events.phase("checking")
    events.log(_check(trained, exported))
    served = ServedModel(asked.core, asked.signature, plan.threads, asked.decisions)
    metrics, answers = _measure(measured, served, events)
    held_out = target.values[dataset.validation]
    calibration, curve = conformal.calibrate(held_out, answers, plan.seed)
    calibration |= {
        "source": dataset.description["split"]["kind"],
        "seen_by": [] if plan.patience is None else ["early_stopping"],
    }

    events.phase("explaining")
    found = importance(plan, _estimator(measured), served, dataset, events)
    parameters = {
        "estimator": plan.estimator,
        **plan.parameters,
        "calibration": plan.calibration,
        "best_round": trained.best_epoch,
        "patience": plan.patience,
        "importance": plan.importance,
        "importance_seconds": plan.importance_seconds,
        "threads": plan.threads,
        "seed": plan.seed,
        "library_versions": versions,
    }
    card = plain(model_card(plan, dataset, metrics, found, parameters, events.warnings, spec["job_id"]))

    events.phase("publishing")
    folder = spec["output_uri"]
    predicted = answers if target.labels is None else most_probable(answers)
    return {
        "model_type": target.model_type,
        "framework_version": versions[FRAMEWORKS[plan.framework]],
        "files": {
            "model": store.write(folder, "model.onnx", exported.model),
            "core": store.write(folder, "core.onnx", exported.core),
            "baseline": store.write(folder, "baseline.json", _json(baseline(dataset, predicted))),
            "background": store.write(folder, "background.json", _json(background(dataset, plan.seed))),
            "card": store.write(folder, "card.json", _json(card)),
            "card_markdown": store.write(folder, "card.md", as_markdown(card).encode()),
        },
        "signature": signature,
        "metrics": metrics,
        "calibration": calibration,
        "threshold_curve": curve,
        "importance": found,
        "parameters": parameters,
        "data": dataset.description,
    }


def library_versions() -> dict[str, str]:
    """Versions of all that has a part in a model, by name."""
    return {name: version(name) for name in LIBRARIES}


def export(pipeline: Pipeline, dataset: Dataset, plan: Plan, versions: dict[str, str]) -> Exported:
    """Convert a fitted pipeline to what servers run."""
    signature = onnx_export.signature(dataset.target, inputs(dataset), dataset.ignored)
    metadata = onnx_export.metadata(signature, plan.estimator, plan.framework, versions)
    graph = onnx_export.export(pipeline, signature["inputs"], metadata)
    model = graph.SerializeToString()
    signature["core"] = core.cut(graph, onnx_export.output_of(signature))
    return Exported(signature, model, graph.SerializeToString(), core.decisions_of(graph))


def _check(trained: Trained, exported: Exported) -> str:
    """Let the exported graph pass the gate; what was asked, in a sentence.

    Raises:
        JobFailure: it does not answer as the pipeline does.
    """
    target, signature, decisions = trained.dataset.target, exported.signature, exported.decisions
    names = {tensor: each["name"] for each in signature["inputs"] for tensor in onnx_export.tensors_of(each)}
    gate = parity.Gate(trained.pipeline, onnx_export.session(exported.model), names)
    if target.labels is None:
        learnt = target.learnt[trained.dataset.train]
        gate.centre, gate.spread = float(np.mean(learnt)), float(np.std(learnt)) or 1.0
    thresholds = parity.thresholds_of(decisions, signature["core"]["columns"])
    estimator = _estimator(trained)
    is_forest = isinstance(estimator, FORESTS)
    if is_forest:
        made_of = [names[column["tensor"]] for column in signature["core"]["columns"]]
        parity.check_nodes(decisions, estimator, made_of)
    most = parity.most_probes(len(names), is_forest)
    difference = gate.check(trained.validation_frame, thresholds, trained.plan.seed, most)
    return (
        f"The exported model answers as the trained one (largest difference {difference:.1e})"
        f"{parity.what_was_asked(thresholds, most)}"
        f"{'; each node of its trees was compared by itself' if is_forest else ''}."
    )


def _estimator(trained: Trained) -> Any:
    """The fitted estimator, without its calibration."""
    model = trained.pipeline[-1]
    return model.model if isinstance(model, CalibratedClassifier) else model


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(plain(document), ensure_ascii=False).encode()


def _measure(
    trained: Trained, served: ServedModel, events: EventWriter
) -> tuple[dict[str, float | None], np.ndarray]:
    """Metrics of what is served on both parts, and its answers to the validation rows."""
    dataset, pipeline = trained.dataset, trained.pipeline
    target = dataset.target
    metrics: dict[str, float | None] = {}
    answers = np.empty(0)
    for prefix, part, rows in (
        ("train", trained.train_frame, dataset.train),
        ("val", trained.validation_frame, dataset.validation),
    ):
        truth, answers = target.values[rows], _answers(served, served.encode(dataset.features, rows))
        if prefix == "train" and not np.ptp(answers, axis=0).any():
            events.warning(
                f"The model gives every row the same answer: {trained.plan.estimator} has found nothing to "
                f"tell {len(rows)} rows apart by; more rows or other hyperparameters may help."
            )
        if target.labels is not None:
            measured = classification_metrics(truth, answers)
            if isinstance(pipeline[-1], CalibratedClassifier):
                raw = pipeline[-1].model.predict_proba(pipeline[:-1].transform(part))
                before = classification_metrics(truth, raw)
                measured |= {f"uncalibrated_{name}": before[name] for name in UNCALIBRATED}
        else:
            measured = regression_metrics(truth, answers)
        metrics |= {f"{prefix}_{name}": value for name, value in measured.items()}
    return metrics, answers


def _answers(served: ServedModel, matrix: np.ndarray) -> np.ndarray:
    order = served.alike(matrix)
    answers = served.answer(matrix[order])
    back = np.empty_like(answers)
    back[order] = answers
    return back
