"""Looks at a sample of a job's data and says what training on it would meet, without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import Column
from .dataset import FEWEST_ROWS, chooser, feature, interpret_target, taken, with_validation
from .events import EventWriter
from .failures import JobFailure, unfit
from .fitting import fit_to_target
from .plan import make_plan
from .reading.parquet_file import least_bytes, too_large
from .reading.tables import Table
from .rows import Rows
from .sampling import Sample
from .storage import Store
from .target import Target, check_classes_for_split, read_target

MOST_ROWS = 20_000
MOST_BYTES = 8 << 20
MOST_FILES = 8
_SHOWN_CLASSES = 20


class Findings:
    """Collects what a job would say, in place of an EventWriter."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.problems: list[dict[str, str]] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def problem(self, failure: JobFailure) -> None:
        self.problems.append({"code": failure.code, "message": failure.message})


def inspect(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Read the first rows and describe them.

    Args:
        spec: a specification of kind `validation`.
        events: told that it has started.
        store: holds the data.

    Returns:
        rows_read, is_complete, model_type, estimator, columns, target, problems and warnings.
        A problem is how the job would fail; the rest is described as far as that allows.
    """
    events.started(workers=1, gpus=0)
    found = Findings()
    described: dict[str, Any] = {
        "rows_read": 0,
        "is_complete": True,
        "estimator": spec["estimator"],
        "model_type": spec["model_type"],
        "columns": [],
        "target": None,
    }
    try:
        plan = make_plan(spec)
        found.warnings += plan.warnings
        sample = Sample(store, MOST_ROWS, MOST_BYTES)
        table, train_rows = _read(spec, sample, found)
        described["is_complete"] = not sample.was_cut
        described["rows_read"] = len(table)
        limits = spec["limits"]
        _tell_too_large(sample, table, limits.get("training_memory_bytes", limits["memory_bytes"]), found)
        try:
            usable, raw_target = _usable(spec, table, found)
        except JobFailure:
            described["columns"] = _columns(spec, table, found)
            raise
        # As in training, rows without a target say nothing about the columns.
        described["columns"] = _columns(spec, table.take(usable), found)
        target = _target(spec, raw_target, int((usable < train_rows).sum()))
        described["target"] = _distribution(target)
        described["model_type"] = target.model_type
        if spec["data"]["validation"] is None:
            check_classes_for_split(target)
        fit_to_target(plan, target, found)
    except JobFailure as failure:
        found.problem(failure)
    if not any(column["is_used"] for column in described["columns"]) and described["columns"]:
        faults = "; ".join(f"'{each['name']}' {each['ignored_because']}" for each in described["columns"][:5])
        found.problem(unfit(f"no column can be used as a feature: {faults}."))
    return described | {"problems": found.problems, "warnings": found.warnings}


def _read(spec: dict[str, Any], sample: Sample, found: Findings) -> tuple[Table, int]:
    """The first rows of the training data and, below them, of the validation data."""
    data = dict(spec["data"])
    for part in ("train", "validation"):
        if data[part] is not None and len(data[part]["uris"]) > MOST_FILES:
            data[part] = data[part] | {"uris": data[part]["uris"][:MOST_FILES]}
            sample.was_cut = True
    choose = chooser(data, spec["limits"]["max_features"])
    # Of a view every row is read: what is known of an entity may stand in any of them.
    rows = Rows(spec | {"data": data}, sample.whole_store, found.warning, rows_from=sample)
    table = rows.read("train", choose)
    train_rows = len(table)
    if data["validation"] is not None:
        table = with_validation(table, rows, data)
    return table, train_rows


def _tell_too_large(sample: Sample, table: Table, allowed: int, found: Findings) -> None:
    """The files themselves hold more rows than the sample."""
    rows = sum(count for _, count in sample.whole)
    needed = 0
    for schema, count in sample.whole:
        kept = [name for name in table.columns.column_names if name in schema.names]
        needed += least_bytes(schema, kept, count)
    if needed > allowed:
        found.problem(too_large("the data", rows, needed, allowed))


def _usable(spec: dict[str, Any], table: Table, found: Findings) -> tuple[np.ndarray, Column]:
    """Numbers of the rows with a target, and their target."""
    column = interpret_target(table, spec["data"], found.warning)
    usable = np.flatnonzero(~column.missing)
    dropped = len(table) - len(usable)
    if dropped:
        found.warning(f"{dropped} rows have no value in target column '{column.name}' and would be dropped.")
    return usable, taken(column, usable)


def _columns(spec: dict[str, Any], table: Table, found: Findings) -> list[dict[str, Any]]:
    rows = np.arange(len(table))
    described = []
    for name in table.columns.column_names:
        if name == spec["data"]["target_column"]:
            continue
        column, reason = feature(table, name, spec["data"], rows, found.warning)
        if reason is not None:
            found.warning(f"column '{name}' {reason} and would be ignored.")
        known = not isinstance(column, str)
        missing = int(column.missing.sum()) if known else table.columns[name].null_count
        described.append(
            {
                "name": name,
                "type": column.kind if known else str(table.columns[name].type).removeprefix("large_"),
                "missing_share": missing / max(1, len(table)),
                "distinct_count": _distinct(column) if known else None,
                "is_used": reason is None,
                "ignored_because": reason,
            }
        )
    return described


def _distinct(column: Column) -> int:
    values = column.codes if column.kind == "string" else column.numbers
    return len(np.unique(values[~column.missing]))


def _target(spec: dict[str, Any], column: Column, in_training: int) -> Target:
    if in_training < FEWEST_ROWS:
        raise unfit(f"the training data has {in_training} usable rows; at least {FEWEST_ROWS} are needed.")
    return read_target(column, spec["model_type"])


def _distribution(target: Target) -> dict[str, Any]:
    described: dict[str, Any] = {"name": target.name, "rows": len(target.values)}
    if target.labels is None:
        low, median, high = np.quantile(target.values, [0, 0.5, 1])
        spread = {"min": low, "median": median, "max": high, "mean": np.mean(target.values)}
        return described | {"classes": None, "values": spread | {"std": np.std(target.values)}}
    counts = np.bincount(target.values, minlength=len(target.labels))
    order = np.argsort(-counts, kind="stable")[:_SHOWN_CLASSES]
    classes = [
        {"label": target.labels[place], "count": int(counts[place]), "share": counts[place] / counts.sum()}
        for place in order
    ]
    return described | {"classes": classes, "values": None}
