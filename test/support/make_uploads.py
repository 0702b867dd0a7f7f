"""Writes models made elsewhere, good ones (good-*.onnx) and bad ones (bad-*.onnx), into a folder."""

import json
import pickle
import sys
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
node = helper.make_node
X = helper.make_tensor_value_info("x", FLOAT, [None, 1])
Y = helper.make_tensor_value_info("y", FLOAT, [None, 1])


def constant(name, values, dtype=numpy.int64):
    return numpy_helper.from_array(numpy.array(values, dtype), name)


def model(nodes, inputs=(X,), outputs=(Y,), initializers=(), opsets=OPSETS, **rest):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **rest)


def logistic_regression():
    """Packed input, text labels; with what scikit-learn itself answers."""
    random = numpy.random.default_rng(7)
    rows = random.normal(size=(200, 4)).astype(numpy.float32)
    labels = numpy.where(rows @ [1, -2, 0.5, 0] > 0, "leaves", "stays")
    fitted = LogisticRegression().fit(rows, labels)
    exported = to_onnx(fitted, rows[:1], options={"zipmap": False}, target_opset={"": 21, "ai.onnx.ml": 3})
    expected = {
        "rows": rows[:5].tolist(),
        "labels": fitted.predict(rows[:5]).tolist(),
        "probabilities": fitted.predict_proba(rows[:5]).tolist(),
        "classes": fitted.classes_.tolist(),
    }
    zipped = to_onnx(fitted, rows[:1], target_opset={"": 21, "ai.onnx.ml": 3})
    return exported, zipped, expected


def columns():
    """One input a feature, of every type: y = amount + count + size + flag, 1000 more for the plan gold."""
    kinds = {
        "amount": TensorProto.DOUBLE,
        "count": INT64,
        "size": TensorProto.INT32,
        "flag": TensorProto.BOOL,
    }
    inputs = [helper.make_tensor_value_info(name, kind, [None]) for name, kind in kinds.items()]
    plan = helper.make_tensor_value_info("plan", TensorProto.STRING, [None])
    nodes = [node("Cast", [name], [f"{name}_d"], to=TensorProto.DOUBLE) for name in kinds]
    nodes += [
        node("Equal", ["plan", "gold"], ["is_gold"]),
        node("Cast", ["is_gold"], ["gold_d"], to=TensorProto.DOUBLE),
        node("Mul", ["gold_d", "thousand"], ["bonus"]),
        node("Sum", ["amount_d", "count_d", "size_d", "flag_d", "bonus"], ["y"]),
    ]
    gold = helper.make_tensor("gold", TensorProto.STRING, [1], [b"gold"])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None])
    return model(nodes, [*inputs, plan], [y], [gold, constant("thousand", [1000], numpy.float64)])


def network():
    """As PyTorch exports a network: packed input, probabilities and no label."""
    x = helper.make_tensor_value_info("input", FLOAT, ["batch", 2])
    y = helper.make_tensor_value_info("scores", FLOAT, ["batch", 3])
    weights = [
        constant("w", [[1, 0, -1], [0, 1, -1]], numpy.float32),
        constant("b", [0, 0, 0.5], numpy.float32),
    ]
    return model(
        [node("Gemm", ["input", "w", "b"], ["z"]), node("Softmax", ["z"], ["scores"])], [x], [y], weights
    )


def scores(*more, initializers=(), label=None):
    """Three scores of two features, and what makes of them what is answered."""
    x = helper.make_tensor_value_info("input", FLOAT, ["batch", 2])
    outputs = [helper.make_tensor_value_info("scores", FLOAT, ["batch", 3])]
    if label:
        outputs.insert(0, helper.make_tensor_value_info("label", label, ["batch"]))
    weights = constant("w", [[1, 0, -1], [0, 1, -1]], numpy.float32)
    return model([node("MatMul", ["input", "w"], ["z"]), *more], [x], outputs, [weights, *initializers])


def logits():
    return scores(node("Identity", ["z"], ["scores"]))


def one_logit():
    x = helper.make_tensor_value_info("input", FLOAT, ["batch", 2])
    y = helper.make_tensor_value_info("scores", FLOAT, ["batch", 1])
    weights = constant("w", [[1], [-2]], numpy.float32)
    return model([node("MatMul", ["input", "w"], ["scores"])], [x], [y], [weights])


