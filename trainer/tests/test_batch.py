"""Batch predictions beside what test/batch.spec.ts shows over HTTP: going on, and uploaded models."""

import csv
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from modelplane_trainer import giving_way
from modelplane_trainer.batch import blocks
from modelplane_trainer.batch.sandbox import SandboxedGraph
from modelplane_trainer.batch.scoring import GraphFailed
from modelplane_trainer.failures import JobFailure
from modelplane_trainer.job import run_job

JOB = "batch-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e"
LIMITS = {"memory_bytes": 2**31, "model_memory_bytes": 2**30, "model_run_seconds": 10}
ROWS = 1000


def doubled() -> bytes:
    """A graph that answers 2 x."""
    shape = [None, 1]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["value"])],
        "doubled",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, shape)],
    )
    opset = onnx.helper.make_opsetid("", 21)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


def reshaped() -> bytes:
    """A graph that fails unless it is given exactly seven rows."""
    seven = onnx.numpy_helper.from_array(np.array([7, 1], np.int64), "seven")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["x", "seven"], ["value"])],
        "reshaped",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 1])],
        [onnx.helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, [None, 1])],
        [seven],
    )
    opset = onnx.helper.make_opsetid("", 21)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


class Bucket:
    """A folder store with a model and rows in it, and a job that scores them."""

    def __init__(self, root: Path, form: str) -> None:
        self.root = root
        for folder in ("data", "modelplane", "out"):
            (root / folder).mkdir()
        model = doubled()
        (root / "modelplane" / "model.onnx").write_bytes(model)
        values = [None if row % 97 == 3 else row / 8 for row in range(ROWS)]
        files = []
        for part in range(2):
            rows = [{"id": row, "x": values[row]} for row in range(part, ROWS, 2)]
            path = root / "data" / f"rows-{part}"
            if form == "parquet":
                pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=170)
            elif form == "csv":
                lines = [f"{row['id']},{'' if row['x'] is None else row['x']}\n" for row in rows]
                path.write_text("id,x\n" + "".join(lines))
            else:
                path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            files.append({"uri": f"s3://data/rows-{part}", "size_bytes": path.stat().st_size, "etag": "1"})
        feature = {"name": "x", "type": "number", "tensor": "x", "dtype": "float32"}
        self.spec = {
            "spec_version": 1,
            "kind": "batch",
            "job_id": JOB,
            "attempt": 1,
            "storage": {"kind": "folder", "root": str(root)},
            "state_uri": "s3://modelplane/state/",
            "input": {"format": form, "files": files},
            "output": {
                "uri": "s3://out/",
                "name": JOB,
                "format": "parquet",
                "csv_safe": False,
                "passthrough_columns": None,
            },
            "model": {
                "id": "model",
                "version": "1.0.0",
                "artifact_uri": "s3://modelplane/model.onnx",
                "sha256": hashlib.sha256(model).hexdigest(),
                "origin": "trained",
                "signature": {
                    "signature_version": 1,
                    "target": None,
                    "inputs": [{**feature, "nullable": False, "categories": None}],
                    "ignored": [],
                    "output": {"type": "regression", "value_tensor": "value"},
                },
            },
            "batch": {"batch_rows": 64, "part_rows": 150, "max_error_share": 0.5, "threads": 2},
            "limits": LIMITS,
        }

    def run(self) -> dict:
        """The last event of an attempt, and all of them."""
        reading, writing = os.pipe()
        run_job(self.spec, writing)
        os.close(writing)
        with os.fdopen(reading) as lines:
            self.events = [json.loads(line) for line in lines]
        return self.events[-1]

    def written(self) -> dict[str, bytes]:
        """Contents of the output by name."""
        out = self.root / "out"
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["parquet", "csv", "json_lines"])
def test_an_attempt_goes_on_behind_the_last_note_and_writes_the_same(tmp_path, form, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 50)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 600)
    bucket = Bucket(tmp_path, form)
    first = bucket.run()
    assert first["type"] == "succeeded"
    assert (first["result"]["rows_read"], first["result"]["rows_failed"]) == (ROWS, 11)
    parts, written = first["result"]["parts"], bucket.written()
    assert len(parts) > 4
    table = pa.concat_tables(
        pq.read_table(tmp_path / "out" / part["output"]["name"]) for part in parts if part["output"]
    )
    ids = np.array(table["id"].to_pylist(), int)
    assert np.array_equal(table["prediction"].to_numpy(), ids / 4)
    assert np.array_equal(ids[ids % 2 == 0], np.sort(ids[ids % 2 == 0]))

    for kept in range(len(parts)):
        for note in sorted((tmp_path / "modelplane" / "state").iterdir())[kept:]:
            note.unlink()
        for name in written:
            if int(name.split("part-")[1][:5]) >= kept:
                (tmp_path / "out" / name).unlink()
        again = bucket.run()
        assert again["result"]["parts"] == parts
        assert bucket.written() == written

    bucket.run()
    progress = [event for event in bucket.events if event["type"] == "progress"]
    assert progress[-1]["rows_done"] == ROWS


