"""The part of an exported graph that follows the encoding: one matrix of numbers in, the answer out.

A runtime spends longer on a tensor for each feature, and on looking up texts, than on most models. What the
graph does to single columns before it has them side by side is therefore read from it as tables, which a
server applies by itself, and the rest is kept as a graph of its own. Being cut from the whole graph, it
cannot differ from it; only the tables have to be applied as the runtime would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# How one column is made of one input of the graph; `core.columns` of contracts/signature.v1.schema.json.
Column = dict[str, Any]
_ENCODINGS = ("Concat", "Reshape", "Gather", "Cast", "Imputer", "Scaler", "LabelEncoder", "OneHotEncoder")
_TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
_DECISIONS = ("nodes_modes", "nodes_featureids", "nodes_values")


def cut(model: onnx.ModelProto, output: str) -> dict[str, Any]:
    """Cut an exported graph behind its encoding.

    Args:
        model: a graph as `onnx_export.export` makes it. It becomes the core, because copying the nodes of a
            large forest takes long.
        output: the one output that servers read; what only another one needs is left out.

    Returns:
        The signature's `core`.

    Raises:
        ValueError: the graph encodes its inputs by nodes of another kind than our exports have.
    """
    graph = model.graph
    constants = {each.name: each for each in graph.initializer}
    columns: dict[str, list[Column]] = {each.name: [{"tensor": each.name}] for each in graph.input}
    encodes = []
    for node in graph.node:
        made = _encoded(node, columns, constants)
        encodes.append(made is not None)
        if made is not None:
            columns[node.output[0]] = made
    needed, kept = {output}, set()
    for place in reversed(range(len(graph.node))):
        node = graph.node[place]
        if not encodes[place] and needed.intersection(node.output):
            kept.add(place)
            needed.update(node.input)
    taken = sorted(needed & columns.keys())
    if len(taken) != 1 or not _is_complete(columns[taken[0]], [each.name for each in graph.input]):
        raise ValueError(f"the encoding of the graph is of no known kind: it is cut at {taken}")
    tensor = taken[0]
    _keep(graph.node, lambda place, _: place in kept)
    _keep(graph.initializer, lambda _, each: each.name in needed)
    _keep(graph.output, lambda _, each: each.name == output)
    del graph.input[:], graph.value_info[:], model.metadata_props[:]
    graph.name = "core"
    graph.input.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [None, len(columns[tensor])]))
    return {"tensor": tensor, "columns": columns[tensor]}


def _keep(entries: Any, is_kept: Callable[[int, Any], bool]) -> None:
    for place in reversed(range(len(entries))):
        if not is_kept(place, entries[place]):
            del entries[place]


@dataclass
class Decisions:
    """What the nodes of trees decide on, in the order of the graph.

    Attributes:
        columns: int64 [nodes] of the core's input.
        thresholds: float32 [nodes].
    """

    columns: np.ndarray
    thresholds: np.ndarray


def decisions_of(core: onnx.ModelProto) -> Decisions | None:
    """The decisions of a core's trees; None where something else than trees reads its input."""
    graph = core.graph
    trees = [node for node in graph.node if node.op_type in _TREES]
    others = (name for node in graph.node if node.op_type not in _TREES for name in node.input)
    if not trees or graph.input[0].name in others:
        return None
    columns, thresholds = [], []
    for node in trees:
        values = {
            each.name: helper.get_attribute_value(each) for each in node.attribute if each.name in _DECISIONS
        }
        decides = np.array(values["nodes_modes"], dtype=object) != b"LEAF"
        columns.append(np.array(values["nodes_featureids"], dtype=np.int64)[decides])
        thresholds.append(np.array(values["nodes_values"], dtype=np.float32)[decides])
    return Decisions(np.concatenate(columns), np.concatenate(thresholds))


def _encoded(
    node: onnx.NodeProto, columns: dict[str, list[Column]], constants: dict[str, TensorProto]
) -> list[Column] | None:
    """The columns of a node's output, or None where it is more than encoding."""
    given = [name for name in node.input if name not in constants]
    # A model's own attributes, such as those of a million nodes of trees, take long to read.
    if node.op_type not in _ENCODINGS or not given or any(name not in columns for name in given):
        return None
    before = [column for name in given for column in columns[name]]
    values = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    match node.op_type:
        case "Concat":
            return before
        case "Reshape":
            shape = numpy_helper.to_array(constants[node.input[1]]).tolist()
            return before if shape == [-1, len(before)] else None
        case "Gather":
            places = numpy_helper.to_array(constants[node.input[1]]).reshape(-1)
            return [before[place] for place in places] if values.get("axis") == 1 else None
        case "Cast":
            return before if values["to"] == TensorProto.FLOAT else None
        case "Imputer":
            fills = _singles(values["imputed_value_floats"], len(before))
            known = np.isnan(values["replaced_value_float"]) and all(
                set(each) == {"tensor"} for each in before
            )
            if not known or not np.all(np.isfinite(fills)):
                return None
            return [each | {"missing": fill} for each, fill in zip(before, fills, strict=True)]
        case "Scaler":
            offsets, scales = (_singles(values[name], len(before)) for name in ("offset", "scale"))
            if not all(set(each) <= {"tensor", "missing"} for each in before):
                return None
            if not np.all(np.isfinite(offsets + scales)):
                return None
            return [
                each | {"offset": offset, "scale": scale}
                for each, offset, scale in zip(before, offsets, scales, strict=True)
            ]
        case "LabelEncoder":
            categories = _texts(values.get("keys_strings"))
            is_ordinal = values.get("values_int64s") == list(range(len(categories)))
            if not is_ordinal or values.get("default_int64") != -1 or len(before) != 1:
                return None
            return [before[0] | {"ordinal": categories}]
        case "OneHotEncoder":
            categories = _texts(values.get("cats_strings"))
            if not categories or values.get("zeros") != 1 or len(before) != 1:
                return None
            return [before[0] | {"equals": category} for category in categories]
    return None


def _singles(values: Any, count: int) -> list[float]:
    """Attributes are float32: one a column, or one for all."""
    found = np.asarray(values, dtype=np.float32).astype(np.float64)
    return np.broadcast_to(found, (count,)).tolist()


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values or []]


def _is_complete(columns: list[Column], tensors: list[str]) -> bool:
    """Whether every feature has a part in the columns, so that none goes unread."""
    return {column["tensor"] for column in columns} == set(tensors)
