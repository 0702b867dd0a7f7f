"""Makes files for the gate of uploads: graphs with broken attributes, graphs that lie, and real exports.

    python gate-files.py FOLDER

FOLDER/broken/<name>.onnx, each as damaged as its name says; sound-*.onnx are the same graphs undamaged.
FOLDER/lying/<name>.onnx, which load and run, and say other things than signatures allow.
FOLDER/maps/zipped.onnx, whose probabilities are maps, and cut.onnx, which is that file without them.
FOLDER/real/<name>.onnx with <name>.json: rows, and what the library itself answers for them.
"""

import json
import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnx.utils
import onnxmltools
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
FLOAT, INT64, STRING, UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.UINT8
node, tensor = helper.make_node, helper.make_tensor
NAN = float("nan")


def graph(nodes, outputs, inputs=None, initializers=(), opset=21, ml=3, ir=10):
    inputs = inputs or [helper.make_tensor_value_info("x", FLOAT, [None, 2])]
    made = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    return helper.make_model(made, opset_imports=opsets, ir_version=ir)


def values(name, kind=FLOAT, shape=(None, 1)):
    return helper.make_tensor_value_info(name, kind, list(shape))


def learned(operator, attributes, outputs, **rest):
    """A graph of one node of ai.onnx.ml; an attribute that is None is left out."""
    given = {name: value for name, value in attributes.items() if value is not None}
    names = [output.name for output in outputs]
    return graph([node(operator, ["x"], names, domain="ai.onnx.ml", **given)], outputs, **rest)


TREE = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0],
    "nodes_featureids": [0, 1, 0, 0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.2, 0.0, 0.0, 0.0, 0.0],
    "nodes_truenodeids": [1, 3, 0, 0, 0, 0],
    "nodes_falsenodeids": [2, 4, 0, 0, 0, 0],
}


def weights(kind, ids=(0, 0, 0, 0), count=4):
    return {
        f"{kind}_treeids": [0, 0, 0, 1][:count],
        f"{kind}_nodeids": [2, 3, 4, 0][:count],
        f"{kind}_ids": list(ids)[:count],
        f"{kind}_weights": [0.1, 0.2, 0.3, 0.4][:count],
    }


def regressor(**changed):
    return learned(
        "TreeEnsembleRegressor", TREE | weights("target") | {"n_targets": 1} | changed, [values("y")]
    )


def classifier(label_type=STRING, **changed):
    attributes = TREE | weights("class", (0, 1, 1, 0)) | {"classlabels_strings": ["a", "b"]} | changed
    outputs = [values("label", label_type, [None]), values("probabilities", FLOAT, [None, 2])]
    return learned("TreeEnsembleClassifier", attributes, outputs)


def ensemble(**changed):
    attributes = {
        "tree_roots": [0],
        "n_targets": 1,
        "nodes_featureids": [0, 1],
        "nodes_truenodeids": [1, 0],
        "nodes_falsenodeids": [0, 1],
        "nodes_trueleafs": [0, 1],
        "nodes_falseleafs": [1, 1],
        "nodes_modes": tensor("modes", UINT8, [2], [0, 6]),
        "nodes_splits": tensor("splits", FLOAT, [2], [0.5, 0.0]),
        "membership_values": tensor("members", FLOAT, [3], [1.0, 2.0, NAN]),
        "leaf_targetids": [0, 0],
        "leaf_weights": tensor("weights", FLOAT, [2], [1.0, 2.0]),
    }
    return learned("TreeEnsemble", attributes | changed, [values("y")], ml=5)


def svm_classifier(**changed):
    attributes = {
        "classlabels_ints": [0, 1],
        "coefficients": [1.0, -1.0],
        "kernel_params": [0.5, 0.0, 3.0],
        "kernel_type": "RBF",
        "rho": [0.1],
        "prob_a": [-1.0],
        "prob_b": [0.0],
        "support_vectors": [0.0, 0.0, 1.0, 1.0],
        "vectors_per_class": [1, 1],
    }
    outputs = [values("label", INT64, [None]), values("probabilities", FLOAT, [None, 2])]
    return learned("SVMClassifier", attributes | changed, outputs)