def false_for_some():
    """
    Softmax and the text of the largest, as they must be, but where the first feature is
    12345: twice the probabilities;
    12346: one more and one less of them;
    12347: NaN;
    12348: the label of the smallest;
    12349: a label that is none.
    """
    ranges = {"none": [0], "one": [1]}
    factors = {12345: [2, 2, 2], 12347: [numpy.nan] * 3}
    nodes = [node("Softmax", ["z"], ["p0"]), node("Slice", ["input", "none", "one", "one"], ["a"])]
    initializers = [constant(name, values) for name, values in ranges.items()]
    for at, (value, times) in enumerate(factors.items()):
        nodes += [
            node("Equal", ["a", f"v{at}"], [f"is{at}"]),
            node("Where", [f"is{at}", f"t{at}", "ones"], [f"f{at}"]),
            node("Mul", [f"p{at}", f"f{at}"], [f"p{at + 1}"]),
        ]
        initializers += [
            constant(f"v{at}", value, numpy.float32),
            constant(f"t{at}", times, numpy.float32),
        ]
    nodes += [
        node("Equal", ["a", "v_more"], ["is_more"]),
        node("Where", ["is_more", "more", "zeros"], ["added"]),
        node("Add", ["p2", "added"], ["scores"]),
        node("ArgMax", ["z"], ["best"], axis=1, keepdims=0),
        node("ArgMin", ["z"], ["worst"], axis=1, keepdims=0),
        node("Squeeze", ["a", "one"], ["flat"]),
        node("Equal", ["flat", "v_worst"], ["is_worst"]),
        node("Where", ["is_worst", "worst", "best"], ["chosen"]),
        node("Equal", ["flat", "v_absent"], ["is_absent"]),
        node("Where", ["is_absent", "four", "chosen"], ["place"]),
        node("Gather", ["texts", "place"], ["label"]),
    ]
    initializers += [
        constant("ones", [1, 1, 1], numpy.float32),
        constant("zeros", [0, 0, 0], numpy.float32),
        constant("more", [1, -1, 0], numpy.float32),
        constant("v_more", 12346, numpy.float32),
        constant("v_worst", 12348, numpy.float32),
        constant("v_absent", 12349, numpy.float32),
        constant("four", 3),
        helper.make_tensor("texts", TensorProto.STRING, [4], [b"one", b"two", b"three", b"four"]),
    ]
    return scores(*nodes, initializers=initializers, label=TensorProto.STRING)


def square_work(at_least):
    """Multiplies two matrices of x * x numbers: the larger x, the longer it takes; x + at_least a side."""
    nodes = [
        node("ReduceMax", ["x"], ["largest"], keepdims=0),
        node("Add", ["largest", "floor"], ["side"]),
        node("Cast", ["side"], ["n"], to=INT64),
        node("Unsqueeze", ["n", "zero"], ["n1"]),
        node("Concat", ["n1", "n1"], ["shape"], axis=0),
        node("ConstantOfShape", ["shape"], ["a"]),
        node("MatMul", ["a", "a"], ["b"]),
        node("MatMul", ["b", "b"], ["c"]),
        node("ReduceSum", ["c"], ["sum"], keepdims=0),
        node("Add", ["x", "sum"], ["y"]),
    ]
    return model(nodes, initializers=[constant("floor", at_least, numpy.float32), constant("zero", [0])])


