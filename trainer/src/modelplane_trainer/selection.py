"""Weights of an ensemble by forward selection with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble Selection from Libraries of Models, ICML 2004: selection
with replacement and sorted initialization.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .evaluation import SMALLEST_PROBABILITY

# Differences that rounding makes decide nothing.
_LEAST_GAIN = 1e-12

Loss = Callable[[np.ndarray], float]


def log_loss(probabilities: np.ndarray) -> float:
    """Mean negative logarithm, in nats.

    Args:
        probabilities: that each row's true class was given, [rows].
    """
    return float(-np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1)).mean())


def squared_error(errors: np.ndarray) -> float:
    """Mean square.

    Args:
        errors: prediction less truth, [rows].

    Returns:
        Infinity where it is beyond float64.
    """
    with np.errstate(over="ignore"):
        return float(np.square(errors).mean())


def select(answers: np.ndarray, loss: Loss, rounds: int) -> np.ndarray:
    """How often each member is taken so that the mean of what was taken has the least loss.

    It begins with the best members by their own loss, as many of them as are best together. Each round adds
    the member, taken already or not, with which the loss is least. Of all these ensembles the best counts,
    and the smallest of those that are equally good. A tie between members goes to the earlier one.

    Args:
        answers: a column a member of something whose weighted mean is that of the ensemble, [rows, members].
        loss: of such a column.
        rounds: how often a member is added.

    Returns:
        int64 counts, [members], at least one above 0.
    """
    members = answers.shape[1]
    own = np.array([loss(answers[:, member]) for member in range(members)])
    best = _Best()
    counts, total = np.zeros(members, np.int64), np.zeros(len(answers))
    for member in np.argsort(own, kind="stable"):
        counts[member] += 1
        total += answers[:, member]
        best.see(loss(total / counts.sum()), counts)
    counts = best.counts.copy()
    total = answers @ counts.astype(np.float64)
    for _ in range(rounds):
        size = counts.sum() + 1
        losses = [loss((total + answers[:, member]) / size) for member in range(members)]
        taken = int(np.argmin(losses))
        counts[taken] += 1
        total += answers[:, taken]
        best.see(losses[taken], counts)
    return best.counts


class _Best:
    """The ensemble with the least loss so far; the first of those that are equal."""

    def __init__(self) -> None:
        self.loss, self.counts = np.inf, np.zeros(0, np.int64)

    def see(self, loss: float, counts: np.ndarray) -> None:
        if loss < self.loss - _LEAST_GAIN:
            self.loss, self.counts = loss, counts.copy()
