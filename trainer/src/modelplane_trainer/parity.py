"""The gate before an artifact is kept: the graph must answer as the Python model does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from sklearn.pipeline import Pipeline

from . import onnx_export
from .core import Column
from .failures import PARITY_FAILED, JobFailure
from .ties import TIE_WIDTH, most_probable

TOLERANCE = 1e-4
DIRTY_SHARE = 0.03
MOST_ROWS = 5_000
# Rows that are made of thresholds: each asks one of every second column.
MOST_PROBES = 10_000
UNSEEN = "\u2205 a category that training never saw"
_TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


@dataclass
class Gate:
    """Compares a fitted pipeline with its exported graph.

    Attributes:
        pipeline: as it was fitted; a regression answers without the target's offset.
        graph: a session of the exported graph.
        names: the feature that each input of the graph is made of.
        centre, spread: of a regression's target without its offset; differences of values are measured in
            the spread, or in the distance from the centre where that is larger.
    """

    pipeline: Pipeline
    graph: onnxruntime.InferenceSession
    names: dict[str, str]
    centre: float = 0.0
    spread: float = 1.0

    def check(self, held_out: pd.DataFrame, thresholds: dict[str, np.ndarray], seed: int) -> float:
        """Compare both on the held-out rows, on a dirty copy of them, and at and beside every threshold.

        Args:
            held_out: rows by tensor.
            thresholds: see `thresholds_of`.
            seed: the job's.

        Returns:
            The largest difference found, of probabilities or of values as `Gate` measures them.

        Raises:
            JobFailure: a label differs, or a difference is above TOLERANCE.
        """
        if len(held_out) > MOST_ROWS:
            held_out = held_out.sample(MOST_ROWS, random_state=seed % 2**32).reset_index(drop=True)
        parts = [
            (held_out, "held-out rows"),
            (dirtied(held_out, seed), "held-out rows with missing and unseen values"),
        ]
        if thresholds:
            parts.append((beside(held_out, thresholds, seed), "rows at the thresholds of its trees"))
        return max(self.compare(frame, what) for frame, what in parts)

    def compare(self, frame: pd.DataFrame, what: str) -> float:
        """The largest difference between both over a frame of rows by tensor."""
        differences, differ = self._differences(frame)
        worst = float(np.max(differences))
        if differ.any() or not worst <= TOLERANCE:
            row = int(np.argmax(np.where(differ, np.inf, np.nan_to_num(differences, nan=np.inf))))
            raise JobFailure(
                PARITY_FAILED,
                f"the exported model does not answer as the trained one on {what}: "
                f"{int(differ.sum())} of {len(frame)} labels differ and the largest difference is "
                f"{worst:.2g} (allowed: none, and {TOLERANCE:g}), for example where "
                f"{self._cause(frame, row)}; try another estimator or fewer features.",
            )
        return worst

    def _differences(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Per row the difference, and whether the labels are not the same; [rows] each."""
        answers = onnx_export.run(self.graph, frame)
        if hasattr(self.pipeline[-1], "predict_proba"):
            expected = np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)
            label, probabilities = answers
            ordered = np.sort(expected, axis=1)
            is_tied = ordered[:, -1] - ordered[:, -2] <= 2 * TIE_WIDTH
            served = (label == most_probable(probabilities)) & (label == np.argmax(expected, axis=1))
            return np.max(np.abs(expected - probabilities), axis=1), ~served & ~is_tied
        expected = np.asarray(self.pipeline.predict(frame), dtype=np.float64).reshape(-1)
        value = np.asarray(answers[0], dtype=np.float64).reshape(-1)
        size = np.maximum(np.abs(expected - self.centre), self.spread)
        return np.abs(expected - value) / size, np.zeros(len(frame), dtype=bool)

    def _cause(self, frame: pd.DataFrame, row: int) -> str:
        """The feature and value of a row without which its answers would agree, in words."""
        at_fault = frame.iloc[[row]].reset_index(drop=True)
        others = pd.concat([at_fault] * len(frame.columns), ignore_index=True)
        for place, tensor in enumerate(frame.columns):
            values = others[tensor].to_numpy().copy()
            values[place] = frame[tensor].iloc[(row + 1) % len(frame)]
            others[tensor] = values
        differences, differ = self._differences(others)
        agreeing = np.flatnonzero((differences <= TOLERANCE) & ~differ)
        tensor = frame.columns[int(agreeing[0]) if len(agreeing) else 0]
        value = at_fault[tensor].iloc[0]
        shown = f"'{value}'" if isinstance(value, str) else repr(float(value))
        return f"'{self.names.get(tensor, tensor)}' is {shown}"


def thresholds_of(model: bytes, columns: list[Column]) -> dict[str, np.ndarray]:
    """The different thresholds of a graph's trees by the input that they decide on; float32 each, sorted.

    Args:
        model: the serialized core.
        columns: `columns` of the signature's core: what each column of its one input is made of. Columns that
            hold more than the input's own number, such as a scaled one or a text, are left out.
    """
    found: dict[str, list[np.ndarray]] = {}
    for node in onnx.load_from_string(model).graph.node:
        if node.op_type not in _TREES:
            continue
        values = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        decides = np.array([mode != b"LEAF" for mode in values["nodes_modes"]])
        features = np.asarray(values["nodes_featureids"])[decides]
        limits = np.asarray(values["nodes_values"], dtype=np.float32)[decides]
        for place in np.unique(features):
            column = columns[place]
            if set(column) <= {"tensor", "missing"}:
                found.setdefault(column["tensor"], []).append(limits[features == place])
    # A split by what is missing alone has an infinite one.
    finite = {
        tensor: np.unique(joined[np.isfinite(joined)])
        for tensor, joined in ((tensor, np.concatenate(limits)) for tensor, limits in found.items())
    }
    return {tensor: limits for tensor, limits in finite.items() if len(limits)}


def beside(frame: pd.DataFrame, thresholds: dict[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Rows of the frame whose numbers lie at thresholds, and at the float32 next below and above them.

    Half of the columns of a row stay what they were, so that rows reach the deeper nodes too.
    """
    random = np.random.default_rng(seed)
    probed = {tensor: _around(limits) for tensor, limits in thresholds.items()}
    count = min(MOST_PROBES, 2 * max((len(values) for values in probed.values()), default=0))
    rows = frame.iloc[random.integers(0, len(frame), count)].reset_index(drop=True)
    made = {}
    for tensor in frame.columns:
        values = rows[tensor].to_numpy().copy()
        if tensor in probed and len(probed[tensor]):
            places = np.arange(random.integers(2), count, 2)
            values[places] = np.resize(random.permutation(probed[tensor]), len(places))
        made[tensor] = pd.Series(values, dtype=values.dtype)
    return pd.DataFrame(made)


def _around(limits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        low, high = (np.nextafter(limits, np.float32(end)) for end in (-np.inf, np.inf))
    values = np.concatenate([limits, low, high])
    return values[np.isfinite(values)]


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