def svm_regressor(**changed):
    attributes = {
        "coefficients": [1.0, -1.0],
        "kernel_params": [0.5, 0.0, 3.0],
        "kernel_type": "RBF",
        "rho": [0.1],
        "n_supports": 2,
        "support_vectors": [0.0, 0.0, 1.0, 1.0],
    }
    return learned("SVMRegressor", attributes | changed, [values("y")])


def with_other_type(made):
    """Its integers lie where they did, but are said to be floats."""
    for each in made.graph.node[0].attribute:
        if each.name == "nodes_featureids":
            each.type = 6
    return made


def twice(made, name):
    attributes = made.graph.node[0].attribute
    attributes.append(next(each for each in attributes if each.name == name))
    return made


def in_order_of_leaves():
    """A tree whose root comes last."""
    return regressor(
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[1, 2, 0],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["LEAF", "LEAF", "BRANCH_LEQ"],
        nodes_values=[0.0, 0.0, 0.5],
        nodes_truenodeids=[0, 0, 1],
        nodes_falsenodeids=[0, 0, 2],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[1.0, 2.0],
    )


def apart():
    """Nodes of tree 0, then of tree 1, then of tree 0 again."""
    return regressor(nodes_treeids=[0, 0, 0, 1, 0, 0], nodes_nodeids=[0, 1, 2, 0, 3, 4])


def without_a_dimension(made):
    """The same with an input that does not say how wide it is."""
    made.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value")
    return made


