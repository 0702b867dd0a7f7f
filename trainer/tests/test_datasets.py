"""Data sets that come with scikit-learn. bench/parity asks every estimator about these and others."""

import pyarrow as pa
import pytest
from agreement import Agreement
from cases import ESTIMATORS
from sklearn import datasets

# Every estimator has its turn.
SAMPLE = [
    ("iris", ["hist_gradient_boosting", "lightgbm", "k_nearest_neighbors", "sgd", "gradient_boosting"]),
    ("wine", ["xgboost", "random_forest", "logistic_regression", "mlp", "lightgbm"]),
    ("breast_cancer", ["hist_gradient_boosting", "extra_trees", "xgboost"]),
    ("diabetes", ["ridge", "lasso", "linear_regression", "gradient_boosting", "lightgbm", "mlp"]),
]
FEWER_TREES = {"n_estimators": 20}
SMALLER = dict.fromkeys(
    ["random_forest", "extra_trees", "gradient_boosting", "xgboost", "lightgbm"], FEWER_TREES
)


@pytest.mark.parametrize(("name", "estimator"), [(name, each) for name, every in SAMPLE for each in every])
def test_every_row_is_answered_alike(store, name, estimator):
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    files = store.parquet(pa.Table.from_pandas(frame, preserve_index=False))
    framework = next(framework for framework, each in ESTIMATORS if each == estimator)
    settings = SMALLER.get(estimator, {})
    Agreement(
        store, files, "target", framework=framework, estimator=estimator, hyperparameters=settings
    ).check()


def test_the_sample_holds_every_estimator():
    assert {each for _, every in SAMPLE for each in every} == {estimator for _, estimator in ESTIMATORS}
