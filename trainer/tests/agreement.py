"""Trains on files, scores the same files, and compares: one reading of them, whoever reads."""

import json
import os
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from modelplane_trainer import parity, training
from modelplane_trainer.background import _values
from modelplane_trainer.batch import blocks
from modelplane_trainer.batch.answers import AnswerReader
from modelplane_trainer.batch.blocks import Wanted
from modelplane_trainer.batch.features import Encoder
from modelplane_trainer.batch.run import SOURCES
from modelplane_trainer.batch.scoring import SessionGraph
from modelplane_trainer.columns import Column, is_too_long
from modelplane_trainer.dataset import chooser, feature
from modelplane_trainer.events import EventWriter
from modelplane_trainer.job import run_job
from modelplane_trainer.preprocessing import frame, inputs
from modelplane_trainer.reading.partitions import partitions_of
from modelplane_trainer.reading.tables import read_files
from modelplane_trainer.ties import TIE_WIDTH

BATCH_ROWS = 100


class Agreement:
    """What came of files in training, in a batch, and row by row.

    Attributes:
        signature: of the trained model.
        features: columns as training read them, by name.
        warnings: of the training.
        trained: the fitted pipeline with its data.
        metrics: as the version reports them.
        batch: the batch's result, or how it failed.
        errors: lines of the batch's errors.
        table: the batch's output.
    """

    def __init__(
        self,
        store,
        files: dict[str, Any],
        target: str = "y",
        passed: list[str] | None = (),
        output: str = "parquet",
        **changes: Any,
    ) -> None:
        spec = store.spec(files, target, **changes)
        with Path(os.devnull).open("wb") as nowhere:
            events = EventWriter(nowhere.fileno(), spec["job_id"], 1)
            store_ = training.open_store(spec["storage"], None)
            trained = training.train(spec, events, store_)
            result = training.publish(trained, spec, events, store_)
        self.warnings = events.warnings
        self.signature, self.metrics = result["signature"], result["metrics"]
        self.features: dict[str, Column] = {each.name: each for each in trained.dataset.features}
        self.inputs = {each["name"]: each for each in self.signature["inputs"]}
        self.trained = trained
        self._graph = (store.path(spec["output_uri"]) / "model.onnx").read_bytes()
        self._store = store
        self._spec = spec
        self._result = result
        self._score(files, passed, output)

    def _score(self, files: dict[str, Any], passed: list[str] | None, output: str) -> None:
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
                "format": output,
                "csv_safe": False,
                "passthrough_columns": None if passed is None else list(passed),
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
            "batch": {"batch_rows": BATCH_ROWS, "part_rows": 1_000_000, "max_error_share": 1, "threads": 1},
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
                read = pq.read_table if output == "parquet" else pa_csv.read_csv
                tables.append(read(folder / part["output"]["name"]))
            if part["errors"]:
                lines = (folder / part["errors"]["name"]).read_text().splitlines()
                self.errors += [json.loads(line) for line in lines]
        self.table = pa.concat_tables(tables, promote_options="permissive") if tables else None

    @property
    def answers(self) -> list:
        """Of the batch, row by row."""
        return self.table["prediction"].to_pylist()

    def check(self) -> "Agreement":
        """Every row has the same answer three ways; of a single file whose target is never missing."""
        assert self.table is not None, self.batch
        rows = len(self.trained.dataset.target.values)
        failed = {each["row"] for each in self.errors}
        scored = np.array([row for row in range(rows) if row not in failed])
        assert self.batch["rows_read"] == rows
        features = list(self.features.values())
        whole, asked = self.trained.pipeline, frame(features, scored)
        labels = self.signature["output"].get("labels")
        singles = self._singly(features, scored)
        assert self.answers == singles.prediction.to_pylist()
        if labels is not None:
            expected = whole.predict_proba(asked)
            likely = np.column_stack(
                [self.table[name].to_numpy() for name in self.table.column_names if "probability_" in name]
            )
            assert np.array_equal(likely, singles.probabilities)
            assert np.allclose(likely, expected, rtol=0, atol=parity.TOLERANCE)
            first, second = np.sort(expected, axis=1)[:, :-3:-1].T
            python = [labels[place] for place in np.argmax(expected, axis=1)]
            differ = [given != answer for given, answer in zip(self.answers, python, strict=True)]
            assert not (np.array(differ) & (first - second > 2 * TIE_WIDTH)).any()
        else:
            target = self.trained.dataset.target
            python = whole.predict(asked) + target.offset
            size = parity.TOLERANCE * np.maximum(
                np.abs(target.values - target.values.mean()), target.values.std()
            )
            assert (np.abs(self.answers - python) <= size[scored]).all()
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
        # As many at a time as the batch takes: products of matrices round otherwise for another number.
        ends = [(first, min(first + BATCH_ROWS, len(rows))) for first in range(0, len(rows), BATCH_ROWS)]
        runs = [graph.run(encoded.feeds(first, end), reader.fetches) for first, end in ends]
        whole = {name: np.concatenate([run[name] for run in runs]) for name in reader.fetches}
        return reader.read(whole, len(rows))


