"""The gate before an artifact is kept: the graph must answer as the Python model does."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.pipeline import Pipeline

from . import onnx_export
from .failures import PARITY_FAILED, JobFailure

TOLERANCE = 1e-4
DIRTY_SHARE = 0.03
# Two classes closer than this are a tie, which the order of a sum breaks either way.
TIE_MARGIN = onnx_export.TIE_WIDTH
UNSEEN = "\u2205 a category that training never saw"


def check(
    pipeline: Pipeline, graph: onnxruntime.InferenceSession, held_out: pd.DataFrame, seed: int
) -> float:
    """Compare both on the held-out rows and on a dirty copy of them.

    Returns:
        The largest difference found, of probabilities or of values relative to their size.

    Raises:
        JobFailure: a label differs, or a difference is above 1e-4.
    """
    return max(
        compare(pipeline, graph, held_out, "held-out rows"),
        compare(pipeline, graph, dirtied(held_out, seed), "held-out rows with missing and unseen values"),
    )


def compare(pipeline: Pipeline, graph: onnxruntime.InferenceSession, frame: pd.DataFrame, what: str) -> float:
    """The largest difference between the pipeline and the graph over a frame."""
    if hasattr(pipeline[-1], "predict_proba"):
        expected = pipeline.predict_proba(frame)
        label, probabilities = onnx_export.run(graph, frame)
        difference = float(np.max(np.abs(expected - probabilities)))
        ordered = np.sort(expected, axis=1)
        tied = ordered[:, -1] - ordered[:, -2] <= TIE_MARGIN
        differing = int(np.sum((pipeline.predict(frame) != label) & ~tied))
    else:
        expected = np.asarray(pipeline.predict(frame), dtype=np.float64).reshape(-1)
        value = np.asarray(onnx_export.run(graph, frame)[0], dtype=np.float64).reshape(-1)
        size = np.maximum(np.abs(expected), max(float(np.std(expected)), np.finfo(np.float32).tiny))
        difference, differing = float(np.max(np.abs(expected - value) / size)), 0
    if differing or not difference <= TOLERANCE:
        raise JobFailure(
            PARITY_FAILED,
            f"the exported model does not answer as the trained one on {what}: "
            f"{differing} of {len(frame)} labels differ and the largest difference is {difference:.2g} "
            f"(allowed: none, and {TOLERANCE:g}); try another estimator or fewer features.",
        )
    return difference


def dirtied(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A copy with 3% of all cells missing and 3% of the text cells holding an unseen category."""
    random = np.random.default_rng(seed)
    dirty = {}
    for name in frame.columns:
        values = frame[name].to_numpy().copy()
        if values.dtype == object:
            values[random.random(len(values)) < DIRTY_SHARE] = UNSEEN
            values[random.random(len(values)) < DIRTY_SHARE] = ""
        else:
            values[random.random(len(values)) < DIRTY_SHARE] = np.nan
        dirty[name] = pd.Series(values, dtype=values.dtype)
    return pd.DataFrame(dirty)