def broken():
    return {
        "sound-regressor": regressor(),
        "sound-classifier": classifier(),
        "sound-ensemble": ensemble(),
        "sound-svm-classifier": svm_classifier(),
        "sound-svm-regressor": svm_regressor(),
        "sound-linear-svm": svm_classifier(
            support_vectors=None, vectors_per_class=None, prob_a=None, prob_b=None, coefficients=[1.0] * 4
        ),
        "sound-shared-child": regressor(
            nodes_treeids=[0] * 6,
            nodes_nodeids=list(range(6)),
            nodes_modes=["BRANCH_LEQ"] * 3 + ["LEAF"] * 3,
            nodes_truenodeids=[1, 3, 3, 0, 0, 0],
            nodes_falsenodeids=[2, 4, 5, 0, 0, 0],
            target_treeids=[0] * 3,
            target_nodeids=[3, 4, 5],
            target_ids=[0] * 3,
            target_weights=[0.1, 0.2, 0.3],
        ),
        "sound-other-ids": regressor(
            nodes_nodeids=[4, 3, 2, 1, 0, 5],
            nodes_truenodeids=[3, 1, 0, 0, 0, 0],
            nodes_falsenodeids=[2, 0, 0, 0, 0, 0],
            target_nodeids=[2, 1, 0, 5],
        ),
        "sound-leaf-features": regressor(nodes_featureids=[0, 1, -2, -2, 99, -2]),
        "sound-long-labels": classifier(
            classlabels_strings=None, classlabels_int64s=[20260131000000, 20260201000000], label_type=INT64
        ),
        "sound-one-base-value": classifier(class_ids=[0, 0, 0, 0], base_values=[0.5]),
        **{f"short-{name}": regressor(**{name: TREE[name][:-1]}) for name in TREE},
        "no-nodes": learned("TreeEnsembleRegressor", {"n_targets": 1}, [values("y")]),
        "short-hitrates": regressor(nodes_hitrates=[1.0]),
        "short-missing-tracks": regressor(nodes_missing_value_tracks_true=[1, 0]),
        "two-lists-of-values": regressor(
            nodes_values_as_tensor=tensor("v", TensorProto.DOUBLE, [6], [0.0] * 6)
        ),
        "unknown-mode": regressor(nodes_modes=["BRANCH_MAYBE", *TREE["nodes_modes"][1:]]),
        "negative-feature": regressor(nodes_featureids=[-1, 1, 0, 0, 0, 0]),
        "feature-beyond-the-input": regressor(nodes_featureids=[0, 2, 0, 0, 0, 0]),
        "huge-feature": regressor(nodes_featureids=[2**31 - 1, 1, 0, 0, 0, 0]),
        "feature-of-64-bits": regressor(nodes_featureids=[2**32, 1, 0, 0, 0, 0]),
        "child-beyond-the-tree": regressor(nodes_truenodeids=[1, 5, 0, 0, 0, 0]),
        "negative-child": regressor(nodes_falsenodeids=[-1, 4, 0, 0, 0, 0]),
        "child-of-another-tree": regressor(
            nodes_nodeids=[0, 1, 2, 3, 4, 7],
            nodes_truenodeids=[7, 3, 0, 0, 0, 0],
            target_nodeids=[2, 3, 4, 7],
        ),
        "child-is-its-parent": regressor(nodes_truenodeids=[1, 1, 0, 0, 0, 0]),
        "child-is-the-root": regressor(nodes_truenodeids=[1, 0, 0, 0, 0, 0]),
        "cycle-apart-from-the-root": regressor(
            nodes_treeids=[0] * 6,
            nodes_nodeids=list(range(6)),
            nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
            nodes_truenodeids=[1, 0, 0, 4, 3, 0],
            nodes_falsenodeids=[2, 0, 0, 5, 5, 0],
            target_treeids=[0] * 4,
            target_nodeids=[1, 2, 5, 5],
        ),
        "node-twice": regressor(nodes_nodeids=[0, 1, 2, 3, 3, 0], nodes_falsenodeids=[2, 3, 0, 0, 0, 0]),
        "root-last": in_order_of_leaves(),
        "tree-in-two-places": apart(),
        "short-weights": regressor(target_weights=[0.1, 0.2]),
        "short-target-nodes": regressor(target_nodeids=[2, 3]),
        "target-beyond": regressor(target_ids=[0, 0, 1, 0]),
        "negative-target": regressor(target_ids=[0, 0, -1, 0]),
        "no-targets": regressor(n_targets=None),
        "negative-targets": regressor(n_targets=-1),
        "weight-of-an-absent-node": regressor(target_nodeids=[2, 3, 9, 0]),
        "weight-of-an-absent-tree": regressor(target_treeids=[0, 0, 0, 7]),
        "weight-twice": regressor(target_nodeids=[2, 3, 3, 0]),
        "class-weight-twice": classifier(class_nodeids=[2, 3, 3, 0], class_ids=[0, 1, 1, 0]),
        "silent-leaf": regressor(aggregate_function="MAX", **weights("target", count=3)),
        "sound-silent-leaf": regressor(**weights("target", count=3)),
        "sound-largest": regressor(aggregate_function="MAX"),
        "sound-unordered-weights": regressor(
            target_treeids=[1, 0, 0, 0], target_nodeids=[0, 4, 2, 3], nodes_missing_value_tracks_true=[1] * 6
        ),
        "silent-leaf-of-a-value": regressor(
            nodes_values=[0.5, 0.2, 0.0, 0.0, 0.0, 7.0], **weights("target", count=3)
        ),
        "orphan": regressor(nodes_falsenodeids=[2, 3, 0, 0, 0, 0]),
        "many-targets": regressor(n_targets=10_001),
        "huge-targets": regressor(n_targets=2**31 - 1),
        "base-values": regressor(base_values=[1.0, 2.0]),
        "class-beyond": classifier(class_ids=[0, 1, 2, 0]),
        "negative-class": classifier(class_ids=[0, 1, -7, 0]),
        "base-values-of-classes": classifier(base_values=[1.0, 2.0, 3.0]),
        "one-class": classifier(classlabels_strings=["a"], class_ids=[0, 0, 0, 0]),
        "no-classes": classifier(classlabels_strings=None),
        "other-type": with_other_type(regressor()),
        "list-twice": twice(regressor(), "nodes_featureids"),
        "ensemble-root-beyond": ensemble(tree_roots=[2]),
        "ensemble-no-roots": ensemble(tree_roots=None),
        "ensemble-root-twice": ensemble(tree_roots=[0, 0]),
        "ensemble-child-beyond": ensemble(nodes_truenodeids=[2, 0]),
        "ensemble-leaf-beyond": ensemble(nodes_falsenodeids=[0, 2]),
        "ensemble-negative-leaf": ensemble(nodes_falsenodeids=[0, -1]),
        "ensemble-cycle": ensemble(nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 0]),
        "ensemble-two-ways": ensemble(nodes_falsenodeids=[1, 1], nodes_falseleafs=[0, 1]),
        "ensemble-target-beyond": ensemble(leaf_targetids=[0, 1]),
        "ensemble-short-leaves": ensemble(leaf_targetids=[0]),
        "ensemble-short-splits": ensemble(nodes_splits=tensor("splits", FLOAT, [1], [0.5])),
        "ensemble-short-leafs": ensemble(nodes_trueleafs=[0]),
        "ensemble-unknown-mode": ensemble(nodes_modes=tensor("modes", UINT8, [2], [0, 7])),
        "ensemble-no-members": ensemble(membership_values=None),
        "ensemble-empty-members": ensemble(membership_values=tensor("members", FLOAT, [1], [NAN])),
        "ensemble-more-members": ensemble(membership_values=tensor("members", FLOAT, [3], [1.0, NAN, 2.0])),
        "ensemble-negative-feature": ensemble(nodes_featureids=[0, -1]),
        "ensemble-feature-beyond": ensemble(nodes_featureids=[0, 2]),
        "svm-more-classes": svm_classifier(classlabels_ints=[0, 1, 2]),
        "svm-negative-vectors": svm_classifier(vectors_per_class=[-1, 3]),
        "svm-more-vectors": svm_classifier(vectors_per_class=[1, 1_000_000]),
        "svm-short-coefficients": svm_classifier(coefficients=[1.0]),
        "svm-short-vectors": svm_classifier(support_vectors=[0.0, 0.0, 1.0]),
        "svm-no-vectors": svm_classifier(support_vectors=None),
        "svm-wide-vectors": svm_classifier(support_vectors=[0.0] * 6),
        "svm-narrow-vectors": svm_classifier(support_vectors=[0.0] * 2),
        "svm-no-rho": svm_classifier(rho=None),
        "svm-long-rho": svm_classifier(rho=[0.1, 0.2]),
        "svm-one-probability": svm_classifier(prob_b=None),
        "svm-long-probabilities": svm_classifier(prob_a=[1.0] * 3, prob_b=[1.0] * 3),
        "svm-one-kernel-parameter": svm_classifier(kernel_params=[0.5]),
        "svm-linear-coefficients": svm_classifier(
            support_vectors=None, vectors_per_class=None, coefficients=[1.0] * 5
        ),
        "svm-regressor-more-vectors": svm_regressor(n_supports=3),
        "svm-regressor-negative-vectors": svm_regressor(n_supports=-2),
        "svm-regressor-wide-vectors": svm_regressor(support_vectors=[0.0] * 8),
        "svm-regressor-linear-beyond": svm_regressor(n_supports=0, coefficients=[1.0] * 3),
        "svm-regressor-no-rho": svm_regressor(rho=None),
    }