class Reading:
    """Columns of files as training reads them, held against what a batch and single rows make of them.

    Attributes:
        columns: the features by name.
        inputs: of the signature by name.
        refused: why the other columns are none.
        warnings: what training said.
        errors: why rows of a batch have no answer, by row over all files.
        short: rows of a batch with fewer cells than the header.
    """

    def __init__(
        self,
        store,
        files: dict[str, Any],
        target: str = "y",
        block_bytes=8 << 20,
        keeps_all=False,
        **changes: Any,
    ) -> None:
        self._store = training.open_store({"kind": "folder", "root": str(store.root)}, None)
        self._block_bytes = block_bytes
        self.warnings: list[str] = []
        data = store.spec(files, target, **changes)["data"]
        table = read_files(self._store, files, chooser(data, 500), self.warnings.append)
        everything = np.arange(len(table))
        self.columns: dict[str, Column] = {}
        self.refused: dict[str, str] = {}
        for name in table.columns.column_names:
            if name == target:
                continue
            column, reason = feature(table, name, data, everything, self.warnings.append)
            is_kept = reason is None or (keeps_all and isinstance(column, Column))
            if is_kept:
                self.columns[name] = column
            else:
                self.refused[name] = reason
        dataset = SimpleNamespace(
            features=list(self.columns.values()),
            categories={
                column.name: sorted(set(column.texts))
                for column in self.columns.values()
                if column.kind == "string"
            },
        )
        self.signature = {"inputs": inputs(dataset)}
        self.inputs = {each["name"]: each for each in self.signature["inputs"]}
        self._frame = frame(dataset.features)
        scored = self.score(files)
        self.errors, self.short = scored.errors, scored.short
        self._expect(scored)
        self._expect_single_rows(everything)

    def texts(self, name: str) -> list[str | None]:
        column = self.columns[name]
        return [None if code < 0 else column.texts[code] for code in column.codes]

    def score(self, files: dict[str, Any]) -> "Scored":
        """What a batch of the model would be fed with for files."""
        wanted = Wanted([each["name"] for each in self.signature["inputs"]], [])
        source = SOURCES[files["format"]](wanted, lambda _: None)
        encoder = Encoder(self.signature, source.is_text)
        scored = Scored(self.signature)
        with patch.object(blocks, "BLOCK_BYTES", self._block_bytes):
            for uri in files["uris"]:
                with self._store.open(uri) as file:
                    source.look(file, uri, partitions_of(uri))
            for uri in files["uris"]:
                with self._store.open(uri) as file:
                    for block in source.blocks(file, uri.rsplit("/", 1)[-1], {}, partitions_of(uri)):
                        scored.add(block, encoder.encode(block.rows, block.folders))
                scored.end_file()
        return scored

    def _expect(self, scored: "Scored") -> None:
        """What a batch sees of a row is what training sees, but for rows that it refuses by name."""
        assert scored.count == len(self._frame)
        for tensor, values in scored.tensors().items():
            expected = self._frame[tensor].to_numpy()[scored.rows]
            if values.dtype == object:
                assert values.tolist() == expected.tolist()
            else:
                assert np.array_equal(values, expected, equal_nan=True), tensor
        for row in scored.errors:
            assert any(self._is_refused(column, row) for column in self.columns.values())

    def _is_refused(self, column: Column, row: int) -> bool:
        text = column.texts[column.codes[row]] if column.kind == "string" else ""
        return bool(column.missing[row]) or is_too_long(text)

    def _expect_single_rows(self, rows: np.ndarray) -> None:
        """So is what a caller sees who writes the same values in JSON."""
        if not self.columns:
            return
        columns = [_values(column, rows) for column in self.columns.values()]
        objects = [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]
        encoded = Encoder(self.signature, False).encode(objects)
        assert set(encoded.faults) <= set(self.errors)
        for tensor, values in encoded.feeds(0, len(encoded.rows)).items():
            expected = self._frame[tensor].to_numpy()[encoded.rows]
            if values.dtype == object:
                assert values.reshape(-1).tolist() == expected.tolist()
            else:
                assert np.array_equal(values.reshape(-1), expected, equal_nan=True), tensor


class Scored:
    """What a batch feeds a model with.

    Attributes:
        rows: numbers of the rows that it feeds, over all files.
        count: rows that were read.
        errors: why the others are not fed, by row.
        short: rows with fewer cells than the header.
    """

    def __init__(self, signature: dict[str, Any]) -> None:
        self._signature = signature
        self._feeds: list[dict[str, np.ndarray]] = []
        self._before = self._in_file = 0
        self.rows: list[int] = []
        self.errors: dict[int, list[str]] = {}
        self.short = 0

    @property
    def count(self) -> int:
        return self._before + self._in_file

    def add(self, block, encoded) -> None:
        numbers = [self._before + number for number in block.numbers]
        self.rows += [numbers[place] for place in encoded.rows]
        self.errors |= {numbers[place]: reasons for place, reasons in encoded.faults.items()}
        self.errors |= {self._before + row: [reason] for row, reason in block.unreadable.items()}
        self._feeds.append(encoded.feeds(0, len(encoded.rows)))
        self._in_file += block.count
        self.short += block.short

    def end_file(self) -> None:
        self._before, self._in_file = self.count, 0

    def tensors(self) -> dict[str, np.ndarray]:
        """Values by input of the graph."""
        if not self._feeds:
            return {}
        return {
            tensor: np.concatenate([each[tensor].reshape(-1) for each in self._feeds])
            for tensor in self._feeds[0]
        }

    def texts(self, name: str) -> list[str | None]:
        each = next(each for each in self._signature["inputs"] if each["name"] == name)
        return [text or None for text in self.tensors()[each["tensor"]]]
