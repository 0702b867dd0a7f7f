"""A store with data in it, specifications to train on, and the events that came of it."""

import copy
import json
import os
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelplane_trainer import contracts
from modelplane_trainer.job import run_job

TRAINER = Path(__file__).resolve().parents[1]
REAL_DATA = Path(os.environ.get("MODELPLANE_TEST_DATA", TRAINER.parents[1] / "shared" / "data"))

ESTIMATORS = [
    (framework, estimator)
    for framework, known in contracts.estimators().items()
    for estimator in known["estimators"]
]
CLASSIFIERS = [pair for pair in ESTIMATORS if "classification" in contracts.entry(*pair)["model_types"]]
REGRESSORS = [pair for pair in ESTIMATORS if "regression" in contracts.entry(*pair)["model_types"]]


class Store:
    """A folder store under a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "objects"
        self.root.mkdir()

    def path(self, uri: str) -> Path:
        path = self.root / uri.removeprefix("s3://")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def parquet(self, columns, uri="s3://data/train.parquet") -> dict:
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), self.path(uri))
        return {"format": "parquet", "uris": [uri]}

    def text(self, content: str | bytes, uri="s3://data/train.csv") -> dict:
        data = content if isinstance(content, bytes) else content.encode()
        self.path(uri).write_bytes(data)
        return {"format": "csv" if uri.endswith("csv") else "json_lines", "uris": [uri]}

    def spec(
        self, train: dict, target: str, framework="sklearn", estimator="hist_gradient_boosting", **changes
    ):
        """A specification; keyword arguments replace fields wherever they are."""
        spec = {
            "spec_version": 1,
            "kind": "training",
            "job_id": f"train-{uuid.uuid4()}",
            "attempt": 1,
            "storage": {"kind": "folder", "root": str(self.root)},
            "output_uri": "s3://modelplane/jobs/attempts/1/",
            "framework": framework,
            "estimator": estimator,
            "model_type": None,
            "hyperparameters": {},
            "data": {
                "train": train,
                "validation": None,
                "target_column": target,
                "feature_columns": None,
                "exclude_columns": [],
                "feature_types": {},
                "validation_share": 0.2,
                "batch_size": None,
            },
            "training": {
                "strategy": None,
                "num_workers": None,
                "use_gpu": None,
                "epochs": None,
                "learning_rate": None,
                "early_stopping": None,
                "patience": None,
                "seed": 7,
                "calibration": None,
                "importance": "permutation",
                "importance_seconds": 60,
            },
            "limits": {"memory_bytes": 4 << 30, "max_features": 200},
        }
        for name, value in changes.items():
            place = next(
                part for part in (spec, spec["data"], spec["training"], spec["limits"]) if name in part
            )
            place[name] = value
        return copy.deepcopy(spec)

    def run(self, spec, credentials=None) -> list[dict]:
        """Run a job in this process; every event is checked against the contract."""
        reading, writing = os.pipe()
        path = self.root.parent / "events"
        os.close(reading)
        os.close(writing)
        with path.open("wb") as file:
            code = run_job(spec, file.fileno(), credentials)
        events = checked(path.read_bytes().splitlines())
        assert code == (1 if events[-1]["type"] == "failed" else 0)
        return events

    def result(self, spec) -> dict:
        result = self.result_of(spec)
        contracts.validator("signature.v1").validate(result["signature"])
        return result

    def result_of(self, spec, credentials=None) -> dict:
        """Of a job of any kind."""
        last = self.run(spec, credentials)[-1]
        assert last["type"] == "succeeded", last
        return last["result"]

    def failure(self, spec, credentials=None) -> tuple[str, str]:
        last = self.run(spec, credentials)[-1]
        assert last["type"] == "failed", last
        message = last["message"]
        assert "Traceback" not in message and "\n" not in message and str(self.root) not in message
        assert message.endswith("."), message
        return last["code"], message

    def warnings(self, spec) -> list[str]:
        events = self.run(spec)
        assert events[-1]["type"] == "succeeded", events[-1]
        return [event["message"] for event in events if event["type"] == "warning"]

    def model(self, uri="s3://modelplane/jobs/attempts/1/") -> bytes:
        return (self.path(uri) / "model.onnx").read_bytes()


def checked(lines: list[str] | list[bytes]) -> list[dict]:
    """Event lines parsed, valid by the contract, numbered from 1, with one ending."""
    events = [json.loads(line) for line in lines]
    for event in events:
        contracts.validator("job-event.v1").validate(event)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    endings = [event for event in events if event["type"] in ("succeeded", "failed", "gave_way")]
    assert endings == events[-1:]
    return events


def mixed(rows=400, seed=0) -> dict:
    """Mixed columns with missing values, three targets: `label` (text), `grade` (three classes), `price`."""
    random = np.random.default_rng(seed)
    number = random.normal(50, 20, rows).astype(np.float32)
    whole = random.integers(0, 40, rows)
    flag = random.random(rows) < 0.4
    city = random.choice(["Aachen", "Köln", "New York", "東京"], rows, p=[0.5, 0.3, 0.15, 0.05])
    lift = np.array([{"Aachen": 0, "Köln": 1, "New York": 3, "東京": -2}[name] for name in city])
    score = number / 20 + whole / 15 + flag * 1.5 + lift + random.normal(0, 0.3, rows)
    gaps = random.random((3, rows)) < 0.08
    return {
        "number": pa.array(number, mask=gaps[0]),
        "whole": pa.array(whole, mask=gaps[1]),
        "flag": pa.array(flag),
        "city": pa.array(city, mask=gaps[2]),
        "label": pa.array(np.where(score > np.quantile(score, 0.75), "yes", "no")),
        "grade": pa.array(np.digitize(score, np.quantile(score, [0.3, 0.8])) + 1),
        "price": pa.array(score * 1000),
    }


def simple(rows=60, **columns) -> dict:
    """A numeric feature `x`, a target `y` of 0 and 1, and more columns."""
    x = np.arange(rows, dtype=float)
    return {"x": x, "y": (x % 2).astype(int)} | columns
