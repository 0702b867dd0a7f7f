"""Learns how the members of an ensemble count, by a labelled table; contract labelled-spec.v1."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .. import stacking
from ..events import EventWriter
from ..failures import JobFailure, listed, unfit
from ..out_of_fold import OutOfFold, out_of_fold
from ..selection import Loss, log_loss, select, squared_error
from ..storage import Store
from .answers import text_of
from .blocks import Block
from .labelled import LabelledTable


@dataclass
class _Learned:
    """What makes one answer of the members'.

    Attributes:
        loss: of that answer on the table.
        losses_without: of the ensemble without each member; None where no other counts.
        weights: of each member, which sum to 1; None where a meta model has learned them.
        meta: the meta model of stacking.
    """

    loss: float
    losses_without: list[float | None]
    weights: list[float] | None = None
    meta: dict[str, Any] | None = None


def fit_ensemble(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Score the table with each member, and learn weights by `selection` or a meta model by `stacking`.

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
    refitted = _refit(spec, table.numbers, truth, answers, events, store)
    output = spec["model"]["signature"]["output"]
    if output["type"] == "classification":
        # The mean of what the true class was given is all that the log loss of the mean depends on.
        metric, loss, own = "log_loss", log_loss, answers[np.arange(len(truth)), :, truth]
    else:
        metric, loss, own = "squared_error", squared_error, answers - truth[:, None]
    losses = [loss(own[:, member]) for member in range(own.shape[1])]
    if not np.isfinite(losses).all():
        raise unfit(
            "a prediction and its target are so far apart that the squared error is no finite number."
        )
    if spec["method"] == "stacking":
        _refuse_absent_classes(output, truth)
        learned = _stack(answers, truth, events)
    else:
        learned = _select(own, loss, spec["rounds"])
    milliseconds = np.median(table.milliseconds, axis=0)
    return {
        "rows": len(truth),
        "metric": metric,
        "loss": learned.loss,
        "loss_of_equal_weights": _loss_of(own, np.ones(len(losses)), loss),
        "meta": learned.meta,
        "members": [
            {
                "weight": learned.weights and learned.weights[member],
                "loss": own_loss,
                "loss_without": learned.losses_without[member],
                "milliseconds_per_1000_rows": round(float(milliseconds[member]), 3),
                "is_out_of_fold": member in refitted,
            }
            for member, own_loss in enumerate(losses)
        ],
    }


def _refit(
    spec: dict[str, Any],
    numbers: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    events: EventWriter,
    store: Store,
) -> set[int]:
    """Put what members answer that were trained without the rows in the place of what was learnt by heart.

    Args:
        numbers: of the rows, over all files; ascending, [rows].
        truth: class index or value, [rows].
        answers: probabilities [rows, members, classes] or values [rows, members]; changed.

    Returns:
        The members that were refitted; a warning says why another was not.
    """
    labels = spec["model"]["signature"]["output"].get("labels")
    refitted = set()
    for each in spec.get("refits", []):
        member = each["member"]
        try:
            found = out_of_fold(each["training"], each["best_round"], spec["folds"], store)
            answers[:, member] = _matched(found, labels, numbers, truth)
        except JobFailure as failure:
            named = spec["model"]["ensemble"]["members"][member]["model"]
            events.warning(
                f"Version {named['version']} of {named['id']} cannot be trained without the rows that it is "
                f"asked for: {failure.message}"
            )
            continue
        refitted.add(member)
        events.log(f"Trained member {member} {spec['folds']} times, each time without a part of the rows.")
    return refitted


def _matched(
    found: OutOfFold, labels: list[Any] | None, numbers: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """Its answers to the rows of these numbers, classes in the order of `labels`.

    Raises:
        JobFailure: training reads other rows, or another truth, from the files than scoring does.
    """
    own, wanted = ([text_of(label) for label in each or []] for each in (found.labels, labels))
    places = np.searchsorted(found.numbers, numbers)
    # A number behind the last one has the place of what is appended.
    is_known = np.array_equal(np.append(found.numbers, -1)[places], numbers)
    if is_known and sorted(own) == sorted(wanted):
        order = np.array([own.index(text) for text in wanted], np.int64)
        if np.array_equal(found.truth[places], order[truth] if wanted else truth):
            answers = found.answers[places]
            return answers[:, order] if wanted else answers
    raise unfit("training reads the rows of these files otherwise than scoring does.")


def _select(own: np.ndarray, loss: Loss, rounds: int) -> _Learned:
    """Weights by forward selection.

    Args:
        own: what `loss` takes, of each member; [rows, members].
    """
    counts = select(own, loss, rounds)
    others = [np.where(np.arange(len(counts)) == member, 0, counts) for member in range(len(counts))]
    return _Learned(
        _loss_of(own, counts, loss),
        [_loss_of(own, each, loss) for each in others],
        weights=(counts / counts.sum()).tolist(),
    )


def _loss_of(own: np.ndarray, counts: np.ndarray, loss: Loss) -> float | None:
    """Of the mean by these counts; None where all are 0."""
    return loss(own @ (counts / counts.sum())) if counts.any() else None


def _stack(answers: np.ndarray, truth: np.ndarray, events: EventWriter) -> _Learned:
    """A meta model; what the ensemble loses with a member is told by another one over the others.

    Args:
        answers: probabilities [rows, members, classes], or values [rows, members].
        truth: class index or value, [rows].
    """
    values = list(np.moveaxis(answers, 1, 0))
    meta, has_converged = stacking.fit(values, truth)
    if not has_converged:
        events.warning("The logistic regression over the members' probabilities had not converged.")
    without = []
    for member in range(len(values)):
        others = values[:member] + values[member + 1 :]
        without.append(_stacked_loss(stacking.fit(others, truth)[0], others, truth))
    return _Learned(_stacked_loss(meta, values, truth), without, meta=meta)


def _stacked_loss(meta: dict[str, Any], values: list[np.ndarray], truth: np.ndarray) -> float:
    answered = stacking.answer(meta, values)
    if answered.ndim == 1:
        return squared_error(answered - truth)
    return log_loss(answered[np.arange(len(truth)), truth])


def _refuse_absent_classes(output: dict[str, Any], truth: np.ndarray) -> None:
    """
    Raises:
        JobFailure: a class has no row, of which a meta model would know nothing.
    """
    labels = output.get("labels", [])
    counts = np.bincount(truth, minlength=len(labels)) if labels else np.empty(0)
    absent = [text_of(label) for label, rows in zip(labels, counts, strict=True) if not rows]
    if absent:
        raise unfit(f"stacking needs rows of every class, and the table has none of {listed(absent)}.")


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
