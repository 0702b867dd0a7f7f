"""A sample of the training rows, as callers send rows: what explanations compare a row with."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .columns import Column, is_too_long
from .dataset import Dataset

MOST_ROWS = 100
FEWEST_ROWS = 20
# A wide model has fewer rows: an explanation scores each of them several times for every feature.
MOST_CELLS = 20_000
MOST_BYTES = 4 << 20


def background(dataset: Dataset, seed: int) -> dict[str, Any]:
    """Draw training rows without replacement; the same seed draws the same rows.

    Args:
        dataset: the job's data.
        seed: the job's.

    Returns:
        `features`: names in the order of the signature; `rows`: a list of values each, times in
        milliseconds since 1970 and null where missing. Rows that would make it larger than
        MOST_BYTES are left out.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(_sendable(dataset))
    wanted = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // len(dataset.features)))
    columns = [_values(column, order[:wanted]) for column in dataset.features]
    rows, size = [], 0
    for row in map(list, zip(*columns, strict=True)):
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if size > MOST_BYTES:
            break
        rows.append(row)
    return {
        "background_version": 1,
        "seed": seed,
        "features": [column.name for column in dataset.features],
        "rows": rows,
    }


def _sendable(dataset: Dataset) -> np.ndarray:
    """Training rows whose texts a prediction would take."""
    rows = dataset.train
    for column in dataset.features:
        if column.kind == "string":
            # -1, a missing value, is the last place of the list.
            too_long = [is_too_long(text) for text in column.texts]
            rows = rows[~np.array([*too_long, False])[column.codes[rows]]]
    return rows


def _values(column: Column, rows: np.ndarray) -> list[Any]:
    if column.kind == "string":
        return [column.texts[code] if code >= 0 else None for code in column.codes[rows]]
    read = {"number": float, "boolean": bool}.get(column.kind, int)
    return [None if np.isnan(value) else read(value) for value in column.numbers[rows]]
