"""Members that are asked for the rows of their training, against scikit-learn's cross-validation."""

import copy

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import Store, mixed
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_selection import fit_spec, trained

from modelplane_trainer.out_of_fold import out_of_fold
from modelplane_trainer.storage import open_store

FEATURES = ["number", "whole"]
TRAIN = "s3://data/train.parquet"
FIELDS = ("framework", "estimator", "model_type", "hyperparameters", "data", "training", "limits")


def training_of(store: Store, target: str, estimator: str, files: dict, **changes) -> dict:
    spec = store.spec(files, target, "sklearn", estimator, feature_columns=FEATURES, **changes)
    return {name: spec[name] for name in FIELDS}


def seen(store: Store, target: str, estimators: list[str], **changes) -> dict:
    """The specification of a fit by the rows that the members were trained on."""
    files = store.parquet(mixed(400), TRAIN)
    models = [
        trained(store, files, target, at, "sklearn", estimator, feature_columns=FEATURES, **changes)
        for at, estimator in enumerate(estimators)
    ]
    refits = [
        {"member": at, "best_round": 100, "training": training_of(store, target, estimator, files, **changes)}
        for at, estimator in enumerate(estimators)
    ]
    return fit_spec(store, models, target, files) | {"folds": 4, "refits": refits}


def plain(store: Store, target: str) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(store.path(TRAIN))
    rows = np.column_stack([table[name].to_numpy().astype(np.float32) for name in FEATURES])
    return rows, table[target].to_numpy(zero_copy_only=False)


def test_a_ridge_answers_as_cross_validation_does(store):
    files = store.parquet(mixed(400), TRAIN)
    found = out_of_fold(training_of(store, "price", "ridge", files), 1, 4, store_of(store))
    rows, truth = plain(store, "price")
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), Ridge())
    cut = KFold(4, shuffle=True, random_state=7)
    expected = cross_val_predict(reference, rows, truth, cv=cut)
    np.testing.assert_allclose(found.answers, expected, rtol=1e-4)
    assert found.numbers.tolist() == list(range(400)) and found.labels is None
    np.testing.assert_array_equal(found.truth, truth)


def test_a_logistic_regression_answers_as_cross_validation_does(store):
    files = store.parquet(mixed(400), TRAIN)
    found = out_of_fold(training_of(store, "label", "logistic_regression", files), 100, 4, store_of(store))
    rows, truth = plain(store, "label")
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    cut = StratifiedKFold(4, shuffle=True, random_state=7)
    expected = cross_val_predict(reference, rows, truth, cv=cut, method="predict_proba")
    assert found.labels == ["no", "yes"]
    np.testing.assert_allclose(found.answers, expected, atol=1e-3)


def store_of(store: Store):
    return open_store({"kind": "folder", "root": str(store.root)}, None)


@pytest.mark.parametrize("method", ["greedy", "stacking"])
def test_what_was_learnt_by_heart_counts_no_more(store, method):
    spec = seen(store, "label", ["random_forest", "logistic_regression"]) | {"method": method}
    by_heart = store.result_of({name: spec[name] for name in spec if name != "refits"})
    honest = store.result_of(spec)
    assert [each["is_out_of_fold"] for each in by_heart["members"]] == [False, False]
    assert [each["is_out_of_fold"] for each in honest["members"]] == [True, True]
    (forest, linear), (refitted, straight) = by_heart["members"], honest["members"]
    assert refitted["loss"] > forest["loss"] + 0.1
    assert straight["loss"] == pytest.approx(linear["loss"], abs=0.05)
    assert honest["loss"] > by_heart["loss"]


def test_rows_without_a_target_and_other_orders_of_classes_are_matched(store):
    spec = seen(store, "grade", ["random_forest", "hist_gradient_boosting"])
    whole = store.result_of(spec)
    turned = copy.deepcopy(spec)
    turned["model"]["signature"]["output"]["labels"].reverse()
    found = store.result_of(turned)
    for one, other in zip(whole["members"], found["members"], strict=True):
        assert other["is_out_of_fold"] and one["loss"] == pytest.approx(other["loss"])

    table = pq.read_table(store.path(TRAIN))
    grade = pa.array([None if row % 9 == 0 else value.as_py() for row, value in enumerate(table["grade"])])
    store.parquet(table.set_column(table.column_names.index("grade"), "grade", grade), TRAIN)
    found = store.result_of(spec)
    assert found["rows"] == 400 - 45 and all(each["is_out_of_fold"] for each in found["members"])


def test_values_and_rows_beside_those_of_validation_files_are_matched(store):
    validation = store.parquet(mixed(100, seed=3), "s3://data/validation.parquet")
    spec = seen(store, "price", ["ridge", "random_forest"], validation=validation)
    result = store.result_of(spec)
    assert result["rows"] == 400 and all(each["is_out_of_fold"] for each in result["members"])


def test_calibration_and_early_stopping_are_those_of_the_training(store):
    spec = seen(store, "label", ["hist_gradient_boosting", "random_forest"], calibration="sigmoid")
    spec["refits"][0]["best_round"] = 12
    result = store.result_of(spec)
    assert all(each["is_out_of_fold"] and each["loss"] < 0.6 for each in result["members"])


def test_a_member_that_cannot_be_refitted_is_told_and_asked_as_it_is(store):
    spec = seen(store, "label", ["random_forest", "logistic_regression"])
    # The training reads rows in another order than the table has them.
    table = pq.read_table(store.path(TRAIN))
    store.parquet(table.take(pa.array(range(399, -1, -1))), "s3://data/turned.parquet")
    spec["refits"][0]["training"]["data"]["train"]["uris"] = ["s3://data/turned.parquet"]
    *_, last = events = store.run(spec)
    assert [each["is_out_of_fold"] for each in last["result"]["members"]] == [False, True]
    (warning,) = [event["message"] for event in events if event["type"] == "warning"]
    assert warning.startswith("Version 1.0.0 of model-0 cannot be trained without the rows")
    assert "otherwise than scoring does" in warning
