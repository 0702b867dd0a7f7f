"""Calibrated probabilities: as scikit-learn's, in the graph as in Python, and on rows that were held out."""

import numpy as np
import onnxruntime
import pytest
from cases import CLASSIFIERS, mixed
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from test_parity import SMALL, fresh_rows, python_answers, tensors

from modelplane_trainer import calibration
from modelplane_trainer.calibration import NARROWEST_STEP
from modelplane_trainer.failures import JobFailure


@pytest.mark.parametrize(("framework", "estimator"), CLASSIFIERS)
@pytest.mark.parametrize(("target", "method"), [("label", "isotonic"), ("grade", "sigmoid")])
def test_the_graph_answers_as_in_python(store, framework, estimator, target, method):
    others = [name for name in ("label", "grade", "price") if name != target]
    spec = store.spec(
        store.parquet(mixed(300)),
        target,
        framework,
        estimator,
        exclude_columns=others,
        hyperparameters=SMALL.get(estimator, {}) | ({"max_iter": 10} if estimator in ("mlp", "sgd") else {}),
        calibration=method,
    )
    result = store.result(spec)
    assert result["parameters"]["calibration"] == method
    assert {"val_uncalibrated_loss", "val_uncalibrated_brier"} <= set(result["metrics"])
    rows = fresh_rows(100)
    session = onnxruntime.InferenceSession(store.model())
    label, probabilities = session.run(["label", "probabilities"], tensors(rows, result["signature"]))
    pipeline, frame = python_answers(spec, rows)
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(frame), atol=1e-4)
    np.testing.assert_array_equal(label, pipeline.predict(frame))


def noisy(rows=1500):
    random = np.random.default_rng(1)
    X = random.normal(size=(rows, 3)).astype(np.float32)
    return X, (random.random(rows) < 1 / (1 + np.exp(-X[:, 0] - X[:, 1] ** 2 + 1))).astype(int)


@pytest.mark.parametrize(
    ("method", "model", "allowed"),
    [
        ("sigmoid", LogisticRegression(), 1e-4),
        ("isotonic", ExtraTreesClassifier(30, min_samples_leaf=5, random_state=0), 0.03),
    ],
)
def test_the_maps_are_those_of_scikit_learn(method, model, allowed):
    X, y = noisy()
    cut = StratifiedKFold(5, shuffle=True, random_state=3)
    theirs = CalibratedClassifierCV(model, method=method, cv=cut, ensemble=False).fit(X, y).predict_proba(X)
    held_out = np.empty((len(y), 2))
    for kept, held in cut.split(X, y):
        held_out[held] = model.fit(X[kept], y[kept]).predict_proba(X[held])
    ours = calibration.calibrated(model.fit(X, y).predict_proba(X), calibration.fit_maps(method, held_out, y))
    assert np.mean(np.abs(ours - theirs)) < allowed / 3 and np.max(np.abs(ours - theirs)) < 20 * allowed


def test_an_isotonic_map_rises_and_has_no_steep_step():
    random = np.random.default_rng(0)
    p = random.random(5000)
    (one,) = calibration.fit_maps("isotonic", np.column_stack([1 - p, p]), (random.random(5000) < p**2) * 1)
    assert np.all(np.diff(one.x) >= NARROWEST_STEP - 1e-12) and np.all(np.diff(one.y) >= 0)
    assert np.abs(one(np.linspace(0.05, 0.95, 50)) - np.linspace(0.05, 0.95, 50) ** 2).max() < 0.08


def test_the_validation_rows_have_no_part_in_it(store):
    train = store.parquet(mixed(300))
    first, other = (store.parquet(mixed(60, seed=seed), f"s3://data/{seed}.parquet") for seed in (5, 6))
    spec = store.spec(
        train,
        "label",
        estimator="logistic_regression",
        exclude_columns=["grade", "price"],
        validation=first,
        calibration="sigmoid",
    )
    model = store.result(spec)["files"]["model"]
    assert store.result(spec | {"data": spec["data"] | {"validation": other}})["files"]["model"] == model


def test_a_class_with_one_row_cannot_be_calibrated():
    with pytest.raises(JobFailure, match="at least two training rows of every class"):
        calibration.folds_of(np.array([0, 0, 0, 1]), ["a", "b"])


def test_calibration_is_for_classification(store):
    spec = store.spec(store.parquet(mixed(100)), "price", calibration="isotonic")
    code, message = store.failure(spec)
    assert code == "DATA_UNFIT" and "calibration is for classification" in message
