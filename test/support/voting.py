"""What scikit-learn's voting makes of answers of members: reads cases as JSON, and prints what it answers."""

import json
import sys
from pathlib import Path

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.preprocessing import LabelEncoder


class Classifier(ClassifierMixin, BaseEstimator):
    """Answers what it was given, by the row's number."""

    def __init__(self, probabilities=None, labels=None):
        self.probabilities, self.labels = probabilities, labels

    def predict_proba(self, rows):
        return numpy.array(self.probabilities)[rows[:, 0]]

    def predict(self, rows):
        return numpy.array(self.labels)[rows[:, 0]]


class Regressor(RegressorMixin, BaseEstimator):
    """Answers what it was given, by the row's number."""

    def __init__(self, values=None):
        self.values = values

    def predict(self, rows):
        return numpy.array(self.values)[rows[:, 0]]


def answers(case):
    rows = numpy.arange(case["rows"]).reshape(-1, 1)
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
