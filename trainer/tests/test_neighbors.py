"""k nearest neighbours: the graph answers exactly as Python does, where ties are many too."""

import numpy as np
import onnx
import onnxruntime
import pytest
from cases import mixed, simple
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from modelplane_trainer.estimators import neighbors
from modelplane_trainer.estimators.neighbors import NeighborsClassifier, NeighborsRegressor
from modelplane_trainer.onnx_export import TARGET_OPSET, register_converters

random = np.random.default_rng(0)
COLUMNS = {
    "continuous": random.normal(size=(600, 6)),
    "integers": random.integers(0, 5, (600, 4)),
    "one-hot": np.eye(5)[random.integers(0, 5, 600)],
    "mixed": np.hstack([random.integers(0, 40, (600, 3)), np.eye(4)[random.integers(0, 4, 600)]]),
    "outliers": random.standard_cauchy((600, 3)) * 1e6,
}


def answers(model, X):
    register_converters()
    types = [("X", FloatTensorType([None, X.shape[1]]))]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    graph = convert_sklearn(model, initial_types=types, target_opset=TARGET_OPSET, options=options)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return [session.run(None, {"X": rows})[-1] for rows in (X, X[:1])]


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("count", [1, 5, 16])
@pytest.mark.parametrize("columns", COLUMNS)
def test_the_graph_is_exact(columns, count, weights):
    X = COLUMNS[columns].astype(np.float32)
    near = X + (np.random.default_rng(1).random(X.shape) < 0.3).astype(np.float32)
    y = np.arange(600) % 3
    classifier = NeighborsClassifier(count, weights).fit(X[:500], y[:500])
    several, one = answers(classifier, near)
    np.testing.assert_allclose(several, classifier.predict_proba(near), atol=1e-7)
    np.testing.assert_array_equal(one, several[:1])
    regressor = NeighborsRegressor(count, weights).fit(X[:500], y[:500] * 0.7)
    np.testing.assert_allclose(answers(regressor, near)[0][:, 0], regressor.predict(near), atol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_without_ties_it_is_that_of_scikit_learn(weights):
    X, y = COLUMNS["continuous"], np.arange(600) % 3
    ours = NeighborsClassifier(7, weights).fit(X[:500], y[:500]).predict_proba(X[500:])
    scaler = StandardScaler().fit(X[:500])
    train, fresh = scaler.transform(X[:500]), scaler.transform(X[500:])
    theirs = KNeighborsClassifier(7, weights=weights).fit(train, y[:500]).predict_proba(fresh)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    values = KNeighborsRegressor(7, weights=weights).fit(train, y[:500]).predict(fresh)
    ours = NeighborsRegressor(7, weights).fit(X[:500], y[:500]).predict(X[500:])
    np.testing.assert_allclose(ours, values, atol=1e-4)


def test_of_equally_near_rows_the_first_decide():
    X = np.array([[2.0], [0.0], [0.0], [2.0]], dtype=np.float32)
    y = np.array([0, 1, 2, 3])
    model = NeighborsClassifier(3).fit(X, y)
    middle = np.array([[1.0], [1.9]], dtype=np.float32)
    expected = np.array([[1, 1, 1, 0], [1, 1, 0, 1]]) / 3
    np.testing.assert_allclose(model.predict_proba(middle), expected)
    np.testing.assert_allclose(answers(model, middle)[0], expected, atol=1e-7)


def test_weights_by_distance_are_those_of_a_row_that_is_there():
    model = NeighborsRegressor(2, "distance").fit(np.array([[0.0], [1.0], [3.0]]), np.array([5.0, 7.0, 9.0]))
    at = np.array([[1.0], [0.25]], dtype=np.float32)
    np.testing.assert_allclose(model.predict(at), [7, 5.5], atol=1e-3)
    np.testing.assert_allclose(answers(model, at)[0][:, 0], [7, 5.5], atol=1e-3)


def test_the_file_holds_four_bytes_a_value(store):
    noise = np.random.default_rng(0).normal(size=(20, 400))
    columns = simple(400) | {f"c{place}": noise[place] for place in range(20)}
    store.result(store.spec(store.parquet(columns), "y", estimator="k_nearest_neighbors"))
    rows, outcomes = 320 * 21 * 4, 320 * 3 * 8
    assert rows < len(store.model()) < rows + outcomes + 10_000
    onnx.checker.check_model(onnx.load_from_string(store.model()))


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_it_can_be_calibrated(store, weights):
    spec = store.spec(
        store.parquet(mixed(300)),
        "grade",
        estimator="k_nearest_neighbors",
        exclude_columns=["label", "price"],
        hyperparameters={"n_neighbors": 9, "weights": weights},
        calibration="sigmoid",
    )
    assert store.result(spec)["metrics"]["val_accuracy"] > 0.6


def test_too_many_rows_or_neighbors_are_named(store, monkeypatch):
    spec = store.spec(store.parquet(mixed(200)), "label", estimator="k_nearest_neighbors")
    monkeypatch.setattr(neighbors, "MOST_ROWS", 100)
    code, message = store.failure(spec)
    assert code == "DATA_UNFIT" and "at most 100, but there are 160" in message
    monkeypatch.setattr(neighbors, "MOST_VALUES", 500)
    assert "with 10 columns, categories counted one by one, at most 50," in store.failure(spec)[1]
    monkeypatch.undo()
    spec["hyperparameters"] = {"n_neighbors": 100}
    small = store.parquet(mixed(100), "s3://data/small.parquet")
    code, message = store.failure(spec | {"data": spec["data"] | {"train": small}})
    assert code == "DATA_UNFIT" and "n_neighbors is 100, but there are only 80 training rows" in message
