"""From files to what is trained on: chosen features, an encoded target and a split."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .columns import Column
from .events import EventWriter
from .failures import column_not_found, listed, unfit
from .float32 import MOST_ROUNDING, centre_of, rounding_of
from .reading.interpreting import interpret
from .reading.tables import Table
from .rows import Rows
from .storage import Store
from .target import Target, check_classes_for_split, read_target

FEWEST_ROWS = 10
MOST_CATEGORIES = 1_000
FEWEST_IDENTIFIERS = 20
_UNNAMED = re.compile(r"Unnamed: \d+")
_NO_NAME = "has no name"


@dataclass
class Dataset:
    """All usable rows.

    Attributes:
        features: columns the model uses.
        target: the encoded target, aligned with the features' rows.
        train: int64 row numbers of the training part.
        validation: int64 row numbers of the validation part.
        ignored: columns of the training data that the model does not use.
        categories: per text feature, the values told apart, sorted.
        description: rows, columns and split, for the job's result.
        numbers: int64, of each row its number over all files, with the rows that cannot be used.
    """

    features: list[Column]
    target: Target
    train: np.ndarray
    validation: np.ndarray
    ignored: list[str]
    categories: dict[str, list[str]]
    description: dict[str, Any]
    numbers: np.ndarray


def load(spec: dict[str, Any], events: EventWriter, store: Store) -> Dataset:
    """Read a job's data and make it trainable.

    Raises:
        JobFailure: with the column, the fault and what is allowed.
    """
    data, seed = spec["data"], spec["training"]["seed"]
    choose = chooser(data, spec["limits"]["max_features"])
    rows = Rows(spec, store, events.warning)
    table = rows.read("train", choose)
    train_rows = len(table)
    if data["validation"] is not None:
        table = with_validation(table, rows, data)
    events.log(f"Read {len(table)} rows and {len(table.columns.column_names)} columns.")

    target_name = data["target_column"]
    raw_target = interpret_target(table, data, events.warning)
    usable = np.flatnonzero(~raw_target.missing)
    dropped = len(table) - len(usable)
    if dropped:
        events.warning(f"{dropped} rows have no value in target column '{target_name}' and were dropped.")
        table = table.take(usable)
        raw_target = taken(raw_target, usable)
    in_training = usable < train_rows
    if int(in_training.sum()) < FEWEST_ROWS:
        raise unfit(
            f"the training data has {int(in_training.sum())} usable rows; at least {FEWEST_ROWS} are needed."
        )
    target = read_target(raw_target, spec["model_type"])
    events.log(f"Training {target.model_type}, {target.reason}.")

    if data["validation"] is not None:
        train, validation = np.flatnonzero(in_training), np.flatnonzero(~in_training)
        split: dict[str, Any] = {"kind": "validation_files"}
        _check_validation_classes(target, train, validation)
    else:
        train, validation, split = _held_out(target, data["validation_share"], seed, events)

    features, refused = _features(table, data, train, events)
    used = {column.name for column in features}
    categories = {
        column.name: _told_apart(column, train, events) for column in features if column.kind == "string"
    }
    description = {
        "rows_train": len(train),
        "rows_validation": len(validation),
        "rows_dropped": dropped,
        "columns": len(features),
        "split": split,
        "train_uris": data["train"]["uris"],
        "validation_uris": data["validation"]["uris"] if data["validation"] else None,
        "ignored": refused,
    }
    if rows.views:
        description["feature_views"] = rows.views
    ignored = [name for name in table.names if name != target_name and name not in used]
    return Dataset(features, target, train, validation, ignored, categories, description, usable)


def chooser(data: dict[str, Any], most_features: int) -> Callable[[list[str]], list[str]]:
    """Which columns to read: the features in the order of the file or of their service, then the target."""
    joined = data["features"]["output_order"] if "features" in data else None

    def choose(names: list[str]) -> list[str]:
        target, wanted = data["target_column"], data["feature_columns"]
        present = set(names)
        if target not in present:
            raise column_not_found("target_column", [target], names)
        for field in ("feature_columns", "exclude_columns", "feature_types"):
            missing = [name for name in data.get(field) or [] if name not in present]
            if missing:
                raise column_not_found(field, missing, names)
        if wanted is not None and target in wanted:
            raise unfit(
                f"feature_columns names the target column '{target}'; a model cannot use it as a feature."
            )
        if joined is not None and target in joined:
            raise unfit(f"the feature service has the target column '{target}' among its features.")
        if wanted is None:
            wanted = joined
        left_out = {target, *data["exclude_columns"]}
        chosen = [name for name in (wanted if wanted is not None else names) if name not in left_out]
        chosen = list(dict.fromkeys(chosen))
        if not chosen:
            raise unfit(f"no feature column is left besides the target column '{target}'.")
        if len(chosen) > most_features:
            raise unfit(
                f"the data has {len(chosen)} feature columns, more than the {most_features} allowed; "
                "name fewer in feature_columns."
            )
        return [*chosen, target]

    return choose


def with_validation(table: Table, rows: Rows, data: dict[str, Any]) -> Table:
    """The rows of the validation data below those of the training data.

    Raises:
        JobFailure: it lacks a column, or its types or format do not fit.
    """

    def choose(names: list[str]) -> list[str]:
        absent = [name for name in table.columns.column_names if name not in names]
        if absent:
            raise column_not_found("validation data", absent, names)
        return table.columns.column_names

    validation = rows.read("validation", choose)
    if data["validation"]["format"] != data["train"]["format"]:
        raise unfit("training and validation data must have the same format.")
    return table.below(validation, ["the training data", "the validation data"])


def _check_validation_classes(target: Target, train: np.ndarray, validation: np.ndarray) -> None:
    if not len(validation):
        raise unfit("the validation data has no usable row.")
    if target.labels is None:
        return
    unseen = sorted(set(target.values[validation].tolist()) - set(target.values[train].tolist()))
    if unseen:
        names = [target.labels[place] for place in unseen]
        raise unfit(
            f"the validation data has rows of {listed(names)}, which the training data does not have."
        )


def _held_out(
    target: Target, share: float, seed: int, events: EventWriter
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    check_classes_for_split(target)
    rows = np.arange(len(target.values))
    held = min(max(1, round(share * len(rows))), len(rows) - 1)
    classes = len(target.labels) if target.labels is not None else 0
    stratified = target.labels is not None and held >= classes and len(rows) - held >= classes
    train, validation = train_test_split(
        rows,
        test_size=held,
        random_state=seed % 2**32,
        stratify=target.values if stratified else None,
    )
    if target.labels is not None and not stratified:
        events.warning(
            "The held-out rows are too few to hold every class, so they were drawn without regard to it."
        )
        absent = sorted(set(range(classes)) - set(target.values[train].tolist()))
        if absent:
            names = [target.labels[place] for place in absent]
            raise unfit(
                f"after holding out {held} rows no training row of {listed(names)} is left; add rows."
            )
    split = {"kind": "held_out", "share": share, "stratified": stratified, "seed": seed}
    return np.sort(train), np.sort(validation), split


def _features(
    table: Table, data: dict[str, Any], train: np.ndarray, events: EventWriter
) -> tuple[list[Column], dict[str, str]]:
    """Columns that can teach a model something; the others by name with the reason."""
    features: list[Column] = []
    refused: dict[str, str] = {}
    for name in table.columns.column_names:
        if name == data["target_column"]:
            continue
        column, reason = feature(table, name, data, train, events.warning)
        if reason is None:
            _centre(column, train, events)
            _take_booleans(column)
            features.append(column)
        else:
            refused[name] = reason
            events.warning(f"column '{name}' {reason} and was ignored.")
    if not features:
        faults = "; ".join(f"'{name}' {reason}" for name, reason in list(refused.items())[:5])
        raise unfit(f"no column can be used as a feature: {faults}.")
    return features, refused


def feature(
    table: Table, name: str, data: dict[str, Any], train: np.ndarray, warn: Callable[[str], None]
) -> tuple[Column | str, str | None]:
    """What a column holds, and why it is no feature; None where it is one.

    Args:
        table: the usable rows.
        name: the column.
        data: `data` of the job's specification.
        train: row numbers of the training part.
        warn: told when values were read otherwise than they look.
    """
    asked = data.get("feature_types", {}).get(name)
    is_named = name in (data["feature_columns"] or []) or asked is not None
    if not is_named and (name in table.index or not name):
        return _NO_NAME, "is the index of a data frame" if name else _NO_NAME
    column = interpret(table, name, warn, asked)
    if isinstance(column, str):
        return column, column
    if column.missing[train].all():
        return column, "holds no value in the training rows"
    doubt = useless(column, train)
    if name in (data["feature_columns"] or []):
        if doubt is not None:
            warn(f"column '{name}' {doubt} and is used because feature_columns names it.")
        return column, None
    if doubt is None and not is_named and _is_written_index(column):
        doubt = "is the index of a data frame"
    if asked is not None and doubt is not None and "identifier" in doubt:
        doubt = None
    return column, doubt


def _is_written_index(column: Column) -> bool:
    """`Unnamed: 0` is what pandas calls the index that an earlier `to_csv` wrote."""
    if not _UNNAMED.fullmatch(column.name) or column.kind != "integer":
        return False
    return len(np.unique(column.numbers)) == len(column.numbers)


def _centre(column: Column, train: np.ndarray, events: EventWriter) -> None:
    """Take what a column's numbers have in common away where float32 would not tell them apart."""
    if column.kind not in ("number", "integer"):
        return
    numbers = column.numbers[train]
    is_whole = column.kind == "integer"
    column.offset = centre_of(numbers, is_whole)
    known = numbers[np.isfinite(numbers)] - column.offset
    lost = rounding_of(known)
    if lost > (0 if is_whole else MOST_ROUNDING * float(np.std(known))):
        events.warning(
            f"column '{column.name}' holds numbers that a model tells apart only to within {lost:.3g}: "
            "they are too far apart for 32 bits; split it into two columns if the last digits matter."
        )


