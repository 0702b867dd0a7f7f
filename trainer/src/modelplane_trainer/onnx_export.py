"""A fitted pipeline as an ONNX graph that answers as the pipeline does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier, XGBRegressor

from . import calibration as calibrating
from . import forest_export
from .calibration import CalibratedClassifier
from .estimators import neighbors
from .float32 import rounded_down
from .target import Target
from .ties import TIE_WIDTH

TARGET_OPSET = {"": 21, "ai.onnx.ml": 3}
# A number no further from 0 than this is zero to LightGBM.
_LIGHTGBM_ZERO = np.float32(1e-35)
LABEL, PROBABILITIES, VALUE = "label", "probabilities", "value"


def export(pipeline: Pipeline, inputs: list[dict[str, Any]], metadata: dict[str, str]) -> onnx.ModelProto:
    """Convert a fitted pipeline.

    Args:
        pipeline: preprocessing and estimator, both fitted.
        inputs: the signature's inputs; one tensor [n, 1] each.
        metadata: goes into the model's metadata_props.

    Returns:
        The model; outputs `label` int64 [n] and `probabilities` float32 [n, classes],
        or `value` float32 [n, 1].
    """
    register_converters()
    types = [
        (tensor, (StringTensorType if each["dtype"] == "string" else FloatTensorType)([None, 1]))
        for each in inputs
        for tensor in tensors_of(each)
    ]
    calibration = None
    if isinstance(pipeline[-1], CalibratedClassifier):
        calibration = pipeline[-1]
        pipeline = Pipeline([*pipeline.steps[:-1], ("model", calibration.model)])
    classifies = is_classifier(pipeline[-1])
    options = {id(pipeline): {"zipmap": False}} if classifies else None
    with _exact_attributes():
        model = convert_sklearn(
            pipeline, "modelplane", initial_types=types, target_opset=TARGET_OPSET, options=options
        )
    if isinstance(pipeline[-1], forest_export.FORESTS):
        forest_export.fill(model.graph, pipeline[-1])
    _rename_outputs(model.graph, [LABEL, PROBABILITIES] if classifies else [VALUE])
    if calibration is not None:
        _calibrate(model.graph, calibration)
    if classifies:
        _label_by_probabilities(model)
    # The converter takes them from a set; the same model shall be the same bytes.
    opsets = sorted(model.opset_import, key=lambda entry: entry.domain)
    # It declares the least versions that its nodes need. Graphs of one version can become parts of one graph.
    for entry in opsets:
        entry.version = TARGET_OPSET[entry.domain]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    onnx.helper.set_model_props(model, metadata)
    return model


def tensors_of(each: dict[str, Any]) -> list[str]:
    """The graph's inputs that one input of the signature feeds."""
    return [part["tensor"] for part in each["parts"]] if "parts" in each else [each["tensor"]]


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A session of one thread on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(opened: onnxruntime.InferenceSession, frame: pd.DataFrame) -> list[np.ndarray]:
    """The graph's outputs for the rows of a frame whose columns are named by tensor."""
    return opened.run(None, {name: frame[name].to_numpy().reshape(-1, 1) for name in frame.columns})


def signature(target: Target, inputs: list[dict[str, Any]], ignored: list[str]) -> dict[str, Any]:
    """The contract signature.v1 of an exported model."""
    labels = target.labels
    output: dict[str, Any] = {"type": "regression", "value_tensor": VALUE}
    if target.offset:
        output["offset"] = target.offset
    if labels is not None:
        output = {
            "type": "classification",
            "labels": labels,
            # A server takes the label from the probabilities, by the rule of `_label_by_probabilities`.
            "label_tensor": None,
            "probabilities_tensor": PROBABILITIES,
        }
    return {
        "signature_version": 1,
        "target": target.name,
        "inputs": inputs,
        "ignored": ignored,
        "output": output,
    }


def output_of(signature_: dict[str, Any]) -> str:
    """The one output of an exported model that servers read."""
    return signature_["output"].get("probabilities_tensor") or signature_["output"]["value_tensor"]


def metadata(
    signature_: dict[str, Any], estimator: str, framework: str, versions: dict[str, str]
) -> dict[str, str]:
    """What the model file says about itself."""
    return {
        "modelplane.signature": json.dumps(signature_, ensure_ascii=False),
        "modelplane.labels": json.dumps(signature_["output"].get("labels"), ensure_ascii=False),
        "modelplane.estimator": estimator,
        "modelplane.framework": framework,
        "modelplane.versions": json.dumps(versions),
    }