def test_an_attempt_that_gives_way_has_got_on_and_is_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 50)
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = Bucket(tmp_path / "whole", "csv")
    parts = whole.run()["result"]["parts"]

    cut = Bucket(tmp_path / "cut", "csv")
    monkeypatch.setattr(giving_way, "is_asked", lambda: True)
    for attempt in range(1, len(parts)):
        assert cut.run()["type"] == "gave_way"
        assert cut.events[-2]["rows_done"] == sum(part["rows_read"] for part in parts[:attempt])
        assert len(list((tmp_path / "cut" / "modelplane" / "state").iterdir())) == attempt
    # Behind the last part there is nothing to give way with.
    assert cut.run()["result"]["parts"] == parts
    assert cut.written() == whole.written()


def test_input_that_has_changed_is_scored_anew(tmp_path):
    bucket = Bucket(tmp_path, "csv")
    bucket.run()
    bucket.spec["input"]["files"][0]["etag"] = "2"
    bucket.run()
    assert not any("Going on" in event.get("message", "") for event in bucket.events)
    bucket.run()
    assert any("Going on" in event.get("message", "") for event in bucket.events)


def test_a_file_without_the_columns_of_the_first_fails_the_job(tmp_path):
    bucket = Bucket(tmp_path, "csv")
    (tmp_path / "data" / "rows-1").write_text("id,y\n1,2\n")
    failed = bucket.run()
    assert (failed["type"], failed["code"]) == ("failed", "COLUMN_NOT_FOUND")


def test_too_many_errors_leave_what_was_wrong(tmp_path):
    bucket = Bucket(tmp_path, "parquet")
    bucket.spec["batch"]["max_error_share"] = 0
    failed = bucket.run()
    assert (failed["type"], failed["code"]) == ("failed", "TOO_MANY_ERRORS")
    (name,) = bucket.written()
    assert name.startswith("errors/part-00000-")
    assert json.loads(bucket.written()[name].splitlines()[0])["row"] == 50


