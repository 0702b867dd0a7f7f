"""Models made elsewhere for bench/neighbours: python make_models.py FOLDER writes wide.onnx and busy.onnx."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDE_INPUTS = 2_000
NAME_LENGTH = 64
BUSY_SIZE = 600
OPSETS = [helper.make_opsetid("", 21)]


def wide():
    """As many inputs as a table may have columns, with long names that resemble each other."""
    names = [f"{number:05d}".rjust(NAME_LENGTH, "x") for number in range(WIDE_INPUTS)]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in names]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([helper.make_node("Add", names[:2], ["y"])], "wide", inputs, [output])
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=10)


def busy():
    """Multiplies matrices for some milliseconds a run; y = x, because the matrix is a permutation."""
    matrix = np.eye(BUSY_SIZE, dtype=np.float32)[::-1]
    nodes = [helper.make_node("MatMul", ["m", "m"], ["p0"])]
    nodes += [helper.make_node("MatMul", [f"p{at}", "m"], [f"p{at + 1}"]) for at in range(5)]
    nodes += [
        helper.make_node("ReduceSum", ["p5"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["x", "zero"], ["none"]),
        helper.make_node("Mul", ["none", "sum"], ["rest"]),
        helper.make_node("Add", ["x", "rest"], ["y"]),
    ]
    shape = [None, 1]
    graph = helper.make_graph(
        nodes,
        "busy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(matrix, "m"), numpy_helper.from_array(np.float32(0).reshape(1), "zero")],
    )
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=10)


folder = Path(sys.argv[1])
for make in (wide, busy):
    onnx.save(make(), folder / f"{make.__name__}.onnx")
