"""What bench/tuning.mjs measures studies against: plain Optuna in one process.

Each command answers a line of JSON.
`split <table> <target> <train.csv> <test.csv>` keeps a quarter of a table's rows back.
`trials <table> <target> <parameters.json>` evaluates parameters as trials of a gradient boosting.
`search <train.csv> <test.csv> <target> <trials> <folds>` searches hyperparameters of LightGBM by itself, and
measures the best on the rows that were kept back.
`auc <test.csv> <target> <scores.json>` measures a score a row, of the second class by name.
`parquet <count>` has the trainer write so many trials.
"""

import json
import sys
import time
from pathlib import Path

import optuna
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

optuna.logging.set_verbosity(optuna.logging.WARNING)


def read(path: str) -> pd.DataFrame:
    return pd.read_parquet(path) if path.endswith(".parquet") else pd.read_csv(path)


def sampler() -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=0, multivariate=True, constant_liar=True)


def split(path: str, target: str, train: str, test: str) -> None:
    table = pd.read_csv(path, na_values="?", skipinitialspace=True).drop(
        columns="customerID", errors="ignore"
    )
    kept, back = train_test_split(table, test_size=0.25, random_state=0, stratify=table[target])
    kept.to_csv(train, index=False)
    back.to_csv(test, index=False)


def trials(path: str, target: str, parameters_file: str) -> dict[str, float]:
    parameters = json.loads(Path(parameters_file).read_text())
    start = time.perf_counter()
    table = read(path)
    features, label = table.drop(columns=target), table[target]
    x_train, x_test, y_train, y_test = train_test_split(
        features, label, test_size=0.2, random_state=0, stratify=label
    )
    x_train, x_test = x_train.astype("float32"), x_test.astype("float32")

    def objective(trial: optuna.Trial) -> float:
        boosting = GradientBoostingClassifier(
            n_estimators=trial.suggest_int("n_estimators", 20, 99),
            max_depth=trial.suggest_int("max_depth", 2, 5),
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            subsample=trial.suggest_float("subsample", 0.5, 1.0),
            random_state=0,
        )
        model = make_pipeline(SimpleImputer(strategy="median"), boosting).fit(x_train, y_train)
        return roc_auc_score(y_test, model.predict_proba(x_test)[:, 1])

    study = optuna.create_study(direction="maximize", sampler=sampler())
    for each in parameters:
        study.enqueue_trial(each)
    study.optimize(objective, n_trials=len(parameters))
    return {"seconds": time.perf_counter() - start, "best": study.best_value}


def search(train: str, test: str, target: str, count: int, folds: int) -> dict[str, float]:
    start = time.perf_counter()
    known, back = read(train), read(test)
    positive = sorted(known[target].unique())[1]
    x, y = known.drop(columns=target), known[target] == positive

    def model(parameters: dict) -> object:
        texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        encoder = make_column_transformer(
            (texts, make_column_selector(dtype_exclude="number")), remainder="passthrough"
        )
        return make_pipeline(encoder, LGBMClassifier(**parameters, n_jobs=1, random_state=0, verbosity=-1))

    def objective(trial: optuna.Trial) -> float:
        parameters = {
            "n_estimators": trial.suggest_int("n_estimators", 50, 399),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 127, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 99),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        }
        cv = StratifiedKFold(folds, shuffle=True, random_state=0)
        return cross_val_score(model(parameters), x, y, cv=cv, scoring="roc_auc").mean()

    study = optuna.create_study(direction="maximize", sampler=sampler())
    study.optimize(objective, n_trials=count)
    best = model(study.best_params).fit(x, y)
    scores = best.predict_proba(back.drop(columns=target))[:, 1]
    return {
        "seconds": time.perf_counter() - start,
        "best": study.best_value,
        "auc": roc_auc_score(back[target] == positive, scores),
    }


def auc(test: str, target: str, scores: str) -> dict[str, float]:
    truth = read(test)[target]
    return {"auc": roc_auc_score(truth == sorted(truth.unique())[1], json.loads(Path(scores).read_text()))}


def parquet(count: int) -> dict[str, float]:
    from modelplane_trainer.tuning.ending import as_parquet
    from modelplane_trainer.tuning.trial import Trial, now

    steps = [{"step": fold, "value": 0.9} for fold in range(1, 6)]
    times = {"started_at": now(), "ended_at": now(), "duration_seconds": 1.0}
    ended = [
        Trial(
            number,
            {"C": number / count, "penalty": "l2"},
            "suggested",
            "succeeded",
            [0.9],
            True,
            {f"val_{name}": 0.9 for name in ("accuracy", "f1", "precision", "recall", "roc_auc", "log_loss")},
            steps,
            **times,
        )
        for number in range(count)
    ]
    start = time.perf_counter()
    as_parquet(ended, {"objectives": [{"metric": "val_accuracy", "mode": "max"}]}, ["C", "penalty"])
    return {"seconds": time.perf_counter() - start}


def main(command: str, *arguments: str) -> dict[str, float] | None:
    if command == "search":
        *paths, count, folds = arguments
        return search(*paths, int(count), int(folds))
    if command == "parquet":
        return parquet(int(arguments[0]))
    return {"split": split, "trials": trials, "auc": auc}[command](*arguments)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
