"""A column of the training data, as the model will see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .timestamps import parts_of

Kind = Literal["number", "integer", "boolean", "string", "timestamp"]

# A prediction refuses longer texts; libs/inference/src/feature-errors.ts.
MOST_TEXT_BYTES = 64 * 1024
LARGEST_WHOLE = 2**53 - 1


@dataclass
class Column:
    """One column over all rows.

    Attributes:
        name: as the caller writes it.
        kind: what it holds.
        numbers: float64 [rows], NaN where missing; for every kind but text. Times are
            milliseconds since 1970-01-01 UTC.
        codes: int32 [rows], index into `texts`, -1 where missing; for text.
        texts: the different values of a text column, in order of appearance.
        reading: how its values are read from files, as an input of a signature keeps it.
        offset: what a model sees less than the number itself; see `float32.centre_of`.
    """

    name: str
    kind: Kind
    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    texts: list[str] | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    offset: float = 0.0

    @property
    def missing(self) -> np.ndarray:
        """bool [rows]."""
        return self.codes < 0 if self.kind == "string" else np.isnan(self.numbers)

    def as_feature(self, rows: np.ndarray | None = None) -> np.ndarray:
        """The values a model sees, [rows]: float32 less the offset with NaN, or text with '' where missing.

        Not for times.
        """
        if self.kind == "string":
            table = np.array([*self.texts, ""], dtype=object)
            return table[self.codes if rows is None else self.codes[rows]]
        numbers = self.numbers if rows is None else self.numbers[rows]
        return (numbers - self.offset).astype(np.float32)

    def as_parts(self, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """What a model sees of times: float32 [rows] by part."""
        return parts_of(self.numbers if rows is None else self.numbers[rows])


def is_too_long(text: str) -> bool:
    """Whether a prediction would refuse the text for its length."""
    return len(text) * 4 > MOST_TEXT_BYTES and len(text.encode("utf-8", "replace")) > MOST_TEXT_BYTES
