"""A linear model as wide as it takes to fill a file: python bench/large_model.py FILE MEGABYTES."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES = 4
path, megabytes = sys.argv[1], int(sys.argv[2])
width = megabytes * 1_000_000 // (4 * FEATURES)
weights = np.random.default_rng(1).normal(size=(FEATURES, width)).astype(np.float32)
graph = helper.make_graph(
    [
        helper.make_node("MatMul", ["x", "weights"], ["hidden"]),
        helper.make_node("ReduceMean", ["hidden", "axes"], ["value"]),
    ],
    "large",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])],
    [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])],
    [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([1]), "axes")],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
