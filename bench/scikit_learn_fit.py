"""What bench/training.mjs measures a job against: the same fit in a warm process of plain scikit-learn.

`python scikit_learn_fit.py data <out.parquet>` writes the data set;
`python scikit_learn_fit.py fit <in.parquet>` fits once for each line on standard input and
answers each with a line of JSON: seconds, accuracy.
"""

import json
import sys
import time

import pandas as pd
from sklearn.datasets import make_classification
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def write_data(out: str) -> None:
    features, label = make_classification(n_samples=5000, n_features=20, n_informative=10, random_state=0)
    frame = pd.DataFrame(features, columns=[f"x{column}" for column in range(features.shape[1])])
    frame.assign(label=label).to_parquet(out, index=False)


def fit(path: str) -> dict[str, float]:
    start = time.perf_counter()
    frame = pd.read_parquet(path)
    features, label = frame.drop(columns="label"), frame["label"]
    x_train, x_test, y_train, y_test = train_test_split(
        features, label, test_size=0.2, random_state=0, stratify=label
    )
    steps = [SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)]
    accuracy = make_pipeline(*steps).fit(x_train, y_train).score(x_test, y_test)
    return {"seconds": time.perf_counter() - start, "accuracy": accuracy}


if __name__ == "__main__":
    command, file = sys.argv[1:]
    if command == "data":
        write_data(file)
    else:
        for _ in sys.stdin:
            print(json.dumps(fit(file)), flush=True)
