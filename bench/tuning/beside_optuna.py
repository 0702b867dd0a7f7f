"""A study beside plain Optuna in one process, on the same 40 trials of gradient boosting on 5,000 x 20.

`python beside_optuna.py` (of the trainer's environment) runs both in turns and prints a line of JSON each:
seconds by the clock and of processors. Both begin with their libraries loaded, read the same file, and ask
the same sampler with the same seed and lag; that their trials are equal is checked. The script fits and
measures and does nothing else; the study journals, tells events and keeps each trial in a process of its own.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer" / "src"))

from modelplane_trainer.environment import quiet_libraries

quiet_libraries()  # before the first import of a library

import optuna  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.ensemble import GradientBoostingClassifier  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from modelplane_trainer import preload  # noqa: E402
from modelplane_trainer.job import run_job  # noqa: E402

SEED, LAG = 7, 4
SPACE = [
    {"name": "n_estimators", "type": "choice", "values": [25, 50, 100]},
    {"name": "max_depth", "type": "randint", "min": 2, "max": 6},
    {"name": "learning_rate", "type": "loguniform", "min": 0.01, "max": 0.3},
    {"name": "min_samples_split", "type": "choice", "values": [2, 5, 10]},
]


def write_data(path: Path) -> None:
    features, label = make_classification(
        n_samples=5_000, n_features=20, n_informative=10, flip_y=0.1, random_state=0
    )
    frame = pd.DataFrame(features, columns=[f"x{column}" for column in range(20)])
    frame.assign(label=label).to_parquet(path, index=False)


def plainly(path: Path, trials: int) -> list[float]:
    """Values by number."""
    frame = pd.read_parquet(path)
    X, y = frame.drop(columns="label").astype("float32").to_numpy(), frame["label"].to_numpy()
    X_train, X_held, y_train, y_held = train_test_split(X, y, test_size=0.2, random_state=SEED, stratify=y)

    def objective(trial: optuna.Trial) -> float:
        model = GradientBoostingClassifier(
            n_estimators=[25, 50, 100][trial.suggest_categorical("n_estimators", [0, 1, 2])],
            max_depth=trial.suggest_int("max_depth", 2, 5),
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            min_samples_split=[2, 5, 10][trial.suggest_categorical("min_samples_split", [0, 1, 2])],
            random_state=SEED,
        )
        model.fit(X_train, y_train)
        return roc_auc_score(y_held, model.predict_proba(X_held)[:, 1])

    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=SEED)
    study, asked = optuna.create_study(direction="maximize", sampler=sampler), []
    for number in range(trials):
        if number >= LAG:
            study.tell(*asked[number - LAG])
        trial = study.ask()
        asked.append((trial, objective(trial)))
    return [value for _, value in asked]


def studied(root: Path, trials: int, concurrent: int) -> list[float]:
    """Values by number."""
    attempt = f"s3://modelplane/{uuid.uuid4()}/"
    nothing = ("strategy", "num_workers", "use_gpu", "epochs", "learning_rate", "patience", "calibration")
    spec = {
        "spec_version": 1,
        "kind": "tuning",
        "job_id": f"tune-{uuid.uuid4()}",
        "attempt": 1,
        "storage": {"kind": "folder", "root": str(root)},
        "output_uri": attempt,
        "state_uri": attempt,
        "trials_known": 0,
        "framework": "sklearn",
        "estimator": "gradient_boosting",
        "model_type": None,
        "hyperparameters": {},
        "data": {
            "train": {"format": "parquet", "uris": ["s3://data/train.parquet"]},
            "validation": None,
            "target_column": "label",
            "feature_columns": None,
            "exclude_columns": [],
            "validation_share": 0.2,
            "batch_size": None,
        },
        "training": {
            **dict.fromkeys(nothing),
            "early_stopping": False,
            "seed": SEED,
            "importance": "none",
            "importance_seconds": 1,
        },
        "limits": {"memory_bytes": 2 << 30, "max_features": 100},
        "search": {
            "space": SPACE,
            "algorithm": "bayesian",
            "pruner": "none",
            "objectives": [{"metric": "val_roc_auc", "mode": "max"}],
            "constraints": [],
            "cv_folds": None,
            "seed": SEED,
            "deterministic": True,
            "lag": LAG,
            "num_trials": trials,
            "max_concurrent_trials": concurrent,
            **dict.fromkeys(("max_minutes", "target", "no_improvement_trials", "trial_timeout_seconds")),
            "max_failed_share": 0,
            "initial_trials": [],
            "parents": [],
        },
        "finish": {"top_k": 0, "refit_on": "train"},
    }
    events = root / "events"
    with events.open("wb") as file:
        run_job(spec, file.fileno())
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert told[-1]["type"] == "succeeded", told[-1]
    ended = [event["trial"] for event in told if event["type"] == "trial" and event["trial"]["values"]]
    return [trial["values"][0] for trial in sorted(ended, key=lambda trial: trial["number"])]


def measured(work) -> tuple[dict[str, float], list[float]]:
    """Runs in a process of its own, forked from this one, as jobs of a worker do."""
    reading, writing = os.pipe()
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        values = json.loads(answer.read())
    _, _, used = os.wait4(child, 0)
    seconds = {"seconds": time.perf_counter() - begun, "processor_seconds": _processor(used)}
    return seconds, values


def _processor(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--trials", type=int, default=40)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    preload.warm()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / "data" / "train.parquet"
        path.parent.mkdir()
        write_data(path)
        for _ in range(given.rounds):
            plain, expected = measured(lambda: plainly(path, given.trials))
            print(json.dumps({"what": "plain Optuna", **plain}), flush=True)
            for concurrent in (1, 2):
                ours, values = measured(lambda concurrent=concurrent: studied(root, given.trials, concurrent))
                assert len(values) == len(expected)
                assert max(abs(a - b) for a, b in zip(values, expected, strict=True)) < 1e-3, "other trials"
                ratio = {name: round(ours[name] / plain[name], 3) for name in ours}
                print(
                    json.dumps({"what": f"study, {concurrent} at once", **ours, "ratio": ratio}), flush=True
                )


if __name__ == "__main__":
    main()
