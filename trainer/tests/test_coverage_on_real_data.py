"""How often intervals and sets cover the truth of fresh rows of public data; -s shows the figures."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import REAL_DATA, Store

from modelplane_trainer import conformal

COVERAGES = (0.8, 0.9, 0.95)
TOLERANCE = 0.02
JOB = "batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e"

pytestmark = pytest.mark.skipif(not REAL_DATA.exists(), reason="the public data sets are not here")


def churn():
    frame = pd.read_csv(REAL_DATA / "churn" / "telco.csv").drop(columns="customerID", errors="ignore")
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return frame, "Churn"


def adult():
    frame = pd.read_csv(REAL_DATA / "adult" / "adult.csv", skipinitialspace=True, na_values="?")
    return frame.drop_duplicates(), "Y"


def california(target="clf_target"):
    folder = REAL_DATA / "drift"
    truth = pd.read_csv(folder / "california_housing_analysis_gt.csv")
    later = pd.read_csv(folder / "california_housing_analysis.csv").merge(truth, on="id")
    frame = pd.concat([pd.read_csv(folder / "california_housing_reference.csv"), later])
    left_out = ["id", "timestamp", "y_pred_proba", "y_pred", *({"clf_target"} - {target})]
    return frame.drop(columns=left_out), target


def incomes():
    """A regression: the median income of a block by its houses and place."""
    return california("MedInc")


def scored(store: Store, spec: dict, result: dict, coverage: float) -> pa.Table:
    """Fresh rows as a batch answers them."""
    table = result["calibration"]
    quantile = conformal.quantile_of(table["scores"], coverage)
    folder = "modelplane/jobs/attempts/1"
    core = (store.root / folder / "core.onnx").read_bytes()
    model = (store.root / folder / "model.onnx").read_bytes()
    out = f"out{round(coverage * 100)}"
    (store.root / out).mkdir(exist_ok=True)
    fresh = store.path("s3://data/fresh.parquet")
    batch = {
        "spec_version": 1,
        "kind": "batch",
        "job_id": JOB,
        "attempt": 1,
        "storage": spec["storage"],
        "state_uri": f"s3://modelplane/state-{out}/",
        "input": {
            "format": "parquet",
            "files": [{"uri": "s3://data/fresh.parquet", "size_bytes": fresh.stat().st_size, "etag": "1"}],
        },
        "output": {
            "uri": f"s3://{out}/",
            "name": JOB,
            "format": "parquet",
            "csv_safe": False,
            "passthrough_columns": [spec["data"]["target_column"]],
        },
        "model": {
            "id": "model",
            "version": "1.0.0",
            "artifact_uri": f"s3://{folder}/model.onnx",
            "sha256": hashlib.sha256(model).hexdigest(),
            "core": {"uri": f"s3://{folder}/core.onnx", "sha256": hashlib.sha256(core).hexdigest()},
            "origin": "trained",
            "signature": result["signature"],
            "certainty": {"quantile": quantile, "spread": table["spread"]},
        },
        "batch": {"batch_rows": 16_384, "part_rows": 100_000, "max_error_share": 0.0, "threads": 1},
        "limits": {"memory_bytes": 4 << 30, "model_memory_bytes": 1 << 30, "model_run_seconds": 10},
    }
    (part,) = store.result_of(batch)["parts"]
    return pq.read_table(store.root / out / part["output"]["name"])


def measured(table: pa.Table, target: str) -> tuple[float, float, float]:
    """Share of rows whose truth is covered, mean width or size, and share of right predictions."""
    truth = table[target].to_pylist()
    if "prediction_set" not in table.column_names:
        lower, upper = (table[f"prediction_{end}"].to_numpy() for end in ("lower", "upper"))
        return float(np.mean((lower <= truth) & (truth <= upper))), float((upper - lower).mean()), 0.0
    sets = table["prediction_set"].to_pylist()
    right = np.mean([one == other for one, other in zip(truth, table["prediction"].to_pylist(), strict=True)])
    covered = np.mean([value in each for value, each in zip(truth, sets, strict=True)])
    return float(covered), float(np.mean([len(each) for each in sets])), float(right)


@pytest.mark.parametrize(
    ("data", "framework", "estimator", "seeds"),
    [
        (churn, "sklearn", "logistic_regression", 4),
        (adult, "sklearn", "hist_gradient_boosting", 1),
        (california, "lightgbm", "lightgbm", 3),
        (incomes, "sklearn", "hist_gradient_boosting", 3),
    ],
)
def test_covers_what_was_asked_of_fresh_rows(tmp_path, data, framework, estimator, seeds):
    frame, target = data()
    found = {coverage: [] for coverage in COVERAGES}
    for seed in range(seeds):
        (tmp_path / str(seed)).mkdir()
        store = Store(tmp_path / str(seed))
        order = np.random.default_rng(seed).permutation(len(frame))
        parts = {"fresh": order[: len(frame) // 5], "train": order[len(frame) // 5 :]}
        for name, rows in parts.items():
            table = pa.Table.from_pandas(frame.iloc[rows], preserve_index=False)
            store.parquet(table, f"s3://data/{name}.parquet")
        files = {"format": "parquet", "uris": ["s3://data/train.parquet"]}
        spec = store.spec(files, target, framework, estimator, importance="none", seed=seed)
        result = store.result(spec)
        for coverage in COVERAGES:
            found[coverage].append(measured(scored(store, spec, result, coverage), target))
    for coverage, figures in found.items():
        covered, size, right = np.mean(figures, axis=0)
        print(
            f"{data.__name__} {estimator} ({seeds} splits): asked {coverage}, covered {covered:.3f}, "
            f"mean size {size:.3f}, right alone {right:.3f}"
        )
        # A set always holds the prediction, and covers at least as often as that is right.
        assert coverage - TOLERANCE <= covered <= max(coverage, right) + TOLERANCE