@cache
def register_converters() -> None:
    """Teach skl2onnx the estimators of XGBoost and LightGBM, and our own; once a process."""
    neighbors.register_converters()
    forest_export.register_converters()
    classifier = {"options": {"nocl": [True, False], "zipmap": [True, False, "columns"]}}
    for kind, name, shape, converter, options in (
        (
            XGBClassifier,
            "XGBoostXGBClassifier",
            calculate_linear_classifier_output_shapes,
            convert_xgboost,
            classifier,
        ),
        (XGBRegressor, "XGBoostXGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost, {}),
        (
            LGBMClassifier,
            "LightGbmLGBMClassifier",
            calculate_linear_classifier_output_shapes,
            convert_lightgbm,
            classifier,
        ),
        (
            LGBMRegressor,
            "LightGbmLGBMRegressor",
            calculate_linear_regressor_output_shapes,
            convert_lightgbm,
            {"options": {"split": None}},
        ),
    ):
        update_registered_converter(kind, name, shape, converter, **options)


@contextmanager
def _exact_attributes() -> Iterator[None]:
    """While converting, keep tree nodes deciding as in Python.

    Thresholds are float64 in Python and float32 in the graph. Features are float32, so
    x <= threshold decides the same exactly when the threshold is rounded down, not to nearest.
    """
    original = ModelComponentContainer.add_node

    def add_node(self, op_type, inputs, outputs, op_domain="", op_version=None, name=None, **attributes):
        if "nodes_modes" in attributes and "nodes_values" in attributes:
            attributes["nodes_values"] = _rounded_down(attributes["nodes_values"], attributes["nodes_modes"])
        attributes = {key: _without_booleans(value) for key, value in attributes.items()}
        return original(self, op_type, inputs, outputs, op_domain, op_version, name, **attributes)

    ModelComponentContainer.add_node = add_node
    try:
        yield
    finally:
        ModelComponentContainer.add_node = original


def _rounded_down(values: Any, modes: Any) -> list[float]:
    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = exact.astype(np.float32).astype(np.float64)
    decides = np.array([mode in (b"BRANCH_LEQ", "BRANCH_LEQ") for mode in modes])
    limits = rounded_down(exact)
    # LightGBM parts negative numbers from zero here, and takes this very number for zero too.
    limits[limits == -_LIGHTGBM_ZERO] = np.nextafter(-_LIGHTGBM_ZERO, np.float32(-1))
    return np.where(decides, limits, nearest).tolist()


def _without_booleans(value: Any) -> Any:
    """An attribute of integers must hold no boolean, of Python or of numpy."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, list | tuple) and any(isinstance(item, bool | np.bool_) for item in value):
        return [int(item) if isinstance(item, bool | np.bool_) else item for item in value]
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value.astype(np.int64)
    return value


def _calibrate(graph: onnx.GraphProto, classifier: CalibratedClassifier) -> None:
    """Let the probabilities pass through the maps; the label follows them afterwards."""
    uncalibrated = "probabilities_uncalibrated"
    for node in graph.node:
        _replace(node.input, {PROBABILITIES: uncalibrated})
        _replace(node.output, {PROBABILITIES: uncalibrated})
    calibrating.add_to_graph(graph, uncalibrated, PROBABILITIES, classifier.maps)


def _label_by_probabilities(model: onnx.ModelProto) -> None:
    """Let the label be the first of the most probable classes, whatever the converter makes of it.

    Converters take the label from sums of their own: of a boosting that never splits, or where votes tie, it
    contradicts the probabilities beside it. Python sums votes in float64, where a tie is a tie; in float32
    the order of the sum would decide, so that classes within TIE_WIDTH of the most probable one count as tied
    with it.
    """
    graph = model.graph
    for node in graph.node:
        _replace(node.output, {LABEL: "label_inner"})
        _replace(node.input, {LABEL: "label_inner"})
    tie = onnx.helper.make_tensor("tie", onnx.TensorProto.FLOAT, [1], [TIE_WIDTH])
    axis = onnx.helper.make_tensor("class_axis", onnx.TensorProto.INT64, [1], [1])
    graph.initializer.extend([tie, axis])
    graph.node.extend(
        [
            onnx.helper.make_node("ReduceMax", [PROBABILITIES, "class_axis"], ["most_probable"]),
            onnx.helper.make_node("Sub", ["most_probable", "tie"], ["least_tied"]),
            onnx.helper.make_node("GreaterOrEqual", [PROBABILITIES, "least_tied"], ["is_tied"]),
            onnx.helper.make_node("Cast", ["is_tied"], ["tied"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("ArgMax", ["tied"], [LABEL], axis=1, keepdims=0),
        ]
    )


def _rename_outputs(graph: onnx.GraphProto, names: list[str]) -> None:
    """Give the graph's outputs our names, whatever the converters called them."""
    taken = {each.name for each in graph.input}
    for output, name in zip(graph.output, names, strict=True):
        old = output.name
        if old == name:
            continue
        for node in graph.node:
            clash = f"{name}_inner"
            _replace(node.input, {name: clash, old: name})
            _replace(node.output, {name: clash, old: name})
        assert name not in taken
        output.name = name


def _replace(names: Any, renamed: dict[str, str]) -> None:
    for place, name in enumerate(names):
        if name in renamed:
            names[place] = renamed[name]
