"""What bench/training.mjs measures jobs against: what one writes with the library alone.

`python plain_training.py data <case> <out.parquet>` writes the data set of a case;
`python plain_training.py fit <case> <in>` fits once for each line on standard input and answers each with a
line of JSON: seconds, processor_seconds, accuracy.
"""

import json
import sys
import time

import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

# Rows and columns of the data sets that are made.
SHAPES = {"small": (5_000, 20), "long": (500_000, 20), "wide": (3_000, 2_000)}


def write_data(case: str, out: str) -> None:
    rows, columns = SHAPES[case]
    features, label = make_classification(
        n_samples=rows, n_features=columns, n_informative=10, random_state=0
    )
    frame = pd.DataFrame(features, columns=[f"x{column}" for column in range(columns)])
    frame.assign(label=label).to_parquet(out, index=False)


def estimator_of(case: str):
    if case == "small":
        return make_pipeline(
            SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
        )
    if case == "forest":
        texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        encoder = make_column_transformer(
            (texts, make_column_selector(dtype_exclude="number")),
            remainder=SimpleImputer(strategy="median"),
        )
        return make_pipeline(encoder, ExtraTreesClassifier(n_estimators=100, random_state=0))
    return LGBMClassifier(n_estimators=200, n_jobs=1, random_state=0, verbosity=-1)


def fit(case: str, path: str) -> dict[str, float]:
    start, used = time.perf_counter(), time.process_time()
    frame = (
        pd.read_csv(path, na_values="?", skipinitialspace=True)
        if path.endswith(".csv")
        else pd.read_parquet(path)
    )
    target = "Y" if case == "forest" else "label"
    features, label = frame.drop(columns=target), frame[target]
    x_train, x_test, y_train, y_test = train_test_split(
        features, label, test_size=0.2, random_state=0, stratify=label
    )
    probabilities = estimator_of(case).fit(x_train, y_train).predict_proba(x_test)
    second = sorted(set(y_test))[1]
    accuracy = accuracy_score(y_test == second, probabilities[:, 1] > 0.5)
    log_loss(y_test, probabilities)
    roc_auc_score(y_test == second, probabilities[:, 1])
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - used,
        "accuracy": accuracy,
    }


if __name__ == "__main__":
    command, case, file = sys.argv[1:]
    if command == "data":
        write_data(case, file)
    else:
        for _ in sys.stdin:
            print(json.dumps(fit(case, file)), flush=True)
