"""The fitted Python pipeline's own answers, for tests that compare them with the served model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import contracts, training
from .events import EventWriter, plain, write_line
from .fitting import seed_and_threads
from .preprocessing import inputs
from .reading.values import from_objects
from .timestamps import milliseconds_of, parts_of


def predict_rows(spec: dict[str, Any], rows: Path, descriptor: int) -> int:
    """Train as the specification says and predict rows with the Python pipeline, not with ONNX.

    Args:
        spec: a training specification; nothing is written to its output_uri.
        rows: JSON lines of features by column name; null or absent is missing.
        descriptor: gets one JSON line a row: {label, probabilities} or {value}.

    Returns:
        The exit code, 0. A failure raises: this command is for tests.
    """
    contracts.check_spec(spec)
    seed_and_threads(spec)
    trained = training.train(spec, EventWriter(2, spec["job_id"], spec["attempt"]))
    lines = rows.read_text(encoding="utf-8").splitlines()
    given = [json.loads(line) for line in lines if line.strip()]
    frame = rows_frame(given, inputs(trained.dataset))
    target = trained.dataset.target
    predicted = trained.pipeline.predict(frame)
    if target.labels is None:
        for value in predicted:
            write_line(descriptor, {"value": plain(float(value) + target.offset)})
        return 0
    for index, probabilities in zip(predicted, trained.pipeline.predict_proba(frame), strict=True):
        write_line(descriptor, {"label": target.labels[int(index)], "probabilities": plain(probabilities)})
    return 0


def rows_frame(rows: list[dict[str, Any]], signature_inputs: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows by column name as the model's inputs, named by tensor."""
    series = {}
    for each in signature_inputs:
        values = [row.get(each["name"]) for row in rows]
        if each["type"] == "timestamp":
            times = [milliseconds_of(value) if isinstance(value, str) else value for value in values]
            parts = parts_of(np.array([np.nan if time is None else time for time in times], dtype=np.float64))
            for part in each["parts"]:
                series[part["tensor"]] = pd.Series(parts[part["part"]])
            continue
        if each["dtype"] == "string":
            read = from_objects(values, "string", each.get("reading", {}))
            array = np.array(read.texts, dtype=object)[read.data]
        else:
            numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
            array = (numbers - each.get("offset", 0)).astype(np.float32)
        series[each["tensor"]] = pd.Series(array, dtype=array.dtype)
    return pd.DataFrame(series)
