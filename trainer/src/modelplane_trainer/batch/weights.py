"""Learns the weights of an ensemble by answers to a labelled table; contract labelled-spec.v1."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pyarrow as pa

from ..events import EventWriter
from ..failures import unfit
from ..selection import Loss, log_loss, select, squared_error
from ..storage import Store
from .blocks import Block
from .labelled import LabelledTable


def fit_weights(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Score the table with each member and choose the weights by `selection.select`.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    events.started(workers=1, gpus=0)
    pa.set_cpu_count(1)
    with contextlib.ExitStack() as opened:
        table = _MembersTable(spec, events, store, opened)
        truth, answers = table.score()
    if spec["model"]["signature"]["output"]["type"] == "classification":
        # The mean of what the true class was given is all that the log loss of the mean depends on.
        metric, loss, answers = "log_loss", log_loss, answers[np.arange(len(truth)), :, truth]
    else:
        metric, loss, answers = "squared_error", squared_error, answers - truth[:, None]
    own = [loss(answers[:, member]) for member in range(answers.shape[1])]
    if not np.isfinite(own).all():
        raise unfit(
            "a prediction and its target are so far apart that the squared error is no finite number."
        )
    counts = select(answers, loss, spec["rounds"])
    milliseconds = np.median(table.milliseconds, axis=0)
    return {
        "rows": len(truth),
        "metric": metric,
        "loss": _loss_of(answers, counts, loss),
        "loss_of_equal_weights": _loss_of(answers, np.ones_like(counts), loss),
        "members": [
            {
                "weight": float(counts[member] / counts.sum()),
                "loss": own[member],
                "loss_without": _loss_of(
                    answers, np.where(np.arange(len(counts)) == member, 0, counts), loss
                ),
                "milliseconds_per_1000_rows": round(float(milliseconds[member]), 3),
            }
            for member in range(len(counts))
        ],
    }


def _loss_of(answers: np.ndarray, counts: np.ndarray, loss: Loss) -> float | None:
    """Of the mean by these counts; None where all are 0."""
    return loss(answers @ (counts / counts.sum())) if counts.any() else None


class _MembersTable(LabelledTable):
    """What each member answers: probabilities [rows, members, classes] or values [rows, members].

    Attributes:
        milliseconds: that each member took for 1,000 rows, a list a block.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.milliseconds: list[list[float]] = []

    def ask(self, block: Block) -> tuple[np.ndarray, np.ndarray, dict[int, list[str]]]:
        asked = self.model.ask(block)
        self.milliseconds.append([seconds * 1e6 / max(block.count, 1) for seconds in asked.seconds])
        return asked.rows, np.stack(asked.values, axis=1), asked.faults