@pytest.mark.parametrize(
    "kinds",
    [
        [pa.nulls(3), pa.array([1, 2, 3])],
        [pa.array([1, 2, 3]), pa.array([0.5, 1, 2])],
        [pa.array([0.5, 1, 2]), pa.array([1, 2, 3], pa.int8()), pa.nulls(3)],
        [pa.array([1, 2, 3]).dictionary_encode(), pa.array([1, 2, 3])],
    ],
)
def test_parts_whose_types_widen_are_scored_and_passed_on(tmp_path, kinds):
    bucket = Bucket(tmp_path, "parquet")
    bucket.spec["model"]["signature"]["inputs"][0]["nullable"] = True
    files = []
    for at, kind in enumerate(kinds):
        table = pa.table({"x": kind, "same": kind})
        pq.write_table(table.select(["same", "x"] if at else ["x", "same"]), tmp_path / "data" / f"part-{at}")
        files.append({"uri": f"s3://data/part-{at}", "size_bytes": 1, "etag": "1"})
    bucket.spec["input"]["files"] = files
    done = bucket.run()
    assert done["type"] == "succeeded", done
    assert done["result"]["rows_scored"] + done["result"]["rows_failed"] == 3 * len(kinds)
    written = [
        pq.read_table(tmp_path / "out" / part["output"]["name"])
        for part in done["result"]["parts"]
        if part["output"]
    ]
    assert len({str(table.schema.field("same").type) for table in written}) == 1


@pytest.mark.parametrize("content", ["", "\n", "id,x\n"])
def test_parts_of_csv_without_rows_give_nothing(tmp_path, content):
    bucket = Bucket(tmp_path, "csv")
    (tmp_path / "data" / "rows-0").write_text(content)
    assert bucket.run()["result"]["rows_read"] == ROWS // 2
    (tmp_path / "data" / "rows-1").write_text(content)
    shutil.rmtree(tmp_path / "modelplane" / "state")
    last = bucket.run()
    assert last["result"]["rows_read"] == 0 if "x" in content else "is empty" in last["message"]


def test_folders_that_name_values_are_passed_on(tmp_path):
    bucket = Bucket(tmp_path, "parquet")
    folder = tmp_path / "data" / "plan=gold"
    folder.mkdir()
    (tmp_path / "data" / "rows-0").rename(folder / "rows-0")
    file = bucket.spec["input"]["files"][0]
    bucket.spec["input"]["files"] = [file | {"uri": "s3://data/plan=gold/rows-0"}]
    (part, *_) = bucket.run()["result"]["parts"]
    table = pq.read_table(tmp_path / "out" / part["output"]["name"])
    assert set(table["plan"].to_pylist()) == {"gold"}


def test_an_artifact_that_is_not_the_published_one_is_not_run(tmp_path):
    bucket = Bucket(tmp_path, "csv")
    (tmp_path / "modelplane" / "model.onnx").write_bytes(reshaped())
    assert bucket.run()["code"] == "INTERNAL_ERROR"


def test_memory_does_not_grow_with_the_rows(tmp_path):
    bucket = Bucket(tmp_path, "parquet")
    with pq.ParquetWriter(tmp_path / "data" / "rows-0", pa.schema([("id", "int64"), ("x", "double")])) as out:
        for start in range(0, 3_000_000, 500_000):
            ids = np.arange(start, start + 500_000)
            out.write_table(pa.table({"id": ids, "x": ids * 0.5}))
    bucket.spec["batch"] |= {"batch_rows": 16_384, "part_rows": 262_144}
    # 3 million rows alone are 48 MB, a copy of them for the graph and the answer as much again.
    bucket.spec["limits"] = {**LIMITS, "memory_bytes": 160 * 2**20}
    assert bucket.run()["type"] == "succeeded", bucket.events[-1]


