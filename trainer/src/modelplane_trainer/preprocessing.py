"""From named columns to the estimator's matrix, by steps that become part of the ONNX graph."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from .columns import Column
from .dataset import Dataset
from .timestamps import PARTS

_LONGEST_TENSOR_NAME = 48


def tensor_names(names: list[str]) -> list[str]:
    """Names that ONNX and the converters leave alone: letters, digits, underscores; unique by number."""
    tensors = []
    for place, name in enumerate(names):
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        safe = re.sub(r"[^0-9A-Za-z]+", "_", ascii_name).strip("_").lower()
        tensors.append(f"f{place}_{safe}"[:_LONGEST_TENSOR_NAME].rstrip("_"))
    return tensors


def frame(features: list[Column], rows: np.ndarray | None = None) -> pd.DataFrame:
    """The model's inputs: a float32 or text column a feature, a column a part of times; named by tensor."""
    names = tensor_names([column.name for column in features])
    series = {}
    for tensor, column in zip(names, features, strict=True):
        if column.kind == "timestamp":
            parts = column.as_parts(rows)
            series |= {f"{tensor}_{part}": pd.Series(parts[part], copy=False) for part in PARTS}
            continue
        values = column.as_feature(rows)
        series[tensor] = pd.Series(
            values, dtype=object if column.kind == "string" else np.float32, copy=False
        )
    return pd.DataFrame(series, copy=False)


def inputs(dataset: Dataset) -> list[dict[str, Any]]:
    """The signature's inputs, in the order of the features."""
    names = tensor_names([column.name for column in dataset.features])
    return [
        {
            "name": column.name,
            "type": column.kind,
            "tensor": tensor,
            "dtype": "string" if column.kind == "string" else "float32",
            "nullable": True,
            "categories": dataset.categories.get(column.name),
        }
        | ({"parts": parts_of_tensor(tensor)} if column.kind == "timestamp" else {})
        | ({"reading": column.reading} if column.reading else {})
        | ({"offset": column.offset} if column.offset else {})
        for tensor, column in zip(names, dataset.features, strict=True)
    ]


def parts_of_tensor(tensor: str) -> list[dict[str, str]]:
    """The tensors that a time becomes."""
    return [{"part": part, "tensor": f"{tensor}_{part}"} for part in PARTS]


def transformer(
    dataset: Dataset, scaled: bool, keeps_missing: bool, dense: bool = False, one_hot: bool = False
) -> ColumnTransformer:
    """The unfitted preprocessing.

    Args:
        dataset: names the columns and the categories told apart.
        scaled: for linear models: impute, scale, one-hot; else ordinal categories for trees.
        keeps_missing: the trees learn a direction for NaN; else the median fills it.
        dense: never hand the estimator a sparse matrix.
        one_hot: categories one by one although numbers are left as they are.
    """
    names = tensor_names([column.name for column in dataset.features])
    pairs = list(zip(names, dataset.features, strict=True))
    numeric = []
    for tensor, column in pairs:
        if column.kind == "timestamp":
            numeric += [f"{tensor}_{part}" for part in PARTS]
        elif column.kind != "string":
            numeric.append(tensor)
    text = [tensor for tensor, column in pairs if column.kind == "string"]
    known = []
    for column in dataset.features:
        if column.kind == "string":
            # '' stands for a missing value; it is a category of its own where training saw it.
            blank = [""] if bool(column.missing[dataset.train].any()) else []
            known.append(np.array([*blank, *dataset.categories[column.name]], dtype=object))
    steps: list[tuple[str, Any, list[str]]] = []
    if numeric and scaled:
        steps.append(
            (
                "numbers",
                Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]),
                numeric,
            )
        )
    elif numeric:
        steps.append(
            ("numbers", "passthrough" if keeps_missing else SimpleImputer(strategy="median"), numeric)
        )
    if text and (scaled or one_hot):
        steps.append(
            ("texts", OneHotEncoder(categories=known, handle_unknown="ignore", dtype=np.float32), text)
        )
    elif text:
        encoder = OrdinalEncoder(
            categories=known, handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32
        )
        steps.append(("texts", encoder, text))
    return ColumnTransformer(steps, sparse_threshold=0 if dense or not scaled else 0.3)
