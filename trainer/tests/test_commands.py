"""The commands a shell can run."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
from cases import TRAINER, checked, mixed

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TRAINER / "src")}


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "modelplane_trainer", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        **options,
    )


def written(path, spec):
    path.write_text(json.dumps(spec))
    return path


def test_run_and_reference_agree(store, tmp_path):
    spec = store.spec(
        store.parquet(mixed()), "label", "xgboost", "xgboost", exclude_columns=["grade", "price"]
    )
    path = written(tmp_path / "spec.json", spec)
    rows = tmp_path / "rows.jsonl"
    given = [{"number": 40.5, "whole": 3, "flag": True, "city": "Köln"}, {"number": None, "city": "Atlantis"}]
    rows.write_text("".join(json.dumps(row) + "\n" for row in given))
    run, reference = command("run", "--spec", path), command("reference", "--spec", path, "--rows", rows)
    out, _ = run.communicate(timeout=60)
    answers, _ = reference.communicate(timeout=60)
    assert run.returncode == reference.returncode == 0
    result = checked(out.splitlines())[-1]["result"]
    session = onnxruntime.InferenceSession(store.model())
    for line, row in zip(answers.splitlines(), given, strict=True):
        answer = json.loads(line)
        feeds = {}
        for each in result["signature"]["inputs"]:
            value = row.get(each["name"])
            if each["dtype"] == "string":
                feeds[each["tensor"]] = np.array([[value or ""]], dtype=object)
            else:
                feeds[each["tensor"]] = np.array([[np.nan if value is None else value]], dtype=np.float32)
        label, probabilities = session.run(None, feeds)
        assert answer["label"] == result["signature"]["output"]["labels"][label[0]]
        np.testing.assert_allclose(answer["probabilities"], probabilities[0], atol=1e-5)


def test_sigterm_ends_a_run_promptly(store, tmp_path):
    train = store.parquet(mixed(20_000))
    spec = store.spec(train, "price", estimator="random_forest", hyperparameters={"n_estimators": 5000})
    run = command("run", "--spec", written(tmp_path / "spec.json", spec))
    while '"progress"' not in run.stdout.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert run.wait(2) == -signal.SIGTERM
    assert not (store.root / "modelplane").exists()
    run.communicate()


def test_demo_data(tmp_path):
    arguments = (
        "--out",
        tmp_path / "a" / "demo.parquet",
        "--holdout",
        5,
        "--holdout-out",
        tmp_path / "b" / "held.jsonl",
    )
    assert command("demo-data", *arguments).wait(60) == 0
    table = pq.read_table(tmp_path / "a" / "demo.parquet")
    assert table.num_rows == 564 and table.num_columns == 31
    assert set(table["benign"].to_pylist()) == {0, 1}
    assert not [name for name in table.column_names if " " in name]
    held = [json.loads(line) for line in (tmp_path / "b" / "held.jsonl").read_text().splitlines()]
    assert len(held) == 5 and {row["benign"] for row in held} == {0, 1}
    assert all(row.keys() == set(table.column_names) for row in held)
