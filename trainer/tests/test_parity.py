"""The graph that is written answers as the fitted Python pipeline does."""

import json
import re

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from cases import CLASSIFIERS, REGRESSORS, mixed, simple

from modelplane_trainer import contracts, parity, training
from modelplane_trainer.core import Decisions, cut, decisions_of
from modelplane_trainer.events import EventWriter
from modelplane_trainer.failures import JobFailure
from modelplane_trainer.fitting import seed_and_threads
from modelplane_trainer.float32 import rounded_down
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
        parity.Gate(pipeline, session, {}).compare(frame, "rows")
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
    assert parity.Gate(pipeline, session, {}).compare(frame, "rows") < 1e-5
    probabilities = np.sort(pipeline.predict_proba(frame))
    exact = probabilities[:, -1] != probabilities[:, -2]
    label, _ = session.run(None, {name: frame[name].to_numpy().reshape(-1, 1) for name in frame})
    np.testing.assert_array_equal(label[exact], pipeline.predict(frame)[exact])


def test_thresholds_are_rounded_down_not_to_nearest():
    above = np.nextafter(np.float32(1), np.float32(2)).astype(float)
    threshold = above - 1e-9  # nearest float32 is `above`, which must still go right
    assert np.float32(threshold) == np.float32(above)
    np.testing.assert_array_equal(rounded_down(np.array([threshold, -threshold, 1.5])), [1.0, -above, 1.5])


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
    expected, columns = onnxruntime.InferenceSession(whole.SerializeToString()).run(
        ["probabilities", core["tensor"]], rows
    )
    written = store.path("s3://modelplane/jobs/attempts/1/") / result["files"]["core"]["name"]
    session = onnxruntime.InferenceSession(written.read_bytes())
    (found,) = session.run(None, {core["tensor"]: columns})
    np.testing.assert_array_equal(found, expected)


def test_a_graph_with_another_encoding_has_no_core():
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Add", ["a", "b"], ["value"])
    shape = [None, 1]
    inputs_ = [info(name, onnx.TensorProto.FLOAT, shape) for name in ("a", "b")]
    graph = onnx.helper.make_graph([node], "sum", inputs_, [info("value", onnx.TensorProto.FLOAT, shape)])
    with pytest.raises(ValueError, match="no known kind"):
        cut(onnx.helper.make_model(graph), "value")


@pytest.mark.parametrize("last_low", [19, 20])
def test_a_value_between_two_roundings_of_a_threshold_goes_the_same_way(store, last_low):
    """Thresholds lie between float32 values; rounded to nearest, every second one passes a value."""
    spacing = np.spacing(np.float32(42.4)).astype(float)
    steps = (np.float32(42.4) + np.arange(-20, 20) * spacing).astype(np.float32)
    x = np.repeat(steps, 20)
    spec = store.spec(store.parquet({"x": x, "y": np.where(x <= steps[last_low], "low", "high")}), "y")
    store.result(spec)
    pipeline, frame = python_answers(spec, [{"x": float(step)} for step in steps])
    label, _ = onnxruntime.InferenceSession(store.model()).run(None, {"f0_x": steps.reshape(-1, 1)})
    np.testing.assert_array_equal(label, pipeline.predict(frame))
    assert label.tolist() == [1] * (last_low + 1) + [0] * (39 - last_low)


