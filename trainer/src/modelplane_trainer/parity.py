"""The gate before an artifact is kept: the graph must answer as the Python model does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.pipeline import Pipeline

from . import core, onnx_export
from .failures import PARITY_FAILED, JobFailure
from .ties import TIE_WIDTH, most_probable

TOLERANCE = 1e-4
DIRTY_SHARE = 0.03
MOST_ROWS = 5_000
# Rows that are made of thresholds, each of which asks one of every second column, and their values.
MOST_PROBES = 100_000
MOST_PROBED_VALUES = 20_000_000
# Of a forest every node is compared by `check_nodes`, so that these ask the runtime alone.
MOST_PROBES_OF_FOREST = 4_000
_SORTED_BY = 16
UNSEEN = "\u2205 a category that training never saw"


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

    def check(
        self,
        held_out: pd.DataFrame,
        thresholds: dict[str, np.ndarray],
        seed: int,
        most_probes: int = MOST_PROBES,
    ) -> float:
        """Compare both on the held-out rows, on a dirty copy of them, and at and beside every threshold.

        Args:
            held_out: rows by tensor.
            thresholds: see `thresholds_of`.
            seed: the job's.
            most: rows at thresholds, beyond which these are drawn.

        Returns:
            The largest difference found, of probabilities or of values as `Gate` measures them.

        Raises:
            JobFailure: a label differs, or a difference is above TOLERANCE.
        """
        if len(held_out) > MOST_ROWS:
            held_out = held_out.sample(MOST_ROWS, random_state=seed % 2**32).reset_index(drop=True)
        # Rows that are alike take the same ways through the trees, and the processor still has these at hand.
        held_out = held_out.sort_values(list(held_out.columns[-_SORTED_BY:]), ignore_index=True)
        parts = [
            (held_out, "held-out rows"),
            (dirtied(held_out, seed), "held-out rows with missing and unseen values"),
        ]
        if thresholds:
            parts.append(
                (beside(held_out, thresholds, seed, most_probes), "rows at the thresholds of its trees")
            )
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


def thresholds_of(decisions: core.Decisions | None, columns: list[core.Column]) -> dict[str, np.ndarray]:
    """The different thresholds of a graph's trees by the input that they decide on; float32 each, sorted.

    Args:
        decisions: see `core.decisions_of`.
        columns: `columns` of the signature's core: what each column of its one input is made of. Columns that
            hold more than the input's own number, such as a scaled one or a text, are left out.
    """
    if decisions is None or not len(decisions.columns):
        return {}
    order = np.lexsort((decisions.thresholds, decisions.columns))
    places, starts = np.unique(decisions.columns[order], return_index=True)
    groups = np.split(decisions.thresholds[order], starts[1:])
    # A split by what is missing alone has an infinite one.
    finite = {
        columns[place]["tensor"]: np.unique(limits[np.isfinite(limits)])
        for place, limits in zip(places, groups, strict=True)
        if set(columns[place]) <= {"tensor", "missing"}
    }
    return {tensor: limits for tensor, limits in finite.items() if len(limits)}


def check_nodes(decisions: core.Decisions, forest: Any, names: list[str]) -> None:
    """Compare every node of a forest's graph with the fitted tree's, at its threshold and beside it.

    A forest has far more thresholds than rows can be asked for.

    Args:
        decisions: of the graph.
        forest: as it was fitted.
        names: the feature that each column of the core's input is made of.

    Raises:
        JobFailure: a node decides otherwise than the tree does.
    """
    trees = [estimator.tree_ for estimator in forest.estimators_]
    decides = np.concatenate([tree.children_left >= 0 for tree in trees])
    columns = np.concatenate([tree.feature for tree in trees])[decides]
    exact = np.concatenate([tree.threshold for tree in trees])[decides]
    limits = decisions.thresholds
    agrees = decisions.columns == columns
    for value in (limits, *_neighbours(limits)):
        agrees &= (value <= exact) == (value <= limits)
    if not agrees.all():
        node = int(np.argmin(agrees))
        raise JobFailure(
            PARITY_FAILED,
            f"the exported model does not decide as the trained one at {int((~agrees).sum())} of "
            f"{len(agrees)} nodes, for example where '{names[columns[node]]}' is {float(exact[node])!r}; try "
            "another estimator.",
        )


def beside(
    frame: pd.DataFrame, thresholds: dict[str, np.ndarray], seed: int, most: int = MOST_PROBES
) -> pd.DataFrame:
    """Rows of the frame whose numbers lie at thresholds, and at the float32 next below and above them.

    Half of the columns of a row stay what they were, so that rows reach the deeper nodes too.
    """
    random = np.random.default_rng(seed)
    probed = {tensor: _around(limits) for tensor, limits in thresholds.items()}
    count = min(most, _rows_for(thresholds))
    rows = frame.iloc[random.integers(0, len(frame), count)].reset_index(drop=True)
    made = {}
    for tensor in frame.columns:
        values = rows[tensor].to_numpy().copy()
        if tensor in probed and len(probed[tensor]):
            places = np.arange(random.integers(2), count, 2)
            values[places] = np.resize(random.permutation(probed[tensor]), len(places))
        made[tensor] = pd.Series(values, dtype=values.dtype)
    return pd.DataFrame(made)


def most_probes(columns: int, is_forest: bool) -> int:
    """How many rows at thresholds are asked, however many thresholds there are.

    Args:
        columns: inputs of the graph.
        is_forest: whether `check_nodes` compares every node.
    """
    if is_forest:
        return MOST_PROBES_OF_FOREST
    return min(MOST_PROBES, max(MOST_PROBES_OF_FOREST, MOST_PROBED_VALUES // columns))


def what_was_asked(thresholds: dict[str, np.ndarray], most: int) -> str:
    """What of the thresholds `Gate.check` asks, as the end of a sentence; empty where there are none."""
    total = sum(len(limits) for limits in thresholds.values())
    if not total:
        return ""
    if _rows_for(thresholds) <= most:
        return f", also at and beside each of its {total} thresholds"
    return f", also on {most} rows at and beside some of its {total} thresholds, drawn at random"


def _rows_for(thresholds: dict[str, np.ndarray]) -> int:
    """Rows that ask every threshold, the value below and the one above; each asks half of the columns."""
    return 2 * 3 * max((len(limits) for limits in thresholds.values()), default=0)


def _around(limits: np.ndarray) -> np.ndarray:
    values = np.concatenate([limits, *_neighbours(limits)])
    return values[np.isfinite(values)]


def _neighbours(values: np.ndarray) -> list[np.ndarray]:
    """The float32 next below and next above each."""
    with np.errstate(over="ignore"):
        return [np.nextafter(values, np.float32(end)) for end in (-np.inf, np.inf)]


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
