"""What the training data looked like, column by column, for the monitoring of drift."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import Column
from .dataset import Dataset

QUANTILES = 101
HISTOGRAM_BINS = 20
TOP_CATEGORIES = 200


def baseline(dataset: Dataset, predictions: np.ndarray) -> dict[str, Any]:
    """Describe features and target of the training rows, and predictions on the validation rows.

    Args:
        dataset: the job's data.
        predictions: class index or value on the validation rows.
    """
    target = dataset.target
    describe = _values if target.labels is None else lambda values: _classes(values, target.labels)
    return {
        "baseline_version": 1,
        "rows": len(dataset.train),
        "columns": {column.name: _column(column, dataset.train) for column in dataset.features},
        "target": {"name": target.name, **describe(target.values[dataset.train])},
        "target_validation": describe(target.values[dataset.validation]),
        "predictions_validation": describe(predictions),
    }


def _column(column: Column, rows: np.ndarray) -> dict[str, Any]:
    missing = float(np.mean(column.missing[rows]))
    if column.kind != "string":
        numbers = column.numbers[rows]
        return {"type": column.kind, "missing_share": missing, **_values(numbers[~np.isnan(numbers)])}
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.texts))
    order = [code for code in np.argsort(-counts, kind="stable")[:TOP_CATEGORIES] if counts[code]]
    return {
        "type": "string",
        "count": int(counts.sum()),
        "missing_share": missing,
        "distinct": int(np.count_nonzero(counts)),
        "categories": [{"value": column.texts[code], "count": int(counts[code])} for code in order],
        "other_count": int(counts.sum() - counts[order].sum()),
    }


def _values(numbers: np.ndarray) -> dict[str, Any]:
    numbers = numbers.astype(np.float64)
    counts, edges = np.histogram(numbers, bins=HISTOGRAM_BINS)
    return {
        "count": len(numbers),
        "mean": np.mean(numbers),
        "std": np.std(numbers),
        "min": np.min(numbers),
        "max": np.max(numbers),
        "quantiles": np.quantile(numbers, np.linspace(0, 1, QUANTILES)),
        "histogram": {"edges": edges, "counts": counts},
    }


def _classes(indexes: np.ndarray, labels: list[Any]) -> dict[str, Any]:
    counts = np.bincount(indexes, minlength=len(labels))
    return {
        "count": len(indexes),
        "classes": [
            {"label": label, "count": int(count)} for label, count in zip(labels, counts, strict=True)
        ],
    }
