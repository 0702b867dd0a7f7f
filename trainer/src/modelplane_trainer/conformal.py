"""How sure answers are, by rows whose truth is known: conformal prediction, and the curve of thresholds.

libs/statistics reads what is made here; batches answer with `interval` and `members`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .ties import most_probable

# More rows than these tell no more of a coverage, and would take memory for each class.
MOST_ROWS = 100_000
# A version keeps so many numbers of each kind at most.
MOST_SCORES = 1_000
MOST_POINTS = 500
# Of so many rows a fifth says where answers are further off, and the others calibrate.
FEWEST_SPREAD_ROWS = 500
SPREAD_SHARE = 5
BINS = 10
# A bin whose answers are all but exact is given this share of the mean distance over all bins.
LEAST_SCALE = 0.05
MEASURED_COVERAGES = (0.8, 0.9, 0.95, 0.99)
# What rounding may add to (n + 1) coverage: 20 times 0.55 is 11.000000000000002.
_RANK_TOLERANCE = 1e-9


def calibrate(
    truth: np.ndarray, answers: np.ndarray, seed: int
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What a version keeps of rows that it was not fitted to.

    Args:
        truth: class index, or value; [rows].
        answers: what is served for these rows: probabilities [rows, classes], or values [rows].
        seed: of which rows take part where there are more than MOST_ROWS, and which of these say where
            answers are further off.

    Returns:
        The calibration: `rows` (those that took part), `scores` (`count` and at most MOST_SCORES order
        statistics), `spread` (of a regression with enough rows) and `measured`; and the curve of thresholds
        of two classes that both have rows, else None.
    """
    order = np.random.default_rng(seed).permutation(len(truth))[:MOST_ROWS]
    truth, answers = truth[order], answers[order]
    calibration = _fitted(truth, answers)
    calibration["measured"] = _measured(truth, answers)
    has_curve = answers.ndim == 2 and answers.shape[1] == 2 and len(np.unique(truth)) == 2
    return calibration, threshold_curve(truth, answers[:, 1]) if has_curve else None


def _fitted(truth: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    """A calibration by rows in random order."""
    if answers.ndim == 2:
        scores, spread = class_scores(truth, answers), None
    else:
        spread, rest = None, slice(None)
        if len(truth) >= FEWEST_SPREAD_ROWS:
            share = len(truth) // SPREAD_SHARE
            spread, rest = fit_spread(truth[:share], answers[:share]), slice(share, None)
        scores = np.abs(truth[rest] - answers[rest]) / scales_of(answers[rest], spread)
    return {"rows": len(truth), "scores": score_table(scores), "spread": spread}


def _measured(truth: np.ndarray, answers: np.ndarray) -> list[dict[str, float]]:
    """Coverage of either half of the rows by the other, and the mean width of intervals or size of sets."""
    half = len(truth) // 2
    if half < 2:
        return []
    parts = [(slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))]
    fitted = [(_fitted(truth[one], answers[one]), other) for one, other in parts]
    measured = []
    for coverage in MEASURED_COVERAGES:
        covered, sizes = [], []
        for calibration, rows in fitted:
            quantile = quantile_of(calibration["scores"], coverage)
            if quantile is None:
                break
            if answers.ndim == 2:
                _, inside = members(answers[rows], quantile)
                covered.append(inside_of(answers[rows], quantile, truth[rows]))
                sizes.append(inside.sum(axis=1))
            else:
                lower, upper = interval(answers[rows], quantile, calibration["spread"])
                covered.append((lower <= truth[rows]) & (truth[rows] <= upper))
                sizes.append(upper - lower)
        if len(covered) == len(parts):
            hits, size = np.concatenate(covered), np.concatenate(sizes)
            entry = {"coverage": coverage, "measured": float(hits.mean()), "mean_size": float(size.mean())}
            measured.append(entry)
    return measured