def test_the_gate_names_the_feature_and_value_that_a_wrong_threshold_lets_pass(store):
    rows = np.random.default_rng(3).normal(size=(300, 2)).astype(np.float32)
    spec = store.spec(
        store.parquet({"a": rows[:, 0], "b b": rows[:, 1], "y": (rows[:, 1] > 0.1).astype(int)}), "y"
    )
    result = store.result(spec)
    pipeline, frame = python_answers(spec, [{"a": float(a), "b b": float(b)} for a, b in rows])
    model = onnx.load_from_string(store.model())
    core = cut(model, "probabilities")
    thresholds = parity.thresholds_of(decisions_of(model), core["columns"])
    assert len(thresholds["f1_b_b"]) > 0
    model = onnx.load_from_string(store.model())
    (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsembleClassifier")
    (values,) = (each for each in trees.attribute if each.name == "nodes_values")
    values.floats[:] = np.nextafter(np.array(values.floats, dtype=np.float32), np.float32(-np.inf)).tolist()
    names = {each["tensor"]: each["name"] for each in result["signature"]["inputs"]}
    gate = parity.Gate(pipeline, onnxruntime.InferenceSession(model.SerializeToString()), names)
    gate.compare(frame, "held-out rows")
    with pytest.raises(JobFailure, match=r"rows at the thresholds .* for example where 'b b' is -?\d"):
        gate.check(frame, thresholds, seed=1)


@pytest.mark.parametrize(("framework", "estimator"), CLASSIFIERS)
def test_labels_follow_the_probabilities_of_a_model_that_learnt_nothing(store, framework, estimator):
    x = np.arange(40, dtype=float)
    spec = store.spec(
        store.parquet({"x": x % 2, "y": np.where(x % 20 < 12, "often", "seldom")}),
        "y",
        framework,
        estimator,
        hyperparameters=SMALL.get(estimator, {}),
    )
    result = store.result(spec)
    label, probabilities = onnxruntime.InferenceSession(store.model()).run(
        None, {"f0_x": np.array([[0], [1]], dtype=np.float32)}
    )
    np.testing.assert_array_equal(label, np.argmax(probabilities, axis=1))
    assert result["metrics"]["val_accuracy"] is not None


@pytest.mark.parametrize(("framework", "estimator"), [*CLASSIFIERS])
def test_a_column_whose_only_news_is_what_is_missing(store, framework, estimator):
    x = [5.0 if place % 2 else None for place in range(60)]
    spec = store.spec(
        store.parquet({"x": x, "y": [place % 2 for place in range(60)]}),
        "y",
        framework,
        estimator,
        hyperparameters=SMALL.get(estimator, {}),
    )
    assert store.result(spec)["metrics"]["val_accuracy"] is not None


def test_a_model_that_tells_no_rows_apart_says_so(store):
    columns = simple(40)
    spec = store.spec(store.parquet(columns), "y", "lightgbm", "lightgbm")
    assert any("gives every row the same answer" in each for each in store.warnings(spec))
    spec["hyperparameters"] = {"min_child_samples": 1}
    assert not any("the same answer" in each for each in store.warnings(spec))


@pytest.mark.parametrize(("framework", "estimator"), REGRESSORS)
def test_a_target_far_from_zero_keeps_its_digits(store, framework, estimator):
    columns = mixed()
    price = np.asarray(columns["price"].to_pylist())
    near = store.result(_priced(store, framework, estimator, columns, price))
    far = store.result(_priced(store, framework, estimator, columns, price + 1.7e9))
    assert "offset" not in near["signature"]["output"]
    assert far["signature"]["output"]["offset"] == pytest.approx(1.7e9, rel=1e-4)
    assert far["metrics"]["val_r2"] == pytest.approx(near["metrics"]["val_r2"], abs=0.02)
    assert far["metrics"]["val_rmse"] == pytest.approx(near["metrics"]["val_rmse"], rel=0.1)


def _priced(store, framework, estimator, columns, price):
    return store.spec(
        store.parquet(columns | {"price": price}),
        "price",
        framework,
        estimator,
        exclude_columns=["label", "grade"],
        hyperparameters=SMALL.get(estimator, {}),
    )


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest", "logistic_regression"])
def test_whole_numbers_beyond_float32_are_told_apart(store, estimator):
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-09-01"))
    stamps = np.array([int(str(day).replace("-", "")) for day in days])
    seconds = 1_700_000_000 + np.arange(len(days))
    spec = store.spec(
        store.parquet({"day": stamps, "second": seconds, "y": (np.arange(len(days)) % 2).astype(int)}),
        "y",
        estimator=estimator,
    )
    events = store.run(spec)
    assert not [event for event in events if event["type"] == "warning"]
    day, second = events[-1]["result"]["signature"]["inputs"]
    assert day["offset"] == np.round(day["offset"]) and second["offset"] == np.round(second["offset"])
    seen = (stamps - day["offset"]).astype(np.float32).astype(float) + day["offset"]
    np.testing.assert_array_equal(seen, stamps)


def test_what_float32_cannot_hold_is_said(store):
    columns = simple(rows=200) | {"id": np.arange(200) * 10_000_019 + 10**9}
    (warning,) = store.warnings(store.spec(store.parquet(columns), "y"))
    assert "column 'id' holds numbers that a model tells apart only to within 32" in warning


def test_metrics_are_those_of_the_served_graph(store, monkeypatch):
    spec = store.spec(store.parquet(mixed()), "price", exclude_columns=["label", "grade"])
    honest = store.result(spec)["metrics"]

    def cut_with_a_shift(model, output):
        core = cut(model, output)
        (bases,) = (
            each for node in model.graph.node for each in node.attribute if each.name == "base_values"
        )
        bases.floats[0] += 1e6
        return core

    monkeypatch.setattr(training.core, "cut", cut_with_a_shift)
    assert store.result(spec)["metrics"]["val_mae"] > honest["val_mae"] + 9e5


@pytest.mark.parametrize("end", [-np.inf, np.inf])
@pytest.mark.parametrize("estimator", ["extra_trees", "random_forest"])
def test_one_wrong_node_of_a_forest_is_found_without_a_row_that_reaches_it(store, estimator, end):
    spec = store.spec(
        store.parquet(mixed()), "label", estimator=estimator, exclude_columns=["grade", "price"]
    )
    store.result(spec)
    pipeline, _ = python_answers(spec, fresh_rows())
    model = onnx.load_from_string(store.model())
    names = [column["tensor"] for column in cut(model, "probabilities")["columns"]]
    decisions = decisions_of(model)
    parity.check_nodes(decisions, pipeline[-1], names)
    for wrong in (0, len(decisions.thresholds) // 2, len(decisions.thresholds) - 1):
        other = np.nextafter(decisions.thresholds[wrong], np.float32(end))
        thresholds = decisions.thresholds.copy()
        thresholds[wrong] = other
        fault = f"at 1 of .* nodes, for example where '{names[decisions.columns[wrong]]}' is "
        with pytest.raises(JobFailure, match=fault):
            parity.check_nodes(Decisions(decisions.columns, thresholds), pipeline[-1], names)
    columns = decisions.columns.copy()
    columns[3] = (columns[3] + 1) % len(names)
    with pytest.raises(JobFailure, match="at 1 of "):
        parity.check_nodes(Decisions(columns, decisions.thresholds), pipeline[-1], names)


def test_every_threshold_is_asked_or_it_is_said(store):
    thresholds = {"a": np.arange(50, dtype=np.float32), "b": np.arange(7, dtype=np.float32)}
    frame = pd.DataFrame({name: np.zeros(20, dtype=np.float32) for name in ("a", "b", "c")})
    rows = parity.beside(frame, thresholds, seed=1)
    assert len(rows) == 300 and (rows["c"] == 0).all()
    for name, limits in thresholds.items():
        asked = set(rows[name].tolist())
        for end in (-np.inf, np.inf):
            assert set(np.nextafter(limits, np.float32(end)).tolist()) <= asked
        assert set(limits.tolist()) <= asked
    assert parity.what_was_asked(thresholds, 300) == ", also at and beside each of its 57 thresholds"
    assert len(parity.beside(frame, thresholds, seed=1, most=100)) == 100
    assert "on 100 rows at and beside some of its 57 thresholds" in parity.what_was_asked(thresholds, 100)
    assert parity.what_was_asked({}, 100) == ""


@pytest.mark.parametrize("target", ["label", "price"])
@pytest.mark.parametrize(
    ("framework", "estimator"),
    [pair for pair in CLASSIFIERS if re.search("tree|forest|boost|gbm", pair[1])],
)
def test_the_gate_asks_the_thresholds_of_every_kind_of_tree(store, framework, estimator, target):
    spec = store.spec(
        store.parquet(mixed()),
        target,
        framework,
        estimator,
        exclude_columns=[name for name in ("label", "grade", "price") if name != target],
        hyperparameters=SMALL.get(estimator, {}),
    )
    messages = [event["message"] for event in store.run(spec) if event["type"] == "log"]
    (told,) = [message for message in messages if "answers as the trained one" in message]
    assert re.search(
        r", also (at and beside each|on \d+ rows at and beside some) of its \d\d+ thresholds", told
    )


def test_rows_at_thresholds_are_bounded_by_rows_and_by_values():
    assert parity.most_probes(20, is_forest=False) == 100_000
    assert parity.most_probes(2_000, is_forest=False) == 10_000
    assert parity.most_probes(20, is_forest=True) == 4_000