class TestAnUploadedModel:
    def test_answers_from_a_process_without_environment_or_descriptors_of_this_one(self, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        graph = SandboxedGraph(doubled(), LIMITS)
        try:
            answer = graph.run({"x": np.array([[1], [2.5]], np.float32)}, ["value"])
            assert answer["value"].tolist() == [[2], [5]]
            proc = Path(f"/proc/{graph._process.pid}")
            names = [each.split("=")[0] for each in (proc / "environ").read_text().split("\0") if each]
            assert sorted(names) == ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ORT_DISABLE_TELEMETRY"]
            assert not [each for each in (proc / "fd").iterdir() if "socket" in str(each.readlink())]
            limits = (proc / "limits").read_text()
            assert f"Max data size             {2**30}" in limits
            assert "Max file size             0" in limits
        finally:
            graph.close()
        assert not proc.exists()

    def test_that_fails_on_some_rows_fails_those_alone(self):
        graph = SandboxedGraph(reshaped(), LIMITS)
        try:
            with pytest.raises(GraphFailed):
                graph.run({"x": np.zeros((3, 1), np.float32)}, ["value"])
            assert graph.run({"x": np.ones((7, 1), np.float32)}, ["value"])["value"].shape == (7, 1)
        finally:
            graph.close()

    def test_that_dies_fails_the_job(self):
        graph = SandboxedGraph(doubled(), LIMITS)
        graph._process.kill()
        with pytest.raises(JobFailure, match="ended its process"):
            graph.run({"x": np.zeros((3, 1), np.float32)}, ["value"])
        graph.close()

    def test_that_is_none_is_not_loaded(self):
        with pytest.raises(JobFailure, match="could not be loaded"):
            SandboxedGraph(b"nothing", LIMITS)


def test_a_safe_csv_runs_nothing_in_a_spreadsheet(tmp_path):
    bucket = Bucket(tmp_path, "parquet")
    texts = ["=1+1", "-5", " =2", "\n@x", "\u200b+a", "\uff1d1", "1=1", "plain", None]
    columns = {
        "=name": pa.array(texts),
        "bytes": pa.array([None if each is None else each.encode() for each in texts]),
        "kind": pa.array(texts).dictionary_encode(),
        "x": pa.array([1.0] * len(texts)),
    }
    path = tmp_path / "data" / "rows-0"
    pq.write_table(pa.table(columns), path)
    bucket.spec["input"]["files"] = [
        {"uri": "s3://data/rows-0", "size_bytes": path.stat().st_size, "etag": "1"}
    ]
    bucket.spec["output"] |= {
        "format": "csv",
        "csv_safe": True,
        "passthrough_columns": ["=name", "bytes", "kind"],
    }
    assert bucket.run()["type"] == "succeeded"
    (content,) = (value for name, value in bucket.written().items() if name.endswith(".csv"))
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert header[:3] == ["'=name", "bytes", "kind"]
    safe = ["'=1+1", "-5", "' =2", "'\n@x", "'\u200b+a", "'\uff1d1", "1=1", "plain", ""]
    assert [row[0] for row in rows] == safe
    assert [row[1] for row in rows] == safe
    assert [row[2] for row in rows] == safe


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_intervals_stand_beside_the_answers_of_rows_that_have_one(tmp_path, format_):
    bucket = Bucket(tmp_path, "parquet")
    bucket.spec["model"]["certainty"] = {
        "quantile": 2.0,
        "spread": {"edges": [100.0], "scales": [0.5, 3.0]},
    }
    bucket.spec["output"]["format"] = format_
    done = bucket.run()
    assert done["type"] == "succeeded" and done["result"]["rows_failed"] == 11
    names = [part["output"]["name"] for part in done["result"]["parts"]]
    read = pq.read_table if format_ == "parquet" else pa_csv.read_csv
    table = pa.concat_tables(read(tmp_path / "out" / name) for name in names)
    assert table.column_names[2:5] == ["prediction", "prediction_lower", "prediction_upper"]
    values = table["prediction"].to_numpy()
    distance = np.where(values < 100, 1.0, 6.0)
    assert np.array_equal(table["prediction_lower"].to_numpy(), values - distance)
    assert np.array_equal(table["prediction_upper"].to_numpy(), values + distance)


def test_another_calibration_begins_anew(tmp_path):
    bucket = Bucket(tmp_path, "parquet")
    bucket.spec["model"]["certainty"] = {"quantile": 2.0, "spread": None}
    bucket.run()
    bucket.spec["model"]["certainty"] = {"quantile": 3.0, "spread": None}
    bucket.run()
    assert not any("Going on" in event.get("message", "") for event in bucket.events)
