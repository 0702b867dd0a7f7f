"""Mean ranks of members' answers; libs/inference/src/ensembles/rank.ts has them, too.

A scale has the knots `values` and `ranks` of a rising line: where values stand, from 0 to 1, among those
that a model gave to rows it was not fitted to.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def answer(scales: list[dict[str, Any]], shares: list[float], values: list[np.ndarray]) -> np.ndarray:
    """Answer by mean ranks.

    Args:
        scales: of each member.
        shares: of each member; they sum to 1.
        values: of each member the values [rows], or the probabilities of two classes [rows, 2].

    Returns:
        Probabilities [rows, 2], the second of which is the mean rank; or the mean of the members' values of
        the mean rank, [rows].
    """
    is_classification = values[0].ndim == 2
    asked = [each[:, 1] if is_classification else each for each in values]
    rank = sum(
        share * np.interp(each, scale["values"], scale["ranks"])
        for share, each, scale in zip(shares, asked, scales, strict=True)
    )
    if is_classification:
        return np.column_stack([1 - rank, rank])
    return sum(
        share * np.interp(rank, scale["ranks"], scale["values"])
        for share, scale in zip(shares, scales, strict=True)
    )
