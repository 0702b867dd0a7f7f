"""Trains on files, scores the same files, and compares: one reading of them, whoever reads."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelplane_trainer import training
from modelplane_trainer.background import _values
from modelplane_trainer.batch.answers import AnswerReader
from modelplane_trainer.batch.features import Encoder
from modelplane_trainer.batch.scoring import SessionGraph
from modelplane_trainer.columns import Column
from modelplane_trainer.events import EventWriter
from modelplane_trainer.job import run_job
from modelplane_trainer.preprocessing import frame


class Agreement:
    """What came of files in training, in a batch, and row by row.

    Attributes:
        signature: of the trained model.
        features: columns as training read them, by name.
        warnings: of the training.
        batch: the batch's result, or how it failed.
        errors: lines of the batch's errors.
        table: the batch's output.
    """

    def __init__(self, store, files: dict[str, Any], target: str = "y", **changes: Any) -> None:
        spec = store.spec(files, target, **changes)
        with Path(os.devnull).open("wb") as nowhere:
            events = EventWriter(nowhere.fileno(), spec["job_id"], 1)
            store_ = training.open_store(spec["storage"], None)
            trained = training.train(spec, events, store_)
            result = training.publish(trained, spec, events, store_)
        self.warnings = events.warnings
        self.signature = result["signature"]
        self.features: dict[str, Column] = {each.name: each for each in trained.dataset.features}
        self.inputs = {each["name"]: each for each in self.signature["inputs"]}
        self._trained = trained
        self._graph = (store.path(spec["output_uri"]) / "model.onnx").read_bytes()
        self._store = store
        self._spec = spec
        self._result = result
        self._score(files)

    def _score(self, files: dict[str, Any]) -> None:
        out = f"out-{uuid.uuid4().hex}"
        output_uri = self._spec["output_uri"]
        spec = {
            "spec_version": 1,
            "kind": "batch",
            "job_id": f"batch-{uuid.uuid4()}",
            "attempt": 1,
            "storage": self._spec["storage"],
            "state_uri": f"s3://modelplane/{out}/",
            "input": {
                "format": files["format"],
                "files": [{"uri": uri, "size_bytes": 1, "etag": "1"} for uri in files["uris"]],
            },
            "output": {
                "uri": f"s3://{out}/",
                "name": "x",
                "format": "parquet",
                "csv_safe": False,
                "passthrough_columns": [],
            },
            "model": {
                "id": "m",
                "version": "1.0.0",
                "artifact_uri": f"{output_uri}model.onnx",
                "sha256": self._result["files"]["model"]["sha256"],
                "core": {"uri": f"{output_uri}core.onnx", "sha256": self._result["files"]["core"]["sha256"]},
                "origin": "trained",
                "signature": self.signature,
            },
            "batch": {"batch_rows": 100, "part_rows": 1_000_000, "max_error_share": 1, "threads": 1},
            "limits": {"memory_bytes": 2**32, "model_memory_bytes": 2**31, "model_run_seconds": 10},
        }
        if "core" not in self._result["files"]:
            del spec["model"]["core"]
        path = self._store.root.parent / f"{out}.events"
        with path.open("wb") as file:
            run_job(spec, file.fileno())
        events = [json.loads(line) for line in path.read_text().splitlines()]
        self.batch = events[-1].get("result", events[-1])
        self.batch_warnings = [each["message"] for each in events if each["type"] == "warning"]
        self.errors: list[dict] = []
        tables = []
        for part in self.batch.get("parts", []):
            folder = self._store.path(f"s3://{out}/")
            if part["output"]:
                tables.append(pq.read_table(folder / part["output"]["name"]))
            if part["errors"]:
                lines = (folder / part["errors"]["name"]).read_text().splitlines()
                self.errors += [json.loads(line) for line in lines]
        self.table = pa.concat_tables(tables) if tables else None

    def check(self) -> "Agreement":
        """Every row has the same answer three ways; of a single file whose target is never missing."""
        assert self.table is not None, self.batch
        rows = len(self._trained.dataset.target.values)
        failed = {each["row"] for each in self.errors}
        scored = np.array([row for row in range(rows) if row not in failed])
        assert self.batch["rows_read"] == rows
        features = list(self.features.values())
        whole = self._trained.pipeline
        python = whole.predict(frame(features, scored))
        labels = self.signature["output"].get("labels")
        given = self.table["prediction"].to_pylist()
        singles = self._singly(features, scored)
        if labels is not None:
            assert given == [labels[int(place)] for place in python]
            assert given == singles.prediction.to_pylist()
            likely = np.column_stack(
                [self.table[name].to_numpy() for name in self.table.column_names if "probability_" in name]
            )
            assert np.array_equal(likely, singles.probabilities)
        else:
            assert np.allclose(given, python, rtol=1e-4, atol=1e-4)
            assert given == singles.prediction.to_pylist()
        return self

    def _singly(self, features: list[Column], rows: np.ndarray):
        """Answers for the rows as a caller would write them in JSON."""
        columns = [_values(column, rows) for column in features]
        names = [column.name for column in features]
        objects = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        encoded = Encoder(self.signature, False).encode(objects)
        assert encoded.faults == {}
        reader = AnswerReader(self.signature["output"])
        graph = SessionGraph(self._graph)
        return reader.read(graph.run(encoded.feeds(0, len(rows)), reader.fetches), len(rows))