def score_table(scores: np.ndarray) -> dict[str, Any]:
    """`count` n and m = min(n, MOST_SCORES) ascending `scores`: the j-th has rank ceil(j n / m)."""
    ordered = np.sort(scores)
    count, kept = len(ordered), min(len(ordered), MOST_SCORES)
    ranks = -(-np.arange(1, kept + 1) * count // kept)
    return {"count": count, "scores": ordered[ranks - 1].tolist()}


def quantile_of(table: dict[str, Any], coverage: float) -> float | None:
    """The score of rank ceil((n + 1) coverage), or of the next higher one kept; None where rows are too few.

    A new row's score is at most this with probability `coverage` if it is exchangeable with the rows
    (Vovk et al. 2005; Lei et al. 2018).
    """
    count, scores = table["count"], table["scores"]
    rank = max(1, math.ceil((count + 1) * coverage - _RANK_TOLERANCE))
    return None if rank > count else scores[math.ceil(rank * len(scores) / count) - 1]


def class_scores(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Score of each row's own class: the probability of the more probable ones and half its own; [rows].

    Adaptive prediction sets (Romano, Sesia & Candès 2020) with the random share of the class's own
    probability at its mean, so that a row always has the same set.

    Args:
        truth: class index, [rows].
        probabilities: [rows, classes].
    """
    order, scores = _ordered(probabilities)
    return scores[order == truth[:, None]]


def members(probabilities: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """The set of each row: the most probable class, and the others whose score is at most `quantile`.

    Returns:
        Class indexes, the most probable first, and whether each is in the set; both [rows, classes].
    """
    order, scores = _ordered(probabilities)
    inside = scores <= quantile
    inside[:, 0] = True
    return order, inside


def inside_of(probabilities: np.ndarray, quantile: float, truth: np.ndarray) -> np.ndarray:
    """Whether the set of each row holds its own class; bool [rows]."""
    order, inside = members(probabilities, quantile)
    return inside[order == truth[:, None]]


def _ordered(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes of each row, the most probable first, with their scores in that order; both [rows, classes]."""
    rows = np.arange(len(probabilities))
    keys = -probabilities
    keys[rows, most_probable(probabilities)] = -np.inf
    order = np.argsort(keys, axis=1, kind="stable")
    own = np.take_along_axis(probabilities, order, axis=1)
    before = np.zeros_like(own)
    np.cumsum(own[:, :-1], axis=1, out=before[:, 1:])
    return order, before + own / 2


def fit_spread(truth: np.ndarray, answers: np.ndarray) -> dict[str, Any] | None:
    """How far off answers are, by the answer: `edges` between BINS bins of as many rows, a scale each.

    Returns:
        None where every answer is exact.
    """
    distances = np.abs(truth - answers)
    overall = float(distances.mean())
    if overall == 0:
        return None
    edges = np.unique(np.quantile(answers, np.arange(1, BINS) / BINS, method="higher"))
    bins = np.searchsorted(edges, answers, side="right")
    rows = np.bincount(bins, minlength=len(edges) + 1)
    sums = np.bincount(bins, weights=distances, minlength=len(edges) + 1)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), overall)
    return {"edges": edges.tolist(), "scales": np.maximum(means, LEAST_SCALE * overall).tolist()}


def scales_of(answers: np.ndarray, spread: dict[str, Any] | None) -> np.ndarray | float:
    """What distances from these answers are divided by; [rows], or 1."""
    if spread is None:
        return 1.0
    return np.asarray(spread["scales"])[np.searchsorted(spread["edges"], answers, side="right")]


def interval(
    answers: np.ndarray, quantile: float, spread: dict[str, Any] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, float64 [rows]."""
    distance = quantile * scales_of(answers, spread)
    return answers - distance, answers + distance


def threshold_curve(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """What answering the second class from each probability on would have meant on these rows.

    Args:
        truth: 0 or 1, [rows]; both occur.
        probabilities: of the second class, [rows].

    Returns:
        At most MOST_POINTS points by descending `thresholds`, each in the middle between two probabilities
        that occur, the last 0: `true_positives` and `false_positives`; beside them `positives` and
        `negatives`.
    """
    order = np.argsort(-probabilities, kind="stable")
    found = probabilities[order]
    # Rows of one probability are answered alike: a point stands behind the last of them.
    ends = np.append(np.flatnonzero(np.diff(found)), len(found) - 1)
    hits = np.cumsum(truth[order] == 1)[ends]
    misses = ends + 1 - hits
    upper, lower = found[ends], np.append(found[ends[1:]], 0.0)
    thresholds = np.append((upper[:-1] + lower[:-1]) / 2, 0.0)
    if found[0] < 1:
        thresholds = np.insert(thresholds, 0, (1 + found[0]) / 2)
        hits, misses = np.insert(hits, 0, 0), np.insert(misses, 0, 0)
    points = len(thresholds)
    kept = np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))
    return {
        "positives": int((truth == 1).sum()),
        "negatives": int((truth == 0).sum()),
        "thresholds": thresholds[kept].tolist(),
        "true_positives": hits[kept].tolist(),
        "false_positives": misses[kept].tolist(),
    }