def versions():
    """Of the file format and of operators: the highest that the runtime takes, and the next."""
    adds = [node("Add", ["x", "x"], ["y"])]
    y = [values("y", FLOAT, [None, 2])]
    return {
        "opset-26": graph(adds, y, opset=26),
        "opset-27": graph(adds, y, opset=27),
        "ml-5": graph(adds, y, ml=5),
        "ml-6": graph(adds, y, ml=6),
        "ir-13": graph(adds, y, ir=13),
        "ir-14": graph(adds, y, ir=14),
    }


def constant(name, content, dtype=np.float32):
    return numpy_helper.from_array(np.array(content, dtype), name)


WEIGHTS = constant("w", [[1.0, -1.0, 0.5], [0.5, 1.0, -1.0]])
SCORES = values("scores", FLOAT, [None, 3])


def scores(*more, outputs=(SCORES,), initializers=(), last="z", first=()):
    """Three scores of two features, and what follows them."""
    nodes = [*first, node("MatMul", ["x", "w"], [last]), *more]
    return graph(nodes, list(outputs), initializers=[WEIGHTS, *initializers])


SOFTMAX = node("Softmax", ["z"], ["scores"])


def counted(first):
    """Softmax, and the place of the largest, counted from `first`."""
    return [
        SOFTMAX,
        node("ArgMax", ["z"], ["place"], axis=1, keepdims=0),
        node("Add", ["place", "first"], ["label"]),
    ], constant("first", first, np.int64)


