"""What scikit-learn makes of answers of members: reads cases as JSON, and prints what it answers."""

import json
import sys
from pathlib import Path

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.preprocessing import LabelEncoder


class Classifier(ClassifierMixin, BaseEstimator):
    """Answers what it was given, by the row's number."""

    def __init__(self, probabilities=None, labels=None):
        self.probabilities, self.labels = probabilities, labels

    def fit(self, rows, truth):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return numpy.arange(len(self.probabilities[0]))

    def predict_proba(self, rows):
        return numpy.array(self.probabilities)[rows[:, 0]]

    def predict(self, rows):
        return numpy.array(self.labels)[rows[:, 0]]


class Regressor(RegressorMixin, BaseEstimator):
    """Answers what it was given, by the row's number."""

    def __init__(self, values=None):
        self.values = values

    def fit(self, rows, truth):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, rows):
        return numpy.array(self.values)[rows[:, 0]]


def stacked(case, rows):
    """Fitted by the first `fitted` rows, whose truth is an index of a class or a value."""
    is_regression = not case["labels"]
    members = [
        Regressor(each["predictions"]) if is_regression else Classifier(each["probabilities"])
        for each in case["members"]
    ]
    named = [(str(at), each) for at, each in enumerate(members)]
    stacking = (StackingRegressor if is_regression else StackingClassifier)(named, cv="prefit")
    stacking.fit(rows[: case["fitted"]], case["truth"])
    final = stacking.final_estimator_
    answered = {
        "meta": {
            "coefficients": numpy.atleast_2d(final.coef_).tolist(),
            "intercepts": numpy.atleast_1d(final.intercept_).tolist(),
        }
    }
    predicted = stacking.predict(rows).tolist()
    if is_regression:
        return answered | {"predictions": predicted}
    labels = [case["labels"][place] for place in predicted]
    return answered | {"predictions": labels, "probabilities": stacking.predict_proba(rows).tolist()}


def ranked(case):
    """By numpy's lines through the knots of each member's scale."""
    is_regression = not case["labels"]
    given = [
        each["predictions"] if is_regression else [ofrow[1] for ofrow in each["probabilities"]]
        for each in case["members"]
    ]
    scales, weights = case["scales"], numpy.array(case["weights"])
    ranks = weights @ [
        numpy.interp(each, scale["values"], scale["ranks"]) for each, scale in zip(given, scales, strict=True)
    ]
    if is_regression:
        values = [numpy.interp(ranks, scale["ranks"], scale["values"]) for scale in scales]
        return {"predictions": (weights @ values).tolist()}
    return {"predictions": [], "probabilities": numpy.column_stack([1 - ranks, ranks]).tolist()}


def answers(case):
    rows = numpy.arange(case["rows"]).reshape(-1, 1)
    if case["method"] == "stacking":
        return stacked(case, rows)
    if case["method"] == "rank":
        return ranked(case)
    if case["method"] == "averaging":
        members = [Regressor(each["predictions"]) for each in case["members"]]
        named = [(str(at), each) for at, each in enumerate(members)]
        voting = VotingRegressor(named, weights=case["weights"])
        voting.estimators_ = members
        return {"predictions": voting.predict(rows).tolist()}
    classes = numpy.array(case["labels"])
    places = {label: place for place, label in enumerate(case["labels"])}
    members = [
        Classifier(each["probabilities"], [places[label] for label in each["predictions"]])
        for each in case["members"]
    ]
    voting = VotingClassifier(
        [(str(at), each) for at, each in enumerate(members)],
        voting=case["method"].removeprefix("voting_"),
        weights=case["weights"],
    )
    voting.estimators_, voting.classes_ = members, classes
    voting.le_ = LabelEncoder().fit(classes)
    answered = {"predictions": voting.predict(rows).tolist()}
    if case["method"] == "voting_soft":
        answered["probabilities"] = voting.predict_proba(rows).tolist()
    return answered


json.dump([answers(case) for case in json.loads(Path(sys.argv[1]).read_text())], sys.stdout)
