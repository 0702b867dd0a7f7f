"""LightGBM tuned by a study and by a script with plain Optuna: ROC AUC on rows that neither has seen.

`python real_data.py churn/telco.csv Churn` (of the trainer's environment, data in `MODELPLANE_TEST_DATA`)
holds a fifth of the rows back, searches 40 trials of 5 folds on the others in both ways, fits each best
on these rows, and prints a line of JSON a way. The script has pandas' categories and no texts that name rows.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import lightgbm
import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("MODELPLANE_TEST_DATA", HERE.parents[3] / "shared" / "data"))
sys.path[:0] = [str(HERE.parents[2] / "trainer" / name) for name in ("src", "tests")]

from cases import Store  # noqa: E402
from studies import study_spec  # noqa: E402

SPACE = [
    {"name": "n_estimators", "type": "choice", "values": [50, 100, 200]},
    {"name": "learning_rate", "type": "loguniform", "min": 0.01, "max": 0.2},
    {"name": "num_leaves", "type": "lograndint", "min": 4, "max": 65},
    {"name": "min_child_samples", "type": "randint", "min": 5, "max": 101},
    {"name": "colsample_bytree", "type": "uniform", "min": 0.4, "max": 1},
]


def as_study(train: pd.DataFrame, held: pd.DataFrame, target: str, seed: int) -> tuple[float, float]:
    """Best mean of folds, and the area on the rows held back."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for name, rows in (("train", train), ("held", held)):
            rows.to_csv(store.path(f"s3://data/{name}.csv"), index=False)
        spec = study_spec(store, target, "lightgbm", "lightgbm", space=SPACE, seed=seed, num_trials=40)
        spec["data"] |= {
            **{
                part: {"format": "csv", "uris": [f"s3://data/{name}.csv"]}
                for part, name in (("train", "train"), ("validation", "held"))
            },
            "validation_share": None,
            "exclude_columns": [],
        }
        spec["search"] |= {"objectives": [{"metric": "val_roc_auc", "mode": "max"}], "cv_folds": 5}
        spec["finish"]["top_k"] = 1
        result = store.result_of(spec)
    return result["best"]["value"], result["versions"][0]["trained"]["metrics"]["val_roc_auc"]


def as_script(train: pd.DataFrame, held: pd.DataFrame, target: str, seed: int) -> tuple[float, float]:
    """Best mean of folds, and the area on the rows held back."""
    classes = sorted(train[target].unique())
    y, y_held = (np.asarray(rows[target] == classes[1]) for rows in (train, held))
    X, X_held = train.drop(columns=target), held.drop(columns=target)
    for name in X.columns:
        if pd.api.types.is_numeric_dtype(X[name]):
            continue
        if X[name].nunique() > len(X) / 2:
            X, X_held = X.drop(columns=name), X_held.drop(columns=name)
        else:
            X[name] = X[name].astype("category")
            X_held[name] = pd.Categorical(X_held[name], categories=X[name].cat.categories)

    def model(parameters: dict) -> lightgbm.LGBMClassifier:
        return lightgbm.LGBMClassifier(**parameters, n_jobs=1, random_state=seed, verbosity=-1)

    def objective(trial: optuna.Trial) -> float:
        parameters = {
            "n_estimators": trial.suggest_categorical("n_estimators", [50, 100, 200]),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 100),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1),
        }
        cut = StratifiedKFold(5, shuffle=True, random_state=seed)
        return float(cross_val_score(model(parameters), X, y, cv=cut, scoring="roc_auc").mean())

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, 40)
    fitted = model(study.best_params).fit(X, y)
    return study.best_value, float(roc_auc_score(y_held, fitted.predict_proba(X_held)[:, 1]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file")
    options.add_argument("target")
    options.add_argument("--seeds", type=int, default=1)
    given = options.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = pd.read_csv(DATA / given.file, na_values="?", skipinitialspace=True)
    for seed in range(1, given.seeds + 1):
        train, held = train_test_split(rows, test_size=0.2, random_state=seed, stratify=rows[given.target])
        for way in (as_study, as_script):
            begun = time.perf_counter()
            folds, area = way(train.copy(), held.copy(), given.target, seed)
            seconds = round(time.perf_counter() - begun, 1)
            shown = {"way": way.__name__, "seed": seed, "folds": folds, "held_back": area, "seconds": seconds}
            print(json.dumps(shown), flush=True)


if __name__ == "__main__":
    main()
