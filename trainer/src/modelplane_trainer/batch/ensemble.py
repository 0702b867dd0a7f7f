"""Members of an ensemble, whose answers become one: libs/inference/src/ensembles does the same with JSON."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import rank, stacking
from ..ties import most_probable
from .answers import AnswerReader, by_threshold, text_of
from .blocks import Block
from .scoring import Answered, Model


@dataclass
class Asked:
    """What the members of an ensemble say of a block.

    Attributes:
        rows: int64, places in the block of the rows that all members answer, in order.
        values: of each member the values [rows], or the probabilities or votes [rows, classes] in the order
            of the ensemble's classes.
        seconds: that each member took.
        faults: why the others have no answer, by place in the block.
        unseen: rows by text feature with a value that training has not seen.
    """

    rows: np.ndarray
    values: list[np.ndarray]
    seconds: list[float]
    faults: dict[int, list[str]]
    unseen: dict[str, int]


class Ensemble:
    """Answers rows that all members answer.

    Args:
        model: `model` of the job's specification, with its `ensemble`.
        members: what answers for each of its members.
    """

    def __init__(self, model: dict[str, Any], members: list[Model]) -> None:
        self._ensemble, self._members = model["ensemble"], members
        # That of the version; a cascade has one of its own, for when to stop.
        self._threshold = model.get("threshold")
        reader = AnswerReader(model["signature"]["output"])
        self.columns, self._labels = reader.columns, reader.labels
        self._weights = [each["weight"] for each in self._ensemble["members"]]
        self._orders = [
            _order(model["signature"]["output"], each["model"]["signature"]["output"])
            for each in self._ensemble["members"]
        ]

    def answer(self, block: Block) -> Answered:
        asked = self.ask(block)
        rows, values = asked.rows, asked.values
        combined = self._combine(values)
        if self._labels is None:
            return Answered(rows, pa.array(combined), None, asked.faults, asked.unseen)
        places = (
            most_probable(combined) if self._threshold is None else by_threshold(combined, self._threshold)
        )
        prediction = self._labels.take(pa.array(places))
        return Answered(rows, prediction, combined, asked.faults, asked.unseen)

    def ask(self, block: Block) -> Asked:
        """What each member answers, before that becomes one."""
        answered, seconds = [], []
        for member in self._members:
            begun = time.perf_counter()
            answered.append(member.answer(block))
            seconds.append(time.perf_counter() - begun)
        faults: dict[int, list[str]] = {}
        unseen: dict[str, int] = {}
        for each in answered:
            for place, reasons in each.faults.items():
                told = faults.setdefault(place, [])
                told += [reason for reason in reasons if reason not in told]
            for name, rows in each.unseen.items():
                unseen[name] = max(rows, unseen.get(name, 0))
        rows = reduce(np.intersect1d, [each.rows for each in answered])
        values = [
            self._values(each, np.searchsorted(each.rows, rows), order)
            for each, order in zip(answered, self._orders, strict=True)
        ]
        return Asked(rows, values, seconds, faults, unseen)

    def _values(self, answered: Answered, places: np.ndarray, order: list[int]) -> np.ndarray:
        """What a member says: values [rows], or probabilities or votes [rows, classes]."""
        if self._labels is None:
            return answered.prediction.to_numpy(zero_copy_only=False)[places]
        if self._ensemble["method"] != "voting_hard":
            return answered.probabilities[places][:, order]
        labels = self._labels.cast(answered.prediction.type)
        votes = pc.index_in(answered.prediction.take(pa.array(places)), value_set=labels)
        return np.eye(len(labels))[votes.to_numpy(zero_copy_only=False).astype(np.int64)]

    def _combine(self, values: list[np.ndarray]) -> np.ndarray:
        """Values [rows], or probabilities [rows, classes], of what all members say."""
        if self._ensemble["method"] == "stacking":
            return stacking.answer(self._ensemble["meta"], values)
        if self._ensemble["method"] == "rank":
            scales = [each["rank_scale"] for each in self._ensemble["members"]]
            return rank.answer(scales, self._shares(len(values)), values)
        return self._cascade(values) if self._ensemble["strategy"] == "cascade" else self._mean(values)

    def _mean(self, values: list[np.ndarray]) -> np.ndarray:
        """Weighted mean of the first members' values, summed in the order in which a prediction sums them."""
        return sum(share * each for share, each in zip(self._shares(len(values)), values, strict=True))

    def _shares(self, members: int) -> list[float]:
        """Of each of the first members in what they answer."""
        weights = self._weights[:members]
        return [weight / sum(weights) for weight in weights]

    def _cascade(self, values: list[np.ndarray]) -> np.ndarray:
        """Of each row the mean of as many members as it takes until that is confident enough."""
        threshold, fewest = self._ensemble["threshold"], self._ensemble["min_models_required"]
        combined = np.empty_like(values[0])
        is_open = np.ones(len(combined), bool)
        for count in range(1, len(values) + 1):
            mean = self._mean(values[:count])
            combined[is_open] = mean[is_open]
            if count >= fewest:
                is_open &= mean[np.arange(len(mean)), most_probable(mean)] < threshold
        return combined


def _order(output: dict[str, Any], of_member: dict[str, Any]) -> list[int]:
    """For each class of the ensemble its place among the member's."""
    if output["type"] == "regression":
        return []
    places = {text_of(label): place for place, label in enumerate(of_member["labels"])}
    return [places[text_of(label)] for label in output["labels"]]