def labelled(first, with_scores=True):
    nodes, start = counted(first)
    label = values("label", INT64, [None])
    return scores(*nodes, outputs=[label, SCORES] if with_scores else [label], initializers=[start])


def only_sometimes():
    """Softmax, but twice as much where the first feature is 12345."""
    return scores(
        node("Softmax", ["z"], ["p"]),
        node("Slice", ["x", "zero", "one", "one"], ["a"]),
        node("Equal", ["a", "odd"], ["is_odd"]),
        node("Where", ["is_odd", "two", "unit"], ["times"]),
        node("Mul", ["p", "times"], ["scores"]),
        initializers=[
            constant("zero", [0], np.int64),
            constant("one", [1], np.int64),
            constant("odd", 12345.0),
            constant("two", 2.0),
            constant("unit", 1.0),
        ],
    )


def above(value):
    """Softmax, but scores for what is above a value: large ones, negative ones, …"""
    return scores(
        node("Softmax", ["z"], ["p"]),
        node("ReduceMax", ["x", "axis"], ["largest"]),
        node("Greater", ["largest", "bound"], ["is_above"]),
        node("Where", ["is_above", "z", "p"], ["scores"]),
        initializers=[constant("axis", [1], np.int64), constant("bound", float(value))],
    )


def inner_classes():
    """A classifier of three classes within, whose probabilities are added up to those of two others."""
    inner = node(
        "LinearClassifier",
        ["x"],
        ["inner_label", "inner"],
        domain="ai.onnx.ml",
        coefficients=[1.0, -1.0, 0.5, 0.5, -1.0, 1.0],
        intercepts=[0.0, 0.1, 0.2],
        classlabels_strings=["x", "y", "z"],
        post_transform="SOFTMAX",
        multi_class=1,
    )
    return graph(
        [inner, node("MatMul", ["inner", "fold"], ["scores"])],
        [values("scores", FLOAT, [None, 2])],
        initializers=[constant("fold", [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])],
    )


def one_score(*more):
    nodes = [
        node("MatMul", ["x", "v"], ["z"]),
        *(more or [node("Identity", ["z"], ["scores"])]),
    ]
    return graph(nodes, [values("scores", FLOAT, [None, 1])], initializers=[constant("v", [[1.0], [-1.0]])])


def lying():
    return {
        "softmax": scores(SOFTMAX),
        "logits": scores(node("Identity", ["z"], ["scores"])),
        "log-softmax": scores(node("LogSoftmax", ["z"], ["scores"])),
        "sigmoids": scores(node("Sigmoid", ["z"], ["scores"])),
        "percent": scores(
            node("Softmax", ["z"], ["p"]),
            node("Mul", ["p", "hundred"], ["scores"]),
            initializers=[constant("hundred", 100.0)],
        ),
        "one-logit": one_score(),
        "one-sigmoid": one_score(node("Sigmoid", ["z"], ["scores"])),
        "from-0": labelled(0),
        "from-1": labelled(1),
        "from-0-alone": labelled(0, with_scores=False),
        "from-1-alone": labelled(1, with_scores=False),
        "large-only": above(900_000.0),
        "only-sometimes": only_sometimes(),
        "inner-classes": inner_classes(),
        "tree-of-unknown-width": without_a_dimension(regressor(nodes_featureids=[0, 3, 0, 0, 0, 0])),
        "svm-of-unknown-width": without_a_dimension(svm_regressor()),
    }


def zipped():
    """As CatBoost writes a classifier."""
    attributes = TREE | weights("class", (0, 1, 1, 0)) | {"classlabels_int64s": [0, 1]}
    trees = node(
        "TreeEnsembleClassifier", ["x"], ["label", "probability_tensor"], domain="ai.onnx.ml", **attributes
    )
    maps = node(
        "ZipMap", ["probability_tensor"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]
    )
    of_rows = helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, []))
    output = helper.make_value_info("probabilities", helper.make_sequence_type_proto(of_rows))
    made = graph([trees, maps], [values("label", INT64, [None]), output])
    made.graph.value_info.append(values("probability_tensor", FLOAT, [None, 2]))
    return made


