"""Quality on public data, with nothing chosen by hand; skipped where the data are absent."""

import shutil

import pytest
from cases import REAL_DATA

BOTH = [("churn/telco.csv", "Churn", 0.83), ("adult/adult.csv", "Y", 0.92)]
FRAMEWORKS = [("sklearn", "hist_gradient_boosting"), ("xgboost", "xgboost"), ("lightgbm", "lightgbm")]


@pytest.mark.parametrize(("file", "target", "least"), BOTH)
@pytest.mark.parametrize(("framework", "estimator"), FRAMEWORKS)
def test_defaults_are_good(store, file, target, least, framework, estimator):
    if not (REAL_DATA / file).is_file():
        pytest.skip(f"{REAL_DATA / file} is absent; set MODELPLANE_TEST_DATA")
    shutil.copy(REAL_DATA / file, store.path("s3://data/train.csv"))
    spec = store.spec({"format": "csv", "uris": ["s3://data/train.csv"]}, target, framework, estimator)
    result = store.result(spec)
    print(f"{file} {framework} val_roc_auc {result['metrics']['val_roc_auc']:.4f}")
    assert result["metrics"]["val_roc_auc"] >= least
    if target == "Churn":
        assert "customerID" in result["signature"]["ignored"]
        kinds = {each["name"]: each["type"] for each in result["signature"]["inputs"]}
        assert kinds["TotalCharges"] == "number"
