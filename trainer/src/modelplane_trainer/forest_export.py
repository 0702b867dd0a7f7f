"""Forests of scikit-learn as nodes of ONNX.

The converter of skl2onnx makes every node of every tree by itself, and the libraries around it look at each
attribute several times: a forest of a million nodes took ten times as long to export as to grow. Here its
arrays are put together whole, and into the graph at last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from .float32 import rounded_down

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
_DOMAIN = "ai.onnx.ml"
_KINDS = {
    np.dtype(np.int64): (onnx.AttributeProto.INTS, "ints"),
    np.dtype(np.float32): (onnx.AttributeProto.FLOATS, "floats"),
    np.dtype(object): (onnx.AttributeProto.STRINGS, "strings"),
}


def register_converters() -> None:
    """Teach skl2onnx to leave a forest's node empty, for `fill` to give it its trees."""
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind in FORESTS:
        classifies = kind in (RandomForestClassifier, ExtraTreesClassifier)
        update_registered_converter(
            kind,
            f"Modelplane{kind.__name__}",
            calculate_linear_classifier_output_shapes
            if classifies
            else calculate_linear_regressor_output_shapes,
            _classifier_node if classifies else _regressor_node,
            options=options if classifies else {},
        )


def _classifier_node(scope: Any, operator: Any, container: Any) -> None:
    classes = len(operator.raw_operator.classes_)
    _node(
        scope,
        operator,
        container,
        "TreeEnsembleClassifier",
        post_transform="NONE",
        classlabels_int64s=list(range(classes)),
    )


def _regressor_node(scope: Any, operator: Any, container: Any) -> None:
    _node(scope, operator, container, "TreeEnsembleRegressor", post_transform="NONE", n_targets=1)


def _node(scope: Any, operator: Any, container: Any, kind: str, **attributes: Any) -> None:
    container.add_node(
        kind,
        operator.input_full_names,
        [output.full_name for output in operator.outputs],
        op_domain=_DOMAIN,
        op_version=1,
        name=scope.get_unique_operator_name(kind),
        **attributes,
    )


def fill(graph: onnx.GraphProto, forest: Any) -> None:
    """Give the graph's one ensemble of trees the nodes and leaves of a fitted forest.

    A leaf's value is its share of the mean over the trees: the value, or a class's share of the leaf's rows.
    Of two classes the runtime is told the second alone.
    """
    (node,) = (each for each in graph.node if each.op_type.startswith("TreeEnsemble"))
    trees = [estimator.tree_ for estimator in forest.estimators_]
    sizes = np.array([tree.node_count for tree in trees])
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    is_leaf = np.concatenate([tree.children_left < 0 for tree in trees])

    def of_branches(values: list[np.ndarray]) -> np.ndarray:
        return np.where(is_leaf, 0, np.concatenate(values))

    attributes = {
        "nodes_treeids": tree_ids,
        "nodes_nodeids": node_ids,
        "nodes_featureids": of_branches([tree.feature for tree in trees]),
        "nodes_modes": np.where(is_leaf, b"LEAF", b"BRANCH_LEQ").astype(object),
        "nodes_values": rounded_down(of_branches([tree.threshold for tree in trees])).astype(np.float32),
        "nodes_truenodeids": of_branches([tree.children_left for tree in trees]),
        "nodes_falsenodeids": of_branches([tree.children_right for tree in trees]),
    }
    leaves = np.concatenate([tree.value[:, 0, :] for tree in trees])[is_leaf]
    role = "target"
    if node.op_type == "TreeEnsembleClassifier":
        role = "class"
        leaves = leaves / leaves.sum(axis=1, keepdims=True)
        leaves = leaves[:, 1:] if leaves.shape[1] == 2 else leaves
    width = leaves.shape[1]
    attributes |= {
        f"{role}_treeids": np.repeat(tree_ids[is_leaf], width),
        f"{role}_nodeids": np.repeat(node_ids[is_leaf], width),
        f"{role}_ids": np.tile(np.arange(width), len(leaves)),
        f"{role}_weights": (leaves.reshape(-1) / len(trees)).astype(np.float32),
    }
    for name, values in attributes.items():
        values = values.astype(np.int64) if values.dtype.kind == "i" else values
        kind, field = _KINDS[values.dtype]
        getattr(node.attribute.add(name=name, type=kind), field).extend(values.tolist())
