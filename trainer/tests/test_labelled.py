"""Calibrating a version by a labelled table, whatever its files look like."""

import hashlib
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from cases import Store, mixed

from modelplane_trainer import conformal

FEATURES = ["number", "whole", "flag", "city"]
FOLDER = "s3://modelplane/jobs/attempts/1/"


def calibration(store: Store, spec: dict, result: dict, files: dict, target: str) -> dict:
    """The specification of a calibration of what a training has made."""
    core = (store.path(FOLDER) / "core.onnx").read_bytes()
    model = (store.path(FOLDER) / "model.onnx").read_bytes()
    listed = [{"uri": uri, "size_bytes": 1, "etag": "1"} for uri in files["uris"]]
    return {
        "spec_version": 1,
        "kind": "calibration",
        "job_id": "calib-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e",
        "attempt": 1,
        "storage": spec["storage"],
        "data": {"format": files["format"], "files": listed, "target_column": target},
        "model": {
            "id": "model",
            "version": "1.0.0",
            "artifact_uri": f"{FOLDER}model.onnx",
            "sha256": hashlib.sha256(model).hexdigest(),
            "core": {"uri": f"{FOLDER}core.onnx", "sha256": hashlib.sha256(core).hexdigest()},
            "origin": "trained",
            "signature": result["signature"],
        },
        "limits": {"memory_bytes": 4 << 30, "model_memory_bytes": 1 << 30, "model_run_seconds": 10},
    }


def trained(store: Store, target: str, estimator: str) -> tuple[dict, dict]:
    files = store.parquet(mixed(400), "s3://data/train.parquet")
    spec = store.spec(files, target, estimator=estimator, feature_columns=FEATURES, importance="none")
    return spec, store.result(spec)


def test_classes_are_matched_by_what_they_say(store):
    spec, result = trained(store, "grade", "logistic_regression")
    assert result["signature"]["output"]["labels"] == [1, 2, 3]
    columns = mixed(600, seed=5)
    grade = columns["grade"].to_pylist()
    spellings = {
        "int": pa.array(grade),
        "float": pa.array([float(value) for value in grade]),
        "decimal": pa.array([Decimal(value) for value in grade]),
        "text": pa.array([f"{value}.0" for value in grade]),
        "dictionary": pa.array([str(value) for value in grade]).dictionary_encode(),
    }
    table = pa.table({name: columns[name] for name in FEATURES} | spellings)
    files = store.parquet(table, "s3://data/fresh.parquet")
    found = [
        store.result_of(calibration(store, spec, result, files, name))["calibration"] for name in spellings
    ]
    assert all(each == found[0] for each in found)
    assert found[0]["rows"] == 600 and found[0]["spread"] is None
    for each in found[0]["measured"]:
        assert each["measured"] >= each["coverage"] - 0.04

    gaps = pa.array([value if row % 10 else None for row, value in enumerate(grade)])
    files = store.parquet(table.set_column(4, "int", gaps), "s3://data/gaps.parquet")
    *_, last = events = store.run(calibration(store, spec, result, files, "int"))
    assert last["result"]["calibration"]["rows"] == 540
    assert [event["message"] for event in events if event["type"] == "warning"] == [
        "60 rows have no value in target column 'int' and took no part."
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array([date(2026, 1, 1)] * 20), "holds date, and no classes"),
        (pa.array([4] * 20), "holds '4', which is none of the model's classes: '1', '2', '3'"),
        (pa.array(["x" * 999] * 20), "holds 'xxx"),
        (pa.nulls(20, pa.int64()), "no row of the table has a target and an answer"),
    ],
)
def test_what_is_no_class_of_the_model_is_refused(store, values, words):
    spec, result = trained(store, "grade", "logistic_regression")
    columns = mixed(20, seed=5)
    table = pa.table({name: columns[name] for name in FEATURES} | {"truth": values})
    files = store.parquet(table, "s3://data/fresh.parquet")
    code, message = store.failure(calibration(store, spec, result, files, "truth"))
    assert code == "DATA_UNFIT" and words in message.replace("No row", "no row") and len(message) < 300


def test_a_number_is_calibrated_as_training_calibrates_it(store):
    spec, result = trained(store, "price", "ridge")
    kept = result["calibration"]
    assert (kept["source"], kept["seen_by"], kept["rows"]) == ("held_out", [], 80)
    columns = mixed(1500, seed=5)
    columns["price"] = pa.array([float(value) for value in columns["price"].to_pylist()])
    csv = "\n".join(
        [",".join([*FEATURES, "price"])]
        + [
            ",".join(
                "" if columns[name][row].as_py() is None else str(columns[name][row].as_py())
                for name in [*FEATURES, "price"]
            )
            for row in range(1500)
        ]
    )
    typed = store.parquet({name: columns[name] for name in [*FEATURES, "price"]}, "s3://data/fresh.parquet")
    cells = store.text(csv, "s3://data/fresh.csv")
    one, other = (
        store.result_of(calibration(store, spec, result, files, "price"))["calibration"]
        for files in (typed, cells)
    )
    assert one["scores"]["count"] == 1200 and len(one["spread"]["scales"]) == conformal.BINS
    np.testing.assert_allclose(one["scores"]["scores"], other["scores"]["scores"], rtol=1e-3)
    for each in one["measured"]:
        assert each["measured"] == pytest.approx(each["coverage"], abs=0.03)

    text = store.text("number,whole,flag,city,price\n1,2,true,Aachen,cheap\n", "s3://data/text.csv")
    code, message = store.failure(calibration(store, spec, result, text, "price"))
    assert code == "DATA_UNFIT" and "but the model predicts a number" in message


def test_early_stopping_is_told(store):
    _, result = trained(store, "label", "hist_gradient_boosting")
    assert result["calibration"]["seen_by"] == ["early_stopping"]
    assert result["threshold_curve"]["positives"] + result["threshold_curve"]["negatives"] == 80
