"""Makes the small ONNX graphs of the specs, with signatures and the answers of the Python pipelines.

Run by hand, in an environment with scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.23.2, pandas 3.1.1:
    python libs/inference/test/make-models.py
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from onnx import TensorProto, checker, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

FOLDER = Path(__file__).parent / "models"
random = np.random.default_rng(7)


def feature(name, type_, tensor=None, nullable=True, categories=None):
    dtype = "string" if type_ == "string" else "float32"
    return {
        "name": name,
        "type": type_,
        "tensor": tensor or name,
        "dtype": dtype,
        "nullable": nullable,
        "categories": categories,
    }


def to_columns(rows, inputs):
    """Rows as callers send them, as the trainer's table: float32 with NaN, text with '' for null."""
    columns = {}
    for item in inputs:
        values = [row[item["name"]] for row in rows]
        if item["dtype"] == "string":
            columns[item["tensor"]] = np.array(
                ["" if value is None else value for value in values], dtype=object
            )
        else:
            columns[item["tensor"]] = np.array(
                [np.nan if value is None else value for value in values], np.float32
            )
    return pd.DataFrame(columns)


def write(name, graph, inputs, output, target, rows, expected, ignored=()):
    content = graph.SerializeToString()
    (FOLDER / f"{name}.onnx").write_bytes(content)
    signature = {
        "signature_version": 1,
        "target": target,
        "inputs": inputs,
        "ignored": list(ignored),
        "output": output,
    }
    document = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "signature": signature,
        "rows": rows,
        "expected": expected,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(name, len(content), "bytes")


def convert(pipeline, inputs, classifier=True):
    kinds = {"float32": FloatTensorType, "string": StringTensorType}
    types = [(item["tensor"], kinds[item["dtype"]]([None, 1])) for item in inputs]
    options = {id(pipeline): {"zipmap": False}} if classifier else None
    return convert_sklearn(
        pipeline, initial_types=types, target_opset={"": 21, "ai.onnx.ml": 3}, options=options
    )


def classes(pipeline, table, labels):
    probabilities = pipeline.predict_proba(table).astype(np.float64)
    return {
        "predictions": [labels[index] for index in pipeline.predict(table)],
        "probabilities": probabilities.tolist(),
    }


def classification(labels):
    return {
        "type": "classification",
        "labels": labels,
        "label_tensor": "label",
        "probabilities_tensor": "probabilities",
    }


def maybe(value, share=0.1):
    return None if random.random() < share else value


def churn():
    """Two classes named by text, from numbers, an integer, a boolean and two text columns."""
    plans, cities = ["basic", "premium"], ["Köln", "Oslo", "Zürich"]
    inputs = [
        feature("total_orders", "integer"),
        feature("avg-order-value", "number", "avg_order_value"),
        feature("is_member", "boolean"),
        feature("plan", "string", nullable=False, categories=plans),
        feature("city", "string", categories=cities),
    ]
    rows = [
        {
            "total_orders": maybe(int(random.integers(0, 60))),
            "avg-order-value": maybe(round(float(random.gamma(2, 40)), 2)),
            "is_member": maybe(bool(random.random() < 0.4)),
            "plan": str(random.choice(plans)),
            "city": maybe(str(random.choice(cities))),
        }
        for _ in range(400)
    ]
    table = to_columns(rows, inputs)
    score = (
        0.08 * table.total_orders.fillna(20)
        - 0.01 * table.avg_order_value.fillna(80)
        - (table.plan == "premium")
    )
    target = (score + random.normal(0, 0.5, len(rows)) < 0.3).astype(int)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare = ColumnTransformer(
        [
            ("numbers", numbers, ["total_orders", "avg_order_value", "is_member"]),
            ("texts", OneHotEncoder(handle_unknown="ignore", dtype=np.float32), ["plan", "city"]),
        ]
    )
    pipeline = make_pipeline(prepare, LogisticRegression()).fit(table[:350], target[:350])
    shown = rows[350:]
    shown[0] = {**shown[0], "city": "Atlantis"}
    labels = ["stays", "leaves"]
    graph = convert(pipeline, inputs)
    expected = classes(pipeline, to_columns(shown, inputs), labels)
    write("churn", graph, inputs, classification(labels), "outcome", shown, expected, ["customer_id"])


def flowers():
    """Three classes named by numbers, a random forest on four numbers that may not be null."""
    inputs = [feature(name, "number", nullable=False) for name in ["a", "b", "c", "d"]]
    rows = [
        {name: round(float(value), 3) for name, value in zip("abcd", random.normal(0, 1, 4), strict=True)}
        for _ in range(300)
    ]
    table = to_columns(rows, inputs)
    target = np.digitize(table.a + table.b * table.c, [-0.5, 0.5])
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", "passthrough", list("abcd"))]),
        RandomForestClassifier(5, max_depth=4, random_state=0),
    ).fit(table[:250], target[:250])
    labels = [10, 20, 30]
    expected = classes(pipeline, to_columns(rows[250:], inputs), labels)
    write(
        "three-classes",
        convert(pipeline, inputs),
        inputs,
        classification(labels),
        "kind",
        rows[250:],
        expected,
    )


def prices():
    """A regression with a feature whose name every JavaScript object inherits."""
    grades = ["high", "low", "mid"]
    inputs = [
        feature("constructor", "number", "constructor_year"),
        feature("rooms", "integer"),
        feature("grade", "string", categories=grades),
    ]
    rows = [
        {
            "constructor": maybe(float(random.integers(1900, 2020))),
            "rooms": maybe(int(random.integers(1, 9))),
            "grade": maybe(str(random.choice(grades))),
        }
        for _ in range(300)
    ]
    table = to_columns(rows, inputs)
    target = (
        50 * table.rooms.fillna(3)
        + 80 * (table.grade == "high")
        + (table.constructor_year.fillna(1950) - 1900)
    )
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    prepare = ColumnTransformer(
        [("numbers", SimpleImputer(), ["constructor_year", "rooms"]), ("texts", ordinal, ["grade"])]
    )
    model = GradientBoostingRegressor(n_estimators=15, max_depth=3, learning_rate=0.3)
    pipeline = make_pipeline(prepare, model).fit(table[:250], target[:250])
    graph = convert(pipeline, inputs, classifier=False)
    expected = {"predictions": pipeline.predict(to_columns(rows[250:], inputs)).tolist()}
    output = {"type": "regression", "value_tensor": "variable"}
    write("prices", graph, inputs, output, "price", rows[250:], expected)


def ratio():
    """a / b, to get NaN and infinity out of finite numbers."""
    inputs = [feature(name, "number", nullable=False) for name in ["a", "b"]]
    value_infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ["a", "b", "ratio"]
    ]
    node = helper.make_node("Div", ["a", "b"], ["ratio"])
    graph = helper.make_model(
        helper.make_graph([node], "ratio", value_infos[:2], value_infos[2:]),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    checker.check_model(graph)
    rows = [{"a": 1, "b": 4}]
    output = {"type": "regression", "value_tensor": "ratio"}
    write("ratio", graph, inputs, output, None, rows, {"predictions": [0.25]})


FOLDER.mkdir(exist_ok=True)
churn()
flowers()
prices()
ratio()