def real():
    """Name to (model type, exported, library's model, classes or None)."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 4)).astype(np.float32)
    two = np.where(rows[:, 0] + 0.3 * random.normal(size=300) > 0, "yes", "no")
    three = np.digitize(rows @ [1, -1, 0.5, 0], [-0.7, 0.7])
    names = np.array(["a", "b", "c"])[three]
    value = rows @ [1, 2, 3, 4] + random.normal(size=300)
    opset = {"": 21, "ai.onnx.ml": 3}
    types = [("X", FloatTensorType([None, 4]))]
    made = {}

    def add(name, model, target, options=True, export=None):
        model.fit(rows, target)
        if export is None:
            given = {"zipmap": False} if options else None
            export = to_onnx(model, rows[:1], options=given, target_opset=opset)
        else:
            export = export(model)
        made[name] = (export, model)

    trees = DecisionTreeClassifier(max_depth=3, random_state=0)
    for target_name, target in {"2": two, "3": names, "1-to-3": three + 1}.items():
        for name, model in {
            "logistic": LogisticRegression(),
            "forest": RandomForestClassifier(10, random_state=0),
            "boosting": GradientBoostingClassifier(n_estimators=5),
            "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
        }.items():
            add(f"{name}-{target_name}", model, target)
    for name, model in {
        "one-vs-rest": OneVsRestClassifier(LogisticRegression()),
        "bayes": GaussianNB(),
        "network": MLPClassifier(max_iter=50, random_state=0),
        "calibrated": CalibratedClassifierCV(LinearSVC()),
        "stacking": StackingClassifier([("l", LogisticRegression()), ("t", trees)]),
        "bagging": BaggingClassifier(trees, random_state=0),
        "ada-boost": AdaBoostClassifier(trees, n_estimators=5),
        "sgd": SGDClassifier(loss="log_loss", random_state=0),
        "svc": SVC(probability=True, random_state=0),
    }.items():
        add(name, model, names)
    for name, model in {
        "linear-regression": LinearRegression(),
        "extra-trees": ExtraTreesRegressor(10, random_state=0),
        "boosted-regression": GradientBoostingRegressor(n_estimators=5),
        "svr": SVR(),
        "linear-svr": SVR(kernel="linear"),
    }.items():
        add(name, model, value, options=False)
    for count, target in {"2": (two == "yes").astype(int), "3": three}.items():
        add(
            f"lightgbm-{count}",
            lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
            target,
            export=lambda model: onnxmltools.convert_lightgbm(
                model, initial_types=types, zipmap=False, target_opset=15
            ),
        )
        add(
            f"xgboost-{count}",
            xgboost.XGBClassifier(n_estimators=5),
            target,
            export=lambda model: onnxmltools.convert_xgboost(model, initial_types=types, target_opset=15),
        )
    add(
        "lightgbm-regression",
        lightgbm.LGBMRegressor(n_estimators=5, verbose=-1),
        value,
        export=lambda model: onnxmltools.convert_lightgbm(model, initial_types=types, target_opset=15),
    )
    add(
        "xgboost-regression",
        xgboost.XGBRegressor(n_estimators=5),
        value,
        export=lambda model: onnxmltools.convert_xgboost(model, initial_types=types, target_opset=15),
    )
    return rows[:20], made


def write(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.onnx").write_bytes(content.SerializeToString())


def main(folder):
    write(folder / "broken", broken())
    write(folder / "versions", versions())
    write(folder / "lying", lying())
    write(folder / "maps", {"zipped": zipped()})
    zipped_path, cut_path = (str(folder / "maps" / f"{name}.onnx") for name in ("zipped", "cut"))
    onnx.utils.extract_model(zipped_path, cut_path, ["x"], ["label", "probability_tensor"])
    rows, made = real()
    write(folder / "real", {name: exported for name, (exported, _) in made.items()})
    for name, (_, model) in made.items():
        document = {"rows": rows.tolist(), "predictions": model.predict(rows).tolist()}
        if hasattr(model, "classes_"):
            document |= {
                "classes": model.classes_.tolist(),
                "probabilities": model.predict_proba(rows).astype(float).tolist(),
            }
        (folder / "real" / f"{name}.json").write_text(json.dumps(document))


main(Path(sys.argv[1]))
