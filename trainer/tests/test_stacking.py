"""Meta models over members, against scikit-learn's stacking of members that are fitted already."""

import copy

import numpy as np
import pyarrow as pa
import pytest
from cases import Store, mixed
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import StackingClassifier, StackingRegressor
from test_selection import FEATURES, fit, scored

FRESH = "s3://data/fresh.parquet"
OTHERS = "s3://data/others.parquet"


class Classifier(ClassifierMixin, BaseEstimator):
    """Answers what it is given: the columns of the rows from `first` on are its probabilities."""

    def __init__(self, first=0, classes=()):
        self.first, self.classes = first, classes

    def fit(self, rows, truth):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return np.array(self.classes)

    def predict_proba(self, rows):
        return rows[:, self.first : self.first + len(self.classes)]


class Regressor(RegressorMixin, BaseEstimator):
    """Answers what it is given: a column of the rows."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, rows, truth):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, rows):
        return rows[:, self.column]


def stacking(store: Store, target: str, estimators: list[str]) -> dict:
    spec = fit(store, target, estimators)
    del spec["rounds"]
    store.parquet(mixed(500, seed=11), OTHERS)
    return spec | {"method": "stacking"}


def with_meta(spec: dict, meta: dict) -> dict:
    stacked = copy.deepcopy(spec)
    stacked["model"]["ensemble"] |= {"method": "stacking", "meta": meta}
    return stacked


def answers_of(table: pa.Table, labels: list | None) -> np.ndarray:
    """Values [rows, 1], or probabilities [rows, classes]."""
    names = ["prediction"] if labels is None else [f"probability_{label}" for label in labels]
    return np.column_stack([table[name].to_numpy() for name in names])


@pytest.mark.parametrize(
    ("target", "estimators"),
    [
        ("label", ["logistic_regression", "random_forest", "hist_gradient_boosting"]),
        ("grade", ["logistic_regression", "random_forest", "hist_gradient_boosting"]),
        ("price", ["ridge", "random_forest", "hist_gradient_boosting"]),
    ],
)
def test_answers_as_scikit_learn_does(store, target, estimators):
    spec = stacking(store, target, estimators)
    labels = spec["model"]["signature"]["output"].get("labels")
    result = store.result_of(spec)
    assert {each["weight"] for each in result["members"]} == {None}

    members = [each["model"] for each in spec["model"]["ensemble"]["members"]]
    fresh, others = (
        np.hstack([answers_of(scored(store, {**spec, "model": each}, uri, []), labels) for each in members])
        for uri in (FRESH, OTHERS)
    )
    truth = scored(store, spec, FRESH, [target])[target].to_numpy(zero_copy_only=False)
    width = fresh.shape[1] // len(members)
    named = [
        (str(at), Regressor(at) if labels is None else Classifier(at * width, tuple(labels)))
        for at in range(len(members))
    ]
    reference = (StackingRegressor if labels is None else StackingClassifier)(named, cv="prefit")
    reference.fit(fresh, truth)
    found = scored(store, with_meta(spec, result["meta"]), OTHERS, [])
    if labels is None:
        np.testing.assert_allclose(found["prediction"].to_numpy(), reference.predict(others), rtol=1e-6)
        return
    expected = reference.predict_proba(others)
    np.testing.assert_allclose(answers_of(found, labels), expected, rtol=0, atol=1e-6)
    predicted = found["prediction"].to_numpy(zero_copy_only=False)
    sure = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 1e-5
    assert (predicted == reference.predict(others))[sure].all() and sure.mean() > 0.9


def test_what_a_member_is_good_for_is_told_by_a_stacking_without_it(store):
    spec = stacking(store, "grade", ["logistic_regression", "random_forest", "hist_gradient_boosting"])
    whole = store.result_of(spec)
    assert whole["loss"] < min(each["loss"] for each in whole["members"])
    spec["model"]["ensemble"]["members"].pop(1)
    assert store.result_of(spec)["loss"] == pytest.approx(whole["members"][1]["loss_without"], abs=1e-9)


def test_a_class_without_a_row_is_refused_by_name(store):
    spec = stacking(store, "grade", ["logistic_regression", "random_forest"])
    columns = mixed(60, seed=5)
    grade = pa.array([1 + row % 2 for row in range(60)])
    store.parquet(pa.table({name: columns[name] for name in FEATURES} | {"grade": grade}), FRESH)
    code, message = store.failure(spec)
    assert code == "DATA_UNFIT" and "none of '3'" in message


def test_a_method_must_be_named(store):
    spec = stacking(store, "price", ["ridge", "ridge"])
    assert "method" in store.failure({name: spec[name] for name in spec if name != "method"})[1]
    assert "is not valid" in store.failure({**spec, "method": "voting"})[1]