def loop(depth=1):
    """The body of a loop without an end; each level of depth holds the next one."""
    inner = []
    if depth > 1:
        inner = [node("Loop", ["", "cond_in", "v_in"], ["unused"], body=loop(depth - 1))]
    return helper.make_graph(
        [*inner, node("Identity", ["cond_in"], ["cond_out"]), node("Identity", ["v_in"], ["v_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("cond_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v_in", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("cond_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v_out", FLOAT, None),
        ],
    )


def endless(depth=1):
    return model(
        [node("Loop", ["", "c", "x"], ["y"], body=loop(depth))],
        initializers=[constant("c", True, numpy.bool_)],
    )


def branches():
    def branch(name):
        y = helper.make_tensor_value_info(name, FLOAT, None)
        return helper.make_graph([node("Identity", ["x"], [name])], name, [], [y])

    chosen = node("If", ["c"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    return model([chosen], initializers=[constant("c", True, numpy.bool_)])


def external(location):
    tensor = constant("w", [1], numpy.float32)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="4")
    return model([node("Add", ["x", "w"], ["y"])], initializers=[tensor])


def in_attribute(tensor):
    return model([node("Constant", [], ["w"], value=tensor), node("Add", ["x", "w"], ["y"])])


def claims(dims):
    tensor = constant("w", [1], numpy.float32)
    del tensor.dims[:]
    tensor.dims.extend(dims)
    return tensor


def function():
    body = helper.make_function("mine", "twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], OPSETS)
    opsets = [*OPSETS, helper.make_opsetid("mine", 1)]
    return model([node("twice", ["x"], ["y"], domain="mine")], opsets=opsets, functions=[body])


def bad_models(zipped):
    add_two = node("Add", ["x", "x"], ["y"])
    good = model([add_two]).SerializeToString()
    sequence = helper.make_tensor_sequence_value_info("x", FLOAT, [None, 1])
    fixed = helper.make_tensor_value_info("x", FLOAT, [1, 1])
    image = helper.make_tensor_value_info("x", FLOAT, [None, 3, 8, 8])
    five = helper.make_tensor_value_info("y", FLOAT, [5])
    sparse = model([node("Add", ["x", "w"], ["y"])])
    sparse.graph.sparse_initializer.add().values.CopyFrom(constant("w", [1.0], numpy.float32))
    external_attribute = external("/etc/passwd").graph.initializer[0]
    return {
        "empty": b"",
        "text": b"this is no model",
        "pickle": pickle.dumps({"model": [1, 2, 3]}),
        "truncated": good[: len(good) // 2],
        "twice": good + good,
        "endless-loop": endless(),
        "nested-loops": endless(depth=20),
        "branches": branches(),
        "scan": model([node("Scan", ["x"], ["y"], body=loop(), num_scan_inputs=1)]),
        "huge-constant": model(
            [
                node("ConstantOfShape", ["s"], ["c"]),
                node("ReduceSum", ["c"], ["r"]),
                node("Add", ["x", "r"], ["y"]),
            ],
            initializers=[constant("s", [200_000, 200_000])],
        ),
        "huge-expand": model(
            [
                node("Expand", ["x", "s"], ["e"]),
                node("ReduceSum", ["e"], ["r"]),
                node("Add", ["x", "r"], ["y"]),
            ],
            initializers=[constant("s", [3, 2**34])],
        ),
        "huge-range": model(
            [
                node("Range", ["a", "b", "c"], ["r"]),
                node("ReduceSum", ["r"], ["s"]),
                node("Cast", ["s"], ["f"], to=FLOAT),
                node("Add", ["x", "f"], ["y"]),
            ],
            initializers=[constant("a", 0), constant("b", 2**40), constant("c", 1)],
        ),
        "too-slow": square_work(7_000),
        "external-absolute": external("/etc/passwd"),
        "external-sibling": external("weights.bin"),
        "external-parent": external("../../../../etc/hostname"),
        "external-attribute": in_attribute(external_attribute),
        "unknown-operator": model([node("Frobnicate", ["x"], ["y"])]),
        "unknown-domain": model(
            [node("Evil", ["x"], ["y"], domain="mine")], opsets=[*OPSETS, helper.make_opsetid("mine", 1)]
        ),
        "vendor-domain": model(
            [node("Gelu", ["x"], ["y"], domain="com.microsoft")],
            opsets=[*OPSETS, helper.make_opsetid("com.microsoft", 1)],
        ),
        "function": function(),
        "random": model([node("RandomNormalLike", ["x"], ["y"])]),
        "cycle": model(
            [node("Add", ["x", "b"], ["a"]), node("Add", ["a", "x"], ["b"]), node("Add", ["a", "b"], ["y"])]
        ),
        "no-outputs": model([add_two], outputs=()),
        "no-inputs": model([node("Identity", ["w"], ["y"])], (), (Y,), [constant("w", [[1]], numpy.float32)]),
        "unmade-output": model([node("Add", ["x", "x"], ["z"])]),
        "made-twice": model([add_two, node("Sub", ["x", "x"], ["y"])]),
        "nan": model([node("Sub", ["x", "x"], ["z"]), node("Div", ["z", "z"], ["y"])]),
        "wrong-types": model(
            [node("Add", ["x", "w"], ["y"])],
            initializers=[helper.make_tensor("w", TensorProto.STRING, [1], [b"a"])],
        ),
        "giant-initializer": model([node("Add", ["x", "w"], ["y"])], initializers=[claims([2**40, 2**20])]),
        "giant-attribute": in_attribute(claims([2**31])),
        "negative-initializer": model([node("Add", ["x", "w"], ["y"])], initializers=[claims([-1])]),
        "sparse-initializer": sparse,
        "sequence-input": model(
            [node("SequenceAt", ["x", "zero"], ["y"])], [sequence], initializers=[constant("zero", 0)]
        ),
        "maps": zipped,
        "one-row": model([add_two], [fixed]),
        "image": model([node("ReduceSum", ["x"], ["y"])], [image]),
        "other-length": model(
            [node("ReduceSum", ["x"], ["r"], keepdims=0), node("Expand", ["r", "s"], ["y"])],
            outputs=[five],
            initializers=[constant("s", [5])],
        ),
        "long-name": model(
            [node("Identity", ["x"], ["z" * 100_000]), node("Identity", ["z" * 100_000], ["y"])]
        ),
    }


def main(folder):
    exported, zipped, expected = logistic_regression()
    good = {
        "packed": exported,
        "columns": columns(),
        "network": network(),
        "slow-on-demand": square_work(1),
        "logits": logits(),
        "one-logit": one_logit(),
        "false-for-some": false_for_some(),
    }
    for kind, models in {"good": good, "bad": bad_models(zipped)}.items():
        for name, content in models.items():
            data = content if isinstance(content, bytes) else content.SerializeToString()
            (folder / f"{kind}-{name}.onnx").write_bytes(data)
    (folder / "packed.json").write_text(json.dumps(expected))


main(Path(sys.argv[1]))
