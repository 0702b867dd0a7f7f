"""The part of an exported graph that follows the encoding: one matrix of numbers in, the answer out.

A runtime spends longer on a tensor for each feature, and on looking up texts, than on most models. What the
graph does to single columns before it has them side by side is therefore read from it as tables, which a
server applies by itself, and the rest is kept as a graph of its own. Being cut from the whole graph, it
cannot differ from it; only the tables have to be applied as the runtime would.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# How one column is made of one input of the graph; `core.columns` of contracts/signature.v1.schema.json.
Column = dict[str, Any]
_ENCODINGS = ("Concat", "Reshape", "Gather", "Cast", "Imputer", "Scaler", "LabelEncoder", "OneHotEncoder")


def cut(model: bytes, output: str) -> tuple[bytes, dict[str, Any]]:
    """Cut an exported graph behind its encoding.

    Args:
        model: a serialized graph as `onnx_export.export` makes it.
        output: the one output that servers read; what only another one needs is left out.

    Returns:
        The serialized core and the signature's `core`.

    Raises:
        ValueError: the graph encodes its inputs by nodes of another kind than our exports have.
    """
    whole = onnx.load_from_string(model)
    graph = whole.graph
    constants = {each.name: each for each in graph.initializer}
    columns: dict[str, list[Column]] = {each.name: [{"tensor": each.name}] for each in graph.input}
    rest = []
    for node in graph.node:
        made = _encoded(node, columns, constants)
        if made is None:
            rest.append(node)
        else:
            columns[node.output[0]] = made
    needed, kept = {output}, []
    for node in reversed(rest):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    taken = sorted(needed & columns.keys())
    if len(taken) != 1 or not _is_complete(columns[taken[0]], [each.name for each in graph.input]):
        raise ValueError(f"the encoding of the graph is of no known kind: it is cut at {taken}")
    tensor = taken[0]
    core = onnx.ModelProto(ir_version=whole.ir_version, producer_name=whole.producer_name)
    core.opset_import.extend(whole.opset_import)
    core.graph.name = "core"
    core.graph.node.extend(reversed(kept))
    core.graph.initializer.extend(each for each in graph.initializer if each.name in needed)
    width = len(columns[tensor])
    core.graph.input.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [None, width]))
    core.graph.output.extend(each for each in graph.output if each.name == output)
    return core.SerializeToString(), {"tensor": tensor, "columns": columns[tensor]}


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
