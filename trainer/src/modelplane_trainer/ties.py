"""Which class is the answer where several are most probable."""

from __future__ import annotations

import numpy as np

# Classes this close are tied: what summing a thousand float32 votes loses. libs/inference/src/answers.ts
# has it too.
TIE_WIDTH = 2e-6


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """The index of the first class within TIE_WIDTH of the most probable one; int64 [rows].

    Args:
        probabilities: [rows, classes].
    """
    return np.argmax(probabilities >= probabilities.max(axis=1, keepdims=True) - TIE_WIDTH, axis=1)
