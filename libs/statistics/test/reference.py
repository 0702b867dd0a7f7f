"""Prints as JSON what libs/statistics is compared with: numpy, scikit-learn and the trainer's functions."""

import json

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from modelplane_trainer import conformal

random = np.random.default_rng(11)
COVERAGES = [1e-12, 0.5, 0.55, 0.8, 0.9, 0.95, 0.99, 0.999]


def quantiles(scores: np.ndarray) -> list[float | None]:
    """The order statistic of rank ceil((n + 1) coverage), by whole numbers."""
    ordered, found = np.sort(scores), []
    for coverage in COVERAGES:
        rank = max(1, -(-(len(scores) + 1) * round(coverage * 1000) // 1000))
        found.append(float(ordered[rank - 1]) if rank <= len(scores) else None)
    return found


def tables() -> list[dict]:
    cases = []
    for count in (1, 19, 20, 120, 1000, 5432):
        scores = random.exponential(size=count)
        table = conformal.score_table(scores)
        exact = quantiles(scores) if count <= conformal.MOST_SCORES else None
        trainer = [conformal.quantile_of(table, coverage) for coverage in COVERAGES]
        cases.append({"table": table, "exact": exact, "trainer": trainer})
    return cases


def sets() -> list[dict]:
    cases = []
    for classes in (2, 3, 7):
        probabilities = random.dirichlet(np.full(classes, 0.6), 200)
        probabilities[0] = 1 / classes
        # Tied but for what float32 loses.
        probabilities[1, :2] = probabilities[1, :2].mean() + np.array([-4e-7, 4e-7])
        for quantile in (0.1, 0.6, 0.9, 1.0):
            order, inside = conformal.members(probabilities, quantile)
            found = [row[kept].tolist() for row, kept in zip(order, inside, strict=True)]
            cases.append({"probabilities": probabilities.tolist(), "quantile": quantile, "sets": found})
    return cases


def intervals() -> dict:
    answers = random.uniform(-5, 5, 800)
    truth = answers + random.normal(size=800) * (6 + answers)
    spread = conformal.fit_spread(truth, answers)
    asked = np.append(answers[:100], spread["edges"])
    lower, upper = conformal.interval(asked, 1.7, spread)
    ends = {"lower": lower.tolist(), "upper": upper.tolist()}
    return {"spread": spread, "answers": asked.tolist(), "quantile": 1.7, **ends}


def thresholds() -> dict:
    found = random.random(400).round(3) * 0.99
    truth = (random.random(400) < found**1.5).astype(int)
    curve = conformal.threshold_curve(truth, found)
    points, costs = [], []
    for threshold in curve["thresholds"]:
        answered = (found >= threshold).astype(int)
        matrix = confusion_matrix(truth, answered, labels=[0, 1])
        points.append(
            {
                "threshold": threshold,
                "precision": float(precision_score(truth, answered)) if answered.any() else None,
                "recall": float(recall_score(truth, answered)),
                "f1": float(f1_score(truth, answered)),
                "false_positive_rate": float(matrix[0, 1] / matrix[0].sum()),
            }
        )
        costs.append(float(matrix[0, 1] * 1 + matrix[1, 0] * 7))
    return {"curve": curve, "points": points, "costs": costs}


print(
    json.dumps(
        {
            "coverages": COVERAGES,
            "tables": tables(),
            "sets": sets(),
            "intervals": intervals(),
            "thresholds": thresholds(),
        }
    )
)
