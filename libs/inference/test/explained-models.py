"""Trains tree models; writes core, signature, background, rows and exact Shapley values of each to a folder.

python libs/inference/test/explained-models.py <folder>     (the trainer's src on PYTHONPATH)
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[3] / "trainer" / "tests"))

from cases import Store
from interventional_tree_shap import by_enumeration, tree_shap
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from modelplane_trainer import core, onnx_export, training
from modelplane_trainer.background import background
from modelplane_trainer.events import EventWriter
from modelplane_trainer.job import seed_and_threads
from modelplane_trainer.preprocessing import inputs, tensor_names
from modelplane_trainer.reference import rows_frame

ROWS, EXPLAINED = 1500, 20
random = np.random.default_rng(11)


def table(numbers):
    """Numbers, of which some go together, texts, a flag and a time; a score that is no sum of them."""
    values = random.normal(0, 1, (ROWS, numbers))
    values[:, 1] = 0.7 * values[:, 0] + 0.7 * values[:, 1]
    city = random.integers(0, 6, ROWS)
    plan = random.integers(0, 3, ROWS)
    flag = random.random(ROWS) < 0.4
    days = random.integers(0, 900, ROWS)
    start = datetime(2021, 1, 1)
    columns = {f"n{place}": values[:, place].tolist() for place in range(numbers)}
    columns |= {
        "city": [["Aachen", "Bonn", "Köln", "Ulm", "東京", "Wien"][each] for each in city],
        "plan": [["basic", "gold", None][each] for each in plan],
        "flag": flag.tolist(),
        "since": [start + timedelta(days=int(each), minutes=13 * int(each)) for each in days],
    }
    score = (
        values[:, 0] * values[:, 2] + np.abs(values[:, 3]) + (city % 3 - 1) * (1 + flag) + (days / 400) * plan
    )
    return columns, score + random.normal(0, 0.3, ROWS)


def main(folder):
    for name, estimator, numbers, target, settings in (
        ("random forest, probability", "random_forest", 16, "two", {"n_estimators": 60, "max_depth": 7}),
        ("extra trees, three classes", "extra_trees", 16, "three", {"n_estimators": 60, "max_depth": 7}),
        ("random forest, value", "random_forest", 16, "value", {"n_estimators": 60, "max_depth": 7}),
        ("gradient boosting, value", "gradient_boosting", 16, "value", {"n_estimators": 100}),
        ("gradient boosting, probability", "gradient_boosting", 6, "two", {"n_estimators": 100}),
        ("gradient boosting, few features", "gradient_boosting", 4, "three", {"n_estimators": 20}),
    ):
        columns, score = table(numbers)
        targets = {
            "two": pa.array(np.where(score > np.median(score), "yes", "no")),
            "three": pa.array(np.digitize(score, np.quantile(score, [0.3, 0.7]))),
            "value": pa.array(score * 100),
        }
        if name.endswith("few features"):
            columns = {each: columns[each] for each in ("n0", "n2", "n3", "city", "since")}
        write(folder / name, columns, targets[target], estimator, settings)


def write(folder, columns, target, estimator, settings):
    folder.mkdir()
    store = Store(folder)
    data = store.parquet(
        pa.table({name: pa.array(values) for name, values in columns.items()} | {"y": target})
    )
    spec = store.spec(data, "y", "sklearn", estimator, hyperparameters=settings)
    seed_and_threads(spec)
    trained = training.train(spec, EventWriter(2, spec["job_id"], 1))
    dataset, pipeline = trained.dataset, trained.pipeline
    signature = onnx_export.signature(dataset.target, inputs(dataset), dataset.ignored)
    model = onnx_export.export(pipeline, signature["inputs"], {})
    signature["core"] = core.cut(model, onnx_export.output_of(signature))
    kept = background(dataset, 7)
    names = kept["features"]
    rows = [
        dict(
            zip(names, [None if random.random() < 0.02 else columns[name][at] for name in names], strict=True)
        )
        for at in random.choice(ROWS, EXPLAINED, replace=False)
    ]
    rows = json.loads(json.dumps(rows, default=datetime.isoformat))
    compared = [dict(zip(names, row, strict=True)) for row in kept["rows"]]
    found = exact(pipeline, signature["inputs"], rows, compared)
    (folder / "core.onnx").write_bytes(model.SerializeToString())
    for file, content in (
        ("signature", signature),
        ("background", compared),
        ("rows", rows),
        ("exact", found.tolist()),
    ):
        (folder / f"{file}.json").write_text(json.dumps(content))


def exact(pipeline, signature_inputs, rows, compared):
    """Shapley values of the predicted class's probability or of the value, [rows, features]."""
    prepare, model = pipeline[0], pipeline[-1]
    tensors = {
        part["tensor"]: place
        for place, each in enumerate(signature_inputs)
        for part in each.get("parts", [each])
    }
    assert [each["tensor"] for each in signature_inputs] == tensor_names(
        [each["name"] for each in signature_inputs]
    )
    # Of each column of the matrix the feature: the preparation puts numbers first, then texts.
    groups = np.array([tensors[name] for _, _, owned in prepare.transformers_ for name in owned])
    matrix, others = (
        np.asarray(prepare.transform(rows_frame(each, signature_inputs)), dtype=np.float32)
        for each in (rows, compared)
    )
    classifies = hasattr(model, "predict_proba")
    chosen = model.predict_proba(matrix).argmax(axis=1) if classifies else np.zeros(len(matrix), dtype=int)
    if isinstance(model, GradientBoostingClassifier):
        # A probability of boosted trees is no sum of trees.
        return np.array(
            [
                by_enumeration(
                    lambda mixed, at=at: model.predict_proba(mixed)[:, chosen[at]], groups, row, others
                )
                for at, row in enumerate(matrix)
            ]
        )
    if isinstance(model, GradientBoostingRegressor):
        scale, trees = model.learning_rate, [each[0].tree_ for each in model.estimators_]
    else:
        scale, trees = 1 / len(model.estimators_), [each.tree_ for each in model.estimators_]
    found = sum(scale * tree_shap(tree, groups, matrix, others, tree.value[:, 0]) for tree in trees)
    return found[np.arange(len(matrix)), :, chosen]


main(Path(sys.argv[1]))
