"""The graph that is written answers as the fitted Python pipeline does."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from cases import CLASSIFIERS, REGRESSORS, mixed

from modelplane_trainer import contracts, parity, training
from modelplane_trainer.core import cut
from modelplane_trainer.events import EventWriter
from modelplane_trainer.failures import JobFailure
from modelplane_trainer.job import seed_and_threads
from modelplane_trainer.preprocessing import inputs
from modelplane_trainer.reference import rows_frame

SMALL = {
    "random_forest": {"n_estimators": 25, "max_depth": 8},
    "extra_trees": {"n_estimators": 25, "max_depth": 8},
    "gradient_boosting": {"n_estimators": 40},
    "sgd": {"max_iter": 30},
    "mlp": {"max_iter": 60},
}


def fresh_rows(count=300):
    """Rows that training never saw, some cells missing, some categories unseen."""
    columns = {name: array.to_pylist() for name, array in mixed(count, seed=99).items()}
    rows = [
        {name: columns[name][place] for name in ("number", "whole", "flag", "city")} for place in range(count)
    ]
    for place in range(0, count, 17):
        rows[place]["city"] = "Atlantis"
    for place in range(5, count, 23):
        rows[place] |= {"city": "", "number": None}
    return rows


def tensors(rows, signature):
    """Rows as the contract signature.v1 tells a server to feed them."""
    feeds = {}
    for each in signature["inputs"]:
        values = [row[each["name"]] for row in rows]
        if each["dtype"] == "string":
            array = np.array([value or "" for value in values], dtype=object)
        else:
            array = np.array([np.nan if value is None else value for value in values], dtype=np.float32)
        feeds[each["tensor"]] = array.reshape(-1, 1)
    return feeds


def python_answers(spec, rows):
    seed_and_threads(spec)
    trained = training.train(spec, EventWriter(2, spec["job_id"], 1))
    return trained.pipeline, rows_frame(rows, inputs(trained.dataset))


@pytest.mark.parametrize(("framework", "estimator"), CLASSIFIERS)
@pytest.mark.parametrize("target", ["label", "grade"])
def test_classifiers_answer_as_in_python(store, framework, estimator, target):
    others = [name for name in ("label", "grade", "price") if name != target]
    spec = store.spec(
        store.parquet(mixed()),
        target,
        framework,
        estimator,
        exclude_columns=others,
        hyperparameters=SMALL.get(estimator, {}),
    )
    result = store.result(spec)
    signature = result["signature"]
    assert signature["output"]["labels"] == (["no", "yes"] if target == "label" else [1, 2, 3])
    rows = fresh_rows()
    session = onnxruntime.InferenceSession(store.model())
    label, probabilities = session.run(["label", "probabilities"], tensors(rows, signature))
    pipeline, frame = python_answers(spec, rows)
    assert label.dtype == np.int64 and label.shape == (300,)
    assert probabilities.dtype == np.float32 and probabilities.shape == (
        300,
        len(signature["output"]["labels"]),
    )
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(frame), atol=1e-5)
    np.testing.assert_array_equal(label, pipeline.predict(frame))
    assert len(set(label.tolist())) == len(signature["output"]["labels"])
    assert result["metrics"]["val_accuracy"] > 0.7 and result["metrics"]["val_roc_auc"] > 0.8


@pytest.mark.parametrize(("framework", "estimator"), REGRESSORS)
def test_regressors_answer_as_in_python(store, framework, estimator):
    spec = store.spec(
        store.parquet(mixed()),
        "price",
        framework,
        estimator,
        exclude_columns=["label", "grade"],
        hyperparameters=SMALL.get(estimator, {}),
    )
    result = store.result(spec)
    rows = fresh_rows()
    (value,) = onnxruntime.InferenceSession(store.model()).run(["value"], tensors(rows, result["signature"]))
    pipeline, frame = python_answers(spec, rows)
    np.testing.assert_allclose(value.reshape(-1), pipeline.predict(frame), rtol=1e-5, atol=0.05)
    assert result["metrics"]["val_r2"] > 0.5


def test_one_round_and_one_column(store):
    for framework, estimator in (
        ("xgboost", "xgboost"),
        ("lightgbm", "lightgbm"),
        ("sklearn", "random_forest"),
    ):
        spec = store.spec(
            store.parquet(mixed()),
            "label",
            framework,
            estimator,
            feature_columns=["city"],
            hyperparameters={"n_estimators": 1},
        )
        assert store.result(spec)["parameters"]["best_round"] == 1


def test_a_model_says_what_it_is(store):
    result = store.result(store.spec(store.parquet(mixed()), "label", exclude_columns=["grade", "price"]))
    model = onnx.load_from_string(store.model())
    properties = {entry.key: entry.value for entry in model.metadata_props}
    # The artifact stands for itself: what a server makes of it is no part of what it says.
    served = {"core": result["signature"]["core"]}
    assert json.loads(properties["modelplane.signature"]) | served == result["signature"]
    assert json.loads(properties["modelplane.labels"]) == ["no", "yes"]
    assert properties["modelplane.estimator"] == "hist_gradient_boosting"
    assert "scikit-learn" in json.loads(properties["modelplane.versions"])
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert opsets[""] <= 21 and opsets["ai.onnx.ml"] <= 3


def test_names_of_every_kind(store):
    columns = mixed()
    awkward = ["1st order", "größe (m²)", "größe m²", "数量"]
    renamed = dict(zip(awkward, (columns[name] for name in ("number", "whole", "flag", "city")), strict=True))
    renamed |= {"label": columns["label"], "x" * 200: columns["number"]}
    signature = store.result(store.spec(store.parquet(renamed), "label"))["signature"]
    names = [each["name"] for each in signature["inputs"]]
    assert names == [*awkward, "x" * 200]
    tensor_names = [each["tensor"] for each in signature["inputs"]]
    assert len(set(tensor_names)) == 5 and all(name.isascii() for name in tensor_names)
    graph = onnx.load_from_string(store.model()).graph
    assert [each.name for each in graph.input] == tensor_names


def test_a_graph_that_differs_is_refused(store):
    spec = store.spec(store.parquet(mixed()), "label", exclude_columns=["grade", "price"])
    store.result(spec)
    pipeline, frame = python_answers(spec | {"training": spec["training"] | {"seed": 8}}, fresh_rows())
    session = onnxruntime.InferenceSession(store.model())
    with pytest.raises(JobFailure, match="does not answer as the trained one") as caught:
        parity.compare(pipeline, session, frame, "rows")
    assert caught.value.code == "PARITY_FAILED"


def test_a_tied_vote_is_the_first_class(store):
    columns = mixed(900)
    spec = store.spec(
        store.parquet(columns),
        "grade",
        estimator="random_forest",
        feature_columns=["whole", "flag"],
        hyperparameters={"n_estimators": 10},
        model_type="classification",
    )
    store.result(spec)
    rows = [{"whole": whole, "flag": flag} for whole in range(-5, 60) for flag in (True, False, None)]
    pipeline, frame = python_answers(spec, rows)
    session = onnxruntime.InferenceSession(store.model())
    assert parity.compare(pipeline, session, frame, "rows") < 1e-5
    probabilities = np.sort(pipeline.predict_proba(frame))
    exact = probabilities[:, -1] != probabilities[:, -2]
    label, _ = session.run(None, {name: frame[name].to_numpy().reshape(-1, 1) for name in frame})
    np.testing.assert_array_equal(label[exact], pipeline.predict(frame)[exact])


def test_thresholds_are_rounded_down_not_to_nearest():
    from modelplane_trainer.onnx_export import _rounded_down

    above = np.nextafter(np.float32(1), np.float32(2)).astype(float)
    threshold = above - 1e-9  # nearest float32 is `above`, which must still go right
    assert np.float32(threshold) == np.float32(above)
    assert _rounded_down([threshold, threshold], ["BRANCH_LEQ", "LEAF"]) == [1.0, above]


def test_the_list_of_estimators_is_what_can_be_trained():
    from modelplane_trainer import estimators

    listed = {name for known in contracts.estimators().values() for name in known["estimators"]}
    assert listed == set(estimators.FITTERS) == set(estimators.PREPARATIONS)


@pytest.mark.parametrize(("framework", "estimator"), CLASSIFIERS)
def test_the_core_is_the_rest_of_the_graph(store, framework, estimator):
    spec = store.spec(
        store.parquet(mixed()),
        "label",
        framework,
        estimator,
        exclude_columns=["grade", "price"],
        hyperparameters=SMALL.get(estimator, {}),
    )
    result = store.result(spec)
    core, rows = result["signature"]["core"], tensors(fresh_rows(), result["signature"])
    whole = onnx.load_from_string(store.model())
    width = len(core["columns"])
    whole.graph.output.append(
        onnx.helper.make_tensor_value_info(core["tensor"], onnx.TensorProto.FLOAT, [None, width])
    )
    *expected, columns = onnxruntime.InferenceSession(whole.SerializeToString()).run(
        ["label", "probabilities", core["tensor"]], rows
    )
    written = store.path("s3://modelplane/jobs/attempts/1/") / result["files"]["core"]["name"]
    session = onnxruntime.InferenceSession(written.read_bytes())
    found = session.run(["label", "probabilities"], {core["tensor"]: columns})
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_graph_with_another_encoding_has_no_core():
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Add", ["a", "b"], ["value"])
    shape = [None, 1]
    inputs_ = [info(name, onnx.TensorProto.FLOAT, shape) for name in ("a", "b")]
    graph = onnx.helper.make_graph([node], "sum", inputs_, [info("value", onnx.TensorProto.FLOAT, shape)])
    assert cut(onnx.helper.make_model(graph).SerializeToString()) is None
