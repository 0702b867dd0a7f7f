"""Trains every estimator on several tables; writes each one's graph, core, signature and rows to a folder.

python libs/inference/test/trained-cores.py <folder>     (the trainer's src on PYTHONPATH)
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[3] / "trainer" / "tests"))

from cases import CLASSIFIERS, REGRESSORS, Store

from modelplane_trainer import core, onnx_export, training
from modelplane_trainer.events import EventWriter
from modelplane_trainer.job import seed_and_threads
from modelplane_trainer.preprocessing import inputs

ROWS, TRAINED = 600, 300
SMALL = {"n_estimators": 12} | {"max_depth": 6}
ROUNDS = {
    "random_forest": SMALL,
    "extra_trees": SMALL,
    "gradient_boosting": {"n_estimators": 12},
    "xgboost": {"n_estimators": 12},
    "lightgbm": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 12},
    "sgd": {"max_iter": 8},
    "mlp": {"max_iter": 8},
}
random = np.random.default_rng(5)


def gaps(values, share=0.1):
    return [None if random.random() < share else value for value in values]


def numbers():
    """30 columns of very different sizes; some with missing values."""
    columns = {}
    for place in range(30):
        values = (random.normal(0, 1, ROWS) * 10.0 ** (place - 15) + place).tolist()
        columns[f"n {place}"] = gaps(values) if place % 3 == 0 else values
    return columns, np.nan_to_num(np.array(columns["n 15"], dtype=float)) + np.array(columns["n 16"]) / 10


def texts():
    """10 columns of categories; every second one never missing in training."""
    columns, score = {}, np.zeros(ROWS)
    for place in range(10):
        names = [f"{place} Köln {each}" for each in range(2 + place * 3)]
        chosen = random.integers(0, len(names), ROWS)
        score += (chosen % 3 - 1) * (place < 4)
        column = [names[each] for each in chosen]
        columns[f"t{place}"] = gaps(column) if place % 2 else column
    for place in range(TRAINED, ROWS, 3):
        columns[f"t{place % 10}"][place] = ["Atlantis", "", None][place // 3 % 3]
    return columns, score


def mixture():
    """Every type of feature, and a name that every object of JavaScript inherits."""
    start = datetime(2019, 12, 29, 23, 59, 59)
    whole = random.integers(-5, 40, ROWS)
    flag = random.random(ROWS) < 0.4
    city = random.choice(["Aachen", "Köln", "東京"], ROWS)
    days = random.integers(0, 900, ROWS)
    columns = {
        "constructor": random.normal(50, 20, ROWS).tolist(),
        "whole": gaps(whole.tolist()),
        "flag": flag.tolist(),
        "maybe": gaps((whole > 9).tolist()),
        "city": gaps(city.tolist()),
        "since": gaps([start + timedelta(days=int(each), minutes=7 * int(each)) for each in days]),
    }
    return columns, whole / 10 + flag + (city == "Köln") + days / 400


def main(folder):
    tables = {"numbers": numbers(), "texts": texts(), "mixture": mixture()}
    tables["one number"] = ({"x": tables["numbers"][0]["n 15"]}, tables["numbers"][1])
    tables["one text"] = ({"t": tables["texts"][0]["t1"]}, tables["texts"][1])
    for table, (columns, score) in tables.items():
        score = score + random.normal(0, 0.3, ROWS)
        targets = {
            "two classes": pa.array(np.where(score > np.median(score), "yes", "no")),
            "three classes": pa.array(np.digitize(score, np.quantile(score, [0.3, 0.8]))),
            "value": pa.array(score * 1000),
        }
        for target, values in targets.items():
            known = REGRESSORS if target == "value" else CLASSIFIERS
            if table.startswith("one") and target == "three classes":
                continue
            for framework, estimator in known:
                calibrations = [None]
                if (estimator, table) in (("random_forest", "mixture"), ("logistic_regression", "mixture")):
                    calibrations = [None, "sigmoid", "isotonic"] if target != "value" else [None]
                for calibration in calibrations:
                    name = " ".join(filter(None, (estimator, table, target, calibration)))
                    write(folder / name, columns, values, framework, estimator, calibration)


def write(folder, columns, target, framework, estimator, calibration):
    folder.mkdir()
    store = Store(folder)
    table = pa.table({name: pa.array(values) for name, values in columns.items()} | {"y": target})
    spec = store.spec(
        store.parquet(table.slice(0, TRAINED)),
        "y",
        framework,
        estimator,
        hyperparameters=ROUNDS.get(estimator, {}),
        calibration=calibration,
    )
    seed_and_threads(spec)
    trained = training.train(spec, EventWriter(2, spec["job_id"], 1))
    dataset = trained.dataset
    signature = onnx_export.signature(dataset.target, inputs(dataset), dataset.ignored)
    model = onnx_export.export(trained.pipeline, signature["inputs"], {})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    signature["core"] = core.cut(model, onnx_export.output_of(signature))
    (folder / "core.onnx").write_bytes(model.SerializeToString())
    (folder / "signature.json").write_text(json.dumps(signature))
    rows = table.select([each["name"] for each in signature["inputs"]]).to_pylist()
    (folder / "rows.json").write_text(json.dumps(rows, default=datetime.isoformat))


main(Path(sys.argv[1]))