def _take_booleans(column: Column) -> None:
    """Let a number that is 0 or 1 in every row be given as false or true ever after: it may be a boolean."""
    if column.kind not in ("number", "integer") or column.reading:
        return
    if np.isin(column.numbers[~column.missing], (0, 1)).all():
        column.reading = {"from": "boolean"}


def useless(column: Column, train: np.ndarray) -> str | None:
    """Why a column that has values cannot teach a model anything, by its training rows; None where it can."""
    missing = column.missing[train]
    present = int((~missing).sum())
    if column.kind != "string":
        values = column.numbers[train]
        is_constant = present == len(train) and values.min() == values.max()
        return "holds the same value in every training row" if is_constant else None
    distinct = int(np.count_nonzero(np.bincount(column.codes[train][~missing])))
    if distinct == 1 and present == len(train):
        return "holds the same value in every training row"
    if distinct > FEWEST_IDENTIFIERS and distinct > present / 2:
        return f"looks like an identifier ({distinct} different values in {present} rows)"
    return None


def _told_apart(column: Column, train: np.ndarray, events: EventWriter) -> list[str]:
    codes = column.codes[train]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.texts))
    seen = np.flatnonzero(counts)
    if len(seen) > MOST_CATEGORIES:
        events.warning(
            f"column '{column.name}' has {len(seen)} different values; the {MOST_CATEGORIES} most frequent "
            "are told apart and the others count as unseen."
        )
        # Ties by the text itself, so that the same data gives the same model.
        seen = np.array(sorted(seen, key=lambda code: (-counts[code], column.texts[code]))[:MOST_CATEGORIES])
    return sorted(column.texts[code] for code in seen)


def interpret_target(table: Table, data: dict[str, Any], warn: Callable[[str], None]) -> Column:
    """The target column as numbers, booleans or text.

    Raises:
        JobFailure: it holds something else.
    """
    name = data["target_column"]
    column = interpret(table, name, warn, data.get("feature_types", {}).get(name), is_target=True)
    reason = column if isinstance(column, str) else None
    if reason is None and column.kind == "timestamp":
        reason = "holds dates or times"
    if reason is not None:
        raise unfit(f"target column '{name}' {reason}; it must hold numbers, booleans or text.")
    return column


def taken(column: Column, rows: np.ndarray) -> Column:
    """The column's values in these rows."""
    numbers = None if column.numbers is None else column.numbers[rows]
    codes = None if column.codes is None else column.codes[rows]
    return replace(column, numbers=numbers, codes=codes)
