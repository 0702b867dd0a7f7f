"""Makes trees with random faults, and what they answer where they are sound all the same.

    python random-trees.py FOLDER COUNT SEED

FOLDER/<number>.onnx, each a TreeEnsembleRegressor of one target over three features, and FOLDER/answers.json:
`rows`, and by number the answers as the standard of ai.onnx.ml 3 has them; null for a model that breaks it.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

FEATURES = 3
COMPARISONS = {
    "BRANCH_LEQ": np.less_equal,
    "BRANCH_LT": np.less,
    "BRANCH_GTE": np.greater_equal,
    "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal,
    "BRANCH_NEQ": np.not_equal,
}
AGGREGATES = {"SUM": sum, "MIN": min, "MAX": max}
ODD_INTEGERS = [-1, 0, 1, 2, 3, 5, 7, 100, 2**31 - 1, -(2**31), 2**31, 2**40, -(2**62)]
ODD_FLOATS = [float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, -0.0]
ODD_TEXTS = [*COMPARISONS, "LEAF", "leaf", "", "BRANCH_MEMBER", "SUM", "AVERAGE", "MIN", "MAX", "MEAN"]


class Broken(Exception):
    pass


def sound(random):
    """The attributes of one to three trees."""
    nodes, weights = [], []
    # Runtimes have a way of their own for trees of one kind of node.
    kinds = list(COMPARISONS) if random.random() < 0.5 else [str(random.choice(list(COMPARISONS)))]

    def grow(tree, own, depth):
        at = len(own)
        own.append(None)
        if depth == 0 or random.random() < 0.2:
            own[at] = (tree, at, 0, "LEAF", 0.0, 0, 0, 0)
            if random.random() < 0.9:
                weights.append((tree, at, 0, float(np.float32(random.normal()))))
        else:
            threshold = float(random.choice([-1, -0.5, 0, 0.25, 0.5, 1, 2]))
            feature, kind, tracks = random.integers(FEATURES), str(random.choice(kinds)), random.integers(2)
            children = grow(tree, own, depth - 1), grow(tree, own, depth - 1)
            own[at] = (tree, at, int(feature), kind, threshold, *children, int(tracks))
        return at

    for tree in range(random.integers(1, 4)):
        own = []
        grow(tree, own, random.integers(4))
        nodes += own
    of_nodes = "treeids nodeids featureids modes values truenodeids falsenodeids missing_value_tracks_true"
    attributes = {f"nodes_{name}": [node[at] for node in nodes] for at, name in enumerate(of_nodes.split())}
    for at, name in enumerate(("treeids", "nodeids", "ids", "weights")):
        attributes[f"target_{name}"] = [weight[at] for weight in weights]
    attributes |= {"n_targets": 1, "aggregate_function": str(random.choice([*AGGREGATES, "AVERAGE"]))}
    return attributes


def damage(attributes, random):
    name = str(random.choice(list(attributes)))
    value = attributes[name]
    if isinstance(value, str):
        attributes[name] = str(random.choice(ODD_TEXTS))
    elif isinstance(value, int):
        attributes[name] = ODD_INTEGERS[random.integers(len(ODD_INTEGERS))]
    elif value:
        at, other = random.integers(len(value), size=2)
        ways = ["drop", "shorten", "lengthen", "reverse", "swap", *["replace"] * 5]
        match str(random.choice(ways)):
            case "drop":
                del attributes[name]
            case "shorten":
                attributes[name] = value[:at]
            case "lengthen":
                attributes[name] = [*value, value[at]]
            case "reverse":
                attributes[name] = value[::-1]
            case "swap":
                value[at], value[other] = value[other], value[at]
            case "replace" if isinstance(value[at], str):
                value[at] = str(random.choice(ODD_TEXTS))
            case "replace" if isinstance(value[at], float):
                value[at] = ODD_FLOATS[random.integers(len(ODD_FLOATS))]
            case "replace":
                near = int(random.integers(len(value) + 1))
                value[at] = (
                    near if random.random() < 0.4 else ODD_INTEGERS[random.integers(len(ODD_INTEGERS))]
                )


def answers(attributes, rows):
    """As the standard says. Raises Broken, LookupError or TypeError where it says nothing."""
    lists = [attributes[f"nodes_{name}"] for name in ("treeids", "nodeids", "featureids", "modes", "values")]
    lists += [attributes["nodes_truenodeids"], attributes["nodes_falsenodeids"]]
    tracks = attributes.get("nodes_missing_value_tracks_true", [0] * len(lists[0]))
    weights = [attributes[f"target_{name}"] for name in ("treeids", "nodeids", "ids", "weights")]
    if len({len(each) for each in [*lists, tracks]}) > 1 or len({len(each) for each in weights}) > 1:
        raise Broken
    nodes = {}
    for node in zip(*lists, tracks, strict=True):
        if nodes.setdefault(node[:2], node) is not node:
            raise Broken
    roots = {}
    for tree, node in nodes:
        roots.setdefault(tree, (tree, node))
    weight_of = {}
    for tree, node, target, weight in zip(*weights, strict=True):
        if target != 0 or (tree, node) not in nodes:
            raise Broken
        weight_of.setdefault((tree, node), []).append(weight)
    aggregate = attributes.get("aggregate_function", "SUM")
    if attributes.get("n_targets") != 1 or aggregate not in {*AGGREGATES, "AVERAGE"}:
        raise Broken
    results = []
    for row in np.asarray(rows, np.float32):
        found = []
        for root in roots.values():
            node = nodes[root]
            for _ in nodes:
                tree, _, feature, mode, threshold, if_true, if_false, _ = node
                if mode == "LEAF":
                    break
                if feature not in range(FEATURES):
                    raise Broken
                node = nodes[
                    tree, if_true if COMPARISONS[mode](row[feature], np.float32(threshold)) else if_false
                ]
            if node[3] != "LEAF":
                raise Broken
            found += weight_of.get(node[:2], [])
        total = sum(found) / len(roots) if aggregate == "AVERAGE" else AGGREGATES[aggregate](found or [0])
        results.append(total)
    return results


def main(folder, count, seed):
    random = np.random.default_rng(seed)
    rows = random.choice([-2, -1, -0.5, 0, 0.1, 0.25, 0.5, 1, 1.5, 2, 3], size=(20, FEATURES)).tolist()
    by_number = {}
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    for number in range(count):
        attributes = sound(random)
        for _ in range(random.integers(3)):
            damage(attributes, random)
        node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml")
        given = {name: value for name, value in attributes.items() if value != []}
        node.attribute.extend(helper.make_attribute(name, value) for name, value in given.items())
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
        graph = helper.make_graph([node], "trees", [x], [y])
        made = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        (folder / f"{number}.onnx").write_bytes(made.SerializeToString())
        try:
            numbers = answers(attributes, rows)
            by_number[number] = [value if np.isfinite(value) else None for value in numbers]
        except (Broken, LookupError, TypeError):
            by_number[number] = None
    (folder / "answers.json").write_text(json.dumps({"rows": rows, "answers": by_number}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
