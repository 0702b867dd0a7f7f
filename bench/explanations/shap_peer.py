"""What bench/explanations.mjs measures explanations against: shap on the same scikit-learn model.

`python shap_peer.py <train.parquet> <target> <seed> <background.json> <rows.json>` fits as
the trainer does and prints one line of JSON: predictions, and for each explainer the median seconds of a row,
what it explains and the contributions. Making the explainers, and a first row, are not timed.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import shap
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

train, target, seed, background_file, rows_file = sys.argv[1:]
table = pq.read_table(train)
names = [name for name in table.column_names if name.startswith("x")]
X = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
y = table[target].to_numpy()
kind = GradientBoostingClassifier if target == "label" else GradientBoostingRegressor
model = kind(n_estimators=100, random_state=int(seed)).fit(X, y)

kept = json.loads(Path(background_file).read_text())
assert kept["features"] == names
background = np.array(kept["rows"], dtype=np.float32)
to_explain = json.loads(Path(rows_file).read_text())
rows = np.array([[row[name] for name in names] for row in to_explain], dtype=np.float32)

classifies = target == "label"
answer = model.predict_proba if classifies else model.predict
predicted = answer(rows)
chosen = predicted.argmax(axis=1) if classifies else None
masker = shap.maskers.Independent(background, max_samples=len(background))


def of_class(values, at):
    return values[:, chosen[at]] if classifies else values


def timed(explain):
    explain(0)
    seconds, found = [], []
    for at in range(len(rows)):
        start = time.perf_counter()
        values = explain(at)
        seconds.append(time.perf_counter() - start)
        found.append(np.asarray(values, dtype=float).tolist())
    return {"seconds": statistics.median(seconds), "contributions": found}


permutation = shap.PermutationExplainer(answer, masker, seed=0)
asked = {"rows": 0}


def counted(mixed):
    asked["rows"] += len(mixed)
    return answer(mixed)


shap.PermutationExplainer(counted, masker, seed=0)(rows[:1])
output = {"model_output": "probability"} if classifies else {}
tree = shap.TreeExplainer(model, background, feature_perturbation="interventional", **output)


def by_trees(at):
    values = tree.shap_values(rows[at : at + 1])
    # Of two classes the second.
    return values[0] * (1 if not classifies or chosen[at] else -1)


result = {
    "predicted": predicted.tolist(),
    "permutation": timed(lambda at: of_class(permutation(rows[at : at + 1]).values[0], at))
    | {"samples": asked["rows"]},
    "tree": timed(by_trees),
}
print(json.dumps(result))
